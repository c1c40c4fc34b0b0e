import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch } from '../../src/batch.ts'
import { LogEntry, type LogValue } from '../../src/logs/log-entry.ts'
import type { LogSource } from '../../src/logs/log-source.ts'
import { LogWriter } from '../../src/logs/log-writer.ts'
import { decode } from '../../src/otlp/decode.ts'
import type { AnyValue, KeyValue, LogRecord } from '../../src/otlp/objects.ts'

const source = (more: Partial<LogSource> = {}): LogSource => ({ resource: {}, attributes: {}, scope: 'test', format: 'auto', ...more })
const entryOf = (fields: Partial<LogEntry>, attributes: Record<string, LogValue> = {}): LogEntry => {
  const entry = new LogEntry()
  entry.reset(0)
  Object.assign(entry, fields)
  for (const [key, value] of Object.entries(attributes)) entry.add(key, value)
  return entry
}

const writer = new LogWriter()

function requestOf(...records: readonly (readonly [LogSource, LogEntry])[]) {
  writer.open()
  for (const [from, entry] of records) writer.add(from, entry)
  const promised = writer.bytes
  strictEqual(writer.items, records.length)
  const bytes = writer.close()
  ok(bytes.length <= promised && promised - bytes.length <= 100 * records.length, `${bytes.length} bytes, ${promised} promised`)
  strictEqual(parseBatch('logs', bytes).items, records.length)
  return decode('ExportLogsServiceRequest', bytes).resourceLogs ?? []
}

const recordOf = (entry: LogEntry): LogRecord => requestOf([source(), entry])[0].scopeLogs?.[0].logRecords?.[0] ?? {}
const bodyOf = (body: LogValue): AnyValue | undefined => recordOf(entryOf({ body })).body
const keysOf = (attributes: readonly KeyValue[] = []): (string | undefined)[] => attributes.map(({ key }) => key)

test('every field of an entry', () => {
  const entry = entryOf(
    {
      timeMs: 1795451928123,
      timeNanos: 456789,
      observedMs: 1795451929000,
      severityNumber: 17,
      severityText: 'error',
      body: 'ä text',
      eventName: 'e',
      traceId: '0AF7651916cd43dd8448eb211c80319c',
      spanId: 'b7ad6b7169203331',
      traceFlags: 1,
      droppedAttributes: 3
    },
    { a: 'x', b: 2 }
  )
  deepStrictEqual(recordOf(entry), {
    timeUnixNano: 1795451928123456789n,
    severityNumber: 17,
    severityText: 'error',
    body: { stringValue: 'ä text' },
    attributes: [
      { key: 'a', value: { stringValue: 'x' } },
      { key: 'b', value: { intValue: 2n } }
    ],
    droppedAttributesCount: 3,
    flags: 1,
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    observedTimeUnixNano: 1795451929000000000n,
    eventName: 'e'
  })
})

test('what is not there goes unwritten', () => {
  const body = { body: { stringValue: '' } }
  deepStrictEqual(recordOf(entryOf({})), body)
  deepStrictEqual(recordOf(entryOf({ timeMs: Number.NaN, severityNumber: 99, traceFlags: 1 })), body)
  deepStrictEqual(recordOf(entryOf({ timeMs: -5, observedMs: 1e300 })), body)
  deepStrictEqual(recordOf(entryOf({ traceId: '0'.repeat(32), spanId: 'x'.repeat(16) })), body)
})

test('times keep their nanoseconds', () => {
  const f = (timeMs: number, timeNanos: number): void =>
    strictEqual(recordOf(entryOf({ timeMs, timeNanos })).timeUnixNano, BigInt(timeMs) * 1_000_000n + BigInt(timeNanos))
  f(1, 0)
  f(1795451928123, 999_999)
  f(4_294_967_296, 1)
  f(67_108_863, 999_999)
  f(67_108_864, 0)
  f(18_446_744_072_999, 999_999)
})

