import { isUtf8 } from 'node:buffer'

/** What is wrong with a JSON text, without the path: whoever reads the text knows where in the message it is. */
export class JsonFault extends Error {}

export const QUOTE = 0x22
export const COMMA = 0x2c
export const MINUS = 0x2d
export const DOT = 0x2e
export const COLON = 0x3a
export const OPEN_ARRAY = 0x5b
export const CLOSE_ARRAY = 0x5d
export const OPEN_OBJECT = 0x7b
export const CLOSE_OBJECT = 0x7d
const BACKSLASH = 0x5c
const LETTER_U = 0x75

const NOTHING = Buffer.alloc(0)

/**
 * Reads JSON (RFC 8259) out of UTF-8 bytes, token by token and without making values: `start` and `end` enclose the token that was read last.
 * Strict in the grammar, so that nothing passes here that another parser would read differently.
 */
export class JsonScanner {
  text: Buffer = NOTHING
  /** Where the next token is looked for. */
  pos = 0
  /** The last token: the content of a string without its quotes, or a whole number. */
  start = 0
  end = 0
  /** The last string has escapes, so its bytes are not its text. */
  escaped = false
  /** Of the bytes of the last string; see `hashOf`. */
  hash = 0

  open(body: Uint8Array): void {
    if (!isUtf8(body)) throw new JsonFault('not UTF-8, which JSON must be')
    this.text = Buffer.from(body.buffer, body.byteOffset, body.length)
    const marked = body.length >= 3 && body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf
    this.pos = marked ? 3 : 0
  }

  close(): void {
    this.text = NOTHING
  }

  /** The first byte of the next token, or 0 at the end. */
  peek(): number {
    const { text } = this
    let pos = this.pos
    while (pos < text.length) {
      const byte = text[pos]
      if (byte > 0x20 || (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09)) {
        this.pos = pos
        // A NUL is no token either, and must not look like the end.
        return byte === 0 ? 1 : byte
      }
      pos++
    }
    this.pos = pos
    return 0
  }

  /** Reads a string whose quote is the next byte. */
  string(): void {
    const { text } = this
    const { length } = text
    let pos = this.pos + 1
    this.start = pos
    this.escaped = false
    let hash = 0
    while (pos < length) {
      const byte = text[pos]
      if (byte === QUOTE) {
        this.end = pos
        this.pos = pos + 1
        this.hash = hash
        return
      }
      if (byte === BACKSLASH) {
        this.escaped = true
        pos += this.escapeLength(pos)
        continue
      }
      if (byte < 0x20) {
        this.pos = pos
        throw new JsonFault('a raw control character in a string')
      }
      hash = (Math.imul(hash, 31) + byte) | 0
      pos++
    }
    this.pos = length
    throw new JsonFault('the text ends inside a string')
  }

  private escapeLength(pos: number): number {
    const kind = this.text[pos + 1]
    if (kind === LETTER_U) {
      if (hexUnit(this.text, pos + 2) >= 0) return 6
    } else if (ESCAPES[kind] !== 0) return 2
    this.pos = pos
    throw new JsonFault('an escape that does not exist')
  }

  /** Reads a number whose first byte is the next one, and checks its grammar. */
  number(): void {
    const { text } = this
    let pos = this.pos
    this.start = pos
    this.escaped = false
    if (text[pos] === MINUS) pos++
    const whole = pos
    pos = digitsEnd(text, pos)
    if (pos === whole || (text[whole] === 0x30 && pos > whole + 1)) throw new JsonFault('a number that is not JSON')
    if (text[pos] === DOT) {
      const fraction = pos + 1
      pos = digitsEnd(text, fraction)
      if (pos === fraction) throw new JsonFault('a number that is not JSON')
    }
    if ((text[pos] | 0x20) === 0x65) {
      pos++
      if (text[pos] === 0x2b || text[pos] === MINUS) pos++
      const exponent = pos
      pos = digitsEnd(text, exponent)
      if (pos === exponent) throw new JsonFault('a number that is not JSON')
    }
    this.end = pos
    this.pos = pos
  }

  /** Reads `true`, `false` or `null`; the caller has seen its first letter. */
  word(word: string): void {
    const { text, pos } = this
    for (let i = 0; i < word.length; i++) if (text[pos + i] !== word.charCodeAt(i)) throw new JsonFault('a word that is not JSON')
    this.pos = pos + word.length
  }

  /** Reads the punctuation `byte` if it is next. */
  take(byte: number): boolean {
    if (this.peek() !== byte) return false
    this.pos++
    return true
  }

  expect(byte: number): void {
    if (!this.take(byte)) throw this.unexpected(`"${String.fromCharCode(byte)}"`)
  }

  /** Reads a value of any kind and forgets it. */
  skip(depthLeft: number): void {
    const first = this.peek()
    switch (first) {
      case QUOTE:
        this.string()
        return
      case OPEN_OBJECT:
      case OPEN_ARRAY: {
        if (depthLeft === 0) throw new JsonFault('nested too deep')
        const close = first + 2
        this.pos++
        if (this.take(close)) return
        do {
          if (first === OPEN_OBJECT) this.key()
          this.skip(depthLeft - 1)
        } while (this.take(COMMA))
        this.expect(close)
        return
      }
      case 0x74:
        this.word('true')
        return
      case 0x66:
        this.word('false')
        return
      case 0x6e:
        this.word('null')
        return
      default:
        if (first !== MINUS && (first < 0x30 || first > 0x39)) throw this.unexpected('a value')
        this.number()
    }
  }

