import { randomBytes } from 'node:crypto'
import { hashBytes, mix, sameBytes } from './bytes.ts'
import type { Label } from './rules.ts'
import { type SpanReader, VALUE_BYTES_MAX } from './span-reader.ts'

const KEYS_FIRST = 64
const ARENA_BYTES_FIRST = 4096
const PROBES_MAX = 16

const VALUE = 1 << 28
const NAME = 2 << 28
const RESOURCE = 4 << 28
const BYTES_FOLLOW = VALUE | NAME
const LENGTH = (1 << 28) - 1

/**
 * Finds what belongs to a span by the raw bytes of its labels, without decoding them: a hash table whose keys lie in one arena. It is a memory of
 * earlier answers and nothing more: full, it forgets them all.
 *
 * A key: the facts, then for each label a header and, where the header says so, bytes. Facts and headers are 32 bits, little-endian. A header: 0 for no
 * value; RESOURCE | the value's number; NAME | length, or VALUE | length, and then that many bytes of the span's name or of an AnyValue.
 */
export class RawKeys<T> {
  /** Facts of the span that was opened last, of those that the rule shows. */
  facts = 0

  private readonly labels: readonly Label[]
  private readonly arenaBytesMax: number
  // Senders cannot aim at one slot without knowing the seed; if many keys still meet there, the search ends after a few.
  private readonly seed = randomBytes(4).readInt32LE()
  private slots = new Int32Array(2 * KEYS_FIRST)
  private hashes = new Int32Array(KEYS_FIRST)
  private offsets = new Int32Array(KEYS_FIRST)
  private answers: T[] = []
  private arena = new Uint8Array(ARENA_BYTES_FIRST)
  private arenaView = new DataView(this.arena.buffer)
  private arenaUsed = 0

  private reader: SpanReader | null = null
  private readonly starts: Int32Array
  private readonly headers: Int32Array
  private keyBytes = 0
  private epoch = 0
  private hash = 0

  constructor(labels: readonly Label[], arenaBytesMax: number) {
    this.labels = labels
    this.arenaBytesMax = arenaBytesMax
    this.starts = new Int32Array(labels.length)
    this.headers = new Int32Array(labels.length)
  }

  /** Turns to the span that was read last. `facts` are those that its rule shows. */
  open(reader: SpanReader, facts: number): this {
    const { labels, starts, headers } = this
    const { view, nameIndex, bits, resourceValues, interner } = reader
    const keys = resourceValues.length
    if (this.epoch !== interner.epoch) {
      this.epoch = interner.epoch
      this.clear()
    }
    this.reader = reader
    this.facts = facts
    let hash = this.seed ^ facts
    let keyBytes = 4 * labels.length + 4
    for (let i = 0; i < labels.length; i++) {
      const label = labels[i]
      const index = (label.bits & bits) === 0 ? -1 : reader.resolve(label.sources)
      let header = 0
      if (index >= keys && index < nameIndex) header = RESOURCE | resourceValues[index - keys]
      else if (index >= 0) {
        const start = reader.valueStarts[index]
        let length = reader.valueEnds[index] - start
        if (length > VALUE_BYTES_MAX) length = VALUE_BYTES_MAX
        header = (index === nameIndex ? NAME : VALUE) | length
        starts[i] = start
        keyBytes += length
        hash = hashBytes(view, start, length, hash)
      }
      headers[i] = header
      hash = mix(hash, header)
    }
    this.keyBytes = keyBytes
    this.hash = hash ^ (hash >>> 15)
    return this
  }

  find(): T | undefined {
    const { slots, hashes, hash } = this
    const mask = slots.length - 1
    for (let probe = 0; probe < PROBES_MAX; probe++) {
      const entry = slots[(hash + probe) & mask] - 1
      if (entry < 0) return undefined
      if (hashes[entry] === hash && this.isAt(this.offsets[entry])) return this.answers[entry]
    }
    return undefined
  }

  /** Remembers the answer for the span that was opened last, for which `find` had none. */
  add(answer: T): void {
    if (this.arenaUsed + this.keyBytes > this.arena.length && !this.growArena()) return
    if (2 * (this.answers.length + 1) > this.slots.length) this.growSlots()
    const entry = this.answers.length
    if (!this.claim(this.hash, entry)) return
    this.hashes[entry] = this.hash
    this.offsets[entry] = this.arenaUsed
    this.answers.push(answer)
    this.write()
  }

  clear(): void {
    this.slots = new Int32Array(2 * KEYS_FIRST)
    this.hashes = new Int32Array(KEYS_FIRST)
    this.offsets = new Int32Array(KEYS_FIRST)
    this.answers = []
    this.arena = new Uint8Array(ARENA_BYTES_FIRST)
    this.arenaView = new DataView(this.arena.buffer)
    this.arenaUsed = 0
  }

  /** Where the value of a label lies in the span that was opened last, as the reader's `resolve` says it. */
  valueIndex(label: number): number {
    return this.headers[label] === 0 ? -1 : this.reader!.resolve(this.labels[label].sources)
  }

  private isAt(offset: number): boolean {
    const { arenaView, headers, starts } = this
    const { view } = this.reader!
    if (arenaView.getInt32(offset, true) !== this.facts) return false
    offset += 4
    for (let i = 0; i < headers.length; i++) {
      const header = headers[i]
      if (arenaView.getInt32(offset, true) !== header) return false
      offset += 4
      if ((header & BYTES_FOLLOW) === 0) continue
      const length = header & LENGTH
      if (!sameBytes(view, starts[i], arenaView, offset, length)) return false
      offset += length
    }
    return true
  }

  private write(): void {
    const { arena, arenaView, headers, starts } = this
    const { bytes } = this.reader!
    let at = this.arenaUsed
    arenaView.setInt32(at, this.facts, true)
    at += 4
    for (let i = 0; i < headers.length; i++) {
      const header = headers[i]
      arenaView.setInt32(at, header, true)
      at += 4
      if ((header & BYTES_FOLLOW) === 0) continue
      const length = header & LENGTH
      arena.set(bytes.subarray(starts[i], starts[i] + length), at)
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

  // Keys whose slots are all taken stay findable by nobody; they are found anew, the long way.
  private growSlots(): void {
    const { hashes, offsets } = this
    this.slots = new Int32Array(2 * this.slots.length)
    this.hashes = new Int32Array(2 * hashes.length)
    this.offsets = new Int32Array(2 * offsets.length)
    this.hashes.set(hashes)
    this.offsets.set(offsets)
    for (let entry = 0; entry < this.answers.length; entry++) this.claim(hashes[entry], entry)
  }

  private growArena(): boolean {
    if (this.keyBytes > this.arenaBytesMax) return false
    let length = this.arena.length
    while (length < this.arenaUsed + this.keyBytes) length *= 2
    if (length > this.arenaBytesMax) {
      this.clear()
      return this.keyBytes <= this.arena.length || this.growArena()
    }
    const { arena } = this
    this.arena = new Uint8Array(length)
    this.arena.set(arena)
    this.arenaView = new DataView(this.arena.buffer)
    return true
  }
}
