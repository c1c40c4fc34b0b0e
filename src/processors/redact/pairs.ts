// A key beside its value, in every way that logs write it: key=v, key: v, "key":"v" at any depth of escaping, key => v, <key>v</key>,
// --key v, ["--key","v"], {"name":"KEY","value":"v"}, YAML blocks, lists under a key, PASSWORD 'v'.
import { BLANK, BREAK, DIGIT, IDENTIFIER, LETTER, type Text, WORD } from './bytes.ts'
import { authorization, cookies } from './headers.ts'
import type { KeyJudge, KeyKind } from './keys.ts'
import { block, element, nested } from './nested.ts'
import {
  bareEnd,
  closesText,
  isHarmless,
  isProse,
  isSameQuote,
  isSmallNumber,
  lineEnd,
  looksGenerated,
  looksRandom,
  type Quote,
  quotationEnd,
  quoteAt,
  skipBlanks,
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
    afterKey < text.stop
  ) {
    if (!text.is(afterKey, BLANK | BREAK)) return
  }
  const keyStart = startOfKey(text, from)
  const kind = judgeAt(text, keyStart, keyEnd, judge)
  if (kind === null) return
  if (quote === null || !namedAfter(text, keyStart, quote, kind)) joined(text, keyStart, afterKey, quote, kind)
}

function trimmedEnd(text: Text, end: number): number {
  let keyEnd = text.run(end, IDENTIFIER, KEY_BYTES_MAX)
  while (keyEnd > end && (text.at(keyEnd - 1) === 45 || text.at(keyEnd - 1) === 46)) keyEnd--
  return keyEnd
}

function startOfKey(text: Text, from: number): number {
  const run = text.runBack(from, IDENTIFIER, KEY_BYTES_MAX)
  const start = Math.min(from, text.behindEscape(run))
  const before = text.at(run - 1)
  if (start > run || (before !== 91 && before !== 59)) return start
  // ESC[32mtoken: a colour.
  const digits = text.run(run, DIGIT, 3)
  return digits > run && text.at(digits) === 109 && digits < from ? digits + 1 : start
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
  let pos = skipTabs(text, text.at(afterKey) === 93 ? afterKey + 1 : afterKey)
  const byte = text.at(pos)
  if (byte === 61) {
    pos += text.at(pos + 1) === 61 || text.at(pos + 1) === 62 ? 2 : 1
    value(text, quote === null ? skipTabs(text, pos) : skipSpace(text, pos), '=', kind, keyStart, pos, quote)
    return
  }
  if (byte === 58 && text.at(pos + 1) !== 58) {
    pos += text.at(pos + 1) === 61 ? 2 : 1
    value(text, quote === null ? skipTabs(text, pos) : skipSpace(text, pos), ':', kind, keyStart, pos, quote)
    return
  }
  if (text.hasFolded(pos, '%3d') || text.hasFolded(pos, '%3a')) {
    value(text, pos + 3, '=', kind, keyStart, pos)
    return
  }
  if (byte === 62 && quote === null && text.at(keyStart - 1) === 60) {
    element(text, pos + 1, kind)
    return
  }
  if (byte === 44 || (quote === null && isBreak(text, pos))) {
    neighbour(text, pos, text.at(keyStart) === 45 ? quote : null, kind)
    return
  }
  if (byte === 40 && kind === 'password' && quoteAt(text, pos + 1) !== null) {
    value(text, pos + 1, 'quoted', kind, keyStart, pos)
    return
  }
  if (quote !== null) {
    if (text.hasFolded(pos, 'value')) neighbour(text, pos, null, kind)
  } else if (pos > afterKey) apart(text, pos, keyStart, kind)
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
  } else {
    const end = bareEnd(text, pos)
    if (looksGenerated(text, pos, end, kind === 'password' ? 8 : 16) && !isHarmless(text, pos, end)) text.found(pos, end, kind)
  }
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

// The value is told by its place: after "value" in a list of name and value, or the next of an argument list.
function neighbour(text: Text, at: number, argument: Quote | null, kind: KeyKind): void {
  const pos = skipSpace(text, text.at(at) === 44 ? at + 1 : at)
  const quote = quoteAt(text, pos)
  const start = pos + (quote?.length ?? 0)
  const end = text.run(start, WORD, 16)
  const name = text.slice(start, end).toLowerCase()
  const colon = skipBlanks(text, quote === null ? end : end + quote.length)
  if ((name === 'value' || name === 'val' || name === 'v') && (text.at(colon) === 58 || text.at(colon) === 61)) {
    value(text, skipSpace(text, colon + 1), '=', kind, pos, colon, quote)
    return
  }
  if (quote !== null && isSameQuote(quote, argument)) {
    const to = quotationEnd(text, start, quote)
    if (text.at(start) !== 45 && !isHarmless(text, start, to)) text.found(start, to, kind)
  }
}

const NAME_WINDOW_BYTES = 512

// {"value":"v","name":"KEY"}: the value stands before its name. Read backwards, piece by piece.
function namedAfter(text: Text, keyStart: number, quote: Quote, kind: KeyKind): boolean {
  const from = Math.max(text.floor, keyStart - NAME_WINDOW_BYTES)
  const mark = '\\'.repeat(quote.backslashes) + quote.written
  text.work += keyStart - from
  const beforeColon = without(without(text.slice(from, keyStart), mark), ':')
  const beforeName = without(beforeColon, `${mark}name${mark}`) ?? without(beforeColon, `${mark}key${mark}`)
  const value = without(without(beforeName, ','), mark, false)
  if (value === null) return false
  const opening = value.lastIndexOf(mark)
  const label = opening < 0 ? null : without(value.slice(0, opening).trimEnd(), ':')
  if (!(label?.endsWith(`${mark}value${mark}`) || label?.endsWith(`${mark}val${mark}`))) return false
  const [start, end] = [from + opening + mark.length, from + value.length]
  if (!isHarmless(text, start, end)) text.found(start, end, kind)
  return true
}

// `text` without `ending` and the white space before it; null when it ends otherwise.
function without(text: string | null, ending: string, trims = true): string | null {
  if (!text?.endsWith(ending)) return null
  const rest = text.slice(0, -ending.length)
  return trims ? rest.trimEnd() : rest
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
  else if (isOpen && !isHarmless(text, pos, bareEnd(text, pos) + 1)) nested(text, pos, kind, keyQuote)
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
  // Models write their tokens under this very name.
  if (kind === 'token' && end - start < 6) return
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
  if (join === '=' || join === 'quoted') return false
  if (join === 'prose') return !looksRandom(text, from, to, 6)
  if (join === 'argument') return text.at(from) === 45 || (isProse(text, from, to) && isProseAround(text, to))
  if (!isProse(text, from, to)) return false
  // key: word — a setting when it has the line for itself, else a sentence.
  const settled = from > joinEnd - 1 && isLineStart(text, keyStart) && isLineEnd(text, to)
  return !settled
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
