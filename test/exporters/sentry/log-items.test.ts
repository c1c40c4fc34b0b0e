import { deepStrictEqual, notDeepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { logItems } from '../../../src/exporters/sentry/log-items.ts'
import { fixedLogs, fixedTraces } from '../../../src/exporters/sentry/otlp-fixes.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { LogRecord } from '../../../src/otlp/objects.ts'
import { anyValueOf, attributesFrom, buildOf, envelopesOf, NOW_MS, NOW_NANO } from '../../support/sentry-build.ts'
import type { Json } from '../../support/sentry-json.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

const payloadsOf = (logRecords: LogRecord[], resource = {}, build = buildOf()) =>
  logItems([{ resource: { attributes: attributesFrom(resource) }, scopeLogs: [{ logRecords }] }], build)
const itemOf = (record: LogRecord, resource = {}): Json => {
  const [envelope] = envelopesOf(payloadsOf([record], resource))
  deepStrictEqual(envelope.problems, [])
  return envelope.items[0].json.items[0]
}

test('a log record with all it has', () => {
  const string = (value: string) => ({ value, type: 'string' })
  deepStrictEqual(
    itemOf(
      {
        timeUnixNano: NOW_NANO + 123_000n,
        severityNumber: 14,
        severityText: 'WARNING',
        body: { stringValue: 'queue is "long"' },
        traceId: TRACE,
        spanId: SPAN,
        eventName: 'queue.long',
        attributes: attributesFrom({ depth: 12, ratio: 0.5 })
      },
      { 'service.name': 'mux' }
    ),
    {
      timestamp: 1_700_000_000.000123,
      trace_id: TRACE,
      span_id: SPAN,
      level: 'warn',
      severity_number: 14,
      body: 'queue is "long"',
      attributes: {
        depth: { value: 12, type: 'integer' },
        ratio: { value: 0.5, type: 'double' },
        'sentry.origin': string('auto.log.otlp'),
        'event.name': string('queue.long'),
        'log.severity_text': string('WARNING'),
        'sentry.trace.parent_span_id': string(SPAN),
        'sentry.sdk.name': string('sluice'),
        'sentry.sdk.version': string('1.2.3'),
        'sentry.environment': string('production'),
        'service.name': string('mux')
      }
    }
  )
})

test('the level is that of the range, else of the word, else info', () => {
  const f = (severityNumber: number, severityText: string, expected: [string, number | undefined]): void => {
    const { level, severity_number } = itemOf({ severityNumber, severityText })
    deepStrictEqual([level, severity_number], expected)
  }
  f(1, '', ['trace', 1])
  f(8, '', ['debug', 8])
  f(9, 'error', ['info', 9])
  f(16, '', ['warn', 16])
  f(17, '', ['error', 17])
  f(24, '', ['fatal', 24])
  f(0, 'Error', ['error', 17])
  f(0, 'warning', ['warn', 13])
  f(25, '', ['info', undefined])
  f(0, 'constructor', ['info', undefined])
})

test('a body is text: maps and lists become JSON, and no body the name of the event', () => {
  const f = (body: unknown, expected: string): void =>
    deepStrictEqual(itemOf(body === undefined ? { eventName: 'started' } : { body: anyValueOf(body), eventName: 'started' }).body, expected)
  f('text', 'text')
  f({ msg: 'a', n: 1, list: [1, true] }, '{"msg":"a","n":1,"list":[1,true]}')
  f([1, 'a'], '[1,"a"]')
  f(42, '42')
  f(undefined, 'started')
  f('', 'started')
  f('y'.repeat(70_000), `${'y'.repeat(65_535)}…`)
})

test('a record without a trace: those of one correlation id belong together, any other stands alone, always in the same one', () => {
  const idOf = (record: LogRecord): string => itemOf(record, { 'service.name': 'a' }).trace_id
  const correlated = (id: string, body: string): LogRecord => ({
    body: { stringValue: body },
    attributes: attributesFrom({ 'correlation.id': id })
  })
  deepStrictEqual(idOf(correlated('r1', 'x')), idOf(correlated('r1', 'y')))
  notDeepStrictEqual(idOf(correlated('r1', 'x')), idOf(correlated('r2', 'x')))
  const plain: LogRecord = { timeUnixNano: NOW_NANO, body: { stringValue: 'x' } }
  deepStrictEqual(idOf(plain), idOf(plain))
  notDeepStrictEqual(idOf(plain), idOf({ ...plain, timeUnixNano: NOW_NANO + 1n }))
  deepStrictEqual(idOf({ traceId: TRACE }), TRACE)
  notDeepStrictEqual(idOf({ traceId: '0'.repeat(32) }), '0'.repeat(32))
})

test('a hundred records in a container, of any traces', () => {
  const records = Array.from({ length: 201 }, (_, i): LogRecord => ({ body: { stringValue: `${i}` }, timeUnixNano: NOW_NANO }))
  const payloads = payloadsOf(records)
  const envelopes = envelopesOf(payloads)
  deepStrictEqual(envelopes.flatMap(({ problems }) => problems), []) // biome-ignore format: short
  deepStrictEqual(
    envelopes.map(({ header, items }) => [items[0].header.item_count, header.trace]),
    [100, 100, 1].map((count) => [count, undefined])
  )
  deepStrictEqual(payloads.built.flatMap((each) => each.records), records) // biome-ignore format: short
})

test('logs for the intake of OTLP: what it would lose is put where it stays', () => {
  const f = (record: LogRecord, expected: LogRecord): void => {
    const bytes = encode('ExportLogsServiceRequest', { resourceLogs: [{ scopeLogs: [{ logRecords: [record] }] }] })
    deepStrictEqual(decode('ExportLogsServiceRequest', fixedLogs(bytes, NOW_MS)).resourceLogs, [
      { scopeLogs: [{ logRecords: [expected] }] }
    ])
  }
  const whole = { timeUnixNano: NOW_NANO, traceId: TRACE, body: { stringValue: 'x' } }
  f(whole, whole)
  f({ ...whole, body: anyValueOf({ a: 1 }) }, { ...whole, body: { stringValue: '{"a":1}' } })
  f({ ...whole, timeUnixNano: 0n, observedTimeUnixNano: 5n }, { ...whole, timeUnixNano: 5n, observedTimeUnixNano: 5n })
  f({ traceId: TRACE, body: { stringValue: 'x' } }, whole)
  f({ ...whole, eventName: 'e' }, { ...whole, eventName: 'e', attributes: attributesFrom({ 'event.name': 'e' }) })
  f({ ...whole, attributes: attributesFrom({ map: { a: 1 } }) }, { ...whole, attributes: attributesFrom({ map: '{"a":1}' }) })
})

test('spans for the intake of OTLP: their events become an attribute, maps become JSON', () => {
  const span = { traceId: TRACE, spanId: SPAN, attributes: attributesFrom({ map: { a: 1 }, list: [1] }), events: [{ name: 'retry' }] }
  const bytes = encode('ExportTraceServiceRequest', { resourceSpans: [{ scopeSpans: [{ spans: [span] }] }] })
  deepStrictEqual(decode('ExportTraceServiceRequest', fixedTraces(bytes, buildOf().trimmed)).resourceSpans![0].scopeSpans![0].spans, [
    { traceId: TRACE, spanId: SPAN, attributes: attributesFrom({ map: '{"a":1}', list: [1], 'span.events': '[{"name":"retry"}]' }) }
  ])
})
