import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch, type RedactedBatch } from '../../src/batch.ts'
import type { Exporter, Outcome } from '../../src/component.ts'
import { RefusedError } from '../../src/errors.ts'
import { otlp } from '../../src/exporters/otlp.ts'
import { Metrics } from '../../src/telemetry/metrics.ts'
import { host } from '../support/host.ts'
import { type Behaviour, OtlpBackend, statusBody } from '../support/otlp-backend.ts'
import { attribute, message, request, span, string } from '../support/otlp-bytes.ts'

type Options = Parameters<typeof otlp.create>[0]

const DEFAULTS: Omit<Options, 'endpoint'> = {
  signals: ['traces'],
  headers: {},
  compression: 'gzip',
  timeout: 60_000,
  batchMax: 4_194_304,
  proxy: 'off',
  tls: { insecure: false }
}
const NEVER = new AbortController().signal
const redacted = (signal: RedactedBatch['signal'], bytes: Uint8Array): RedactedBatch => parseBatch(signal, bytes) as RedactedBatch
const traces = (spans = 1): RedactedBatch =>
  redacted(
    'traces',
    request(Array.from({ length: spans }, (_, i) => span({ spanId: (i + 1).toString(16).padStart(16, '0'), attributes: { stage: 'tts' } })))
  )

interface Lines {
  readonly level: string
  readonly message: string
}

async function exporterTo(
  t: { after(done: () => unknown): void },
  options: Partial<Options> & { endpoint: string },
  parts: { metrics?: Metrics; lines?: Lines[] } = {}
): Promise<Exporter> {
  const say = (level: string) => (_: object, message: string) => void parts.lines?.push({ level, message })
  const log = { debug: say('debug'), info: say('info'), warn: say('warn'), error: say('error') }
  const redactText = (value: string): string => value.replaceAll('hunter2', '***')
  const exporter = otlp.create(
    { ...DEFAULTS, ...options },
    host({ name: 'otlp', log, redactText, ...(parts.metrics && { metrics: parts.metrics }) })
  )
  await exporter.start?.()
  t.after(() => exporter.stop?.())
  return exporter
}

test('each signal arrives at its path, whole, in every compression', async (t) => {
  const backend = await OtlpBackend.start(t)
  for (const compression of ['none', 'gzip', 'zstd'] as const) {
    const exporter = await exporterTo(t, { endpoint: `${backend.url}`, compression })
    strictEqual(await exporter.send(traces(3), NEVER), undefined)
    await exporter.send(redacted('logs', request([string(3, 'INFO')])), NEVER)
    await exporter.send(redacted('metrics', request([string(1, 'queue.depth')])), NEVER)
    await exporter.send(redacted('profiles', request([string(7, 'profile')])), NEVER)
    strictEqual(backend.received.at(-1)!.headers['content-encoding'], compression === 'none' ? undefined : compression)
  }
  deepStrictEqual(backend.violations, [])
  deepStrictEqual(
    (['traces', 'metrics', 'logs', 'profiles'] as const).map((signal) => backend.records(signal).length),
    [9, 3, 3, 3]
  )
  deepStrictEqual(Buffer.from(backend.received[0].bytes), Buffer.from(traces(3).bytes))
  deepStrictEqual([...backend.spanCounts.values()], [3, 3, 3])
})

test('a large body is compressed on another thread, and is the same', async (t) => {
  const backend = await OtlpBackend.start(t)
  const batch = redacted('traces', request(Array.from({ length: 2000 }, (_, i) => span({ attributes: { text: `${i}`.repeat(60) } }))))
  ok(batch.bytes.length > 256 * 1024)
  for (const compression of ['gzip', 'zstd'] as const) {
    await (await exporterTo(t, { endpoint: backend.url, compression })).send(batch, NEVER)
    deepStrictEqual(backend.received.at(-1)!.bytes, Buffer.from(batch.bytes))
  }
})

