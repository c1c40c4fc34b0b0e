import type { LogValue } from './log-entry.ts'
import { KNOWN } from './names.ts'

// Digits that may be more than a double keeps.
const LONG_NUMBER = /[\d.]{18}/
const DIGITS_KEPT = 17
/** Seconds since 1970 with nanoseconds; the reader of times takes the digits from the text. */
const TIME_CHARACTERS_MAX = 20
const INT64_MAX = 2n ** 63n - 1n
const INT64_MIN = -(2n ** 63n)
const WALK_DEPTH_MAX = 64
const QUOTE = 34
const BACKSLASH = 92

/** Reads lines of JSON. One for all lines, filled again. */
export class JsonLine {
  value: LogValue = null
  /** Not all that was written can be told from the value: a key came twice, a number has more digits than a number keeps, or it is too deep. */
  lossy = false
  private keys = 0
  private hasLongNumbers = false
  private isDeep = false

  /** False where the text is not JSON. Integers beyond 53 bits become bigints, and beyond 64 their digits. */
  read(text: string): boolean {
    this.lossy = false
    this.keys = 0
    this.hasLongNumbers = false
    this.isDeep = false
    try {
      this.value = JSON.parse(text) as LogValue
      this.survey(this.value, 0)
      this.lossy = this.isDeep || keysWritten(text) > this.keys
    } catch {
      return false
    }
    if (this.hasLongNumbers && LONG_NUMBER.test(text)) this.readPrecisely(text)
    return true
  }

  // Counts keys, and looks for numbers that may not be the ones that were written.
  private survey(value: LogValue, depth: number): void {
    if (typeof value === 'number') {
      if (!Number.isSafeInteger(value) && !(Math.round(value * 1e6) / 1e6 === value && Math.abs(value) < 1e9)) this.hasLongNumbers = true
      return
    }
    if (value === null || typeof value !== 'object') return
    if (depth > WALK_DEPTH_MAX) {
      this.isDeep = true
    } else if (Array.isArray(value)) {
      for (let i = 0; i < value.length; i++) this.survey(value[i], depth + 1)
    } else {
      const map = value as Readonly<Record<string, LogValue>>
      for (const key in map) {
        this.keys++
        const member = map[key]
        if (typeof member === 'number' || typeof member === 'object') this.survey(member, depth + 1)
      }
    }
  }

  private readPrecisely(text: string): void {
    try {
      this.value = this.precise(text)
    } catch {
      // Too deep for a second look: the numbers stay as they are.
      this.lossy = true
    }
  }

  private precise(text: string): LogValue {
    return JSON.parse(text, (key, value: unknown, context?: { readonly source?: string }) => {
      if (typeof value !== 'number' || context?.source === undefined) return value
      const { source } = context
      if (/^-?\d+$/.test(source)) {
        if (Number.isSafeInteger(value)) return value
        const integer = source.length <= 20 ? BigInt(source) : undefined
        return integer !== undefined && integer >= INT64_MIN && integer <= INT64_MAX ? integer : source
      }
      const isTime = source.length <= TIME_CHARACTERS_MAX && KNOWN.get(key)?.role === 'time'
      if (!isTime && source.replace(/[eE].*|[-.]/g, '').replace(/^0+/, '').length > DIGITS_KEPT) this.lossy = true
      return value
    }) as LogValue
  }
}

// In JSON, a quote with a colon behind it ends a key, unless the quote is escaped. Colons are fewer than quotes.
function keysWritten(text: string): number {
  let keys = 0
  for (let at = text.indexOf(':', 1); at >= 0; at = text.indexOf(':', at + 1)) {
    if (text.charCodeAt(at - 1) !== QUOTE) continue
    let before = at - 2
    while (text.charCodeAt(before) === BACKSLASH) before--
    if ((at - before) % 2 === 0) keys++
  }
  return keys
}
