import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import type { Processor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { AnyValue, Draft, KeyValue } from '../../../src/otlp/objects.ts'
import { correlate } from '../../../src/processors/correlate/correlate.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'

type Signal = 'traces' | 'logs'
/** A record: its trace, and its attributes. */
type Given = readonly [trace: string | null, attributes: Readonly<Record<string, string | Draft<AnyValue>>>]
type Told = Record<string, unknown>

const A = 'a'.repeat(32)
const B = 'b'.repeat(32)
const traceOf = (i: number): string => (i + 1).toString(16).padStart(32, '0')
const UUID = '6f1c9d1e-0c3f-4a51-9d5b-1f2f3c4d5e6f'

let metrics = new Metrics()

function open(options: object = {}): Processor {
  metrics = new Metrics()
  return correlate.create(z.strictObject(correlate.options).parse(options), host({ metrics }))
}

function batchOf(signal: Signal, given: readonly Given[]): Batch {
  const records = given.map(([traceId, attributes]) => ({
    ...(traceId === null ? {} : { traceId }),
    attributes: Object.entries(attributes).map(([key, value]): Draft<KeyValue> => {
      return { key, value: typeof value === 'string' ? { stringValue: value } : value }
    })
  }))
  const bytes =
    signal === 'logs'
      ? encode('ExportLogsServiceRequest', { resourceLogs: [{ scopeLogs: [{ logRecords: records }] }] })
      : encode('ExportTraceServiceRequest', { resourceSpans: [{ scopeSpans: [{ spans: records }] }] })
  return parseBatch(signal, bytes)
}

/** The attributes of the records that come out, and their trace ids. */
function recordsOf({ signal, bytes }: Batch): { traceId: string; attributes: Told }[] {
  const records =
    signal === 'logs'
      ? decode('ExportLogsServiceRequest', bytes).resourceLogs!.flatMap(({ scopeLogs = [] }) =>
          scopeLogs.flatMap((all) => all.logRecords ?? [])
        )
      : decode('ExportTraceServiceRequest', bytes).resourceSpans!.flatMap(({ scopeSpans = [] }) =>
          scopeSpans.flatMap((all) => all.spans ?? [])
        )
  return records.map(({ traceId = '', attributes = [] }) => ({
    traceId,
    attributes: Object.fromEntries(attributes.map(({ key, value }) => [key, value?.stringValue ?? value?.boolValue ?? 'other']))
  }))
}

function through(processor: Processor, signal: Signal, ...given: Given[]): Told[] {
  const before = batchOf(signal, given)
  const after = processor.process(before)!
  strictEqual(parseBatch(signal, after.bytes).items, before.items)
  strictEqual(after.items, before.items)
  const records = recordsOf(after)
  deepStrictEqual(
    records.map(({ traceId }) => traceId),
    given.map(([traceId]) => traceId ?? '')
  )
  return records.map(({ attributes }) => attributes)
}

const counted = (outcome: string, signal: Signal): number =>
  metrics
    .families()
    .find(({ name }) => name === 'sluice_correlate_records_total')!
    .samples.find(({ labels }) => labels.outcome === outcome && labels.signal === signal)!.value

const FOUND = { 'correlation.trace_id': A, 'correlation.inferred': true }

test('a log record with a correlation id alone is told the trace that a span or another record has said', () => {
  const f = (teacher: Signal, attributes: Given[1], line: Given[1], expected: Told): void => {
    const processor = open()
    through(processor, teacher, [A, attributes])
    deepStrictEqual(through(processor, 'logs', [null, line]), [{ ...line, ...expected }])
  }
  const id = { 'correlation.id': 'req-abc123' }
  f('traces', id, id, FOUND)
  f('logs', id, id, FOUND)
  f('traces', { correlationId: 'req-abc123' }, id, FOUND)
  f('traces', { correlation_id: 'req-abc123' }, id, FOUND)
  f('traces', { 'x-correlation-id': 'req-abc123' }, id, FOUND)
  f('traces', { 'http.request.header.x_correlation_id': 'req-abc123' }, id, FOUND)
  f('traces', { 'request.id': UUID }, { 'request.id': UUID }, FOUND)
  f('traces', { 'request.id': UUID }, id, {})
  f('traces', { 'request.id': 'req-1', other: 'x' }, { 'request.id': 'req-1' }, {})
  f('traces', { 'correlation.id': 'req-other' }, id, {})
  f('traces', { userId: 'req-abc123' }, id, {})
  f('traces', id, { 'correlation.id': 'req-abc123', 'correlation.trace_id': B }, {})
})

test('of a header that is a list, the first value counts', () => {
  const header = (...values: string[]): Given[1] => ({
    'http.request.header.x-correlation-id': { arrayValue: { values: values.map((stringValue) => ({ stringValue })) } }
  })
  const f = (attributes: Given[1], expected: Told): void => {
    const processor = open()
    through(processor, 'traces', [A, attributes])
    const line = { 'correlation.id': 'req-abc123' }
    deepStrictEqual(through(processor, 'logs', [null, line]), [{ ...line, ...expected }])
  }
  f(header('req-abc123'), FOUND)
  f(header('req-abc123', 'req-second'), FOUND)
  f(header('req-second', 'req-abc123'), {})
  f(header(), {})
  f({ 'correlation.id': { intValue: 12345 } }, {})
  f({ 'correlation.id': {} }, {})
})

test('a record of a trace alone is told its correlation id', () => {
  const processor = open()
  through(processor, 'logs', [A, { 'correlation.id': 'req-abc123' }])
  const told = { 'correlation.id': 'req-abc123', 'correlation.inferred': true }
  deepStrictEqual(through(processor, 'logs', [A, { x: 'y' }], [B, { x: 'y' }]), [{ x: 'y', ...told }, { x: 'y' }])
  deepStrictEqual(through(processor, 'traces', [A, { x: 'y' }], [B, { x: 'y' }]), [{ x: 'y', ...told }, { x: 'y' }])
  strictEqual(counted('id_found', 'logs'), 1)
  strictEqual(counted('id_found', 'traces'), 1)
})

test('whatever its name was, a correlation id is correlation.id as well', () => {
  const f = (signal: Signal, trace: string | null, attributes: Given[1], expected: Told): void =>
    deepStrictEqual(through(open(), signal, [trace, attributes]), [{ ...attributes, ...expected }])
  const named = { 'correlation.id': 'req-abc123' }
  f('traces', A, { 'x-correlation-id': 'req-abc123' }, named)
  f('logs', A, { correlationId: 'req-abc123' }, named)
  f('logs', null, { correlationId: 'req-abc123' }, named)
  f('logs', null, { 'request.id': UUID }, {})
  f('logs', null, { correlationId: 'req-other', 'correlation.id': 'req-abc123' }, {})
  f('logs', null, { correlationId: 'req-other', 'correlation.id': '' }, {})
})

test('spans stay as they are if so told, and teach all the same', () => {
  const processor = open({ spans: false })
  const batch = batchOf('traces', [[A, { correlationId: 'req-abc123' }]])
  strictEqual(processor.process(batch), batch)
  deepStrictEqual(through(processor, 'logs', [null, { 'correlation.id': 'req-abc123' }]), [{ 'correlation.id': 'req-abc123', ...FOUND }])
})

test('what cannot be the id of a request teaches nothing', () => {
  const f = (id: string): void => {
    const processor = open()
    through(processor, 'traces', [A, { 'correlation.id': id }])
    deepStrictEqual(through(processor, 'logs', [null, { 'correlation.id': id }]), [{ 'correlation.id': id }])
  }
  for (const id of ['', '-', '7', 'null', 'undefined', 'Unknown', '00000000-0000-0000-0000-000000000000', 'two words', 'ünïcode']) f(id)
  for (const id of ['NONE', 'N.A.', 'Empty', 'UNDEFINED', 'nULL']) f(id)
  f('x'.repeat(129))
  const processor = open()
  through(processor, 'logs', ['0'.repeat(32), { 'correlation.id': 'req-abc123' }])
  deepStrictEqual(through(processor, 'logs', [null, { 'correlation.id': 'req-abc123' }]), [{ 'correlation.id': 'req-abc123' }])
})

test('an id that begins as words for no id do is one', () => {
  for (const id of ['null-7', 'nonesuch', 'E0C1D2', 'unknown-1', '00000000-0000-0000-0000-000000000001']) {
    const processor = open()
    through(processor, 'traces', [A, { 'correlation.id': id }])
    deepStrictEqual(through(processor, 'logs', [null, { 'correlation.id': id }]), [{ 'correlation.id': id, ...FOUND }])
  }
})

test('the trace that an id was met with last is the one; with too many, none is', () => {
  const processor = open()
  const id = { 'correlation.id': 'req-abc123' }
  through(processor, 'traces', [A, id], [B, id], [A, id])
  deepStrictEqual(through(processor, 'logs', [null, id]), [{ ...id, ...FOUND, 'correlation.trace_id': B }])
  through(processor, 'traces', ...Array.from({ length: 20 }, (_, i): Given => [traceOf(i), id]))
  deepStrictEqual(through(processor, 'logs', [null, id]), [id])
  strictEqual(counted('ambiguous', 'logs'), 1)
})

test('a correlation id goes before the id of a request', () => {
  const processor = open()
  through(processor, 'traces', [A, { 'request.id': UUID }], [A, { 'correlation.id': 'req-abc123' }], [A, { 'correlation.id': 'req-later' }])
  deepStrictEqual(through(processor, 'logs', [A, {}]), [{ 'correlation.id': 'req-abc123', 'correlation.inferred': true }])
})

test('memory is bounded: the older half goes when there is no room, and what is used stays', () => {
  const processor = open({ idsMax: 100 })
  const kept = { 'correlation.id': 'kept-in-use' }
  through(processor, 'traces', [A, kept])
  for (let i = 0; i < 1000; i++) {
    through(processor, 'traces', [traceOf(i), { 'correlation.id': `req-${i}` }])
    if (i % 10 === 0) deepStrictEqual(through(processor, 'logs', [null, kept]), [{ ...kept, ...FOUND }])
  }
  const gauge = metrics.families().find(({ name }) => name === 'sluice_correlate_ids')!.samples[0].value
  ok(gauge <= 100, `${gauge} ids`)
  const old = { 'correlation.id': 'req-500' }
  deepStrictEqual(through(processor, 'logs', [null, old]), [old])
  const recent = { 'correlation.id': 'req-998' }
  deepStrictEqual(through(processor, 'logs', [null, recent]), [{ ...recent, ...FOUND, 'correlation.trace_id': traceOf(998) }])
})

test('what nobody has used for long is forgotten', (t) => {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  const processor = open({ forgetAfter: '1m' })
  const id = { 'correlation.id': 'req-abc123' }
  const isKnown = (): boolean => 'correlation.trace_id' in through(processor, 'logs', [null, id])[0]
  through(processor, 'traces', [A, id])
  for (let minute = 0; minute < 10; minute++) {
    nowMs += 60_000
    ok(isKnown(), `after ${minute} minutes of use`)
  }
  nowMs += 59_000
  ok(isKnown())
  nowMs += 180_000
  ok(!isKnown())
})

test('an id stays known for as long as its trace has spans', (t) => {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  const processor = open({ forgetAfter: '1m' })
  const id = { 'correlation.id': 'req-abc123' }
  for (let minute = 0; minute < 10; minute++) {
    nowMs += 60_000
    through(processor, 'traces', [A, id], [B, {}], [A, id])
  }
  deepStrictEqual(through(processor, 'logs', [null, id]), [{ ...id, ...FOUND }])
})

test('other signals, and batches with nothing to tell, are the very same', () => {
  const processor = open()
  const f = (batch: Batch): void => strictEqual(processor.process(batch), batch)
  f(batchOf('traces', [[A, { 'correlation.id': 'req-abc123' }]]))
  f(batchOf('traces', [[B, { 'http.route': '/x' }]]))
  f(batchOf('logs', [[null, { 'thread.id': 'main', 'user.id': 'someone' }]]))
  f({ ...batchOf('logs', [[null, { 'correlation.id': 'req-abc123' }]]), signal: 'errors' })
})

test('any records pass, in number and in all that they said', () => {
  const key = fc.oneof(
    fc.constantFrom('correlation.id', 'x-correlation-id', 'request.id', 'correlation.trace_id'),
    fc.string({ minLength: 1, maxLength: 200 })
  )
  const value = fc.oneof(fc.constantFrom('req-1234', UUID, ''), fc.string({ maxLength: 300 }))
  const record = fc.tuple(fc.constantFrom(null, A, B), fc.dictionary(key, value, { maxKeys: 6, noNullPrototype: true }))
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom<Signal>('traces', 'logs'), fc.array(record, { maxLength: 8 })), { maxLength: 6 }),
      (batches) => {
        const processor = open({ idsMax: 4 })
        for (const [signal, given] of batches) {
          const told = through(processor, signal, ...given)
          for (const [i, [, attributes]] of given.entries())
            for (const [name, text] of Object.entries(attributes)) strictEqual(told[i][name], text)
        }
      }
    )
  )
})
