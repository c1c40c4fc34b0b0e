import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parse } from 'yaml'
import { z } from 'zod'
import { parseBatch, type RedactedBatch, type Signal } from '../../../src/batch.ts'
import type { Exporter, Host, Outcome } from '../../../src/component.ts'
import { RefusedError } from '../../../src/errors.ts'
import { sentry } from '../../../src/exporters/sentry/sentry.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'
import { attribute, fixed64, message, request, span, string, varint } from '../../support/otlp-bytes.ts'
import { SentryBackend } from '../../support/sentry-backend.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const NEVER = new AbortController().signal
const redacted = (signal: Signal, bytes: Uint8Array): RedactedBatch => parseBatch(signal, bytes) as RedactedBatch
const id = (bytes: number): string => randomBytes(bytes).toString('hex')
/** Spans, each of a trace of its own. */
const traces = (count: number, service = 'worker'): RedactedBatch =>
  redacted(
    'traces',
    request(
      Array.from({ length: count }, () => span({ traceId: id(16), spanId: id(8) })),
      { 'service.name': service }
    )
  )
const oneTrace = (count: number, service = 'worker'): RedactedBatch => {
  const traceId = id(16)
  return redacted(
    'traces',
    request(
      Array.from({ length: count }, () => span({ traceId, spanId: id(8) })),
      { 'service.name': service }
    )
  )
}
const logs = (severities: readonly number[], service = 'worker'): RedactedBatch =>
  redacted(
    'logs',
    request(
      severities.map((severity) => Buffer.concat([varint(2, severity), message(5, string(1, `line of ${severity}`))])),
      { 'service.name': service }
    )
  )

/** Errors, each told by its message. */
const errors = (messages: readonly string[], service = 'worker'): RedactedBatch =>
  redacted(
    'errors',
    request(
      messages.map((text) =>
        Buffer.concat([
          fixed64(1, 1_700_000_000_000_000_000n),
          varint(2, 17),
          attribute(6, 'exception.type', 'ValueError'),
          attribute(6, 'exception.message', text)
        ])
      ),
      { 'service.name': service }
    )
  )

type Parts = Partial<Host> & { lines?: string[] }

async function exporterTo(
  t: { after(done: () => unknown): void },
  options: Record<string, unknown>,
  { lines = [], ...parts }: Parts = {}
): Promise<Exporter> {
  const given = z.strictObject(sentry.options).parse({ proxy: 'off', ...options })
  const say = (_: object, text: string): void => void lines.push(text)
  const log = { debug: say, info: say, warn: say, error: say }
  await sentry.prepare?.()
  const exporter = sentry.create(given, host({ name: 'sentry', log, version: '1.2.3', ...parts }))
  await exporter.start?.()
  t.after(() => exporter.stop?.())
  return exporter
}

async function refusal(sending: Promise<unknown>): Promise<RefusedError> {
  try {
    await sending
  } catch (error) {
    ok(error instanceof RefusedError, `not a RefusedError: ${error}`)
    return error
  }
  throw new Error('it was sent')
}

/** Sends until the batch is through, as the delivery does. */
async function deliver(exporter: Exporter, batch: RedactedBatch): Promise<Outcome | undefined> {
  for (;;) {
    try {
      return await exporter.send(batch, NEVER)
    } catch (error) {
      if (!(error instanceof RefusedError) || !error.retryable) throw error
      await sleep(error.retryAfterMs ?? 5)
    }
  }
}

const droppedOf = (outcome: Outcome | undefined): Record<string, number> =>
  Object.fromEntries((outcome?.dropped ?? []).map(({ reason, items }) => [reason, items]))

test('what leaves is by the protocol, in every compression', async (t) => {
  const backend = await SentryBackend.start(t)
  for (const compression of ['gzip', 'zstd', 'none']) {
    const exporter = await exporterTo(t, { dsn: backend.dsn(), compression })
    strictEqual(await exporter.send(oneTrace(9), NEVER), undefined)
    strictEqual(backend.envelopes.at(-1)!.headers['content-encoding'], compression === 'none' ? undefined : compression)
    strictEqual(await exporter.send(logs([9, 17]), NEVER), undefined)
    strictEqual(backend.envelopes.at(-1)!.headers['content-encoding'], undefined)
  }
  deepStrictEqual(backend.violations, [])
  strictEqual(backend.contents('span').length, 27)
  strictEqual(backend.contents('log').length, 6)
  const { headers, header } = backend.envelopes[0]
  match(String(headers['x-sentry-auth']), /sentry_client=sluice\/1\.2\.3/)
  strictEqual(headers['user-agent'], 'sluice/1.2.3')
  strictEqual(headers['content-type'], 'application/x-sentry-envelope')
  ok(Math.abs(Date.parse(header.sent_at) - Date.now()) < 5_000)
  deepStrictEqual(header.sdk, { name: 'sluice', version: '1.2.3' })
})

