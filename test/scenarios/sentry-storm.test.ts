import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { booksOf } from '../support/books.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { attribute, fixed64, message, request, span, string, varint } from '../support/otlp-bytes.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const SPANS = 500
const REQUESTS = 40
const STORM = REQUESTS * SPANS
const RARE = ['KeyError', 'OSError', 'TimeoutError']
const LOGGED = 200

const id = (bytes: number): string => randomBytes(bytes).toString('hex')
const nowNano = (): bigint => BigInt(Date.now()) * 1_000_000n

function failing(type: string, text: string, traceId = id(16)): Buffer {
  const exception = [attribute(3, 'exception.type', type), attribute(3, 'exception.message', text)]
  return Buffer.concat([span({ traceId, spanId: id(8) }), message(11, fixed64(1, nowNano()), string(2, 'exception'), ...exception)])
}

/** The log record of such a failure in the same trace. */
function logged(type: string, text: string, traceId: string): Buffer {
  const exception = [attribute(6, 'exception.type', type), attribute(6, 'exception.message', text)]
  return Buffer.concat([
    fixed64(1, nowNano()),
    varint(2, 17),
    message(5, string(1, 'it failed')),
    ...exception,
    message(9, Buffer.from(traceId, 'hex'))
  ])
}

async function send(gateway: GatewayProcess, signal: 'traces' | 'logs', records: readonly Buffer[]): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' }
  const answer = await fetch(`${gateway.http}/v1/${signal}`, { method: 'POST', headers, body: Uint8Array.from(request(records)) })
  strictEqual(answer.status, 200)
}

test('a storm of equal errors while Sentry is down: few events, none twice, each error counted, the rare ones among them', {
  timeout: 240_000
}, async (t) => {
  const backend = await SentryBackend.start(t)
  backend.otherwise = { status: 503 }
  const dir = temporaryDirectory()
  const start = (): Promise<GatewayProcess> =>
    startGateway(t, {
      env: { SENTRY_DSN: backend.dsn() },
      yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
shutdownTimeout: 1s
processors: { derive: off, cost: off, sample: { traces: 1%, errors: 0% } }
queue: { dir: ${dir} }
`
    })
  const first = await start()
  const startedMs = Date.now()
  for (let i = 0; i < REQUESTS; i++) {
    const storm = Array.from({ length: SPANS }, (_, j) => failing('WorkerError', `job ${i * SPANS + j} of ${id(8)} failed`))
    const rare = i % 15 === 7 ? [failing(RARE[Math.floor(i / 15)], 'now and then')] : []
    await send(first, 'traces', [...storm, ...rare])
  }
  const perSecond = STORM / ((Date.now() - startedMs) / 1000)
  // Of some both the log record and the span, in either order.
  const traceIds = Array.from({ length: LOGGED }, () => id(16))
  const logs = traceIds.map((traceId) => logged('BothError', 'seen twice', traceId))
  const spans = traceIds.map((traceId) => failing('BothError', 'seen twice', traceId))
  await send(first, 'logs', logs.slice(0, 100))
  await send(first, 'traces', spans)
  await send(first, 'logs', logs.slice(100))

  const seen = STORM + RARE.length + 2 * LOGGED
  strictEqual(sumOf(await scrape(first, 'sluice_errors_seen_total')), seen)
  const outcomes = await scrape(first, 'sluice_errors_total')
  strictEqual(sumOf(outcomes) + sumOf(await scrape(first, 'sluice_errors_held')), seen)
  strictEqual(sumOf(outcomes, 'duplicate'), LOGGED)
  strictEqual((await booksOf(first, 'errors')).delivered, 0)
  // What it holds back goes into the queue as it stops.
  strictEqual(await first.end('SIGTERM'), 0)
  const minutes = (Date.now() - startedMs) / 60_000
  strictEqual(backend.items('event').length, 0)

  const second = await start()
  backend.otherwise = 'accept'
  const { enqueued } = await until(
    () => booksOf(second, 'errors'),
    ({ delivered, held, enqueued }) => enqueued > 0 && held === 0 && delivered === enqueued
  )
  for (const [labels, residue] of await scrape(second, 'sluice_ledger_residue')) strictEqual(residue, 0, labels)
  strictEqual(await second.end('SIGTERM'), 0)
  deepStrictEqual(backend.violations, [])
  const events = backend.items('event').map(({ json }) => json)
  strictEqual(events.length, enqueued)
  deepStrictEqual(new Set(events.map(({ event_id }) => backend.taken.get(event_id))), new Set([1]))
  const of = (type: string) => events.filter(({ exception }) => exception.values[0].type === type)
  const standsFor = (type: string): number => of(type).reduce((sum, { extra }) => sum + 1 + Number(extra?.['error.count'] ?? 0), 0)
  for (const type of RARE) strictEqual(of(type).length, 1, type)
  // As many as one group may send at once and in a minute, and the last, which stands for those that were not sent.
  ok(of('WorkerError').length <= 31 + 30 * minutes, `${of('WorkerError').length} events of the storm in ${minutes} minutes`)
  strictEqual(standsFor('WorkerError'), STORM)
  strictEqual(standsFor('BothError'), LOGGED)
  t.diagnostic(`${Math.round(perSecond)} errors a second came in, as ${of('WorkerError').length} events`)
})
