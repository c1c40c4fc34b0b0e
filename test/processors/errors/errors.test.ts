import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch } from '../../../src/batch.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { Draft, LogRecord, Span } from '../../../src/otlp/objects.ts'
import { at, balances, counts, exception, keyValues, log, logs, open, type Sent, span, TRACE, traces } from './support.ts'

const STACK = `Traceback (most recent call last):
  File "/app/worker.py", line 12, in run
    load()
  File "/app/model.py", line 3, in load
    raise ValueError("bad weights")
ValueError: bad weights`

const typesOf = (sent: readonly Sent[]): unknown[] => sent.map(({ attributes }) => attributes['exception.type'])

test('an exception on a span becomes an error with all that is known of it', () => {
  const failing = span({
    name: 'tts',
    kind: 5,
    parentSpanId: '00f067aa0ba902b7',
    attributes: keyValues({ 'user.id': 'u-1', 'exception.message': 'of the span', 'job.stage': 'tts' }),
    events: exception('ValueError', 'bad weights', STACK, 5, { 'exception.escaped': true, attempt: 2 })
  })
  const [{ record, attributes, resource, scope }, ...others] = open().take(traces([failing], { 'service.name': 'worker', zone: 'a' }))
  deepStrictEqual(others, [])
  strictEqual(record.timeUnixNano, at(5))
  deepStrictEqual(
    [record.severityNumber, record.severityText, record.eventName, record.traceId, record.spanId, record.body?.stringValue],
    [17, 'ERROR', 'exception', TRACE, failing.spanId, 'bad weights']
  )
  deepStrictEqual(attributes, {
    'exception.type': 'ValueError',
    'exception.message': 'bad weights',
    'exception.stacktrace': STACK,
    'exception.escaped': true,
    attempt: 2n,
    'user.id': 'u-1',
    'job.stage': 'tts',
    'span.name': 'tts',
    'span.kind': 'consumer',
    'span.parent_id': '00f067aa0ba902b7',
    'error.origin': 'span_event',
    'error.mechanism.handled': false
  })
  deepStrictEqual([resource, scope], [{ 'service.name': 'worker', zone: 'a' }, 'tests'])
})

test('which spans are errors', () => {
  const f = (parts: Draft<Span>, options: object, expected: unknown[]): void =>
    deepStrictEqual(typesOf(open(options).take(traces([span(), span(parts), span()]))), expected)
  const failed = { status: { code: 2, message: 'no answer' } }
  f({}, {}, [])
  f({ events: [{ name: 'exception thrown' }, { name: 'message' }] }, {}, [])
  f({ events: [{ name: 'exception' }] }, {}, [undefined])
  f({ events: exception('KeyError', 'x') }, {}, ['KeyError'])
  f({ events: [...(exception('KeyError', 'x') ?? []), ...(exception('TypeError', 'y', '', 1) ?? [])] }, {}, ['KeyError', 'TypeError'])
  f({ events: exception('KeyError', 'x') }, { sources: { spans: false } }, [])
  f(failed, {}, [])
  f(failed, { sources: { statusErrors: true } }, [undefined])
  f({ ...failed, events: exception('KeyError', 'x') }, { sources: { statusErrors: true } }, ['KeyError'])
  f({ status: { code: 1 } }, { sources: { statusErrors: true } }, [])
})

