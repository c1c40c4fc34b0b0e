import { deepStrictEqual, doesNotThrow, match, ok, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { datadogBoard } from '../../src/monitoring/datadog/board.ts'
import { datadogFiles } from '../../src/monitoring/datadog/files.ts'
import { DATADOG_METRICS } from '../../src/monitoring/datadog/metrics.ts'
import { monitors } from '../../src/monitoring/datadog/monitors.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'
import { readExpression, readMonitorQuery } from '../support/datadog-queries.ts'

const ALERTS = new Map(GROUPS.flatMap(({ alerts = [] }) => alerts).map((alert) => [alert.alert, alert]))
const tagOf = (tags: readonly string[], key: string): string => tags.find((tag) => tag.startsWith(`${key}:`))!.slice(key.length + 1)

test('queries that Datadog would refuse, or that never have data, are found', () => {
  const f = (query: string): void => throws(() => readMonitorQuery(query), Error, query)
  const good = 'sum(last_5m):sum:http_requests_total{status:5*} by {service}.as_count() > 1'
  doesNotThrow(() => readMonitorQuery(good))
  f(good.replace('http_requests_total', 'http_request_total'))
  f(good.replace('5m', '7m'))
  f(good.replace('{service}', '{queue}'))
  f(good.replace('status', 'stage'))
  f(good.replace('.as_count()', ''))
  f(good.replace(':sum:', ':p95:'))
  f(good.replace(' > 1', ''))
  f('avg(last_5m):avg:http_request_duration_seconds{*} > 2')
  f('avg(last_5m):p95:queue_depth{*} > 2')
  f('min(last_5m):max:sluice.queue_bytes{*} by {pod_name} / max:sluice.queue_bytes_max{*} > 0.9')
})

test('each monitor asks for what there is, and means what its alert means', () => {
  for (const { name, query, message, tags, priority, options } of monitors()) {
    const { by, comparator, threshold } = readMonitorQuery(query)
    const alert = ALERTS.get(tagOf(tags, 'alert'))!
    deepStrictEqual([tagOf(tags, 'severity'), tagOf(tags, 'component')], [alert.severity, alert.component])
    const { critical, warning } = options.thresholds
    strictEqual(critical, threshold, name)
    ok(comparator === '<' || warning === undefined || warning < critical, name)
    // Where Prometheus' rule has a number, it is this one; a state is any that is not 0.
    if (comparator === '>' && critical > 0) match(alert.expr, new RegExp(`[<>] ${critical}( |$)`), name)
    ok(priority >= 1 && priority <= 5)
    for (const [, tag] of name.matchAll(/\{\{\[?([\w.]+?)\]?\.name\}\}/g)) ok(by.includes(tag), `${name}: not grouped by ${tag}`)
    match(message, /https:\/\/\S+\/docs\/runbooks\/[\w-]+\.md/)
    match(message, alert.severity === 'critical' ? /@pagerduty-/ : /@/)
    ok(options.no_data_timeframe === undefined || options.no_data_timeframe >= 10, 'at least twice the window')
  }
})

test('every critical alert whose data Datadog has is a monitor', () => {
  const watched = new Set(monitors().map(({ tags }) => tagOf(tags, 'alert')))
  const ofTheDocument = ['ApiDown', 'DatabaseConnectionFailing', 'RedisConnectionFailing', 'JobFailuresCritical', 'GpuOutOfMemory']
  const warnings = ['SlowPerformance', 'QueueDepthHigh', 'HighErrorRate', 'GpuUtilizationHigh', 'DiskUsageHigh', 'InferenceSlow']
  for (const alert of [...ofTheDocument, ...warnings]) ok(watched.has(alert), alert)
  strictEqual(watched.size, monitors().length, 'one monitor for an alert')
})

test('metrics of GPUs and of the gateway are those of the catalogue, in Datadog’s spelling', () => {
  for (const { name, is } of DATADOG_METRICS) {
    if (is === undefined) continue
    const asPrometheus = name.replace(/\.count$/, '_total').replaceAll('.', '_')
    ok(is.name.startsWith(asPrometheus), `${name} is ${is.name}`)
  }
})

test('the board has a graph of each query, and each query has data', () => {
  // biome-ignore lint/suspicious/noExplicitAny: a tree as the API takes it
  const board = datadogBoard() as any
  const graphs = board.widgets.flatMap(({ definition }: { definition: { widgets: object[] } }) => definition.widgets)
  ok(graphs.length > 15)
  for (const { definition } of graphs) {
    for (const { queries, formulas } of definition.requests) {
      for (const { name, query } of queries) {
        readExpression(query)
        ok(formulas.some(({ formula }: { formula: string }) => formula.includes(name)))
      }
    }
  }
})

test('the Agent is told to scrape what monitors ask of the gateway', () => {
  const { instances } = JSON.parse(datadogFiles().get('openmetrics.json')!).openmetrics
  const [{ metrics, raw_metric_prefix: prefix, namespace }] = instances
  strictEqual(`${namespace}_`, prefix)
  for (const { query } of monitors())
    for (const [, name] of query.matchAll(/:sluice\.([\w]+?)(?:\.count)?\{/g)) ok(metrics.includes(name), name)
})
