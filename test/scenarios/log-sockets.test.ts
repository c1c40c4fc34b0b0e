import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { booksOf } from '../support/books.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

// biome-ignore lint/suspicious/noExplicitAny: a tree as protobufjs makes it
type Tree = any

/** The texts of the log records that have arrived, and the services that they are from. */
function recordsAt(backend: OtlpBackend): { body: string; service: string }[] {
  return backend.received.flatMap(({ message }) =>
    message.resourceLogs.flatMap(({ resource, scopeLogs }: Tree) =>
      scopeLogs.flatMap(({ logRecords }: Tree) =>
        logRecords.map(({ body }: Tree) => ({
          body: body.stringValue,
          service: resource.attributes.find(({ key }: Tree) => key === 'service.name')?.value.stringValue
        }))
      )
    )
  )
}

function started(t: TestContext, url: string, dir: string): Promise<GatewayProcess> {
  const yaml = `
receivers: { otlp: { http: 127.0.0.1:0, grpc: off }, logs: { tcp: 127.0.0.1:0, syslog: 127.0.0.1:0, fluent: off, batchDelay: 10ms, joinWithin: 20ms } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${dir} }
exporters: { otlp: { endpoint: "${url}" } }
`
  return startGateway(t, { yaml })
}

async function connected(t: TestContext, gateway: GatewayProcess, name: string): Promise<Socket> {
  const ready = gateway.log.find(({ msg }) => msg === 'ready') as { listening: Record<string, string[]> }
  const [host, port] = ready.listening[name][0].split(':')
  const socket = connect(Number(port), host)
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

test('lines that were counted as accepted survive kill -9, and each arrives once', { timeout: 240_000 }, async (t) => {
  const backend = await OtlpBackend.start(t)
  backend.otherwise = { status: 503 }
  const dir = temporaryDirectory()
  const first = await started(t, backend.url, dir)
  const [lines, syslog] = [await connected(t, first, 'tcp'), await connected(t, first, 'syslog')]
  for (let i = 0; i < 5000; i++) {
    lines.write(`{"level":"info","service":"worker","message":"line ${i}"}\n`)
    syslog.write(`<14>1 - host api - - - message ${i}\n`)
  }
  await until(
    () => scrape(first, 'sluice_log_lines_total'),
    (seen) => sumOf(seen, 'outcome="accepted"') === 10_000
  )
  strictEqual((await booksOf(first, 'logs')).received, 10_000)
  await first.end('SIGKILL')
  backend.otherwise = 'accept'
  const second = await started(t, backend.url, dir)
  await until(
    () => booksOf(second, 'logs'),
    ({ delivered, held }) => delivered === 10_000 && held === 0
  )
  const records = recordsAt(backend)
  strictEqual(records.length, 10_000)
  const there = new Set(records.map(({ body, service }) => `${service}: ${body}`))
  for (let i = 0; i < 5000; i++) ok(there.has(`worker: line ${i}`) && there.has(`api: message ${i}`), `${i}`)
  deepStrictEqual(backend.violations, [])
  strictEqual(await second.end('SIGTERM'), 0)
})
