// A key beside its value, in every way that logs write it: key=v, key: v, "key":"v" at any depth of escaping, key => v, <key>v</key>,
// --key v, ["--key","v"], {"name":"KEY","value":"v"}, YAML blocks, lists under a key, PASSWORD 'v'.
import { BLANK, BREAK, IDENTIFIER, LETTER, LOWER, type Text, UPPER } from './bytes.ts'
import { authorization, cookies } from './headers.ts'
import type { KeyJudge, KeyKind } from './keys.ts'
import { formValue, isAttribute, looksPaired, valueBefore, valueBehind } from './neighbours.ts'
import { block, element, nested } from './nested.ts'
import {
  bareEnd,
  closesText,
  isHarmless,
  isProse,
  isReference,
  isSameQuote,
  isSmallNumber,
  lineEnd,
  looksGenerated,
  looksRandom,
  type Quote,
  quotationEnd,
  quoteAt,
  skipBlanks,
  skipColours,
  skipSpace
} from './values.ts'

const KEY_BYTES_MAX = 96
const CODE =
  /^(?:self|this|args?|opts?|options|config|cfg|conf|settings|req|request|ctx|params|props|state|data|user|input|body)\??\.[\w.?]+$/

/** How key and value are joined. */
type Join = '=' | ':' | 'argument' | 'quoted' | 'prose'

/** Reads a key that contains the head at [from, end) and, where it names a secret, hides the value beside it. */
export function pair(text: Text, from: number, end: number, judge: KeyJudge): void {
  const keyEnd = trimmedEnd(text, end)
  const quote = quoteAt(text, keyEnd)
  const afterKey = keyEnd + (quote?.length ?? 0)
  const next = text.at(skipBlanks(text, afterKey))
  // Most key words stand in prose: nothing that could join a value follows.
  if (
    next !== 61 &&
    next !== 125 &&
    next !== 92 &&
    next !== 58 &&
    next !== 37 &&
    next !== 44 &&
    next !== 62 &&
    next !== 40 &&
    next !== 93 &&
    next !== 27 &&
    afterKey < text.stop
  ) {
    if (!text.is(afterKey, BLANK | BREAK)) return
  }
  const keyStart = startOfKey(text, from)
  const kind = judgeAt(text, keyStart, keyEnd, judge)
  if (kind === null) return
  const before = quote === null ? null : valueBefore(text, keyStart, quote)
  if (before === null) joined(text, keyStart, afterKey, quote, kind)
  else if (!isHarmless(text, before[0], before[1])) text.found(before[0], before[1], kind)
}

function trimmedEnd(text: Text, end: number): number {
  let keyEnd = text.run(end, IDENTIFIER, KEY_BYTES_MAX)
  while (keyEnd > end && (text.at(keyEnd - 1) === 45 || text.at(keyEnd - 1) === 46)) keyEnd--
  return keyEnd
}

function startOfKey(text: Text, from: number): number {
  return Math.min(from, text.behindEscape(text.runBack(from, IDENTIFIER, KEY_BYTES_MAX)))
}

function judgeAt(text: Text, start: number, end: number, judge: KeyJudge): KeyKind | null {
  const own = judge.judge(text.slice(start, end))
  if (own !== null || !text.is(start - 1, BLANK)) return own
  // "API key: …", "client secret = …": two words.
  const before = text.runBack(start - 1, LETTER, 16)
  return before < start - 1 ? judge.judge(text.slice(before, end)) : null
}

function joined(text: Text, keyStart: number, afterKey: number, quote: Quote | null, kind: KeyKind): void {
  // config['password'] = …
  let pos = skipColours(text, skipTabs(text, text.at(afterKey) === 93 ? afterKey + 1 : afterKey))
  const byte = text.at(pos)
  if (byte === 61) {
    pos += text.at(pos + 1) === 61 || text.at(pos + 1) === 62 ? 2 : 1
    value(text, valueStart(text, pos, quote), '=', kind, keyStart, pos, quote)
    return
  }
  if (byte === 58 && text.at(pos + 1) !== 58) {
    pos += text.at(pos + 1) === 61 ? 2 : 1
    value(text, valueStart(text, pos, quote), ':', kind, keyStart, pos, quote)
    return
  }
  if (byte === 62 && (quote === null ? text.at(keyStart - 1) === 60 : isAttribute(text, keyStart, quote))) {
    element(text, pos + 1, kind)
    return
  }
  if (quote !== null && isBreak(text, pos) && isAttribute(text, keyStart, quote)) {
    const start = formValue(text, pos)
    const end = lineEnd(text, start)
    if (!isHarmless(text, start, end)) text.found(start, end, kind)
    return
  }
  if (byte === 44 || (quote === null && isBreak(text, pos))) {
    neighbour(text, pos, keyStart, quote, kind)
    return
  }
  if (byte === 40 && kind === 'password' && quoteAt(text, pos + 1) !== null) {
    value(text, pos + 1, 'quoted', kind, keyStart, pos)
    return
  }
  if (quote !== null) {
    if (text.hasFolded(pos, 'value')) neighbour(text, pos, keyStart, quote, kind)
  } else if (pos > afterKey) apart(text, pos, keyStart, kind)
}