test('which log records are errors', () => {
  const f = (record: Draft<LogRecord>, logsAre: string, expected: unknown[]): void =>
    deepStrictEqual(
      open({ sources: { logs: logsAre } })
        .take(logs([log('a'), record, log('b')]))
        .map(({ record: { body }, attributes }) => [attributes['exception.type'], attributes['exception.message'], body?.stringValue]),
      expected
    )
  const attributes = keyValues({ 'exception.type': 'KeyError', 'exception.message': 'x' })
  const key = ['KeyError', 'x', 'lost']
  f(log('lost', { attributes }), 'exceptions', [key])
  f(log('lost', { attributes, severityNumber: 17 }), 'errors', [key])
  f(log('lost', { attributes, severityNumber: 17 }), 'off', [])
  f(log('lost', { eventName: 'exception' }), 'exceptions', [[undefined, undefined, 'lost']])
  f(log('no exception here', { severityNumber: 17 }), 'exceptions', [])
  f(log('failed', { severityNumber: 17 }), 'errors', [[undefined, 'failed', 'failed']])
  f(log('failed', { severityNumber: 13 }), 'errors', [])
  const traceback = `job failed\n${STACK}`
  f(log(traceback, { severityNumber: 17 }), 'exceptions', [['ValueError', 'bad weights', traceback]])
  f(log(traceback, { severityNumber: 0 }), 'exceptions', [['ValueError', 'bad weights', traceback]])
  f(log(traceback, { severityNumber: 9 }), 'exceptions', [])
  const java = 'java.lang.IllegalStateException: closed\n\tat a.B.c(B.java:3)\n\tat a.B.d(B.java:4)'
  f(log(java, { severityNumber: 21 }), 'exceptions', [['java.lang.IllegalStateException', 'closed', java]])
  const go = 'panic: oh no\n\ngoroutine 1 [running]:\nmain.main()\n\t/app/main.go:3 +0x1d'
  f(log(go, { severityNumber: 17 }), 'exceptions', [['panic', 'oh no', go]])
  const rust = "thread 'main' panicked at src/main.rs:2:5:\nindex out of bounds"
  f(log(rust, { severityNumber: 17 }), 'exceptions', [['panic', 'index out of bounds', rust]])
  f(log('two\nlines', { severityNumber: 17 }), 'exceptions', [])
  const err = { kvlistValue: { values: keyValues({ type: 'Error', message: 'late', stack: 'Error: late\n    at f (a.js:1:2)' }) } }
  f(log('job', { severityNumber: 17, attributes: keyValues({ err }) }), 'exceptions', [['Error', 'late', 'job']])
  f(log('job', { severityNumber: 9, attributes: keyValues({ err }) }), 'exceptions', [])
  f(log('job', { severityNumber: 17, attributes: keyValues({ error: 'timeout' }) }), 'exceptions', [])
  const body = { kvlistValue: { values: keyValues({ message: 'job', err }) } }
  f({ severityNumber: 17, body }, 'exceptions', [['Error', 'late', undefined]])
})

test('a log record stays what it is, with its own time, severity and text', () => {
  const [{ record, attributes }] = open().take(
    logs([
      log('gave up', {
        severityNumber: 21,
        severityText: 'CRITICAL',
        spanId: '00f067aa0ba902b7',
        traceId: TRACE,
        attributes: keyValues({ 'exception.type': 'KeyError', 'user.id': 'u-1' })
      })
    ])
  )
  deepStrictEqual(
    [record.timeUnixNano, record.severityNumber, record.severityText, record.body?.stringValue, record.traceId, record.spanId],
    [at(0), 21, 'CRITICAL', 'gave up', TRACE, '00f067aa0ba902b7']
  )
  deepStrictEqual(attributes, { 'exception.type': 'KeyError', 'user.id': 'u-1', 'error.origin': 'log' })
})

test('an Xid of the GPU is an error, one of the program is not', () => {
  const xid = (code: number, kind: string): Draft<LogRecord> =>
    log(`NVRM: Xid (PCI:0000:3b:00): ${code}`, {
      severityNumber: 17,
      eventName: 'gpu.xid',
      attributes: keyValues({ 'gpu.xid.code': code, 'gpu.xid.class': kind, 'gpu.xid.meaning': 'the GPU fell off the bus' })
    })
  const [{ attributes }, ...others] = open().take(logs([xid(13, 'program'), xid(79, 'lost'), xid(63, 'notice')]))
  deepStrictEqual(others, [])
  deepStrictEqual(
    [attributes['exception.type'], attributes['exception.message'], attributes['error.group'], attributes['error.fingerprint']],
    ['Xid 79', 'the GPU fell off the bus', 'gpu-xid', ['gpu-xid', '79']]
  )
})

