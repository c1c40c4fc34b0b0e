// What takes the place of a secret, and how a text is put together again around it.
import type { Text } from './bytes.ts'

export const MARKER_START = '[redacted:'

const MARKER_BYTES_MAX = 96

/** Makes what stands for a secret. */
export class Replacement {
  private readonly markers = new Map<string, Buffer>()

  /** The marker that names `rule` and tells nothing of the value. */
  marker(rule: string): Buffer {
    let marker = this.markers.get(rule)
    if (marker === undefined) {
      marker = Buffer.from(`${MARKER_START}${rule}]`)
      this.markers.set(rule, marker)
    }
    return marker
  }

  /** The text with everything that was found in it replaced. `counted` is told of each find by its rule. */
  spliced(text: Text, counted: ((rule: string) => void) | null): Buffer {
    const { bytes, start, stop, from, to, rule, around } = text
    let length = stop - start
    for (let i = 0; i < from.length; i++) length += this.marker(rule[i]).length + 2 * around[i].length - (to[i] - from[i])
    const out = Buffer.allocUnsafe(length)
    let done = start
    let at = 0
    for (let i = 0; i < from.length; i++) {
      at = copy(bytes, done, from[i], out, at)
      at += out.write(around[i], at, 'latin1')
      const marker = this.marker(rule[i])
      at = copy(marker, 0, marker.length, out, at)
      at += out.write(around[i], at, 'latin1')
      counted?.(rule[i])
      done = to[i]
    }
    copy(bytes, done, stop, out, at)
    return out
  }
}

/** The end of the marker that stands at `at`, or -1. It holds small and capital letters, digits, dashes and colons. */
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
