import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { HIGH, span as tracerSpan, v04 } from '../receivers/datadog/agent-support.ts'
import { booksOf } from '../support/books.ts'
import { DatadogAgent } from '../support/datadog-agent.ts'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { request, span } from '../support/otlp-bytes.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const LOW = 0x3bb9626321eb5d3bn
const TRACE_ID = `${HIGH}${LOW.toString(16)}`
const SERVER_ID = '4d61273ce1780ad8'

test('a tracer and OpenTelemetry in one trace: at an OTLP backend, on /metrics, and at an Agent as the tracer said it', {
  timeout: 240_000
}, async (t) => {
  const [backend, agent] = await Promise.all([OtlpBackend.start(t), DatadogAgent.start(t)])
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off }, datadog: { agent: 127.0.0.1:0, dogstatsd: off } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${temporaryDirectory()}, sizeMax: 64MiB }
processors: { sample: { traces: 100% } }
exporters:
  otlp: { endpoint: "${backend.url}" }
  datadog: { apiKey: ${'d'.repeat(32)}, logs: off, metrics: off, traces: agent, endpoints: { agent: "${agent.url}" } }
`
  })
  const ready = gateway.log.find(({ msg }) => msg === 'ready') as { listening: { datadog: string[] } }
  const start = BigInt(Date.now() - 60_000) * 1_000_000n
  const shared = { env: 'prod', version: '1.2.3', '_dd.p.tid': HIGH }
  const server = tracerSpan({
    start,
    error: 1,
    meta: {
      ...shared,
      ...{
        'span.kind': 'server',
        'http.method': 'GET',
        'http.route': '/jobs/:id',
        'http.status_code': '500',
        'http.url': 'http://dub/jobs/2'
      },
      ...{ 'error.type': 'TypeError', 'error.message': 'boom', 'error.stack': 'TypeError: boom\n    at handle (app.js:13:31)' }
    }
  })
  const query = tracerSpan({
    start,
    span_id: 2n,
    parent_id: BigInt(`0x${SERVER_ID}`),
    service: 'dub-postgres',
    name: 'pg.query',
    type: 'sql',
    resource: 'select * from jobs where id = 2',
    meta: { 'span.kind': 'client', 'db.type': 'postgres', 'db.name': 'jobs', 'out.host': 'db' },
    metrics: {}
  })
  const sent = await fetch(`http://${ready.listening.datadog[0]}/v0.4/traces`, {
    method: 'PUT',
    headers: { 'content-type': 'application/msgpack', 'datadog-meta-lang': 'nodejs', 'datadog-meta-tracer-version': '6.21.0' },
    body: Buffer.from(v04([server, query]))
  })
  strictEqual(sent.status, 200)
  const child = span({
    traceId: TRACE_ID,
    spanId: '00000000000000aa',
    name: 'synthesis',
    kind: 2,
    startUnixNano: start,
    endUnixNano: start + 5n
  })
  const otlp = await fetch(`${gateway.http}/v1/traces`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-protobuf' },
    body: Uint8Array.from(request([child], { 'service.name': 'tts' }))
  })
  strictEqual(otlp.status, 200)
  await until(
    () => booksOf(gateway, 'traces'),
    (books) => books.received === 3 && books.held === 0
  )

  const [requests, queries] = await Promise.all(
    ['http_requests_total', 'db_query_duration_seconds_count'].map((name) => scrape(gateway, name))
  )
  strictEqual(sumOf(requests, 'route="/jobs/:id"', 'status="500"', 'service="dub"'), 1)
  strictEqual(sumOf(queries, 'system="postgresql"', 'service="dub-postgres"'), 1)
  strictEqual(await gateway.end('SIGTERM'), 0)

  deepStrictEqual([backend.violations, agent.violations], [[], []])
  const ids = backend.received.flatMap(({ message }) =>
    (message.resourceSpans ?? []).flatMap((entry: { scopeSpans: { spans: { traceId: Buffer }[] }[] }) =>
      entry.scopeSpans.flatMap(({ spans }) => spans.map(({ traceId }) => Buffer.from(traceId).toString('hex')))
    )
  )
  deepStrictEqual(ids, [TRACE_ID, TRACE_ID, TRACE_ID])

  const shown = new Map(agent.spans.map((one) => [one.name, one]))
  const web = shown.get('web.request')
  const sql = shown.get('pg.query')
  ok(web !== undefined && sql !== undefined, [...shown.keys()].join())
  deepStrictEqual(
    [web.traceIdHex, web.traceId, web.service, web.resource, web.type, web.error],
    [TRACE_ID, String(LOW), 'dub', 'GET /jobs/:id', 'web', true]
  )
  for (const key of [
    'env',
    'version',
    'span.kind',
    'http.method',
    'http.route',
    'http.status_code',
    'http.url',
    'error.type',
    'error.message',
    'error.stack'
  ])
    strictEqual(web.meta[key], (server.meta as Record<string, string>)[key], key)
  deepStrictEqual(
    [sql.service, sql.resource, sql.type, sql.parentId],
    ['dub-postgres', 'select * from jobs where id = ?', 'sql', String(BigInt(`0x${SERVER_ID}`))]
  )
})
