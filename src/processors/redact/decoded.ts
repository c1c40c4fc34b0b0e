// A second look at texts in which characters are written as escapes: `\u0040`, `\x40`, `\/`, `%40`, `%2540`, `&#64;`.
import { BASE64, BASE64_RUN, type Find, type Text } from './bytes.ts'
import type { KeyJudge } from './keys.ts'

/** What the escapes begin with. Bytes of 0x20 to 0x7e only: others are no part of a secret that has a form. */
export const ESCAPE_HEADS: readonly string[] = [
  ...['\\u00', '\\x', '%'].flatMap((start) => ['2', '3', '4', '5', '6', '7'].map((digit) => start + digit)),
  '\\/',
  '&#',
  '&lt;',
  '&gt;',
  '&amp;'
]

const BACKSLASH = 92
/** What a buffer may hold on to between texts. */
const KEPT_BYTES_MAX = 1_048_576

/** A text with its escapes resolved, and the way back from there. Quotation marks and backslashes stay as they are written, so JSON keeps its form. */
export class Decoded {
  bytes = new Uint8Array(1_024)
  length = 0
  /** From `begins[i]` on, the original offset is the decoded one and `shifts[i]`. */
  private readonly begins: number[] = []
  private readonly shifts: number[] = []

  /** Decodes [start, stop). False when nothing there is an escape. */
  open(bytes: Uint8Array, start: number, stop: number): boolean {
    this.begins.length = 0
    this.shifts.length = 0
    this.mark(0, start)
    if (this.bytes.length < stop - start || this.bytes.length > KEPT_BYTES_MAX) this.bytes = new Uint8Array(stop - start)
    const out = this.bytes
    let to = 0
    for (let at = start; at < stop; ) {
      const byte = bytes[at]
      const end = byte === BACKSLASH || byte === 37 || byte === 38 ? unitEnd(bytes, at, stop) : -1
      if (end < 0) {
        out[to++] = byte
        at++
      } else {
        out[to++] = unit
        at = end
        this.mark(to, at - to)
      }
    }
    this.length = to
    return this.begins.length > 1
  }

  private mark(begin: number, shift: number): void {
    this.begins.push(begin)
    this.shifts.push(shift)
  }

  /** Where what stands at `at` begins in the original. */
  original(at: number): number {
    let low = 0
    let high = this.begins.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if (this.begins[middle] <= at) low = middle
      else high = middle - 1
    }
    return at + this.shifts[low]
  }
}

// What the escape that `unitEnd` found stands for.
let unit = 0

// The end of the escape at `at`, or -1.
function unitEnd(bytes: Uint8Array, at: number, stop: number): number {
  let pos = at + 1
  if (bytes[at] === BACKSLASH) {
    while (pos < stop && bytes[pos] === BACKSLASH) pos++
    if (bytes[pos] === 47) return known(47, pos + 1, stop)
    if (bytes[pos] === 120) return known(hexAt(bytes, pos + 1), pos + 3, stop)
    return bytes[pos] === 117 && bytes[pos + 1] === 48 && bytes[pos + 2] === 48 ? known(hexAt(bytes, pos + 3), pos + 5, stop) : -1
  }
  if (bytes[at] === 37) {
    while (bytes[pos] === 50 && bytes[pos + 1] === 53) pos += 2
    if (pos > at + 1 && hexAt(bytes, pos) < 0) pos -= 2
    return known(hexAt(bytes, pos), pos + 2, stop)
  }
  if (bytes[pos] !== 35) return entityEnd(bytes, pos, stop)
  const isHex = (bytes[pos + 1] | 32) === 120
  let value = 0
  let digits = 0
  for (pos += isHex ? 2 : 1; digits < 4 && bytes[pos] !== 59; pos++, digits++) {
    const digit = digitAt(bytes, pos)
    if (digit < 0 || (digit > 9 && !isHex)) return -1
    value = value * (isHex ? 16 : 10) + digit
  }
  return bytes[pos] === 59 ? known(value, pos + 1, stop) : -1
}

// lt; gt; amp;
function entityEnd(bytes: Uint8Array, at: number, stop: number): number {
  if (bytes[at + 1] === 116 && bytes[at + 2] === 59 && (bytes[at] === 108 || bytes[at] === 103)) {
    return known(bytes[at] === 108 ? 60 : 62, at + 3, stop)
  }
  const isAnd = bytes[at] === 97 && bytes[at + 1] === 109 && bytes[at + 2] === 112 && bytes[at + 3] === 59
  return isAnd ? known(38, at + 4, stop) : -1
}

// Quotation marks and backslashes would change what is a value and what is not.
function known(value: number, end: number, stop: number): number {
  if (end > stop || value < 32 || value > 126 || value === 34 || value === 39 || value === 92 || value === 96) return -1
  unit = value
  return end
}

function hexAt(bytes: Uint8Array, at: number): number {
  const [high, low] = [digitAt(bytes, at), digitAt(bytes, at + 1)]
  return high < 0 || low < 0 ? -1 : high * 16 + low
}

function digitAt(bytes: Uint8Array, at: number): number {
  const byte = bytes[at]
  if (byte >= 48 && byte <= 57) return byte - 48
  const letter = byte | 32
  return letter >= 97 && letter <= 102 ? letter - 87 : -1
}

/** A head that only says that the text has escapes. */
export function noteEscape(text: Text): void {
  text.escaped = true
  text.atAGlance = true
}

const ENCODED_MIN = 16
const ENCODED_MAX = 1_024
const NAMED_VALUE = /([\w.-]{2,64})["']?\s*[:=]\s*["']?([^\s"',;}]{4,})/g

/** A short text of names and values as base64: `cGFzc3dvcmQ9…`, `eyJwYXNzd29yZCI6…`. The longer ones are found by their length. */
export function encodedPair(text: Text, from: number, judge: KeyJudge): void {
  text.atAGlance = !text.beginsWord(from) || text.is(from - 1, BASE64)
  if (text.atAGlance) return
  const to = text.run(from, BASE64_RUN, ENCODED_MAX)
  if (to - from < ENCODED_MIN || text.at(to) === 46) return
  for (const [, name] of Buffer.from(text.slice(from, to), 'base64').toString('latin1').matchAll(NAMED_VALUE)) {
    text.work += to - from
    if (judge.judge(name) === null) continue
    text.found(from, to, 'encoded-secret')
    return
  }
}

/** Finds of both looks, in order; those that overlap become one, named after the longer. */
export function merged(first: readonly Find[], second: readonly Find[]): Find[] {
  const all = [...first, ...second].sort((a, b) => a.from - b.from || b.to - a.to)
  const finds: Find[] = []
  for (const find of all) {
    const last = finds.at(-1)
    if (last === undefined || find.from >= last.to) {
      finds.push(find)
      continue
    }
    const longer = find.to - find.from > last.to - last.from ? find : last
    finds[finds.length - 1] = { ...longer, from: last.from, to: Math.max(last.to, find.to) }
  }
  return finds
}