  /** Reads a key and its colon; the key is then the last token. */
  key(): void {
    if (this.peek() !== QUOTE) throw this.unexpected('a key')
    this.string()
    this.expect(COLON)
  }

  /** The last string, or the last number, as text. A surrogate without its other half stays one. */
  token(): string {
    const { text, start, end } = this
    return this.escaped ? (JSON.parse(text.toString('utf8', start - 1, end + 1)) as string) : text.toString('utf8', start, end)
  }

  /** The error for a value that comes next and is of the wrong kind. */
  unexpected(expected: string): JsonFault {
    return new JsonFault(`${this.describeNext()}, expected ${expected}`)
  }

  /** The error for the last token, of the right kind but the wrong content. */
  mismatch(expected: string, found = this.text[this.start - 1] === QUOTE ? 'another string' : 'another number'): JsonFault {
    this.pos = this.start
    return new JsonFault(`${found}, expected ${expected}`)
  }

  /** What comes next, by kind alone. */
  describeNext(): string {
    const byte = this.peek()
    if (byte === 0) return 'the end of the text'
    if (byte === MINUS || (byte >= 0x30 && byte <= 0x39)) return 'a number'
    return KINDS[String.fromCharCode(byte)] ?? 'a character that is not JSON'
  }
}

const KINDS: Record<string, string> = {
  '"': 'a string',
  '{': 'an object',
  '[': 'an array',
  t: 'true',
  f: 'false',
  n: 'null',
  '}': '"}"',
  ']': '"]"',
  ',': '","',
  ':': '":"'
}

// What each escape stands for, by its letter; 0 where there is no such escape.
const ESCAPES = new Uint8Array(256)
for (const [letter, meaning] of ['""', '\\\\', '//', 'b\b', 'f\f', 'n\n', 'r\r', 't\t'])
  ESCAPES[letter.charCodeAt(0)] = meaning.charCodeAt(0)

/** The hash that the scanner has for a string of this content. */
export function hashOf(content: Uint8Array): number {
  let hash = 0
  for (const byte of content) hash = (Math.imul(hash, 31) + byte) | 0
  return hash
}

/**
 * Writes the content of a string that has escapes as UTF-8 and returns the offset behind it; never more bytes than the escapes take. Half a
 * surrogate pair, which some clients leave where they cut a text, has no UTF-8 and becomes U+FFFD.
 */
export function unescapeInto(out: Uint8Array, at: number, text: Uint8Array, start: number, end: number): number {
  let pos = start
  while (pos < end) {
    const byte = text[pos]
    if (byte !== BACKSLASH) {
      out[at++] = byte
      pos++
    } else if (text[pos + 1] !== LETTER_U) {
      out[at++] = ESCAPES[text[pos + 1]]
      pos += 2
    } else {
      let point = hexUnit(text, pos + 2)
      pos += 6
      if (point >= 0xd800 && point < 0xe000) {
        const next = point < 0xdc00 && pos < end && text[pos] === BACKSLASH && text[pos + 1] === LETTER_U ? hexUnit(text, pos + 2) : 0
        if (next >= 0xdc00 && next < 0xe000) {
          point = 0x1_0000 + ((point - 0xd800) << 10) + (next - 0xdc00)
          pos += 6
        } else point = 0xfffd
      }
      at = writeCodePoint(out, at, point)
    }
  }
  return at
}

function writeCodePoint(out: Uint8Array, at: number, point: number): number {
  if (point < 0x80) out[at++] = point
  else {
    if (point < 0x800) out[at++] = 0xc0 | (point >> 6)
    else {
      if (point < 0x1_0000) out[at++] = 0xe0 | (point >> 12)
      else {
        out[at++] = 0xf0 | (point >> 18)
        out[at++] = 0x80 | ((point >> 12) & 63)
      }
      out[at++] = 0x80 | ((point >> 6) & 63)
    }
    out[at++] = 0x80 | (point & 63)
  }
  return at
}

/** The value of each hex digit, by its byte; 255 where there is none. */
export const HEX_VALUE = new Uint8Array(256).fill(255)
for (let i = 0; i < 16; i++) {
  const digit = i.toString(16)
  HEX_VALUE[digit.charCodeAt(0)] = i
  HEX_VALUE[digit.toUpperCase().charCodeAt(0)] = i
}

function hexUnit(text: Uint8Array, at: number): number {
  let unit = 0
  for (let i = 0; i < 4; i++) {
    const value = at + i < text.length ? HEX_VALUE[text[at + i]] : 255
    if (value === 255) return -1
    unit = (unit << 4) | value
  }
  return unit
}

function digitsEnd(text: Uint8Array, pos: number): number {
  while (text[pos] >= 0x30 && text[pos] <= 0x39) pos++
  return pos
}
