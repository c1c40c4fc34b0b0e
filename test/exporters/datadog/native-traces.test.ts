import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { NativeTraces } from '../../../src/exporters/datadog/native-traces.ts'
import type { Draft, Span } from '../../../src/otlp/objects.ts'
import { DatadogAgent } from '../../support/datadog-agent.ts'
import type { DatadogSpan } from '../../support/datadog-traces.ts'
import { host } from '../../support/host.ts'
import { attributesOf, exceptionOf, intakeFor, redacted, STOP, spanOf, TRACE_ID, tracesOf } from './support.ts'

interface Made {
  readonly agent: DatadogAgent
  readonly lane: NativeTraces
}

async function make(t: TestContext, isCounted = true): Promise<Made> {
  const agent = await DatadogAgent.start(t)
  const url = new URL(`${agent.url}/v0.4/traces`)
  return { agent, lane: new NativeTraces({ url, isCounted, hostname: undefined }, await intakeFor(t), host({ version: '1.2.3' })) }
}

async function sent(
  t: TestContext,
  spans: readonly Draft<Span>[],
  resource?: Record<string, string>,
  isCounted?: boolean
): Promise<DatadogSpan[]> {
  const { agent, lane } = await make(t, isCounted)
  strictEqual(await lane.send(redacted('traces', tracesOf(spans, resource)), STOP), undefined)
  deepStrictEqual(agent.violations, [])
  strictEqual(agent.unprotected, 0)
  return agent.spans
}

test('a span arrives as a span of Datadog', async (t) => {
  const attributes = attributesOf({
    ...{ 'http.request.method': 'GET', 'http.route': '/a/{id}', 'http.response.status_code': 200, 'url.full': 'https://a.example/a/17' },
    ...{ 'http.request.header.x-id': '5', 'queue.depth': 3, ratio: 0.25, ready: true, 'user_agent.original': 'curl' }
  })
  const resource = {
    ...{ 'service.name': 'worker', 'service.version': '1.2', 'deployment.environment.name': 'test', 'host.name': 'node-1' },
    ...{ 'k8s.pod.name': 'pod-1', 'telemetry.sdk.language': 'nodejs', 'container.id': 'abc123' }
  }
  const [span] = await sent(t, [spanOf({ kind: 2, attributes, traceState: 'ot=th:8', parentSpanId: '00f067aa0ba902b7' })], resource)
  const { meta, metrics } = span
  deepStrictEqual([span.service, span.name, span.resource, span.type], ['worker', 'http.server.request', 'GET /a/{id}', 'web'])
  deepStrictEqual([span.traceIdHex, span.durationNs, span.error], [TRACE_ID, 250_000_000, false])
  strictEqual(span.parentId, String(0x00f067aa0ba902b7n))
  const f = (key: string, value: string): void => strictEqual(meta[key], value, key)
  f('http.method', 'GET')
  f('http.status_code', '200')
  f('http.url', 'https://a.example/a/17')
  f('http.useragent', 'curl')
  f('http.request.headers.x-id', '5')
  f('ready', 'true')
  f('env', 'test')
  f('version', '1.2')
  f('pod_name', 'pod-1')
  f('language', 'nodejs')
  f('span.kind', 'server')
  f('otel.trace_id', TRACE_ID)
  f('otel.scope.name', 'lib')
  f('otel.scope.version', '1.0')
  f('w3c.tracestate', 'ot=th:8')
  deepStrictEqual([metrics['queue.depth'], metrics.ratio], [3, 0.25])
  deepStrictEqual([metrics._sampling_priority_v1, metrics['_dd.top_level'], metrics['_dd.measured']], [1, 1, undefined])
  strictEqual(metrics._sample_rate, undefined)
})

test('what failed tells of its exception where Error Tracking looks', async (t) => {
  const events = [exceptionOf('First', 'one', 'at one'), exceptionOf('TypeError', 'no voice', 'at two')]
  const spans = [
    spanOf({ status: { code: 2, message: 'failed' }, events }),
    spanOf({ status: { code: 2, message: 'failed' } }),
    spanOf({ status: { code: 2 }, events, attributes: attributesOf({ 'error.type': '500', 'error.message': 'own' }) }),
    spanOf({ status: { code: 2 }, events, attributes: attributesOf({ 'error.type': 'Timeout' }) }),
    spanOf({ events })
  ]
  const shown = (await sent(t, spans)).map(({ error, meta }) => [error, meta['error.type'], meta['error.message'], meta['error.stack']])
  deepStrictEqual(shown, [
    [true, 'TypeError', 'no voice', 'at two'],
    [true, undefined, 'failed', undefined],
    [true, 'TypeError', 'own', 'at two'],
    [true, 'Timeout', 'no voice', 'at two'],
    [false, undefined, undefined, undefined]
  ])
})

