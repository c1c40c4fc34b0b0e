import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { metricOf, unknownIn } from '../../src/monitoring/catalogue.ts'
import { COVERAGE, exprOf, KEPT, type ScopeOptions, type Source } from '../../src/monitoring/reports/report.ts'
import { REPORTS } from '../../src/monitoring/reports.ts'
import { RETENTION_RULES } from '../../src/monitoring/rules/retention.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const OPTIONS: ScopeOptions = { hours: 168, prices: { gpuHour: 2, kwh: 0.5 }, clusters: [], namespaces: [] }
const SOURCES: readonly Source[] = ['scraped', 'kept']

const asked = (options: ScopeOptions = OPTIONS) =>
  Object.values(REPORTS).flatMap(({ title, parts }) =>
    parts.flatMap((part) =>
      part.measures.flatMap((measure) =>
        SOURCES.flatMap((source) => {
          const expr = exprOf(measure, part.by, source, options)
          return expr === null ? [] : [{ expr, source, by: part.by, at: `${title}, ${part.title}, ${measure.title}` }]
        })
      )
    )
  )

test('reports tell of each period what the platform’s operators ask for', () => {
  deepStrictEqual(
    Object.entries(REPORTS).map(([key, { period, title }]) => [key, period, title]),
    [
      ['day', 'day', 'Daily processing summary'],
      ['week', 'week', 'Weekly cost report'],
      ['month', 'month', 'Monthly user activity report']
    ]
  )
  for (const { parts, title } of Object.values(REPORTS)) {
    ok(parts.length >= 4, title)
    for (const part of parts) strictEqual(new Set(part.measures.map((measure) => measure.title)).size, part.measures.length, part.title)
  }
})

test('no measure asks for a metric or a label that there is not', () => {
  const all = asked()
  ok(all.filter(({ source }) => source === 'kept').length > 20)
  for (const { expr, at } of all) deepStrictEqual(unknownIn(expr), [], `${at}: ${expr}`)
  for (const source of SOURCES) deepStrictEqual(unknownIn(COVERAGE[source]('1d', '1h')), [])
})

test('what is added up over a period counts, and what is not does not', () => {
  for (const { expr, source, at } of asked()) {
    if (source === 'kept') continue
    for (const [, name] of expr.matchAll(/\bincrease\((\w+)/g)) ok(metricOf(name)?.type !== 'gauge', `${at}: ${name}`)
    for (const [, name] of expr.matchAll(/(?<!increase)\((\w+)(?:\{[^}]*\})?\)/g)) {
      const metric = metricOf(name)
      if (metric !== undefined) strictEqual(metric.type, 'gauge', `${at}: ${name}`)
    }
  }
})

test('what rules keep is what they record, by labels that they keep', () => {
  const recorded = new Map(RETENTION_RULES.recordings!.map((recording) => [recording.record, recording]))
  for (const [counter, { record, labels }] of Object.entries(KEPT)) {
    deepStrictEqual([...(recorded.get(record)?.labels ?? [])].sort(), [...labels].sort(), record)
    ok(recorded.get(record)?.expr.includes(`increase(${counter}[`), `${record} is not made of ${counter}`)
  }
})

test('an expression is of one source, and of the chosen clusters and namespaces', () => {
  const f = (
    source: Source,
    by: string[],
    matchers: string,
    namespaces: string[],
    expected: string | null,
    clusters: string[] = []
  ): void => {
    const measure = { title: '', unit: 'count' as const, expr: ({ total }: { total: Total }) => total('gpu_seconds_total', by, matchers) }
    strictEqual(exprOf(measure, by, source, { ...OPTIONS, hours: 24, clusters, namespaces }), expected)
  }
  f('scraped', [], '', [], 'sum(increase(gpu_seconds_total[86400s]))')
  f('scraped', ['stage'], 'tier="pro"', [], 'sum by (stage) (increase(gpu_seconds_total{tier="pro"}[86400s]))')
  f('scraped', [], 'tier="pro"', ['a', 'b'], 'sum(increase(gpu_seconds_total{namespace=~"a|b",tier="pro"}[86400s]))')
  f('kept', ['stage'], 'tier="pro"', [], 'sum by (stage) (sum_over_time(retained:gpu_seconds:increase5m{tier="pro"}[86400s]))')
  f('kept', [], '', ['a'], null)
  f('kept', ['job'], '', [], null)
  f('kept', [], 'hw_id="a"', [], null)
  f('scraped', [], '', ['a'], 'sum(increase(gpu_seconds_total{cluster=~"eu",namespace=~"a"}[86400s]))', ['eu'])
  f('kept', [], '', [], 'sum(sum_over_time(retained:gpu_seconds:increase5m{cluster=~"eu\\\\.1|\\\\(\\"x\\""}[86400s]))', ['eu.1', '("x"'])
  const gpus = { title: '', unit: 'count' as const, expr: ({ gpus }: { gpus: string }) => gpus }
  strictEqual(exprOf(gpus, [], 'kept', { ...OPTIONS, clusters: ['eu'] }), 'sum(retained:gpus:count{cluster=~"eu"})')
})
type Total = (counter: string, by: readonly string[], matchers?: string) => string

const promtool = spawnSync('promtool', ['--version']).status === 0

test('promtool can read every expression', { skip: promtool ? false : 'SKIPPED: there is no promtool here' }, () => {
  const all = [...asked(), ...asked({ ...OPTIONS, namespaces: ['a', 'b-c'] }), ...asked({ ...OPTIONS, clusters: ['eu.1', 'a"b\\c\n'] })]
  const file = join(temporaryDirectory(), 'queries.yaml')
  // JSON is YAML; one group for each, since a name may stand only once in a group.
  const groups = all.map(({ expr }, i) => ({ name: `query ${i}`, rules: [{ record: `query:${i}`, expr }] }))
  writeFileSync(file, JSON.stringify({ groups }))
  const { status, stderr, stdout } = spawnSync('promtool', ['check', 'rules', '--lint=none', file], { encoding: 'utf8' })
  strictEqual(status, 0, `${stderr}${stdout}`)
})