test('errors of several resources stay under theirs', () => {
  const resourceSpans = ['a', 'b', 'c'].map((name) => ({
    resource: { attributes: keyValues({ 'service.name': name }) },
    scopeSpans: [{ scope: { name: `scope ${name}` }, spans: name === 'b' ? [span()] : [span({ events: exception('E', name) })] }]
  }))
  const sent = open().take(parseBatch('traces', encode('ExportTraceServiceRequest', { resourceSpans })))
  deepStrictEqual(
    sent.map(({ resource, scope, record }) => [resource['service.name'], scope, record.body?.stringValue]),
    [
      ['a', 'scope a', 'a'],
      ['c', 'scope c', 'c']
    ]
  )
})

test('what is large is cut between words, and counted', () => {
  const attributes = keyValues(Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`key.${i}`, 'value'])))
  const [{ record, attributes: kept }] = open().take(
    traces([span({ attributes, events: exception('E', `${'word '.repeat(10_000)}`, `Traceback ${'x'.repeat(200_000)} end`) })])
  )
  ok(Number(record.droppedAttributesCount) > 100)
  ok(String(kept['exception.message']).length <= 16 * 1024 && String(kept['exception.message']).endsWith('word …'))
  strictEqual(kept['exception.stacktrace'], '…')
  const lines = Array.from({ length: 20_000 }, (_, i) => `  line ${i}`).join('\n')
  const [{ attributes: stacked }] = open().take(traces([span({ events: exception('E', 'm', lines) })]))
  const stack = String(stacked['exception.stacktrace'])
  ok(stack.length <= 64 * 1024 && stack.startsWith('  line 0\n') && stack.endsWith('  line 19998\n  line 19999'))
})

test('other signals pass, and nothing comes of them', () => {
  const batch = { ...logs([log('x', { eventName: 'exception' })]), signal: 'errors' } as const
  deepStrictEqual(open().take(batch), [])
  deepStrictEqual(open().take(parseBatch('metrics', Buffer.alloc(0))), [])
})

test('each error is counted once, under the kind of its rule, all of which are there from the start', () => {
  const { take, metrics } = open({ limit: { perGroup: 1, burst: 1, overall: 1 } })
  const family = () => metrics.families().find(({ name }) => name === 'sluice_errors_grouped_total')
  const shown = (): string[] => family()?.samples.map(({ labels }) => labels.kind) ?? []
  const before = shown()
  ok(before.includes('out-of-memory/device') && before.includes('other'), before.join())
  take(
    traces(
      ['22', '33', '44'].map((byte) =>
        span({ traceId: byte.repeat(16), events: exception('torch.OutOfMemoryError', 'CUDA out of memory.') })
      )
    )
  )
  const twice = exception('KeyError', 'x', STACK)
  take(traces([span({ traceId: '11'.repeat(16), events: twice }), span({ traceId: '11'.repeat(16), events: twice })]))
  take(traces([span({ events: exception('OSError', '[Errno 28] No space left on device') })]))
  deepStrictEqual(counts(metrics, 'sluice_errors_grouped_total'), { 'out-of-memory/device': 3, other: 1, 'storage/disk': 1 })
  deepStrictEqual(shown(), before)
  balances(metrics)
})

test('a span with more exceptions than any SDK records costs no more than those', () => {
  const { take, metrics } = open({ limit: { perGroup: 1000, burst: 1000, overall: 1000 } })
  const events = Array.from({ length: 5000 }, (_, i) => exception(`E${i}`, `${i}`, '', i) ?? []).flat()
  strictEqual(take(traces([span({ events })])).length, 128)
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 128, dropped: 4872 })
  balances(metrics)
})
