import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Breaker } from '../../../src/facts/gpu/breaker.ts'

test('what keeps failing is asked less and less often, up to a limit', () => {
  const f = (options: ConstructorParameters<typeof Breaker>[0], failures: number, expected: number[]): void => {
    const breaker = new Breaker(options)
    const delays = [breaker.delayMs]
    for (let i = 0; i < failures; i++) {
      breaker.fail()
      delays.push(breaker.delayMs)
    }
    deepStrictEqual(delays, expected)
  }
  f({ intervalMs: 10 }, 6, [10, 10, 10, 10, 20, 40, 80])
  f({ intervalMs: 10, failuresMax: 0, backoffMaxMs: 50 }, 4, [10, 20, 40, 50, 50])
  f({ intervalMs: 10, failuresMax: 0, backoffMaxMs: 5 }, 2, [10, 10, 10])
  f({ intervalMs: 600_000, failuresMax: 0 }, 2, [600_000, 600_000, 600_000])
})

test('one success closes it, after however many failures', () => {
  const breaker = new Breaker({ intervalMs: 10 })
  for (let i = 0; i < 10_000; i++) breaker.fail()
  strictEqual(breaker.isOpen, true)
  strictEqual(breaker.delayMs, 300_000)
  breaker.succeed()
  strictEqual(breaker.isOpen, false)
  strictEqual(breaker.delayMs, 10)
})
