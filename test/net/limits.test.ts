import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { free } from '../../src/memory.ts'
import { Arrival } from '../../src/net/arrival.ts'
import { ByteBudget, Watch } from '../../src/net/limits.ts'

test('a lease takes from the budget and gives everything back', () => {
  const budget = new ByteBudget(100)
  const lease = budget.lease()
  lease.take(60)
  lease.give(10)
  strictEqual(budget.heldBytes, 50)
  lease.release()
  lease.release()
  strictEqual(budget.heldBytes, 0)
})

test('what others hold makes one wait, what one holds alone can never fit', () => {
  const budget = new ByteBudget(100)
  const other = budget.lease()
  other.take(80)
  const lease = budget.lease()
  lease.take(20)
  throws(() => lease.take(1), { code: 'busy', retryAfterMs: 1000 })
  throws(() => lease.take(81), { code: 'too-large' })
  strictEqual(budget.heldBytes, 100)
  other.release()
  lease.take(80)
  throws(() => lease.take(1), { code: 'too-large' })
})

test('an arrival joins its chunks and ends at its limit', () => {
  const budget = new ByteBudget(100)
  const lease = budget.lease()
  const limits = { bodyBytesMax: 8, stallMs: 10, bodyMs: 100, budget }
  const arrival = new Arrival(limits, lease, 8, true)
  arrival.add(Buffer.from('abc'))
  arrival.add(Buffer.from('defgh'))
  strictEqual(arrival.take().toString(), 'abcdefgh')
  throws(() => arrival.add(Buffer.from('i')), { code: 'too-large', message: 'the body is larger than 8 bytes' })
  strictEqual(new Arrival(limits, lease, 8, true).take().length, 0)
})

test('an arrival is late when it stalls or takes too long altogether', () => {
  const arrivalOf = (stallMs: number, bodyMs: number): Arrival => {
    const budget = new ByteBudget(100)
    return new Arrival({ bodyBytesMax: 8, stallMs, bodyMs, budget }, budget.lease(), 8, true)
  }
  const start = performance.now()
  const f = (arrival: Arrival, afterMs: number, expected: string | undefined): void =>
    strictEqual(arrival.late(start + afterMs)?.message, expected)
  const stalling = arrivalOf(1000, 10_000)
  f(stalling, 900, undefined)
  f(stalling, 1100, 'nothing more of the body came for 1000 ms')
  stalling.add(Buffer.from('a'))
  f(stalling, 1200, undefined)
  f(stalling, 2100, undefined)
  f(stalling, 2300, 'nothing more of the body came for 1000 ms')
  stalling.add(Buffer.from('b'))
  f(stalling, 10_100, 'the body was not complete after 10000 ms')
})

test('memory is given back only where a buffer is alone in it', () => {
  const f = (bytes: Buffer, expected: number): void => {
    free(bytes)
    strictEqual(bytes.length, expected)
  }
  f(Buffer.alloc(64 * 1024), 0)
  f(Buffer.from(new ArrayBuffer(64 * 1024), 5), 0)
  f(Buffer.alloc(100), 100)
  f(Buffer.from('x'.repeat(3000)), 3000)
  f(Buffer.from(new ArrayBuffer(64 * 1024), 0, 20 * 1024), 20 * 1024)
})

test('a watch looks at what it watches until it is told to stop', async () => {
  const watch = new Watch()
  const seen: string[] = []
  await new Promise<void>((resolve) => {
    const second = {
      tick: (): void => {
        seen.push('second')
        watch.delete(second)
        resolve()
      }
    }
    watch.add({ tick: () => seen.push('first') })
    watch.add(second)
  })
  deepStrictEqual(seen, ['first', 'second'])
  strictEqual(watch.size, 1)
})
