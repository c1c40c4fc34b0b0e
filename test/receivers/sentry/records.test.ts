import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { EnvelopeReader } from '../../../src/receivers/sentry/records.ts'
import { readEnvelope } from '../../../src/sentry/envelope.ts'
import { redactorOf } from '../../support/redactor.ts'
import { EVENT_ID, envelopeOf, readRecords, TRACE_ID } from './support.ts'

const ADDRESS = { project: '42', publicKey: 'key' }
const redact = (value: string): string => value.replace(/token=\S+/g, 'token=[redacted]')
const ALL = { attachments: 'all', attachmentBytesMax: 1024 * 1024, redact } as const
const LIMITS = { itemsMax: 1000, headerBytesMax: 65_536 }
const NOW_MS = 1_763_913_600_000

const readerOf = (bytes: Buffer): EnvelopeReader => new EnvelopeReader(readEnvelope(bytes, LIMITS), ADDRESS, ALL, NOW_MS)
const recordsOf = (bytes: Buffer) => {
  const batch = readerOf(bytes).batch(undefined)
  return batch === null ? [] : readRecords(batch.bytes)
}

const TYPES = ['event', 'transaction', 'span', 'log', 'profile', 'session', 'client_report', 'attachment', 'new'] as const

test('whatever is in an envelope: every item becomes a record or is told of, and nothing throws', () => {
  const id = fc.constantFrom(TRACE_ID, EVENT_ID, 'x', 7, null, '0'.repeat(32))
  const odd = fc.oneof(fc.jsonValue(), id)
  const content = fc.record(
    {
      event_id: odd,
      timestamp: fc.oneof(odd, fc.double(), fc.constantFrom('2026-01-01T00:00:00Z', '2026-01-01', 1e300, -1)),
      level: odd,
      contexts: fc.oneof(odd, fc.record({ trace: fc.oneof(odd, fc.record({ trace_id: id, span_id: odd, status: odd })), otel: odd })),
      transaction: fc.oneof(odd, fc.record({ trace_id: id })),
      spans: fc.oneof(odd, fc.array(odd)),
      items: fc.oneof(
        odd,
        fc.array(fc.oneof(odd, fc.record({ trace_id: id, status: fc.constantFrom('ok', 'error') })), { maxLength: 100 })
      ),
      sdk: fc.oneof(odd, fc.record({ name: odd, version: odd }))
    },
    { requiredKeys: [] }
  )
  const payload = fc.oneof(content, odd, fc.uint8Array({ maxLength: 40 }))
  const header = fc.record(
    { event_id: odd, sent_at: odd, dsn: odd, sdk: odd, trace: fc.oneof(odd, fc.record({ trace_id: id })) },
    { requiredKeys: [] }
  )
  fc.assert(
    fc.property(header, fc.array(fc.tuple(fc.constantFrom(...TYPES), payload), { maxLength: 6 }), (envelope, items) => {
      const reader = readerOf(envelopeOf(envelope, ...items.map(([type, body]) => [{ type }, body] as const)))
      const batch = reader.batch(undefined)
      const records = batch === null ? [] : readRecords(batch.bytes)
      strictEqual(reader.taken.length + reader.dropped.length, items.length)
      const spans = records.filter(({ type }) => type === 'span')
      ok(records.length - spans.length >= reader.taken.filter((type) => type !== 'span').length)
      ok(spans.length >= reader.taken.filter((type) => type === 'span').length)
      for (const { traceId = TRACE_ID, quantities, severity } of records) {
        ok(/^[0-9a-f]{32}$/.test(traceId) && !/^0*$/.test(traceId))
        ok(quantities === undefined || /^[a-z_]+:\d+(;[a-z_]+:\d+)*$/.test(quantities))
        ok(severity! >= 1 && severity! <= 24)
      }
    }),
    { numRuns: 400 }
  )
})

