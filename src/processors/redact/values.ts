// Where a value beside a key ends, and whether it is worth hiding.
import { BLANK, BREAK, CLASS, DIGIT, LETTER, LOWER, SPACE, STOPS_BARE, type Text, UPPER, URLSAFE } from './bytes.ts'

const BACKSLASH = 92
const DOUBLE = 34
const SINGLE = 39
const BACKTICK = 96
const BACKSLASHES_MAX = 63

/** A quotation mark as it stands in a text: how it is written, and how many bytes that takes. `"`, `\"`, `%22`, `\u0022`, `&quot;`. */
export interface Quote {
  readonly length: number
  readonly backslashes: number
  readonly written: string
}

const NAMED_QUOTES = ['%22', '%27', '%2522', '%2527', '&quot;', '&#39;', '&#34;', '\\u0022', '\\u0027', '\\x22', '\\x27']

/** The quotation mark that begins at `at`, or null. */
export function quoteAt(text: Text, at: number): Quote | null {
  let pos = at
  while (text.at(pos) === BACKSLASH && pos - at < BACKSLASHES_MAX) pos++
  const byte = text.at(pos)
  if (byte === DOUBLE || byte === SINGLE || byte === BACKTICK) {
    return { length: pos + 1 - at, backslashes: pos - at, written: String.fromCharCode(byte) }
  }
  if (byte !== 37 && byte !== 38 && byte !== 117 && byte !== 120) return null
  const from = byte === 117 || byte === 120 ? pos - 1 : pos
  for (const written of NAMED_QUOTES) {
    if (text.hasFolded(from, written)) return { length: from + written.length - at, backslashes: Math.max(0, from - at), written }
  }
  return null
}

/**
 * Where the quotation that was opened by `quote` ends: the offset of its closing mark with all backslashes before it, or the end of the text
 * when it was cut off. A mark with more backslashes belongs to the value; one with fewer closes a quotation around it.
 */
export function quotationEnd(text: Text, at: number, quote: Quote): number {
  const { bytes, stop } = text
  if (quote.written.length > 1) return namedQuotationEnd(text, at, quote)
  const mark = quote.written.charCodeAt(0)
  const level = quote.backslashes
  let backslashes = 0
  let end = stop
  for (let pos = at; pos < stop; pos++) {
    const byte = bytes[pos]
    if (byte === BACKSLASH) {
      backslashes++
      continue
    }
    // At a level of escaping with n backslashes before its marks, a mark of the value has 2n + 1, and a backslash of the value is 2n + 2.
    if (byte === mark && backslashes % (2 * level + 2) !== 2 * level + 1) {
      end = pos - ownBackslashes(backslashes, level)
      break
    }
    // An apostrophe that is never closed must not swallow the JSON around it.
    if (byte === DOUBLE && mark !== DOUBLE && closesText(text, pos + 1)) {
      end = pos - (backslashes % 2 === 0 ? 0 : backslashes)
      break
    }
    backslashes = 0
  }
  text.work += end - at
  return end
}

// How many of the backslashes before a closing mark are the mark's: it may close this level, or one around it. The rest end the value.
function ownBackslashes(backslashes: number, level: number): number {
  for (let own = 0; own < level; own = own * 2 + 1) if (backslashes % (2 * own + 2) === own) return own
  return Math.min(backslashes, level)
}

// A plain mark ends it too: it closes the text around, and takes its backslashes with it.
function namedQuotationEnd(text: Text, at: number, quote: Quote): number {
  const first = quote.written.charCodeAt(0)
  let pos = at
  while (pos < text.stop && text.bytes[pos] !== DOUBLE && !(text.bytes[pos] === first && text.hasFolded(pos, quote.written))) pos++
  text.work += pos - at
  if (pos === text.stop) return pos
  if (text.bytes[pos] !== DOUBLE) return pos - quote.backslashes
  while (pos > at && text.bytes[pos - 1] === BACKSLASH) pos--
  return pos
}

