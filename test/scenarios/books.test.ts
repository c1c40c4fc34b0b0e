import { ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { booksOf } from '../support/books.ts'
import { scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { deliveredIds, ITEMS, isKept, SENT_SIGNALS, send } from '../support/sender.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** Deaths of the gateway; a campaign asks for more. */
const KILLS = Number(process.env.SLUICE_SCENARIO_KILLS ?? 4)

test('nothing acknowledged is lost through kill -9 and an outage, and the books balance to the item', { timeout: 240_000 }, async (t) => {
  const backend = await OtlpBackend.start(t)
  const dir = temporaryDirectory()
  const yaml = (http: string) => `
receivers: { logs: off, otlp: { http: "${http}", grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off }
queue: { dir: ${dir} }
exporters: { otlp: { endpoint: ${backend.url}, timeout: 2s } }
`
  let gateway = await startGateway(t, { yaml: yaml('127.0.0.1:0') })
  const address = gateway.http.replace('http://', '')
  const sender = send(t, gateway.http)
  const somethingTaken = async (): Promise<void> => {
    const before = SENT_SIGNALS.map((signal) => sender.acknowledged[signal].size)
    await until(
      () => SENT_SIGNALS.map((signal) => sender.acknowledged[signal].size),
      (sizes) => sizes.every((size, at) => size >= before[at] + 3 * ITEMS)
    )
  }
  for (let kill = 0; kill < KILLS; kill++) {
    // Every other time the backend is away while the gateway dies.
    backend.otherwise = kill % 2 === 0 ? 'accept' : { status: 503 }
    await somethingTaken()
    // At any moment.
    await sleep(Math.random() * 500)
    await gateway.end('SIGKILL')
    gateway = await startGateway(t, { yaml: yaml(address) })
  }
  backend.otherwise = 'accept'
  await somethingTaken()
  await sender.stop()
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => held.size === 4 && sumOf(held) === 0
  )

  const delivered = deliveredIds(backend)
  for (const signal of SENT_SIGNALS) {
    const there = new Set(delivered[signal])
    const acknowledged = sender.acknowledged[signal]
    ok(acknowledged.size > 10 * ITEMS, `${acknowledged.size} ${signal} acknowledged`)
    for (const id of acknowledged) strictEqual(there.has(id), signal !== 'traces' || isKept(id), `${signal} ${id}`)

    const books = await booksOf(gateway, signal)
    strictEqual(books.received, books.sampledOut + books.enqueued, JSON.stringify(books))
    strictEqual(books.enqueued, books.delivered + books.dropped + books.held, JSON.stringify(books))
    strictEqual(books.dropped, 0, JSON.stringify(books))
    // A request that was durable when the gateway died, but not answered, came again and was counted again: at most one for each loop and kill.
    const again = books.received - acknowledged.size
    ok(again >= 0 && again <= KILLS * 2 * ITEMS, `${again} ${signal} were taken more than once`)
    // What was delivered but not yet noted when the gateway died was delivered again.
    ok(delivered[signal].length >= books.delivered, `${delivered[signal].length} ${signal} arrived, ${books.delivered} booked`)
  }
  for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
  strictEqual(await gateway.end('SIGTERM'), 0)
})

test('an outage longer than the cap: refused first, nothing acknowledged is lost; with evict, only what the counters say', async (t) => {
  const f = async (whenFull: 'refuse' | 'evict'): Promise<void> => {
    const backend = await OtlpBackend.start(t)
    backend.otherwise = { status: 503 }
    const gateway = await startGateway(t, {
      yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, sample: { traces: 100% } }
queue: { dir: ${temporaryDirectory()}, sizeMax: 1MiB, whenFull: ${whenFull} }
exporters: { otlp: { endpoint: ${backend.url}, compression: none } }
`
    })
    const sender = send(t, gateway.http)
    const look = () => scrape(gateway, 'sluice_items_total')
    await until(look, (items) => sumOf(items, whenFull === 'refuse' ? 'outcome="refused"' : 'reason="evicted"') > 1_000)
    ok(sumOf(await scrape(gateway, 'sluice_queue_bytes')) <= 2 ** 20 + 65_536)
    const ready = await fetch(`${gateway.admin}/readyz`)
    strictEqual(ready.status, 503)
    await ready.text()
    await sender.stop()
    backend.otherwise = 'accept'
    await until(
      () => scrape(gateway, 'sluice_items_held'),
      (held) => sumOf(held) === 0
    )
    const delivered = deliveredIds(backend)
    for (const signal of SENT_SIGNALS) {
      const books = await booksOf(gateway, signal)
      strictEqual(books.received, sender.acknowledged[signal].size)
      strictEqual(books.received, books.delivered + books.dropped, JSON.stringify(books))
      strictEqual(delivered[signal].length, books.delivered)
      const there = new Set(delivered[signal])
      const missing = [...sender.acknowledged[signal]].filter((id) => !there.has(id)).length
      strictEqual(missing, books.dropped)
      if (whenFull === 'refuse') strictEqual(missing, 0)
    }
  }
  await f('refuse')
  await f('evict')
})
