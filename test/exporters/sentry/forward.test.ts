import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Build, Built } from '../../../src/exporters/sentry/context.ts'
import { TraceHeaders } from '../../../src/exporters/sentry/dsc.ts'
import { forwardedItems } from '../../../src/exporters/sentry/forward.ts'
import { forwardedTrace } from '../../../src/exporters/sentry/forward-trace.ts'
import { Trimmed } from '../../../src/exporters/sentry/limits.ts'
import { samplingOf } from '../../../src/exporters/sentry/sampling.ts'
import type { Settings } from '../../../src/exporters/sentry/settings.ts'
import type { KeyValue, LogRecord } from '../../../src/otlp/objects.ts'

const SETTINGS: Settings = {
  publicKey: 'realkey',
  organisation: '7',
  version: '1.0.0',
  environment: undefined,
  release: undefined,
  sendEmail: true,
  tags: []
}
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const EVENT_ID = 'c0ffee00c0ffee00c0ffee00c0ffee00'

const text = (key: string, value: string): KeyValue => ({ key, value: { stringValue: value } })

interface Item {
  readonly type: string
  readonly body?: unknown
  readonly header?: object
  /** Of the envelope. */
  readonly of?: object
  readonly id?: string
  readonly more?: Record<string, string>
  readonly attributes?: KeyValue[]
}

function recordOf({ type, body = {}, header = {}, of = {}, id = 'one', more = {}, attributes = [] }: Item): LogRecord {
  return {
    traceId: TRACE_ID,
    body: body instanceof Uint8Array ? { bytesValue: body } : { stringValue: typeof body === 'string' ? body : JSON.stringify(body) },
    attributes: [
      text('sentry.item.type', type),
      text('sentry.item.header', JSON.stringify({ type, ...header })),
      text('sentry.envelope.header', JSON.stringify(of)),
      text('sentry.envelope.id', id),
      text('sentry.public_key', 'workerkey'),
      ...Object.entries(more).map(([key, value]) => text(key, value)),
      ...attributes
    ]
  }
}

function forward(items: Item[], { resource = [] as KeyValue[], settings = SETTINGS } = {}): { built: readonly Built[]; rejected: number } {
  const build: Build = { settings, headers: new TraceHeaders(settings), trimmed: new Trimmed(), receivedAtMs: 0 }
  const logRecords = items.map(recordOf)
  const { built, rejected } = forwardedItems([{ resource: { attributes: resource }, scopeLogs: [{ logRecords }] }], build)
  return { built, rejected: [...rejected.values()].flat().length }
}

const typesOf = (items: Item[]): string[] => forward(items).built.map((one) => one.items.map(({ header }) => header.type).join(' '))
const payloadsOf = (items: Item[], options = {}) =>
  forward(items, options).built.flatMap((one) => one.items.map(({ payload }) => JSON.parse(Buffer.from(payload).toString())))

const RESOURCE = [
  text('k8s.pod.name', 'tts-0'),
  text('k8s.namespace.name', 'dubbing'),
  text('host.name', 'node-1'),
  text('hw.model', 'H100'),
  { key: 'gpu.memory.size', value: { intValue: BigInt(80 * 2 ** 30) } }
]

test('what came together goes together, as far as Sentry takes it so', () => {
  const f = (types: string, expected: string[]): void =>
    deepStrictEqual(typesOf(types.split(' ').map((type) => ({ type, body: { items: [] } }))), expected)
  f('event attachment user_report', ['event attachment user_report'])
  f('attachment attachment event', ['attachment attachment event'])
  f('transaction profile', ['transaction profile'])
  f('event transaction', ['event', 'transaction'])
  f('event event attachment', ['event attachment', 'event'])
  f('span span', ['span', 'span'])
  f('session event session', ['session session', 'event'])
  f('event client_report', ['client_report', 'event'])
  f('check_in', ['check_in'])
  f('replay_event replay_recording', ['replay_event replay_recording'])
  deepStrictEqual(typesOf([{ type: 'event' }, { type: 'event', id: 'two' }]), ['event', 'event'])
  deepStrictEqual(typesOf([{ type: 'client_report' }, { type: 'event', id: '2' }, { type: 'client_report', id: '3' }]), [
    'client_report client_report',
    'event'
  ])
})