/** The end of a value without quotes: at white space, a quote, a bracket, a comma, `;`, `&`, a backslash, or punctuation of another script. */
export function bareEnd(text: Text, at: number): number {
  const { bytes, stop } = text
  let pos = at
  while (pos < stop && (CLASS[bytes[pos]] & STOPS_BARE) === 0) {
    const byte = bytes[pos]
    if (byte === 37 && text.has(pos, '%22')) break
    if (byte > 0xe1 && isPunctuation(text, pos)) break
    pos++
  }
  text.work += pos - at
  return pos
}

// UTF-8 of U+2000 to U+206F (dashes, quotes), U+3000 to U+303F (CJK), and the full-width forms of marks in U+FF00 to U+FF0F and U+FF1A to U+FF20.
function isPunctuation(text: Text, at: number): boolean {
  const [first, second, third] = [text.bytes[at], text.at(at + 1), text.at(at + 2)]
  if (first === 0xe2) return second === 0x80 || (second === 0x81 && third < 0xb0)
  if (first === 0xe3) return second === 0x80
  return first === 0xef && second === 0xbc && (third < 0x90 || (third > 0x99 && third < 0xa1))
}

/** The end of the line that `at` is on: a line break, written out or escaped. */
export function lineEnd(text: Text, at: number): number {
  const { bytes, stop } = text
  let pos = at
  while (pos < stop) {
    const byte = bytes[pos]
    if (byte === 10 || byte === 13) break
    if (byte !== BACKSLASH) {
      pos++
      continue
    }
    let letter = pos
    while (letter < stop && bytes[letter] === BACKSLASH) letter++
    if (bytes[letter] === 110 || bytes[letter] === 114) break
    pos = letter
  }
  text.work += pos - at
  return pos
}

export function skipBlanks(text: Text, at: number): number {
  return text.run(at, BLANK, 64)
}

/** Skips sequences that colour a terminal, ESC[…m or an escape of it, and blanks around them. */
export function skipColours(text: Text, at: number): number {
  let pos = skipBlanks(text, at)
  for (let count = 0; count < 4; count++) {
    let next = pos
    if (text.at(next) === 27) next++
    else {
      while (text.at(next) === BACKSLASH && next - pos < 8) next++
      if (next === pos) return pos
      if (text.hasFolded(next, 'u001b')) next += 5
      else if (text.hasFolded(next, 'x1b') || text.has(next, '033')) next += 3
      else return pos
    }
    if (text.at(next) !== 91) return pos
    next++
    while (text.is(next, DIGIT) || text.at(next) === 59) next++
    if (text.at(next) !== 109) return pos
    pos = skipBlanks(text, next + 1)
  }
  return pos
}

/** True for a line break, or the escape of one. */
export function isBreak(text: Text, at: number): boolean {
  if (text.is(at, BREAK)) return true
  let pos = at
  while (text.at(pos) === 92 && pos - at < 8) pos++
  return pos > at && (text.at(pos) === 110 || text.at(pos) === 114)
}

/** Skips white space, and escapes of it. */
export function skipSpace(text: Text, at: number): number {
  let pos = text.run(at, SPACE, 256)
  for (let escapes = 0; escapes < 16 && text.at(pos) === BACKSLASH; escapes++) {
    let letter = pos
    while (text.at(letter) === BACKSLASH && letter - pos < 8) letter++
    const byte = text.at(letter)
    if (byte !== 110 && byte !== 114 && byte !== 116) break
    pos = text.run(letter + 1, SPACE, 256)
  }
  return pos
}

const NOT_A_SECRET = new Set(
  '~ null none nil undefined nan true false yes no on off unset empty missing absent invalid expired required incorrect wrong unknown n/a na ok error failed denied redacted filtered hidden masked removed string str text number int integer bytes boolean bool any object secretstr optional default include omit same-origin example changeme todo tbd -'.split(
    ' '
  )
)
// `API_KEY`, `<token>`, `your-api-key-here`: what stands in a usage text where the value would.
const EXAMPLES =
  /^(?:[A-Z][A-Z_]*)?(?:KEY|TOKEN|PASSWORD|PASSWD|SECRET|PASS|PWD|VALUE)$|^your[-_ ]?[a-z-_]{1,40}$|^[\w-]{0,12}(?:\.{3,}|\*{3,}|\u00e2\u0080\u00a6|(?:\u00e2\u0080\u00a2){3,})[\w-]{0,6}$/
