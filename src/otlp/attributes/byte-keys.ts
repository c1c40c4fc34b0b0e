import { randomBytes } from 'node:crypto'
import { hashBytes, mix, sameBytes, spread } from './bytes.ts'

const KEYS_FIRST = 64
const SLOTS_PER_KEY = 4
const ARENA_BYTES_FIRST = 4096
const PROBES_MAX = 16
const NO_VIEW = new DataView(new ArrayBuffer(0))

/**
 * Finds answers by keys that are put together from the bytes of a request, without copying them: a hash table whose keys lie in one arena. It is a
 * memory of earlier answers and nothing more: full, it forgets them all.
 *
 * A key in the arena: its first word and the number of its parts, then for each part its header and its bytes. Words, numbers and headers are 32
 * bits, little-endian. Headers that are alike have as many bytes.
 */
export class ByteKeys<T> {
  private readonly arenaBytesMax: number
  // Senders cannot aim at one slot without knowing the seed; if many keys still meet there, the search ends after a few.
  private readonly seed = randomBytes(4).readInt32LE()
  private slots = new Int32Array(SLOTS_PER_KEY * KEYS_FIRST)
  private hashes = new Int32Array(KEYS_FIRST)
  private offsets = new Int32Array(KEYS_FIRST)
  private answers: T[] = []
  private arena = new DataView(new ArrayBuffer(ARENA_BYTES_FIRST))
  private arenaUsed = 0

  // The key that is asked for.
  private view: DataView = NO_VIEW
  private word = 0
  private parts = 0
  private readonly headers: Int32Array
  private readonly starts: Int32Array
  private readonly lengths: Int32Array
  private hash = 0

  constructor(partsMax: number, arenaBytesMax: number) {
    this.arenaBytesMax = arenaBytesMax
    this.headers = new Int32Array(partsMax)
    this.starts = new Int32Array(partsMax)
    this.lengths = new Int32Array(partsMax)
  }

  /** Begins a key whose bytes lie in `view`. */
  begin(view: DataView, word: number): void {
    this.view = view
    this.word = word
    this.parts = 0
  }

  /** Adds a part to the key: a header, and `length` bytes at `start`. */
  part(header: number, start: number, length: number): void {
    const part = this.parts++
    this.headers[part] = header
    this.starts[part] = start
    this.lengths[part] = length
  }

  /** The answer for the key that was begun last, or undefined. */
  find(): T | undefined {
    const { slots, hashes } = this
    const hash = this.hashKey()
    const mask = slots.length - 1
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const entry = slots[(hash + probe) & mask] - 1
      if (entry < 0) return undefined
      if (hashes[entry] === hash && this.isAt(this.offsets[entry])) return this.answers[entry]
    }
    return undefined
  }

  /** Remembers the answer for the key that was begun last, for which `find` had none. */
  remember(answer: T): void {
    const keyBytes = this.sizeOfKey()
    if (this.arenaUsed + keyBytes > this.arena.byteLength && !this.growArena(keyBytes)) return
    if (SLOTS_PER_KEY * (this.answers.length + 1) > this.slots.length) this.growSlots()
    const { hash } = this
    const entry = this.answers.length
    if (!this.claim(hash, entry)) return
    this.hashes[entry] = hash
    this.offsets[entry] = this.arenaUsed
    this.answers.push(answer)
    this.write()
  }

  clear(): void {
    this.slots = new Int32Array(SLOTS_PER_KEY * KEYS_FIRST)
    this.hashes = new Int32Array(KEYS_FIRST)
    this.offsets = new Int32Array(KEYS_FIRST)
    this.answers = []
    this.arena = new DataView(new ArrayBuffer(ARENA_BYTES_FIRST))
    this.arenaUsed = 0
  }

  /** Lets go of the bytes. */
  close(): void {
    this.view = NO_VIEW
  }

  private hashKey(): number {
    const { view, parts, headers, starts, lengths } = this
    let hash = mix(this.seed, this.word)
    for (let i = 0; i < parts; i++) hash = hashBytes(view, starts[i], lengths[i], mix(hash, headers[i]))
    this.hash = spread(hash)
    return this.hash
  }

  private sizeOfKey(): number {
    let size = 8
    for (let i = 0; i < this.parts; i++) size += 4 + this.lengths[i]
    return size
  }

  private isAt(offset: number): boolean {
    const { arena, view, parts, headers, starts, lengths } = this
    if (arena.getInt32(offset, true) !== this.word || arena.getInt32(offset + 4, true) !== parts) return false
    offset += 8
    for (let i = 0; i < parts; i++) {
      if (arena.getInt32(offset, true) !== headers[i]) return false
      offset += 4
      const length = lengths[i]
      if (!sameBytes(view, starts[i], arena, offset, length)) return false
      offset += length
    }
    return true
  }

  private write(): void {
    const { arena, view, parts, headers, starts, lengths } = this
    let at = this.arenaUsed
    arena.setInt32(at, this.word, true)
    arena.setInt32(at + 4, parts, true)
    at += 8
    for (let i = 0; i < parts; i++) {
      arena.setInt32(at, headers[i], true)
      at += 4
      const start = starts[i]
      const length = lengths[i]
      // Most are short: a loop is then faster than two views and a call.
      if (length < 64) for (let byte = 0; byte < length; byte++) arena.setUint8(at + byte, view.getUint8(start + byte))
      else new Uint8Array(arena.buffer).set(new Uint8Array(view.buffer, view.byteOffset + start, length), at)
      at += length
    }
    this.arenaUsed = at
  }

  private claim(hash: number, entry: number): boolean {
    const mask = this.slots.length - 1
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const slot = (hash + probe) & mask
      if (this.slots[slot] !== 0) continue
      this.slots[slot] = entry + 1
      return true
    }
    return false
  }

  // A key that finds no slot any more is found by nobody, and asked for anew, the long way.
  private growSlots(): void {
    const { hashes, offsets } = this
    this.slots = new Int32Array(2 * this.slots.length)
    this.hashes = new Int32Array(2 * hashes.length)
    this.offsets = new Int32Array(2 * offsets.length)
    this.hashes.set(hashes)
    this.offsets.set(offsets)
    for (let entry = 0; entry < this.answers.length; entry++) this.claim(hashes[entry], entry)
  }

  private growArena(keyBytes: number): boolean {
    if (keyBytes > this.arenaBytesMax) return false
    if (this.arenaUsed + keyBytes > this.arenaBytesMax) this.clear()
    let length = this.arena.byteLength
    while (length < this.arenaUsed + keyBytes) length *= 2
    if (length === this.arena.byteLength) return true
    const grown = new Uint8Array(length)
    grown.set(new Uint8Array(this.arena.buffer))
    this.arena = new DataView(grown.buffer)
    return true
  }
}
