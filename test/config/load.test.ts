// biome-ignore-all lint/suspicious/noTemplateCurlyInString: the files under test have variables in them
import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { defineReceiver } from '../../src/component.ts'
import { type Loaded, loadConfig } from '../../src/config/load.ts'
import { placeText } from '../../src/config/problem.ts'
import { sameOptions } from '../../src/config/same.ts'
import { addresses, flag } from '../../src/config/schema.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { definitions } from './definitions.ts'

const dir = temporaryDirectory()

type Env = Record<string, string>

async function load(text: string, env: Env = {}): Promise<Loaded> {
  const file = join(dir, 'sluice.yaml')
  await writeFile(file, text)
  return loadConfig({ file, env, definitions })
}

const names = (parts: readonly { name: string }[]): string => parts.map(({ name }) => name).join()

/** The value and the origin of one setting, as they are shown. */
function settingIn({ settings }: Loaded, path: string): [value: unknown, origin: string] {
  const found = settings.filter(({ steps }) => steps.join('.') === path)
  strictEqual(found.length, 1, path)
  return [found[0].value, placeText(found[0].origin).replace(/^.*sluice\.yaml/, 'file')]
}

test('without a file, everything but exporters runs on its defaults', async () => {
  const { config, settings, warnings, file } = await loadConfig({ env: {}, definitions })
  strictEqual(file, undefined)
  strictEqual(names(config.receivers), 'otlp')
  strictEqual(names(config.processors), 'sample,enrich')
  strictEqual(config.redactor.name, 'redact')
  strictEqual(names(config.folders), 'prometheus')
  strictEqual(names(config.exporters), '')
  deepStrictEqual(config.receivers[0].options.http, [{ host: '127.0.0.1', port: 4318 }])
  strictEqual(config.processors[0].options.traces, 0.1)
  deepStrictEqual(config.queue, { sizeMax: 2 ** 29, memoryMax: 2 ** 26, ageMax: 86_400_000, whenFull: 'refuse', deadLetterMax: 2 ** 26 })
  deepStrictEqual(config.admin, { listen: { host: '127.0.0.1', port: 9464 } })
  deepStrictEqual(
    [config.facts.gpu.source, config.facts.gpu.interval, config.facts.pod.source, config.facts.listen],
    ['auto', 15_000, 'auto', null]
  )
  strictEqual(config.telemetry.log.level, 'info')
  strictEqual(config.shutdownTimeoutMs, 25_000)
  ok(settings.every(({ origin }) => 'byDefault' in origin))
  ok(warnings.some((warning) => warning.startsWith('no exporter is on')))
})

test('an `off` that a tool of YAML 1.1 has turned into false is still off', async () => {
  const { config } = await load('receivers: { otlp: { http: [":1", false] } }\nfacts: { gpu: { source: false } }\nadmin: { listen: false }')
  deepStrictEqual(
    [config.receivers[0].options.http, config.facts.gpu.source, config.admin.listen],
    [[{ host: '::', port: 1 }], 'off', null]
  )
  await rejects(load('queue: { whenFull: false }'), /queue\.whenFull: came the flag false/)
  await rejects(load('queue: { dir: on }\nadmin: { listen: true }'), /admin\.listen: came the flag true/)
})

test('files that say nothing are as no file', async () => {
  const f = async (text: string) => deepStrictEqual((await load(text)).config, (await loadConfig({ env: {}, definitions })).config, text)
  await f('')
  await f('\ufeff')
  await f('# nothing\n')
  await f('---\n...\n')
  await f('receivers:\nprocessors:\nqueue:\nexporters:\n')
  await f('receivers: { otlp: }\nprocessors: { sample: on, redact: true }\nexporters: { prometheus: {} }')
})

test('components are switched off and named, and keep the order of the data path', async () => {
  const f = async (text: string, receivers: string, processors: string, folders: string, exporters: string) => {
    const { config } = await load(text)
    deepStrictEqual(
      [config.receivers, config.processors, config.folders, config.exporters].map(names),
      [receivers, processors, folders, exporters],
      text
    )
  }
  await f('processors: { enrich: {}, sample: {} }', 'otlp', 'sample,enrich', 'prometheus', '')
  await f('processors: { sample: off }\nexporters: { prometheus: false }', 'otlp', 'enrich', '', '')
  await f('processors: { sample: "${SAMPLE:-off}" }', 'otlp', 'enrich', 'prometheus', '')
  await f('receivers: { otlp: off, otlp/unix: { http: "unix:/run/s.sock", grpc: off } }', 'otlp/unix', 'sample,enrich', 'prometheus', '')
  await f(
    'exporters: { otlp/b: { endpoint: "http://b" }, otlp: { endpoint: "http://a" } }',
    'otlp',
    'sample,enrich',
    'prometheus',
    'otlp/b,otlp'
  )
  await f('exporters: { otlp: off }', 'otlp', 'sample,enrich', 'prometheus', '')
})

