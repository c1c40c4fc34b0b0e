import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../src/otlp/decode.ts'
import { encode } from '../../src/otlp/encode.ts'
import type { Draft, Objects } from '../../src/otlp/objects.ts'
import type { MessageName } from '../../src/otlp/schema.ts'

const f = <N extends MessageName>(message: N, object: Draft<Objects[N]>, expected: string): void =>
  strictEqual(encode(message, object).toString('hex'), expected.replaceAll(' ', ''))

test('encode writes each kind of field, lowest number first', () => {
  f('Span', {}, '')
  f('Span', { spanId: 'ee'.repeat(8), traceId: '5B'.repeat(16) }, `0a10 ${'5b'.repeat(16)} 1208 ${'ee'.repeat(8)}`)
  f('Span', { name: 'äa' }, '2a03 c3a461')
  f('Span', { name: '\ud800' }, '2a03 efbfbd')
  f('Span', { kind: 2 }, '3002')
  f('Span', { startTimeUnixNano: 0x8000000000000001n }, '39 0100000000000080')
  f('Span', { startTimeUnixNano: 2 ** 40 }, '39 0000000000010000')
  f('Span', { droppedAttributesCount: 4294967295 }, '50 ffffffff0f')
  f('Span', { flags: 0xff000101 }, '8501 010100ff')
  f('AnyValue', { intValue: -1n }, '18 ffffffffffffffffff01')
  f('AnyValue', { intValue: -1 }, '18 ffffffffffffffffff01')
  f('AnyValue', { intValue: 2 ** 35 }, '18 808080808001')
  f('AnyValue', { intValue: 2 ** 35 - 1 }, '18 ffffffff7f')
  f('AnyValue', { intValue: -(2n ** 63n) }, '18 80808080808080808001')
  f('AnyValue', { intValue: 2n ** 63n - 1n }, '18 ffffffffffffffff7f')
  f('AnyValue', { doubleValue: 1.5 }, '21 000000000000f83f')
  f('AnyValue', { bytesValue: Uint8Array.of(1, 255) }, '3a0201ff')
  f('AnyValue', { arrayValue: { values: [{}, {}] } }, '2a04 0a00 0a00')
  f('NumberDataPoint', { asInt: -1 }, '31 ffffffffffffffff')
  f('ExponentialHistogramDataPoint', { scale: -2 }, '3003')
  f('ExponentialHistogramDataPoint', { scale: -2147483648 }, '30 ffffffff0f')
  f('ExponentialHistogramDataPoint', { scale: 2147483647 }, '30 feffffff0f')
  f('Status', { code: -1 }, '18 ffffffffffffffffff01')
  f('Buckets', { bucketCounts: [1, 128n, 0] }, '1204 01 8001 00')
  f('HistogramDataPoint', { explicitBounds: [1.5, 0] }, '3a10 000000000000f83f 0000000000000000')
  f('ScopeProfiles', { profiles: [Uint8Array.of(8, 1)] }, '1202 0801')
  f('Opaque', Uint8Array.of(8, 1), '0801')
})

test('zeros go unwritten, except where presence counts', () => {
  f('Span', { name: '', traceId: '', kind: 0, startTimeUnixNano: 0n, flags: 0, attributes: [], status: undefined }, '')
  f('Span', { status: {} }, '7a00')
  f('Sum', { isMonotonic: false }, '')
  f('AnyValue', { stringValue: '' }, '0a00')
  f('AnyValue', { boolValue: false }, '1000')
  f('AnyValue', { intValue: 0 }, '1800')
  f('AnyValue', { bytesValue: new Uint8Array(0) }, '3a00')
  f('HistogramDataPoint', { sum: 0 }, '29 0000000000000000')
  f('SummaryDataPoint', { sum: 0 }, '')
  f('SummaryDataPoint', { sum: -0 }, '29 0000000000000080')
  f('EntityRef', { idKeys: ['', 'a'] }, '1a00 1a0161')
})

test('texts of every length survive', () => {
  for (const length of [0, 1, 47, 48, 49, 127, 128, 16_383, 16_384, 100_000, 3_000_000]) {
    for (const text of ['x'.repeat(length), `${'x'.repeat(length)}😀`, `ä${'x'.repeat(length)}`]) {
      const log = { body: { stringValue: text }, severityText: text }
      deepStrictEqual(decode('LogRecord', encode('LogRecord', log)), text === '' ? { body: { stringValue: '' } } : log)
    }
  }
})

test('what does not fit is an error, and the next call is none the worse', () => {
  const bad = <N extends MessageName>(message: N, object: Draft<Objects[N]>, expected: RegExp): void =>
    throws(() => encode(message, object), { name: 'RangeError', message: expected })
  bad('Span', { traceId: 'abcd' }, /an id of 4 characters, expected 32 hex digits/)
  bad('Span', { traceId: 'x'.repeat(32) }, /other characters/)
  bad('Span', { startTimeUnixNano: -1 }, /startTimeUnixNano: a number out of range for fixed64/)
  bad('Span', { startTimeUnixNano: 2n ** 64n }, /out of range/)
  bad('Span', { startTimeUnixNano: 1.5 }, /startTimeUnixNano: a number that is not whole/)
  bad('Span', { droppedEventsCount: 2 ** 32 }, /out of range/)
  bad('Span', { kind: Number.NaN }, /out of range/)
  bad('AnyValue', { intValue: 2n ** 63n }, /out of range/)
  bad('Buckets', { offset: -(2 ** 31) - 1 }, /out of range/)
  f('KeyValue', { key: 'a' }, '0a0161')
})