test('the endpoint’s path is kept, signals may go elsewhere, headers and credentials go along', async (t) => {
  const seen: string[] = []
  const backend = await OtlpBackend.start(t)
  backend.otherwise = { status: 200 }
  const f = async (options: Partial<Options>, signal: RedactedBatch['signal'], expected: string): Promise<void> => {
    const exporter = await exporterTo(t, { endpoint: `${backend.url}/base/`, ...options })
    await exporter.send(redacted(signal, request([])), NEVER).catch((error: Error) => seen.push(error.message))
    const problem = backend.violations.pop() ?? backend.received.at(-1)?.signal
    strictEqual(problem, expected)
  }
  await f({}, 'traces', 'path /base/v1/traces')
  await f({ endpoint: `${backend.url}/base?tenant=a` }, 'profiles', 'path /base/v1development/profiles?tenant=a')
  await f({ logsEndpoint: `${backend.url}/other` }, 'logs', 'path /other')
  await f({ metricsEndpoint: `${backend.url}/v1/metrics/x` }, 'metrics', 'path /v1/metrics/x')
  backend.otherwise = 'accept'
  const withHeaders = await exporterTo(t, {
    endpoint: backend.url.replace('//', '//user:p%40ss@'),
    headers: { 'X-Tenant': 'a', 'Content-Type': 'text/plain' }
  })
  await withHeaders.send(traces(), NEVER)
  const { headers } = backend.received.at(-1)!
  strictEqual(headers['x-tenant'], 'a')
  strictEqual(headers.authorization, `Basic ${Buffer.from('user:p@ss').toString('base64')}`)
  const own = await exporterTo(t, { endpoint: backend.url.replace('//', '//user:pass@'), headers: { Authorization: 'Bearer abc' } })
  await own.send(traces(), NEVER)
  strictEqual(backend.received.at(-1)!.headers.authorization, 'Bearer abc')
})

async function refusal(exporter: Exporter, batch = traces(), signal = NEVER): Promise<RefusedError> {
  try {
    await exporter.send(batch, signal)
  } catch (error) {
    ok(error instanceof RefusedError, `not a RefusedError: ${error}`)
    return error
  }
  throw new Error('it was sent')
}

test('429, 502, 503 and 504 may be tried again, and when; nothing else may', async (t) => {
  const backend = await OtlpBackend.start(t)
  const exporter = await exporterTo(t, { endpoint: backend.url })
  const f = async (
    status: number,
    retryAfter: string | undefined,
    code: string,
    retryable: boolean,
    retryAfterMs?: number
  ): Promise<void> => {
    backend.next.push({ status, ...(retryAfter !== undefined && { headers: { 'retry-after': retryAfter } }) })
    const error = await refusal(exporter)
    deepStrictEqual([error.code, error.retryable, error.retryAfterMs], [code, retryable, retryAfterMs], `status ${status}`)
    match(error.message, new RegExp(`^127\\.0\\.0\\.1:\\d+ answered ${status}`))
  }
  await f(429, undefined, 'busy', true)
  await f(429, '7', 'busy', true, 7_000)
  await f(503, '0', 'unavailable', true, 0)
  await f(503, '86400', 'unavailable', true, 300_000)
  await f(503, 'soon', 'unavailable', true)
  await f(502, undefined, 'unavailable', true)
  await f(504, undefined, 'unavailable', true)
  await f(400, undefined, 'invalid', false)
  await f(401, undefined, 'unauthenticated', false)
  await f(403, undefined, 'forbidden', false)
  await f(404, undefined, 'not-found', false)
  await f(408, undefined, 'timeout', false)
  await f(413, undefined, 'too-large', false)
  await f(415, undefined, 'unsupported', false)
  await f(422, undefined, 'invalid', false)
  await f(500, undefined, 'invalid', false)
  await f(501, undefined, 'invalid', false)
  await f(308, undefined, 'invalid', false)
  await f(304, undefined, 'invalid', false)
  deepStrictEqual(backend.violations, [])
})

