// One JSON text, with its secrets replaced in place: numbers, spacing, order and repeated keys stay as they were written. Each string is looked at
// as what it means, whatever its escapes; a key that names a secret hides the values below it, of any type.
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COMMA,
  JsonScanner,
  MINUS,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
  unescapeInto
} from '../../otlp/json-scanner.ts'
import { latin1 } from './bytes.ts'
import type { Engine } from './engine.ts'
import { KeyLines } from './key-lines.ts'
import type { KeyKind } from './key-words.ts'

const DEPTH_MAX = 256
const DASH = 45
/** Room for the text of a string with escapes, kept from one text to the next. */
const SCRATCH_BYTES_KEPT = 1 << 20
const NEVER = Number.POSITIVE_INFINITY
const NOTHING = new Uint8Array(0)
/** Digits that a number may have though its key names a secret: a count, a port, a length. */
const SMALL_DIGITS_MAX = 6
const SMALL_PASSWORD_DIGITS_MAX = 2
/** A token of a language model stands under the same key as a secret one; it is a word. */
const TOKEN_BYTES_MIN = 6

// {"name": KEY, "value": v}: the key is a value itself.
const NAMES = new Set(['name', 'key', 'header', 'field', 'param', 'variable'])
const VALUES = new Set(['value', 'val', 'v'])
const USER_OPTION = ' -u '
const USER_OPTIONS = new Set(['-u', '--user'])
/** Names longer than this are no such name. */
const NAME_BYTES_MAX = 9

/** Redacts JSON texts, one after the other. */
export class JsonLine {
  private readonly engine: Engine
  private readonly scanner = new JsonScanner()
  /** Behind the start of the next place that deserves a look. */
  private hit = NEVER
  /** What the last string means: its own bytes, or those that its escapes stand for. */
  private bytes: Uint8Array = NOTHING
  private start = 0
  private end = 0
  private scratch = Buffer.alloc(1024)
  /** What is replaced, in ascending order. */
  private readonly from: number[] = []
  private readonly to: number[] = []
  private readonly by: Uint8Array[] = []
  /** Where the walk is: for each depth the start and end of a key, or an index and -1. */
  private readonly steps: number[] = []
  private depth = 0
  private readonly keyLines = new KeyLines()
  /** Where the lines of a key come one by one: a place, with all indices left out. */
  private keyPlace = ''

  constructor(engine: Engine) {
    this.engine = engine
  }

  /** The text with all secrets replaced, or null when there are none. Throws JsonFault when it is no JSON. */
  redact(text: Uint8Array): Uint8Array | null {
    this.from.length = 0
    this.to.length = 0
    this.by.length = 0
    this.depth = 0
    const { scanner } = this
    scanner.open(text)
    try {
      // Before anything is found and counted.
      scanner.skip(DEPTH_MAX)
      if (scanner.peek() !== 0) throw scanner.unexpected('the end of the text')
      scanner.open(text)
      this.seek(0)
      this.value(null, false)
      return this.from.length === 0 ? null : this.spliced()
    } finally {
      scanner.close()
      this.bytes = NOTHING
      if (this.scratch.length > SCRATCH_BYTES_KEPT) this.scratch = Buffer.alloc(1024)
    }
  }

  /** Where in the text the walk is, for people: `$.headers[2].value`. Keys go through `shown` first. Only while `redact` runs. */
  place(shown: (key: Uint8Array) => string): string {
    let place = '$'
    for (let i = 0; i < this.depth; i++) {
      const [start, end] = [this.steps[2 * i], this.steps[2 * i + 1]]
      if (end < 0) place += `[${start}]`
      else {
        const key = shown(this.scanner.text.subarray(start, end))
        place += /^[A-Za-z_][\w-]*$/.test(key) ? `.${key}` : `["${key}"]`
      }
    }
    return place
  }

  /** True when the next text may go on with a private key whose first lines were in this one. */
  get isInKey(): boolean {
    return this.keyLines.isOpen
  }

  private seek(from: number): void {
    const { text } = this.scanner
    const hit = this.engine.heads.next(text, from, text.length)
    this.hit = hit < 0 ? NEVER : hit
  }

  // True when there may be something in the last token. What has escapes does not look like what it means.
  private deservesLook(): boolean {
    const { start, end, escaped } = this.scanner
    if (escaped) return true
    if (this.hit <= start) this.seek(start)
    return this.hit <= end
  }

