import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import type { OtlpSignal } from '../../src/otlp/signal.ts'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { call, EXPORT, framed, grpcSession } from '../support/grpc-client.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { message, span, string } from '../support/otlp-bytes.ts'
import { type Planter, plantedRequest, toJson, toProtobuf } from '../support/otlp-message.ts'
import { Secrets } from '../support/secrets.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const SEED = Number(process.env.SLUICE_SECRETS_SEED ?? 1)
const SAMPLE = join(import.meta.dirname, '..', '..', '..', 'shared', 'redaction', 'sample.mjs')

const PATHS: Record<OtlpSignal, string> = {
  traces: '/v1/traces',
  metrics: '/v1/metrics',
  logs: '/v1/logs',
  profiles: '/v1development/profiles'
}

/** Secrets to plant, each once, and what to look for afterwards: the longest part of each that no escaping and no renaming can break up. */
class Planted implements Planter {
  /** Where each was planted, by what to look for. */
  readonly places = new Map<string, string>()
  /** Ready to be sent; what came back is empty when nothing was found. */
  private readonly secrets = new Secrets(SEED)
  private supply: [kind: string, secret: string][] = []

  text = (place: string): string => {
    if (this.supply.length === 0) this.supply = Object.entries(this.secrets.tokens())
    const [kind, secret] = this.supply.pop()!
    this.note(`${kind} in ${place}`, secret)
    return secret
  }

  word = (place: string): string => {
    const secret = this.secrets.password()
    this.note(`password in ${place}`, secret)
    return secret
  }

  /** Secrets given as they are, to be looked for as they are. */
  note(place: string, secret: string): void {
    const parts = secret.includes('@') ? [secret.split('@')[0]] : secret.split(/[^A-Za-z0-9]+/)
    // The head of a token names its issuer, and of a JWT its algorithm; what follows is the secret.
    this.places.set(
      parts.reduce((longest, part) => (part.length >= longest.length ? part : longest)),
      place
    )
  }

  /** The places of all secrets that some text shows. */
  foundIn(texts: Iterable<string>): string[] {
    const found = new Set<string>()
    for (const text of texts) for (const [needle, place] of this.places) if (text.includes(needle)) found.add(place)
    return [...found]
  }
}

interface Stage {
  readonly gateway: GatewayProcess
  readonly taking: OtlpBackend
  readonly refusing: OtlpBackend
  readonly away: OtlpBackend
  readonly queueDir: string
}

// Three destinations: one that takes all, one that refuses all and says why at length, and one that is away, for whom everything stays in the queue.
async function stage(t: TestContext, planted: Planted): Promise<Stage> {
  const [taking, refusing, away] = [await OtlpBackend.start(t), await OtlpBackend.start(t), await OtlpBackend.start(t)]
  refusing.otherwise = { status: 400, headers: { 'content-type': 'text/plain' }, body: `bad key ${planted.text('answer of a backend')}` }
  away.otherwise = {
    status: 503,
    headers: { 'content-type': 'text/plain' },
    body: `not now, ${planted.text('answer of an overloaded backend')}`
  }
  const queueDir = temporaryDirectory()
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0 } }
admin: { listen: 127.0.0.1:0 }
processors:
  sample: { traces: 100%, profiles: 100% }
  derive: { dimensions: [http.request.method, http.route, note, db.password] }
  redact: { canary: true }
queue: { dir: ${queueDir} }
exporters:
  prometheus: { resourceLabels: [service.name, note, map] }
  otlp/taking: { endpoint: ${taking.url} }
  otlp/refusing: { endpoint: ${refusing.url}, compression: none }
  otlp/away: { endpoint: ${away.url} }
