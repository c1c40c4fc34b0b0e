/** A value of which there are several spellings: these bytes. */
export class Raw {
  readonly bytes: Uint8Array

  constructor(...bytes: readonly number[]) {
    this.bytes = Uint8Array.from(bytes)
  }
}

/** Fluent's time with nanoseconds, as an extension of fixed size. */
export function eventTime(seconds: number, nanos: number): Raw {
  const bytes = Buffer.alloc(10)
  bytes.set([0xd7, 0])
  bytes.writeUInt32BE(seconds, 2)
  bytes.writeUInt32BE(nanos, 6)
  return new Raw(...bytes)
}

/** Writes a value as msgpack, each in its shortest form; a Buffer is binary. */
export function encoded(value: unknown): Buffer {
  if (value instanceof Raw) return Buffer.from(value.bytes)
  if (value === null) return Buffer.from([0xc0])
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2])
  if (typeof value === 'number' || typeof value === 'bigint') return encodedNumber(value)
  if (typeof value === 'string') return sized(Buffer.from(value), [0xa0, 32], [0xd9, 0xda, 0xdb])
  if (value instanceof Uint8Array) return sized(Buffer.from(value), [0, 0], [0xc4, 0xc5, 0xc6])
  if (Array.isArray(value)) return Buffer.concat([counted(value.length, 0x90, [0xdc, 0xdd]), ...value.map(encoded)])
  const pairs = Object.entries(value as object)
  return Buffer.concat([counted(pairs.length, 0x80, [0xde, 0xdf]), ...pairs.flatMap((pair) => pair.map(encoded))])
}

function encodedNumber(value: number | bigint): Buffer {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    const bytes = Buffer.alloc(9)
    bytes[0] = 0xcb
    bytes.writeDoubleBE(value, 1)
    return bytes
  }
  if (value >= -32 && value < 128) return Buffer.from([Number(value) & 255])
  for (const [index, bits] of [8, 16, 32, 64].entries()) {
    const isSigned = value < 0
    const limit = 2n ** BigInt(isSigned ? bits - 1 : bits)
    if (isSigned ? BigInt(value) < -limit : BigInt(value) >= limit) continue
    const hex = BigInt.asUintN(bits, BigInt(value))
      .toString(16)
      .padStart(bits / 4, '0')
    return Buffer.concat([Buffer.from([(isSigned ? 0xd0 : 0xcc) + index]), Buffer.from(hex, 'hex')])
  }
  throw new Error('more than 64 bits')
}

function sized(content: Buffer, [fixed, below]: readonly number[], [one, two, four]: readonly number[]): Buffer {
  const { length } = content
  const head =
    length < below
      ? [fixed | length]
      : length < 256
        ? [one, length]
        : length < 65_536
          ? [two, ...big(length, 2)]
          : [four, ...big(length, 4)]
  return Buffer.concat([Buffer.from(head), content])
}

function counted(count: number, fixed: number, [two, four]: readonly number[]): Buffer {
  return Buffer.from(count < 16 ? [fixed | count] : count < 65_536 ? [two, ...big(count, 2)] : [four, ...big(count, 4)])
}

function big(value: number, bytes: number): number[] {
  return Array.from({ length: bytes }, (_, index) => Math.floor(value / 256 ** (bytes - 1 - index)) & 255)
}
