// What stands beside a key that names a secret: where it begins, how it is written, and whether it is worth hiding.
import { BLANK, BREAK, DIGIT, IDENTIFIER, LETTER, LOWER, type Text, UPPER } from './bytes.ts'
import { authorization, cookies } from './headers.ts'
import type { KeyKind } from './keys.ts'
import { looksPaired } from './neighbours.ts'
import { behindBreak, block, nested } from './nested.ts'
import {
  bareEnd,
  closesText,
  isBreak,
  isHarmless,
  isProse,
  isReference,
  isSmallNumber,
  lineEnd,
  looksRandom,
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
  pos = behindWrapper(text, pos)
  const quote = quoteAt(text, pos)
  const byte = text.at(pos)
  const isOpen = (byte === 91 || byte === 123) && (join === ':' || join === '=')
  // "password: ", — this mark closes the text that the key stands in.
  if (quote !== null && closesText(text, pos + quote.length)) return
  // {"--password ": …}: it closes a key.
  if (quote !== null && join === 'argument' && text.at(pos + quote.length) === 58) return
  if (quote !== null) quoted(text, pos + quote.length, quotationEnd(text, pos + quote.length, quote), kind)
  else if (isOpen && byte === 91 && isBareItem(text, pos + 1)) value(text, pos + 1, join, kind, keyStart, joinEnd, keyQuote)
  else if (isOpen && !isHarmless(text, pos, bareEnd(text, pos) + 1)) nested(text, pos, keyQuote, (from, to) => quoted(text, from, to, kind))
  else if ((byte === 124 || byte === 62) && join === ':') block(text, pos, kind)
  else if (kind === 'authorization' && join !== 'prose' && keyQuote === null) authorization(text, pos, headerEnd(text, pos), false)
  else if (kind === 'cookie' && join !== 'prose' && keyQuote === null) cookies(text, pos, headerEnd(text, pos))
  else {
    const end = bareEnd(text, pos)
    // A number of JSON becomes a string, quoted like its key.
    const around = keyQuote === null ? '' : '\\'.repeat(keyQuote.backslashes) + keyQuote.written
    const assigned = behindType(text, pos, end)
    if (assigned > 0) value(text, assigned, 'quoted', kind, keyStart, assigned)
    else if (end === pos && join === ':' && isBreak(text, pos)) nextLine(text, pos, kind)
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

/** `password: string = 'v'`: where the value begins behind a type, or -1. */
export function behindType(text: Text, from: number, to: number): number {
  if (to - from > 12 || !isHarmless(text, from, to)) return -1
  const sign = skipBlanks(text, to)
  if (sign === to || text.at(sign) !== 61 || text.at(sign + 1) === 61) return -1
  const start = skipBlanks(text, sign + 1)
  return quoteAt(text, start) === null ? -1 : start
}

// YAML: the value, or the first of a list, in the next line.
function nextLine(text: Text, at: number, kind: KeyKind): void {
  const line = behindBreak(text, at)
  let start = text.run(line, BLANK, 64)
  if (text.at(start) === 45 && text.is(start + 1, BLANK)) start = text.run(start + 2, BLANK, 8)
  if (start === line) return
  const end = bareEnd(text, start)
  const mark = quoteAt(text, start)
  if (mark !== null) quoted(text, start + mark.length, quotationEnd(text, start + mark.length, mark), kind)
  else if (isLineEnd(text, end) && looksPaired(text, start, end) && !isHarmless(text, start, end)) text.found(start, end, kind)
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
  if (isHarmless(text, from, to) || isHarmless(text, from, to + 1) || isSmallNumber(text, from, to, kind === 'password' ? 2 : 6))
    return true
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

// What nobody writes in a word or a path: a symbol, or capitals here and there.
function looksTyped(text: Text, from: number, to: number): boolean {
  let humps = 0
  for (let pos = from; pos < to - 1; pos++) {
    if ('!#$%^*+?~'.includes(String.fromCharCode(text.bytes[pos]))) return true
    if (text.is(pos, LOWER) && text.is(pos + 1, UPPER)) humps++
  }
  return humps > 1
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
