import { deepStrictEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import { ALWAYS, hashThresholdOf, NEVER, thresholdOf } from '../../../src/processors/sample/threshold.ts'

// The specification's own table, 1 in N at precision 3, 4 and 5.
test('thresholds are those of the specification', () => {
  const f = (ratio: number, ...texts: string[]): void =>
    deepStrictEqual(
      [3, 4, 5].map((precision) => thresholdOf(ratio, precision).text),
      texts
    )
  f(1, '0', '0', '0')
  f(1 / 2, '8', '8', '8')
  f(1 / 3, 'aab', 'aaab', 'aaaab')
  f(1 / 4, 'c', 'c', 'c')
  f(1 / 5, 'ccd', 'cccd', 'ccccd')
  f(1 / 8, 'e', 'e', 'e')
  f(1 / 10, 'e66', 'e666', 'e6666')
  f(1 / 16, 'f', 'f', 'f')
  f(1 / 100, 'fd71', 'fd70a', 'fd70a4')
  f(1 / 1000, 'ffbe7', 'ffbe77', 'ffbe76d')
  f(1 / 10000, 'fff972', 'fff9724', 'fff97247')
  f(1 / 100000, 'ffff584', 'ffff583a', 'ffff583a5')
  f(1 / 1000000, 'ffffef4', 'ffffef39', 'ffffef391')
})

test('the ends: nothing, all, and the smallest share there is', () => {
  deepStrictEqual(thresholdOf(0, 4), NEVER)
  deepStrictEqual(thresholdOf(1, 4), ALWAYS)
  deepStrictEqual(thresholdOf(2 ** -56, 4).text, 'ffffffffffffff')
  deepStrictEqual(thresholdOf(1e-30, 4).text, 'ffffffffffffff')
  deepStrictEqual(thresholdOf(0.1, 14).text, 'e6666666666666')
})

test('a threshold rejects what it says', () => {
  for (const ratio of [0.9999, 0.5, 0.3, 0.1, 0.0123, 1e-6]) {
    for (const precision of [1, 4, 14]) {
      const { bits, text } = thresholdOf(ratio, precision)
      deepStrictEqual(bits.hex(), text.padEnd(14, '0'))
      const kept = 1 - Number(BigInt(`0x${bits.hex()}`)) / 2 ** 56
      ok(Math.abs(kept - ratio) <= 16 ** -precision + Number.EPSILON, `${ratio} at ${precision} digits keeps ${kept}`)
    }
  }
})

test('hash thresholds count in steps of 1/16384, cut off', () => {
  const f = (ratio: number, text: string): void => deepStrictEqual(hashThresholdOf(ratio).text, text)
  f(1, '0')
  f(0.5, '8')
  f(0.1, 'e668')
  f(0.07, 'ee18')
  f(1 / 16384, 'fffc')
  f(1 / 16385, '')
  f(0, '')
})