test('headers are as they came, with the id only where it says something', () => {
  const sdk = { name: 'sentry.python', version: '2.0' }
  const f = (type: string, of: object, eventId: string | undefined, header: object): void => {
    const [one] = forward([{ type, of, body: { items: [] } }]).built
    deepStrictEqual([one.eventId, one.header], [eventId, header])
  }
  f('event', { event_id: EVENT_ID, sdk, other: 1 }, EVENT_ID, { sdk, other: 1 })
  f('attachment', { event_id: EVENT_ID }, EVENT_ID, {})
  f('log', { event_id: EVENT_ID, sdk }, undefined, { sdk })
  f('event', { event_id: EVENT_ID, sdk: 'broken' }, EVENT_ID, {})
  const [{ items }] = forward([{ type: 'attachment', header: { filename: 'a.log' }, body: Buffer.from([1, 2]) }]).built
  deepStrictEqual([items[0].header, Buffer.from(items[0].payload)], [{ type: 'attachment', filename: 'a.log' }, Buffer.from([1, 2])])
})

test('events are told of the GPU, the pod and the host; what they say themselves stays', () => {
  const [event] = payloadsOf(
    [
      {
        type: 'event',
        of: { event_id: EVENT_ID },
        body: { contexts: { gpu: { name: 'mine' }, device: { name: 'box' }, custom: { a: 1 } }, breadcrumbs: [{ message: 'x' }] },
        attributes: [{ key: 'gpu.memory.used', value: { intValue: 40n * 2n ** 30n } }]
      }
    ],
    { resource: RESOURCE }
  )
  strictEqual(event.event_id, EVENT_ID)
  strictEqual(event.server_name, 'tts-0')
  const { gpu, pod, device, custom } = event.contexts
  deepStrictEqual([gpu.name, gpu.memory_size, gpu.memory_used_bytes], ['mine', 81_920, 40 * 2 ** 30])
  deepStrictEqual([pod.name, pod.namespace, device.name, custom], ['tts-0', 'dubbing', 'box', { a: 1 }])
  deepStrictEqual(event.breadcrumbs, [{ message: 'x' }])
  strictEqual(payloadsOf([{ type: 'event', body: { server_name: 'own' } }], { resource: RESOURCE })[0].server_name, 'own')
})

test('a browser is not in the pod of the gateway', () => {
  const resource = [...RESOURCE, text('telemetry.sdk.language', 'webjs')]
  deepStrictEqual(payloadsOf([{ type: 'event', body: { a: 1 } }], { resource }), [{ a: 1 }])
})

test('spans, logs and metrics are told as attributes; types are right after redaction', () => {
  for (const type of ['span', 'log', 'trace_metric']) {
    const attributes = {
      'host.name': { value: 'own', type: 'string' },
      'db.password': { value: '[redacted:password]', type: '[redacted:password]' }
    }
    const [{ items }] = payloadsOf(
      [{ type, body: { version: 2, items: [{ trace_id: TRACE_ID, attributes }, { trace_id: TRACE_ID }, 7] } }],
      {
        resource: RESOURCE
      }
    )
    deepStrictEqual(items[0].attributes['host.name'], { value: 'own', type: 'string' })
    deepStrictEqual(items[0].attributes['db.password'], { value: '[redacted:password]', type: 'string' })
    deepStrictEqual(items[1].attributes['k8s.pod.name'], { value: 'tts-0', type: 'string' })
    deepStrictEqual(items[1].attributes['gpu.memory.size'], { value: 80 * 2 ** 30, type: 'integer' })
    strictEqual(items[2], 7)
  }
})

test('numbers stay to the last digit, whatever their size', () => {
  const f = (body: string): void => {
    const [{ items }] = forward([{ type: 'event', body }]).built
    strictEqual(Buffer.from(items[0].payload).toString().replace(',"contexts":{}', ''), body)
  }
  f('{"n":12345678901234567890,"f":0.1,"e":1e999,"text":"1234567890123456789"}')
  f('{"n":-9007199254740993,"__proto__":{"a":1}}')
})

test('users as they came, but for an address that nobody may take for theirs, and for e-mail where it may not leave', () => {
  const user = { id: '1', email: 'a@example.com', ip_address: '{{auto}}' }
  const f = (sendEmail: boolean, expected: object): void =>
    deepStrictEqual(payloadsOf([{ type: 'event', body: { user } }], { settings: { ...SETTINGS, sendEmail } })[0].user, expected)
  f(true, { id: '1', email: 'a@example.com' })
  f(false, { id: '1' })
})

