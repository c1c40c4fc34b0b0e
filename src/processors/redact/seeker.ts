// Goes ahead of a walk over raw bytes and tells where there is something to look at.

import { findHeadless } from './headless.ts'
import type { Heads } from './heads.ts'
import { findDigits } from './people.ts'
import { type Sweep, Swept } from './sweep.ts'

const NEVER = Number.POSITIVE_INFINITY
const NOTHING = new Uint8Array(0)

/** Asked with rising offsets, it reads each byte of a request once per kind of hit: heads, runs of digits, what has no head, and integers of protobuf. */
export class Seeker {
  private readonly heads: Heads
  private readonly isProtobuf: boolean
  private bytes: Uint8Array = NOTHING
  private readonly sweep: Sweep
  private readonly swept = new Swept()
  /** The next place of the sweep, and how far it has come. */
  private place = 0
  private sweptTo = 0
  // Each behind the start of the next hit of its kind.
  private head = NEVER
  private digits = NEVER
  private integer = NEVER
  private headless = NEVER
  /** Behind the start of the next place that deserves a look. */
  hit = NEVER

  constructor(heads: Heads, isProtobuf: boolean) {
    this.heads = heads
    this.isProtobuf = isProtobuf
    this.sweep = heads.sweep
  }

  /** False when there is nothing to look at in all of `bytes`. */
  open(bytes: Uint8Array): boolean {
    this.bytes = bytes
    this.head = 0
    this.place = 0
    this.sweptTo = 0
    this.swept.count = 0
    this.digits = 0
    this.headless = 0
    this.integer = this.isProtobuf ? 0 : NEVER
    this.seek(0)
    return this.hit !== NEVER
  }

  close(): void {
    this.bytes = NOTHING
  }

  /** True when there may be something in [start, end). A hit in what was stepped over is passed first. */
  deservesLook(start: number, end: number): boolean {
    if (this.hit <= start) this.seek(start)
    return this.hit <= end
  }

  private seek(from: number): void {
    const { heads, bytes } = this
    if (this.head <= from) this.head = this.nextHead(from)
    if (this.headless <= from) this.headless = behind(findHeadless(bytes, from, bytes.length))
    if (heads.findsCards) {
      if (this.digits <= from) this.digits = behind(findDigits(bytes, from, bytes.length))
      if (this.integer <= from) this.integer = orNever(nextInteger(bytes, from, bytes.length))
    }
    this.hit = Math.min(this.head, this.headless)
    if (heads.findsCards) this.hit = Math.min(this.hit, this.digits, this.integer)
  }

  private nextHead(from: number): number {
    const { heads, sweep, swept, bytes } = this
    for (;;) {
      for (; this.place < swept.count; this.place++) {
        const end = swept.ends[this.place]
        if (end > from && heads.deservesLook(sweep.headsAt(swept, this.place), bytes, end)) return end
      }
      if (this.sweptTo >= bytes.length) return NEVER
      this.sweptTo = sweep.run(bytes, Math.max(this.sweptTo, from), bytes.length, swept)
      this.place = 0
    }
  }
}

function behind(offset: number): number {
  return offset < 0 ? NEVER : offset + 1
}

function orNever(offset: number): number {
  return offset < 0 ? NEVER : offset
}

// AnyValue { int_value = 3 }: the tag 24, and a varint of 6 to 8 bytes, which is what numbers of 13 to 16 digits take.
const INTEGER_TAG = 0x18
const MORE_MIN = 5
const MORE_MAX = 7

/** Behind the tag of the next integer in [start, stop) that could be a card number, or -1. Looks at every fifth byte, and back from there where it must. */
export function nextInteger(bytes: Uint8Array, start: number, stop: number): number {
  let probe = start + MORE_MIN - 1
  while (probe < stop) {
    if (bytes[probe] < 128) {
      probe += MORE_MIN
      continue
    }
    let left = probe
    while (left > start && bytes[left - 1] > 127) left--
    let right = probe + 1
    while (right < stop && bytes[right] > 127) right++
    const more = right - left
    if (more >= MORE_MIN && more <= MORE_MAX && left > start && bytes[left - 1] === INTEGER_TAG) return left
    probe = right + MORE_MIN
  }
  return -1
}
