// Personal data: e-mail addresses and payment cards.
import { ALNUM, CLASS, DASH, DIGIT, DOT, IDENTIFIER, LETTER, PERCENT, type Text, UNDERSCORE, WORD } from './bytes.ts'
import { isHash } from './replacement.ts'
import { isProse } from './values.ts'

const LOCAL = ALNUM | DOT | UNDERSCORE | PERCENT | DASH
const LOCAL_MAX = 64 + 6
const NOT_PEOPLE = new Set(['git', 'hg', 'svn', 'aur', 'gitea', 'getty'])
// Names that stand where a top-level domain would, and are none.
const NOT_DOMAINS = new Set(
  'png jpg jpeg gif svg webp avif css js mjs cjs ts tsx jsx json map html xml yaml yml md txt py rb go rs java local internal lan svc cluster service socket target timer mount slice scope woff ttf otf wav mkv webm pdf gz log csv bin pt pth onnx ckpt safetensors lock toml ini cfg conf vue scss wasm avi flac ogg srt vtt npy npz'.split(
    ' '
  )
)

/** An address around `@` or `%40` at [sign, end). */
export function email(text: Text, sign: number, end: number): void {
  // The least that follows is a name, or the port of a host that was left out.
  text.atAGlance = !text.is(end, IDENTIFIER) && !(text.at(end) === 58 && text.is(end + 1, DIGIT))
  if (text.atAGlance) return
  let at = sign
  while (text.at(at - 1) === 92) at--
  let from = at
  while (from > Math.max(text.floor, at - LOCAL_MAX) && (CLASS[text.bytes[from - 1]] & LOCAL || text.bytes[from - 1] === 43)) from--
  text.work += at - from
  if (text.at(from - 1) === 92) from = text.behindEscape(from)
  from = behindPercents(text, from, at)
  // Cut off by the bound, perhaps within an escape.
  if (at - from >= LOCAL_MAX) from += 6
  while (from < at && !text.is(from, ALNUM)) from++
  if (from >= at) {
    text.atAGlance = !login(text, at, at, end)
    return
  }
  if (text.at(from - 1) === 47 && text.at(from - 2) === 47) return
  if (isInEncodedUrl(text, from, at)) return
  if (login(text, from, at, end)) return
  const to = domainEnd(text, end)
  text.atAGlance = to < 0
  if (to < 0 || NOT_PEOPLE.has(text.slice(from, at).toLowerCase())) return
  if (text.at(to) === 58 && (text.at(to + 1) === 47 || text.at(to + 1) === 126)) return
  if (STRUCTURED_DATA.test(text.slice(from, to))) return
  text.found(from, to, 'email')
}

// syslog.ID@32473.NAME: structured data of syslog under the gateway's name, where the number is an enterprise's. Few domains are numbers, most of them .com.
const STRUCTURED_DATA = /^syslog\.[^@]{1,32}@[1-9]\d{0,9}\.(?!.*\b(?:com|net|org|cn)$)/i

// scheme%3A%2F%2Fuser%3Apassword%40host: what its escapes stand for is looked at as a URL.
function isInEncodedUrl(text: Text, from: number, at: number): boolean {
  if (text.at(at) !== 37 || text.at(from - 3) !== 37) return false
  return /%(?:25)*2f%(?:25)*2f[^%\s]{0,64}%(?:25)*3a$/i.test(text.slice(Math.max(text.floor, from - 96), from))
}

const LOGIN_BYTES_MAX = 160

// user:password@host:5432, user:passw0rd!@host: the address of a server without its scheme, in which the password goes and the host stays.
function login(text: Text, from: number, at: number, end: number): boolean {
  if (text.at(at) !== 64 || (from < at && text.at(from - 1) !== 58 && !text.is(from - 1, PERCENT) && !SYMBOLS.has(text.at(from - 1))))
    return false
  const host = text.run(end, IDENTIFIER, 253)
  const isServer = text.at(host) === 58 ? text.is(host + 1, DIGIT) : SYMBOLS.has(text.at(from === at ? at - 1 : from - 1)) && host > end
  if (!isServer) return false
  let colon = at
  let start = at
  const first = Math.max(text.floor, at - LOGIN_BYTES_MAX)
  while (start > first && !LOGIN_ENDS.has(text.bytes[start - 1])) if (text.bytes[--start] === 58) colon = start
  text.work += at - start
  const user = text.run(start, IDENTIFIER, 64)
  if (user === start || user !== colon || colon === at) return false
  if (at - colon < 7 || isProse(text, colon + 1, at)) return false
  text.found(colon + 1, at, 'url-password')
  return true
}

