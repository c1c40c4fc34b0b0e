import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { mock, type TestContext, test } from 'node:test'
import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import type { Processor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { AnyValue, Draft, KeyValue, Span } from '../../../src/otlp/objects.ts'
import { stats } from '../../../src/processors/stats/stats.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'

const NOW_MS = 1_700_000_000_000 // a period begins
const PERIOD_MS = 10_000
const INTERNAL = 1
const SERVER = 2
const CLIENT = 3
const ERROR = 2

interface Facts {
  kind?: number
  name?: string
  endMs?: number
  ms?: number
  parent?: string
  status?: number
  traceState?: string
  attributes?: Record<string, string | number>
}

const anyValue = (value: string | number): Draft<AnyValue> => (typeof value === 'string' ? { stringValue: value } : { intValue: value })
const attributesOf = (map: Record<string, string | number>): Draft<KeyValue>[] =>
  Object.entries(map).map(([key, value]) => ({ key, value: anyValue(value) }))

function spanOf({
  kind = SERVER,
  name = 'work',
  endMs = NOW_MS,
  ms = 20,
  parent,
  status,
  traceState,
  attributes = {}
}: Facts): Draft<Span> {
  return {
    ...{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', parentSpanId: parent, traceState, name, kind },
    startTimeUnixNano: BigInt(endMs - ms) * 1_000_000n,
    endTimeUnixNano: BigInt(endMs) * 1_000_000n,
    attributes: attributesOf(attributes),
    ...(status !== undefined && { status: { code: status } })
  }
}

function batchOf(spans: readonly Facts[], resource: Record<string, string> = { 'service.name': 'worker' }): Batch {
  const resourceSpans = [{ resource: { attributes: attributesOf(resource) }, scopeSpans: [{ spans: spans.map(spanOf) }] }]
  return parseBatch('traces', encode('ExportTraceServiceRequest', { resourceSpans }), NOW_MS)
}

interface Row {
  readonly resource: Record<string, unknown>
  readonly attributes: Record<string, unknown>
  readonly hits: number
  readonly bins: number
  readonly sum: number
  readonly startMs: number
  readonly second: number
}

const plain = (list: readonly KeyValue[] = []): Record<string, unknown> =>
  Object.fromEntries(list.map(({ key, value = {} }) => [key, value.stringValue ?? value.boolValue ?? Number(value.intValue)]))

function rowsOf(batch: Batch | null): Row[] {
  if (batch === null) return []
  strictEqual(batch.signal, 'stats')
  const { resourceMetrics = [] } = decode('ExportMetricsServiceRequest', batch.bytes)
  const rows = resourceMetrics.flatMap(({ resource, scopeMetrics = [] }) =>
    scopeMetrics[0].metrics!.map(({ exponentialHistogram }): Row => {
      const [point] = exponentialHistogram!.dataPoints!
      return {
        resource: plain(resource?.attributes),
        attributes: plain(point.attributes),
        hits: Number(point.count),
        bins: Number(point.zeroCount ?? 0n) + (point.positive?.bucketCounts ?? []).reduce((sum, count) => sum + Number(count), 0),
        sum: point.sum ?? 0,
        startMs: Number(point.startTimeUnixNano) / 1e6,
        second: Number(point.timeUnixNano) / 1e9
      }
    })
  )
  strictEqual(rows.length, batch.items)
  return rows
}

interface Made {
  readonly processor: Processor
  readonly count: (name: string, label: string) => number
}

function make(t: TestContext, options: object = {}): Made {
  mock.timers.enable({ apis: ['Date'], now: NOW_MS })
  t.after(() => mock.timers.reset())
  const metrics = new Metrics()
  const processor = stats.create(
    z.strictObject(stats.options).parse(options),
    host({ metrics, redactText: (text) => text.replace(/secret\d/g, '[redacted]') })
  )
  return {
    processor,
    count: (name, label) =>
      metrics
        .families()
        .find((family) => family.name === name)!
        .samples.find(({ labels }) => Object.values(labels).includes(label))!.value
  }
}

function allOf(processor: Processor, isLast = false): Row[] {
  const rows: Row[] = []
  for (let batch = processor.flush!(isLast); batch !== null; batch = processor.flush!(isLast)) rows.push(...rowsOf(batch))
  return rows
}

test('spans at the edge of a service are counted, those inside are not', (t) => {
  const { processor, count } = make(t)
  const f = (facts: Facts, expected: string): void => {
    processor.process(batchOf([facts]))
    const rows = allOf(processor, true)
    strictEqual(
      rows
        .map(({ attributes: a }) => `${a['datadog.span.top_level'] ? 'top' : 'measured'}${a['datadog.is_trace_root'] ? ' root' : ''}`)
        .join(),
      expected
    )
  }
  const parent = '00f067aa0ba902b7'
  f({ kind: SERVER }, 'top root')
  f({ kind: SERVER, parent }, 'top')
  f({ kind: 5, parent }, 'top')
  f({ kind: CLIENT, parent }, 'measured')
  f({ kind: 4, parent }, 'measured')
  f({ kind: INTERNAL, parent }, '')
  f({ kind: 0, parent }, '')
  f({ kind: INTERNAL }, 'top root')
  f({ kind: INTERNAL, parent: '0000000000000000' }, 'top root')
  f({ kind: INTERNAL, parent, attributes: { '_dd.measured': 1 } }, 'measured')
  f({ kind: INTERNAL, parent, attributes: { '_dd.top_level': 1 } }, 'top')
  deepStrictEqual([count('sluice_stats_spans_total', 'counted'), count('sluice_stats_spans_total', 'skipped')], [9, 2])
})

test('spans count together when Datadog does not tell them apart', (t) => {
  const { processor } = make(t)
  const route = { 'http.request.method': 'GET', 'http.route': '/a', 'http.response.status_code': 200 }
  const spans: Facts[] = [
    { attributes: route, ms: 1 },
    { attributes: { ...route, 'user.id': '17' }, ms: 3, name: 'GET /a' },
    { attributes: { ...route, 'http.response.status_code': '200' } },
    { attributes: { ...route, 'http.response.status_code': 500 }, status: ERROR },
    { kind: CLIENT, attributes: { 'db.system': 'mysql', 'db.statement': 'SELECT 1' } },
    { kind: CLIENT, attributes: { 'db.system': 'mysql', 'db.statement': 'SELECT 2' } }
  ]
  const batch = batchOf(spans, {
    'service.name': 'worker',
    'deployment.environment.name': 'test',
    'host.name': 'node-1',
    'k8s.pod.uid': 'x'
  })
  strictEqual(processor.process(batch), batch)
  const rows = allOf(processor, true)
  const shown = rows.map(({ attributes: a, hits }) => [a['span.name'], a['http.response.status_code'], a['status.code'], hits])
  deepStrictEqual(shown, [
    ['GET /a', 200, 'STATUS_CODE_OK', 3],
    ['GET /a', 500, 'STATUS_CODE_ERROR', 1],
    ['SELECT ?', undefined, 'STATUS_CODE_OK', 2]
  ])
  strictEqual(rows[0].sum, 24e6)
  ok(rows.every(({ hits, bins }) => hits === bins))
  deepStrictEqual(rows[0].resource, { 'deployment.environment.name': 'test', 'host.name': 'node-1' })
  deepStrictEqual(rows[0].attributes, {
    ...{ 'service.name': 'worker', 'datadog.operation.name': 'http.server.request', 'span.name': 'GET /a', 'datadog.span.type': 'web' },
    ...{ 'span.kind': 'SPAN_KIND_SERVER', 'status.code': 'STATUS_CODE_OK', 'datadog.span.top_level': true, 'datadog.is_trace_root': true },
    ...{ 'http.response.status_code': 200, 'http.request.method': 'GET', 'http.route': '/a' }
  })
})

test('rows go on when their ten seconds are over, once', (t) => {
  const { processor } = make(t)
  processor.process(batchOf([{}, {}]))
  strictEqual(processor.flush!(), null)
  mock.timers.setTime(NOW_MS + PERIOD_MS - 1)
  strictEqual(processor.flush!(), null)
  mock.timers.setTime(NOW_MS + PERIOD_MS)
  deepStrictEqual(
    allOf(processor).map(({ hits, startMs }) => [hits, startMs]),
    [[2, NOW_MS]]
  )
  deepStrictEqual(allOf(processor), [])
  // The same key later is a row of its own, of its own time.
  processor.process(batchOf([{ endMs: NOW_MS + 1 }, { endMs: NOW_MS + PERIOD_MS }]))
  mock.timers.setTime(NOW_MS + 2 * PERIOD_MS)
  deepStrictEqual(
    allOf(processor)
      .map(({ hits, startMs }) => [hits, startMs])
      .sort(),
    [
      [1, NOW_MS],
      [1, NOW_MS + PERIOD_MS]
    ]
  )
})

test('a series has one point in a second, over periods and flushes', (t) => {
  const { processor } = make(t)
  const seconds: number[] = []
  const take = (isLast: boolean): void => {
    for (const { second } of allOf(processor, isLast)) seconds.push(second)
  }
  for (let i = 0; i < 5; i++) {
    const nowMs = NOW_MS + i * PERIOD_MS
    mock.timers.setTime(nowMs)
    take(false)
    processor.process(batchOf([0, 1, 2, 3, 4, 5, 6, 7].map((back) => ({ endMs: nowMs - back * PERIOD_MS }))))
  }
  take(true)
  processor.process(batchOf([{ endMs: NOW_MS }, { endMs: NOW_MS + PERIOD_MS }]))
  take(true)
  strictEqual(seconds.length, 5 * 8 + 2)
  strictEqual(new Set(seconds).size, seconds.length)
  ok(Math.max(...seconds) <= NOW_MS / 1000 + 60)
})

test('a clock that is wrong moves spans, and loses none', (t) => {
  const { processor, count } = make(t)
  processor.process(batchOf([{ endMs: NOW_MS + 3_600_000 }, { endMs: NOW_MS - 3_600_000 }, { endMs: 0, ms: 0 }, { ms: -5 }]))
  const rows = allOf(processor, true)
  deepStrictEqual(
    rows.map(({ hits, startMs }) => [hits, startMs]),
    [
      [1, NOW_MS - 8 * PERIOD_MS],
      [3, NOW_MS]
    ]
  )
  deepStrictEqual([count('sluice_stats_moved_spans_total', 'early'), count('sluice_stats_moved_spans_total', 'late')], [1, 1])
})

test('what finds no room is counted without its name', (t) => {
  const { processor, count } = make(t, { keysMax: 6, resourcesMax: 3 })
  const spans = Array.from(
    { length: 100 },
    (_, i): Facts => ({ name: `span ${i}`, attributes: { 'service.name': `s${i % 10}`, 'http.route': `/${i}` } })
  )
  for (let i = 0; i < 2; i++) {
    processor.process(batchOf(spans))
    const rows = allOf(processor, true)
    deepStrictEqual(
      rows.map(({ attributes: a, hits, bins }) => `${a['service.name']} ${a['span.name']} ${a['http.route']} ${hits} ${bins}`),
      [
        ...['s0 span 0 /0 1 1', 's1 span 1 /1 1 1', 's2 span 2 /2 1 1'],
        ...[
          's3 tracer_blocked_value undefined 10 10',
          's4 tracer_blocked_value undefined 10 10',
          's5 tracer_blocked_value undefined 10 10'
        ],
        'tracer_blocked_value tracer_blocked_value undefined 67 67'
      ]
    )
  }
  strictEqual(count('sluice_stats_moved_spans_total', 'overflow'), 2 * 97)
})

test('names that redaction makes alike are one', (t) => {
  const { processor } = make(t)
  processor.process(batchOf([1, 2, 3].map((i) => ({ attributes: { 'http.request.method': 'GET', 'http.route': `/secret${i}` } }))))
  const rows = allOf(processor, true)
  deepStrictEqual(
    rows.map(({ attributes, hits }) => [attributes['span.name'], attributes['http.route'], hits]),
    [['GET /[redacted]', '/[redacted]', 3]]
  )
})

test('a span that its SDK has sampled counts for all it stands for', (t) => {
  const { processor } = make(t)
  processor.process(batchOf([{ traceState: 'ot=th:8' }, { traceState: 'ot=th:c' }, { traceState: 'other=1' }, { traceState: 'ot=th:zz' }]))
  const [row] = allOf(processor, true)
  deepStrictEqual([row.hits, row.bins], [2 + 4 + 1 + 1, 8])
})

test('many rows leave in pieces that the queue has room for, also at the end', (t) => {
  const { processor } = make(t)
  const spans = Array.from({ length: 1000 }, (_, i): Facts => ({ name: `span ${i}` }))
  processor.process(batchOf(spans))
  mock.timers.setTime(NOW_MS + PERIOD_MS)
  const first = processor.flush!()
  ok(first !== null && first.items < 1000 && first.bytes.length < 256 * 1024)
  strictEqual(first.items + allOf(processor, true).length, 1000)
  strictEqual(processor.flush!(true), null)
})
