import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import type { Batch } from '../../../src/batch.ts'
import { balances, counts, exception, open, type Sent, span, traces } from './support.ts'

let traceNumber = 0
const fresh = (): string => (++traceNumber).toString(16).padStart(32, '0')

const storm = (count: number, type = 'KeyError', message = 'x'): Batch =>
  traces(Array.from({ length: count }, () => span({ traceId: fresh(), events: exception(type, message) })))

const untold = (sent: readonly Sent[]): number[] => sent.map(({ attributes }) => Number(attributes['error.count'] ?? 0))

function clock(t: TestContext): (ms: number) => void {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  return (ms) => {
    nowMs += ms
  }
}

test('so many errors of a group at once, then so many a minute; what was too many is told by the next', (t) => {
  const wait = clock(t)
  const { take, metrics } = open({ limit: { burst: 3, perGroup: 6 } })
  deepStrictEqual(untold(take(storm(10))), [0, 0, 0])
  balances(metrics)
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 3, limited: 6 })
  deepStrictEqual(counts(metrics, 'sluice_errors_held'), { limit: 1 })
  wait(10_000)
  deepStrictEqual(untold(take(storm(5))), [7])
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 4, limited: 10 })
  deepStrictEqual(untold(take(storm(1, 'TypeError'))), [0])
  balances(metrics)
})

test('when a group is quiet, the one that was held back tells of the others', (t) => {
  const wait = clock(t)
  const { take, flush, metrics } = open({ limit: { burst: 3, perGroup: 6 } })
  take(storm(10))
  deepStrictEqual(flush(), [])
  wait(10_000)
  const closing = flush()
  deepStrictEqual(untold(closing), [6])
  deepStrictEqual(
    closing.map(({ record, resource, scope }) => [record.body?.stringValue, resource['service.name'], scope]),
    [['x', 'worker', 'tests']]
  )
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 4, limited: 6 })
  balances(metrics)
  wait(60_000)
  deepStrictEqual([flush(), untold(take(storm(1)))], [[], [0]])
})

test('at the stop nothing is held back', (t) => {
  clock(t)
  const { take, flush, metrics } = open({ limit: { burst: 1, perGroup: 1 } })
  take(storm(10))
  take(storm(10, 'TypeError'))
  deepStrictEqual(flush(), [])
  deepStrictEqual(untold(flush(true)), [8, 8])
  deepStrictEqual(counts(metrics, 'sluice_errors_total'), { sent: 4, limited: 16 })
  balances(metrics)
})

test('what is held back does not hang on the bytes of a batch that is gone', (t) => {
  clock(t)
  const { flush, take } = open({ limit: { burst: 1, perGroup: 1 } })
  const batch = storm(5)
  const sent = take(batch)
  batch.bytes.fill(0xff)
  deepStrictEqual([sent.length, flush(true)[0].record.body?.stringValue], [1, 'x'])
})

test('all groups together have a limit too', (t) => {
  const wait = clock(t)
  const { take, metrics } = open({ limit: { overall: 10 } })
  const many = traces(
    Array.from({ length: 100 }, (_, i) => span({ events: exception(`E${'abcdefghij'[i % 10]}${'abcdefghij'[Math.floor(i / 10)]}`, 'x') }))
  )
  strictEqual(take(many).length, 10)
  wait(500)
  strictEqual(take(storm(100)).length, 5)
  balances(metrics)
})

test('ten thousand equal errors a second are few errors, whose numbers add up', (t) => {
  const wait = clock(t)
  const { take, flush, metrics } = open()
  let sent: Sent[] = []
  for (let batch = 0; batch < 100; batch++) {
    sent = sent.concat(take(storm(100, 'KeyError', `job ${batch} failed`)))
    wait(10)
  }
  sent = sent.concat(flush(true))
  strictEqual(sent.length, 31)
  strictEqual(sent.length + untold(sent).reduce((sum, count) => sum + count, 0), 10_000)
  balances(metrics)
})

test('however many groups there are, so many are remembered', () => {
  const { take, metrics } = open()
  const letters = (n: number): string => n.toString(26).replace(/\d/g, (digit) => 'qrstuvwxyz'[Number(digit)])
  for (let batch = 0; batch < 20; batch++)
    take(traces(Array.from({ length: 500 }, (_, i) => span({ traceId: fresh(), events: exception(`E${letters(batch * 500 + i)}x`, 'x') }))))
  const groups = counts(metrics, 'sluice_errors_groups')['']
  ok(groups > 2048 && groups <= 4096, `${groups}`)
  ok(counts(metrics, 'sluice_errors_forgotten_total').group > 5000)
  balances(metrics)
})

test('errors of one batch are no more than some megabytes', () => {
  const { take, metrics } = open({ limit: { perGroup: 10_000, burst: 10_000, overall: 10_000 } })
  const stack = 'at a line that is not short\n'.repeat(2000)
  const sent = take(traces(Array.from({ length: 200 }, (_, i) => span({ events: exception('E', `${i}`, stack) }))))
  ok(sent.length > 60 && sent.length < 80, `${sent.length}`)
  balances(metrics)
})
