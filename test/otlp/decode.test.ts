import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { decode } from '../../src/otlp/decode.ts'
import type { Objects } from '../../src/otlp/objects.ts'
import type { MessageName } from '../../src/otlp/schema.ts'

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex')
const f = <N extends MessageName>(message: N, bytes: string, expected: Objects[N]): void =>
  deepStrictEqual(decode(message, hex(bytes)), expected)

test('decode reads each kind of field', () => {
  f('Span', '', {})
  f('Span', `0a10 ${'5b'.repeat(16)} 1208 ${'ee'.repeat(8)}`, { traceId: '5b'.repeat(16), spanId: 'ee'.repeat(8) })
  f('Span', '2a03 c3a461', { name: 'äa' })
  f('Span', '3002', { kind: 2 })
  f('Span', '39 0100000000000080', { startTimeUnixNano: 0x8000000000000001n })
  f('Span', '50 ffffffff0f', { droppedAttributesCount: 4294967295 })
  f('Span', '8501 010100ff', { flags: 0xff000101 })
  f('Span', '7a021802', { status: { code: 2 } })
  f('AnyValue', '1001', { boolValue: true })
  f('AnyValue', '1000', { boolValue: false })
  f('AnyValue', '18 ffffffffffffffffff01', { intValue: -1n })
  f('AnyValue', '18 80808080808080808001', { intValue: -9223372036854775808n })
  f('AnyValue', '18 ffffffffffffffff7f', { intValue: 9223372036854775807n })
  f('AnyValue', '21 000000000000f83f', { doubleValue: 1.5 })
  f('AnyValue', '3a0201ff', { bytesValue: Uint8Array.of(1, 255) })
  f('AnyValue', '2a04 0a00 0a00', { arrayValue: { values: [{}, {}] } })
  f('NumberDataPoint', '31 ffffffffffffffff', { asInt: -1n })
  f('ExponentialHistogramDataPoint', '3003', { scale: -2 })
  f('ExponentialHistogramDataPoint', '30 ffffffff0f', { scale: -2147483648 })
  f('Status', '18 ffffffffffffffffff01', { code: -1 })
  f('ScopeProfiles', '1202 0801', { profiles: [Uint8Array.of(8, 1)] })
  f('Opaque', '0801', Uint8Array.of(8, 1))
})

test('lists of numbers come packed, one by one, and mixed', () => {
  f('Buckets', '1204 01 8001 02', { bucketCounts: [1n, 128n, 2n] })
  f('Buckets', '1001 10 8001 1002', { bucketCounts: [1n, 128n, 2n] })
  f('Buckets', '1001 1201 02 1003 1200', { bucketCounts: [1n, 2n, 3n] })
  f('Buckets', '120a ffffffffffffffffff01', { bucketCounts: [0xffffffffffffffffn] })
  f('Buckets', '1205 ffffffff7f', { bucketCounts: [0x7ffffffffn] })
  f('HistogramDataPoint', '3210 0100000000000000 ffffffffffffffff', { bucketCounts: [1n, 0xffffffffffffffffn] })
  f('HistogramDataPoint', '39 000000000000f83f 39 0000000000000000', { explicitBounds: [1.5, 0] })
})

test('of a field that comes twice the last counts, messages merge, lists grow', () => {
  f('Span', '2a0161 2a0162', { name: 'b' })
  f('Span', '2a0161 2a00', { name: '' })
  f('Span', '7a021802 7a0312016d', { status: { code: 2, message: 'm' } })
  f('Resource', '1a03 1a0161 1a03 1a0162', { entityRefs: [{ idKeys: ['a'] }, { idKeys: ['b'] }] })
})

test('of a oneof the last member stays', () => {
  f('AnyValue', '0a0161 1801', { intValue: 1n })
  f('AnyValue', '1801 0a0161 0a0162', { stringValue: 'b' })
  f('AnyValue', '2a02 0a00 1801 2a00', { arrayValue: {} })
  f('AnyValue', '2a02 0a00 2a02 0a00', { arrayValue: { values: [{}, {}] } })
  f('Metric', '2a00 3a021001', { sum: { aggregationTemporality: 1 } })
})

test('unknown fields of every wire type are passed over', () => {
  f('KeyValue', '1805 fa3f0161 f93f 0102030405060708 fd3f 01020304 0a0161', { key: 'a' })
})

test('decode reads a part of a larger memory, and leaves nothing shared with it', () => {
  const memory = hex('ffff 3a0201ff ffff')
  const value = decode('AnyValue', memory.subarray(1), 1, 5)
  memory.fill(0)
  deepStrictEqual(value, { bytesValue: Uint8Array.of(1, 255) })
  strictEqual(value.bytesValue?.buffer.byteLength, 2)
})
