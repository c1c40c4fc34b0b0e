// Values that are told by their place: behind or before their name, in a list or an object, in an element or a form.
import { CLASS, DIGIT, LETTER, LOWER, type Text, UPPER, WORD } from './bytes.ts'
import { bareEnd, lineEnd, type Quote, quotationEnd, quoteAt, skipBlanks, skipSpace } from './values.ts'

/** Members between a name and its value. */
const MEMBERS_MAX = 8
const NAME_WINDOW_BYTES = 512
const NAME_BYTES_MAX = 16

/** `{"name":"KEY", …, "value":"v"}`, `key="KEY" value="v"`, and the same over lines of YAML: where the value stands, or -1. `at` is behind the key. */
export function valueBehind(text: Text, keyStart: number, keyQuote: Quote | null, at: number): number {
  let pos = at
  for (let member = 0; member < MEMBERS_MAX; member++) {
    pos = skipSpace(text, text.at(pos) === 44 ? pos + 1 : pos)
    const quote = quoteAt(text, pos)
    const start = pos + (quote?.length ?? 0)
    const end = text.run(start, WORD, NAME_BYTES_MAX)
    const colon = skipBlanks(text, quote === null ? end : end + quote.length)
    if (end === start || (text.at(colon) !== 58 && text.at(colon) !== 61)) return -1
    const name = text.slice(start, end).toLowerCase()
    if (name === 'value' || name === 'val' || name === 'v') return skipSpace(text, colon + 1)
    if (keyQuote === null || quote === null || !isNamed(text, keyStart, keyQuote)) return -1
    const next = skipSpace(text, colon + 1)
    const nextQuote = quoteAt(text, next)
    pos = nextQuote === null ? bareEnd(text, next) : quotationEnd(text, next + nextQuote.length, nextQuote) + nextQuote.length
    if (text.at(skipSpace(text, pos)) !== 44) return -1
    pos = skipSpace(text, pos)
  }
  return -1
}

function isNamed(text: Text, keyStart: number, quote: Quote): boolean {
  const [window, mark] = windowBefore(text, keyStart, 48, quote)
  const before = without(without(window, mark), ':')
  return without(before, `name${mark}`) !== null || without(before, `key${mark}`) !== null
}

/** `{"value":"v","name":"KEY"}`: where the value begins and ends, or null. Read backwards, piece by piece. */
export function valueBefore(text: Text, keyStart: number, quote: Quote): readonly [from: number, to: number] | null {
  const [window, mark] = windowBefore(text, keyStart, NAME_WINDOW_BYTES, quote)
  const from = keyStart - window.length
  const beforeColon = without(without(window, mark), ':')
  const beforeName = without(beforeColon, `${mark}name${mark}`) ?? without(beforeColon, `${mark}key${mark}`)
  const value = without(without(beforeName, ','), mark, false)
  if (value === null) return null
  const opening = value.lastIndexOf(mark)
  const label = opening < 0 ? null : without(value.slice(0, opening).trimEnd(), ':')
  if (!(label?.endsWith(`${mark}value${mark}`) || label?.endsWith(`${mark}val${mark}`))) return null
  return [from + opening + mark.length, from + value.length]
}

function windowBefore(text: Text, keyStart: number, length: number, quote: Quote): [window: string, mark: string] {
  const from = Math.max(text.floor, keyStart - length)
  text.work += keyStart - from
  return [text.slice(from, keyStart), '\\'.repeat(quote.backslashes) + quote.written]
}

// `text` without `ending` and the white space before it; null when it ends otherwise.
function without(text: string | null, ending: string, trims = true): string | null {
  if (!text?.endsWith(ending)) return null
  const rest = text.slice(0, -ending.length)
  return trims ? rest.trimEnd() : rest
}

/** True when the quoted key is what an attribute holds: `name="KEY"`. */
export function isAttribute(text: Text, keyStart: number, quote: Quote): boolean {
  return text.at(keyStart - quote.length - 1) === 61
}

/** A part of a form: the value stands in the line behind an empty one. Where it begins, or -1. */
export function formValue(text: Text, at: number): number {
  let pos = skipSpace(text, at)
  for (let header = 0; header < 3 && text.hasFolded(pos, 'content-'); header++) pos = skipSpace(text, lineEnd(text, pos))
  return pos
}

/** True for what may be the second of a pair whose first is a key: it must look like a secret, since lists of names are far more common. */
export function looksPaired(text: Text, from: number, to: number): boolean {
  if (to - from < 8) return false
  let seen = 0
  let digits = 0
  for (let pos = from; pos < to; pos++) {
    const classes = CLASS[text.bytes[pos]]
    seen |= classes
    if (classes & DIGIT) digits++
  }
  return digits > 0 && (seen & LETTER) !== 0 && (digits > 2 || ((seen & UPPER) !== 0 && (seen & LOWER) !== 0))
}
