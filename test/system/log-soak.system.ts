import { ok, strictEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { walkRecords } from '../../src/otlp/request.ts'
import { median } from '../bench/figures.ts'
import { booksOf } from '../support/books.ts'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const MINUTES = Number(process.env.SLUICE_SOAK_MINUTES ?? 1)
const LINES_PER_SECOND = 20_000
const LOAD = join(import.meta.dirname, '..', 'bench', 'log-load.ts')
const LOOK_MS = 1000
/** While what comes is only kept on disk, memory does not know how much waits there. */
const GROWTH_MAX = 1.25
/** With what catching up takes, however far behind a busy machine lets it fall. */
const MEGABYTES_MAX = 250
const DRAIN_WITHIN_MS = 60_000 + MINUTES * 60_000

/** Takes OTLP logs over HTTP and counts their records; can go down, and come back where it was. */
class Counting {
  records = 0
  private server: Server | undefined
  private port = 0

  async up(): Promise<string> {
    this.server = createServer((request, response) => void this.take(request, response))
    this.server.listen(this.port, '127.0.0.1')
    await once(this.server, 'listening')
    this.port = (this.server.address() as AddressInfo).port
    return `http://127.0.0.1:${this.port}`
  }

  async down(): Promise<void> {
    const { server } = this
    if (server === undefined) return
    this.server = undefined
    server.close()
    server.closeAllConnections()
    await once(server, 'close')
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return // down in the middle of a request: it comes again
    }
    // Whoever has been answered is counted: between these lines nothing waits.
    if (!response.writable || response.destroyed) return
    walkRecords(gunzipSync(Buffer.concat(chunks)), { record: () => this.records++ })
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  }
}

test(`${MINUTES} min at ${LINES_PER_SECOND} lines/s, the exporter down for half of it`, {
  timeout: 120_000 + MINUTES * 150_000
}, async (t) => {
  const backend = new Counting()
  const url = await backend.up()
  t.after(() => backend.down())
  const gateway = await startGateway(t, {
    env: { MALLOC_ARENA_MAX: '2', MALLOC_MMAP_THRESHOLD_: '131072' },
    yaml: `
receivers: { otlp: { http: 127.0.0.1:0, grpc: off }, logs: { tcp: 127.0.0.1:0, syslog: off, fluent: off } }
admin: { listen: 127.0.0.1:0 }
queue: { dir: ${temporaryDirectory()}, sizeMax: 8GiB }
exporters: { otlp: { endpoint: ${url} }, prometheus: {} }
`
  })
  const ready = gateway.log.find(({ msg }) => msg === 'ready') as { listening: Record<string, string[]> }
  const port = Number(ready.listening.tcp[0].split(':')[1])
  const seconds = MINUTES * 60
  const load = { way: 'lines', port, connections: 8, seconds, rate: LINES_PER_SECOND }
  const loading = promisify(execFile)(process.execPath, [LOAD, JSON.stringify(load)])
  let isOver = false
  void loading.finally(() => {
    isOver = true
  })
  // Up for a quarter, down for half, up again.
  let isDown = false
  const outage = (async () => {
    await sleep(seconds * 250)
    await backend.down()
    isDown = true
    await sleep(seconds * 500)
    isDown = false
    await backend.up()
  })()
  const looks: number[] = []
  const looksWhileDown: number[] = []
  while (!isOver) {
    const megabytes = residentMegabytes(gateway.child.pid!)
    looks.push(megabytes)
    if (isDown) looksWhileDown.push(megabytes)
    await sleep(LOOK_MS)
  }
  const { accepted } = JSON.parse((await loading).stdout) as { accepted: number }
  await outage
  const backlog = (await booksOf(gateway, 'logs')).held
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => sumOf(held, 'signal="logs"') === 0,
    DRAIN_WITHIN_MS
  )
  const books = await booksOf(gateway, 'logs')
  const half = looksWhileDown.length >> 1
  const [first, second] = [median(looksWhileDown.slice(0, half)), median(looksWhileDown.slice(half))]
  t.diagnostic(`${accepted} lines, ${Math.round(accepted / seconds)} a second; ${backlog} waited when the load ended`)
  t.diagnostic(
    `memory while it was down: ${first.toFixed(0)} MB, then ${second.toFixed(0)} MB; all: ${looks.map((mb) => mb.toFixed(0)).join(' ')}`
  )
  ok(accepted > 0.95 * LINES_PER_SECOND * seconds, `only ${accepted} lines were sent`)
  strictEqual(books.received, accepted)
  strictEqual(books.delivered, accepted)
  strictEqual(books.dropped, 0)
  strictEqual(backend.records, accepted)
  strictEqual(sumOf(await scrape(gateway, 'sluice_log_dropped_total')), 0)
  for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
  ok(second < GROWTH_MAX * first, `memory grew from ${first} to ${second} MB while the exporter was down`)
  ok(Math.max(...looks) < MEGABYTES_MAX, `${Math.max(...looks)} MB`)
  strictEqual(await gateway.end('SIGTERM'), 0)
})

function residentMegabytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
