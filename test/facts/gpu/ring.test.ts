import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { GpuInterval, GpuSample } from '../../../src/facts/facts.ts'
import { Ring } from '../../../src/facts/gpu/ring.ts'

const sample = (atMs: number, parts: Partial<GpuSample> = {}): GpuSample => ({ atMs, more: {}, processes: [], ...parts })

/** Samples 10 ms apart, of the given watts; a hole is a sample without power. */
function ringOf(watts: readonly (number | undefined)[], { samplesMax = 100, reachMs = 25 } = {}): Ring {
  const ring = new Ring({ samplesMax, reachMs })
  for (const [i, powerWatts] of watts.entries()) ring.add(sample(i * 10, powerWatts === undefined ? {} : { powerWatts }))
  return ring
}

test('at an instant: the newest sample from before it', () => {
  const ring = ringOf([1, 2, 3])
  const f = (atMs: number, expected: number | undefined): void => strictEqual(ring.at(atMs)?.powerWatts, expected)
  f(-1, undefined)
  f(0, 1)
  f(9.9, 1)
  f(10, 2)
  f(25, 3)
  f(1e12, 3)
  f(Number.NaN, undefined)
  strictEqual(ring.latest()?.atMs, 20)
  strictEqual(new Ring({ samplesMax: 2, reachMs: 1 }).latest(), undefined)
})

test('an older sample comes back as it went in, but for what only metrics read', () => {
  const whole: Omit<GpuSample, 'more'> = {
    atMs: 5,
    utilization: 0.5,
    memoryUtilization: 0.25,
    encoderUtilization: 0,
    decoderUtilization: 0.125,
    memoryUsedBytes: 85_899_345_920,
    memoryReservedBytes: 1,
    memoryFreeBytes: 0,
    temperature: -3,
    memoryTemperature: 80,
    powerWatts: 699.99,
    powerLimitWatts: 700,
    smClockHz: 1.98e9,
    memoryClockHz: 2.6e9,
    fanSpeed: 1.2,
    performanceState: 0,
    throttleReasons: ['hw_thermal_slowdown'],
    processes: [{ pid: 1, name: 'python', memoryUsedBytes: 3 }]
  }
  const ring = new Ring({ samplesMax: 3, reachMs: 10 })
  ring.add({ ...whole, more: { voltage: 1 } })
  deepStrictEqual(ring.at(6), { ...whole, more: { voltage: 1 } })
  ring.add(sample(7))
  deepStrictEqual(ring.at(6), { ...whole, more: {} })
  deepStrictEqual(ring.at(8), sample(7))
})

test('of older samples the largest processes are kept', () => {
  const ring = new Ring({ samplesMax: 3, reachMs: 10 })
  const processes = Array.from({ length: 20 }, (_, pid) => ({ pid, name: 'python', memoryUsedBytes: pid === 3 ? undefined : pid }))
  ring.add(sample(1, { processes }))
  strictEqual(ring.at(1)?.processes.length, 20)
  ring.add(sample(2))
  deepStrictEqual(
    ring.at(1)?.processes.map(({ pid }) => pid),
    [19, 18, 17, 16, 15, 14, 13, 12]
  )
})

test('memory is a fixed number of samples', () => {
  const ring = new Ring({ samplesMax: 3, reachMs: 10 })
  for (let atMs = 0; atMs < 1000; atMs++) ring.add(sample(atMs, { utilization: atMs }))
  strictEqual(ring.at(996), undefined)
  deepStrictEqual(
    [997, 998, 999].map((atMs) => ring.at(atMs)?.utilization),
    [997, 998, 999]
  )
})

test('a clock that is set back takes the future with it', () => {
  const ring = new Ring({ samplesMax: 4, reachMs: 10 })
  for (const atMs of [10, 20, 30, 15]) ring.add(sample(atMs, { utilization: atMs }))
  deepStrictEqual(
    [10, 15, 40].map((atMs) => ring.at(atMs)?.utilization),
    [10, 15, 15]
  )
})

