import { dayMs, fromLocal, isDay, monthOf, nearestYear } from './calendar.ts'
import type { LogValue } from './log-entry.ts'

/** A time further ahead than this is a clock gone wrong, or no time at all. */
export const AHEAD_MS_MAX = 3_600_000
/** A number below this many seconds, in 1990, is a duration or a counter and no time. */
const SECONDS_MIN = 631_152_000

const LETTERS = /[A-Za-z]{3}/y
const WEEKDAY = /(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? /y
const DIGITS = /^-?\d{9,19}(?:\.\d{1,9})?$/

const COLON = 58
const DASH = 45
const PLUS = 43
const SPACE = 32
const DOT = 46
const COMMA = 44
const SLASH = 47
const T = 84
const isDigit = (unit: number): boolean => unit >= 48 && unit <= 57
const isLetter = (unit: number): boolean => (unit | 32) >= 97 && (unit | 32) <= 122

/**
 * Reads times in the spellings that logs use. After a call returned true, `ms` and `nanos` are the time, and `end` is where its text ends. A time
 * without a zone is local to this process, one without a year or a day is the nearest. Times over an hour ahead of `nowMs` are none; after those, `isAhead`
 * is true, and `end` is where their text ends.
 */
export class TimeReader {
  ms = 0
  nanos = 0
  end = 0
  isAhead = false
  private text = ''
  private year = 0
  private month = 0
  private day = 0
  private dayPart = 0 // milliseconds since midnight

  /** A field's value. `line` is the text that the value was read from: numbers with a fraction have more digits there than a double keeps. */
  value(value: LogValue, nowMs: number, line = ''): boolean {
    switch (typeof value) {
      case 'number':
        return this.number(value, nowMs, line)
      case 'bigint':
        return this.integer(value, nowMs)
      case 'string': {
        if (isDigit(value.charCodeAt(4)) && DIGITS.test(value))
          return value.includes('.') ? this.number(Number(value), nowMs, value) : this.integer(BigInt(value), nowMs)
        // A time of day alone is a duration as often.
        if (value.charCodeAt(2) === COLON || !this.at(value, 0, nowMs)) return false
        const { end } = this
        // What Java and Go write behind the time: [Europe/Berlin], m=+0.01.
        return end === value.length || value[end] === '[' || value.startsWith(' m=', end)
      }
      default:
        return value !== null && typeof value === 'object' && this.parts(value as Readonly<Record<string, LogValue>>, nowMs)
    }
  }

  /** A time that begins at `start` of a text. */
  at(text: string, start: number, nowMs: number): boolean {
    this.text = text
    this.end = start
    this.nanos = 0
    this.isAhead = false
    const first = text.charCodeAt(start)
    if (isDigit(first)) return this.fromDigit(start, nowMs)
    return isLetter(first) && this.fromName(start, nowMs)
  }

  /** Month, day and time of day, as klog and vLLM write them without a year, from numbers that were read elsewhere. `clock`: hh:mm:ss[.fraction]. */
  withoutYear(month: number, day: number, clock: string, nowMs: number): boolean {
    this.text = clock
    this.isAhead = false
    const year = nearestYear(month, day, nowMs)
    return isDay(year, month, day) && this.date(year, month, day) && this.clock(0) && this.settle(nowMs)
  }

  private number(value: number, nowMs: number, line: string): boolean {
    if (!(value >= SECONDS_MIN && value <= Number.MAX_SAFE_INTEGER * 1024)) return false
    const unitMs = value < 1e11 ? 1000 : value < 1e14 ? 1 : value < 1e17 ? 1e-3 : 1e-6
    if (Number.isInteger(value)) {
      this.ms = Math.floor(value * unitMs)
      this.nanos = unitMs >= 1 ? 0 : Math.round((value - this.ms / unitMs) * unitMs * 1e6)
    } else {
      const whole = Math.floor(value)
      // In nanoseconds, below one unit.
      const below = Math.round(fractionIn(line, whole, value) * unitMs * 1e6)
      this.ms = Math.floor(whole * unitMs) + Math.floor(below / 1e6)
      this.nanos = below % 1e6
    }
    return this.accept(nowMs)
  }

  private integer(value: bigint, nowMs: number): boolean {
    if (value < 100_000_000_000_000n) return this.number(Number(value), nowMs, '')
    const nanoseconds = value < 100_000_000_000_000_000n ? value * 1000n : value
    this.ms = Number(nanoseconds / 1_000_000n)
    this.nanos = Number(nanoseconds % 1_000_000n)
    return this.accept(nowMs)
  }

  // log4j2 and protobuf: {epochSecond, nanoOfSecond}, {seconds, nanos}.
  private parts(value: Readonly<Record<string, LogValue>>, nowMs: number): boolean {
    const seconds = Number(value.epochSecond ?? value.seconds)
    const nanos = Number(value.nanoOfSecond ?? value.nanos ?? 0)
    if (!(seconds >= SECONDS_MIN) || !(nanos >= 0 && nanos < 1e9)) return false
    this.ms = Math.floor(seconds) * 1000 + Math.floor(nanos / 1e6)
    this.nanos = nanos % 1e6
    return this.accept(nowMs)
  }

  private accept(nowMs: number): boolean {
    this.isAhead = this.ms > nowMs + AHEAD_MS_MAX
    return this.ms >= SECONDS_MIN * 1000 && !this.isAhead
  }

  // 2024-11-04T10:30:45.123Z and with a slash, a dot or a space; 04/Nov/2024:10:30:45 +0100; 04 Nov 2024 10:30:45; 20241104T103045Z; 08-14 12:00:00;
  // 10:30:45.123
  private fromDigit(start: number, nowMs: number): boolean {
    const { text } = this
    let at = start
    while (at - start < 9 && isDigit(text.charCodeAt(at))) at++
    const digits = at - start
    const mark = text.charCodeAt(at)
    if (digits === 4 && (mark === DASH || mark === SLASH || mark === DOT)) {
      const month = this.two(at + 1)
      if (text.charCodeAt(at + 3) !== mark) return false
      return this.date(this.four(start), month, this.two(at + 4)) && this.dateEnd(at + 6) && this.settle(nowMs)
    }
    if (digits === 8) {
      const isDated = this.date(this.four(start), this.two(start + 4), this.two(start + 6))
      return isDated && (mark === SPACE || mark === T) && this.clock(at + 1) && this.settle(nowMs)
    }
    if (digits > 2) return false
    const number = digits === 2 ? this.two(start) : text.charCodeAt(start) - 48
    if (mark === COLON && digits === 2) return this.clock(start) && this.settleDay(nowMs)
    if (isLetter(text.charCodeAt(at + 1)) && (mark === SLASH || mark === DASH || mark === SPACE)) {
      const month = this.name(at + 1)
      if (month === undefined || text.charCodeAt(at + 4) !== mark) return false
      return this.date(this.four(at + 5), month, number) && this.dateEnd(at + 9) && this.settle(nowMs)
    }
    if (mark !== DASH || digits !== 2 || text.charCodeAt(at + 3) !== SPACE) return false
    const day = this.two(at + 1)
    return isDay(2024, number, day) && this.date(nearestYear(number, day, nowMs), number, day) && this.clock(at + 4) && this.settle(nowMs)
  }

  // Nov  4 10:30:45; Nov 04, 2024 10:30:45 AM; Mon, 04 Nov 2024 10:30:45 GMT; Mon Nov  4 10:30:45 2024
  private fromName(start: number, nowMs: number): boolean {
    const { text } = this
    let at = start
    WEEKDAY.lastIndex = at
    const hasWeekday = WEEKDAY.test(text)
    if (hasWeekday) {
      at = WEEKDAY.lastIndex
      if (isDigit(text.charCodeAt(at))) return this.fromDigit(at, nowMs)
    }
    const month = this.name(at)
    if (month === undefined || text.charCodeAt(at + 3) !== SPACE) return false
    at += 4
    if (text.charCodeAt(at) === SPACE) at++
    const isShort = !isDigit(text.charCodeAt(at + 1))
    const day = isShort ? text.charCodeAt(at) - 48 : this.two(at)
    at += isShort ? 1 : 2
    if (text.charCodeAt(at) === COMMA) {
      const year = this.four(at + 2)
      return this.date(year, month, day) && this.clock(at + 7) && this.settle(nowMs)
    }
    if (text.charCodeAt(at) !== SPACE || !isDay(2024, month, day) || !this.clock(at + 1)) return false
    const year = hasWeekday ? this.yearBehind() : undefined
    return this.date(year ?? nearestYear(month, day, nowMs), month, day) && this.settle(nowMs)
  }

  private name(at: number): number | undefined {
    LETTERS.lastIndex = at
    return LETTERS.test(this.text) ? monthOf(this.text.slice(at, at + 3)) : undefined
  }

  private yearBehind(): number | undefined {
    const { text, end } = this
    const year = text.charCodeAt(end) === SPACE ? this.four(end + 1) : Number.NaN
    if (!(year >= 1990 && year < 2200) || isDigit(text.charCodeAt(end + 5))) return undefined
    this.end = end + 5
    return year
  }

  private date(year: number, month: number, day: number): boolean {
    if (!(year >= 1990 && year < 2200) || !isDay(year, month, day)) return false
    this.year = year
    this.month = month
    this.day = day
    return true
  }

  private dateEnd(at: number): boolean {
    const mark = this.text.charCodeAt(at)
    if (mark !== T && mark !== SPACE && mark !== COLON && mark !== 116 && mark !== 95) return false
    return this.clock(at + 1)
  }

  // hh:mm:ss or hhmmss, a fraction behind a dot or a comma, AM or PM.
  private clock(at: number): boolean {
    const { text } = this
    // The first of two digits may be left out where a half of the day follows.
    const isShort = text.charCodeAt(at + 1) === COLON
    let hour = isShort ? text.charCodeAt(at) - 48 : this.two(at)
    if (isShort) at--
    const isPlain = text.charCodeAt(at + 2) !== COLON
    const step = isPlain ? 2 : 3
    const minute = this.two(at + step)
    const second = this.two(at + 2 * step)
    if (!isPlain && text.charCodeAt(at + 5) !== COLON) return false
    // Written so that NaN, which is what no digits are, fails too.
    if (!(hour >= 0 && hour < 24 && minute < 60 && second <= 60)) return false
    at += 2 * step + 2
    let ms = 0
    const mark = text.charCodeAt(at)
    if ((mark === DOT || mark === COMMA) && isDigit(text.charCodeAt(at + 1))) {
      at++
      let scale = 100_000_000
      let nanos = 0
      for (let unit = text.charCodeAt(at); isDigit(unit); unit = text.charCodeAt(++at)) {
        nanos += (unit - 48) * scale
        scale = Math.floor(scale / 10)
      }
      ms = Math.floor(nanos / 1e6)
      this.nanos = nanos % 1e6
    }
    if (text.charCodeAt(at) === SPACE && text.charCodeAt(at + 2) === 77 && hour <= 12) {
      const half = text.charCodeAt(at + 1)
      if (half === 65 || half === 80) {
        hour = (hour % 12) + (half === 80 ? 12 : 0)
        at += 3
      }
    }
    this.dayPart = ((hour * 60 + minute) * 60 + second) * 1000 + ms
    this.end = at
    return true
  }

  // Reads the zone and puts the parts together.
  private settle(nowMs: number): boolean {
    const wallMs = dayMs(this.year, this.month, this.day) + this.dayPart
    const shift = this.zone()
    this.ms = shift === undefined ? fromLocal(wallMs) : wallMs - shift
    return this.accept(nowMs)
  }

  // A time of day alone: of the day that brings it nearest to now.
  private settleDay(nowMs: number): boolean {
    const now = new Date(nowMs)
    this.date(now.getFullYear(), now.getMonth() + 1, now.getDate())
    const wallMs = dayMs(this.year, this.month, this.day) + this.dayPart
    let ms = fromLocal(wallMs)
    if (ms > nowMs + 43_200_000) ms -= 86_400_000
    else if (ms < nowMs - 43_200_000) ms += 86_400_000
    this.ms = ms
    return this.accept(nowMs)
  }

  // Z, +01:00, +0100, +01, with a space before them too, and the words UTC and GMT. In milliseconds; undefined where none is written.
  private zone(): number | undefined {
    const { text } = this
    let at = this.end
    let mark = text.charCodeAt(at)
    if (mark === 90 || mark === 122) {
      this.end = at + 1
      return 0
    }
    const isApart = mark === SPACE
    if (isApart) mark = text.charCodeAt(++at)
    if (mark === PLUS || mark === DASH) {
      const hours = this.two(at + 1)
      const hasColon = text.charCodeAt(at + 3) === COLON
      const minutes = this.two(at + (hasColon ? 4 : 3))
      if (!(hours <= 14)) return undefined
      const isFull = minutes < 60
      if (!isFull && (isApart || isDigit(text.charCodeAt(at + 3)))) return undefined
      this.end = isFull ? at + (hasColon ? 6 : 5) : at + 3
      if (isFull && text.startsWith(' UTC', this.end)) this.end += 4
      return (mark === DASH ? -1 : 1) * (hours * 60 + (isFull ? minutes : 0)) * 60_000
    }
    if (!isApart || (!text.startsWith('UTC', at) && !text.startsWith('GMT', at)) || isLetter(text.charCodeAt(at + 3))) return undefined
    this.end = at + 3
    return 0
  }

  private two(at: number): number {
    const { text } = this
    const tens = text.charCodeAt(at)
    const ones = text.charCodeAt(at + 1)
    return isDigit(tens) && isDigit(ones) ? (tens - 48) * 10 + ones - 48 : Number.NaN
  }

  private four(at: number): number {
    return this.two(at) * 100 + this.two(at + 2)
  }
}

// The digits behind the point, from the text where they are found there, else from the double.
function fractionIn(line: string, whole: number, value: number): number {
  const lead = `${whole}.`
  const at = line === '' ? -1 : line.indexOf(lead)
  if (at < 0) return Math.round((value - whole) * 1e7) / 1e7
  let fraction = 0
  let scale = 0.1
  for (let i = at + lead.length; i < at + lead.length + 9 && isDigit(line.charCodeAt(i)); i++) {
    fraction += (line.charCodeAt(i) - 48) * scale
    scale /= 10
  }
  return fraction
}