test('any 2xx is success, whatever its body', async (t) => {
  const backend = await OtlpBackend.start(t)
  const exporter = await exporterTo(t, { endpoint: backend.url })
  const f = async (accept: Extract<Behaviour, { accept: unknown }>['accept'], expected: Outcome | undefined): Promise<void> => {
    backend.next.push({ accept })
    deepStrictEqual(await exporter.send(traces(5), NEVER), expected)
  }
  await f({}, undefined)
  await f({ status: 202 }, undefined)
  await f({ status: 204 }, undefined)
  await f({ body: Buffer.from([0x0a, 0xff, 0xff]) }, undefined)
  await f({ body: Buffer.from('{}'), type: 'application/json' }, undefined)
  await f({ body: Buffer.from('ok'), type: 'text/plain' }, undefined)
  await f({ body: Buffer.from('not json'), type: 'application/json' }, undefined)
  const partial = { partialSuccess: { rejectedSpans: '2', errorMessage: 'too old' } }
  await f({ body: Buffer.from(JSON.stringify(partial)), type: 'application/json; charset=utf-8' }, { rejected: 2, reason: 'too old' })
})

test('what the backend rejects is told, once a warning is logged', async (t) => {
  const lines: Lines[] = []
  const backend = await OtlpBackend.start(t)
  const exporter = await exporterTo(t, { endpoint: backend.url }, { lines })
  const f = async (rejected: number, text: string, expected: Outcome | undefined): Promise<void> => {
    backend.next.push({ rejected, message: text })
    deepStrictEqual(await exporter.send(traces(5), NEVER), expected)
  }
  await f(2, 'too old', { rejected: 2, reason: 'too old' })
  await f(5, '', { rejected: 5, reason: 'the destination gave no reason' })
  await f(9, 'all', { rejected: 5, reason: 'all' })
  await f(-3, '', undefined)
  await f(1, `password hunter2\n\u0007${'x'.repeat(500)}`, { rejected: 1, reason: `password *** ${'x'.repeat(186)}…` })
  await f(0, 'deprecated attribute', undefined)
  await f(0, 'deprecated attribute', undefined)
  deepStrictEqual(
    lines.map(({ level, message }) => [level, message.replace(/:\d+/, '')]),
    [['warn', '127.0.0.1: deprecated attribute']]
  )
})

test('what the backend says is in the error, without secrets and short; what we said is not', async (t) => {
  const backend = await OtlpBackend.start(t)
  const exporter = await exporterTo(t, { endpoint: backend.url, headers: { 'x-key': 'key-of-ours' } })
  const f = async (body: string | Uint8Array, type: string, expected: string): Promise<void> => {
    backend.next.push({ status: 400, headers: { 'content-type': type }, body })
    const { message } = await refusal(exporter)
    strictEqual(message.replace(/:\d+ /, ' '), expected)
    ok(!message.includes('key-of-ours'))
  }
  await f(statusBody('bad span'), 'application/x-protobuf', '127.0.0.1 answered 400: bad span')
  await f('{"code":3,"message":"bad\\nspan"}', 'application/json', '127.0.0.1 answered 400: bad span')
  await f('no, hunter2', 'text/plain', '127.0.0.1 answered 400: no, ***')
  await f('<html>', 'text/html', '127.0.0.1 answered 400')
  await f('\xff\xfe', 'application/x-protobuf', '127.0.0.1 answered 400')
  await f('x'.repeat(1_000_000), 'text/plain', `127.0.0.1 answered 400: ${'x'.repeat(199)}…`)
})

test('refused credentials are said once, loudly, with the remedy', async (t) => {
  const lines: Lines[] = []
  const backend = await OtlpBackend.start(t)
  const exporter = await exporterTo(t, { endpoint: backend.url }, { lines })
  backend.next.push({ status: 401 }, { status: 403 }, 'accept', { status: 401 })
  match((await refusal(exporter)).message, /answered 401 \(check the credentials in headers\)/)
  await refusal(exporter)
  strictEqual(lines.length, 1)
  match(lines[0].message, /check exporters\.otlp\.headers/)
  await exporter.send(traces(), NEVER)
  await refusal(exporter)
  deepStrictEqual(
    lines.map(({ level }) => level),
    ['error', 'error']
  )
})

