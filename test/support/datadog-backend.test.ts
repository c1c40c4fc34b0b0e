// The doubles of Datadog are to refuse what Datadog would: otherwise what they accept proves nothing.
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { after, afterEach, before, beforeEach, describe, test } from 'node:test'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { LogCollapsingLowestDenseDDSketch } from '@datadog/sketches-js'
import { DatadogAgent } from './datadog-agent.ts'
import { DatadogBackend } from './datadog-backend.ts'
import { readSketch } from './datadog-statistics.ts'
import { type Tree, toProtobuf } from './otlp-message.ts'
import { type Packed, writeMsgpack } from './write-msgpack.ts'

// Stopped by who started it.
const OWN = { after: () => undefined }
const KEY = { 'dd-api-key': 'd'.repeat(32) }
const nowS = (): number => Math.floor(Date.now() / 1000)
const nano = (seconds: number): string => `${seconds}000000000`

async function post(url: string, body: Uint8Array, type: string, headers: Record<string, string>, method = 'POST') {
  const answer = await fetch(url, { method, body: Buffer.from(body), headers: { 'content-type': type, ...headers } })
  return { status: answer.status, body: await answer.text(), headers: answer.headers }
}

describe('the intakes', () => {
  let backend: DatadogBackend
  before(async () => {
    backend = await DatadogBackend.start(OWN)
  })
  after(() => backend.stop())

  /** Sends, and checks what was answered and what was found wrong. */
  async function f(path: string, body: unknown, status: number, fault?: RegExp, headers: Record<string, string> = {}): Promise<void> {
    const seen = backend.violations.length
    const isOtlp = path.startsWith('/v1/')
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
    const answer = await post(backend.url + path, bytes, isOtlp ? 'application/x-protobuf' : 'application/json', { ...KEY, ...headers })
    const found = backend.violations.slice(seen).join(' | ')
    strictEqual(answer.status, status, `${found} ${answer.body}`)
    if (fault === undefined) strictEqual(found, '')
    else match(found, fault)
  }

  test('logs', async () => {
    const LOGS = '/api/v2/logs'
    const log = { message: 'hi', ddsource: 'nodejs', ddtags: 'env:prod,team:dubbing', hostname: 'a', service: 'tts', status: 'info' }
    const logs = (changes: object, status: number, fault?: RegExp) => f(LOGS, [{ ...log, ...changes }], status, fault)
    await logs({}, 202)
    await logs({ message: undefined }, 400, /no message/)
    await logs({ status: 'INFO' }, 400, /status INFO/)
    await logs({ ddtags: 'env:prod, team:a' }, 400, /tag " team:a"/)
    await logs({ ddtags: 'env:' }, 400, /tag "env:"/)
    await logs({ service: 5 }, 400, /service is no string/)
    await logs({ '@timestamp': new Date().toISOString() }, 202)
    await logs({ '@timestamp': Date.now() }, 202)
    await logs({ '@timestamp': Date.now() * 1e6 }, 400, /time/)
    await logs({ '@timestamp': 'yesterday' }, 400, /time yesterday/)
    await logs({ 'dd.trace_id': 'x' }, 400, /trace_id "x"/)
    await logs({ dd: { trace_id: 12 } }, 400, /trace_id 12/)
    await f(LOGS, [], 400, /array of logs/)
    await f(LOGS, log, 400, /array of logs/)
    await f(LOGS, Array(1000).fill(log), 202)
    await f(LOGS, Array(1001).fill(log), 400, /1001 logs/)
    await f(LOGS, Buffer.from('[{"message":"a","message":"b"}]'), 400, /stands twice/)
    await f(LOGS, Buffer.from('[{"message":"a","b":{"message":"b\\"{"}}]'), 202)
    await f(LOGS, Buffer.from([...Buffer.from('[{"message":"'), 0xff, ...Buffer.from('"}]')]), 400, /not valid|encoded data/)
    await f(LOGS, [{ message: 'x'.repeat(4_999_900) }], 202)
    strictEqual(backend.logsTruncated, 1)
    await f(LOGS, [{ message: 'x'.repeat(5_000_000) }], 413, /at most 5000000/)
    await f(LOGS, gzipSync(JSON.stringify([{ message: 'x'.repeat(5_000_000) }])), 413, /without encoding/, { 'content-encoding': 'gzip' })
    await f(LOGS, deflateSync(JSON.stringify([log])), 202, undefined, { 'content-encoding': 'deflate' })
    await f(LOGS, zstdCompressSync(JSON.stringify([log])), 415, /content-encoding zstd/, { 'content-encoding': 'zstd' })
    await f(LOGS, [log], 415, /content-type/, { 'content-type': 'text/html' })
    await f(LOGS, [log], 403, undefined, { 'dd-api-key': 'wrong' })
    const old = new Date(Date.now() - 19 * 3_600_000).toISOString()
    const kept = backend.logs.length
    await logs({ '@timestamp': old }, 202)
    deepStrictEqual([backend.logs.length - kept, backend.logsTooOld], [0, 1])
  })

  test('logs stand beside their trace, in each form of its id', async () => {
    const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331']
    const [traceId, spanId] = [String(BigInt('0x8448eb211c80319c')), String(BigInt(`0x${span}`))]
    for (const ids of [
      { 'dd.trace_id': traceId, 'dd.span_id': spanId },
      { dd: { trace_id: traceId, span_id: spanId } },
      { 'dd.trace_id': trace, 'dd.span_id': span },
      { trace_id: trace, span_id: span }
    ])
      await f('/api/v2/logs', [{ message: 'linked', ...ids }], 202)
    strictEqual(backend.logsOf(trace, span).length, 4)
    strictEqual(backend.logsOf(trace, span.replace('b', 'c')).length, 0)
    strictEqual(backend.logsOf(trace.replace('0319', '0318')).length, 0)
  })

  test('series', async () => {
    const series = (changes: object, status: number, fault?: RegExp) => {
      const good = { metric: 'a.b', type: 1, interval: 10, points: [{ timestamp: nowS(), value: 5 }], tags: ['k:v'] }
      return f('/api/v2/series', { series: [{ ...good, ...changes }] }, status, fault)
    }
    await series({ metric: 'good' }, 202)
    strictEqual(backend.series.total('good', 'k:v'), 5)
    await series({ metric: 'a-b' }, 400, /metric name/)
    await series({ type: 4 }, 400, /type 4/)
    await series({ interval: undefined }, 400, /no interval/)
    await series({ points: [] }, 400, /no points/)
    await series({ points: [{ timestamp: nowS() - 4000, value: 1 }] }, 400, /time/)
    await series({ points: [{ timestamp: nowS() + 700, value: 1 }] }, 400, /time/)
    await series({ points: [{ timestamp: nowS() + 0.5, value: 1 }] }, 400, /time/)
    await series({ points: [{ timestamp: nowS(), value: null }] }, 400, /value null/)
    await series({ points: Array(2).fill({ timestamp: nowS(), value: 1 }) }, 400, /two points of one second/)
    await series({ tags: [''] }, 400, /the tag ""/)
    await f('/api/v2/series', { series: [] }, 202).catch(() => undefined)
    match(backend.violations.at(-1)!, /expected series/)
    const at = { timestamp: nowS(), value: 1 }
    await series({ metric: 'twice', points: [at] }, 202)
    await series({ metric: 'twice', points: [at] }, 202)
    deepStrictEqual([backend.series.total('twice'), backend.series.overwritten], [1, []])
    await series({ metric: 'twice', points: [{ ...at, value: 3 }] }, 202)
    deepStrictEqual([backend.series.total('twice'), backend.series.overwritten.length], [3, 1])
  })

  test('metrics by OTLP are delta, and of one value for a second', async () => {
    const request = (data: Tree, resource: Tree[] = []): Buffer =>
      toProtobuf('metrics', {
        resourceMetrics: [{ resource: { attributes: resource }, scopeMetrics: [{ metrics: [{ name: 'm', ...data }] }] }]
      })
    const point = (more: Tree = {}): Tree => ({ startTimeUnixNano: nano(nowS() - 10), timeUnixNano: nano(nowS()), asInt: 1, ...more })
    const metrics = (data: Tree, status: number, fault?: RegExp, headers: Record<string, string> = {}) =>
      f('/v1/metrics', request(data), status, fault, headers)
    await metrics({ sum: { dataPoints: [point()], aggregationTemporality: 1, isMonotonic: true } }, 202)
    await metrics({ sum: { dataPoints: [point()], aggregationTemporality: 2, isMonotonic: true } }, 400, /only delta/)
    await metrics({ sum: { dataPoints: [point()], aggregationTemporality: 2 } }, 400, /only delta/)
    await metrics({ sum: { dataPoints: [point()] } }, 400, /only delta/)
    await metrics({ gauge: { dataPoints: [point(), point()] } }, 400, /two points of one second/)
    await metrics({ gauge: { dataPoints: [] } }, 400, /no points/)
    const histogram = { count: 3, sum: 3, bucketCounts: [1, 2], explicitBounds: [1] }
    const of = (more: Tree): Tree => ({ histogram: { aggregationTemporality: 1, dataPoints: [point({ ...histogram, ...more })] } })
    await metrics({ name: 'h', ...of({}) }, 202)
    strictEqual(backend.series.total('h'), 3)
    await metrics(of({ count: 4 }), 400, /buckets hold 3 of 4/)
    await metrics(of({ bucketCounts: [1, 1, 1] }), 400, /3 buckets, 1 bounds/)
    const config = (header: object, status: number, fault?: RegExp) =>
      metrics({ name: 'c', gauge: { dataPoints: [point()] } }, status, fault, { 'dd-otel-metric-config': JSON.stringify(header) })
    await config({ resource_attributes_as_tags: true, histograms: { mode: 'distributions' } }, 202)
    await config({ resource_attributes_as_tags: 'true' }, 400, /resource_attributes_as_tags/)
    await config({ histograms: { mode: 'all' } }, 400, /histograms\.mode/)
    await f('/v1/metrics', Buffer.alloc(500_001), 413, /at most 500000/)
    await f('/v1/metrics', Buffer.from('{}'), 415, /content-type/, { 'content-type': 'application/json' })
  })

  test('traces by OTLP, and who makes their statistics', async () => {
    const span = { traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, 2), name: 'GET /a', kind: 2 }
    const times = { startTimeUnixNano: nano(nowS() - 1), endTimeUnixNano: nano(nowS()) }
    const traces = (changes: Tree, status: number, fault?: RegExp, headers: Record<string, string> = {}) =>
      f(
        '/v1/traces',
        toProtobuf('traces', { resourceSpans: [{ scopeSpans: [{ spans: [{ ...span, ...times, ...changes }] }] }] }),
        status,
        fault,
        headers
      )
    await traces({}, 202)
    deepStrictEqual(backend.statistics.rows, [])
    await traces({ traceId: Buffer.alloc(8, 1) }, 400, /trace id/)
    await traces({ endTimeUnixNano: nano(nowS() - 60) }, 400, /span from/)
    await traces({}, 400, /ignore_resource/, { 'dd-otel-span-mapping': '{"ignore_resource":[]}' })
    await traces({ status: { code: 2 } }, 202, undefined, { compute_stats: 'true', 'dd-otel-span-mapping': '{"ignore_resources":["x"]}' })
    const { hits, errors } = backend.statistics.of({ resource: 'GET /a', name: 'server.request' })
    deepStrictEqual([hits, errors], [1, 1])
    const point = {
      startTimeUnixNano: nano(nowS() - 10),
      timeUnixNano: nano(nowS()),
      count: 1,
      sum: 0.003,
      ...BUCKETS,
      attributes: ATTRIBUTES
    }
    const metric = { name: 'traces.span.sdk.metrics.duration', unit: 's', histogram: { aggregationTemporality: 1, dataPoints: [point] } }
    const both = toProtobuf('metrics', { resourceMetrics: [{ scopeMetrics: [{ metrics: [metric] }] }] })
    await f('/v1/metrics', both, 400, /asked for them too/)
  })

  test('faults on command', async () => {
    const log = (): ReturnType<typeof post> => post(`${backend.url}/api/v2/logs`, Buffer.from('[{"message":"x"}]'), 'application/json', KEY)
    const kept = backend.logs.length
    backend.next({ status: 503 }, 'logs')
    strictEqual((await log()).status, 503)
    backend.next('reset', 'logs')
    await log().then(
      () => ok(false),
      () => undefined
    )
    strictEqual(backend.logs.length, kept)
    backend.next('half', 'logs')
    await log().catch(() => undefined)
    strictEqual(backend.logs.length, kept + 1)
    backend.limit('logs', 30)
    const limited = await log()
    deepStrictEqual([limited.status, limited.headers.get('retry-after')], [429, '30'])
  })
})