  // `kind` is what the key beside or above the value says of it; `below` is true where the key is further up.
  private value(kind: KeyKind | null, below: boolean): void {
    const { scanner } = this
    const first = scanner.peek()
    if (first === QUOTE) {
      scanner.string()
      this.string(kind)
    } else if (first === OPEN_OBJECT) this.object(kind)
    else if (first === OPEN_ARRAY) this.array(kind)
    else if (first === MINUS || (first >= 0x30 && first <= 0x39)) {
      scanner.number()
      this.number(below ? null : kind)
    } else scanner.skip(0)
  }

  private object(kind: KeyKind | null): void {
    const { scanner, steps } = this
    const named = this.kindByName() ?? kind
    const step = 2 * this.depth++
    scanner.pos++
    if (!scanner.take(CLOSE_OBJECT)) {
      do {
        scanner.key()
        const { start, end } = scanner
        steps[step] = start
        steps[step + 1] = end
        const own = this.key()
        const isValue = named !== null && end - start <= NAME_BYTES_MAX && VALUES.has(latin1(scanner.text, start, end).toLowerCase())
        this.value(own ?? (isValue ? named : kind), own === null && !isValue)
      } while (scanner.take(COMMA))
      scanner.expect(CLOSE_OBJECT)
    }
    this.depth--
  }

  private array(kind: KeyKind | null): void {
    const { scanner, steps } = this
    const step = 2 * this.depth++
    steps[step + 1] = -1
    scanner.pos++
    let option: KeyKind | null = null
    let isUser = false
    let index = 0
    if (!scanner.take(CLOSE_ARRAY)) {
      do {
        steps[step] = index++
        const isString = scanner.peek() === QUOTE
        const at = scanner.pos
        // Three dashes begin a private key, and no option.
        const isOption = isString && scanner.text[at + 1] === DASH && scanner.text[at + 3] !== DASH
        if (isUser && isString) {
          scanner.string()
          this.beside(USER_OPTION)
        } else this.value(isOption ? kind : (option ?? kind), kind !== null && option === null)
        // ["--password", "x"], ["-u", "name:x"]: the argument before says what this one is.
        option = isOption ? this.engine.judgeKey(scanner.text, at + 1, scanner.pos - 1) : null
        isUser = isOption && USER_OPTIONS.has(latin1(scanner.text, at + 1, Math.min(scanner.pos - 1, at + 8)))
      } while (scanner.take(COMMA))
      scanner.expect(CLOSE_ARRAY)
    }
    this.depth--
  }

  // What the name in {"name": KEY, "value": v} says of the value. Looks ahead as far as the members are plain.
  private kindByName(): KeyKind | null {
    const { scanner } = this
    const at = scanner.pos
    let kind: KeyKind | null = null
    scanner.pos++
    if (scanner.peek() === QUOTE) {
      do {
        scanner.key()
        const { start, end } = scanner
        const isName = end - start <= NAME_BYTES_MAX && NAMES.has(latin1(scanner.text, start, end).toLowerCase())
        const first = scanner.peek()
        if (first === OPEN_OBJECT || first === OPEN_ARRAY) break
        scanner.skip(0)
        if (isName && first === QUOTE) kind = this.judged() ?? kind
      } while (scanner.take(COMMA))
    }
    scanner.pos = at
    return kind
  }

  // Judges the last string as a key.
  private judged(): KeyKind | null {
    this.understand()
    return this.engine.judgeKey(this.bytes, this.start, this.end)
  }

  private key(): KeyKind | null {
    const kind = this.judged()
    if (this.deservesLook()) this.plain()
    return kind
  }

  private string(kind: KeyKind | null): void {
    if (kind !== null) this.understand()
    else if (this.isKeyLine()) return
    if (kind === null || this.saysNothing(kind)) {
      if (this.deservesLook()) this.plain()
      return
    }
    // Of a header the scheme stays, and the names of cookies.
    if (kind === 'authorization' || kind === 'cookie') this.beside(`${kind}: `)
    else {
      this.engine.counted(kind)
      this.replaceString(this.engine.hiding(kind, this.bytes, this.start, this.end))
    }
  }

