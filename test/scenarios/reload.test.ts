import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { type TestContext, test } from 'node:test'
import { booksOf } from '../support/books.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { call, EXPORT, framed, grpcSession } from '../support/grpc-client.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { request, span } from '../support/otlp-bytes.ts'
import { deliveredIds, ITEMS, isKept, SENT_SIGNALS, type Sender, send } from '../support/sender.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const RELOADED = 'the configuration was reloaded'
const KEPT_OLD = 'the old configuration goes on'

/** Tells the gateway to reload, and resolves with the new lines of its log when it has said what came of it. */
async function reload(gateway: GatewayProcess, yaml: string): Promise<Record<string, unknown>[]> {
  const before = gateway.log.length
  gateway.configure(yaml)
  gateway.child.kill('SIGHUP')
  const said = () => gateway.log.slice(before)
  await until(said, (lines) => lines.some(({ msg }) => msg === RELOADED || String(msg).startsWith(KEPT_OLD)))
  return said()
}

/** Resolves when every request that was under way has been answered, and so all later ones came after. */
async function turnover(sender: Sender): Promise<void> {
  for (const signal of SENT_SIGNALS) {
    const before = sender.acknowledged[signal].size
    await until(
      () => sender.acknowledged[signal].size,
      (size) => size >= before + 4 * ITEMS
    )
  }
}

// Calls on one connection until told to stop; the connection must outlive every reload.
function callOn(t: TestContext, gateway: GatewayProcess) {
  const session = grpcSession(t, gateway.grpc)
  const body = framed(request([span({ traceId: 'f'.repeat(32) })]))
  const calls = { answered: 0, failed: [] as unknown[], closed: false }
  let stopped = false
  session.once('close', () => {
    calls.closed = true
  })
  const loop = (async () => {
    while (!stopped && !calls.closed) {
      const { status, headers } = await call(session, EXPORT.traces, body)
      if (status === 0) calls.answered++
      else calls.failed.push(headers)
    }
  })()
  t.after(() => {
    stopped = true
  })
  const stop = async (): Promise<void> => {
    stopped = true
    await loop
  }
  return { calls, stop }
}