test('every kind of value is read, and shown as it was written', async () => {
  const loaded = await load(`
receivers:
  otlp: { http: [127.0.0.1:1, unix:/run/s.sock, off], grpc: "[::1]:2", bodyLimit: 1.5 MiB }
processors:
  sample: { traces: 25%, services: { billing: 1, "a b": 0.5 }, hashSeed: 7, strict: true }
  enrich: { attributes: { version: 1.10, build: 007, on: true, sum: 2026-07-28 } }
  redact: { keys: [a, 5], rules: [{ name: x }] }
queue: { sizeMax: 512Mi, ageMax: 1.5h, dir: /q }
`)
  const [otlp] = loaded.config.receivers
  const [sample, enrich] = loaded.config.processors
  deepStrictEqual(otlp.options.http, [{ host: '127.0.0.1', port: 1 }, { path: '/run/s.sock' }])
  deepStrictEqual(otlp.options.grpc, [{ host: '::1', port: 2 }])
  strictEqual(otlp.options.bodyLimit, 1.5 * 2 ** 20)
  deepStrictEqual(
    { ...sample.options, services: { ...sample.options.services } },
    { traces: 0.25, services: { billing: 1, 'a b': 0.5 }, hashSeed: 7, strict: true }
  )
  deepStrictEqual({ ...enrich.options.attributes }, { version: '1.10', build: '007', on: 'true', sum: '2026-07-28' })
  deepStrictEqual(loaded.config.redactor.options, { keys: ['a', '5'], mode: 'mask', rules: [{ name: 'x', weight: 1 }] })
  strictEqual(loaded.config.queue.sizeMax, 2 ** 29)
  strictEqual(loaded.config.queue.ageMax, 5_400_000)
  deepStrictEqual(settingIn(loaded, 'queue.sizeMax'), ['512Mi', 'file:8'])
  deepStrictEqual(settingIn(loaded, 'queue.memoryMax'), ['64MiB', 'default'])
  deepStrictEqual(settingIn(loaded, 'processors.enrich.attributes.version'), ['1.10', 'file:6'])
  deepStrictEqual(settingIn(loaded, 'processors.redact.keys'), [['a', '5'], 'file:7'])
  deepStrictEqual(settingIn(loaded, 'processors.redact.rules[0].weight'), [1, 'default'])
})

test('anchors, aliases and merges are what they stand for', async () => {
  const { config } = await load(`
exporters:
  otlp/a: &a { endpoint: "http://a", timeout: 1s }
  otlp/b: *a
  otlp/c: { <<: *a, timeout: 2s }
`)
  deepStrictEqual(
    config.exporters.map(({ options }) => [options.endpoint, options.timeout]),
    [
      ['http://a', 1000],
      ['http://a', 1000],
      ['http://a', 2000]
    ]
  )
})

test('variables are expanded and take the type of their option', async () => {
  const f = async (text: string, env: Env, expected: unknown, read: (loaded: Loaded) => unknown) =>
    deepStrictEqual(read(await load(text, env)), expected, text)
  const seed = ({ config }: Loaded) => config.processors[0].options.hashSeed
  const value = ({ config }: Loaded) => config.processors[1].options.attributes.a
  await f('processors: { sample: { hashSeed: "${N}" } }', { N: '12' }, 12, seed)
  await f('processors: { sample: { hashSeed: "1${N}" } }', { N: '2' }, 12, seed)
  await f('processors: { sample: { hashSeed: "${N:-5}" } }', {}, 5, seed)
  await f('processors: { sample: { hashSeed: "${N}" } }', { N: '' }, 0, seed)
  await f('processors: { sample: { strict: "${B}" } }', { B: 'true' }, true, ({ config }) => config.processors[0].options.strict)
  await f('processors: { enrich: { attributes: { a: "${A}" } } }', { A: '1.10' }, '1.10', value)
  await f('processors: { enrich: { attributes: { a: "${A}" } } }', { A: 'x: [y] # "z' }, 'x: [y] # "z', value)
  await f('processors: { enrich: { attributes: { a: "${A}" } } }', { A: '${B}' }, '${B}', value)
  await f('processors: { enrich: { attributes: { a: "${A:-}" } } }', { A: '' }, '', value)
  await f('processors: { enrich: { attributes: { a: "${A:-b}${C}" } } }', { A: '', C: 'c' }, 'bc', value)
  await f('processors: { enrich: { attributes: { a: "$${A} $x ^y$" } } }', {}, '${A} $x ^y$', value)
  await f(
    'exporters: { otlp: { endpoint: "http://c", token: "${T}" } }',
    { T: '0123' },
    '0123',
    ({ config }) => config.exporters[0].options.token
  )
  await f('queue: { dir: "${DIR:-}" }', {}, undefined, ({ config }) => config.queue.dir)
})

