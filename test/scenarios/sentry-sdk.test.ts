import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { join } from 'node:path'
import { describe, it, type TestContext } from 'node:test'
import { envelopeOf } from '../receivers/sentry/support.ts'
import { booksOf } from '../support/books.ts'
import { type GatewayProcess, scrape, startGateway, until } from '../support/gateway-process.ts'
import { GPU_NAME, openGpuMemory } from '../support/gpu-memory.ts'
import { request, span } from '../support/otlp-bytes.ts'
import { Secrets } from '../support/secrets.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const CLIENT = join(import.meta.dirname, '..', 'support', 'sentry-node-client.ts')
const KEY = 'abcdef0123456789abcdef0123456789'
const AUTH = { 'x-sentry-auth': `Sentry sentry_version=7, sentry_key=${KEY}` }

interface Options {
  readonly sample?: string
  readonly more?: string
  readonly dir?: string
  readonly sizeMax?: string
}

const start = (
  t: TestContext,
  backend: SentryBackend,
  { sample = '30%', more = '', dir = temporaryDirectory(), sizeMax = '64MiB' }: Options = {}
) =>
  startGateway(t, {
    env: { SENTRY_DSN: backend.dsn(), POD_NAME: 'tts-0', POD_NAMESPACE: 'dubbing' },
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, cost: off, sample: { traces: ${sample} } }
queue: { dir: ${dir}, sizeMax: ${sizeMax} }
${more}`
  })

/** Runs the worker to its end. */
async function work(gateway: GatewayProcess, env: Record<string, string> = {}): Promise<void> {
  const dsn = `http://${KEY}@${gateway.http.slice('http://'.length)}/42`
  const child = spawn(process.execPath, [CLIENT], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env.PATH, SENTRY_DSN: dsn, ...env }
  })
  let said = ''
  child.stderr.on('data', (chunk) => {
    said += chunk
  })
  const [code] = await once(child, 'exit')
  strictEqual(code, 0, said)
}

const settled = (gateway: GatewayProcess) =>
  until(
    () => booksOf(gateway, 'envelopes'),
    ({ received, sampledOut, delivered, held }) => received > 0 && held === 0 && delivered + sampledOut === received
  )

const post = (gateway: GatewayProcess, body: Buffer, path = '/api/42/envelope/', headers: Record<string, string> = AUTH) =>
  fetch(gateway.http + path, { method: 'POST', body: Buffer.from(body), headers })