test('events and links go along as JSON, the newest where all are too long', async (t) => {
  const link = { traceId: 'f'.repeat(32), spanId: 'e'.repeat(16), traceState: 'a=1', attributes: attributesOf({ kind: 'retry' }) }
  const many = Array.from({ length: 500 }, (_, i) => ({
    name: `event ${i}`,
    timeUnixNano: 1n,
    attributes: attributesOf({ text: 'x'.repeat(200) })
  }))
  const [small, large] = await sent(t, [spanOf({ events: [exceptionOf('E', 'm', 's')], links: [link] }), spanOf({ events: many })])
  deepStrictEqual(JSON.parse(small.meta.events)[0].attributes, {
    'exception.type': 'E',
    'exception.message': 'm',
    'exception.stacktrace': 's'
  })
  strictEqual(small.meta['_dd.span_events.has_exception'], 'true')
  deepStrictEqual(JSON.parse(small.meta['_dd.span_links']), [
    { trace_id: 'f'.repeat(32), span_id: 'e'.repeat(16), tracestate: 'a=1', attributes: { kind: 'retry' } }
  ])
  const left = JSON.parse(large.meta.events)
  ok(left.length > 50)
  strictEqual(left.at(-1).name, 'event 499')
})

test('limits are kept, and times that cannot be', async (t) => {
  const attributes = attributesOf({ ['k'.repeat(300)]: 'v'.repeat(30_000), 'operation.name': 'o'.repeat(300), '': 'none' })
  const spans = [
    spanOf({ name: 'n'.repeat(9_000), attributes }),
    spanOf({ startTimeUnixNano: 0n, endTimeUnixNano: 0n }),
    spanOf({ endTimeUnixNano: 5n })
  ]
  const shown = await sent(t, spans, { 'service.name': 's'.repeat(300) })
  strictEqual(shown.length, 3)
  strictEqual(shown[0].meta['k'.repeat(200)].length, 25_000)
  deepStrictEqual(shown.map(({ durationNs }) => durationNs).slice(1), [0, 0])
})

test('the sampling of the gateway is the last, and who wished more keeps it', async (t) => {
  const wishes = [undefined, 0, 1, 2].map((wish, i) =>
    spanOf({
      traceId: `${i}`.repeat(32).replace(/0/g, 'a'),
      attributes: wish === undefined ? [] : attributesOf({ 'sampling.priority': wish })
    })
  )
  deepStrictEqual(
    (await sent(t, wishes)).map(({ metrics }) => metrics._sampling_priority_v1),
    [1, 1, 1, 2]
  )
})

test('without statistics of its own, a trace tells how many it stands for', async (t) => {
  const [span] = await sent(t, [spanOf({ traceState: 'ot=th:8' })], undefined, false)
  strictEqual(span.metrics._sample_rate, 0.5)
})

test('a span that comes twice, and one that Datadog could not have', async (t) => {
  const { agent, lane } = await make(t)
  const span = spanOf()
  const lowZero = spanOf({ traceId: `${'1'.repeat(16)}${'0'.repeat(16)}` })
  const outcome = await lane.send(redacted('traces', tracesOf([span, span, lowZero])), STOP)
  deepStrictEqual(
    outcome?.dropped?.map(({ reason, items }) => [reason, items]),
    [['invalid', 1]]
  )
  deepStrictEqual([agent.violations, agent.spans.length], [[], 2])
})

test('each container and language is a request of its own; what arrived is not sent again', async (t) => {
  const { agent, lane } = await make(t)
  const bytes = Buffer.concat([
    tracesOf([spanOf()], { 'service.name': 'a', 'container.id': 'one', 'telemetry.sdk.language': 'go' }),
    tracesOf([spanOf(), spanOf()], { 'service.name': 'b', 'container.id': 'two', 'telemetry.sdk.language': 'python' })
  ])
  const batch = redacted('traces', bytes)
  agent.next('accept', 'traces')
  agent.next({ status: 429 }, 'traces')
  await rejects(lane.send(batch, STOP), { code: 'busy' })
  strictEqual(agent.spans.length, 1)
  await lane.send(redacted('traces', Uint8Array.from(bytes)), STOP)
  strictEqual(agent.spans.length, 3)
  deepStrictEqual(
    agent.headers.traces!.map((each) => [
      each['datadog-container-id'],
      each['datadog-meta-lang'],
      each['x-datadog-trace-count'],
      each['dd-api-key']
    ]),
    [
      ['one', 'go', '1', undefined],
      ['two', 'python', '1', undefined]
    ]
  )
  agent.next('accept', 'traces')
  agent.next({ status: 503 }, 'traces')
  await rejects(lane.send(batch, STOP), { code: 'unavailable' })
  deepStrictEqual(
    lane.abandon(batch, 'too-old').dropped?.map(({ reason, items }) => [reason, items]),
    [['too-old', 2]]
  )
  deepStrictEqual(agent.violations, [])
})
