import { deepStrictEqual, doesNotMatch, match, rejects, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { openCrashReporter } from '../../src/telemetry/crash.ts'
import { openTracer } from '../../src/telemetry/tracer.ts'
import { startGateway, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { exporterFor, sendSpans } from '../support/sdk.ts'

/** Takes whatever is posted. */
async function listener(t: { after(done: () => unknown): void }) {
  const posted: { path: string; body: string }[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    posted.push({ path: request.url ?? '', body })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { posted, port: (server.address() as AddressInfo).port }
}

test('the gateway’s own work is traced through the SDK, failures too', async (t) => {
  const { posted, port } = await listener(t)
  const tracer = await openTracer({ endpoint: `http://127.0.0.1:${port}/v1/traces`, ratio: 1, version: '1.2.3' })
  strictEqual(await tracer.trace('export', { exporter: 'otlp', items: 3 }, async () => 'done'), 'done')
  const failing = tracer.trace('reload', {}, async () => {
    throw new TypeError('secret words')
  })
  await rejects(failing, TypeError)
  await tracer.stop()
  const { resourceSpans } = JSON.parse(posted[0].body)
  const spans = resourceSpans[0].scopeSpans[0].spans as { name: string; status: { code: number } }[]
  deepStrictEqual(
    spans.map(({ name, status }) => [name, status.code]),
    [
      ['export', 0],
      ['reload', 2]
    ]
  )
  match(posted[0].body, /"sluice"/)
  doesNotMatch(posted[0].body, /secret words/)
})

test('a crash is reported by its type and stack, and nothing else of it leaves', async (t) => {
  const { posted, port } = await listener(t)
  const reporter = await openCrashReporter(`http://key@127.0.0.1:${port}/7`, '1.2.3')
  reporter.report(new RangeError('password=hunter2'))
  await reporter.flush()
  await until(
    () => posted.length,
    (count) => count > 0
  )
  strictEqual(posted[0].path.split('?')[0], '/api/7/envelope/')
  const event = JSON.parse(posted[0].body.split('\n')[2])
  strictEqual(event.exception.values[0].type, 'RangeError')
  strictEqual(event.release, 'sluice@1.2.3')
  match(JSON.stringify(event.exception.values[0].stacktrace), /self\.test\.ts/)
  doesNotMatch(posted[0].body, /hunter2/)
})

test('a gateway that traces itself sends these traces past its own pipeline', async (t) => {
  const { posted, port } = await listener(t)
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 100% } }
exporters: { otlp: { endpoint: ${backend.url}, signals: [traces] } }
telemetry: { traces: { endpoint: "http://127.0.0.1:${port}/v1/traces", ratio: 100% } }
`
  })
  await sendSpans(exporterFor('http/protobuf', gateway.http, gateway.grpc), { spans: 10, errorEvery: 5 })
  await until(
    () => backend.spanCounts.size,
    (count) => count === 10
  )
  strictEqual(await gateway.end('SIGTERM'), 0)
  match(posted.map(({ body }) => body).join(), /"name":"export"/)
  strictEqual(backend.spanCounts.size, 10)
})
