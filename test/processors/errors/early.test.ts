import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { at, balances, counts, exception, log, logs, type Open, open, type Sent, span, TRACE, traces } from './support.ts'

const OTHER = 'ffffffffffffffffffffffffffffffff'

function clock(t: TestContext): (ms: number) => void {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  return (ms) => {
    nowMs += ms
  }
}

const failing = (traceId = TRACE, message = 'x') => traces([span({ traceId, events: exception('KeyError', message) })])
const said = (text: string, traceId = TRACE) => logs([log(text, { traceId, timeUnixNano: at(-10) })])
const trailOf = (sent: readonly Sent[]): unknown[][] =>
  sent.map(({ attributes }) => ((attributes['error.breadcrumbs'] ?? []) as { message: string }[]).map(({ message }) => message))

test('an error that came before the log records of its trace waits for them', (t) => {
  const wait = clock(t)
  const { take, flush, metrics } = open({ trail: { wait: '2s' } })
  deepStrictEqual(take(failing()), [])
  deepStrictEqual(counts(metrics, 'sluice_errors_held'), { trail: 1 })
  balances(metrics)
  wait(100)
  deepStrictEqual(take(said('loading')), [])
  wait(1899)
  deepStrictEqual(flush(), [])
  wait(1)
  deepStrictEqual(trailOf(flush()), [['loading']])
  deepStrictEqual(flush(), [])
  deepStrictEqual(counts(metrics, 'sluice_errors_held'), {})
  deepStrictEqual(counts(metrics, 'sluice_errors_trails_total'), { found: 1 })
  balances(metrics)
})

test('it waits where that may help, and no longer than told', (t) => {
  const wait = clock(t)
  const f = (use: Open, ...expected: readonly unknown[]): void => deepStrictEqual(trailOf(use.take(failing())), expected)
  const known = open({ trail: { wait: '2s' } })
  known.take(said('loading'))
  f(known, ['loading'])
  f(open({ trail: { wait: '0s' } }), [])
  f(open({ trail: { wait: '2s', max: 0 } }), [])
  deepStrictEqual(trailOf(open({ trail: { wait: '2s' } }).take(failing(''))), [[]])
  // Those of another trace are no trail; what nobody adds to is sent as it is, at the stop at once.
  const others = open({ trail: { wait: '2s' } })
  others.take(said('of another', OTHER))
  f(others)
  wait(2000)
  deepStrictEqual(trailOf(others.flush()), [[]])
  const stopped = open({ trail: { wait: '2s' } })
  f(stopped)
  deepStrictEqual(trailOf(stopped.flush(true)), [[]])
})

test('limits hold before the wait, and what is beyond the room does not wait', (t) => {
  const wait = clock(t)
  const { take, flush, metrics } = open({ trail: { wait: '2s' }, limit: { burst: 1, perGroup: 1 } })
  for (let i = 0; i < 5; i++) take(failing(i.toString(16).padStart(32, '1')))
  deepStrictEqual(counts(metrics, 'sluice_errors_held'), { trail: 1, limit: 1 })
  wait(2000)
  strictEqual(flush().length, 1)
  balances(metrics)

  const many = open({ trail: { wait: '2s' }, limit: { burst: 9999, perGroup: 9999, overall: 9999 } })
  let sent = 0
  for (let i = 0; i < 1100; i++)
    sent += many.take(failing((i + 1).toString(16).padStart(32, '0'), `no ${String.fromCharCode(97 + (i % 26))}`)).length
  strictEqual(sent, 1100 - 1024)
  balances(many.metrics)
  wait(2000)
  strictEqual(many.flush().length, 1024)
  balances(many.metrics)
})
