// Classes of bytes, and the few ways in which checks look at text. Every look has an end: a bound, or the end of the text.

export const DIGIT = 1
export const UPPER = 2
export const LOWER = 4
export const HEX = 8 // 0-9 a-f A-F
export const UNDERSCORE = 16
export const DASH = 32
export const DOT = 64
export const BASE64 = 128 // + /
export const EQUALS = 256
export const BLANK = 512 // space, tab
export const BREAK = 1024 // carriage return, line feed
export const PERCENT = 2048
export const TILDE = 4096
export const STOPS_BARE = 8192 // ends a value that stands without quotes
export const NOT_A = 16384 // all but capital As, whose runs it ends

export const LETTER = UPPER | LOWER
export const ALNUM = DIGIT | LETTER
export const WORD = ALNUM | UNDERSCORE
export const URLSAFE = WORD | DASH
export const BASE64_RUN = ALNUM | BASE64 | EQUALS
export const IDENTIFIER = WORD | DASH | DOT
export const SPACE = BLANK | BREAK

/** What each byte is: a sum of the classes above. */
export const CLASS = classTable()

function classTable(): Uint16Array {
  const table = new Uint16Array(256)
  const mark = (characters: string, flag: number): void => {
    for (const character of characters) table[character.charCodeAt(0)] |= flag
  }
  mark('0123456789', DIGIT)
  mark('ABCDEFGHIJKLMNOPQRSTUVWXYZ', UPPER)
  mark('abcdefghijklmnopqrstuvwxyz', LOWER)
  mark('0123456789abcdefABCDEF', HEX)
  mark('_', UNDERSCORE)
  mark('-', DASH)
  mark('.', DOT)
  mark('+/', BASE64)
  mark('=', EQUALS)
  mark(' \t', BLANK)
  mark('\r\n', BREAK)
  mark('%', PERCENT)
  mark('~', TILDE)
  mark(' \t\r\n"\'`<>\\,;&()}]\0\u001b', STOPS_BARE)
  for (let byte = 0; byte < 256; byte++) if (byte !== 65) table[byte] |= NOT_A
  return table
}

/** Making a string, and what is done with it then, takes as long as looking at so many bytes. */
const WORK_PER_SLICE = 24

/** What Node's buffers can do without a look at the name of an encoding. */
type Sliceable = Buffer & { latin1Slice(from: number, to: number): string }

/** What was found: [from, to), by which rule, and by which head. */
export interface Find {
  from: number
  to: number
  rule: string
  around: string
  head: number
}

/**
 * The text under inspection and what was found in it. Checks look from `start` to `stop` and never behind `floor`, where the last find ended.
 * `work` counts the bytes that checks looked at beyond the one pass, so that hostile text runs into a budget instead of into time.
 */
export class Text {
  bytes: Uint8Array = new Uint8Array(0)
  start = 0
  stop = 0
  floor = 0
  work = 0
  /** Whether it has escapes that a second look should resolve. */
  escaped = false
  /** Finds, in ascending order: from, to, and the rule's name. */
  readonly from: number[] = []
  readonly to: number[] = []
  readonly rule: string[] = []
  /** What stands around the marker: a quotation mark where a bare value of JSON becomes a string, else nothing. */
  readonly around: string[] = []
  /** The first or last line of a private key was seen. */
  seesKey = false
  /** Rules whose finds stay as they are. */
  allowed: ReadonlySet<string> = new Set()
  /** The head that led to each find; -1 where there was none. */
  readonly head: number[] = []
  // A view of the bytes that can make strings. Making one costs as much as a short string.
  private viewed: Uint8Array | null = null
  private view = Buffer.alloc(0) as Sliceable
  /** The head that is looked at. */
  lookingAt = -1
  /** Set by a check that saw at once that there is nothing: it costs less. */
  atAGlance = false
  // The run that `runOn` went over last: so much of it is known.
  private knownClasses = 0
  private knownFrom = 0
  private knownTo = 0

  open(bytes: Uint8Array, start: number, stop: number): this {
    this.bytes = bytes
    this.start = start
    this.stop = stop
    this.floor = start
    this.work = 0
    if (this.from.length > 0) this.forget()
    this.lookingAt = -1
    this.escaped = false
    this.seesKey = false
    this.knownClasses = 0
    return this
  }

  /** Drops all finds. */
  forget(): void {
    // Setting the length to nothing would give the memory back as well, only to ask for it again.
    while (this.from.length > 0) {
      this.from.pop()
      this.to.pop()
      this.rule.pop()
      this.around.pop()
      this.head.pop()
    }
  }

  /** Notes that [from, to) is to be replaced, and that nothing before `to` is looked at again. */
  found(from: number, to: number, rule: string, around = ''): void {
    if (from < this.floor || to <= from || (this.allowed.size > 0 && this.allowed.has(rule))) return
    this.from.push(from)
    this.to.push(to)
    this.rule.push(rule)
    this.around.push(around)
    this.head.push(this.lookingAt)
    this.floor = to
  }

