import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Batch } from '../../../src/batch.ts'
import type { Draft, LogRecord } from '../../../src/otlp/objects.ts'
import { at, balances, counts, exception, keyValues, log, logs, open, span, TRACE, traces } from './support.ts'

const STACK = (line: number): string => `Traceback (most recent call last):\n  File "/app/a.py", line ${line}, in f\n    g()\nKeyError: x`
const GROWN = `Traceback (most recent call last):\n  File "/app/main.py", line 1, in main\n    f()\n  File "/app/a.py", line 3, in f\n    g()\nKeyError: x`
const OTHER_TRACE = 'ffffffffffffffffffffffffffffffff'

function logged(type: string, message: string, stacktrace = '', parts: Draft<LogRecord> = {}): Batch {
  const attributes = { 'exception.type': type, 'exception.message': message, 'exception.stacktrace': stacktrace }
  return logs([log('failed', { severityNumber: 17, traceId: TRACE, attributes: keyValues(attributes), ...parts })])
}

const onSpan = (type: string, message: string, stacktrace = '', atMs = 0, traceId = TRACE): Batch =>
  traces([span({ traceId, events: exception(type, message, stacktrace, atMs) })])

// How many of the batches gave an error, one after the other.
function sentOf(batches: readonly Batch[]): number[] {
  const { take, metrics } = open()
  const sent = batches.map((batch) => take(batch).length)
  balances(metrics)
  return sent
}

test('an exception on a span and in a log record of its trace is one, in either order', () => {
  const f = (first: Batch, second: Batch, expected: number[]): void => {
    deepStrictEqual(sentOf([first, second]), expected)
    deepStrictEqual(sentOf([second, first]), expected)
  }
  const once = [1, 0]
  const twice = [1, 1]
  f(onSpan('KeyError', 'x'), logged('KeyError', 'x'), once)
  f(onSpan('KeyError', 'x', STACK(3)), logged('KeyError', 'x', STACK(3)), once)
  f(onSpan('KeyError', 'x', GROWN), logged('KeyError', 'x', STACK(3)), once)
  f(onSpan('torch.cuda.OutOfMemoryError', 'x'), logged('OutOfMemoryError', 'x'), once)
  f(
    onSpan('ECONNREFUSED', 'x', 'Error: x\n    at f (a.js:1:2)'),
    logged('Error', 'x', 'Error: x\n    at f (a.js:1:2)\n    at g (a.js:9:9)'),
    once
  )
  f(onSpan('KeyError', 'x', STACK(3)), logged('KeyError', 'x', STACK(4)), twice)
  f(onSpan('KeyError', 'x'), logged('KeyError', 'y'), twice)
  f(onSpan('KeyError', 'x'), logged('TypeError', 'x'), twice)
  f(onSpan('KeyError', 'x'), logged('KeyError', 'x', '', { traceId: OTHER_TRACE }), twice)
  f(onSpan('', '', STACK(3)), logged('KeyError', 'x'), once)
})

test('of the spans that an exception passes through the innermost counts, in one batch and over several', () => {
  const inner = span({ name: 'inner', events: exception('KeyError', 'x', STACK(3), 1) })
  const outer = span({ name: 'outer', events: exception('KeyError', 'x', GROWN, 2) })
  for (const list of [
    [inner, outer],
    [outer, inner]
  ]) {
    const { take, metrics } = open()
    deepStrictEqual(
      take(traces(list)).map(({ attributes }) => attributes['span.name']),
      ['inner']
    )
    deepStrictEqual(take(traces([span({ name: 'root', events: exception('KeyError', 'x', GROWN, 3) })])), [])
    deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 1, duplicate: 2 })
    deepStrictEqual(counts(metrics, 'sluice_errors_seen_total'), { span_event: 3 })
  }
})

test('a log record outside of a trace pairs with one exception of its service, two seconds apart at most', () => {
  const outside = (atMs: number): Batch => logged('KeyError', 'x', STACK(3), { traceId: '', timeUnixNano: at(atMs) })
  const inside = (atMs: number, traceId: string): Batch => onSpan('KeyError', 'x', STACK(3), atMs, traceId)
  const [a, b] = [OTHER_TRACE, TRACE]
  deepStrictEqual(sentOf([outside(0), inside(1500, a)]), [1, 0])
  deepStrictEqual(sentOf([inside(0, a), outside(1500)]), [1, 0])
  deepStrictEqual(sentOf([outside(0), inside(2500, a)]), [1, 1])
  deepStrictEqual(sentOf([outside(0), outside(1)]), [1, 1])
  deepStrictEqual(sentOf([outside(0), inside(1, a), inside(2, b)]), [1, 0, 1])
  deepStrictEqual(sentOf([inside(1, a), inside(2, b), outside(3), outside(4), outside(5)]), [1, 1, 0, 0, 1])
})

test('what is the same is forgotten in time', (t) => {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  const { take } = open({ dedupe: '30s' })
  const f = (waitMs: number, expected: number): void => {
    nowMs += waitMs
    strictEqual(take(onSpan('KeyError', 'x')).length, expected)
  }
  f(0, 1)
  f(0, 0)
  f(29_000, 0)
  f(2000, 1)
})

test('a span that only says that it failed is no news after an exception of its trace', () => {
  const failed = traces([span({ status: { code: 2, message: 'KeyError: x' } })])
  const { take } = open({ sources: { statusErrors: true } })
  deepStrictEqual(
    [take(onSpan('KeyError', 'x')), take(failed)].map((sent) => sent.length),
    [1, 0]
  )
})

test('what is remembered does not grow without end', () => {
  const { take, metrics } = open()
  for (let round = 0; round < 20; round++) {
    const list = Array.from({ length: 1000 }, (_, i) =>
      span({ traceId: `${round * 1000 + i + 1}`.padStart(32, '0'), events: exception(`E${i}`, 'x') })
    )
    take(traces(list))
  }
  const { error = 0 } = counts(metrics, 'sluice_errors_forgotten_total')
  ok(error >= 20_000 - 16_384 && error <= 20_000 - 8192, `${error}`)
  balances(metrics)
})