function valueStart(text: Text, at: number, quote: Quote | null): number {
  return quote === null ? skipColours(text, skipTabs(text, at)) : skipSpace(text, at)
}

// Blanks, and tabs that are written as escapes.
function skipTabs(text: Text, at: number): number {
  const pos = skipBlanks(text, at)
  let letter = pos
  while (text.at(letter) === 92 && letter - pos < 8) letter++
  return letter > pos && text.at(letter) === 116 ? skipBlanks(text, letter + 1) : pos
}

// Nothing but white space between key and value: command lines, SQL, configuration commands, prose.
function apart(text: Text, pos: number, keyStart: number, kind: KeyKind): void {
  if (text.at(keyStart) === 45 || text.hasFolded(keyStart, 'requirepass')) value(text, pos, 'argument', kind, keyStart, pos)
  else if (kind === 'password' && text.at(pos) === 39) value(text, pos, 'quoted', kind, keyStart, pos)
  else if (kind === 'password' && text.hasFolded(pos, 'for ')) assigned(text, pos, kind)
  else if (text.hasFolded(pos, 'is ') || text.hasFolded(pos, 'was ')) value(text, skipBlanks(text, pos + 3), 'prose', kind, keyStart, pos)
  else if (kind === 'password' && text.slice(Math.max(text.floor, keyStart - 64), keyStart).includes('login ')) {
    value(text, pos, 'argument', kind, keyStart, pos) // .netrc: machine … login … password …
  } else if (provided(text, pos) > 0) {
    value(text, provided(text, pos), 'prose', kind, keyStart, pos)
  } else {
    const end = bareEnd(text, pos)
    if (looksGenerated(text, pos, end, kind === 'password' ? 8 : 16) && !isHarmless(text, pos, end)) text.found(pos, end, kind)
  }
}

const PROVIDED = new Set('provided given used supplied received found value header'.split(' '))

// "API key provided: …": where the value begins, or -1.
function provided(text: Text, at: number): number {
  const end = text.run(at, LETTER, 10)
  if (text.at(end) !== 58 && text.at(end) !== 61) return -1
  return PROVIDED.has(text.slice(at, end).toLowerCase()) ? skipBlanks(text, end + 1) : -1
}

// SET PASSWORD FOR user = '…'
function assigned(text: Text, at: number, kind: KeyKind): void {
  const stop = Math.min(text.stop, at + 160)
  for (let pos = at; pos < stop; pos++) {
    if (text.bytes[pos] !== 61) continue
    const start = skipBlanks(text, pos + 1)
    if (quoteAt(text, start) !== null) value(text, start, 'quoted', kind, at, pos)
    return
  }
}

// A line break, or the escape of one.
function isBreak(text: Text, at: number): boolean {
  if (text.is(at, BREAK)) return true
  let pos = at
  while (text.at(pos) === 92 && pos - at < 8) pos++
  return pos > at && (text.at(pos) === 110 || text.at(pos) === 114)
}

// The value is told by its place: behind "value" among the members of an object, the next of an argument list, or the second of a pair.
function neighbour(text: Text, at: number, keyStart: number, keyQuote: Quote | null, kind: KeyKind): void {
  const start = valueBehind(text, keyStart, keyQuote, at)
  if (start >= 0) {
    value(text, start, '=', kind, keyStart, start, keyQuote)
    return
  }
  const pos = skipSpace(text, text.at(at) === 44 ? at + 1 : at)
  const quote = quoteAt(text, pos)
  if (quote === null || !isSameQuote(quote, keyQuote)) return
  const from = pos + quote.length
  const to = quotationEnd(text, from, quote)
  if (text.at(keyStart) === 45) {
    if (text.at(from) !== 45 && !isHarmless(text, from, to)) text.found(from, to, kind)
  } else if (looksPaired(text, from, to) && (kind !== 'cookie' || text.slice(from, to).includes('='))) quoted(text, from, to, kind)
}

function value(text: Text, at: number, join: Join, kind: KeyKind, keyStart: number, joinEnd: number, keyQuote: Quote | null = null): void {
  let pos = at
  if (text.is(pos, LETTER) && 'bBuUrRfF'.includes(text.slice(pos, pos + 1)) && quoteAt(text, pos + 1) !== null) pos++
  const quote = quoteAt(text, pos)
  const byte = text.at(pos)
  const isOpen = (byte === 91 || byte === 123) && (join === ':' || join === '=')
  // "password: ", — this mark closes the text that the key stands in.
  if (quote !== null && closesText(text, pos + quote.length)) return
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
    if (!isKept(text, pos, end, join, kind, keyStart, joinEnd)) text.found(pos, end, kind, around)
  }
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

function quoted(text: Text, start: number, end: number, kind: KeyKind): void {
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
