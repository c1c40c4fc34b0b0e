import { match, ok, strictEqual } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { booksOf } from '../support/books.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { deliveredIds, SENT_SIGNALS, type Sender, send } from '../support/sender.ts'

const DISK_BYTES = 2 * 2 ** 20

/** A directory on a disk of its own that is soon full; null where this user may not mount one. */
function smallDisk(t: TestContext): string | null {
  const dir = mkdtempSync(join(tmpdir(), 'sluice-disk-'))
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', dir], { stdio: 'pipe' })
  } catch {
    rmdirSync(dir)
    return null
  }
  t.after(() => {
    execFileSync('umount', ['-l', dir])
    rmdirSync(dir)
  })
  return dir
}

const SKIPPED = 'SKIPPED: a small disk cannot be mounted here, so a full one was not tried'

const yamlOf = (dir: string, url: string, queue = '', http = '127.0.0.1:0'): string => `
receivers: { logs: off, otlp: { http: "${http}", grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, sample: { traces: 100% } }
queue: { dir: ${join(dir, 'queue')} ${queue} }
exporters: { otlp: { endpoint: ${url} } }
`

async function readiness(gateway: GatewayProcess): Promise<string> {
  const answer = await fetch(`${gateway.admin}/readyz`)
  return `${answer.status} ${await answer.text()}`
}

const degraded = async (gateway: GatewayProcess): Promise<number> => sumOf(await scrape(gateway, 'sluice_queue_degraded'))

const acknowledged = (sender: Sender): number => SENT_SIGNALS.reduce((sum, signal) => sum + sender.acknowledged[signal].size, 0)

const delivered = (gateway: GatewayProcess) =>
  until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => held.size === 4 && sumOf(held) === 0
  )

async function nothingLost(gateway: GatewayProcess, backend: OtlpBackend, sender: Sender): Promise<void> {
  const there = deliveredIds(backend)
  for (const signal of SENT_SIGNALS) {
    const ids = new Set(there[signal])
    for (const id of sender.acknowledged[signal]) ok(ids.has(id), `${signal} ${id} is lost`)
    const books = await booksOf(gateway, signal)
    strictEqual(books.received, books.enqueued)
    strictEqual(books.enqueued, books.delivered + books.dropped, JSON.stringify(books))
    strictEqual(books.dropped, 0)
  }
}

test('an outage fills the disk: the gateway goes on from memory, then refuses, says so, and recovers', { timeout: 240_000 }, async (t) => {
  const disk = smallDisk(t)
  if (disk === null) return t.skip(SKIPPED)
  const backend = await OtlpBackend.start(t)
  backend.otherwise = { status: 503, headers: { 'retry-after': '1' } }
  const gateway = await startGateway(t, { yaml: yamlOf(disk, backend.url, ', memoryMax: 2MiB') })
  const sender = send(t, gateway.http)
  await until(
    () => degraded(gateway),
    (is) => is === 1
  )
  match(await readiness(gateway), /^503 [\s\S]*queue: kept in memory, since .*/)
  strictEqual((await fetch(`${gateway.admin}/healthz`)).status, 200)
  const whenFull = acknowledged(sender)
  await until(
    () => acknowledged(sender),
    (items) => items > whenFull + 500
  )
  // Memory has an end, too.
  await until(
    () => sender.failures.get('503') ?? 0,
    (refusals) => refusals > 20
  )
  ok(sumOf(await scrape(gateway, 'sluice_items_total'), 'outcome="refused"', 'reason="overloaded"') > 0)
  ok(
    gateway.log.some(({ level, msg }) => (level === 'warn' || level === 'error') && /memory/.test(String(msg))),
    JSON.stringify(gateway.log)
  )

  backend.otherwise = 'accept'
  await until(
    () => degraded(gateway),
    (is) => is === 0
  )
  await sender.stop()
  await delivered(gateway)
  await until(
    () => readiness(gateway),
    (text) => text.startsWith('200 ')
  )
  await nothingLost(gateway, backend, sender)
  strictEqual(sender.failures.get('none'), undefined)
  strictEqual(await gateway.end('SIGTERM'), 0)
})

test('others fill the disk and make room again: nothing is refused, and afterwards kill -9 loses nothing', {
  timeout: 240_000
}, async (t) => {
  const disk = smallDisk(t)
  if (disk === null) return t.skip(SKIPPED)
  const backend = await OtlpBackend.start(t)
  const yaml = (http?: string): string => yamlOf(disk, backend.url, '', http)
  let gateway = await startGateway(t, { yaml: yaml() })
  const address = gateway.http.replace('http://', '')
  const sender = send(t, gateway.http)
  await until(
    () => acknowledged(sender),
    (items) => items > 300
  )
  const filler = join(disk, 'filler')
  try {
    for (let size = statfsSync(disk).bavail * statfsSync(disk).bsize; size > 0; size -= 4096) writeFileSync(filler, Buffer.alloc(size))
  } catch (error) {
    strictEqual((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
  await until(
    () => degraded(gateway),
    (is) => is === 1
  )
  const whenFull = acknowledged(sender)
  await until(
    () => acknowledged(sender),
    (items) => items > whenFull + 1_000
  )
  strictEqual(sender.failures.size, 0)
  rmSync(filler)
  await until(
    () => degraded(gateway),
    (is) => is === 0
  )
  await until(
    () => readiness(gateway),
    (text) => text.startsWith('200 ')
  )
  await gateway.end('SIGKILL')
  gateway = await startGateway(t, { yaml: yaml(address) })
  await sender.stop()
  await delivered(gateway)
  const there = deliveredIds(backend)
  for (const signal of SENT_SIGNALS) {
    const ids = new Set(there[signal])
    for (const id of sender.acknowledged[signal]) ok(ids.has(id), `${signal} ${id} is lost`)
  }
  strictEqual(await gateway.end('SIGTERM'), 0)
})

test('a disk that is full from the start', { timeout: 240_000 }, async (t) => {
  const disk = smallDisk(t)
  if (disk === null) return t.skip(SKIPPED)
  const backend = await OtlpBackend.start(t)
  writeFileSync(join(disk, 'filler'), Buffer.alloc(DISK_BYTES - 8192))
  try {
    for (;;) writeFileSync(join(disk, 'rest'), Buffer.alloc(1024), { flag: 'a' })
  } catch (error) {
    strictEqual((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
  const gateway = await startGateway(t, { yaml: yamlOf(disk, backend.url) })
  const sender = send(t, gateway.http)
  await until(
    () => acknowledged(sender),
    (items) => items > 1_000
  )
  match(await readiness(gateway), /^503 [\s\S]*queue: kept in memory/)
  rmSync(join(disk, 'filler'))
  await until(
    () => degraded(gateway),
    (is) => is === 0
  )
  await sender.stop()
  await delivered(gateway)
  await nothingLost(gateway, backend, sender)
  strictEqual(await gateway.end('SIGTERM'), 0)
})
