// A number of JSON that a rule finds becomes a string, so its marker needs quotation marks.
import { SPACE, type Text } from './bytes.ts'

const QUOTE = 34
const BACKSLASH = 92
const COLON = 58
const OPEN_ARRAY = 91
const OPEN_OBJECT = 123
const CLOSE_ARRAY = 93
const CLOSE_OBJECT = 125
const COMMA = 44

// What stands between the strings of JSON, or around them.
const STRUCTURE = new Uint8Array(256)
for (const character of '"{}[],:') STRUCTURE[character.charCodeAt(0)] = 1

/** True when the text as a whole could be JSON, and something that was found in it may be more than a part of one string. */
export function mayBreakJson(text: Text): boolean {
  const { bytes, from, to } = text
  if (!looksLikeJson(text)) return false
  for (let i = 0; i < from.length; i++) {
    if (text.at(from[i] - 1) === BACKSLASH || text.at(to[i] - 1) === BACKSLASH) return true
    for (let at = from[i]; at < to[i]; at++) if (STRUCTURE[bytes[at]] === 1) return true
  }
  return false
}

/** True for the bytes of a JSON text. */
export function isJson(bytes: Uint8Array): boolean {
  try {
    JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString())
    return true
  } catch {
    return false
  }
}

function looksLikeJson(text: Text): boolean {
  let first = text.start
  while (text.is(first, SPACE)) first++
  let last = text.stop - 1
  while (text.is(last, SPACE)) last--
  const open = text.at(first)
  const close = text.at(last)
  return (open === OPEN_ARRAY && close === CLOSE_ARRAY) || (open === OPEN_OBJECT && close === CLOSE_OBJECT)
}

/** Tells of places in one text, asked with rising offsets, whether a value of JSON stands there without quotation marks. */
export class JsonPlace {
  private readonly text: Text
  /** Whether the text as a whole looks like JSON; undefined until somebody needs to know. */
  private looksLikeJson: boolean | undefined
  private at: number
  private isInString = false

  constructor(text: Text) {
    this.text = text
    this.at = text.start
  }

  /** The quotation mark that a marker for [from, to) needs on both sides, or nothing. */
  markFor(from: number, to: number): string {
    const { text } = this
    let after = to
    while (text.is(after, SPACE)) after++
    const next = text.at(after)
    if (next !== COMMA && next !== CLOSE_ARRAY && next !== CLOSE_OBJECT) return ''
    const before = this.back(from)
    const byte = text.at(before)
    if (byte === COLON) {
      const mark = this.keyMark(this.back(before))
      // In a text that is JSON as a whole, a plain mark before the colon may also open a string that begins with it.
      return mark === '"' && this.isJsonAsAWhole && !this.isBetweenStrings(from) ? '' : mark
    }
    return (byte === COMMA || byte === OPEN_ARRAY) && this.isJsonAsAWhole && this.isBetweenStrings(from) ? '"' : ''
  }

  // Of what is no white space, the last before `at`.
  private back(at: number): number {
    let pos = at - 1
    while (this.text.is(pos, SPACE)) pos--
    return pos
  }

  // The mark that closes the key, with its backslashes.
  private keyMark(at: number): string {
    if (this.text.at(at) !== QUOTE) return ''
    let backslashes = 0
    while (this.text.at(at - 1 - backslashes) === BACKSLASH) backslashes++
    return `${'\\'.repeat(backslashes)}"`
  }

  private get isJsonAsAWhole(): boolean {
    this.looksLikeJson ??= looksLikeJson(this.text)
    return this.looksLikeJson
  }

  private isBetweenStrings(to: number): boolean {
    const { bytes } = this.text
    for (; this.at < to; this.at++) {
      if (bytes[this.at] === QUOTE) this.isInString = !this.isInString
      else if (this.isInString && bytes[this.at] === BACKSLASH) this.at++
    }
    return !this.isInString
  }
}