test('the environment fills what the file does not say', async () => {
  const env = { SLUICE_QUEUE_DIR: '/env', SLUICE_LOG_LEVEL: 'debug', SLUICE_SERVICE_HOST: '10.0.0.1' }
  const loaded = await load('queue: { ageMax: 1h }', env)
  deepStrictEqual(settingIn(loaded, 'queue.dir'), ['/env', 'env SLUICE_QUEUE_DIR'])
  deepStrictEqual(settingIn(loaded, 'queue.ageMax'), ['1h', 'file:1'])
  strictEqual(loaded.config.telemetry.log.level, 'debug')
  strictEqual((await load('queue: { dir: /file }', env)).config.queue.dir, '/file')
  strictEqual((await load('', { SLUICE_QUEUE_DIR: '' })).config.queue.dir, undefined)
  await rejects(
    load('', { SLUICE_LOG_LEVEL: 'loud' }),
    /^ConfigError: env SLUICE_LOG_LEVEL: telemetry\.log\.level: came "loud", expected debug/
  )
  const [misspelt] = (await load('', { SLUICE_QEUE_DIR: '/q' })).warnings
  strictEqual(misspelt, 'the environment variable SLUICE_QEUE_DIR is not used; did you mean SLUICE_QUEUE_DIR?')
})

test('SLUICE_CONFIG names the file unless an argument does', async () => {
  const other = join(dir, 'other.yaml')
  await writeFile(other, 'shutdownTimeout: 7s')
  strictEqual((await loadConfig({ env: { SLUICE_CONFIG: other }, definitions })).config.shutdownTimeoutMs, 7000)
  await writeFile(join(dir, 'sluice.yaml'), 'shutdownTimeout: 8s')
  strictEqual(
    (await loadConfig({ file: join(dir, 'sluice.yaml'), env: { SLUICE_CONFIG: other }, definitions })).config.shutdownTimeoutMs,
    8000
  )
})

const OTEL = {
  OTEL_EXPORTER_OTLP_ENDPOINT: 'http://env:4318',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20x%2Cy, tenant = a=b ,',
  OTEL_EXPORTER_OTLP_COMPRESSION: 'none',
  OTEL_EXPORTER_OTLP_TIMEOUT: '2500',
  OTEL_EXPORTER_OTLP_CERTIFICATE: '/ca.pem',
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://traces:4318/x'
}

test('OTEL_EXPORTER_OTLP_* switch the otlp exporter on', async () => {
  const loaded = await load('', OTEL)
  const [{ name, options }] = loaded.config.exporters
  strictEqual(name, 'otlp')
  deepStrictEqual(
    { ...options, headers: { ...options.headers } },
    {
      endpoint: 'http://env:4318',
      tracesEndpoint: 'http://traces:4318/x',
      headers: { authorization: 'Bearer x,y', tenant: 'a=b' },
      compression: 'none',
      timeout: 2500,
      tls: { caFile: '/ca.pem' }
    }
  )
  deepStrictEqual(settingIn(loaded, 'exporters.otlp.headers.authorization'), ['***', 'env OTEL_EXPORTER_OTLP_HEADERS'])
  strictEqual((await load('exporters: { otlp: {} }', OTEL)).config.exporters[0].options.endpoint, 'http://env:4318')
  strictEqual((await load('exporters: { otlp: { timeout: 1s } }', OTEL)).config.exporters[0].options.timeout, 1000)
  strictEqual((await load('exporters: { otlp/b: { endpoint: "http://b" } }', OTEL)).config.exporters.length, 2)
  strictEqual((await load('exporters: { otlp: off }', OTEL)).config.exporters.length, 0)
})

