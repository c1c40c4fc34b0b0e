import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch } from '../../../src/batch.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { nextInteger } from '../../../src/processors/redact/seeker.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { redactorOf } from '../../support/redactor.ts'
import { Secrets } from '../../support/secrets.ts'

const S = new Secrets(47)
const TOKEN = S.tokens()['github-token']
const CARD = BigInt(`4111${'1'.repeat(12)}`)

const string = (stringValue: string): object => ({ stringValue })
const list = (...values: object[]): object => ({ arrayValue: { values } })
const map = (members: Record<string, object>): object => ({
  kvlistValue: { values: Object.entries(members).map(([key, value]) => ({ key, value })) }
})

// What is left of a value in an attribute, and in a body.
function after(value: object): unknown {
  const bytes = encode('ExportLogsServiceRequest', {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: value, attributes: [{ key: 'a', value }] }] }] }]
  } as never)
  const redactor = redactorOf()
  const batch = redactor.process(parseBatch('logs', bytes))
  strictEqual(parseBatch('logs', batch!.bytes).items, 1)
  strictEqual(redactor.process(batch!)?.bytes, batch?.bytes, 'the second time nothing changes')
  const record = decode('ExportLogsServiceRequest', batch!.bytes).resourceLogs?.[0].scopeLogs?.[0].logRecords?.[0]
  deepStrictEqual(record?.body, record?.attributes?.[0].value)
  return record?.body
}

test('a card number that was written as an integer becomes a marker; other integers stay', () => {
  const f = (value: bigint, isCard: boolean): void => {
    const marked = isCard ? string('[redacted:card]') : { intValue: value }
    deepStrictEqual(after({ intValue: value }), marked)
    deepStrictEqual(after(list({ intValue: 1n }, { intValue: value })), list({ intValue: 1n }, marked))
    deepStrictEqual(after(map({ n: { intValue: value }, m: { intValue: 7n } })), map({ n: marked, m: { intValue: 7n } }))
  }
  f(CARD, true)
  f(CARD + 1n, false)
  f(-CARD, false)
  f(3782822463100n * 100n + 5n, true) // 15 digits
  f(1_700_000_000_000n, false) // milliseconds
  f(1_700_000_000_000_000_000n, false)
  f(4_000_000_000_000_000_006n, false) // 19 digits: an id, whatever its check digit says
  f(0n, false)
  f(2n ** 63n - 1n, false)
  f(-(2n ** 63n), false)
})

test('nextInteger finds what could be a card among any other bytes', () => {
  const f = (bytes: number[], expected: number): void => strictEqual(nextInteger(Uint8Array.from(bytes), 0, bytes.length), expected)
  const more = (count: number): number[] => new Array(count).fill(0x80)
  for (let before = 0; before < 12; before++) {
    for (const count of [5, 6, 7]) f([...new Array(before).fill(1), 0x18, ...more(count), 1], before + 1)
    for (const count of [1, 4, 8, 9]) f([...new Array(before).fill(1), 0x18, ...more(count), 1], -1)
    f([...more(before), 0x17, ...more(6), 1], -1)
    f([...more(before), 1, 0x18, ...more(6), 1], before + 2)
  }
})

test('a name beside a value counts as its key', () => {
  const f = (members: Record<string, object>, expected: Record<string, object>): void => {
    deepStrictEqual(after(map(members)), map(expected))
    deepStrictEqual(after(list(map(members))), list(map(expected)))
  }
  const hidden = string('[redacted:api-key]')
  f({ name: string('API_KEY'), value: string('abc') }, { name: string('API_KEY'), value: hidden })
  f({ value: string('abc'), name: string('API_KEY') }, { value: hidden, name: string('API_KEY') })
  f({ Key: string('X-Api-Key'), Value: list(string('a'), string('b')) }, { Key: string('X-Api-Key'), Value: hidden })
  f({ name: string('API_KEY'), value: { intValue: 123456789n } }, { name: string('API_KEY'), value: hidden })
  f({ name: string('API_KEY'), value: string('') }, { name: string('API_KEY'), value: string('') })
  f({ name: string('MAX_TOKENS'), value: string('4096') }, { name: string('MAX_TOKENS'), value: string('4096') })
  f({ name: string('API_KEY'), other: string('kept') }, { name: string('API_KEY'), other: string('kept') })
})

test('an option in a list of arguments hides the argument behind it', () => {
  const f = (before: string[], after_: string[]): void => deepStrictEqual(after(list(...before.map(string))), list(...after_.map(string)))
  f(['run', '--password', 'abc', '--x', 'y'], ['run', '--password', '[redacted:password]', '--x', 'y'])
  f(['--api-key', 'a b', '-v'], ['--api-key', '[redacted:api-key]', '-v'])
  f(['--password', '--verbose'], ['--password', '--verbose'])
  f(['--password'], ['--password'])
  f(['--password=abc', 'x'], ['--password=[redacted:password]', 'x'])
  f(['--max-tokens', '12'], ['--max-tokens', '12'])
  f(['password', 'token', 'x'], ['password', 'token', 'x'])
  // An option that is too long is none, and what is left of it, a marker, is none either.
  f([`-${TOKEN}/${'x'.repeat(30)}_client_secret`, 'y'], [`-[redacted:github-token]/${'x'.repeat(30)}_client_secret`, 'y'])
})

// The lines of a key as they come from a file, one each.
function keyLines(label = 'RSA PRIVATE KEY'): string[] {
  const dashes = '-'.repeat(5)
  return [
    `${dashes}BEGIN ${label}${dashes}`,
    ...Array.from({ length: 12 }, () => S.base64(64)),
    `${S.base64(22)}==`,
    `${dashes}END ${label}${dashes}`
  ]
}