test('the options say which signals are taken', () => {
  const f = (options: object, expected: Signal[]): void =>
    deepStrictEqual(sentry.signals(z.strictObject(sentry.options).parse({ dsn: 'https://key@sentry.example/1', ...options })), expected)
  f({}, ['errors', 'envelopes', 'traces', 'logs'])
  f({ errors: false, spans: 'otlp' }, ['envelopes', 'traces', 'logs'])
  f({ spans: 'off', logs: 'off', envelopes: false }, ['errors'])
})

test('the example of the docs is a configuration', () => {
  const page = readFileSync(new URL('../../../docs/sentry-delivery.md', import.meta.url), 'utf8')
  const given = parse(/```yaml\n([\s\S]*?)```/.exec(page)![1]).exporters.sentry
  const { dsns } = z.strictObject(sentry.options).parse(given)
  deepStrictEqual(dsns[0].services, ['billing', 'shop-*'])
})

test('a DSN that is none is refused when the file is read, and not shown', () => {
  const f = (options: object, expected: RegExp): void => {
    const { error } = z.strictObject(sentry.options).safeParse(options)
    match(`${error?.issues[0].path.join('.')}: ${error?.issues[0].message}`, expected)
    ok(!error?.message.includes('hunter2'))
  }
  f({ dsn: 'hunter2' }, /^dsn: https:\/\/key@host\/project: the DSN is not an http or https URL$/)
  f({ dsn: 'https://hunter2.example/1' }, /the DSN has no key$/)
  f({ dsn: 'https://key@hunter2.example/' }, /does not end with the number of a project$/)
  f({ dsn: 'https://key@sentry.example/1', dsns: [{ dsn: 'hunter2' }] }, /^dsns\.0\.dsn: /)
})

test('log records below minSeverity stay here, and are counted', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn(), minSeverity: 'warn' })
  deepStrictEqual(droppedOf(await exporter.send(logs([5, 9, 13, 17, 0]), NEVER)), { severity: 2 })
  deepStrictEqual(
    backend.contents('log').map(({ severity_number: severity }) => severity),
    [13, 17, undefined]
  )
})

test('a batch that was sent in part goes on where it stopped', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn() })
  for (const behaviour of [{ status: 503 }, { status: 502 }, { status: 504 }, { status: 500 }, 'reset'] as const) {
    const batch = traces(20)
    for (let i = 0; i < 6; i++) backend.next(behaviour)
    const error = await refusal(exporter.send(batch, NEVER))
    deepStrictEqual([error.code, error.retryable], ['unavailable', true])
    // As the delivery does when it has merged neighbours: the same bytes in another array.
    strictEqual(await exporter.send({ ...batch, bytes: Uint8Array.from(batch.bytes) }, NEVER), undefined)
  }
  strictEqual(backend.taken.size, 100)
  deepStrictEqual(new Set(backend.taken.values()), new Set([1]))
  deepStrictEqual(backend.violations, [])
})

test('a batch larger than batchMax leaves piece by piece; a host that does not answer is not asked for each', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn(), batchMax: '1KiB' })
  const batch = traces(200)
  backend.otherwise = { status: 503 }
  await refusal(exporter.send(batch, NEVER))
  ok(backend.requests <= 8, `${backend.requests} requests`)
  backend.otherwise = 'accept'
  strictEqual(await exporter.send(batch, NEVER), undefined)
  strictEqual(backend.taken.size, 200)
  deepStrictEqual(new Set(backend.taken.values()), new Set([1]))
})