const codes = (characters: string): Set<number> => new Set(Array.from(characters, (character) => character.charCodeAt(0)))
const SYMBOLS = codes('!#$^&*?~')
const LOGIN_ENDS = codes(' \t\r\n"\'`<>\\,;()[]{}=/|')

// %20ana%2Bnews%40…: what is encoded ends the address on the left, but for the plus.
function behindPercents(text: Text, from: number, at: number): number {
  for (let pos = at - 3; pos >= from; pos--) {
    if (text.at(pos) === 37 && !text.hasFolded(pos, '%2b')) return pos + 3
  }
  return from
}

// The end of a domain with at least two labels and a top-level domain of 2 to 24 letters, or -1.
function domainEnd(text: Text, start: number): number {
  let to = text.run(start, ALNUM | DOT | DASH, 253)
  while (to > start && !text.is(to - 1, ALNUM)) to--
  let dot = to - 1
  while (dot > start && text.bytes[dot] !== 46) dot--
  if (dot <= start || text.at(start) === 46 || text.at(start) === 45) return -1
  const top = dot + 1
  // pkg@1.2.3-rc.beta: a version.
  if (/^v?\d+\.\d/.test(text.slice(start, Math.min(to, start + 12)))) return -1
  if (to - top < 2 || to - top > 24 || text.run(top, LETTER, 25) !== to) return -1
  return NOT_DOMAINS.has(text.slice(top, to).toLowerCase()) ? -1 : to
}

const CARD_DIGITS_MIN = 13
const CARD_DIGITS_MAX = 19

const inCard = new Uint8Array(256)
for (const character of '0123456789 -') inCard[character.charCodeAt(0)] = 1

/**
 * The start of the next run of digits, blanks and dashes with at least 13 digits in [start, stop), or -1. Looks at every thirteenth byte, and back from
 * there where it must.
 */
export function findDigits(bytes: Uint8Array, start: number, stop: number): number {
  let probe = start + CARD_DIGITS_MIN - 1
  while (probe < stop) {
    if (inCard[bytes[probe]] === 0) {
      probe += CARD_DIGITS_MIN
      continue
    }
    let left = probe
    while (left > start && left > probe - CARD_DIGITS_MIN + 1 && inCard[bytes[left - 1]] === 1) left--
    if (left > probe - CARD_DIGITS_MIN + 1) {
      probe = left + CARD_DIGITS_MIN - 1
      continue
    }
    let count = 0
    let right = left
    for (; right < stop && inCard[bytes[right]] === 1; right++) if (bytes[right] > 47) count++
    if (count >= CARD_DIGITS_MIN) return left
    probe = right + CARD_DIGITS_MIN
  }
  return -1
}

/** Looks for card numbers in [from, to) and reports each. */
export function cards(text: Text, from: number, to: number, found: (from: number, to: number) => void): void {
  let pos = from
  while (pos < to) {
    const run = findDigits(text.bytes, pos, to)
    if (run < 0) return
    let start = run
    while (start > from && text.is(start - 1, DIGIT)) start--
    let stop = run
    while (stop < to && inCard[text.bytes[stop]] === 1) stop++
    text.work += stop - start
    let at = start
    while (at < stop) {
      const end = CLASS[text.bytes[at]] & DIGIT ? cardEnd(text, at, stop) : -1
      if (end > 0) {
        found(at, end)
        at = end
      } else at = nextGroup(text, at, stop)
    }
    pos = stop + 1
  }
}

function nextGroup(text: Text, at: number, stop: number): number {
  let pos = at
  while (pos < stop && (CLASS[text.bytes[pos]] & DIGIT) !== 0) pos++
  while (pos < stop && (CLASS[text.bytes[pos]] & DIGIT) === 0) pos++
  return pos
}

