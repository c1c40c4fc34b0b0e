import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Account, Timeline } from '../../../src/processors/cost/timeline.ts'

const account = (): Account => ({ seconds: 0, joules: 0 })
const WATTS = 100
const energyOf = (startMs: number, endMs: number): number => ((endMs - startMs) / 1000) * WATTS

/** Spans as [start, end] in seconds. Numbers between them settle up to there. Returns the seconds of each span, and those that came too late. */
function shared(steps: readonly ([number, number] | number)[], closed = 0, reach = 1000): { seconds: number[]; late: number } {
  const timeline = new Timeline(closed * 1000, reach * 1000)
  const accounts: Account[] = []
  for (const step of steps) {
    if (typeof step === 'number') timeline.settle(step * 1000, energyOf)
    else {
      accounts.push(account())
      timeline.add(step[0] * 1000, step[1] * 1000, accounts.at(-1)!)
    }
  }
  for (const { seconds, joules } of accounts) ok(Math.abs(joules - seconds * WATTS) < 1e-6, `${joules} J in ${seconds} s`)
  return { seconds: accounts.map(({ seconds }) => round(seconds)), late: round(timeline.lateSeconds) }
}

const round = (value: number): number => Math.round(value * 1e6) / 1e6

test('an instant is divided equally among the spans that run', () => {
  const f = (steps: readonly ([number, number] | number)[], expected: number[], late = 0, closed = 0, reach = 1000): void =>
    deepStrictEqual(shared(steps, closed, reach), { seconds: expected, late })
  f([[1, 5], 10], [4])
  f([[1, 5], [5, 7], 10], [4, 2])
  f([[0, 4], [0, 4], 10], [2, 2])
  f([[0, 10], [2, 4], 10], [9, 1])
  f([[0, 6], [2, 8], [4, 10], 10], [2 + 1 + 2 / 3, 1 + 2 / 3 + 1, 2 / 3 + 1 + 2].map(round))
  f([[0, 4], [8, 9], 10], [4, 1])
  f([[3, 3], 10], [0])
})

test('what is not settled waits', () => {
  const f = (steps: readonly ([number, number] | number)[], expected: number[], late = 0): void =>
    deepStrictEqual(shared(steps), { seconds: expected, late })
  f([[1, 5]], [0])
  f([[1, 5], 3], [2])
  f([[1, 5], 3, 4, 4, 9, 9], [4])
  f([[1, 5], 3, [3, 5], 9], [3, 1])
  f([[6, 8], 5, 7], [1])
  f([[1, 5], 9, 3, 9], [4])
})

test('a span that comes late gets what nobody had, and no more', () => {
  const f = (steps: readonly ([number, number] | number)[], expected: number[], late: number, closed = 0, reach = 1000): void =>
    deepStrictEqual(shared(steps, closed, reach), { seconds: expected, late })
  f([[2, 4], 10, [0, 10], 20], [2, 8], 2)
  f([[2, 4], 10, [2, 4], 20], [2, 0], 2)
  f([[2, 4], 10, [0, 10], [0, 10], 20], [2, 4, 4], 4)
  f([[2, 4], 10, [0, 10], 20, [0, 10], 30], [2, 8, 0], 12)
  f([[2, 4], 3, [1, 4], 10], [1.5, 1.5], 1)
  // Before the beginning, and beyond the reach, time is closed.
  f([[0, 10], 20], [4], 6, 6)
  f([100, [0, 10], [80, 90], 110], [0, 10], 10, 0, 50)
  f([100, [40, 60], 110], [10], 10, 0, 50)
})

test('pending spans can be shared at once', () => {
  const timeline = new Timeline(0, 1000)
  const [a, b] = [account(), account()]
  timeline.add(0, 4000, a)
  timeline.add(0, 2000, b)
  strictEqual(timeline.pending, 2)
  timeline.settleAll(energyOf)
  deepStrictEqual([timeline.pending, a.seconds, b.seconds], [0, 3, 1])
})

test('time whose energy nobody knows is given all the same, and told', () => {
  const timeline = new Timeline(0, 1e6)
  const a = account()
  timeline.add(0, 4000, a)
  timeline.settle(5000, (startMs) => (startMs < 0 ? 1 : undefined))
  deepStrictEqual([a, timeline.unmeasuredSeconds], [{ seconds: 4, joules: 0 }, 4])
})

test('memory is bounded: the oldest of very many intervals is closed, and nothing is given twice', () => {
  const timeline = new Timeline(0, 1e9)
  const a = account()
  for (let i = 0; i < 10_000; i++) timeline.add(i * 10, i * 10 + 5, a)
  timeline.settle(100_000, energyOf)
  strictEqual(round(a.seconds), 50)
  const late = account()
  timeline.add(0, 100_000, late)
  timeline.settle(200_000, energyOf)
  // 4096 intervals are known to be taken; so are the gaps between them to be free.
  ok(late.seconds > 20 && late.seconds < 20.6, `${late.seconds} s`)
})

test('property: in whatever order spans come, what is given is the time that some span asked for before it was closed, once', () => {
  const span = fc.tuple(fc.nat(60), fc.nat(30)).map(([start, length]): [number, number] => [start, start + length])
  const settle = fc.nat(100)
  fc.assert(
    fc.property(fc.array(fc.oneof({ weight: 4, arbitrary: span }, { weight: 1, arbitrary: settle }), { maxLength: 40 }), (steps) => {
      const { seconds, late } = shared([...steps, 200])
      const spans = steps.filter((step) => typeof step !== 'number')
      const taken = (at: number): boolean => spans.some(([start, end]) => start <= at && at < end)
      const busy = Array.from({ length: 100 }, (_, at) => at).filter(taken).length
      const given = seconds.reduce((sum, each) => sum + each, 0)
      ok(Math.abs(given - busy) < 1e-3, `${given} s given, ${busy} s busy`)
      for (const [i, [start, end]] of spans.entries()) ok(seconds[i] <= end - start + 1e-6)
      ok(late >= 0)
      // Without a settlement in between, each instant is divided equally, as a count of every second says.
      if (steps.some((step) => typeof step === 'number')) return
      for (const [i, [start, end]] of spans.entries()) {
        let due = 0
        for (let at = start; at < end; at++) due += 1 / spans.filter(([from, to]) => from <= at && at < to).length
        ok(Math.abs(due - seconds[i]) < 1e-5, `${seconds[i]} s, expected ${due}`)
      }
    })
  )
})
