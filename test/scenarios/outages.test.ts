import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { booksOf } from '../support/books.ts'
import { makeCertificates, readPem } from '../support/certificates.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { type Behaviour, OtlpBackend, statusBody } from '../support/otlp-backend.ts'
import { request, span } from '../support/otlp-bytes.ts'
import { deliveredIds, SENT_SIGNALS, send } from '../support/sender.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

/** What the end of a process may take on a busy machine; whatever it should not wait for takes a multiple of that. */
const SLACK_MS = 30_000

interface Options {
  readonly exporters: string
  readonly dir?: string
  readonly http?: string
  readonly more?: string
}

const yamlOf = ({ exporters, dir, http = '127.0.0.1:0', more = '' }: Options): string => `
receivers: { logs: off, otlp: { http: "${http}", grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, sample: { traces: 100% } }
${dir === undefined ? '' : `queue: { dir: ${dir} }`}
exporters: ${exporters}
${more}
`
const start = (t: TestContext, options: Options): Promise<GatewayProcess> => startGateway(t, { yaml: yamlOf(options) })

/** Sends so many spans in one request and resolves with their ids when they have been acknowledged. */
async function sendSpans(gateway: GatewayProcess, count = 4): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomBytes(8).toString('hex'))
  const body = request(ids.map((spanId) => span({ spanId })))
  const answer = await fetch(`${gateway.http}/v1/traces`, { method: 'POST', headers: { 'content-type': 'application/x-protobuf' }, body })
  strictEqual(answer.status, 200)
  return ids
}

const settled = (gateway: GatewayProcess) =>
  until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => held.size > 0 && sumOf(held) === 0
  )

async function outcomes(gateway: GatewayProcess, exporter = 'otlp'): Promise<Record<string, number>> {
  const found: Record<string, number> = {}
  for (const [labels, value] of await scrape(gateway, 'sluice_items_total')) {
    const [outcome, reason] = ['outcome', 'reason'].map((name) => new RegExp(`\\b${name}="([^"]*)"`).exec(labels)?.[1])
    if (labels.includes('stage="export"') && labels.includes(`component="${exporter}"`) && value > 0) found[reason || outcome!] = value
  }
  return found
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
}

