// biome-ignore lint/suspicious/noExplicitAny: msgpack from the outside, looked into field by field
type Value = any

/** Reads one msgpack value by the letter: integers of 64 bits as bigint, text in sound UTF-8, no key twice, nothing after the end. Throws otherwise. */
export function readMsgpack(bytes: Buffer): Value {
  const reader = new Reader(bytes)
  const value = reader.value()
  if (reader.at !== bytes.length) throw new Error(`${bytes.length - reader.at} bytes after the value`)
  return value
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

class Reader {
  at = 0
  private readonly bytes: Buffer

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  value(): Value {
    const tag = this.bytes.readUInt8(this.at++)
    if (tag < 0x80) return tag
    if (tag < 0x90) return this.map(tag & 15)
    if (tag < 0xa0) return this.list(tag & 15)
    if (tag < 0xc0) return this.text(tag & 31)
    if (tag >= 0xe0) return tag - 256
    switch (tag) {
      case 0xc0:
        return null
      case 0xc2:
        return false
      case 0xc3:
        return true
      case 0xc4:
        return this.take(this.size(1))
      case 0xc5:
        return this.take(this.size(2))
      case 0xc6:
        return this.take(this.size(4))
      case 0xca:
        return this.take(4).readFloatBE(0)
      case 0xcb:
        return this.take(8).readDoubleBE(0)
      case 0xcc:
      case 0xcd:
      case 0xce:
        return this.size(1 << (tag - 0xcc))
      case 0xcf:
        return this.take(8).readBigUInt64BE(0)
      case 0xd0:
      case 0xd1:
      case 0xd2:
        return this.take(1 << (tag - 0xd0)).readIntBE(0, 1 << (tag - 0xd0))
      case 0xd3:
        return this.take(8).readBigInt64BE(0)
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.text(this.size(1 << (tag - 0xd9)))
      case 0xdc:
      case 0xdd:
        return this.list(this.size(tag === 0xdc ? 2 : 4))
      case 0xde:
      case 0xdf:
        return this.map(this.size(tag === 0xde ? 2 : 4))
      default:
        throw new Error(`msgpack type 0x${tag.toString(16)}`)
    }
  }

  private size(bytes: number): number {
    return this.take(bytes).readUIntBE(0, bytes)
  }

  private take(length: number): Buffer {
    if (this.at + length > this.bytes.length) throw new Error('msgpack ends too early')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  private text(length: number): string {
    return utf8.decode(this.take(length))
  }

  private list(length: number): Value[] {
    const list: Value[] = []
    for (let i = 0; i < length; i++) list.push(this.value())
    return list
  }

  private map(length: number): Record<string, Value> {
    const map: Record<string, Value> = {}
    for (let i = 0; i < length; i++) {
      const key = this.value()
      if (typeof key !== 'string') throw new Error('a key that is no text')
      if (Object.hasOwn(map, key)) throw new Error(`the key ${key} comes twice`)
      map[key] = this.value()
    }
    return map
  }
}
