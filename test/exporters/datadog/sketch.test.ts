import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { DDSketch } from '@datadog/sketches-js'
import { binOf, durationOf, GAMMA } from '../../../src/datadog/statistics.ts'
import { NO_BINS, sketchOf, sumOf } from '../../../src/exporters/datadog/sketch.ts'
import { readSketch } from '../../support/datadog-statistics.ts'

test('a bin stands for durations within 1 %', () => {
  for (let nanos = 1; nanos < 1e18; nanos = Math.ceil(nanos * 1.037)) {
    const told = durationOf(binOf(nanos))
    ok(Math.abs(told / nanos - 1) < 0.01001, `${nanos} is told as ${told}`)
  }
  strictEqual(GAMMA, new DDSketch({ relativeAccuracy: 0.01 }).mapping.gamma)
})

test('bins are added by what they stand for', () => {
  const a = { offset: 3, counts: [1, 2], zeros: 1 }
  deepStrictEqual(sumOf(a, NO_BINS), a)
  deepStrictEqual(sumOf(NO_BINS, a), a)
  deepStrictEqual(sumOf(a, { offset: -1, counts: [5], zeros: 2 }), { offset: -1, counts: [5, 0, 0, 0, 1, 2], zeros: 3 })
  deepStrictEqual(sumOf(a, { offset: 4, counts: [5, 6], zeros: 0 }), { offset: 3, counts: [1, 7, 6], zeros: 1 })
})

test('sketches are read as they were counted, by the Agent and by the library', () => {
  const f = (offset: number, counts: number[], zeros: number): void => {
    const bytes = sketchOf({ offset, counts, zeros })
    const problems: string[] = []
    const count = counts.reduce((sum, each) => sum + each, zeros)
    const asAgent = readSketch(bytes, problems)
    deepStrictEqual(problems, [])
    strictEqual(asAgent.count, count)
    const asLibrary = DDSketch.fromProto(bytes)
    strictEqual(asLibrary.count, count)
    strictEqual(asLibrary.zeroCount, zeros)
    // The library has the same bins, and numbers them from their upper end.
    if (count > 0 && zeros === 0) ok(Math.abs((asLibrary.getValueAtQuantile(0.5) * GAMMA) / asAgent.quantile(0.5) - 1) < 1e-9)
  }
  f(0, [], 0)
  f(0, [], 5)
  f(-3, [1], 0)
  f(900, [1, 0, 7, 2], 0)
  f(900, [1, 0, 7, 2], 3)
})
