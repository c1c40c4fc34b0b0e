/** What the gateway says in msgpack: short texts, bytes, and lists and maps of fewer than sixteen. */
export type Said = string | boolean | Buffer | readonly Said[] | { readonly [key: string]: Said }

/** Writes a value as msgpack. */
export function msgpack(value: Said): Buffer {
  if (typeof value === 'boolean') return Buffer.from([value ? 0xc3 : 0xc2])
  if (typeof value === 'string') return sized([0xd9, 0xda], Buffer.from(value), 0xa0)
  if (Buffer.isBuffer(value)) return sized([0xc4, 0xc5], value)
  if (isList(value)) return Buffer.concat([Buffer.from([0x90 | value.length]), ...value.map(msgpack)])
  const pairs = Object.entries(value)
  return Buffer.concat([Buffer.from([0x80 | pairs.length]), ...pairs.flatMap(([key, one]) => [msgpack(key), msgpack(one)])])
}

function isList(value: Said): value is readonly Said[] {
  return Array.isArray(value)
}

function sized([short, long]: readonly [number, number], content: Buffer, fixed?: number): Buffer {
  const { length } = content
  const head = fixed !== undefined && length < 32 ? [fixed | length] : length < 256 ? [short, length] : [long, length >> 8, length & 255]
  return Buffer.concat([Buffer.from(head), content])
}
