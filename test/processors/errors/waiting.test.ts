import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Batch } from '../../../src/batch.ts'
import { at, balances, counts, exception, keyValues, log, logs, open, type Sent, span, TRACE, traces } from './support.ts'

const OTHER = 'ffffffffffffffffffffffffffffffff'

function clock(t: TestContext): (ms: number) => void {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  return (ms) => {
    nowMs += ms
  }
}

const logged = (message = 'x', traceId = TRACE): Batch =>
  logs([
    log('job failed', {
      severityNumber: 17,
      traceId,
      attributes: keyValues({ 'exception.type': 'KeyError', 'exception.message': message, 'user.id': 'u-1', 'job.stage': 'of the log' })
    })
  ])

const onSpan = (): Batch =>
  traces([
    span({
      name: 'tts',
      attributes: keyValues({ 'gen_ai.request.model': 'xtts', 'job.stage': 'of the span' }),
      events: exception('app.KeyError', 'x', '', 1)
    })
  ])

const nothing = (): Batch => logs([log('said')])
const bodies = (sent: readonly Sent[]): unknown[] => sent.map(({ record }) => record.body?.stringValue)

test('an error in the logs waits for its span, which tells more of it, and both are one', (t) => {
  const wait = clock(t)
  const { take, flush, metrics } = open({ wait: '6s' })
  deepStrictEqual(take(logged()), [])
  deepStrictEqual(counts(metrics, 'sluice_errors_held'), { wait: 1 })
  balances(metrics)
  wait(5000)
  const [{ attributes, record }, ...others] = take(onSpan())
  deepStrictEqual(others, [])
  strictEqual(record.timeUnixNano, at(1))
  deepStrictEqual(attributes, {
    'exception.type': 'app.KeyError',
    'exception.message': 'x',
    'gen_ai.request.model': 'xtts',
    'job.stage': 'of the span',
    'user.id': 'u-1',
    'span.name': 'tts',
    'span.kind': 'internal',
    'error.origin': 'span_event',
    'error.group': 'inference-failure',
    'error.fingerprint': ['inference-failure', 'xtts', 'app.KeyError'],
    'error.breadcrumbs': attributes['error.breadcrumbs']
  })
  wait(10_000)
  deepStrictEqual([take(nothing()), flush()], [[], []])
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 1, duplicate: 1 })
  balances(metrics)
})

test('without a span it is sent when its time is over, with whatever comes then, or by itself', (t) => {
  const wait = clock(t)
  const f = (end: (use: ReturnType<typeof open>) => Sent[]): void => {
    const use = open({ wait: '6s' })
    deepStrictEqual(use.take(logged()), [])
    wait(5999)
    deepStrictEqual([use.take(nothing()), use.flush()], [[], []])
    wait(1)
    deepStrictEqual(bodies(end(use)), ['job failed'])
    deepStrictEqual([use.take(onSpan()), use.flush()], [[], []])
    balances(use.metrics)
  }
  f(({ take }) => take(nothing()))
  f(({ flush }) => flush())
})

test('the trail is looked for when it is sent: what came meanwhile belongs to it', (t) => {
  const wait = clock(t)
  const { take } = open({ wait: '6s' })
  take(logged())
  take(logs([log('came late', { traceId: TRACE, timeUnixNano: at(-1) })]))
  wait(6000)
  const [{ attributes }] = take(nothing())
  deepStrictEqual(
    (attributes['error.breadcrumbs'] as Record<string, unknown>[]).map(({ message }) => message),
    ['came late']
  )
})

test('none waits where no spans are looked at, or where it is told not to', (t) => {
  clock(t)
  deepStrictEqual(bodies(open({ wait: '6s', sources: { spans: false } }).take(logged())), ['job failed'])
  deepStrictEqual(bodies(open({ wait: '0s' }).take(logged())), ['job failed'])
})

test('an error that was logged outside of its trace waits for its span too', (t) => {
  const wait = clock(t)
  const { take, flush, metrics } = open({ wait: '6s' })
  for (const _ of [1, 2]) deepStrictEqual(take(logged('x', '')), [])
  deepStrictEqual(counts(metrics, 'sluice_errors_held'), { wait: 2 })
  const [{ record, attributes }, ...more] = take(onSpan())
  deepStrictEqual([record.traceId, attributes['gen_ai.request.model'], attributes['user.id'], more.length], [TRACE, 'xtts', 'u-1', 0])
  // One span, one pair: the other log record is an error of its own.
  wait(6000)
  deepStrictEqual(bodies(flush()), ['job failed'])
  deepStrictEqual([take(nothing()), flush()], [[], []])
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 2, duplicate: 1 })
  balances(metrics)
})

test('each sender’s errors go in batches of its own, since what is known of it is found by its address', (t) => {
  const wait = clock(t)
  const { processor } = open({ wait: '6s' })
  const from = (batch: Batch, sender: string): Batch => ({ ...batch, sender })
  const senders = (): unknown[] => {
    const batch = processor.spawn?.() ?? null
    return batch === null ? [] : [batch.sender, batch.items]
  }
  processor.process(from(logged('x', TRACE), '10.0.0.1'))
  processor.process(from(logged('x', OTHER), '10.0.0.2'))
  wait(6000)
  processor.process(from(nothing(), '10.0.0.2'))
  deepStrictEqual(senders(), ['10.0.0.2', 1])
  const flushed = processor.flush?.() ?? null
  deepStrictEqual([flushed?.sender, flushed?.items], ['10.0.0.1', 1])
  strictEqual(processor.flush?.(), null)
})

test('at the stop nothing waits, and what is over its limit is told', (t) => {
  clock(t)
  const { take, flush, metrics } = open({ wait: '6s', limit: { burst: 1, perGroup: 1 } })
  for (let i = 1; i <= 5; i++) take(logged('x', `${i}`.padStart(32, '0')))
  const sent = flush(true)
  deepStrictEqual(
    sent.map(({ attributes }) => attributes['error.count']),
    [undefined, 3n]
  )
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 2, limited: 3 })
  balances(metrics)
})

test('only so many wait; the others are sent at once', () => {
  const { take, metrics } = open({ wait: '6s', limit: { perGroup: 9999, burst: 9999, overall: 9999 } })
  for (let i = 1; i <= 1100; i++) take(logged('x', `${i}`.padStart(32, '0')))
  deepStrictEqual(counts(metrics, 'sluice_errors_held'), { wait: 1024 })
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 76 })
})
