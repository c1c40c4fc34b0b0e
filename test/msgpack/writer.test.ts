import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { MsgpackWriter } from '../../src/msgpack/writer.ts'
import { readMsgpack } from '../support/read-msgpack.ts'

test('what is written is read back', () => {
  const out = new MsgpackWriter()
  const f = (write: () => void, expected: unknown): void => {
    write()
    deepStrictEqual(readMsgpack(out.finish()), expected)
  }
  for (const text of ['', 'a', 'ü', 'x'.repeat(31), 'x'.repeat(32), 'ü'.repeat(127), 'x'.repeat(255), 'x'.repeat(256), 'x'.repeat(70_000)])
    f(() => out.text(text), text)
  for (const size of [0, 1, 255, 256, 70_000]) f(() => out.binary(Buffer.alloc(size, 7)), Buffer.alloc(size, 7))
  for (const number of [0, 127, 128, 255, 65_536, 2 ** 32 - 1]) f(() => out.unsigned(number), number)
  f(() => out.unsigned(2 ** 32), 2n ** 32n)
  f(() => out.unsigned(2n ** 64n - 1n), 2n ** 64n - 1n)
  f(() => out.unsignedHex('ffffffffffffffff'), 2n ** 64n - 1n)
  f(() => out.unsignedHex('00000000000000ff'), 255n)
  f(() => out.double(1.5), 1.5)
  f(() => out.boolean(true), true)
  f(() => out.boolean(false), false)
  for (const size of [0, 1, 15, 16, 70_000]) {
    f(
      () => {
        out.array(size)
        for (let i = 0; i < size; i++) out.unsigned(i % 100)
      },
      Array.from({ length: size }, (_, i) => i % 100)
    )
    f(
      () => {
        out.map(size)
        for (let i = 0; i < size; i++) {
          out.text(`key ${i}`)
          out.boolean(true)
        }
      },
      Object.fromEntries(Array.from({ length: size }, (_, i) => [`key ${i}`, true]))
    )
  }
})