describe('Sentry SDKs send to the gateway', { concurrency: true }, () => {
  for (const lifecycle of ['stream', 'static'])
    it(`@sentry/node, unmodified, with traces as ${lifecycle === 'stream' ? 'spans' : 'transactions'}`, { timeout: 240_000 }, async (t) => {
      const backend = await SentryBackend.start(t)
      const gateway = await start(t, backend)
      const secret = new Secrets(7).password()
      await work(gateway, { LIFECYCLE: lifecycle, SECRET: secret, TRACES: '40' })
      const books = await settled(gateway)
      strictEqual(await gateway.end('SIGTERM'), 0)
      deepStrictEqual(backend.violations, [])

      // All that is no trace.
      deepStrictEqual(
        ['error', 'log_item', 'monitor'].map((category) => backend.count(category, 'accepted')),
        [1, 1, 2]
      )
      ok(backend.count('session', 'accepted') >= 2)
      strictEqual(backend.count('error', 'before_send'), 1, 'a report of the SDK itself')

      // Traces: what is not there is told, and 41 traces with 40 * 2 + 1 spans were made.
      const spans = backend.contents('span')
      const transactions = backend.items('transaction').map(({ json }) => json)
      const kept = spans.length + transactions.reduce((sum, { spans: inside }) => sum + 1 + inside.length, 0)
      strictEqual(kept + backend.count('span', 'sample_rate'), 81)
      if (lifecycle === 'static') strictEqual(transactions.length + backend.count('transaction', 'sample_rate'), 41)
      ok(books.sampledOut > 10 && kept > 0)
      for (const { envelope, type } of backend.items()) {
        if (type !== 'span' && type !== 'transaction') continue
        deepStrictEqual([envelope.trace.sample_rate, envelope.trace.public_key], ['0.3000030517578125', backend.projects.get('1')])
        strictEqual(envelope.trace.sampled, 'true')
      }

      const [{ json: event, envelope }] = backend.items('event')
      deepStrictEqual(
        event.exception.values.map(({ type, value }: { type: string; value: string }) => [type, value]),
        [
          ['TypeError', 'connection with password=[redacted:password] refused'],
          ['Error', 'synthesis failed']
        ]
      )
      deepStrictEqual(envelope.sdk.name, 'sentry.javascript.node')
      deepStrictEqual([event.release, event.environment, event.tags.stage], ['worker@1.2.3', 'staging', 'tts'])
      deepStrictEqual([event.user.id, event.user.email], ['user-42', 'someone@example.com'])
      deepStrictEqual([event.contexts.pod.name, event.contexts.pod.namespace], ['tts-0', 'dubbing'])
      strictEqual(event.breadcrumbs.length, 1)
      match(event.exception.values[1].stacktrace.frames.at(-1).filename, /sentry-node-client/)
      const [log] = backend.contents('log')
      strictEqual(log.body, 'logged in with token=[redacted:token]')
      deepStrictEqual(log.attributes['k8s.pod.name'], { value: 'tts-0', type: 'string' })
      deepStrictEqual(log.attributes.voice, { value: 'alloy', type: 'string' })
      if (lifecycle === 'stream') deepStrictEqual(spans[0].attributes['k8s.pod.name'], { value: 'tts-0', type: 'string' })
      ok(backend.envelopes.every(({ bytes }) => !bytes.includes(secret)))
    })

  it('@sentry/node and the OpenTelemetry SDK in the same traces: of each both parts are kept, or none', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t)
    const gateway = await start(t, backend)
    await work(gateway, { TRACES: '40', OTEL_EXPORTER_OTLP_ENDPOINT: gateway.http, OTEL_SERVICE_NAME: 'worker' })
    await settled(gateway)
    const { received, sampledOut } = await until(
      () => booksOf(gateway, 'traces'),
      (books) => books.received === 40 && books.held === 0
    )
    strictEqual(await gateway.end('SIGTERM'), 0)
    deepStrictEqual(backend.violations, [])
    const tracesOf = (sdk: RegExp): Map<string, string[]> =>
      new Map(
        backend
          .items('span')
          .filter(({ envelope }) => sdk.test(envelope.sdk.name))
          .flatMap(({ json, envelope: { trace } }) =>
            json.items
              .filter(({ name }: { name: string }) => name !== 'fails')
              .map(({ trace_id }: { trace_id: string }) => [trace_id, [trace.sample_rate, trace.sample_rand, trace.sampled]])
          )
      )
    const [ofSdk, ofOtlp] = [tracesOf(/^sentry\.javascript/), tracesOf(/^sentry\.gateway|sluice/)]
    strictEqual(ofOtlp.size, received - sampledOut)
    ok(ofOtlp.size > 1 && ofOtlp.size < 30, `${ofOtlp.size} of 40`)
    deepStrictEqual([...ofSdk.keys()].sort(), [...ofOtlp.keys()].sort())
    for (const [id, [rate, , sampled]] of ofSdk) deepStrictEqual([rate, sampled], [ofOtlp.get(id)?.[0], ofOtlp.get(id)?.[2]])
    strictEqual(backend.count('error', 'accepted'), 1)
  })

  it('by default: a tunnel, a DSN of the gateway, and sampling as of OTLP spans of the same trace', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t)
    const gateway = await start(t, backend, { sample: '20%' })
    const ids = Array.from({ length: 100 }, () => randomBytes(16).toString('hex'))
    const spans = ids.map((traceId) => span({ traceId, spanId: randomBytes(8).toString('hex') }))
    const headers = { 'content-type': 'application/x-protobuf' }
    strictEqual((await fetch(`${gateway.http}/v1/traces`, { method: 'POST', headers, body: Buffer.from(request(spans)) })).status, 200)
    const seconds = Date.now() / 1000
    for (const trace_id of ids) {
      const event_id = randomBytes(16).toString('hex')
      const span_id = randomBytes(8).toString('hex')
      const [timestamp, start_timestamp] = [seconds, seconds - 1]
      const transaction = {
        event_id,
        type: 'transaction',
        transaction: 'a',
        timestamp,
        start_timestamp,
        contexts: { trace: { trace_id, span_id } }
      }
      const dsn = `https://${KEY}@sentry.example/42`
      const answer = await post(gateway, envelopeOf({ event_id, dsn }, [{ type: 'transaction' }, transaction]), '/sentry-tunnel', {})
      deepStrictEqual([answer.status, await answer.json()], [200, { id: event_id }])
    }
    await settled(gateway)
    await until(
      () => booksOf(gateway, 'traces'),
      ({ held }) => held === 0
    )
    await gateway.end('SIGTERM')
    deepStrictEqual(backend.violations, [])
    const ofOtlp = new Map(backend.items('span').map(({ json, envelope }) => [json.items[0].trace_id, envelope.trace]))
    const ofSdk = new Map(backend.items('transaction').map(({ json, envelope }) => [json.contexts.trace.trace_id, envelope.trace]))
    deepStrictEqual([...ofSdk.keys()].sort(), [...ofOtlp.keys()].sort())
    for (const [id, { sample_rate, sample_rand }] of ofSdk)
      deepStrictEqual([sample_rate, sample_rand], [ofOtlp.get(id).sample_rate, ofOtlp.get(id).sample_rand])
    ok(ofSdk.size > 3 && ofSdk.size < 50)
    strictEqual(backend.count('transaction', 'sample_rate'), 100 - ofSdk.size)
  })

  it('secrets in every place of an event, a span, a log and an attachment', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t)
    const gateway = await start(t, backend, { sample: '100%' })
    const secrets = new Secrets(3)
    const planted: string[] = []
    const word = (): string => {
      planted.push(secrets.password())
      return planted.at(-1)!
    }
    const token = (): string => {
      const [, whole] = Object.entries(secrets.tokens()).find(([kind]) => kind.startsWith('github'))!
      planted.push(whole)
      return whole
    }
    const [event_id, trace_id, span_id] = [randomBytes(16).toString('hex'), randomBytes(16).toString('hex'), 'a'.repeat(16)]
    const timestamp = Date.now() / 1000
    const event = {
      event_id,
      timestamp,
      platform: 'python',
      logentry: { message: 'login with password=%s', params: [`password=${word()}`], formatted: `login with password=${word()}` },
      exception: {
        values: [
          {
            type: 'ValueError',
            value: `cannot use ${token()}`,
            stacktrace: {
              frames: [
                {
                  ...{ filename: 'a.py', function: 'f', lineno: 3, abs_path: '/a.py', context_line: `    connect(password="${word()}")` },
                  pre_context: [`    token = "${token()}"`],
                  vars: { api_key: `'${word()}'`, dsn: `'postgres://u:${word()}@db/x'`, nested: { list: [{ secret: word() }] } }
                }
              ]
            }
          }
        ]
      },
      breadcrumbs: {
        values: [
          { timestamp, category: 'http', message: `Bearer ${token()}`, data: { url: `https://u:${word()}@h/p`, 'x-api-key': word() } }
        ]
      },
      request: {
        ...{ url: `https://h/p?access_token=${word()}`, method: 'POST', query_string: `password=${word()}`, data: { password: word() } },
        headers: { Authorization: `Bearer ${token()}`, Cookie: `session=${word()}` },
        cookies: { sessionid: word() }
      },
      extra: { config: `{"password":"${word()}"}`, note: token() },
      tags: { url: `https://u:${word()}@h/` },
      contexts: { trace: { trace_id, span_id }, custom: { client_secret: word() } }
    }
    const attribute = (value: string) => ({ value, type: 'string' })
    const spans = [
      {
        ...{ trace_id, span_id, name: `GET https://u:${word()}@h/`, status: 'ok', is_segment: true },
        ...{ start_timestamp: timestamp, end_timestamp: timestamp + 1 },
        attributes: { 'db.password': attribute(word()), 'http.url': attribute(`https://h/?token=${token()}`) }
      }
    ]
    const logs = [{ timestamp, trace_id, level: 'info', body: `password=${word()}`, attributes: { api_key: attribute(word()) } }]
    const container = (type: string) => ({ type, item_count: 1, content_type: `application/vnd.sentry.items.${type}+json` })
    for (const body of [
      envelopeOf(
        { event_id },
        [{ type: 'event' }, event],
        [{ type: 'attachment', filename: 'env.txt' }, `A=1\nPASSWORD=${word()}\nT=${token()}\n`]
      ),
      envelopeOf({ trace: { trace_id, public_key: KEY, sampled: 'true', sample_rate: '1' } }, [
        { ...container('span.v2'), type: 'span' },
        { version: 2, items: spans }
      ]),
      envelopeOf({}, [container('log'), { version: 2, items: logs }])
    ])
      strictEqual((await post(gateway, body)).status, 200)
    await settled(gateway)
    await gateway.end('SIGTERM')
    deepStrictEqual(backend.violations, [])
    deepStrictEqual(
      backend.items().map(({ type }) => type),
      ['event', 'attachment', 'span', 'log']
    )
    ok(planted.length > 25)
    deepStrictEqual(
      planted.filter((each) => backend.envelopes.some(({ bytes }) => bytes.includes(each))),
      []
    )
    const logged = JSON.stringify(gateway.log)
    deepStrictEqual(
      planted.filter((each) => logged.includes(each)),
      []
    )
  })

  it('projects of workers become projects of Sentry, each with its key', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t, { projects: ['1', '2', '3'] })
    const rules = `{ projects: ["7"], dsn: "${backend.dsn('2')}" }, { projects: [otherkey], dsn: "${backend.dsn('3')}" }`
    const gateway = await start(t, backend, { sample: '100%', more: `exporters: { sentry: { dsns: [${rules}] } }` })
    const f = async (project: string, key: string): Promise<string> => {
      const event_id = randomBytes(16).toString('hex')
      const trace = { trace_id: randomBytes(16).toString('hex'), public_key: key }
      const event = { event_id, timestamp: Date.now() / 1000, message: 'it failed' }
      const auth = { 'x-sentry-auth': `Sentry sentry_version=7, sentry_key=${key}` }
      const body = envelopeOf({ event_id, trace }, [{ type: 'event' }, event])
      strictEqual((await post(gateway, body, `/api/${project}/envelope/`, auth)).status, 200)
      return event_id
    }
    const sent = [await f('42', 'key'), await f('7', 'key'), await f('8', 'otherkey')]
    await settled(gateway)
    deepStrictEqual(backend.violations, [])
    for (const [i, project] of ['1', '2', '3'].entries()) {
      const [{ json, envelope }, ...more] = backend.items('event', project)
      deepStrictEqual([json.event_id, envelope.trace.public_key, more.length], [sent[i], backend.projects.get(project), 0])
    }
  })

  it('an error of an SDK knows the GPU as it was', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t)
    const gpu = openGpuMemory()
    gpu.use(81_000)
    const more = `facts: { gpu: { source: nvidia-smi, command: ${gpu.command}, interval: 1s } }`
    const gateway = await start(t, backend, { more })
    await until(
      () => scrape(gateway, 'hw_gpu_memory_usage_bytes'),
      (samples) => samples.size > 0
    )
    const event_id = randomBytes(16).toString('hex')
    const event = { event_id, timestamp: Date.now() / 1000, level: 'error', message: 'CUDA out of memory' }
    strictEqual((await post(gateway, envelopeOf({ event_id }, [{ type: 'event' }, event]))).status, 200)
    await settled(gateway)
    const [{ json }] = backend.items('event')
    deepStrictEqual([json.contexts.gpu.name, json.contexts.gpu.memory_used_bytes], [GPU_NAME, 81_000 * 2 ** 20])
    deepStrictEqual(backend.violations, [])
  })

  it('an answer of 200 outlives a kill; a full queue tells SDKs to wait', { timeout: 240_000 }, async (t) => {
    const backend = await SentryBackend.start(t)
    backend.otherwise = { status: 503 }
    const kept = { dir: temporaryDirectory(), sizeMax: '4MiB' }
    const gateway = await start(t, backend, kept)
    const sent: string[] = []
    let answer: Response
    do {
      const event_id = randomBytes(16).toString('hex')
      const event = {
        event_id,
        timestamp: Date.now() / 1000,
        message: 'x'.repeat(8000),
        extra: { noise: randomBytes(6000).toString('hex') }
      }
      answer = await post(gateway, envelopeOf({ event_id }, [{ type: 'event' }, event]))
      if (answer.status === 200) sent.push(event_id)
    } while (answer.status === 200 && sent.length < 1000)
    strictEqual(answer.status, 503)
    match(answer.headers.get('x-sentry-rate-limits') ?? '', /^\d+::organization:overloaded$/)
    ok(sent.length > 10)
    await gateway.end('SIGKILL')
    backend.otherwise = 'accept'
    const again = await start(t, backend, kept)
    await until(
      () => backend.items('event').length,
      (count) => count >= sent.length
    )
    await again.end('SIGTERM')
    deepStrictEqual(
      backend
        .items('event')
        .map(({ json }) => json.event_id)
        .sort(),
      sent.sort()
    )
  })
})
