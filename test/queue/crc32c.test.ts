import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { crc32c } from '../../src/queue/crc32c.ts'

test('crc32c gives the checksums of RFC 3720 B.4 and of the usual check string', () => {
  const f = (bytes: Uint8Array, expected: number): void => strictEqual(crc32c(bytes), expected)
  f(Buffer.from(''), 0)
  f(Buffer.from('123456789'), 0xe3069283)
  f(new Uint8Array(32), 0x8a9136aa)
  f(new Uint8Array(32).fill(0xff), 0x62a8ab43)
  f(
    Uint8Array.from({ length: 32 }, (_, at) => at),
    0x46dd794e
  )
  f(
    Uint8Array.from({ length: 32 }, (_, at) => 31 - at),
    0x113fdb5c
  )
})

test('crc32c of parts, one after another, is that of the whole, and is as bit by bit', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(200), (bytes, cut) => {
      const at = Math.min(cut, bytes.length)
      strictEqual(crc32c(bytes, at, bytes.length, crc32c(bytes, 0, at)), crc32c(bytes))
      strictEqual(crc32c(bytes), bitByBit(bytes))
    })
  )
})

function bitByBit(bytes: Uint8Array): number {
  let crc = 0xffffffff
  for (const byte of bytes) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  }
  return ~crc >>> 0
}
