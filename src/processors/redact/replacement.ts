// What takes the place of a secret, and how a text is put together again around it.
import { BLANK, type Text } from './bytes.ts'
import { digestOf, plainOf } from './joinable.ts'
import { JsonPlace } from './json-place.ts'
import type { Treatment } from './policy.ts'

export const MARKER_START = '[redacted:'
const HASH_START = ':hmac:'

/** A longer one is no marker of ours. */
const MARKER_BYTES_MAX = 96
/** Shorter values would be told by their last four characters. */
const LAST4_LENGTH_MIN = 12

const NOTHING = Buffer.alloc(0)
const DASH = 45

/** Makes what stands for a secret, by the mode of its rule: a marker, a marker with a digest or the last four characters in it, or nothing. */
export class Replacement {
  private readonly markers = new Map<string, Buffer>()
  private readonly hashKey: string

  constructor(hashKey: string) {
    this.hashKey = hashKey
  }

  /** The marker that names `rule` and tells nothing of the value. */
  marker(rule: string): Buffer {
    let marker = this.markers.get(rule)
    if (marker === undefined) {
      marker = Buffer.from(`${MARKER_START}${rule}]`)
      this.markers.set(rule, marker)
    }
    return marker
  }

  /** What takes the place of the value in [from, to) that `rule` found. */
  of(rule: string, treatment: Treatment, bytes: Uint8Array, from: number, to: number): Buffer {
    switch (treatment.modeOf(rule)) {
      case 'mask':
        return this.marker(rule)
      case 'remove':
        return NOTHING
      case 'hash':
        return Buffer.from(`${MARKER_START}${rule}${HASH_START}${digestOf(this.hashKey, rule, bytes.subarray(from, to))}]`)
      case 'last4':
        return this.lastFour(rule, bytes.subarray(from, to))
    }
  }

  /**
   * The text with everything that was found in it replaced. Where nothing takes a value's place, what follows could be read as the value:
   * there, and everywhere if `closesGaps`, the marker stands instead. `left` tells whether a gap was left.
   */
  spliced(text: Text, treatment: Treatment, closesGaps: boolean): { out: Buffer; left: boolean } {
    const { bytes, start, stop, from, to, rule, around } = text
    const by: Buffer[] = []
    let length = stop - start
    let left = false
    const json = new JsonPlace(text)
    for (let i = 0; i < from.length; i++) {
      if (around[i] === '') around[i] = json.markFor(from[i], to[i])
      let replacement = this.of(rule[i], treatment, bytes, from[i], to[i])
      if (replacement.length === 0 && around[i] === '' && !(from[i] === start && to[i] === stop)) {
        if (closesGaps || invitesNext(text, from[i], to[i])) replacement = this.marker(rule[i])
        else left = true
      }
      by.push(replacement)
      length += replacement.length + 2 * around[i].length - (to[i] - from[i])
    }
    const out = Buffer.allocUnsafe(length)
    let done = start
    let at = 0
    for (let i = 0; i < from.length; i++) {
      at = copy(bytes, done, from[i], out, at)
      if (around[i] !== '') at += out.write(around[i], at, 'latin1')
      at = copy(by[i], 0, by[i].length, out, at)
      if (around[i] !== '') at += out.write(around[i], at, 'latin1')
      done = to[i]
    }
    copy(bytes, done, stop, out, at)
    return { out, left }
  }

  private lastFour(rule: string, value: Uint8Array): Buffer {
    const plain = plainOf(rule, value)
    const text = typeof plain === 'string' ? plain : ''
    const isLong = text.length >= LAST4_LENGTH_MIN && /[A-Za-z0-9]{4}$/.test(text)
    return isLong ? Buffer.from(`${MARKER_START}${rule}:last4:${text.slice(-4)}]`) : this.marker(rule)
  }
}

// `password= next`: where a value without quotes is gone, the next word would be taken for it. `-password`: it would be an option.
function invitesNext(text: Text, from: number, to: number): boolean {
  if (from === text.start && text.at(to) === DASH) return true
  let before = from
  while (before > text.start && text.is(before - 1, BLANK)) before--
  const byte = text.at(before - 1)
  return (byte === 61 || byte === 58) && text.is(to, BLANK)
}

/** The end of the marker that stands at `at`, or -1. It holds letters, digits, dashes and colons. */
export function markerEnd(text: Text, at: number): number {
  if (!text.hasFolded(at, MARKER_START)) return -1
  const stop = Math.min(text.stop, at + MARKER_BYTES_MAX)
  for (let pos = at + MARKER_START.length; pos < stop; pos++) {
    const byte = text.bytes[pos]
    if (byte === 93) return pos + 1
    const isInside = (byte >= 97 && byte <= 122) || (byte >= 65 && byte <= 90) || (byte >= 48 && byte <= 58) || byte === 45
    if (!isInside) return -1
  }
  return -1
}

/** Whether [from, to) is the hash of a marker: it may be digits alone, as cards are. */
export function isHash(text: Text, from: number, to: number): boolean {
  if (!text.hasFolded(from - HASH_START.length, HASH_START)) return false
  let at = from
  while (at > text.start && to - at < MARKER_BYTES_MAX && text.at(at) !== 91) at--
  return markerEnd(text, at) === to + 1
}

/** A marker is not looked into again. */
export function skipMarker(text: Text, from: number, _end: number): void {
  const end = markerEnd(text, from)
  if (end >= 0) text.floor = end
}

function copy(from: Uint8Array, start: number, end: number, to: Buffer, at: number): number {
  if (end - start < 16) while (start < end) to[at++] = from[start++]
  else {
    to.set(from.subarray(start, end), at)
    at += end - start
  }
  return at
}