const text = (key: string, stringValue: string): Tree => ({ key, value: { stringValue } })
const ATTRIBUTES = [
  ...[text('service.name', 'api'), text('span.name', 'GET /a'), text('span.kind', 'SPAN_KIND_SERVER')],
  ...[text('status.code', 'STATUS_CODE_OK'), text('datadog.operation.name', 'http.server.request')]
]
const BUCKETS = {
  bucketCounts: [0, 1, ...Array(15).fill(0)],
  explicitBounds: [0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.4, 2, 5, 10, 15]
}

describe('the Agent', () => {
  let agent: DatadogAgent
  beforeEach(async () => {
    agent = await DatadogAgent.start(OWN)
  })
  afterEach(() => agent.stop())
  const LANGUAGE = { 'datadog-meta-lang': 'nodejs', 'datadog-meta-tracer-version': '1' }

  async function f(path: string, body: Packed, status: number, fault?: RegExp, headers: Record<string, string> = {}): Promise<void> {
    const seen = agent.violations.length
    const answer = await post(agent.url + path, writeMsgpack(body), 'application/msgpack', { ...LANGUAGE, ...headers }, 'PUT')
    const found = agent.violations.slice(seen).join(' | ')
    strictEqual(answer.status, status, found)
    if (fault === undefined) strictEqual(found, '')
    else match(found, fault)
  }

  test('traces', async () => {
    const good = {
      ...{ trace_id: 2n ** 63n + 5n, span_id: 7n, parent_id: 0n, service: 'api', name: 'web.request', resource: 'GET /a', type: 'web' },
      ...{ error: 0, start: 1_795_456_169_170_004_224n, duration: 5_000_000n },
      ...{ meta: { '_dd.p.tid': '6b047ca900000000', 'span.kind': 'server' }, metrics: { _sampling_priority_v1: 1 } }
    }
    const one = { 'x-datadog-trace-count': '1' }
    const trace = (changes: Packed, status: number, fault?: RegExp) =>
      f('/v0.4/traces', [[{ ...good, ...(changes as object) }]], status, fault, one)
    await trace({}, 200)
    const [span] = agent.spans
    deepStrictEqual([span.traceIdHex, span.traceId, span.isTopLevel], ['6b047ca9000000008000000000000005', '9223372036854775813', true])
    strictEqual(agent.statistics.of({ resource: 'GET /a' }).hits, 1)
    await trace({ trace_id: 0 }, 400, /trace_id/)
    await trace({ name: 'x'.repeat(101) }, 400, /name is of 101/)
    await trace({ resource: '' }, 400, /resource is of 0/)
    await trace({ meta: { a: 5 } }, 400, /meta a/)
    await trace({ meta: { a: 'x'.repeat(25_001) } }, 400, /meta a/)
    await trace({ meta: { events: '{' } }, 400, /no JSON/)
    await trace({ metrics: { a: 'x' } }, 400, /metrics a/)
    await trace({ more: 1 }, 400, /unknown field more/)
    await trace({ error: 2 }, 400, /error 2/)
    await f('/v0.4/traces', [[good], [good]], 400, /trace-count/, one)
    await f('/v0.4/traces', [[good, good]], 400, /twice/, one)
    await f('/v0.4/traces', [[]], 400, /with spans/, one)
    strictEqual(agent.unprotected, 0)
    await trace({ metrics: { _sampling_priority_v1: 0 } }, 200)
    await trace({ metrics: {} }, 200)
    strictEqual(agent.unprotected, 2)
    const info = await fetch(`${agent.url}/info`)
    ok(((await info.json()) as { endpoints: string[] }).endpoints.includes('/v0.6/stats'))
  })

  test('statistics', async () => {
    const sketch = new LogCollapsingLowestDenseDDSketch()
    for (let ms = 1; ms <= 1000; ms++) sketch.accept(ms * 1e6)
    const empty = Buffer.from(new LogCollapsingLowestDenseDDSketch().toProto())
    const problems: string[] = []
    const read = readSketch(sketch.toProto(), problems)
    deepStrictEqual([problems, read.count], [[], 1000])
    ok(Math.abs(read.quantile(0.5) / (sketch.getValueAtQuantile(0.5) * (1.01 / 0.99)) - 1) < 1e-9, 'as the Agent reads it')

    const row = {
      ...{
        Service: 'api',
        Name: 'web.request',
        Resource: 'GET /b',
        Type: 'web',
        HTTPStatusCode: 200,
        SpanKind: 'server',
        Synthetics: false
      },
      ...{ Hits: 1000, Errors: 0, TopLevelHits: 1000, Duration: 500_500_000_000n },
      ...{ OkSummary: Buffer.from(sketch.toProto()), ErrorSummary: empty }
    }
    const stats = (changes: Packed, status: number, fault?: RegExp, bucket: object = {}) => {
      const Stats = [
        { Start: 1_795_456_160_000_000_000n, Duration: 10_000_000_000n, Stats: [{ ...row, ...(changes as object) }], ...bucket }
      ]
      return f('/v0.6/stats', { Hostname: 'a', Env: 'prod', Version: '1', Stats } as Packed, status, fault)
    }
    await stats({}, 200)
    const { hits, topLevelHits, all } = agent.statistics.of({ resource: 'GET /b', env: 'prod', spanKind: 'server' })
    deepStrictEqual([hits, topLevelHits, all.count], [1000, 1000, 1000])
    await stats({ Hits: 1001 }, 400, /sketches of 1000/)
    await stats({ Errors: 1001 }, 400, /1001 errors/)
    await stats({ Resource: 5 }, 400, /Resource of a row/)
    await stats({ Foo: 5 }, 400, /unknown field Foo/)
    await stats({}, 400, /starts at/, { Start: 1_795_456_165_000_000_000n })
    await stats({}, 400, /a bucket of/, { Duration: 1_000_000_000n })
    await stats({}, 400, /two rows/, { Stats: [row, row] })
    await f('/v0.4/traces', [[{ ...SPAN, metrics: { _sampling_priority_v1: 1 } }]], 400, /has to make them too/, {
      'x-datadog-trace-count': '1'
    })
    const done = { 'x-datadog-trace-count': '1', 'datadog-client-computed-stats': 'yes' }
    await f('/v0.4/traces', [[{ ...SPAN, metrics: { _sampling_priority_v1: 1 } }]], 200, undefined, done)
    strictEqual(agent.statistics.of().hits, 1000)
  })
})

