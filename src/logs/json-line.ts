import type { LogValue } from './log-entry.ts'

// A run of digits that may be more than a double keeps.
const LONG_NUMBER = /[\d.]{18}/
const DIGITS_KEPT = 17
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
const WALK_DEPTH_MAX = 64

/** Reads lines of JSON. One for all lines, filled again. */
export class JsonLine {
  value: LogValue = null
  /** Not all that was written is in the value: a key came twice, or a number has more digits than a number keeps. */
  lossy = false

  /** False where the text is not JSON. Integers beyond 53 bits become bigints, and beyond 64 their digits. */
  read(text: string): boolean {
    this.lossy = false
    try {
      this.value = JSON.parse(text) as LogValue
      if (LONG_NUMBER.test(text)) this.value = this.precise(text)
    } catch {
      return false
    }
    return true
  }

  /** Looks for keys that came twice. `keys` stand at the top of the value. */
  findTwins(text: string, keys: number): void {
    const written = keysWritten(text)
    if (written > keys && written > keysIn(this.value, 0)) this.lossy = true
  }

  private precise(text: string): LogValue {
    return JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) => {
      if (typeof value !== 'number' || context?.source === undefined) return value
      const { source } = context
      if (Number.isSafeInteger(value) && !source.includes('.')) return value
      if (/^-?\d+$/.test(source)) {
        const integer = source.length <= 20 ? BigInt(source) : undefined
        return integer !== undefined && integer >= INT64_MIN && integer <= INT64_MAX ? integer : source
      }
      if (source.replace(/[eE].*|[-.]/g, '').replace(/^0+/, '').length > DIGITS_KEPT) this.lossy = true
      return value
    }) as LogValue
  }
}

// In JSON, a quote with a colon behind it ends a key, unless the quote is escaped.
function keysWritten(text: string): number {
  let keys = 0
  for (let at = text.indexOf('":'); at >= 0; at = text.indexOf('":', at + 2)) {
    let before = at - 1
    while (text.charCodeAt(before) === 92) before--
    if ((at - 1 - before) % 2 === 0) keys++
  }
  return keys
}

function keysIn(value: LogValue, depth: number): number {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return 0
  // Too deep to be walked: as if all were there.
  if (depth > WALK_DEPTH_MAX) return Number.POSITIVE_INFINITY
  let keys = 0
  if (Array.isArray(value)) {
    for (const member of value) keys += keysIn(member, depth + 1)
    return keys
  }
  const map = value as Readonly<Record<string, LogValue>>
  for (const key in map) keys += 1 + keysIn(map[key], depth + 1)
  return keys
}
