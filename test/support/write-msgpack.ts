export type Packed = null | boolean | string | number | bigint | Buffer | readonly Packed[] | { readonly [key: string]: Packed }

/** Writes msgpack as tracers do: whole numbers as integers, a bigint always in 64 bits, Buffers as binary. */
export function writeMsgpack(value: Packed): Buffer {
  if (value === null) return Buffer.from([0xc0])
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2])
  if (typeof value === 'string')
    return Buffer.concat([head(value === '' ? 0 : Buffer.byteLength(value), 0xa0, 32, 0xd9), Buffer.from(value)])
  if (typeof value === 'number') return writeNumber(value)
  const out = Buffer.alloc(9)
  if (typeof value === 'bigint') {
    out[0] = value < 0n ? 0xd3 : 0xcf
    out.writeBigUInt64BE(BigInt.asUintN(64, value), 1)
    return out
  }
  if (Buffer.isBuffer(value)) return Buffer.concat([head(value.length, 0, 0, 0xc4), value])
  if (Array.isArray(value)) return Buffer.concat([head(value.length, 0x90, 16, 0xdb), ...value.map(writeMsgpack)])
  const entries = Object.entries(value)
  return Buffer.concat([
    head(entries.length, 0x80, 16, 0xdd),
    ...entries.flatMap(([key, each]) => [writeMsgpack(key), writeMsgpack(each as Packed)])
  ])
}

// Within the tag when it is small; else behind it in 1, 2 or 4 bytes. Lists and maps have no form with one byte.
function head(length: number, small: number, smallMax: number, tag: number): Buffer {
  if (length < smallMax) return Buffer.from([small | length])
  const hasOne = tag === 0xd9 || tag === 0xc4
  if (length < 256 && hasOne) return Buffer.from([tag, length])
  const out = Buffer.alloc(length < 65_536 ? 3 : 5)
  out[0] = tag + (length < 65_536 ? 1 : 2)
  out.writeUIntBE(length, 1, out.length - 1)
  return out
}

function writeNumber(value: number): Buffer {
  if (Number.isInteger(value) && value >= 0 && value < 128) return Buffer.from([value])
  if (Number.isInteger(value) && value >= -32 && value < 0) return Buffer.from([value & 0xff])
  const out = Buffer.alloc(Number.isInteger(value) && Math.abs(value) < 2 ** 31 ? 5 : 9)
  if (out.length === 5) {
    out[0] = 0xd2
    out.writeInt32BE(value, 1)
  } else {
    out[0] = 0xcb
    out.writeDoubleBE(value, 1)
  }
  return out
}
