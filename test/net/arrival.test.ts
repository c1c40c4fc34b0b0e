import { deepStrictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { Arrival } from '../../src/net/arrival.ts'
import { ByteBudget } from '../../src/net/limits.ts'

const PIECE = 64 * 1024

function arrival(owned: boolean): { arrival: Arrival; chunks: Buffer[] } {
  const budget = new ByteBudget(2 * PIECE)
  const limits = { bodyBytesMax: 4 * PIECE, stallMs: 1000, bodyMs: 1000, budget }
  return { arrival: new Arrival(limits, budget.lease(), limits.bodyBytesMax, owned), chunks: [1, 2, 3].map(() => Buffer.alloc(PIECE)) }
}

test('what is refused on its way gives its memory back, unless others may look at it', () => {
  const f = (owned: boolean, expected: number[]): void => {
    const { arrival: it, chunks } = arrival(owned)
    it.add(chunks[0])
    it.add(chunks[1])
    throws(() => it.add(chunks[2]), { code: 'too-large' })
    deepStrictEqual(
      chunks.map(({ length }) => length),
      expected
    )
  }
  f(true, [0, 0, 0])
  f(false, [PIECE, PIECE, PIECE])
})

test('what was taken is not forgotten', () => {
  const { arrival: it, chunks } = arrival(true)
  it.add(chunks[0])
  const taken = it.take()
  it.forget()
  deepStrictEqual(taken.length, PIECE)
})