test('what redaction has hidden as a whole is given up, and nothing else of its envelope', () => {
  const { built, rejected } = forward([
    { type: 'event', body: '[redacted:over-budget]' },
    { type: 'attachment', body: '[redacted:over-budget]' }
  ])
  strictEqual(rejected, 1)
  deepStrictEqual(
    built.map(({ items }) => items.length),
    [1]
  )
})

test('the trace of a container is told where all of it is of that trace', () => {
  const f = (ids: string[], expected: string | undefined): void => {
    const of = { trace: { trace_id: TRACE_ID, public_key: 'workerkey' } }
    const [{ trace }] = forward([{ type: 'log', of, body: { items: ids.map((trace_id) => ({ trace_id })) } }]).built
    strictEqual(trace?.trace_id, expected)
  }
  f([TRACE_ID, TRACE_ID], TRACE_ID)
  f([TRACE_ID, EVENT_ID], undefined)
  f([], undefined)
})

const decide = (threshold: string | undefined, ownKey = 'workerkey') => ({ threshold, randomness: undefined, ownKey })

test('the key of the worker becomes that of the project; keys of others stay', () => {
  const f = (public_key: string | undefined, expected: object): void =>
    deepStrictEqual(forwardedTrace({ trace_id: TRACE_ID, ...(public_key && { public_key }) }, undefined, decide(undefined), SETTINGS), {
      trace_id: TRACE_ID,
      ...expected
    })
  f('workerkey', { public_key: 'realkey', org_id: '7' })
  f(undefined, { public_key: 'realkey', org_id: '7' })
  f('frontend', { public_key: 'frontend' })
})

test('what was sampled has a context, even where the SDK gave none', () => {
  const more = { 'sampling.threshold': '8' }
  const body = { items: [{ trace_id: TRACE_ID }] }
  const sampled = { ...more, 'sentry.item.sampled_quantities': 'span:1' }
  const [one] = forward([{ type: 'span', body, more: sampled }]).built
  deepStrictEqual([one.trace?.sample_rate, one.trace?.sampled], ['0.5', 'true'])
  strictEqual(forward([{ type: 'log', body, more }]).built[0].trace, undefined)
})

test('property: the context says what was kept, at which rate, and the same for every part of a trace', () => {
  const hex = (digits: number) => fc.stringMatching(new RegExp(`^[0-9a-f]{${digits}}$`))
  const share = fc.double({ min: 1e-12, max: 1, noNaN: true })
  fc.assert(
    fc.property(
      hex(14),
      fc.oneof(fc.constant('0'), hex(1), hex(4), hex(14)),
      share,
      fc.nat({ max: 999_999 }),
      (bits, threshold, theirs, part) => {
        const traceId = `a${'0'.repeat(17)}${bits}`
        const rand = part / 1e6
        const keptByClient = rand < theirs
        const given = { trace_id: traceId, sample_rate: String(theirs), sample_rand: String(rand), sampled: String(keptByClient) }
        const context = forwardedTrace(given, traceId, decide(threshold), SETTINGS)!
        const [rate, random] = [Number(context.sample_rate), Number(context.sample_rand)]
        const isKept = keptByClient && bits >= threshold.padEnd(14, '0')
        ok(rate >= 0 && rate <= 1 && random >= 0 && random < 1, JSON.stringify(context))
        strictEqual(context.sampled, String(isKept))
        strictEqual(random < rate, isKept, JSON.stringify(context))
        // Of an SDK that keeps all, the same as spans of OTLP say.
        const otlp = samplingOf(`ot=th:${threshold}`, traceId)
        const whole = forwardedTrace({ ...given, sample_rate: '1', sampled: 'true' }, traceId, decide(threshold), SETTINGS)!
        if (otlp.rate !== undefined) deepStrictEqual([Number(whole.sample_rate), Number(whole.sample_rand)], [otlp.rate, otlp.random])
        deepStrictEqual(forwardedTrace(given, traceId, decide(threshold), SETTINGS), context)
      }
    ),
    { numRuns: 2000 }
  )
})

test('nothing is kept: the rate is 0', () => {
  const { sample_rate, sampled } = forwardedTrace({ trace_id: TRACE_ID, sample_rate: '1' }, undefined, decide('never'), SETTINGS)!
  deepStrictEqual([sample_rate, sampled], ['0', 'false'])
})