test('what is too large is halved; what is too large alone is given up', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn() })
  backend.next({ status: 413 })
  backend.next({ status: 413 })
  strictEqual(await exporter.send(oneTrace(10), NEVER), undefined)
  backend.next({ status: 413 })
  strictEqual(await exporter.send(logs(Array(7).fill(9)), NEVER), undefined)
  deepStrictEqual(
    backend
      .items('span')
      .map(({ json }) => json.items.length)
      .sort(),
    [2, 3, 5]
  )
  strictEqual(backend.contents('log').length, 7)
  backend.next({ status: 413 })
  const outcome = await exporter.send(oneTrace(1), NEVER)
  deepStrictEqual(droppedOf(outcome), { 'too-large': 1 })
  strictEqual(outcome?.dropped?.[0].batch?.items, 1)
  deepStrictEqual(backend.violations, [])
})

test('one envelope that is refused for good costs its records alone, which become a dead letter', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn() })
  const batch = traces(5)
  backend.next({ status: 400, body: '{"detail":"envelope is odd"}' })
  const outcome = await exporter.send(batch, NEVER)
  deepStrictEqual(droppedOf(outcome), { invalid: 1 })
  const [letter] = outcome!.dropped!
  match(letter.message, /^127\.0\.0\.1 answered 400: envelope is odd$|^127\.0\.0\.1:\d+ answered 400: envelope is odd$/)
  strictEqual(parseBatch('traces', letter.batch!.bytes).items, 1)
  strictEqual(backend.taken.size, 4)
  // What was dropped is told to Sentry.
  await exporter.stop?.()
  strictEqual(backend.count('span', 'send_error'), 1)
})

test('a limit of one category holds that category alone, and ends on time', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn() })
  backend.limit(['span'], 1)
  const error = await refusal(exporter.send(traces(3), NEVER))
  strictEqual(error.code, 'busy')
  ok(error.retryAfterMs! > 0 && error.retryAfterMs! <= 1_000, `${error.retryAfterMs}`)
  strictEqual(await exporter.send(logs([9]), NEVER), undefined)
  const startedAtMs = Date.now()
  const batch = traces(3)
  strictEqual(await deliver(exporter, batch), undefined)
  ok(Date.now() - startedAtMs < 30_000)
  strictEqual(backend.contents('span').length, 3)
  deepStrictEqual(backend.violations, [])
})

test('while transactions are limited errors flow; while errors are limited they wait', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn(), spans: 'transactions' })
  backend.limit(['transaction'], 60)
  strictEqual((await refusal(exporter.send(traces(2), NEVER))).code, 'busy')
  strictEqual(await exporter.send(errors(['a', 'b']), NEVER), undefined)
  backend.limit(['error'], 1)
  const batch = errors(['c', 'd'])
  strictEqual((await refusal(exporter.send(batch, NEVER))).code, 'busy')
  strictEqual(await deliver(exporter, batch), undefined)
  deepStrictEqual(
    backend
      .items('event')
      .map(({ json }) => json.exception.values[0].value)
      .sort(),
    ['a', 'b', 'c', 'd']
  )
  strictEqual(backend.count('transaction', 'accepted'), 0)
  deepStrictEqual(backend.violations, [])
})

test('an error has the same id when it is sent again by another process', async (t) => {
  const backend = await SentryBackend.start(t)
  const batch = errors(['a', 'b'])
  for (let i = 0; i < 2; i++) await (await exporterTo(t, { dsn: backend.dsn() })).send(batch, NEVER)
  deepStrictEqual([...backend.taken.values()], [2, 2])
})

test('a storm of errors arrives to the last one', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn() })
  strictEqual(await exporter.send(errors(Array.from({ length: 500 }, (_, i) => `error ${i}`)), NEVER), undefined)
  strictEqual(backend.count('error', 'accepted'), 500)
  deepStrictEqual(new Set(backend.taken.values()), new Set([1]))
  deepStrictEqual(backend.violations, [])
})

test('a limit that lasts longer than items wait drops them, and Sentry is told', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn(), limitWaitMax: '200ms' })
  backend.limit(['span'], 60)
  const batch = traces(3)
  deepStrictEqual(droppedOf(await deliver(exporter, batch)), { limited: 3 })
  deepStrictEqual(droppedOf(await exporter.send(oneTrace(4), NEVER)), { limited: 4 })
  strictEqual(await exporter.send(logs([9]), NEVER), undefined)
  await exporter.stop?.()
  strictEqual(backend.count('span', 'ratelimit_backoff'), 7)
  strictEqual(backend.count('internal', 'accepted'), 1)
  deepStrictEqual(backend.violations, [])
})

