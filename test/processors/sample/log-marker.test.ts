import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { AnyValue, Draft } from '../../../src/otlp/objects.ts'
import { sample } from '../../../src/processors/sample/sample.ts'
import { host } from '../../support/host.ts'

// 10 % keeps what is not below e666.
const KEPT = '0af7651916cd43dd84e6660000000000'
const CUT = '0af7651916cd43dd84e665ffffffffff'

type Attributes = Readonly<Record<string, Draft<AnyValue>>>
const text = (stringValue: string): Draft<AnyValue> => ({ stringValue })

function batchOf(service: string, traceId: string | undefined, attributes: Attributes): Batch {
  const list = Object.entries(attributes).map(([key, value]) => ({ key, value }))
  const resource = { attributes: [{ key: 'service.name', value: { stringValue: service } }] }
  const logRecords = [traceId === undefined ? { attributes: list } : { traceId, attributes: list }]
  return parseBatch('logs', encode('ExportLogsServiceRequest', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }))
}

/** What trace.sampled says of a record that passes; undefined where it is absent. */
function marks(options: object, traceId: string | undefined, attributes: Attributes = {}, service = 'worker'): (boolean | undefined)[] {
  const processor = sample.create(z.strictObject(sample.options).parse(options), host())
  const left = processor.process(batchOf(service, traceId, attributes))
  if (left === null) return []
  strictEqual(parseBatch('logs', left.bytes).items, 1)
  const [record] = decode('ExportLogsServiceRequest', left.bytes).resourceLogs![0].scopeLogs![0].logRecords!
  return (record.attributes ?? []).filter(({ key }) => key === 'trace.sampled').map(({ value }) => value?.boolValue)
}

test('a log record of a trace says whether the trace is kept', () => {
  deepStrictEqual(marks({}, KEPT), [true])
  deepStrictEqual(marks({}, CUT), [false])
  deepStrictEqual(marks({ traces: '50%' }, CUT), [true])
  deepStrictEqual(marks({ traces: '0%' }, KEPT), [false])
  deepStrictEqual(marks({ mode: 'hash_seed', traces: '99.99%' }, KEPT), [true])
})

test('by the share of its service', () => {
  const services = { billing: '100%', test: '0%' }
  deepStrictEqual(marks({ services }, CUT, {}, 'billing'), [true])
  deepStrictEqual(marks({ services }, KEPT, {}, 'test'), [false])
  deepStrictEqual(marks({ services }, CUT, {}, 'worker'), [false])
})

test('a trace that goes with its correlation id counts where it has none of its own', () => {
  deepStrictEqual(marks({}, undefined, { 'correlation.trace_id': text(KEPT) }), [true])
  deepStrictEqual(marks({}, undefined, { 'correlation.trace_id': text(CUT) }), [false])
  deepStrictEqual(marks({}, CUT, { 'correlation.trace_id': text(KEPT) }), [false])
  for (const wrong of [text('abc'), text('x'.repeat(32)), text('0'.repeat(32)), { intValue: 7 }, {}])
    deepStrictEqual(marks({}, undefined, { 'correlation.trace_id': wrong }), [])
})

test('nothing is said outside of traces, while all traces are kept, where it was said before, or if so told', () => {
  deepStrictEqual(marks({}, undefined), [])
  deepStrictEqual(marks({}, '0'.repeat(32)), [])
  deepStrictEqual(marks({ traces: '100%' }, KEPT), [])
  deepStrictEqual(marks({ markLogs: false }, KEPT), [])
  deepStrictEqual(marks({}, KEPT, { 'trace.sampled': { boolValue: false } }), [false])
})

test('of logs that are cut as their traces, those that are left are marked', () => {
  deepStrictEqual(marks({ logs: '10%' }, KEPT), [true])
  deepStrictEqual(marks({ logs: '10%' }, CUT), [])
  deepStrictEqual(marks({ logs: '50%' }, CUT), [false])
})