  /** Takes all finds out, for those who go over them again. */
  take(): Find[] {
    const finds = this.from.map(
      (from, i): Find => ({ from, to: this.to[i], rule: this.rule[i], around: this.around[i], head: this.head[i] })
    )
    this.forget()
    this.floor = this.start
    return finds
  }

  /** Notes a find that was taken out before. */
  put({ from, to, rule, around, head }: Find): void {
    this.lookingAt = head
    this.found(from, to, rule, around)
  }

  /** The end of the run of `classes` that begins at `at`, no further than `max` bytes. */
  run(at: number, classes: number, max: number): number {
    const { bytes } = this
    const end = Math.min(this.stop, at + max)
    let pos = at
    while (pos < end && (CLASS[bytes[pos]] & classes) !== 0) pos++
    this.work += pos - at
    return pos
  }

  /** As `run`, for looks that begin within the same run again and again: each byte is looked at once. */
  runOn(at: number, classes: number, max: number): number {
    const isKnown = classes === this.knownClasses && at >= this.knownFrom && at <= this.knownTo
    if (!isKnown) {
      this.knownClasses = classes
      this.knownFrom = at
      this.knownTo = at
    }
    const end = Math.min(this.stop, at + max)
    if (this.knownTo < end) this.knownTo = this.run(this.knownTo, classes, end - this.knownTo)
    return Math.min(end, this.knownTo)
  }

  /** The start of the run of `classes` that ends before `at`, no further back than `max` bytes or the last find. */
  runBack(at: number, classes: number, max: number): number {
    const { bytes } = this
    const end = Math.max(this.floor, at - max)
    let pos = at
    while (pos > end && (CLASS[bytes[pos - 1]] & classes) !== 0) pos--
    this.work += at - pos
    return pos
  }

  /** True when `literal` stands at `at`, letter for letter. */
  has(at: number, literal: string): boolean {
    if (at < this.start || at + literal.length > this.stop) return false
    for (let i = 0; i < literal.length; i++) if (this.bytes[at + i] !== literal.charCodeAt(i)) return false
    return true
  }

  /** True when `lower` stands at `at` in whatever case. */
  hasFolded(at: number, lower: string): boolean {
    if (at < this.start || at + lower.length > this.stop) return false
    for (let i = 0; i < lower.length; i++) {
      const byte = this.bytes[at + i]
      if ((CLASS[byte] & UPPER ? byte | 32 : byte) !== lower.charCodeAt(i)) return false
    }
    return true
  }

  /** The byte at `at`, or 0 outside of the text. */
  at(at: number): number {
    return at >= this.start && at < this.stop ? this.bytes[at] : 0
  }

  is(at: number, classes: number): boolean {
    return (CLASS[this.at(at)] & classes) !== 0
  }

  /** One byte a character, so nothing is lost and offsets stay. */
  slice(from: number, to: number): string {
    this.work += WORK_PER_SLICE
    const { bytes } = this
    if (this.viewed !== bytes) {
      this.viewed = bytes
      this.view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length) as Sliceable
    }
    return this.view.latin1Slice(from, Math.min(to, this.stop))
  }

  /**
   * True when a word may begin at `at`: nothing alphanumeric stands before it, or what does is another find, or belongs to an escape (`\n`,
   * `%3D`, `\u0022`, the end of a colour sequence).
   */
  beginsWord(at: number): boolean {
    if (!this.is(at - 1, ALNUM) || (at === this.floor && at > this.start)) return true
    return this.escapeBefore(at) > 0
  }

  /** `start`, or where the word really begins if what stands at `start` is the rest of an escape: `\n`, `%3D`, `\u0022`, `ESC[32m`. */
  behindEscape(start: number): number {
    const before = this.at(start - 1)
    if (before === 37) {
      // %2522: an escape of an escape.
      const isTwice = this.at(start) === 50 && this.at(start + 1) === 53 && this.is(start + 2, HEX) && this.is(start + 3, HEX)
      return start + (isTwice ? 4 : 2)
    }
    if (before === 91 || before === 59) {
      const digits = this.run(start, DIGIT, 3)
      return digits > start && this.at(digits) === 109 ? digits + 1 : start
    }
    if (before !== 92) return start
    if (this.at(start) === 117) return start + 5
    return 'nrtbf'.includes(String.fromCharCode(this.at(start) || 97)) ? start + 1 : start
  }

  /** The length of the escape sequence that ends right before `at`, or 0. */
  escapeBefore(at: number): number {
    if (this.at(at - 2) === 92 && 'nrtbf'.includes(String.fromCharCode(this.at(at - 1)))) return 2
    if (this.at(at - 3) === 37 && this.is(at - 2, HEX) && this.is(at - 1, HEX)) return 3
    if (this.at(at - 6) === 92 && this.at(at - 5) === 117 && this.run(at - 4, HEX, 4) === at) return 6
    if (this.at(at - 1) === 109) {
      const digits = this.runBack(at - 1, DIGIT, 3)
      if (digits < at - 1 && (this.at(digits - 1) === 91 || this.at(digits - 1) === 59)) return at - digits + 1
    }
    return 0
  }
}

/** Bytes as a string of one character a byte. */
export function latin1(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}