test('limits hold over a restart', async (t) => {
  const backend = await SentryBackend.start(t)
  const stateDir = temporaryDirectory()
  const first = await exporterTo(t, { dsn: backend.dsn() }, { stateDir })
  backend.limit(['span'], 1)
  await refusal(first.send(traces(1), NEVER))
  await first.stop?.()
  const { requests } = backend
  const second = await exporterTo(t, { dsn: backend.dsn() }, { stateDir })
  const error = await refusal(second.send(traces(1), NEVER))
  strictEqual(error.code, 'busy')
  ok(error.retryAfterMs! <= 1_000)
  strictEqual(backend.requests, requests)
  strictEqual(await deliver(second, traces(2)), undefined)
})

test('a wrong DSN stops its own project alone, says so once, and is tried again later', async (t) => {
  const backend = await SentryBackend.start(t, { projects: ['1', '2'] })
  const lines: string[] = []
  const dsns = [{ services: ['billing'], dsn: backend.dsn('2', 'b'.repeat(32)) }]
  const exporter = await exporterTo(t, { dsn: backend.dsn(), dsns }, { lines })
  const mixed = redacted('traces', Buffer.concat([traces(2).bytes, traces(3, 'billing').bytes]))
  const outcome = await exporter.send(mixed, NEVER)
  deepStrictEqual(droppedOf(outcome), { forbidden: 3 })
  strictEqual(outcome?.dropped?.[0].batch?.items, 3)
  const { requests } = backend
  deepStrictEqual(droppedOf(await exporter.send(traces(4, 'billing'), NEVER)), { forbidden: 4 })
  strictEqual(backend.requests, requests)
  strictEqual(await exporter.send(traces(2), NEVER), undefined)
  strictEqual(backend.contents('span', '1').length, 4)
  strictEqual(lines.filter((line) => line.includes('check the DSN')).length, 1)
  match(exporter.trouble!()!.message, /answered 403/)
})

test('an intake that is switched off stops itself alone', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn(), spans: 'otlp' })
  backend.next({ status: 403 }, { category: 'span' })
  for (let i = 0; i < 2; i++) deepStrictEqual(droppedOf(await exporter.send(traces(2), NEVER)), { forbidden: 2 })
  strictEqual(await exporter.send(errors(['a']), NEVER), undefined)
  strictEqual(backend.requests, 2)
})

test('with several DSNs, one that is down holds up the others for a while only', async (t) => {
  const [works, down] = [await SentryBackend.start(t), await SentryBackend.start(t)]
  down.otherwise = { status: 503 }
  const exporter = await exporterTo(t, { dsn: works.dsn(), dsns: [{ services: ['billing'], dsn: down.dsn() }], holdMax: '50ms' })
  const batch = redacted('traces', Buffer.concat([traces(2).bytes, traces(3, 'billing').bytes]))
  deepStrictEqual(droppedOf(await deliver(exporter, batch)), { unreachable: 3 })
  const { requests } = down
  deepStrictEqual(droppedOf(await exporter.send(traces(1, 'billing'), NEVER)), { unreachable: 1 })
  strictEqual(down.requests, requests)
  strictEqual(await exporter.send(traces(1), NEVER), undefined)
  strictEqual(works.contents('span').length, 3)
  deepStrictEqual(new Set(works.taken.values()), new Set([1]))
})

test('what the other side fails on again and again is given up after a while; what it is away for is not', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn() })
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() })
  const f = async (status: number, expected: object): Promise<void> => {
    backend.otherwise = { status }
    const batch = traces(1)
    await refusal(exporter.send(batch, NEVER))
    t.mock.timers.tick(11 * 60_000)
    const end = await exporter.send(batch, NEVER).catch((error: RefusedError) => ({ retryable: error.retryable }))
    deepStrictEqual(end !== undefined && 'dropped' in end ? droppedOf(end) : end, expected)
  }
  await f(500, { fault: 1 })
  await f(503, { retryable: true })
})

test('a destination that is slow is given its time and no more', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn(), timeout: '3s' })
  backend.next({ accept: { afterMs: 50 } })
  strictEqual(await exporter.send(traces(1), NEVER), undefined)
  backend.next('silence')
  match((await refusal(exporter.send(traces(1), NEVER))).message, /no answer within 3000 ms/)
})