// At the same time, since most of it is waiting.
describe('outages', { concurrency: true }, () => {
  it('an answer decides what becomes of a batch: sent again, given up and set aside, or taken in part', { timeout: 240_000 }, async (t) => {
    const backend = await OtlpBackend.start(t)
    const dir = temporaryDirectory()
    const gateway = await start(t, { dir, exporters: `{ otlp: { endpoint: ${backend.url}, timeout: 2s } }` })
    const expected: Record<string, number> = { delivered: 0 }

    const again = async (behaviour: Behaviour, { atLeastMs = 0, times = 1 } = {}): Promise<void> => {
      backend.next.push(behaviour)
      const [before, startedAt] = [backend.requests, performance.now()]
      const ids = await sendSpans(gateway)
      await settled(gateway)
      const what = JSON.stringify(behaviour)
      strictEqual(backend.requests - before, 2, what)
      ok(performance.now() - startedAt >= atLeastMs, `${what}: after ${performance.now() - startedAt} ms`)
      for (const id of ids) strictEqual(backend.spanCounts.get(id), times, what)
      expected.delivered += ids.length
      deepStrictEqual(await outcomes(gateway), expected, what)
    }
    for (const status of [429, 502, 503, 504]) await again({ status })
    await again({ status: 429, headers: { 'retry-after': '1' } }, { atLeastMs: 950 })
    await again({ status: 503, headers: { 'retry-after': new Date(Date.now() + 2_000).toUTCString() } })
    await again({ status: 503, headers: { 'retry-after': 'soon' } })
    await again('reset')
    await again('half')
    // The data was taken and the answer did not come: sent twice rather than never.
    await again('silence', { atLeastMs: 2_000, times: 2 })
    await again({ accept: { afterMs: 6_000 } }, { atLeastMs: 2_000, times: 2 })

    const never = async (behaviour: Behaviour, reason: string): Promise<void> => {
      backend.next.push(behaviour)
      const before = backend.requests
      const ids = await sendSpans(gateway)
      await settled(gateway)
      const what = JSON.stringify(behaviour)
      strictEqual(backend.requests - before, 1, what)
      for (const id of ids) strictEqual(backend.spanCounts.get(id), undefined, what)
      expected[reason] = (expected[reason] ?? 0) + ids.length
      deepStrictEqual(await outcomes(gateway), expected, what)
      ok(
        filesIn(dir).some(
          (text) => ids.every((id) => text.includes(Buffer.from(id, 'hex').toString('latin1'))) && text.includes(`"${reason}"`)
        ),
        `${what}: not among the dead letters`
      )
    }
    await never({ status: 400, headers: { 'content-type': 'application/x-protobuf' }, body: statusBody('span 3 is odd') }, 'invalid')
    await never({ status: 401 }, 'unauthenticated')
    await never({ status: 403 }, 'forbidden')
    await never({ status: 404 }, 'not-found')
    await never({ status: 415 }, 'unsupported')
    await never({ status: 500 }, 'invalid')
    await never({ status: 501 }, 'invalid')
    await never({ status: 302, headers: { location: backend.url } }, 'invalid')
    ok(
      gateway.log.some(({ msg }) => String(msg).includes('span 3 is odd')),
      'the log says what the backend said'
    )

    // Too large: sent in smaller parts, down to single spans.
    backend.next.push({ status: 413 })
    const parts = await sendSpans(gateway, 8)
    await settled(gateway)
    for (const id of parts) strictEqual(backend.spanCounts.get(id), 1)
    expected.delivered += 8
    deepStrictEqual(await outcomes(gateway), expected)
    backend.next.push({ status: 413 })
    const single = await sendSpans(gateway, 1)
    await settled(gateway)
    strictEqual(backend.spanCounts.get(single[0]), undefined)
    expected['too-large'] = 1
    deepStrictEqual(await outcomes(gateway), expected)

    backend.next.push({ rejected: 3, message: 'too old' })
    const part = await sendSpans(gateway, 10)
    await settled(gateway)
    deepStrictEqual(
      part.map((id) => backend.spanCounts.get(id)),
      [undefined, undefined, undefined, 1, 1, 1, 1, 1, 1, 1]
    )
    expected.delivered += 7
    expected.rejected = 3
    deepStrictEqual(await outcomes(gateway), expected)
    // Empty, or not understood, a success is a success; so is one with a warning alone.
    for (const behaviour of [
      { accept: { status: 202 } },
      { accept: { body: Buffer.from('{}'), type: 'application/json' } },
      { accept: { body: Buffer.from([0xff, 0xff]) } },
      { rejected: 0, message: 'a field is deprecated' }
    ] satisfies Behaviour[]) {
      backend.next.push(behaviour)
      expected.delivered += (await sendSpans(gateway)).length
      await settled(gateway)
      deepStrictEqual(await outcomes(gateway), expected, JSON.stringify(behaviour))
    }
    deepStrictEqual(backend.violations, [])
    strictEqual((await fetch(`${gateway.admin}/readyz`)).status, 200)
    strictEqual(await gateway.end('SIGTERM'), 0)
  })

  it('destinations that cannot be reached: the others are served, the readiness names each and why, and all is delivered in the end', {
    timeout: 240_000
  }, async (t) => {
    const certificates = makeCertificates()
    if (certificates === null) return t.skip('SKIPPED: there is no openssl here, so no certificates')
    const { serverCertFile, serverKeyFile, otherCertFile, otherKeyFile, caFile } = certificates
    const tlsOf = (certFile: string, keyFile: string) => {
      const [cert, key] = readPem(certFile, keyFile)
      return { cert, key }
    }
    // An address of its own, so that no other test is given the port in the meantime.
    const host = '127.0.0.91'
    const down = await OtlpBackend.start(t, { host })
    const { port } = down
    await down.stop()
    const [working, unknown, misnamed] = [
      await OtlpBackend.start(t),
      await OtlpBackend.start(t, { tls: tlsOf(serverCertFile, serverKeyFile) }),
      await OtlpBackend.start(t, { tls: tlsOf(otherCertFile, otherKeyFile) })
    ]
    // Accepts connections and says nothing.
    const mute = createServer(() => undefined).listen(0, '127.0.0.1')
    t.after(() => mute.close())
    await until(
      () => mute.listening,
      (listening) => listening
    )
    const mutePort = (mute.address() as { port: number }).port
    const common = 'timeout: 5s, signals: [traces]'
    const exporters = (authority: string, rest: string): string => `
  otlp/working: { endpoint: "${working.url}", ${common} }
  otlp/down: { endpoint: "http://${host}:${port}", ${common} }
  otlp/unknown: { endpoint: "${unknown.url}", ${common}, ${authority} }
  ${rest}`
    const stuck = `otlp/misnamed: { endpoint: "${misnamed.url}", ${common}, tls: { caFile: "${caFile}" } }
  otlp/mute: { endpoint: "http://127.0.0.1:${mutePort}", ${common} }`
    const gateway = await start(t, { exporters: exporters('compression: gzip', stuck) })
    const ids = await sendSpans(gateway)
    await until(
      () => working.spanCounts.size,
      (spans) => spans === ids.length
    )
    const readiness = async (): Promise<string> => {
      const answer = await fetch(`${gateway.admin}/readyz`)
      return `${answer.status} ${await answer.text()}`
    }
    const said = await until(readiness, (text) => text.split('\n').filter(Boolean).length >= 4)
    match(said, /^503 /)
    match(said, /otlp\/down: traces failing .*refused/)
    match(said, /otlp\/unknown: .*certificate/)
    match(said, /otlp\/misnamed: .*(certificate|host name)/)
    match(said, /otlp\/mute: .*(no answer|timed out)/)
    ok(!said.includes('otlp/working'))
    strictEqual((await fetch(`${gateway.admin}/healthz`)).status, 200)
    const items = await scrape(gateway, 'sluice_items_held')
    for (const name of ['down', 'unknown', 'misnamed', 'mute']) strictEqual(sumOf(items, `otlp/${name}"`, 'traces'), ids.length, name)
    const failing = await scrape(gateway, 'sluice_exporter_failing')
    strictEqual(sumOf(failing), 4)

    // One comes back, the other is told whom to trust, the rest is taken out.
    await OtlpBackend.start(t, { host, port }).then(async (back) => {
      gateway.configure(yamlOf({ exporters: exporters(`tls: { caFile: "${caFile}" }`, '') }))
      gateway.child.kill('SIGHUP')
      await until(
        () => [back.spanCounts.size, unknown.spanCounts.size],
        (counts) => counts.every((count) => count === ids.length)
      )
    })
    await settled(gateway)
    await until(readiness, (text) => text.startsWith('200 '))
    strictEqual(await gateway.end('SIGTERM'), 0)
  })

  it('SIGTERM under load: what was acknowledged is delivered before the end, or after the next start, and the exit is clean', {
    timeout: 240_000
  }, async (t) => {
    const f = async (behaviour: Behaviour): Promise<void> => {
      const backend = await OtlpBackend.start(t)
      backend.otherwise = behaviour
      const options = {
        dir: temporaryDirectory(),
        exporters: `{ otlp: { endpoint: ${backend.url}, timeout: 1s } }`,
        more: 'shutdownTimeout: 3s'
      }
      const gateway = await start(t, options)
      const sender = send(t, gateway.http)
      await until(
        () => sender.acknowledged.logs.size,
        (size) => size > 200
      )
      const startedAt = performance.now()
      strictEqual(await gateway.end('SIGTERM'), 0, JSON.stringify(behaviour))
      ok(performance.now() - startedAt < 3_000 + SLACK_MS, `the stop took ${performance.now() - startedAt} ms`)
      await sender.stop()
      backend.otherwise = 'accept'
      const next = await start(t, options)
      await settled(next)
      const there = deliveredIds(backend)
      for (const signal of SENT_SIGNALS) {
        const delivered = new Set(there[signal])
        for (const id of sender.acknowledged[signal]) ok(delivered.has(id), `${signal} ${id} is lost after ${JSON.stringify(behaviour)}`)
        const books = await booksOf(next, signal)
        strictEqual(books.received, books.enqueued)
        strictEqual(books.enqueued, books.delivered)
        // A request may be durable whose answer was cut off; its sender is told to come back.
        ok(books.received >= sender.acknowledged[signal].size)
      }
      strictEqual(await next.end('SIGTERM'), 0)
    }
    await Promise.all([f('accept'), f({ accept: { afterMs: 100 } }), f({ status: 503 }), f('silence')])
  })

  it('SIGTERM with a queue in memory: everything is flushed to a slow backend, and a dead one does not hold the exit up', {
    timeout: 240_000
  }, async (t) => {
    const slow = await OtlpBackend.start(t)
    slow.otherwise = { accept: { afterMs: 300 } }
    const flushed = await start(t, { exporters: `{ otlp: { endpoint: ${slow.url} } }` })
    const ids = [...(await sendSpans(flushed)), ...(await sendSpans(flushed))]
    strictEqual(await flushed.end('SIGTERM'), 0)
    for (const id of ids) strictEqual(slow.spanCounts.get(id), 1)

    const dead = await OtlpBackend.start(t)
    dead.otherwise = 'silence'
    const gateway = await start(t, { exporters: `{ otlp: { endpoint: ${dead.url}, timeout: 2m } }`, more: 'shutdownTimeout: 1s' })
    await sendSpans(gateway)
    const startedAt = performance.now()
    strictEqual(await gateway.end('SIGTERM'), 0)
    ok(performance.now() - startedAt < 1_000 + SLACK_MS, `the stop took ${performance.now() - startedAt} ms`)
    ok(gateway.log.some(({ msg, items }) => msg === 'not delivered before the stop' && items === 4))
  })

  it('SIGTERM: what is said to a destination last is said within shutdownTimeout, too', async (t) => {
    const backend = await SentryBackend.start(t)
    backend.otherwise = 'silence'
    const gateway = await startGateway(t, {
      env: { SENTRY_DSN: backend.dsn() },
      yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 0% } }
exporters: { sentry: { timeout: 2m } }
shutdownTimeout: 1s
`
    })
    // Sampled out: the last word is to tell Sentry so.
    await sendSpans(gateway)
    const startedAt = performance.now()
    strictEqual(await gateway.end('SIGTERM'), 0)
    ok(performance.now() - startedAt < 1_000 + SLACK_MS, `the stop took ${performance.now() - startedAt} ms`)
  })
})