  private number(kind: KeyKind | null): void {
    const { engine, scanner } = this
    const { text, start, end } = scanner
    if (
      kind !== null &&
      digitsOf(text, start, end) > (kind === 'password' || kind === 'one-time-code' ? SMALL_PASSWORD_DIGITS_MAX : SMALL_DIGITS_MAX)
    ) {
      engine.counted(kind)
      this.replace(quoted(engine.hiding(kind, text, start, end)))
    } else if (this.deservesLook()) {
      const redacted = engine.redact(text, start, end)
      if (redacted !== null) this.replace(quoted(redacted))
    }
  }

  private saysNothing(kind: KeyKind): boolean {
    const { bytes, start, end } = this
    return (kind === 'token' && end - start < TOKEN_BYTES_MIN) || this.engine.isHarmless(kind, bytes, start, end)
  }

  // Makes `bytes`, `start` and `end` what the last string means.
  private understand(): void {
    const { text, start, end, escaped } = this.scanner
    this.bytes = text
    this.start = start
    this.end = end
    if (!escaped) return
    if (this.scratch.length < end - start) this.scratch = Buffer.allocUnsafe(2 * (end - start))
    this.bytes = this.scratch
    this.start = 0
    this.end = unescapeInto(this.scratch, 0, text, start, end)
  }

  // A key that comes line by line goes on where it began: in the same member of the next text, or in the next element of the list.
  private isKeyLine(): boolean {
    const { keyLines } = this
    if (!keyLines.isOpen || this.keyPlace !== this.placeOfKey()) return false
    this.understand()
    const content = Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.start, this.end - this.start)
    const redacted = keyLines.goOn(content, this.engine)
    if (redacted === null) return false
    this.replaceString(redacted)
    return true
  }

  private placeOfKey(): string {
    return this.place((key) => latin1(key, 0, key.length)).replace(INDICES, '')
  }

  private plain(): void {
    this.understand()
    if (!this.keyLines.isOpen) {
      this.keyLines.begin(Buffer.from(this.bytes.buffer, this.bytes.byteOffset + this.start, this.end - this.start))
      if (this.keyLines.isOpen) this.keyPlace = this.placeOfKey()
    }
    const redacted = this.engine.redact(this.bytes, this.start, this.end)
    if (redacted !== null) this.replaceString(redacted)
  }

  // Looks at the last string as if `prefix` stood before it.
  private beside(prefix: string): void {
    this.understand()
    const whole = Buffer.concat([Buffer.from(prefix), this.bytes.subarray(this.start, this.end)])
    const redacted = this.engine.redact(whole, 0, whole.length)
    if (redacted === null) return
    const isSame = Buffer.compare(redacted.subarray(0, prefix.length), whole.subarray(0, prefix.length)) === 0
    this.replaceString(isSame ? redacted.subarray(prefix.length) : redacted)
  }

  // A string that had escapes gets some again, and stays ASCII if it was.
  private replaceString(content: Uint8Array): void {
    const { text, start, end, escaped } = this.scanner
    if (!escaped) {
      this.replace(content)
      return
    }
    const written = JSON.stringify(Buffer.from(content).toString()).slice(1, -1)
    const isAscii = text.subarray(start, end).every((byte) => byte < 128)
    this.replace(Buffer.from(isAscii ? written.replace(/[\u0080-\uffff]/g, escapeOf) : written))
  }

  // Puts `by` in the place of the last token.
  private replace(by: Uint8Array): void {
    this.from.push(this.scanner.start)
    this.to.push(this.scanner.end)
    this.by.push(by)
  }

  private spliced(): Buffer {
    const { text } = this.scanner
    const parts: Uint8Array[] = []
    let done = 0
    for (let i = 0; i < this.from.length; i++) {
      parts.push(text.subarray(done, this.from[i]), this.by[i])
      done = this.to[i]
    }
    parts.push(text.subarray(done))
    return Buffer.concat(parts)
  }
}

const INDICES = /\[\d+\]/g
const QUOTATION_MARK = Buffer.from('"')
const quoted = (content: Uint8Array): Buffer => Buffer.concat([QUOTATION_MARK, content, QUOTATION_MARK])
const escapeOf = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`

function digitsOf(bytes: Uint8Array, start: number, end: number): number {
  let digits = 0
  for (let pos = start; pos < end; pos++) if (bytes[pos] >= 0x30 && bytes[pos] <= 0x39) digits++
  return digits
}
