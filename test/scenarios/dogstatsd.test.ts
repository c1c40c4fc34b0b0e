import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { type TestContext, test } from 'node:test'
import { DatadogBackend } from '../support/datadog-backend.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

function start(t: TestContext, backend: DatadogBackend, dir: string): Promise<GatewayProcess> {
  return startGateway(t, {
    env: { DD_API_KEY: backend.key },
    yaml: `
receivers:
  logs: off
  otlp: { http: 127.0.0.1:0, grpc: off }
  datadog: { agent: off, dogstatsd: 127.0.0.1:0, flushInterval: 1s }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${dir} }
exporters:
  datadog:
    compression: none
    endpoints: { logs: '${backend.url}/api/v2/logs', metrics: '${backend.url}/v1/metrics' }
`
  })
}

/** Sends lines to a gateway, in packets of ten. */
async function send(t: TestContext, gateway: GatewayProcess, lines: readonly string[]): Promise<void> {
  const { listening } = gateway.log.find(({ msg }) => msg === 'ready') as { listening: { dogstatsd: string[] } }
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  const port = Number(listening.dogstatsd[0].split(':').at(-1))
  for (let at = 0; at < lines.length; at += 10) {
    const packet = lines.slice(at, at + 10).join('\n')
    await new Promise<void>((resolve, reject) => {
      socket.send(packet, port, '127.0.0.1', (error) => (error === null ? resolve() : reject(error)))
    })
  }
}

const JOBS = Array.from({ length: 1000 }, (_, i) => `jobs:1|c|#service:dub,stage:${i % 2 === 0 ? 'tts' : 'stt'}`)

test('what DogStatsD counts is exact on /metrics and at Datadog, over a kill and a stop', { timeout: 240_000 }, async (t) => {
  const backend = await DatadogBackend.start(t)
  const dir = temporaryDirectory()
  let gateway = await start(t, backend, dir)
  const isAtDatadog = (count: number) =>
    until(
      () => backend.series.total('jobs'),
      (total) => total === count
    )
  await send(t, gateway, JOBS)
  await isAtDatadog(1000)
  strictEqual(sumOf(await scrape(gateway, 'jobs_total'), 'job="dub"', 'stage="tts"'), 500)
  await send(t, gateway, [
    ...JOBS,
    'waiting:7|g|#service:dub',
    'render:0.25:0.5|d|@0.5|#service:dub',
    '_e{6,5}:deploy|v1.2.|t:warning|#service:dub,stage:tts',
    '_sc|db.up|2|#service:dub|m:refused'
  ])
  await isAtDatadog(2000)
  strictEqual(sumOf(await scrape(gateway, 'jobs_total')), 2000)
  strictEqual(sumOf(await scrape(gateway, 'waiting')), 7)
  strictEqual(sumOf(await scrape(gateway, 'render_count')), 4)
  strictEqual(sumOf(await scrape(gateway, 'render_sum')), 1.5)
  await until(
    () => backend.logs,
    (logs) => logs.length === 2
  )
  deepStrictEqual(backend.logs.map(({ message, entry }) => [message, entry.status, entry.service]).sort(), [
    ['refused', 'critical', 'dub'],
    ['v1.2.', 'warning', 'dub']
  ])
  await gateway.end('SIGKILL')

  gateway = await start(t, backend, dir)
  await send(t, gateway, JOBS)
  await isAtDatadog(3000)
  // What no interval has told yet is told at the end.
  await send(t, gateway, JOBS.slice(0, 100))
  strictEqual(await gateway.end('SIGTERM'), 0)
  strictEqual(backend.series.total('jobs'), 3100)
  deepStrictEqual(backend.violations, [])
  deepStrictEqual(backend.series.overwritten, [])
  const [point] = backend.series.of('jobs', 'stage:tts')
  ok(point.tags.includes('service:dub') || point.tags.includes('service.name:dub'), String(point.tags))
})
