// A key beside its value, in every way that logs write it: key=v, key: v, "key":"v" at any depth of escaping, key => v, <key>v</key>,
// --key v, ["--key","v"], {"name":"KEY","value":"v"}, YAML blocks, lists under a key, PASSWORD 'v'.
import { behindQuery, behindType, quoted, value } from './beside.ts'
import { ALNUM, BLANK, BREAK, DIGIT, HEX, IDENTIFIER, LETTER, type Text, UPPER } from './bytes.ts'
import type { KeyKind } from './key-words.ts'
import type { KeyJudge } from './keys.ts'
import { formValue, isAttribute, looksPaired, valueBefore, valueBehind } from './neighbours.ts'
import { element, isElement, tagEnd } from './nested.ts'
import {
  bareEnd,
  closesText,
  isBreak,
  isHarmless,
  isSameQuote,
  isSmallNumber,
  lineEnd,
  looksGenerated,
  looksRandom,
  looksTyped,
  type Quote,
  quotationEnd,
  quoteAt,
  skipBlanks,
  skipColours,
  skipSpace
} from './values.ts'

const KEY_BYTES_MAX = 96
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
    next !== 45 &&
    next !== 0xe2 &&
    next !== 0xef &&
    next !== 60 &&
    afterKey < text.stop
  ) {
    text.atAGlance = !text.is(afterKey, BLANK | BREAK)
    if (text.atAGlance) return
  }
  const keyStart = startOfKey(text, from)
  const kind = judgeAt(text, keyStart, keyEnd, judge)
  if (kind === null) {
    perhaps(text, text.slice(keyStart, keyEnd), afterKey, judge)
    return
  }
  const before = quote === null ? null : valueBefore(text, keyStart, quote)
  if (before === null) joined(text, keyStart, afterKey, quote, kind)
  else if (!isHarmless(text, before[0], before[1])) text.found(before[0], before[1], kind)
}

// A key that names a secret now and then: only what nobody would write otherwise goes.
function perhaps(text: Text, key: string, afterKey: number, judge: KeyJudge): void {
  const join = skipBlanks(text, afterKey)
  const byte = text.at(join)
  if (byte !== 61 && byte !== 58) return
  const kind = judge.mayName(key)
  if (kind === null) return
  const pos = skipBlanks(text, join + 1)
  const mark = quoteAt(text, pos)
  const from = pos + (mark?.length ?? 0)
  const to = mark === null ? behindQuery(text, afterKey - key.length, from, bareEnd(text, from)) : quotationEnd(text, from, mark)
  if (isHarmless(text, from, to)) return
  if (kind === 'credential' ? to - from >= 10 && looksPaired(text, from, to) : looksGenerated(text, from, to, kind === 'api-key' ? 24 : 8))
    text.found(from, to, kind)
  else if (kind === 'password' && isPassword(text, key, afterKey - key.length, from, to)) text.found(from, to, kind)
}

function isPassword(text: Text, key: string, keyStart: number, from: number, to: number): boolean {
  if (/(?:pw|clave)$/i.test(key) && looksRandom(text, from, to, 8)) return true
  return to - from > 3 && !isSmallNumber(text, from, to, 2) && standsByUser(text, keyStart)
}

const USER_WINDOW_BYTES = 96

