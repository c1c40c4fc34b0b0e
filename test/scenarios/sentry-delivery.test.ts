import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { booksOf } from '../support/books.ts'
import { type GatewayProcess, startGateway, until } from '../support/gateway-process.ts'
import { attribute, fixed64, message, request, span, string, varint } from '../support/otlp-bytes.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

interface Options {
  readonly dir?: string
  readonly exporter?: string
  readonly sample?: string
}

const start = (t: TestContext, backend: SentryBackend, { dir, exporter = '', sample = '100%' }: Options = {}): Promise<GatewayProcess> =>
  startGateway(t, {
    env: { SENTRY_DSN: backend.dsn() },
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, cost: off, errors: { trail: { wait: 0s } }, sample: { traces: ${sample} } }
${dir === undefined ? '' : `queue: { dir: ${dir} }`}
${exporter === '' ? '' : `exporters: { sentry: { ${exporter} } }`}
`
  })

async function send(gateway: GatewayProcess, signal: 'traces' | 'logs', body: Buffer): Promise<void> {
  const headers = { 'content-type': 'application/x-protobuf' }
  const { status } = await fetch(`${gateway.http}/v1/${signal}`, { method: 'POST', headers, body: Uint8Array.from(body) })
  strictEqual(status, 200)
}

const id = (bytes: number): string => randomBytes(bytes).toString('hex')
const sendSpans = (gateway: GatewayProcess, count: number, service = 'worker'): Promise<void> =>
  send(
    gateway,
    'traces',
    request(
      Array.from({ length: count }, () => span({ traceId: id(16), spanId: id(8) })),
      { 'service.name': service }
    )
  )
const sendLogs = (gateway: GatewayProcess, count: number): Promise<void> =>
  send(gateway, 'logs', request(Array.from({ length: count }, () => Buffer.concat([varint(2, 9), message(5, string(1, 'a line'))]))))

/** Spans, each with an exception of its own. */
const sendFailures = (gateway: GatewayProcess, types: readonly string[]): Promise<void> =>
  send(
    gateway,
    'traces',
    request(
      types.map((type) => {
        const exception = [attribute(3, 'exception.type', type), attribute(3, 'exception.message', `no ${type}`)]
        const event = message(11, fixed64(1, 1_700_000_000_100_000_000n), string(2, 'exception'), ...exception)
        return Buffer.concat([span({ traceId: id(16), spanId: id(8) }), event])
      })
    )
  )

const delivered = async (gateway: GatewayProcess, signal: string, count: number) =>
  until(
    () => booksOf(gateway, signal),
    (books) => books.delivered === count && books.held === 0
  )

// At the same time, since most of it is waiting.
describe('delivery to Sentry', { concurrency: true }, () => {
  it('is switched on by SENTRY_DSN, tells Sentry what was sampled away, and the books balance', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t)
    const gateway = await start(t, backend, { sample: '25%' })
    for (let i = 0; i < 10; i++) await sendSpans(gateway, 100)
    await sendLogs(gateway, 7)
    await until(
      () => booksOf(gateway, 'traces'),
      ({ enqueued, sampledOut, held }) => enqueued + sampledOut === 1_000 && held === 0
    )
    await delivered(gateway, 'logs', 7)
    const books = await booksOf(gateway, 'traces')
    strictEqual(await gateway.end('SIGTERM'), 0)
    ok(books.sampledOut > 500 && books.enqueued > 100)
    strictEqual(backend.count('span', 'accepted'), books.enqueued)
    strictEqual(backend.count('span', 'accepted') + backend.count('span', 'sample_rate'), 1_000)
    const { trace } = backend.items('span')[0].envelope
    strictEqual(trace.sample_rate, '0.25')
    deepStrictEqual(backend.violations, [])
  })

  it('a limit holds its category, also over a kill, and ends on time', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t)
    const dir = temporaryDirectory()
    const startedMs = Date.now()
    const first = await start(t, backend, { dir, exporter: 'spans: transactions' })
    // Long enough for a second start, on this machine as it is now.
    const startMs = Date.now() - startedMs
    const limitSeconds = Math.max(10, Math.ceil((4 * startMs) / 1000))
    backend.limit(['transaction'], limitSeconds)
    const untilMs = Date.now() + limitSeconds * 1000
    await sendSpans(first, 20)
    await until(
      () => backend.count('transaction', 'rate_limited'),
      (count) => count > 0
    )
    await sendLogs(first, 5)
    await delivered(first, 'logs', 5)
    await sendFailures(first, ['TimeoutError', 'KeyError'])
    await delivered(first, 'errors', 2)
    strictEqual((await booksOf(first, 'traces')).held, 22)
    await first.end('SIGKILL')
    const limited = backend.count('transaction', 'rate_limited')
    const second = await start(t, backend, { dir, exporter: 'spans: transactions' })
    await sendLogs(second, 5)
    await delivered(second, 'logs', 10)
    await sendFailures(second, ['OSError'])
    await delivered(second, 'errors', 3)
    ok(Date.now() < untilMs, 'it took too long to start')
    strictEqual(backend.count('transaction', 'rate_limited'), limited)
    await delivered(second, 'traces', 23)
    ok(Date.now() >= untilMs - 100 && Date.now() < untilMs + 2_000 + startMs, `${Date.now() - untilMs} ms after the limit`)
    strictEqual(backend.count('transaction', 'accepted'), 23)
    // What was sent just before the kill may come again, with the id that it had.
    const events = new Map(backend.items('event').map(({ json }) => [json.event_id, json.exception.values[0].type]))
    deepStrictEqual([...events.values()].sort(), ['KeyError', 'OSError', 'TimeoutError'])
    for (const [id, times] of backend.taken) ok(times === 1 || events.has(id), `${id} was taken ${times} times`)
    deepStrictEqual(backend.violations, [])
    strictEqual(await second.end('SIGTERM'), 0)
  })

  it('a wrong DSN among several costs its own, which become dead letters; the rest goes on', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t, { projects: ['1', '2'] })
    const dir = temporaryDirectory()
    const gateway = await start(t, backend, {
      dir,
      exporter: `dsns: [{ services: [billing], dsn: "${backend.dsn('2', 'b'.repeat(32))}" }]`
    })
    await sendSpans(gateway, 4, 'billing')
    await sendSpans(gateway, 5)
    await sendSpans(gateway, 6, 'billing')
    const books = await delivered(gateway, 'traces', 5)
    strictEqual(books.dropped, 10)
    const letters = readdirSync(dir, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.parentPath.includes('dead'))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    match(letters.join(''), /"reason":"forbidden"/)
    const said = gateway.log.filter(({ msg }) => String(msg).includes('check the DSN'))
    strictEqual(said.length, 1)
    ok(!JSON.stringify(gateway.log).includes('b'.repeat(32)))
    const readiness = await until(
      async () => (await fetch(`${gateway.admin}/readyz`)).text(),
      (text) => text.includes('answered 403')
    )
    match(readiness, /exporter sentry/)
    deepStrictEqual(backend.violations, [])
    strictEqual(await gateway.end('SIGTERM'), 0)
  })

  it('what was sent when Sentry fell over is not sent again, and nothing is lost', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t)
    const gateway = await start(t, backend, { dir: temporaryDirectory() })
    for (const behaviour of [
      { status: 500 },
      { status: 503 },
      'reset',
      { status: 413 },
      { status: 429, headers: { 'retry-after': '1' } }
    ] as const) {
      for (let i = 0; i < 5; i++) backend.next(behaviour)
      await sendSpans(gateway, 30)
    }
    // Five envelopes of one span each were said to be too large.
    strictEqual((await delivered(gateway, 'traces', 145)).dropped, 5)
    strictEqual(backend.taken.size, 145)
    deepStrictEqual(new Set(backend.taken.values()), new Set([1]))
    deepStrictEqual(backend.violations, [])
    strictEqual(await gateway.end('SIGTERM'), 0)
  })

  it('a DSN that points at the gateway itself is found out', { timeout: 240_000 }, async (t) => {
    const reserved = await SentryBackend.start(t)
    const { port } = reserved
    await reserved.stop()
    const gateway = await startGateway(t, {
      env: { SENTRY_DSN: `http://key@127.0.0.1:${port}/1` },
      yaml: `
receivers: { logs: off, otlp: { http: "127.0.0.1:${port}", grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 100% } }
`
    })
    await sendSpans(gateway, 3)
    const books = await until(
      () => booksOf(gateway, 'traces'),
      ({ dropped, held }) => dropped === 3 && held === 0
    )
    strictEqual(books.delivered, 0)
    strictEqual((await booksOf(gateway, 'envelopes')).received, 0)
    ok(gateway.log.some(({ msg }) => String(msg).includes('points at the gateway')))
    strictEqual(await gateway.end('SIGTERM'), 0)
  })
})
