import { RefusedError } from '../../errors.ts'

/**
 * The size that a snappy block says it has when it is undone. The block, https://github.com/google/snappy/blob/main/format_description.txt:
 * the size as a varint of at most 32 bits; then elements, whose first byte tells the kind in its low two bits: a literal (0), or a copy of what has
 * been written already, with an offset of 11 bits (1), 16 bits (2) or 32 bits (3).
 */
export function snappySize(block: Uint8Array): number {
  return readSize(block).size
}

function readSize(block: Uint8Array): { size: number; at: number } {
  let size = 0
  for (let at = 0; at < 5 && at < block.length; at++) {
    size += (block[at] & 127) * 2 ** (7 * at)
    if (block[at] < 128 && size <= 0xffff_ffff) return { size, at: at + 1 }
  }
  throw damaged('the size is missing')
}

/** Undoes a snappy block. Takes no more memory than `bytesMax`. Throws RefusedError `too-large`, or `invalid` for what is no such block. */
export function uncompressSnappy(block: Uint8Array, bytesMax: number): Buffer {
  const { size, at: first } = readSize(block)
  if (size > bytesMax) throw new RefusedError('too-large', `the snappy body is larger than ${bytesMax} bytes`)
  // Three bytes make at most sixty-four, so what says that it holds more does not come to that end.
  if (size > block.length * 64) throw damaged('it says that it is larger than it can be')
  const out = Buffer.allocUnsafeSlow(size)
  const { length } = block
  let at = first
  let written = 0
  while (at < length) {
    const tag = block[at++]
    if ((tag & 3) === 0) {
      let count = (tag >> 2) + 1
      if (count > 60) {
        const bytes = count - 60
        if (at + bytes > length) throw damaged('it is cut off')
        count = readLittle(block, at, bytes) + 1
        at += bytes
      }
      if (at + count > length) throw damaged('it is cut off')
      if (written + count > size) throw damaged('it holds more than it says')
      out.set(block.subarray(at, at + count), written)
      at += count
      written += count
      continue
    }
    const bytes = (tag & 3) === 3 ? 4 : tag & 3
    if (at + bytes > length) throw damaged('it is cut off')
    const isShort = bytes === 1
    const count = isShort ? ((tag >> 2) & 7) + 4 : (tag >> 2) + 1
    const offset = isShort ? ((tag >> 5) << 8) | block[at] : readLittle(block, at, bytes)
    at += bytes
    if (offset === 0 || offset > written) throw damaged('it refers to what is not there')
    if (written + count > size) throw damaged('it holds more than it says')
    // Byte by byte: what is copied may be what this copy writes.
    for (let i = 0; i < count; i++, written++) out[written] = out[written - offset]
  }
  if (written !== size) throw damaged('it holds less than it says')
  return out
}

function readLittle(bytes: Uint8Array, at: number, count: number): number {
  let value = 0
  for (let i = count - 1; i >= 0; i--) value = value * 256 + bytes[at + i]
  return value
}

function damaged(what: string): RefusedError {
  return new RefusedError('invalid', `the snappy body is damaged: ${what}`)
}
