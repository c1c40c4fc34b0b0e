import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { type GatewayProcess, startGateway, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { plantedRequest, toProtobuf } from '../support/otlp-message.ts'
import { exporterFor, sendSpans } from '../support/sdk.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { isHere } from './clients.ts'
import { startPrometheus } from './prometheus.ts'

const SPANS = 20_000

async function stage(t: TestContext): Promise<{ gateway: GatewayProcess; backend: OtlpBackend }> {
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${temporaryDirectory()} }
exporters: { otlp: { endpoint: ${backend.url} } }
`
  })
  await sendSpans(exporterFor('http/protobuf', gateway.http, ''), { spans: SPANS, errorEvery: 50 })
  return { gateway, backend }
}

const pageOf = async (gateway: GatewayProcess): Promise<string> => (await fetch(`${gateway.admin}/metrics`)).text()

test('promtool has nothing to say about what the gateway itself shows, and takes what others send', {
  skip: isHere('promtool', '--version') ? false : 'SKIPPED: there is no promtool here'
}, async (t) => {
  const { gateway } = await stage(t)
  const check = (input: string) => spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' })
  const own = check(await pageOf(gateway))
  deepStrictEqual([own.status, own.stdout, own.stderr], [0, '', ''])
  // Names, units and labels of any shape, from a worker: what they are called may be frowned on, but it can be read.
  const body = toProtobuf('metrics', plantedRequest('metrics', { text: (place) => `${place} "quoted" \\ é\n{}`, word: (place) => place }))
  const answer = await fetch(`${gateway.http}/v1/metrics`, { method: 'POST', body, headers: { 'content-type': 'application/x-protobuf' } })
  strictEqual(answer.status, 200)
  const foreign = check(await pageOf(gateway))
  ok(foreign.status === 0 || foreign.status === 3, foreign.stderr)
})

test('a real Prometheus scrapes the gateway as OpenMetrics and as text: exact counts, and exemplars of traces that were kept', {
  skip: isHere('prometheus', '--version') ? false : 'SKIPPED: there is no prometheus here',
  timeout: 240_000
}, async (t) => {
  const { gateway, backend } = await stage(t)
  const types: Record<string, string> = {}
  // In between stands one who writes down what was answered, and for one of two jobs leaves out what Prometheus asks for.
  const between = createServer(async (request, response) => {
    const job = request.url!.slice(1)
    const accept = job === 'text' ? '*/*' : (request.headers.accept ?? '')
    const answer = await fetch(`${gateway.admin}/metrics`, { headers: { accept } })
    types[job] = answer.headers.get('content-type') ?? ''
    response.writeHead(answer.status, { 'content-type': types[job] }).end(await answer.text())
  })
  await once(between.listen(0, '127.0.0.1'), 'listening')
  t.after(() => between.close())
  const target = (address: string) => [{ targets: [address] }]
  const { port } = between.address() as AddressInfo
  const { query, get } = await startPrometheus(t, [
    { job_name: 'direct', static_configs: target(gateway.admin.replace('http://', '')) },
    { job_name: 'open', metrics_path: '/open', static_configs: target(`127.0.0.1:${port}`) },
    { job_name: 'text', metrics_path: '/text', static_configs: target(`127.0.0.1:${port}`) }
  ])
  await until(
    () => query('sum_over_time(up[1m]) >= 2'),
    (jobs) => jobs.length === 3
  )
  deepStrictEqual(await query('min_over_time(up[1m]) == 0'), [], 'no scrape failed')
  ok(types.open.startsWith('application/openmetrics-text; version=1.0.0'), types.open)
  ok(types.text.startsWith('text/plain; version=0.0.4'), types.text)
  for (const promql of ['sum by (job) (http_requests_total{method="GET"})', 'sum by (job) (http_request_duration_seconds_count)'])
    deepStrictEqual(
      (await query(promql)).map(({ value }) => value[1]),
      Array(3).fill(String(SPANS)),
      promql
    )
  const accepted = 'sum by (job) (sluice_items_total{signal="traces",stage="receive",outcome="accepted",component="otlp"})'
  deepStrictEqual(
    (await query(accepted)).map(({ value }) => value[1]),
    Array(3).fill(String(SPANS))
  )

  const found = (await get('query_exemplars?query=http_request_duration_seconds_bucket&start=0&end=9999999999')) as {
    seriesLabels: { job: string }
    exemplars: { labels: { trace_id: string } }[]
  }[]
  const kept = new Set(backend.records('traces').map(({ traceId }) => traceId.toString('hex')))
  const seen = found.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels.trace_id))
  ok(seen.length > 0, 'there are exemplars')
  for (const id of seen) ok(kept.has(id), `trace ${id} was not kept`)
  for (const { seriesLabels } of found) ok(seriesLabels.job !== 'text')
  strictEqual(await gateway.end('SIGTERM'), 0)
})