test('over an interval: a straight line between samples, the last value for a while after them', () => {
  const ring = ringOf([100, 200, undefined, 400])
  const f = (startMs: number, endMs: number, expected: Partial<GpuInterval> | undefined): void => {
    const found = ring.over(startMs, endMs)
    const { powerMeanWatts, energyJoules, ageMs } = found ?? {}
    deepStrictEqual(found && { powerMeanWatts, energyJoules, ageMs }, expected)
  }
  f(0, 10, { powerMeanWatts: 150, energyJoules: 1.5, ageMs: 0 })
  f(5, 5, { powerMeanWatts: 150, energyJoules: 0, ageMs: 0 })
  f(10, 30, { powerMeanWatts: 300, energyJoules: 6, ageMs: 0 })
  f(30, 50, { powerMeanWatts: 400, energyJoules: 8, ageMs: 20 })
  f(30, 60, { powerMeanWatts: 400, energyJoules: undefined, ageMs: 30 })
  f(30, 80, { powerMeanWatts: 400, energyJoules: undefined, ageMs: 50 })
  f(30, 81, undefined)
  f(60, 70, undefined)
  f(-10, 10, { powerMeanWatts: 150, energyJoules: undefined, ageMs: 0 })
  f(-11, 10, undefined)
  f(-20, -10, undefined)
  f(10, 0, undefined)
  f(Number.NaN, 1, undefined)
})

test('a hole longer than the reach is not bridged', () => {
  const ring = new Ring({ samplesMax: 9, reachMs: 10 })
  ring.add(sample(0, { powerWatts: 100 }))
  ring.add(sample(100, { powerWatts: 900 }))
  strictEqual(ring.over(0, 20)?.powerMeanWatts, 100)
  strictEqual(ring.over(20, 90), undefined)
  deepStrictEqual(ring.over(90, 110), {
    utilizationMean: undefined,
    memoryUsedPeakBytes: undefined,
    powerMeanWatts: 900,
    energyJoules: undefined,
    ageMs: 10
  })
})

test('the peak of memory is the highest that was seen or lies on the line at an end', () => {
  const ring = new Ring({ samplesMax: 9, reachMs: 25 })
  for (const [i, memoryUsedBytes] of [0, 100, 40, 80].entries()) ring.add(sample(i * 10, { memoryUsedBytes }))
  const f = (startMs: number, endMs: number, expected: number): void =>
    strictEqual(ring.over(startMs, endMs)?.memoryUsedPeakBytes, expected)
  f(0, 30, 100)
  f(0, 5, 50)
  f(12, 20, 88)
  f(20, 30, 80)
  f(20, 26, 64)
})

test('means, peaks and energy are those of a sum over small steps', () => {
  const power = fc.option(fc.integer({ min: 0, max: 700 }), { nil: undefined, freq: 8 })
  const samples = fc.array(fc.record({ after: fc.integer({ min: 1, max: 30 }), power }), { minLength: 1, maxLength: 60 })
  const property = fc.property(samples, fc.nat(900), fc.nat(300), (given, startMs, lengthMs) => {
    const ring = new Ring({ samplesMax: 20, reachMs: 20 })
    let atMs = 0
    const knots: [number, number][] = []
    for (const [i, { after, power }] of given.entries()) {
      atMs += after
      ring.add(sample(atMs, { powerWatts: power }))
      if (power !== undefined && i >= given.length - 20) knots.push([atMs, power])
    }
    const endMs = startMs + lengthMs
    let [area, known] = [0, 0]
    for (let ms = startMs + 0.5; ms < endMs; ms++) {
      const watts = valueAt(knots, ms)
      if (watts === undefined) continue
      area += watts
      known++
    }
    const found = ring.over(startMs, endMs)
    if (lengthMs === 0 || known * 2 < lengthMs) return ok(lengthMs === 0 || found === undefined)
    near(found?.powerMeanWatts, area / known)
    if (known === lengthMs) near(found?.energyJoules, area / 1000)
    else strictEqual(found?.energyJoules, undefined)
  })
  fc.assert(property, { numRuns: 2_000 })
})

function valueAt(knots: readonly [number, number][], ms: number): number | undefined {
  const right = knots.findIndex(([atMs]) => atMs > ms)
  const left = knots[(right < 0 ? knots.length : right) - 1]
  if (left === undefined) return undefined
  if (right < 0 || knots[right][0] - left[0] > 20) return ms - left[0] <= 20 ? left[1] : undefined
  return left[1] + ((knots[right][1] - left[1]) * (ms - left[0])) / (knots[right][0] - left[0])
}

function near(found: number | undefined, expected: number): void {
  ok(found !== undefined && Math.abs(found - expected) <= 1e-6 * Math.max(1, expected), `${found} is not ${expected}`)
}
