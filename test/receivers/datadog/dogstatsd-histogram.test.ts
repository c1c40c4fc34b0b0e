import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ValueHistogram } from '../../../src/receivers/datadog/dogstatsd-histogram.ts'

function histogramOf(values: readonly number[], rate = 1): ValueHistogram {
  const histogram = new ValueHistogram()
  for (const value of values) histogram.add(value, rate)
  return histogram
}

test('every value lies within the borders of its bucket', () => {
  const finite = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e100, max: 1e100 })
  fc.assert(
    fc.property(fc.array(finite, { minLength: 1, maxLength: 60 }), (values) => {
      const { scale, positive, negative, zeros, count } = histogramOf(values)
      strictEqual(count, values.length)
      strictEqual(zeros, values.filter((value) => Math.abs(value) < 2 ** -1022).length)
      for (const [side, sign] of [
        [positive, 1],
        [negative, -1]
      ] as const) {
        const magnitudes = values.map((value) => value * sign).filter((value) => value >= 2 ** -1022)
        const counts = side.buckets()
        ok(counts.length <= 160)
        strictEqual(
          counts.reduce((all, one) => all + one, 0),
          magnitudes.length
        )
        for (const [i, bucket] of counts.entries()) {
          // Compared as logarithms, since borders may be beyond what a double holds.
          const [low, high] = [(side.low + i) / 2 ** scale, (side.low + i + 1) / 2 ** scale]
          const inside = magnitudes.filter((value) => Math.log2(value) > low - 1e-9 && Math.log2(value) <= high + 1e-9)
          ok(inside.length >= bucket, `bucket ${i} of scale ${scale} has ${bucket}, of ${inside.length} that may be in it`)
        }
      }
    })
  )
})

test('quantiles are as fine as the range of the values allows', () => {
  const histogram = histogramOf(Array.from({ length: 10_000 }, (_, i) => 1 + i / 100))
  let below = 0
  let index = histogram.positive.low
  for (const count of histogram.positive.buckets()) {
    below += count
    if (below >= 5000) break
    index++
  }
  const median = 2 ** ((index + 0.5) / 2 ** histogram.scale)
  ok(Math.abs(median / 51 - 1) < 0.05, String(median))
})

test('powers of two belong to the bucket below', () => {
  const f = (value: number, low: number): void => {
    const histogram = histogramOf([1e-90, 1e90, value])
    const { positive, scale } = histogram
    ok(scale < 0)
    const index = (low >> -scale) - positive.low
    strictEqual(positive.buckets()[index], 1, `${value} at scale ${scale}`)
  }
  f(1, -1)
  f(2, 0)
  f(2.5, 1)
  f(0.25, -3)
})

test('a sampled value stands for those that were not sent', () => {
  strictEqual(histogramOf([3], 0.1).count, 10)
  strictEqual(histogramOf([3], 0.1).sum, 30)
  deepStrictEqual(histogramOf([3], 0.1).positive.buckets(), [10])
  // Ten that stand for 3⅓ each.
  strictEqual(histogramOf(Array(9).fill(1), 0.3).count, 30)
  strictEqual(histogramOf([0], 0.5).zeros, 2)
})

test('what would make the sum infinite is not added', () => {
  const histogram = histogramOf([1.5e308])
  strictEqual(histogram.add(1.5e308, 1), false)
  strictEqual(histogram.count, 1)
  strictEqual(histogram.sum, 1.5e308)
})
