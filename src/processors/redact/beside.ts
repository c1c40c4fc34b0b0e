// What stands beside a key that names a secret: where it begins, how it is written, and whether it is worth hiding.
import { BLANK, BREAK, DIGIT, IDENTIFIER, LETTER, type Text } from './bytes.ts'
import { authorization, cookies } from './headers.ts'
import type { KeyKind } from './key-words.ts'
import { looksPaired } from './neighbours.ts'
import { behindBreak, block, nested } from './nested.ts'
import { MARKER_START } from './replacement.ts'
import {
  bareEnd,
  closesText,
  isBreak,
  isHarmless,
  isNoCode,
  isProse,
  isReference,
  isSmallNumber,
  lineEnd,
  looksGenerated,
  looksRandom,
  looksTyped,
  type Quote,
  quotationEnd,
  quoteAt,
  skipBlanks
} from './values.ts'

const CODE =
  /^(?:self|this|args?|opts?|options|config|cfg|conf|settings|req|request|ctx|params|props|state|data|user|input|body)\??\.[\w.?]+$/

// `this.password = password`, `token = tokens[i]`
const NAMES = /^(?:\w+\.)*(?:password|passwd|token|secret|key|api_?key|credentials?)$/i
const ITEM = /^[A-Za-z_][\w.]*\[\w{0,16}$/

/** How key and value are joined. */
export type Join = '=' | ':' | 'argument' | 'quoted' | 'prose'

/** Reads the value at `at` and hides it, unless it hides nothing itself. `joinEnd` is behind what joins it to its key. */
export function value(
  text: Text,
  at: number,
  join: Join,
  kind: KeyKind,
  keyStart: number,
  joinEnd: number,
  keyQuote: Quote | null = null
): void {
  let pos = at
  if (text.is(pos, LETTER) && 'bBuUrRfF'.includes(text.slice(pos, pos + 1)) && quoteAt(text, pos + 1) !== null) pos++
  // Python's triple marks.
  if ((text.at(pos) === 34 || text.at(pos) === 39) && text.at(pos + 1) === text.at(pos) && text.at(pos + 2) === text.at(pos)) pos += 2
  pos = behindWrapper(text, join === ':' ? behindTag(text, pos) : pos)
  if (pos < 0) return
  const quote = quoteAt(text, pos)
  const byte = text.at(pos)
  if (byte === 91 && kind !== 'cookie' && kind !== 'authorization' && text.has(pos, MARKER_START)) return
  const isOpen = (byte === 91 || byte === 123) && (join === ':' || join === '=')
  // "password: ", — this mark closes the text that the key stands in.
  if (quote !== null && closesText(text, pos + quote.length)) return
  // {"--password ": …}: it closes a key.
  if (quote !== null && join === 'argument' && text.at(pos + quote.length) === 58) return
  if (quote !== null) quoted(text, pos + quote.length, quotationEnd(text, pos + quote.length, quote), kind)
  else if (isOpen && byte === 91 && isBareItem(text, pos + 1)) value(text, pos + 1, join, kind, keyStart, joinEnd, keyQuote)
  else if (isOpen && enclosed(text, pos, kind) < 0 && !isHarmless(text, pos, bareEnd(text, pos) + 1))
    nested(text, pos, keyQuote, (from, to) => quoted(text, from, to, kind))
  else if ((byte === 124 || byte === 62) && join === ':') block(text, pos, kind)
  else if ((byte === 60 || byte === 40 || byte === 123) && enclosed(text, pos, kind) > 0)
    text.found(pos + 1, enclosed(text, pos, kind), kind)
  else if (kind === 'authorization' && join !== 'prose' && keyQuote === null) authorization(text, pos, headerEnd(text, pos), false)
  else if (kind === 'cookie' && join !== 'prose' && keyQuote === null) cookies(text, pos, headerEnd(text, pos))
  else {
    const end = behindQuery(text, keyStart, pos, bareEnd(text, pos))
    // A number of JSON becomes a string, quoted like its key.
    const around = keyQuote === null ? '' : '\\'.repeat(keyQuote.backslashes) + keyQuote.written
    const assigned = behindType(text, pos, end)
    if (assigned > 0) value(text, assigned, 'quoted', kind, keyStart, assigned)
    else if (end === pos && join === ':' && isBreak(text, pos))
      nextLine(text, pos, kind, isLineStart(text, keyStart) || text.at(keyStart - 1) === 34)
    else if (!isKept(text, pos, end, join, kind, keyStart, joinEnd)) text.found(pos, end, kind, around)
  }
}

const WRAPPERS = new Set('some ok just optional secret secretstr secretstring sensitive password string str new'.split(' '))

// `Some("v")`, `SecretStr('v')`, `Just "v"`: the value is within. Other calls are code, and their arguments names.
function behindWrapper(text: Text, at: number): number {
  const end = text.run(at, LETTER, 12)
  const byte = text.at(end)
  if (end === at || (byte !== 40 && byte !== 91 && byte !== 32) || !WRAPPERS.has(text.slice(at, end).toLowerCase())) return at
  if (byte === 91) return text.is(end + 1, DIGIT) || looksPaired(text, end + 1, bareEnd(text, end + 1)) ? end + 1 : at
  return quoteAt(text, end + 1) === null ? at : end + 1
}

// What YAML says of the type or the name of a value: `!!str v`, `&anchor v`. -1 where it says that the value is the name of another.
function behindTag(text: Text, at: number): number {
  const byte = text.at(at)
  if (byte !== 33 && byte !== 38) return at
  const end = bareEnd(text, at + 1)
  const next = skipBlanks(text, end)
  if (end === at + 1 || next === end || isLineEnd(text, next)) return at
  return byte === 33 && POINTERS.has(text.slice(at + 1, end).toLowerCase()) ? -1 : next
}

const POINTERS = new Set('secret ref sub getatt importvalue env env_var include file'.split(' '))
const PAIRS = new Map([
  [60, 62],
  [40, 41],
  [123, 125]
])
const EXAMPLE_WORDS = /your|token|passw|secret|key|xxx|example|redact|value|insert|name/i

// `<v>`, `(v)`, `{v}`: where a value ends that stands in brackets for no reason of its own, or -1. Models have tokens in brackets as well.
function enclosed(text: Text, at: number, kind: KeyKind): number {
  const closing = PAIRS.get(text.at(at))
  const from = at + 1
  const end = bareEnd(text, from)
  if (closing === undefined || text.at(end) !== closing) return -1
  const isSecret = kind === 'token' ? looksGenerated(text, from, end, 12) : looksRandom(text, from, end, 8) || looksTyped(text, from, end)
  return isSecret && !EXAMPLE_WORDS.test(text.slice(from, end)) ? end : -1
}

/** The end of a value at [from, to) in the query of a URL: before the fragment. */
export function behindQuery(text: Text, keyStart: number, from: number, to: number): number {
  const before = text.at(keyStart - 1)
  if (before !== 63 && before !== 38 && before !== 59) return to
  let mark = from
  while (mark < to && text.bytes[mark] !== 35) mark++
  if (mark === to) return to
  const first = Math.max(text.floor, keyStart - QUERY_BYTES_MAX)
  let pos = keyStart
  while (pos > first && text.bytes[pos - 1] > 32) if (text.bytes[--pos] === 63) return mark
  text.work += keyStart - pos
  return to
}

const QUERY_BYTES_MAX = 512

/** `password: string = 'v'`: where the value begins behind a type, or -1. */
export function behindType(text: Text, from: number, to: number): number {
  if (to - from > 12 || !isHarmless(text, from, to)) return -1
  const sign = skipBlanks(text, to)
  if (sign === to || text.at(sign) !== 61 || text.at(sign + 1) === 61) return -1
  const start = skipBlanks(text, sign + 1)
  return quoteAt(text, start) === null ? -1 : start
}

// The value, or the first of a list, in the next line. Without a margin it is what was typed at a prompt, which stands alone in both lines.
function nextLine(text: Text, at: number, kind: KeyKind, isPrompt: boolean): void {
  const line = behindBreak(text, at)
  let start = text.run(line, BLANK, 64)
  if (text.at(start) === 45 && text.is(start + 1, BLANK)) start = text.run(start + 2, BLANK, 8)
  const end = bareEnd(text, start)
  if (
    start === line &&
    !(
      isPrompt &&
      kind === 'password' &&
      text.at(end - 1) !== 58 &&
      end - start > 5 &&
      (looksRandom(text, start, end, 6) || looksTyped(text, start, end))
    )
  )
    return
  const mark = quoteAt(text, start)
  if (mark !== null) quoted(text, start + mark.length, quotationEnd(text, start + mark.length, mark), kind)
  else if (isLineEnd(text, end) && (start === line || looksPaired(text, start, end)) && !isHarmless(text, start, end))
    text.found(start, end, kind)
}

// Lists of Go have no quotation marks: map[X-Api-Key:[v]]. A name in brackets alone is a marker.
function isBareItem(text: Text, at: number): boolean {
  const end = bareEnd(text, at)
  return (
    end > at && quoteAt(text, at) === null && !text.is(at, BLANK | BREAK) && !isHarmless(text, at - 1, end + 1) && !isOpening(text.at(at))
  )
}

// Behind a blank, or what tokenizers write for one.
function wordStart(text: Text, start: number, end: number): number {
  let pos = start
  while (pos < end && (text.bytes[pos] > 127 || text.is(pos, BLANK))) pos++
  return pos
}

function isOpening(byte: number): boolean {
  return byte === 91 || byte === 123 || byte === 92
}

/** Hides what stands in quotation marks, by the rules of its kind. */
export function quoted(text: Text, start: number, end: number, kind: KeyKind): void {
  if (kind === 'authorization') {
    authorization(text, start, end, true)
    return
  }
  if (kind === 'cookie') {
    cookies(text, start, end)
    return
  }
  if (isHarmless(text, start, end)) return
  if (kind === 'one-time-code') {
    if (!isNoCode(text, start, end) && !isSmallNumber(text, start, end, 2)) text.found(start, end, kind)
    return
  }
  if (kind !== 'password' && (end - start < (kind === 'token' ? 6 : 4) || isReference(text, start, end))) return
  // Models write their tokens under this very name, and settings say where credentials are.
  if ((kind === 'token' || kind === 'credential') && isProse(text, wordStart(text, start, end), end)) return
  text.found(start, end, kind)
}

// A header in a text ends with its line or with the quotation around it.
function headerEnd(text: Text, at: number): number {
  const line = lineEnd(text, at)
  for (let pos = at; pos < line; pos++) {
    const byte = text.bytes[pos]
    if (byte === 34 || byte === 39) return text.bytes[pos - 1] === 92 ? pos - 1 : pos
  }
  return line
}

function isKept(text: Text, from: number, to: number, join: Join, kind: KeyKind, keyStart: number, joinEnd: number): boolean {
  if (
    isHarmless(text, from, to) ||
    isHarmless(text, from, to + 1) ||
    isSmallNumber(text, from, to, kind === 'password' || kind === 'one-time-code' ? 2 : 6)
  )
    return true
  if (kind === 'one-time-code' && isNoCode(text, from, to)) return true
  if (to - from < 64 && (text.at(to) === 40 || CODE.test(text.slice(from, to)))) return true
  if (kind === 'token' && to - from < 6) return true
  if (join === '=' && from > joinEnd && NAMES.test(text.slice(from, Math.min(to, from + 64)))) return true
  if (text.at(to) === 93 && to - from < 48 && ITEM.test(text.slice(from, to))) return true
  if (kind !== 'password' && isReference(text, from, to)) return true
  if (join === '=' && from > joinEnd && isNextPair(text, from)) return true
  if (join === '=' || join === 'quoted') return false
  if (join === 'prose')
    return (
      !looksRandom(text, from, to, 6) &&
      (isProse(text, from, to) || (to - from < 16 && !(kind === 'password' && looksTyped(text, from, to))))
    )
  if (join === 'argument') return text.at(from) === 45 || (isProse(text, from, to) && isProseAround(text, to))
  if (!isProse(text, from, to)) return false
  // key: word — a setting when it has the line for itself, else a sentence.
  const settled = from > joinEnd - 1 && isLineStart(text, keyStart) && isLineEnd(text, to)
  return !settled
}

// `password= user=ana`: nothing stands behind the equals sign.
function isNextPair(text: Text, from: number): boolean {
  const end = text.run(from, IDENTIFIER, 24)
  return end > from && text.at(end) === 61 && text.at(end + 1) !== 61 && !text.is(end + 1, BLANK | BREAK) && end + 1 < text.stop
}

function isProseAround(text: Text, at: number): boolean {
  const next = skipBlanks(text, at)
  const end = bareEnd(text, next)
  return end > next && text.at(next) !== 45 && isProse(text, next, end)
}

function isLineStart(text: Text, at: number): boolean {
  const before = text.runBack(at, BLANK, 64)
  return before === text.start || text.is(before - 1, BREAK) || text.escapeBefore(before) > 0
}

function isLineEnd(text: Text, at: number): boolean {
  const end = skipBlanks(text, at)
  return end === text.stop || text.is(end, BREAK) || text.at(end) === 92
}