const GROUPINGS = new Set(['4444', '465', '464', '44443', '4441', '4443', '454'])
const digits = new Uint8Array(CARD_DIGITS_MAX)

// The end of the card number that begins with the group at `at`, or -1. Groups are joined by one and the same separator.
function cardEnd(text: Text, at: number, stop: number): number {
  const before = text.at(at - 1)
  if (CLASS[before] & WORD && text.escapeBefore(at) === 0) return -1
  if ((before === 46 || before === 45) && text.is(at - 2, DIGIT)) return -1
  let count = 0
  let grouping = ''
  let separator = 0
  let group = 0
  let pos = at
  for (; pos < stop; pos++) {
    const byte = text.bytes[pos]
    if (CLASS[byte] & DIGIT) {
      if (count === CARD_DIGITS_MAX) return -1
      digits[count++] = byte - 48
      group++
    } else {
      if ((separator !== 0 && byte !== separator) || !text.is(pos + 1, DIGIT)) break
      if (separator === 0 && count >= CARD_DIGITS_MIN) break
      separator = byte
      grouping += group
      group = 0
      if (grouping.length > 4) return -1
      if (grouping.length > 1 && GROUPINGS.has(grouping) && isCard(count)) return pos
    }
  }
  if (separator !== 0 && !GROUPINGS.has(grouping + group)) return -1
  if (CLASS[text.at(pos)] & (LETTER | UNDERSCORE)) return -1
  if (text.at(pos) === 46 && text.is(pos + 1, DIGIT)) return -1
  if (count > UNGROUPED_DIGITS_MAX && separator === 0) return -1
  return isCard(count) && !isIdentifier(text, at) && !isHash(text, at, pos) ? pos : -1
}

/** Longer numbers are ids of traces and times in nanoseconds far more often than cards, unless they are written in groups. */
const UNGROUPED_DIGITS_MAX = 16
const NO_CARDS = /(?:id|ids|uid|seq|ts|time|timestamp|offset|nanos|millis|size|bytes|count|hash|seed|address|addr|ptr)$/i

// `trace_id=4…`, `"offset": 4…`: the key says that it is no card.
function isIdentifier(text: Text, at: number): boolean {
  let end = at
  while (end > text.floor && at - end < 8 && ' "\':=\\'.includes(String.fromCharCode(text.bytes[end - 1]))) end--
  return end < at && NO_CARDS.test(text.slice(text.runBack(end, WORD, 24), end))
}

/** True for a card number that was written as an integer, told by its high and low 32 bits. Those of 13 to 16 digits alone: most longer numbers are ids. */
export function isCardNumber(high: number, low: number): boolean {
  let rest = high * 2 ** 32 + low
  if (rest < 1e12 || rest >= 1e16) return false
  const count = rest < 1e13 ? 13 : rest < 1e14 ? 14 : rest < 1e15 ? 15 : 16
  for (let i = count - 1; i >= 0; i--) {
    digits[i] = rest % 10
    rest = Math.floor(rest / 10)
  }
  return isCard(count)
}

function isCard(count: number): boolean {
  if (count < CARD_DIGITS_MIN || !isIssued(count)) return false
  let sum = 0
  for (let i = 0; i < count; i++) {
    const digit = digits[count - 1 - i]
    sum += i % 2 === 0 ? digit : digit > 4 ? digit * 2 - 9 : digit * 2
  }
  return sum % 10 === 0
}

// The ranges of the big networks, with the lengths they issue.
function isIssued(count: number): boolean {
  const four = digits[0] * 1000 + digits[1] * 100 + digits[2] * 10 + digits[3]
  const two = Math.floor(four / 100)
  if (digits[0] === 4) return count === 13 || count === 16 || count === 19
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return count === 16
  if (two === 34 || two === 37) return count === 15
  if (four === 6011 || two === 64 || two === 65) return count === 16 || count === 19
  if (two === 35) return count === 16
  return (two === 30 || two === 36 || two === 38) && count === 14
}