// {user: 'ana', pass: 'v'}: whose it is stands before it.
function standsByUser(text: Text, keyStart: number): boolean {
  const from = Math.max(text.floor, keyStart - USER_WINDOW_BYTES)
  text.work += keyStart - from
  return /\b(?:user|username|login)["'\\]*\s?[:=][^\r\n{}]*$/i.test(text.slice(from, keyStart))
}

function trimmedEnd(text: Text, end: number): number {
  let keyEnd = text.runOn(end, IDENTIFIER, KEY_BYTES_MAX)
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
  // arn:aws:secretsmanager:us-east-1:123456789012:secret:name
  if (byte === 58 && pos === afterKey && text.at(keyStart - 1) === 58 && text.is(keyStart - 2, DIGIT)) return
  if (byte === 58 && text.at(pos + 1) !== 58) {
    pos += text.at(pos + 1) === 61 ? 2 : 1
    value(text, behindBold(text, valueStart(text, pos, quote)), ':', kind, keyStart, pos, quote)
    return
  }
  // The colon and the equals sign of East Asian scripts.
  if (byte === 0xef && text.at(pos + 1) === 0xbc && (text.at(pos + 2) === 0x9a || text.at(pos + 2) === 0x9d)) {
    const join = text.at(pos + 2) === 0x9a ? ':' : '='
    value(text, valueStart(text, pos + 3, quote), join, kind, keyStart, pos + 3, quote)
    return
  }
  if (byte === 60) {
    nextElement(text, pos, kind)
    return
  }
  if ((byte === 45 && text.at(pos + 1) === 62) || (byte === 0xe2 && text.at(pos + 1) === 0x86)) {
    value(text, skipBlanks(text, pos + (byte === 45 ? 2 : 3)), '=', kind, keyStart, pos, quote)
    return
  }
  if (quote === null && pos > afterKey && isElement(text, keyStart) && tagEnd(text, pos) > 0) {
    element(text, tagEnd(text, pos), kind)
    return
  }
  if (byte === 62 && (quote === null ? isElement(text, keyStart) : isAttribute(text, keyStart, quote))) {
    element(text, pos + 1, kind)
    return
  }
  if (quote !== null && isBreak(text, pos) && isAttribute(text, keyStart, quote)) {
    const start = formValue(text, pos)
    const end = lineEnd(text, start)
    if (!isHarmless(text, start, end)) text.found(start, end, kind)
    return
  }
  if (byte === 44 || isBreak(text, pos)) {
    neighbour(text, pos, keyStart, quote, kind)
    return
  }
  if (byte === 40 && quoteAt(text, pos + 1) !== null) {
    argument(text, pos + 1, kind)
    return
  }
  if (quote !== null) {
    if (text.hasFolded(pos, 'value')) neighbour(text, pos, keyStart, quote, kind)
  } else if (pos > afterKey) apart(text, pos, keyStart, kind)
}

// setPassword("v"): a password in any case, others where they look like one, since names are arguments too.
function argument(text: Text, at: number, kind: KeyKind): void {
  const quote = quoteAt(text, at)!
  if (closesText(text, at + quote.length)) return
  const to = quotationEnd(text, at + quote.length, quote)
  if (kind === 'password' || looksPaired(text, at + quote.length, to)) quoted(text, at + quote.length, to, kind)
}

// Markdown: **Password:** v
function behindBold(text: Text, at: number): number {
  return text.at(at) === 42 && text.at(at + 1) === 42 && text.is(at + 2, BLANK) ? skipBlanks(text, at + 2) : at
}

// <key>password</key><string>v</string>, <name>password</name><value>v</value>
function nextElement(text: Text, at: number, kind: KeyKind): void {
  if (!text.hasFolded(at, '</key>') && !text.hasFolded(at, '</name>')) return
  const next = skipSpace(text, at + (text.hasFolded(at, '</key>') ? 6 : 7))
  const end = tagEnd(text, next + 1)
  if (text.at(next) === 60 && text.at(next + 1) !== 47 && end > 0) element(text, end, kind)
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
  if (text.at(keyStart) === 45 || text.hasFolded(keyStart, 'requirepass') || text.hasFolded(keyStart, 'masterauth'))
    value(text, pos, 'argument', kind, keyStart, pos)
  else if (kind === 'password' && text.at(pos) === 39) value(text, pos, 'quoted', kind, keyStart, pos)
  else if (kind === 'password' && text.hasFolded(pos, 'for ')) assigned(text, pos, kind)
  else if (kind === 'password' && text.hasFolded(pos, 'set to ')) value(text, skipBlanks(text, pos + 7), 'prose', kind, keyStart, pos)
  else if (isAssigned(text, keyStart)) value(text, pos, 'argument', kind, keyStart, pos)
  else if (text.hasFolded(pos, 'is ') || text.hasFolded(pos, 'was ')) value(text, skipBlanks(text, pos + 3), 'prose', kind, keyStart, pos)
  else if (kind === 'password' && text.slice(Math.max(text.floor, keyStart - 64), keyStart).includes('login ')) {
    value(text, pos, 'argument', kind, keyStart, pos) // .netrc: machine … login … password …
  } else if (provided(text, pos) > 0) {
    value(text, provided(text, pos), 'prose', kind, keyStart, pos)
  } else {
    // "token 'v' expired", "API key (v) rejected", "var password string = 'v'"
    const start = '"\'`<(['.includes(String.fromCharCode(text.at(pos) || 97)) ? pos + 1 : pos
    const end = bareEnd(text, start)
    const assigned = behindType(text, pos, end)
    if (assigned > 0) value(text, assigned, 'quoted', kind, keyStart, assigned)
    else if (isHarmless(text, start, end)) return
    else if (looksGenerated(text, start, end, kind === 'password' ? 8 : 16) || isLongHex(text, start, end)) text.found(start, end, kind)
  }
}

const ASSIGNS = new Set('env arg setx setenv set export'.split(' '))

// ENV KEY v, setx KEY v, aws configure set key v: the key is one of settings, and no word of a sentence.
function isAssigned(text: Text, keyStart: number): boolean {
  if (!text.is(keyStart - 1, BLANK)) return false
  const before = text.runBack(keyStart - 1, LETTER, 8)
  if (!ASSIGNS.has(text.slice(before, keyStart - 1).toLowerCase())) return false
  return text.at(text.run(keyStart, ALNUM, KEY_BYTES_MAX)) === 95 || !text.is(text.run(keyStart, UPPER, KEY_BYTES_MAX), ALNUM)
}

const PROVIDED = new Set('provided given used supplied received found value header'.split(' '))

// "API key provided: …": where the value begins, or -1.
function provided(text: Text, at: number): number {
  const end = text.run(at, LETTER, 10)
  if (text.at(end) !== 58 && text.at(end) !== 61) return -1
  return PROVIDED.has(text.slice(at, end).toLowerCase()) ? skipBlanks(text, end + 1) : -1
}

function isLongHex(text: Text, from: number, to: number): boolean {
  return to - from >= 32 && text.run(from, HEX, to - from) === to
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
    // What a colon follows is a name itself.
    const isName = text.at(skipBlanks(text, to + quote.length)) === 58
    if (text.at(from) !== 45 && !isName && !isHarmless(text, from, to)) text.found(from, to, kind)
  } else if (
    (looksPaired(text, from, to) || (kind === 'password' && to - from > 7 && looksTyped(text, from, to))) &&
    (kind !== 'cookie' || text.slice(from, to).includes('='))
  )
    quoted(text, from, to, kind)
}
