import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { allocate, free } from '../src/memory.ts'
import { keptBufferBytes } from './support/kept-memory.ts'

const KIB = 1024
const MARK = 0x5a

// Marks the memory of a buffer of `size` and frees it.
function use(size: number): Buffer {
  const bytes = allocate(size).fill(MARK)
  free(bytes)
  return bytes
}

test('what was freed is used again for a buffer of about its size', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const f = (freed: number, asked: number, expected: boolean): void => {
    const bytes = use(freed)
    const next = allocate(asked)
    strictEqual(next.length, asked)
    strictEqual(
      next.subarray(0, freed).every((byte) => byte === MARK),
      expected
    )
    // Whatever looks at what was freed finds nothing of the next.
    strictEqual(bytes.length, 0)
    t.mock.timers.tick(1000)
  }
  f(500 * KIB, 500 * KIB, true)
  f(500 * KIB, 512 * KIB, true)
  f(500 * KIB, 400 * KIB, true)
  f(500 * KIB, 600 * KIB, false)
  f(500 * KIB, 200 * KIB, false)
})

test('no two buffers have the same memory', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  use(500 * KIB)
  const buffers = [allocate(500 * KIB), allocate(500 * KIB), allocate(500 * KIB)]
  for (const [i, bytes] of buffers.entries()) bytes.fill(i)
  deepStrictEqual(
    buffers.map((bytes, i) => bytes.every((byte) => byte === i)),
    [true, true, true]
  )
  t.mock.timers.tick(1000)
})

test('whatever size is asked for, the buffer can be freed, as can what is a little less of it', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  for (let size = 40 * KIB; size < 1500 * KIB; size += 7 * KIB + 1) {
    const bytes = allocate(size)
    const part = bytes.subarray(0, size - 100)
    strictEqual(bytes.length, size)
    free(part)
    strictEqual(bytes.length, 0, `${size} bytes`)
  }
  t.mock.timers.tick(1000)
})

test('what is kept for the next buffer is bounded, and given back when none came for a second', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const held = Array.from({ length: 40 }, () => allocate(500 * KIB))
  const f = async (call: () => void, least: number, most: number): Promise<void> => {
    const bytes = await keptBufferBytes(1, call)
    ok(bytes >= least * KIB && bytes <= most * KIB, `${bytes} bytes, expected ${least} to ${most} KiB`)
  }
  await f(() => held.forEach(free), -40 * 512, -36 * 512 + 64)
  await f(() => t.mock.timers.tick(999), -64, 64)
  await f(() => t.mock.timers.tick(1), -4 * 512 - 64, -3 * 512 + 64)
})
