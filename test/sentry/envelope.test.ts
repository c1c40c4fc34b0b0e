import { deepStrictEqual, ok, throws } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { RefusedError } from '../../src/errors.ts'
import { type Envelope, readEnvelope, writeEnvelope } from '../../src/sentry/envelope.ts'

const LIMITS = { itemsMax: 10, headerBytesMax: 1000 }
const read = (text: string): Envelope => readEnvelope(Buffer.from(text), LIMITS)
const shown = ({ header, items }: Envelope): unknown[] => [
  header,
  ...items.map((item) => [item.header.type, Buffer.from(item.payload).toString()])
]

test('an envelope is read with lengths and without', () => {
  const f = (text: string, ...expected: unknown[]): void => deepStrictEqual(shown(read(text)), expected)
  f('{}', {})
  f('{}\n', {})
  f('{"event_id":"a"}\n{"type":"event"}\n{"message":"hi"}', { event_id: 'a' }, ['event', '{"message":"hi"}'])
  f('{}\n{"type":"event","length":4}\na\nb\n\n', {}, ['event', 'a\nb\n'])
  f('{}\n{"type":"attachment","length":0}\n\n{"type":"event"}\n{}\n\n\n', {}, ['attachment', ''], ['event', '{}'])
  f('{}\n{"type":"event","length":2}\n{}', {}, ['event', '{}'])
  f('{}\n{"type":"session"}', {}, ['session', ''])
  f('{}\r\n{"type":"future"}\nx', {}, ['future', 'x'])
})

test('what is no envelope is refused with its place', () => {
  const f = (text: string, message: RegExp): void => throws(() => read(text), message)
  f('', /envelope header: expected a JSON object/)
  f('[]', /envelope header: expected a JSON object/)
  f('{}\nno', /item 0: header: expected a JSON object/)
  f('{}\n{"length":1}\na', /item 0: the header has no type/)
  f('{}\n{"type":"event","length":3}\nab', /item 0: 2 bytes are left, expected 3/)
  f('{}\n{"type":"event","length":1}\nab', /item 0: no line feed after 1 bytes/)
  f('{}\n{"type":"event","length":-1}\nab', /item 0: the length is not a whole number/)
  f('{}\n{"type":"event","length":1e400}\nab', /item 0: the length is not a whole number/)
  f(`{"a":"${'x'.repeat(1000)}"}`, /envelope header: more than 1000 bytes/)
  f(`{}\n${'{"type":"e"}\n{}\n'.repeat(11)}`, /more than 10 items/)
})

test('what was written is read', () => {
  const items = fc.array(
    fc.record({ header: fc.record({ type: fc.string({ minLength: 1 }), filename: fc.string() }), payload: fc.uint8Array() }),
    {
      maxLength: 10
    }
  )
  fc.assert(
    fc.property(fc.dictionary(fc.stringMatching(/^[a-z_]{1,9}$/), fc.string()), items, (header, all) => {
      const back = readEnvelope(writeEnvelope({ header, items: all }), LIMITS)
      deepStrictEqual({ ...back.header }, { ...header })
      deepStrictEqual(
        back.items.map((item) => [item.header.type, item.header.filename, [...item.payload]]),
        all.map((item) => [item.header.type, item.header.filename, [...item.payload]])
      )
    })
  )
})

test('any bytes are read or refused', () => {
  const line = fc.oneof(fc.constant('{}'), fc.constant('{"type":"event","length":2}'), fc.constant('{"type":"log"}'), fc.string())
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      try {
        readEnvelope(Buffer.from(lines.join('\n')), LIMITS)
      } catch (error) {
        ok(error instanceof RefusedError)
      }
    })
  )
})