function records(bodies: object[], resource: string, scope = 's'): Buffer {
  return encode('ExportLogsServiceRequest', {
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'service.name', value: string(resource) }] },
        scopeLogs: [{ scope: { name: scope }, logRecords: bodies.map((body) => ({ body })) }]
      }
    ]
  } as never)
}

function bodies(bytes: Uint8Array): string[] {
  const { resourceLogs = [] } = decode('ExportLogsServiceRequest', bytes)
  return resourceLogs.flatMap(({ scopeLogs = [] }) =>
    scopeLogs.flatMap(({ logRecords = [] }) =>
      logRecords.map(
        ({ body }) => body?.stringValue ?? body?.kvlistValue?.values?.find(({ key }) => key === 'msg')?.value?.stringValue ?? ''
      )
    )
  )
}

test('a private key that comes line by line is hidden, however its records are cut into requests', () => {
  const redactor = redactorOf()
  const around = ['ready', ...keyLines(), 'done']
  const hidden = ['ready', around[1], ...around.slice(2, -2).map(() => '[redacted:private-key]'), around.at(-2), 'done']
  const send = (lines: string[], made: (line: string) => object): string[] =>
    bodies(redactor.process(parseBatch('logs', records(lines.map(made), 'w')))?.bytes ?? new Uint8Array(0))
  for (const made of [string, (line: string) => map({ level: string('info'), msg: string(line) })]) {
    for (const size of [1, 2, 5, around.length]) {
      const out: string[] = []
      for (let at = 0; at < around.length; at += size) out.push(...send(around.slice(at, at + size), made))
      deepStrictEqual(out, hidden, `${size} in a request`)
    }
  }
  const stamped = around.map((line, i) => `2026-11-23T10:00:${10 + i}Z stderr F ${line}`)
  const out = send(stamped, string)
  deepStrictEqual([out[0], out[1], out.at(-1)], [stamped[0], stamped[1], stamped.at(-1)])
  for (const line of out.slice(2, -3)) ok(line.endsWith('[redacted:private-key]'), line)
})

test('an open key holds for its own stream, for a while, and for so many lines', (t) => {
  t.mock.timers.enable({ apis: ['Date'], now: 1_700_000_000_000 })
  const redactor = redactorOf()
  const send = (lines: string[], resource: string, scope?: string): string[] =>
    bodies(redactor.process(parseBatch('logs', records(lines.map(string), resource, scope)))?.bytes ?? new Uint8Array(0))
  const [begin, line] = keyLines()
  const f = (resource: string, scope: string, isHidden: boolean): void =>
    deepStrictEqual(send([line], resource, scope), [isHidden ? '[redacted:private-key]' : line])
  send([begin], 'one', 'a')
  f('two', 'a', false)
  f('one', 'b', false)
  f('one', 'a', true)
  t.mock.timers.tick(61_000)
  f('one', 'a', false)
  send([begin], 'one', 'a')
  send(new Array(20).fill('meanwhile, something else'), 'one', 'a')
  f('one', 'a', false)
})

test('of too many open keys the oldest is given up, and counted', () => {
  const metrics = new Metrics()
  const redactor = redactorOf({}, metrics)
  const [begin] = keyLines()
  for (let i = 0; i < 300; i++) redactor.process(parseBatch('logs', records([string(begin)], `w${i}`)))
  const family = metrics.families().find(({ name }) => name === 'sluice_redact_key_streams_given_up_total')
  strictEqual(family?.samples[0]?.value, 300 - 256)
})

test('finds are counted by signal and place, in few words', () => {
  const metrics = new Metrics()
  const redactor = redactorOf({}, metrics)
  const attributes = [{ key: 'a', value: string(TOKEN) }]
  const resource = { attributes }
  const scope = { name: 's', attributes }
  const send = (signal: 'traces' | 'metrics' | 'logs', name: Parameters<typeof encode>[0], request: object): void =>
    void redactor.process(parseBatch(signal, encode(name, request as never)))
  const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
  const link = { ...ids, attributes, traceState: `a=${TOKEN.toLowerCase().replace('ghp', 'hf')}` }
  const spanOf = { ...ids, name: TOKEN, attributes, events: [{ name: TOKEN, attributes }], links: [link], status: { message: TOKEN } }
  send('traces', 'ExportTraceServiceRequest', { resourceSpans: [{ resource, scopeSpans: [{ scope, spans: [spanOf] }] }] })
  const point = { attributes, asInt: 1n, exemplars: [{ filteredAttributes: attributes, ...ids }] }
  send('metrics', 'ExportMetricsServiceRequest', {
    resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: 'm', description: TOKEN, gauge: { dataPoints: [point] } }] }] }]
  })
  send('logs', 'ExportLogsServiceRequest', {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ body: map({ a: string(TOKEN) }), attributes }] }] }]
  })
  const family = metrics.families().find(({ name }) => name === 'sluice_redactions_total')
  const seen = (family?.samples ?? []).map(({ labels, value }) => `${labels.signal} ${labels.place} ${value}`)
  for (const expected of [
    'traces resource 1',
    'traces scope 1',
    'traces name 1',
    'traces attribute 1',
    'traces event 2',
    'traces link 1',
    'traces status 1',
    'metrics name 1',
    'metrics label 1',
    'metrics exemplar 1',
    'logs body 1',
    'logs attribute 1'
  ])
    ok(seen.includes(expected), `${expected} among ${seen}`)
})