telemetry: { log: { level: debug } }
`
  })
  return { gateway, taking, refusing, away, queueDir }
}

// Everything that can be read of a gateway from outside, as text.
async function visible({ gateway, taking, refusing, away, queueDir }: Stage): Promise<Record<string, string[]>> {
  const page = async (path: string, accept = '*/*'): Promise<string> => {
    const answer = await fetch(gateway.admin + path, { headers: { accept } })
    return JSON.stringify([...answer.headers]) + (await answer.text())
  }
  const received = [taking, refusing, away].flatMap((backend) => backend.received)
  return {
    'what a backend decodes': received.map(({ message }) => JSON.stringify(message)),
    'what a backend receives, as bytes': received.map(({ bytes }) => bytes.toString('latin1')),
    'headers to a backend': received.map(({ headers }) => JSON.stringify(headers)),
    'the page in text': [await page('/metrics')],
    'the page in OpenMetrics': [await page('/metrics', 'application/openmetrics-text; version=1.0.0; escaping=allow-utf-8')],
    'the readiness': [await page('/readyz')],
    'the log': gateway.log.map((line) => JSON.stringify(line)),
    'the files of the queue': filesIn(queueDir).map((file) => readFileSync(file, 'latin1'))
  }
}

function filesIn(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

async function nothingShows(planted: Planted, stage: Stage): Promise<void> {
  for (const [where, texts] of Object.entries(await visible(stage))) {
    ok(texts.length > 0, `${where}: nothing to look at`)
    deepStrictEqual(planted.foundIn(texts), [], `${where}, seed ${SEED}`)
  }
}

test('planted secrets are nowhere: not in what is delivered, queued, set aside, logged, shown or answered', {
  timeout: 240_000
}, async (t) => {
  const planted = new Planted()
  const at = await stage(t, planted)
  const { gateway } = at
  const session = grpcSession(t, gateway.grpc)
  const signals = Object.keys(PATHS) as OtlpSignal[]
  for (const signal of signals) {
    const post = async (type: string, body: string | Buffer): Promise<void> => {
      const answer = await fetch(gateway.http + PATHS[signal], { method: 'POST', body, headers: { 'content-type': type } })
      strictEqual(answer.status, 200, `${signal} as ${type}: ${await answer.text()}`)
    }
    // The texts of profiles are in one table; they are not taken as JSON.
    const protobuf = (id: number): Buffer =>
      Buffer.concat(
        [
          toProtobuf(signal, plantedRequest(signal, planted, id)),
          signal === 'profiles' ? message(2, string(5, ''), string(5, `frame ${planted.text('profile string table')}`)) : ''
        ].map((part) => Buffer.from(part))
      )
    await post('application/x-protobuf', protobuf(1))
    if (signal !== 'profiles') await post('application/json', toJson(plantedRequest(signal, planted, 2)))
    strictEqual((await call(session, EXPORT[signal], framed(protobuf(3)))).status, 0)
  }
  ok(planted.places.size > 1_000, `${planted.places.size} secrets were planted`)
  const dropped = async () => sumOf(await scrape(gateway, 'sluice_items_total'), 'component="otlp/refusing"', 'outcome="dropped"')
  await until(dropped, (items) => items > 0)
  const enqueued = sumOf(await scrape(gateway, 'sluice_items_total'), 'outcome="enqueued"')
  await until(dropped, (items) => items >= enqueued)
  await until(
    () => scrape(gateway, 'sluice_items_total'),
    (items) => sumOf(items, 'component="otlp/taking"', 'outcome="delivered"') >= enqueued
  )
  strictEqual(at.taking.violations.join(), '')
  ok(JSON.stringify(at.taking.records('logs')).includes('could not log in with'), 'the rest of a text is still there')
  ok(
    filesIn(at.queueDir).some((file) => readFileSync(file, 'latin1').includes('could not log in with')),
    'the queue can be read here'
  )
  await nothingShows(planted, at)
  strictEqual(await gateway.end('SIGTERM'), 0)
  deepStrictEqual(planted.foundIn(gateway.log.map((line) => JSON.stringify(line))), [], 'the log of the stop')
})

test('what is refused shows nothing of what it carried', async (t) => {
  const planted = new Planted()
  const at = await stage(t, planted)
  const { gateway } = at
  const answers: string[] = []
  const post = async (path: string, body: string | Buffer, headers: Record<string, string>): Promise<void> => {
    const answer = await fetch(gateway.http + path, { method: 'POST', body, headers })
    ok(answer.status >= 400 && answer.status < 500, `${answer.status}`)
    const bytes = Buffer.from(await answer.arrayBuffer())
    answers.push(`${answer.statusText}${JSON.stringify([...answer.headers])}${bytes.toString('latin1')}`)
  }
  const { text } = planted
  const protobuf = { 'content-type': 'application/x-protobuf' }
  const json = { 'content-type': 'application/json' }
  const whole = toProtobuf('traces', plantedRequest('traces', planted))
  await post('/v1/traces', whole.subarray(0, -1), protobuf)
  await post('/v1/traces', message(1, message(2, message(2, span(), string(1, text('trace id'))))), protobuf)
  await post('/v1/traces', text('a body that is no protobuf'), protobuf)
  for (const body of [
    text('a body that is no JSON'),
    `{"resourceSpans":"${text('a string for a list')}"}`,
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"${text('an id in JSON')}"}]}]}]}`,
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"startTimeUnixNano":"${text('a time in JSON')}"}]}]}]}`,
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":"${text('an enum in JSON')}"}]}]}]}`,
    `{"resourceSpans":[{"scopeSpans":[{"spans":[{"flags":"${text('a number in JSON')}"}]}]}]}`,
    `{"${text('a key of cut JSON')}":[{"scopeSpans":`,
    `{"resourceSpans":[{"resource":{"attributes":[{"key":"a","value":{"bytesValue":"${text('base64')}!"}}]}}]}`
  ]) {
    await post('/v1/traces', body, json)
  }
  await post('/v1/traces', '', { 'content-type': `text/${text('content type')}` })
  await post('/v1/traces', whole, { ...protobuf, 'content-encoding': text('content encoding').toLowerCase() })
  await post('/v1/traces', whole, { ...protobuf, 'content-encoding': 'gzip' })
  await post(`/v1/${encodeURIComponent(text('path'))}`, whole, protobuf)
  await post(`/v1/trace?token=${encodeURIComponent(text('query'))}`, whole, { ...protobuf, authorization: `Bearer ${text('header')}` })

  const session = grpcSession(t, gateway.grpc)
  for (const [path, body, headers] of [
    [EXPORT.traces, framed(whole.subarray(0, -1)), {}],
    [EXPORT.traces, framed(whole, 1), { 'grpc-encoding': 'gzip' }],
    [EXPORT.traces, framed(whole), { 'grpc-encoding': text('grpc encoding').toLowerCase() }],
    [EXPORT.traces, framed(whole), { 'grpc-timeout': text('grpc timeout') }],
    [EXPORT.traces, Buffer.from(text('a frame')), {}],
    [`/${encodeURIComponent(text('method'))}`, framed(whole), { authorization: text('metadata') }]
  ] as const) {
    const answer = await call(session, path, body, headers)
    ok(answer.status > 0, JSON.stringify(answer.headers))
    answers.push(
      JSON.stringify(answer.headers) + Buffer.from(String(answer.headers['grpc-status-details-bin'] ?? ''), 'base64').toString('latin1')
    )
  }
  deepStrictEqual(planted.foundIn(answers), [], `seed ${SEED}`)
  deepStrictEqual(planted.foundIn(gateway.log.map((line) => JSON.stringify(line))), [])
  deepStrictEqual(planted.foundIn([await (await fetch(`${gateway.admin}/metrics`)).text()]), [])
})

