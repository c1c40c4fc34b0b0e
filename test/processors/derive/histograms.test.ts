import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Bounds, ExplicitHistogram } from '../../../src/processors/derive/explicit-histogram.ts'
import { ExponentialHistogram } from '../../../src/processors/derive/exponential-histogram.ts'

const seconds = fc.oneof(
  fc.integer({ min: 0, max: 2 ** 53 - 1 }).map((nanos) => nanos / 1e9),
  fc.integer({ min: 0, max: 1_000_000 }).map((micros) => micros / 1e6),
  fc.integer({ min: -29, max: 34 }).map((exponent) => 2 ** exponent)
)

test('an explicit bucket includes its upper bound', () => {
  const f = (value: number, expected: number): void =>
    strictEqual(new ExplicitHistogram(new Bounds([0.005, 0.01, 1])).add(value, 1, 1), expected)
  f(0, 0)
  f(5_000_000 / 1e9, 0)
  f(5_000_001 / 1e9, 1)
  f(0.01, 1)
  f(1, 2)
  f(1.000000001, 3)
  f(1e10, 3)
})

test('an explicit histogram counts what a look at each bound counts', () => {
  const bounds = fc.uniqueArray(
    fc.oneof(
      fc.double({ min: 1e-9, max: 1e5, noNaN: true }),
      fc.integer({ min: 1, max: 5000 }).map((n) => n / 1000)
    ),
    { maxLength: 30 }
  )
  fc.assert(
    fc.property(bounds, fc.array(seconds), (unsorted, values) => {
      const sorted = unsorted.sort((a, b) => a - b)
      const histogram = new ExplicitHistogram(new Bounds(sorted))
      const expected = new Array(sorted.length + 1).fill(0)
      for (const value of [...values, ...sorted]) {
        const bucket = sorted.findIndex((bound) => value <= bound)
        expected[bucket < 0 ? sorted.length : bucket]++
        strictEqual(histogram.slotOf(value), histogram.add(value, 1, 1))
      }
      deepStrictEqual([...histogram.counts], expected)
    })
  )
})

test('an exponential histogram puts powers of two into the bucket below', () => {
  const f = (values: number[], scale: number, low: number, buckets: number[]): void => {
    const histogram = new ExponentialHistogram()
    for (const value of values) histogram.add(value, 1, 1)
    deepStrictEqual([histogram.scale, histogram.low, histogram.buckets()], [scale, low, buckets])
  }
  f([1], 20, -1, [1])
  f([2], 20, 2 ** 20 - 1, [1])
  f([1.5], 20, Math.floor(Math.log2(1.5) * 2 ** 20), [1])
  // 160 powers of two do not fit at scale 0 or above.
  f([2 ** -29, 2 ** 34], 1, -59, [1, ...new Array(125).fill(0), 1])
})

test('an exponential histogram holds every value in the bucket of its bounds', () => {
  fc.assert(
    fc.property(fc.array(seconds, { maxLength: 300 }), (values) => {
      const histogram = new ExponentialHistogram()
      for (const value of values) histogram.add(value, 2, 2)
      const buckets = histogram.buckets()
      ok(buckets.length <= 160)
      const positive = values.filter((value) => value > 0)
      strictEqual(histogram.zeros, 2 * (values.length - positive.length))
      // As far as a double can tell on which side of a bound a value lies.
      const bound = (index: number): number => 2 ** (index / 2 ** histogram.scale)
      let at = 0
      for (const [i, count] of buckets.entries()) {
        const [lower, upper] = [bound(histogram.low + i), bound(histogram.low + i + 1)]
        const surely = positive.filter((value) => value > lower * (1 + 1e-12) && value < upper * (1 - 1e-12)).length
        const perhaps = positive.filter((value) => value >= lower * (1 - 1e-12) && value <= upper * (1 + 1e-12)).length
        ok(
          count >= 2 * surely && count <= 2 * perhaps,
          `bucket ${histogram.low + i} of scale ${histogram.scale}: ${count}, between ${surely} and ${perhaps}`
        )
        at += count
      }
      strictEqual(at, 2 * positive.length)
    })
  )
})
