import { sameBytes, shortWord } from './bytes.ts'

const SLOT_BITS = 10

// Bytes are compared by words that may begin before a short key.
const MARGIN = new Uint8Array(4)

/** Attribute keys that somebody asks for, numbered from 0 in the order given, and found in a request's bytes without decoding. */
export class KeyTable {
  readonly size: number
  private readonly numbers = new Map<string, number>()
  private readonly lengths: Int32Array
  // All keys one after the other, and where each begins.
  private readonly texts: DataView
  private readonly starts: Int32Array
  // `heads` holds the first key of a slot, `nexts` the next one of the same slot.
  private readonly heads = new Int16Array(1 << SLOT_BITS).fill(-1)
  private readonly nexts: Int16Array

  constructor(keys: Iterable<string>) {
    for (const key of keys) if (key !== '' && !this.numbers.has(key)) this.numbers.set(key, this.numbers.size)
    this.size = this.numbers.size
    this.lengths = new Int32Array(this.size)
    this.starts = new Int32Array(this.size)
    this.nexts = new Int16Array(this.size)
    const encoded = Array.from(this.numbers.keys(), (key) => Buffer.from(key))
    const texts = new Uint8Array(Buffer.concat([MARGIN, ...encoded]))
    this.texts = new DataView(texts.buffer)
    let start = MARGIN.length
    for (let i = 0; i < this.size; i++) {
      const { length } = encoded[i]
      const slot = slotOf(this.texts, start, length)
      this.nexts[i] = this.heads[slot]
      this.heads[slot] = i
      this.lengths[i] = length
      this.starts[i] = start
      start += length
    }
  }

  numberOf(key: string): number {
    return this.numbers.get(key) ?? -1
  }

  /** The number of the key that stands at `start`, at least four bytes into the view, or -1 when nobody asked for it. */
  find(view: DataView, start: number, length: number): number {
    if (length === 0) return -1
    let number = this.heads[slotOf(view, start, length)]
    while (number >= 0 && (this.lengths[number] !== length || !sameBytes(view, start, this.texts, this.starts[number], length))) {
      number = this.nexts[number]
    }
    return number
  }
}

// By its last four bytes and its length; few keys share both.
function slotOf(view: DataView, start: number, length: number): number {
  const word = length < 4 ? shortWord(view, start, length) : view.getInt32(start + length - 4, true)
  return Math.imul(word ^ (length << 24), 0x9e3779b1) >>> (32 - SLOT_BITS)
}