test('values of every kind', () => {
  const f = (value: LogValue, expected: AnyValue): void => deepStrictEqual(bodyOf(value), expected)
  f('', { stringValue: '' })
  f('x'.repeat(47), { stringValue: 'x'.repeat(47) })
  for (const length of [48, 49, 100, 127, 128, 129, 16_383, 16_384, 300_000]) {
    f('x'.repeat(length), { stringValue: 'x'.repeat(length) })
    f(`${'x'.repeat(length)}😀`, { stringValue: `${'x'.repeat(length)}😀` })
  }
  f('half \ud800', { stringValue: 'half \ufffd' })
  f(true, { boolValue: true })
  f(false, { boolValue: false })
  f(0, { intValue: 0n })
  f(-1, { intValue: -1n })
  f(2 ** 53 - 1, { intValue: 9007199254740991n })
  f(2 ** 53, { doubleValue: 2 ** 53 })
  f(1.5, { doubleValue: 1.5 })
  f(-0, { doubleValue: -0 })
  f(Number.NaN, { doubleValue: Number.NaN })
  f(2n ** 63n - 1n, { intValue: 2n ** 63n - 1n })
  f(-(2n ** 63n), { intValue: -(2n ** 63n) })
  f(2n ** 63n, { stringValue: '9223372036854775808' })
  f(0n, { intValue: 0n })
  f(127n, { intValue: 127n })
  f(128n, { intValue: 128n })
  f(null, {})
  f(Uint8Array.of(1, 255), { bytesValue: Uint8Array.of(1, 255) })
  f([], { arrayValue: {} })
  f([1, [null]], { arrayValue: { values: [{ intValue: 1n }, { arrayValue: { values: [{}] } }] } })
  f({}, { kvlistValue: {} })
  f(
    { a: { b: 'c' } },
    { kvlistValue: { values: [{ key: 'a', value: { kvlistValue: { values: [{ key: 'b', value: { stringValue: 'c' } }] } } }] } }
  )
})

test('what lies too deep becomes text', () => {
  const nested = (depth: number): LogValue => (depth === 0 ? 1 : { a: nested(depth - 1) })
  const innermost = (value: AnyValue | undefined): AnyValue | undefined =>
    value?.kvlistValue?.values === undefined ? value : innermost(value.kvlistValue.values[0].value)
  deepStrictEqual(innermost(bodyOf(nested(24))), { intValue: 1n })
  deepStrictEqual(innermost(bodyOf(nested(26))), { stringValue: '{"a":{"a":1}}' })
  ok((innermost(bodyOf(nested(1000)))?.stringValue?.length ?? 0) < 1000)
})

test('records of one resource stand together, in order', () => {
  const one = source({ resource: { 'service.name': 'one', 'host.name': 'h' } })
  const sameAsOne = source({ resource: { 'service.name': 'one', 'host.name': 'h' }, attributes: { 'log.iostream': 'stderr' } })
  const two = source({ resource: { 'service.name': 'two' } })
  const text = (body: string): LogEntry => entryOf({ body })
  const groups = requestOf(
    [one, text('a')],
    [two, text('b')],
    [one, text('c')],
    [sameAsOne, text('d')],
    [one, entryOf({ body: 'e', serviceName: 'three' })],
    [two, text('f')]
  )
  deepStrictEqual(
    groups.map(({ resource, scopeLogs }) => [
      resource?.attributes?.map(({ key, value }) => `${key}=${value?.stringValue}`).sort(),
      scopeLogs?.map(({ scope, logRecords }) => [scope?.name, ...(logRecords ?? []).map(({ body }) => body?.stringValue)])
    ]),
    [
      [['host.name=h', 'service.name=one'], [['test', 'a', 'c', 'd']]],
      [['service.name=two'], [['test', 'b', 'f']]],
      [['host.name=h', 'service.name=three'], [['test', 'e']]]
    ]
  )
})

test('attributes of the source stand in each record, unless the record says otherwise', () => {
  const from = source({ attributes: { 'log.iostream': 'stdout', 'log.file.path': '/x' } })
  const f = (attributes: Record<string, LogValue>, keys: string[]): void =>
    deepStrictEqual(keysOf(requestOf([from, entryOf({}, attributes)])[0].scopeLogs?.[0].logRecords?.[0].attributes), keys)
  f({}, ['log.iostream', 'log.file.path'])
  f({ a: 1 }, ['a', 'log.iostream', 'log.file.path'])
  f({ 'log.iostream': 'stderr' }, ['log.iostream', 'log.file.path'])
})

test('a writer is used again and again, and its requests are its users’', () => {
  const first = requestOf([source(), entryOf({ body: 'x'.repeat(200_000) })], [source(), entryOf({ body: 'y' })])
  requestOf()
  requestOf([source(), entryOf({ body: 'z' })])
  deepStrictEqual(
    first.flatMap(({ scopeLogs }) => scopeLogs?.[0].logRecords?.map(({ body }) => body?.stringValue?.[0])),
    ['x', 'y']
  )
  writer.open()
  strictEqual(writer.close().length, 0)
})
