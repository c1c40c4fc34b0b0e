import { ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type GatewayProcess, scrape, startGateway, sumOf, temporaryDirectory, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { attribute, fixed64, message, request, span, string } from '../support/otlp-bytes.ts'

const ITEMS = 10
/** Deaths of the gateway; a campaign asks for more. */
const KILLS = Number(process.env.SLUICE_SCENARIO_KILLS ?? 4)

interface Sender {
  /** Ids of items that were acknowledged, by signal. */
  readonly acknowledged: Record<'traces' | 'logs' | 'metrics', Set<string>>
  /** Requests that were sent, whatever came of them. */
  readonly sent: { readonly requests: number }
  stop(): Promise<void>
}

const BUILD = {
  traces: (ids: readonly string[]) => request(ids.map((traceId) => span({ traceId, spanId: traceId.slice(16) }))),
  logs: (ids: readonly string[]) => request(ids.map((id) => Buffer.concat([fixed64(1, 1n), message(5, string(1, id))]))),
  metrics: (ids: readonly string[]) =>
    request(
      ids.map((id) => Buffer.concat([string(1, 'work'), message(5, message(1, fixed64(3, 1n), fixed64(6, 1n), attribute(7, 'id', id)))]))
    )
}

/** Sends small requests of all signals, one after another, each until it is acknowledged, as an SDK's retries do. */
function send(t: { after(done: () => unknown): void }, url: string): Sender {
  const acknowledged = { traces: new Set<string>(), logs: new Set<string>(), metrics: new Set<string>() }
  const sent = { requests: 0 }
  let stopped = false
  t.after(() => {
    stopped = true
  })
  const loop = async (signal: keyof typeof BUILD): Promise<void> => {
    while (!stopped) {
      const ids = Array.from({ length: ITEMS }, () => randomBytes(16).toString('hex'))
      const body = BUILD[signal](ids)
      for (;;) {
        sent.requests++
        const answer = await fetch(`${url}/v1/${signal}`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/x-protobuf' }
        }).catch(() => null)
        await answer?.arrayBuffer().catch(() => null)
        if (answer?.status === 200) {
          for (const id of ids) acknowledged[signal].add(id)
          break
        }
        ok(answer === null || answer.status === 503 || answer.status === 429, `answered ${answer?.status}`)
        if (stopped) return
        await sleep(20)
      }
    }
  }
  const loops = (Object.keys(BUILD) as (keyof typeof BUILD)[]).flatMap((signal) => [loop(signal), loop(signal)])
  return {
    acknowledged,
    sent,
    async stop() {
      stopped = true
      await Promise.all(loops)
    }
  }
}

/** What the gateway's books say of one signal. */
async function booksOf(gateway: GatewayProcess, signal: string) {
  const items = await scrape(gateway, 'sluice_items_total')
  const of = (...parts: string[]): number => sumOf(items, `signal="${signal}"`, ...parts)
  return {
    received: of('stage="receive"', 'outcome="accepted"'),
    sampledOut: of('outcome="sampled_out"'),
    enqueued: of('outcome="enqueued"'),
    delivered: of('outcome="delivered"'),
    dropped: of('stage="export"', 'outcome="dropped"'),
    held: sumOf(await scrape(gateway, 'sluice_items_held'), `signal="${signal}"`)
  }
}

const isKept = (traceId: string): boolean => traceId.slice(18) >= 'e6660000000000'

function deliveredIds(backend: OtlpBackend): Record<keyof typeof BUILD, string[]> {
  return {
    traces: backend.records('traces').map(({ traceId }) => traceId.toString('hex')),
    logs: backend.records('logs').map(({ body }) => body.stringValue),
    metrics: backend
      .records('metrics')
      .filter(({ name }) => name === 'work')
      .map(({ gauge }) => gauge.dataPoints[0].attributes[0].value.stringValue)
  }
}

test('nothing acknowledged is lost through kill -9 and an outage, and the books balance to the item', { timeout: 120_000 }, async (t) => {
  const backend = await OtlpBackend.start(t)
  const dir = temporaryDirectory(t)
  const yaml = (http: string) => `
receivers: { otlp: { http: "${http}", grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off }
queue: { dir: ${dir} }
exporters: { otlp: { endpoint: ${backend.url}, timeout: 2s } }
`
  let gateway = await startGateway(t, { yaml: yaml('127.0.0.1:0') })
  const address = gateway.http.replace('http://', '')
  const sender = send(t, gateway.http)
  for (let kill = 0; kill < KILLS; kill++) {
    // Every other time the backend is away while the gateway dies.
    backend.otherwise = kill % 2 === 0 ? 'accept' : { status: 503 }
    await sleep(200 + Math.random() * 300)
    await gateway.end('SIGKILL')
    gateway = await startGateway(t, { yaml: yaml(address) })
  }
  backend.otherwise = 'accept'
  await sleep(200)
  await sender.stop()
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => held.size === 4 && sumOf(held) === 0
  )

  const delivered = deliveredIds(backend)
  for (const signal of ['traces', 'logs', 'metrics'] as const) {
    const there = new Set(delivered[signal])
    const acknowledged = sender.acknowledged[signal]
    ok(acknowledged.size > 100 * ITEMS, `${acknowledged.size} ${signal} acknowledged`)
    for (const id of acknowledged) strictEqual(there.has(id), signal !== 'traces' || isKept(id), `${signal} ${id}`)

    const books = await booksOf(gateway, signal)
    strictEqual(books.received, books.sampledOut + books.enqueued, JSON.stringify(books))
    strictEqual(books.enqueued, books.delivered + books.dropped + books.held, JSON.stringify(books))
    strictEqual(books.dropped, 0)
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
receivers: { otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, sample: { traces: 100% } }
queue: { dir: ${temporaryDirectory(t)}, sizeMax: 1MiB, whenFull: ${whenFull} }
exporters: { otlp: { endpoint: ${backend.url}, compression: none } }
`
    })
    const sender = send(t, gateway.http)
    const look = () => scrape(gateway, 'sluice_items_total')
    await until(look, (items) => sumOf(items, whenFull === 'refuse' ? 'outcome="refused"' : 'reason="evicted"') > 1_000, 60_000)
    ok(sumOf(await scrape(gateway, 'sluice_queue_bytes')) <= 2 ** 20 + 65_536)
    const ready = await fetch(`${gateway.admin}/readyz`)
    strictEqual(ready.status, 503)
    await ready.text()
    await sender.stop()
    backend.otherwise = 'accept'
    await until(
      () => scrape(gateway, 'sluice_items_held'),
      (held) => sumOf(held) === 0,
      60_000
    )
    const delivered = deliveredIds(backend)
    for (const signal of ['traces', 'logs', 'metrics'] as const) {
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