const SPAN = {
  ...{ trace_id: 5n, span_id: 7n, parent_id: 0n, service: 'api', name: 'web.request', resource: 'GET /a', type: 'web', meta: {} },
  ...{ error: 0, start: 1_795_456_169_170_004_224n, duration: 5_000_000n }
}

test('what an older Agent does not know: how many spans one stands for', async (t) => {
  const agents = { true: await DatadogAgent.start(t), false: await DatadogAgent.start(t, { isWeighing: false }) }
  const span = (spanId: number, parent: number, traceState: string): Tree => ({
    ...{ traceId: Buffer.alloc(16, 1), spanId: Buffer.alloc(8, spanId), kind: 2, name: 'GET /a', traceState },
    ...{
      startTimeUnixNano: nano(nowS() - 1),
      endTimeUnixNano: nano(nowS()),
      parentSpanId: parent === 0 ? Buffer.alloc(0) : Buffer.alloc(8, parent)
    }
  })
  const spans = [span(1, 0, 'ot=th:8'), span(2, 1, '')]
  const body = toProtobuf('traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] })
  for (const [isWeighing, hits] of [
    ['true', 4],
    ['false', 2]
  ] as const) {
    strictEqual((await post(`${agents[isWeighing].url}/v1/traces`, body, 'application/x-protobuf', {})).status, 200)
    strictEqual(agents[isWeighing].statistics.of().hits, hits)
  }
})