test('a variable that points workers at the gateway does not point the gateway at itself', async () => {
  const { config, warnings } = await load('', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://localhost:4318' })
  strictEqual(config.exporters.length, 0)
  match(
    warnings.join(),
    /OTEL_EXPORTER_OTLP_ENDPOINT leads to an address of the gateway itself \(receivers.otlp.http\): exporters.otlp stays off/
  )
})

test('what is served on the HTTP ports of others is told when there are none', async () => {
  const create = (): never => {
    throw new Error('made for its options only')
  }
  const http = addresses({ default: '127.0.0.1:4318', doc: 'Where.' })
  const own = flag({ default: true, doc: 'Whether.' })
  const receivers = [
    defineReceiver({ type: 'otlp', summary: 'A host.', options: { http }, takesGuests: ({ http }) => http.length > 0, create }),
    defineReceiver({ type: 'logs', summary: 'A guest.', options: { own }, guestBy: ({ own }) => (own ? 'own' : null), create })
  ]
  const f = async (text: string, expected: string[]): Promise<void> => {
    const file = join(dir, 'guests.yaml')
    await writeFile(file, text)
    const { warnings } = await loadConfig({ file, env: {}, definitions: { ...definitions, receivers } })
    deepStrictEqual(
      warnings.filter((warning) => warning.includes('is served on')),
      expected
    )
  }
  const WORDS = 'receivers.logs.own is served on the ports of receivers.otlp.http, and none is open: nothing comes in that way'
  await f('', [])
  await f('receivers: { otlp: { http: off } }', [WORDS])
  await f('receivers: { otlp: off }', [WORDS])
  await f('receivers: { otlp: { http: off }, logs: { own: false } }', [])
  await f('receivers: { otlp: { http: off }, otlp/b: {} }', [])
})

test('credentials of one destination do not go to another', async () => {
  const { config } = await load('exporters: { otlp: { endpoint: "http://file" } }', OTEL)
  const { endpoint, headers, tracesEndpoint, tls } = config.exporters[0].options
  deepStrictEqual([endpoint, { ...headers }, tracesEndpoint, tls], ['http://file', {}, undefined, {}])
})

test('variables that have no use are told', async () => {
  const f = async (env: Env, words: string) =>
    ok(
      (await load('', env)).warnings.some((warning) => warning.includes(words)),
      words
    )
  await f({ OTEL_EXPORTER_OTLP_HEADERS: 'a=b' }, 'OTEL_EXPORTER_OTLP_ENDPOINT is not')
  await f({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://c:4317', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, 'speaks http/protobuf')
  await rejects(
    load('', { ...OTEL, OTEL_EXPORTER_OTLP_HEADERS: 'hunter2' }),
    (error: Error) => /name=value/.test(error.message) && !/hunter2/.test(error.message)
  )
})

test('secrets are masked wherever they are said', async () => {
  const loaded = await load(
    `
exporters:
  otlp:
    endpoint: https://user:hunter2@c:4318/?api_key=hunter2&tenant=5
    token: "\${TOKEN}"
    headers: { Authorization: Bearer hunter2, x-api-key: hunter2, tenant: five }
telemetry: { sentry: { dsn: "https://hunter2@sentry.example/1" } }
`,
    { TOKEN: 'hunter2' }
  )
  ok(!JSON.stringify(loaded.settings).includes('hunter2'))
  deepStrictEqual(settingIn(loaded, 'exporters.otlp.endpoint'), ['https://***@c:4318/?api_key=***&tenant=5', 'file:4'])
  deepStrictEqual(settingIn(loaded, 'exporters.otlp.headers.tenant'), ['five', 'file:6'])
  strictEqual(loaded.config.exporters[0].options.token, 'hunter2')
})

test('sameOptions tells whether a component must be made again', async () => {
  const f = async (a: string, b: string, expected: boolean) =>
    strictEqual(sameOptions((await load(a)).config.exporters[0].options, (await load(b)).config.exporters[0].options), expected, b)
  const a = 'exporters: { otlp: { endpoint: "http://a", headers: { x: "1", y: "2" } } }'
  await f(a, 'exporters: { otlp: { headers: { y: "2", x: "1" }, endpoint: "http://a" } }', true)
  await f(a, 'exporters: { otlp: { endpoint: "http://a", timeout: 10000ms, headers: { x: "1", y: "2" } } }', true)
  await f(a, 'exporters: { otlp: { endpoint: "http://a", headers: { x: "1" } } }', false)
  await f(a, 'exporters: { otlp: { endpoint: "http://a", timeout: 9s, headers: { x: "1", y: "2" } } }', false)
})