test('payloads that are nested as deep as they can be', () => {
  const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`
  const f = (type: string, text: string): void =>
    deepStrictEqual(
      recordsOf(envelopeOf({}, [{ type }, text])).map((record) => [record.type, record.quantities, record.body === text]),
      [[type, undefined, true]]
    )
  f('event', `{"extra":${deep}}`)
  f('span', `{"items":[{"trace_id":"${TRACE_ID}","status":"ok","x":${deep}},{"trace_id":"${EVENT_ID}"}]}`)
})

test('payloads stay as they were, to the last digit', () => {
  const text = '{"event_id" : "c0ffee00c0ffee00c0ffee00c0ffee00", "timestamp":1763913600.10, "extra":{"n":12345678901234567890, "é":1e2}}'
  strictEqual(recordsOf(envelopeOf({}, [{ type: 'event' }, text]))[0].body, text)
})

test('the time of a record is that of its event, where that is one', () => {
  const f = (timestamp: unknown, expected: number): void =>
    strictEqual(recordsOf(envelopeOf({}, [{ type: 'event' }, { timestamp }]))[0].seconds, expected)
  f(1_700_000_000.25, 1_700_000_000.25)
  f('2023-11-14T22:13:20.500Z', 1_700_000_000.5)
  f('2023-11-14T22:13:20.500', 1_700_000_000.5)
  f('2023-11-14T23:13:20+01:00', 1_700_000_000)
  f('yesterday', NOW_MS / 1000)
  f(-1, NOW_MS / 1000)
  f(1e300, NOW_MS / 1000)
  f(undefined, NOW_MS / 1000)
})

test('a parameter that redaction takes out of its message is no secret beside it either', () => {
  const f = (type: string, payload: object, expected: object): void =>
    deepStrictEqual(JSON.parse(recordsOf(envelopeOf({}, [{ type }, payload]))[0].body as string), expected)
  const log = (body: string, ...values: unknown[]) => ({
    items: [
      { body, attributes: Object.fromEntries(values.map((value, i) => [`sentry.message.parameter.${i}`, { value, type: 'string' }])) },
      'odd',
      { body: 1 }
    ]
  })
  f('log', log('user bob with token=abcdef', 'bob', 'abcdef'), log('user bob with token=abcdef', 'bob', '[redacted:parameter]'))
  f('log', log('token=123456', 123_456), log('token=123456', '[redacted:parameter]'))
  f('log', log('nothing of that', 'abcdef'), log('nothing of that', 'abcdef'))
  const event = (logentry: object) => ({ logentry })
  const hidden = '[redacted:parameter]'
  f('event', event({ message: '%s token=%s', params: ['bob', 'abcdef'] }), event({ message: '%s token=%s', params: ['bob', hidden] }))
  f('event', event({ message: 'token=%(t)s', params: { t: 'abcdef' } }), event({ message: 'token=%(t)s', params: { t: hidden } }))
  f('event', event({ message: 'token={}', params: ['abcdef'] }), event({ message: 'token={}', params: [hidden] }))
  f('event', event({ formatted: 'token=abcdef', params: ['abcdef'] }), event({ formatted: 'token=abcdef', params: [hidden] }))
  f('event', event({ message: 'hello %s', params: ['world', null, {}] }), event({ message: 'hello %s', params: ['world', null, {}] }))
})

test('a key in a list of pairs tells of the value beside it', () => {
  const redactor = redactorOf()
  const settings = { ...ALL, redact: (value: string) => redactor.text(value) }
  const f = (event: object, expected: object): void => {
    const reader = new EnvelopeReader(readEnvelope(envelopeOf({}, [{ type: 'event' }, event]), LIMITS), ADDRESS, settings, NOW_MS)
    deepStrictEqual(JSON.parse(readRecords(reader.batch(undefined)!.bytes)[0].body as string), expected)
  }
  f(
    {
      tags: [
        ['stage', 'tts'],
        ['api_key', 'hunter2hunter2']
      ],
      request: { headers: [['Authorization', 'Basic dXNlcjpwYXNzd29yZA==']] }
    },
    {
      tags: [
        ['stage', 'tts'],
        ['api_key', '[redacted:api-key]']
      ],
      request: { headers: [['Authorization', 'Basic [redacted:authorization]']] }
    }
  )
  f(
    { request: { cookies: [['session', 'abcdef123456']], query_string: [['password', 'xyzzy42'], 'odd', ['a']] } },
    {
      request: { cookies: [['session', '[redacted:cookie]']], query_string: [['password', '[redacted:password]'], 'odd', ['a']] }
    }
  )
  f({ tags: [['stage', 'tts']] }, { tags: [['stage', 'tts']] })
})