test('the judges’ sample of secrets, as bodies, attributes and status messages', {
  skip: existsSync(SAMPLE) ? false : `SKIPPED: ${SAMPLE} is not here, so its secrets were not planted`
}, async (t) => {
  const planted = new Planted()
  const at = await stage(t, planted)
  const { gateway, taking } = at
  const cases = execFileSync(process.execPath, [SAMPLE, '--seed', String(SEED % 1000)], { encoding: 'utf8' })
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { id: string; category: string; tier: string; input: string; secrets: string[] })
    .filter(({ tier, secrets }) => tier === 'core' && secrets.length > 0)
  ok(cases.length > 50)
  const text = (input: string) => ({ stringValue: input })
  const logs = cases.map(({ input }) => ({ body: text(input), attributes: [{ key: 'seen', value: text(input) }] }))
  const spans = cases.map(({ input }, i) => ({
    traceId: Buffer.alloc(16, i + 1),
    spanId: Buffer.alloc(8, i + 1),
    name: 'step',
    status: { code: 2, message: input },
    events: [{ name: 'log', attributes: [{ key: 'message', value: text(input) }] }]
  }))
  for (const [path, signal, request] of [
    ['/v1/logs', 'logs', { resourceLogs: [{ scopeLogs: [{ logRecords: logs }] }] }],
    ['/v1/traces', 'traces', { resourceSpans: [{ scopeSpans: [{ spans }] }] }]
  ] as const) {
    for (const [type, body] of [
      ['application/x-protobuf', toProtobuf(signal, request)],
      ['application/json', toJson(request)]
    ] as const) {
      strictEqual((await fetch(gateway.http + path, { method: 'POST', body, headers: { 'content-type': type } })).status, 200)
    }
  }
  await until(
    () => taking.records('logs').length + taking.records('traces').length,
    (records) => records >= cases.length * 4
  )
  const shown = Object.values(await visible(at)).flat()
  const leaked = cases.flatMap(({ id, category, secrets }) =>
    secrets.filter((secret) => shown.some((seen) => seen.includes(secret))).map(() => `${id} ${category}`)
  )
  deepStrictEqual(leaked, [], `sample of seed ${SEED % 1000}`)
})

test('the search finds what it is there to find', () => {
  const planted = new Planted()
  const secrets = Array.from({ length: 100 }, () => planted.text('here'))
  for (const secret of secrets) strictEqual(planted.foundIn([`x${secret}y`]).length, 1)
  deepStrictEqual(planted.foundIn(['x']), [])
})
