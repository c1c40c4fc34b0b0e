// For any valid request, however strange: what passes is unchanged, what is spawned is valid, and every error that was seen became something.
import { ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBatch } from '../../../src/batch.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { Draft, LogRecord, Span } from '../../../src/otlp/objects.ts'
import { wireRequest } from '../../fuzz/requests.ts'
import { tapeOf, tapeWords } from '../../fuzz/tape.ts'
import { at, balances, counts, exception, keyValues, open, TRACE } from './support.ts'

const runs = Number(process.env.SLUICE_FUZZ_RUNS ?? 300)
const OPTIONS = { sources: { statusErrors: true, logs: 'errors' }, limit: { perGroup: 3, burst: 2, overall: 5 }, trail: { max: 5 } }

test('any valid request passes as it is, and the books balance', () => {
  const use = open({ ...OPTIONS, wait: '1ms', trail: { wait: '1ms' } })
  fc.assert(
    fc.property(tapeWords, fc.constantFrom('traces', 'logs'), (words, signal) => {
      const batch = parseBatch(signal, wireRequest(signal, tapeOf(words)))
      const before = Buffer.from(batch.bytes)
      use.take(batch)
      ok(before.equals(batch.bytes))
      use.flush()
      balances(use.metrics)
    }),
    { numRuns: runs }
  )
})

const text = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 30 }),
  fc.constantFrom(
    '',
    'KeyError',
    'CUDA error: out of memory',
    'panic: x\n\ngoroutine 1 [running]:\n',
    'Traceback (most recent call last):\n  File "a", line 1\nE: x'
  )
)
const traceId = fc.constantFrom('', TRACE, 'ffffffffffffffffffffffffffffffff', '00000000000000000000000000000000')
const attributes = fc.dictionary(
  fc.constantFrom(
    'exception.type',
    'exception.message',
    'exception.stacktrace',
    'exception.escaped',
    'err',
    'correlation.id',
    'model',
    'db.system'
  ),
  fc.oneof(text, fc.boolean(), fc.integer()),
  { maxKeys: 5 }
)
const span = fc
  .record({
    traceId,
    name: text,
    events: fc.array(fc.tuple(text, text, text, fc.integer({ min: -5000, max: 5000 })), { maxLength: 3 }),
    attributes,
    code: fc.integer({ min: 0, max: 3 })
  })
  .map(
    ({ events, code, attributes: given, ...rest }): Draft<Span> => ({
      ...rest,
      endTimeUnixNano: at(0),
      attributes: keyValues(given),
      events: events.flatMap((event) => exception(...event) ?? []),
      status: { code }
    })
  )
const log = fc
  .record({
    traceId,
    severityNumber: fc.integer({ min: 0, max: 24 }),
    text,
    attributes,
    eventName: fc.constantFrom('', 'exception', 'gpu.xid')
  })
  .map(
    ({ text: stringValue, attributes: given, ...rest }): Draft<LogRecord> => ({
      ...rest,
      body: { stringValue },
      attributes: keyValues(given)
    })
  )

const batchesOf = fc.array(fc.oneof(fc.array(span, { maxLength: 8 }), fc.array(log, { maxLength: 8 })), { maxLength: 12 })

test('whatever errors come in whatever order, each is sent, a duplicate, limited or held', () => {
  fc.assert(
    fc.property(fc.constantFrom('0s', '10s'), batchesOf, (wait, batches) => {
      const use = open({ ...OPTIONS, wait })
      let sent = 0
      let untold = 0
      const add = (list: ReturnType<typeof use.take>): void => {
        sent += list.length
        for (const each of list) untold += Number(each.attributes['error.count'] ?? 0)
      }
      for (const records of batches) {
        const isSpans = records.some((record) => 'events' in record)
        const bytes = isSpans
          ? encode('ExportTraceServiceRequest', { resourceSpans: [{ scopeSpans: [{ spans: records as Draft<Span>[] }] }] })
          : encode('ExportLogsServiceRequest', { resourceLogs: [{ scopeLogs: [{ logRecords: records as Draft<LogRecord>[] }] }] })
        add(use.take(parseBatch(isSpans ? 'traces' : 'logs', bytes)))
        balances(use.metrics)
      }
      add(use.flush(true))
      balances(use.metrics)
      const { sent: counted = 0, limited = 0 } = counts(use.metrics, 'sluice_errors_total')
      strictEqual(sent, counted)
      strictEqual(untold, limited, 'what was limited is told in the end')
    }),
    { numRuns: runs }
  )
})