// `PWD=/srv/app`
const FOLDER = /^(?:\/[a-z][a-z._-]*){1,12}\/?$/
const MARKERS =
  /^(?:\[[a-z]{3,12}(?::[a-z0-9-]{1,40})?\]|<[^<>\s]{1,60}>|\$\{[^{}]{1,120}\}|\{\{[^{}]{1,120}\}\}|%\([\w.]{1,60}\)s|\$\([^()]{1,60}\)|\$[A-Z_][A-Z0-9_]{0,60}|%[A-Z_]{1,60}%|\$\d{1,2}|\?|[:@](?:[a-z_]*(?:password|token|secret|key)|p\d{1,2})|[*(_-]{1,3}(?:redacted|masked|hidden|filtered|removed|scrubbed)[*)_-]{1,3}|(?:process\.env|os\.environ|env|secrets)[.[].{1,80})$/i

const HARMLESS_STARTS = '?:@*(_-'

/** True when what stands there hides nothing: empty, a constant, a placeholder, or masked already. */
export function isHarmless(text: Text, from: number, to: number): boolean {
  const length = to - from
  if (length <= 0) return true
  if (length > 160) return false
  if (text.has(from, '[redacted:')) return true
  const first = text.bytes[from]
  if (isRepeated(text, from, to)) return true
  if (isPlain(text, from, to)) return false
  const value = text.slice(from, to)
  if (length <= 12 && NOT_A_SECRET.has(value.toLowerCase())) return true
  if (length <= 48 && EXAMPLES.test(value)) return true
  if (first === 47 && FOLDER.test(value)) return true
  // Types in signatures: Optional[str], string|null.
  const word = /^([A-Za-z]{1,12})[[|]/.exec(value)
  if (word !== null && NOT_A_SECRET.has(word[1].toLowerCase())) return true
  return (
    (first === 91 ||
      first === 60 ||
      first === 36 ||
      first === 123 ||
      first === 37 ||
      HARMLESS_STARTS.includes(String.fromCharCode(first)) ||
      (CLASS[first] & LETTER) !== 0) &&
    MARKERS.test(value)
  )
}

// Letters and digits with nothing else but dashes: no placeholder looks like that, and most secrets do.
function isPlain(text: Text, from: number, to: number): boolean {
  let seen = 0
  for (let pos = from; pos < to; pos++) {
    const classes = CLASS[text.bytes[pos]]
    if ((classes & URLSAFE) === 0) return false
    seen |= classes
  }
  return (seen & DIGIT) !== 0
}

// `****`, `xxxxxx`, `••••`: one character over and over. A single digit or letter is too little to tell.
function isRepeated(text: Text, from: number, to: number): boolean {
  const first = text.bytes[from]
  if (first === 0xe2) return text.slice(from, to) === text.slice(from, from + 3).repeat((to - from) / 3)
  if (first !== 42 && first !== 120 && first !== 88 && first !== 46 && first !== 45 && first !== 35) return false
  for (let pos = from + 1; pos < to; pos++) if (text.bytes[pos] !== first) return false
  return to - from > 2 || first !== 35
}

const REFERENCES =
  /^(?:(?:\.{0,2}|~)(?:\/[a-z0-9._-]+){2,}|#(?:\/[\w-]+)+|(?:arn:aws[\w-]*|vault|secretsmanager|ssm|env|file|op):.{1,200}|projects\/[\w-]+\/secrets\/.{1,200})$/

/** True for what only says where a secret is: a file, or a place in a store of secrets. */
export function isReference(text: Text, from: number, to: number): boolean {
  const first = text.bytes[from]
  if (to - from > 240 || (first !== 47 && first !== 46 && first !== 126 && first !== 35 && (CLASS[first] & LOWER) === 0)) return false
  return REFERENCES.test(text.slice(from, to))
}

/** True for what is no code, although its key says so: a word, a version, the name of a contact of a chip. */
export function isNoCode(text: Text, from: number, to: number): boolean {
  let digits = 0
  for (let pos = from; pos < to; pos++) {
    if (text.is(pos, DIGIT)) digits++
    else if (text.bytes[pos] === 46 && text.is(pos - 1, DIGIT) && text.is(pos + 1, DIGIT)) return true
  }
  return digits === 0 || (digits < 3 && to - from <= 8)
}

/** True for up to `digitsMax` digits, with a sign or a fraction. */
export function isSmallNumber(text: Text, from: number, to: number, digitsMax: number): boolean {
  let digits = 0
  for (let pos = from; pos < to; pos++) {
    const byte = text.bytes[pos]
    if (CLASS[byte] & DIGIT) digits++
    else if (byte !== 46 && byte !== 45) return false
  }
  return digits > 0 && digits <= digitsMax
}

/** True for a word of prose: letters only, small but for the first, or all capital, or of other scripts; hyphens and apostrophes between. */
export function isProse(text: Text, from: number, to: number): boolean {
  let end = to
  while (end > from && '.,:;!?)'.includes(String.fromCharCode(text.bytes[end - 1]))) end--
  if (end - from > 24) return false
  let lower = 0
  let upper = 0
  for (let pos = from; pos < end; pos++) {
    const classes = CLASS[text.bytes[pos]]
    if (classes & LOWER) lower++
    else if (classes & UPPER) upper++
    else if (text.bytes[pos] !== 45 && text.bytes[pos] !== 39 && text.bytes[pos] < 128) return false
  }
  return lower === 0 || upper === 0 || (upper === 1 && (CLASS[text.bytes[from]] & UPPER) !== 0)
}

/** True when letters and digits are mixed: what people write as a secret, and seldom as a word. */
export function looksRandom(text: Text, from: number, to: number, lengthMin: number): boolean {
  if (to - from < lengthMin) return false
  let seen = 0
  for (let pos = from; pos < to; pos++) seen |= CLASS[text.bytes[pos]]
  return (seen & DIGIT) !== 0 && (seen & LETTER) !== 0
}

/** True for what nobody writes in a word or a path: a symbol, or capitals here and there. */
export function looksTyped(text: Text, from: number, to: number): boolean {
  let humps = 0
  for (let pos = from; pos < to - 1; pos++) {
    if ('!#$%^*+?~'.includes(String.fromCharCode(text.bytes[pos]))) return true
    if (text.is(pos, LOWER) && text.is(pos + 1, UPPER)) humps++
  }
  return humps > 1
}

/** True when digits, small and capital letters are mixed, and it is no path or time: nobody writes that in a sentence. */
export function looksGenerated(text: Text, from: number, to: number, lengthMin: number): boolean {
  if (to - from < lengthMin) return false
  let seen = 0
  for (let pos = from; pos < to; pos++) {
    const byte = text.bytes[pos]
    if (byte === 47 || byte === 58 || byte === 46 || byte === 64) return false
    seen |= CLASS[byte]
  }
  const all = DIGIT | UPPER | LOWER
  return (seen & all) === all
}

/** True for marks that are written alike, or that are both not there. */
export function isSameQuote(one: Quote | null, other: Quote | null): boolean {
  return one?.written === other?.written && one?.backslashes === other?.backslashes
}

const JSON_WORDS = /^(?:true|false|null)/

/** True when a quotation mark that ends before `at` cannot open a value: what follows belongs to the text around. */
export function closesText(text: Text, at: number): boolean {
  const byte = text.at(at)
  if (at >= text.stop || byte === 44 || byte === 125 || byte === 93 || byte === 41) return true
  if (byte !== 58) return false
  // {"password=": 1}: it closes a key of JSON.
  const next = skipSpace(text, at + 1)
  return (
    '[{-'.includes(String.fromCharCode(text.at(next) || 97)) ||
    text.is(next, DIGIT) ||
    quoteAt(text, next) !== null ||
    JSON_WORDS.test(text.slice(next, Math.min(next + 5, text.stop)))
  )
}
