import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { unknownIn } from '../../src/monitoring/catalogue.ts'
import { readPromql } from '../../src/monitoring/promql.ts'

test('names and labels that an expression asks for', () => {
  const f = (expr: string, names: string[], grouping: string[] = []): void => {
    const asked = readPromql(expr)
    deepStrictEqual([asked.selectors.map(({ name, labels }) => [name, ...labels].join(' ')), asked.grouping], [names, grouping], expr)
  }
  f('up', ['up'])
  f('up == 0', ['up'])
  f('rate(a_total[5m])', ['a_total'])
  f('rate(a_total{b="c", d!~"e|f"}[5m:1m] offset 1h)', ['a_total b d'])
  f('sum by (a, b) (c) / on (a) group_left (d) e', ['c', 'e'], ['a', 'b', 'a', 'd'])
  f('sum(c) by (a)', ['c'], ['a'])
  f('SUM BY (a) (c)', ['c'], ['a'])
  f('sum without (a) (c)', ['c'], ['a'])
  f('histogram_quantile(0.95, sum by (le) (rate(x_bucket[$__rate_interval])))', ['x_bucket'], ['le'])
  f('a:b:c5m > bool 1e3 and on () d unless ignoring (e) f', ['a:b:c5m', 'd', 'f'], ['e'])
  f('label_replace(absent(x), "metric", "x of y", "", "")', ['x'])
  f('a{b="c{d}[5m] \\" e"} # f', ['a b'])
  f('topk(5, a) or vector(0) + time() - 5', ['a'])
  f('x @ end() + y offset -5m', ['x', 'y'])
  f('inf + nan + .5 + 0x1f + z', ['z'])
  f('count_values("version", sluice_build_info)', ['sluice_build_info'])
})

test('names and labels that nobody provides are found', () => {
  const f = (expr: string, expected: string[]): void => deepStrictEqual(unknownIn(expr), expected, expr)
  f('sum by (service) (rate(http_requests_total{status=~"5.."}[5m]))', [])
  f('rate(http_request_duration_seconds_bucket{le="1"}[5m])', [])
  f('http_request_duration_seconds', [])
  f('http_requests', ['no metric http_requests'])
  f('http_requests_total_count', ['no metric http_requests_total_count'])
  f('http_requests_total{code="500"}', ['http_requests_total has no label code'])
  f('http_requests_total{le="1"}', ['http_requests_total has no label le'])
  f('sum by (stage) (http_requests_total)', ['no metric in it has the label stage'])
  f('sum by (stage) (label_replace(http_requests_total, "stage", "a", "", ""))', [])
})
