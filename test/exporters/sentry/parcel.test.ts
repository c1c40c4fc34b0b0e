import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { limitedBy, quantitiesOf } from '../../../src/exporters/sentry/categories.ts'
import { Destination, Origin } from '../../../src/exporters/sentry/destinations.ts'
import { EnvelopeParcel, type Piece } from '../../../src/exporters/sentry/parcel.ts'
import { parseDsn } from '../../../src/sentry/dsn.ts'
import { readEnvelope } from '../../../src/sentry/envelope.ts'

const TO = new Destination(parseDsn('https://key@sentry.example/1'), new Origin('sentry.example'))

const item = (type: string, content: object | string, more: object = {}) => ({
  header: { type, ...more },
  payload: Buffer.from(typeof content === 'string' ? content : JSON.stringify(content))
})
const piece = (of: ReturnType<typeof item>, ...records: number[]): Piece => ({ item: of, records, quantities: quantitiesOf(of) })

test('what Sentry counts an item as, and whose limits hold for it', () => {
  const f = (of: ReturnType<typeof item>, quantities: [string, number][], limited: string[]): void => {
    deepStrictEqual(quantitiesOf(of), quantities)
    deepStrictEqual(limitedBy(quantitiesOf(of)), limited)
  }
  f(item('event', { exception: { values: [] } }), [['error', 1]], ['error'])
  f(item('event', { message: '"exception":' }), [['default', 1]], ['default'])
  f(
    item('transaction', { spans: [{}, {}] }),
    [
      ['transaction', 1],
      ['span', 3]
    ],
    ['transaction']
  )
  f(item('span', {}, { item_count: 7 }), [['span', 7]], ['span'])
  f(
    item('log', '12345', { item_count: 2 }),
    [
      ['log_item', 2],
      ['log_byte', 5]
    ],
    ['log_item', 'log_byte']
  )
  f(item('attachment', '12345'), [['attachment', 5]], ['attachment'])
  f(item('check_in', {}), [['monitor', 1]], ['monitor'])
  f(item('client_report', {}), [['internal', 1]], ['internal'])
  f(item('constructor', {}), [['default', 1]], ['default'])
  f(item('event', 'no JSON'), [['default', 1]], ['default'])
})

test('a parcel is halved by its items, then inside of a container, down to one record', () => {
  const logs = piece(item('log', { version: 2, items: ['a', 'b', 'c'] }, { item_count: 3 }), 4, 5, 6)
  const f = (pieces: Piece[], expected: [number[], string[]][]): void =>
    deepStrictEqual(
      new EnvelopeParcel(TO, {}, pieces)
        .halves()
        .map((half) => [
          half.records,
          readEnvelope(Buffer.from(half.body(0)), { itemsMax: 9, headerBytesMax: 999 }).items.map(
            ({ header, payload }) => `${header.item_count ?? header.type} ${Buffer.from(payload)}`
          )
        ]),
      expected
    )
  f(
    [logs],
    [
      [[4, 5], ['2 {"version":2,"items":["a","b"]}']],
      [[6], ['1 {"version":2,"items":["c"]}']]
    ]
  )
  f(
    [piece(item('event', {}), 1), piece(item('attachment', 'x'), 2), piece(item('attachment', 'y'), 3)],
    [
      [[1], ['event {}']],
      [
        [2, 3],
        ['attachment x', 'attachment y']
      ]
    ]
  )
  f([piece(item('event', {}), 1)], [])
  f([piece(item('transaction', { items: [1, 2] }), 1, 2)], [])
})

test('what is limited is sorted out of what is not', () => {
  const parcel = new EnvelopeParcel(TO, {}, [piece(item('event', {}), 1), piece(item('attachment', 'x'), 2)])
  const f = (limited: string[], expected: number[][]): void =>
    deepStrictEqual(
      parcel.sort((quantities) => quantities.some(([category]) => limited.includes(category))).map(({ records }) => records),
      expected
    )
  f(['attachment'], [[1], [2]])
  f(['default'], [[2], [1]])
  f(['attachment', 'default'], [])
  f([], [])
})

test('the time of sending is that of each sending', () => {
  const parcel = new EnvelopeParcel(TO, { event_id: 'a' }, [piece(item('event', {}), 1)])
  for (const ms of [0, 1_700_000_000_000]) {
    const { header } = readEnvelope(Buffer.from(parcel.body(ms)), { itemsMax: 9, headerBytesMax: 999 })
    strictEqual(header.sent_at, new Date(ms).toISOString())
  }
})