test('one destination alone is waited for, however long it is down', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn(), holdMax: '1ms' })
  backend.otherwise = { status: 503 }
  const batch = traces(3)
  for (let i = 0; i < 3; i++) strictEqual((await refusal(exporter.send(batch, NEVER))).retryable, true)
  match(exporter.trouble!()!.message, /cannot be reached/)
  backend.otherwise = 'accept'
  strictEqual(await exporter.send(batch, NEVER), undefined)
  strictEqual(exporter.trouble!(), null)
})

test('a batch that expires says what of it arrived', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn() })
  for (let i = 0; i < 2; i++) backend.next({ status: 503 })
  const batch = traces(5)
  await refusal(exporter.send(batch, NEVER))
  deepStrictEqual(droppedOf(exporter.abandon!(batch, 'expired')), { expired: 2 })
  deepStrictEqual(droppedOf(exporter.abandon!(traces(4), 'expired')), { expired: 4 })
})

test('Sentry is told what was sampled away, once, over restarts, shared out among projects', async (t) => {
  const backend = await SentryBackend.start(t, { projects: ['1', '2'] })
  const stateDir = temporaryDirectory()
  let sampledOut = 1_000
  const books: NonNullable<Host['books']> = () => [
    { labels: { signal: 'traces', stage: 'process', component: 'sample', outcome: 'sampled_out', reason: '' }, value: sampledOut },
    { labels: { signal: 'logs', stage: 'process', component: 'limit', outcome: 'dropped', reason: '' }, value: 5 },
    { labels: { signal: 'traces', stage: 'receive', component: 'otlp', outcome: 'accepted', reason: '' }, value: 1e6 }
  ]
  const dsns = [{ services: ['billing'], dsn: backend.dsn('2') }]
  const start = (): Promise<Exporter> => exporterTo(t, { dsn: backend.dsn(), dsns }, { stateDir, books })
  const first = await start()
  await first.stop?.()
  strictEqual(backend.requests, 0, 'what was before is not reported')
  const second = await start()
  await second.send(traces(1), NEVER)
  await second.send(traces(3, 'billing'), NEVER)
  sampledOut += 90
  await second.stop?.()
  deepStrictEqual([backend.count('span', 'sample_rate', '1'), backend.count('span', 'sample_rate', '2')], [23, 67])
  backend.otherwise = { status: 503 }
  const third = await start()
  sampledOut += 10
  await third.stop?.()
  backend.otherwise = 'accept'
  await (await start()).stop?.()
  strictEqual(backend.count('span', 'sample_rate', '1'), 33)
  strictEqual(backend.count('log_item', 'before_send', '1'), 0)
  deepStrictEqual(backend.violations, [])
})

test('OTLP goes to Sentry’s own intake', async (t) => {
  const backend = await SentryBackend.start(t, { projects: ['1', '2'] })
  const dsns = [{ services: ['billing'], dsn: backend.dsn('2') }]
  const exporter = await exporterTo(t, { dsn: backend.dsn(), dsns, spans: 'otlp' })
  strictEqual(await exporter.send(redacted('traces', Buffer.concat([traces(2).bytes, traces(3, 'billing').bytes])), NEVER), undefined)
  deepStrictEqual(
    backend.otlp.map(({ project, message: { resourceSpans } }) => [project, resourceSpans[0].scopeSpans[0].spans.length]).sort(),
    [
      ['1', 2],
      ['2', 3]
    ]
  )
  deepStrictEqual(backend.violations, [])
})

test('what becomes of items is counted', async (t) => {
  const backend = await SentryBackend.start(t)
  const metrics = new Metrics()
  const exporter = await exporterTo(t, { dsn: backend.dsn() }, { metrics })
  await exporter.send(traces(3), NEVER)
  backend.next({ status: 400 })
  await exporter.send(traces(1), NEVER)
  const items = metrics.families().find(({ name }) => name === 'sluice_sentry_items_total')!
  deepStrictEqual(
    items.samples.map(({ labels: { category, outcome }, value }) => [category, outcome, value]),
    [
      ['span', 'sent', 3],
      ['span', 'invalid', 1]
    ]
  )
})

test('a stop ends what is under way', async (t) => {
  const backend = await SentryBackend.start(t)
  const exporter = await exporterTo(t, { dsn: backend.dsn() })
  backend.otherwise = 'silence'
  const stop = new AbortController()
  const sending = exporter.send(traces(20), stop.signal)
  setTimeout(() => stop.abort(), 50)
  await rejects(sending, RefusedError)
})