test('no whole answer: may be tried again, and says why', async (t) => {
  const backend = await OtlpBackend.start(t)
  const exporter = await exporterTo(t, { endpoint: backend.url, timeout: 3_000 })
  const f = async (behaviour: Behaviour, words: RegExp): Promise<void> => {
    backend.next.push(behaviour)
    const error = await refusal(exporter)
    deepStrictEqual([error.code, error.retryable], ['unavailable', true])
    match(error.message, words)
  }
  await f('reset', /connection reset|closed by the other side/)
  await f('half', /closed by the other side/)
  await f('silence', /no answer within 3000 ms/)
  strictEqual(await exporter.send(traces(), NEVER), undefined)
  await backend.stop()
  await refusal(exporter) // finds the kept connection closed
  match((await refusal(exporter)).message, /connection refused/)
})

test('a stop ends a send at once', async (t) => {
  const backend = await OtlpBackend.start(t)
  backend.otherwise = 'silence'
  const exporter = await exporterTo(t, { endpoint: backend.url })
  const stop = new AbortController()
  const sending = refusal(exporter, traces(), stop.signal)
  while (backend.requests === 0) await new Promise(setImmediate)
  stop.abort()
  match((await sending).message, /stopped/)
  match((await refusal(exporter, traces(), stop.signal)).message, /stopped/)
  strictEqual(backend.requests, 1)
})

test('what was sent is counted, by answer', async (t) => {
  const metrics = new Metrics()
  const backend = await OtlpBackend.start(t)
  const exporter = await exporterTo(t, { endpoint: backend.url, compression: 'none' }, { metrics })
  backend.next.push('accept', { status: 503 }, 'reset', 'accept')
  for (let i = 0; i < 4; i++) await exporter.send(traces(), NEVER).catch(() => undefined)
  deepStrictEqual(
    metrics.families().map(({ name, samples }) => [name, samples.map(({ labels, value }) => [labels.answer ?? labels.signal, value])]),
    [
      [
        'sluice_exporter_requests_total',
        [
          ['2xx', 2],
          ['5xx', 1],
          ['none', 1]
        ]
      ],
      ['sluice_exporter_sent_bytes_total', [['traces', 3 * traces().bytes.length]]]
    ]
  )
})

test('what cannot be used is refused at the start, by the name of its option', async (t) => {
  const f = async (options: Partial<Options>, words: RegExp): Promise<void> =>
    rejects(exporterTo(t, { endpoint: 'http://127.0.0.1:1', ...options }), (error: Error) => {
      match(error.message, words)
      ok(!error.message.includes('hunter2'))
      return true
    })
  await f({ headers: { 'a b': 'hunter2' } }, /^exporters\.otlp\.headers: .*"a b"/)
  await f({ headers: { a: 'hunter2\r\nx: y' } }, /^exporters\.otlp\.headers\.a: /)
  await f({ proxy: 'socks://x' }, /^exporters\.otlp: proxy: expected/)
  await f({ tls: { insecure: false, caFile: '/nonexistent' } }, /^exporters\.otlp\.tls\.caFile: cannot read the file \(ENOENT\)/)
  await f({ tls: { insecure: false, certFile: '/etc/hostname' } }, /^exporters\.otlp\.tls: expected both/)
  await f(
    { tls: { insecure: false, certFile: '/etc/hostname', keyFile: '/etc/hostname' } },
    /^exporters\.otlp\.tls: these files cannot be used/
  )
})

test('the signals and the size of a batch are what the options say', () => {
  const options = { ...DEFAULTS, endpoint: 'http://x', signals: ['logs', 'traces', 'logs'] } as Options
  deepStrictEqual(otlp.signals(options), ['logs', 'traces'])
  strictEqual(otlp.batchBytesMax(options), 4_194_304)
})

test('unknown fields and attributes of any kind pass through as bytes', async (t) => {
  const backend = await OtlpBackend.start(t)
  const exporter = await exporterTo(t, { endpoint: backend.url })
  const odd = request([Buffer.concat([span(), attribute(9, 'a', 'b'), message(500, Buffer.from('later'))])])
  await exporter.send(redacted('traces', odd), NEVER)
  deepStrictEqual(backend.received[0].bytes, odd)
})