test('a reload under load: no connection is refused or dropped, no item is lost, and the new configuration holds', {
  timeout: 240_000
}, async (t) => {
  const [first, second, added] = [await OtlpBackend.start(t), await OtlpBackend.start(t), await OtlpBackend.start(t)]
  const dir = temporaryDirectory()
  const yaml = ({ share, exporters, requestMax = '20MiB' }: { share: string; exporters: string; requestMax?: string }): string => `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0, requestMax: ${requestMax} } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, sample: { traces: ${share} } }
queue: { dir: ${dir} }
exporters: ${exporters}
`
  const exporters = {
    one: `{ otlp/main: { endpoint: ${first.url} } }`,
    moved: `{ otlp/main: { endpoint: ${second.url} } }`,
    two: `{ otlp/main: { endpoint: ${second.url} }, otlp/added: { endpoint: ${added.url} } }`
  }
  const gateway = await startGateway(t, { yaml: yaml({ share: '100%', exporters: exporters.one }) })
  const sender = send(t, gateway.http)
  const grpc = callOn(t, gateway)
  await turnover(sender)
  const early = new Set(sender.acknowledged.traces)

  // What changes is an endpoint; then sampling and the receiver; then the number of exporters; then nothing.
  for (const next of [
    { share: '100%', exporters: exporters.moved },
    { share: '10%', exporters: exporters.moved, requestMax: '1MiB' },
    { share: '10%', exporters: exporters.two, requestMax: '1MiB' },
    { share: '10%', exporters: exporters.two, requestMax: '1MiB' }
  ]) {
    strictEqual((await reload(gateway, yaml(next))).at(-1)?.msg, RELOADED)
    await turnover(sender)
  }
  const before = Object.fromEntries(SENT_SIGNALS.map((signal) => [signal, new Set(sender.acknowledged[signal])]))
  await turnover(sender)
  await sender.stop()
  await grpc.stop()
  deepStrictEqual(Object.fromEntries(sender.failures), {}, 'every request over HTTP was answered with success')
  deepStrictEqual({ failed: grpc.calls.failed, closed: grpc.calls.closed }, { failed: [], closed: false })
  ok(grpc.calls.answered > 50, `${grpc.calls.answered} calls`)
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => held.size === 8 && sumOf(held) === 0
  )

  const [atFirst, atSecond, atAdded] = [first, second, added].map(deliveredIds)
  for (const signal of SENT_SIGNALS) {
    const main = new Set([...atFirst[signal], ...atSecond[signal]])
    const acknowledged = sender.acknowledged[signal]
    for (const id of acknowledged) ok(main.has(id) || (signal === 'traces' && !isKept(id) && !early.has(id)), `${signal} ${id} is lost`)
    // What came when the last reload was long done goes to both, a tenth of the traces alone.
    const there = new Set(atAdded[signal])
    for (const id of acknowledged)
      if (!before[signal].has(id)) strictEqual(there.has(id), signal !== 'traces' || isKept(id), `${signal} ${id}`)
    ok(atFirst[signal].length > 0 && atSecond[signal].length > 0 && atAdded[signal].length > 0)

    const books = await booksOf(gateway, signal)
    strictEqual(books.received, acknowledged.size + (signal === 'traces' ? grpc.calls.answered : 0))
    strictEqual(books.received, books.sampledOut + books.enqueued, JSON.stringify(books))
    const items = await scrape(gateway, 'sluice_items_total')
    const delivered = sumOf(items, `signal="${signal}"`, 'component="otlp/main"', 'outcome="delivered"')
    strictEqual(delivered, books.enqueued, 'over the change of the endpoint, every item is booked once')
    strictEqual(books.dropped, 0)
  }
  for (const [labels, residue] of await scrape(gateway, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
  strictEqual(await gateway.end('SIGTERM'), 0)
})

test('a bad file: the old configuration goes on, the log names file, line and key, and the sockets stay', {
  timeout: 240_000
}, async (t) => {
  const backend = await OtlpBackend.start(t)
  const taken = createServer().listen(0, '127.0.0.1')
  t.after(() => taken.close())
  await once(taken, 'listening')
  const { port } = taken.address() as { port: number }
  const good = `receivers:
  { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
admin: { listen: 127.0.0.1:0 }
exporters:
  otlp: { endpoint: "${backend.url}" }
`
  const gateway = await startGateway(t, { yaml: good })
  const sender = send(t, gateway.http)
  const grpc = callOn(t, gateway)
  await turnover(sender)

  const f = async (yaml: string, ...expected: RegExp[]): Promise<void> => {
    const said = await reload(gateway, yaml)
    const text = JSON.stringify(said)
    strictEqual(said.filter(({ msg }) => msg === RELOADED).length, 0, text)
    for (const pattern of expected) match(text, pattern)
    await turnover(sender)
  }
  await f(`${good}processors:\n  sample: { trace: 10% }\n`, /sluice\.yaml:7/, /processors\.sample\.trace\b/, /traces/)
  await f(good.replace(backend.url, 'somewhere'), /sluice\.yaml:5/, /exporters\.otlp\.endpoint/)
  await f(good.replace('exporters:', 'exporters: ['), /sluice\.yaml:\d/)
  await f(`${good}\nqueue: { sizeMax: lots }\n`, /sluice\.yaml:7/, /queue\.sizeMax/)
  // Well written, but it cannot be: another program has the port.
  await f(good.replace('grpc: 127.0.0.1:0', `grpc: 127.0.0.1:${port}`), new RegExp(`receivers\\.otlp\\.grpc.*127\\.0\\.0\\.1:${port}`))
  await f(good.replace('admin: { listen: 127.0.0.1:0 }', `admin: { listen: 127.0.0.1:${port} }`), new RegExp(`admin\\.listen.*${port}`))

  await sender.stop()
  await grpc.stop()
  deepStrictEqual(Object.fromEntries(sender.failures), {})
  deepStrictEqual({ failed: grpc.calls.failed, closed: grpc.calls.closed }, { failed: [], closed: false })
  strictEqual((await fetch(`${gateway.admin}/readyz`)).status, 200)
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => sumOf(held) === 0
  )
  for (const signal of SENT_SIGNALS) {
    const there = new Set(deliveredIds(backend)[signal])
    for (const id of sender.acknowledged[signal]) strictEqual(there.has(id), signal !== 'traces' || isKept(id))
  }
  strictEqual((await reload(gateway, good.replace('exporters:', 'processors: { derive: off }\nexporters:'))).at(-1)?.msg, RELOADED)
  strictEqual(await gateway.end('SIGTERM'), 0)
})
