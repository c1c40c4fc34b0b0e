// How tokens look that tell themselves: by a prefix, by a mark in their middle, by their parts.

import {
  ALNUM,
  BASE64,
  BASE64_RUN,
  BLANK,
  BREAK,
  CLASS,
  DASH,
  DIGIT,
  DOT,
  EQUALS,
  HEX,
  LOWER,
  PERCENT,
  type Text,
  UNDERSCORE,
  UPPER,
  URLSAFE,
  WORD
} from './bytes.ts'
import { bareEnd, lineEnd } from './values.ts'

/** Looks at the place where a head was found, [from, end), and reports what it finds to `text`. */
export type Check = (text: Text, from: number, end: number) => void

/** One kind of secret. Heads are found in any case; unless `folded`, they count only as written. */
export interface Rule {
  readonly name: string
  readonly heads: readonly string[]
  readonly check: Check
  readonly folded?: boolean
  /** At least so many bytes of these classes follow the head, or there is nothing for the check to see. */
  readonly follows?: { readonly classes: number; readonly min: number }
  /** False where the check finds nothing behind a head that ends at `end`, as long as what follows stays as it is. */
  readonly mayFollow?: (bytes: Uint8Array, end: number) => boolean
}

const RUN_MAX = 4_096

/** A prefix and then at least `min` characters of `classes`. Longer ones are hidden to their end, since formats grow; `max` is for plain prefixes. */
export function prefixed(name: string, heads: string, classes: number, min: number, max = RUN_MAX): Rule {
  return {
    name,
    heads: heads.split(' '),
    follows: { classes, min },
    check(text, from, end) {
      text.atAGlance = !text.beginsWord(from)
      if (text.atAGlance) return
      let to = text.run(end, classes, RUN_MAX)
      while (to > end && (text.at(to - 1) === 46 || text.at(to - 1) === 37)) to--
      if (to - end < min || to - end > max || isFiller(text, end, to)) return
      text.found(from, to, name)
    }
  }
}

// `sk_live_xxxxxxxxxxxx`: an example in a text.
function isFiller(text: Text, from: number, to: number): boolean {
  for (let pos = from + 1; pos < to; pos++) if (text.bytes[pos] !== text.bytes[from]) return false
  return true
}

/** As `prefixed`, for prefixes that words have too: what follows must mix small and capital letters and digits. */
export function mixed(name: string, heads: string, classes: number, min: number, max = RUN_MAX): Rule {
  const rule = prefixed(name, heads, classes, min, max)
  return { ...rule, check: (text, from, end) => isMixed(text, end, text.run(end, classes, 64)) && rule.check(text, from, end) }
}

// Digits, small and capital letters; or letters alone that change their size more often than words do.
function isMixed(text: Text, from: number, to: number): boolean {
  let seen = 0
  let changes = 0
  for (let pos = from; pos < to; pos++) {
    const classes = CLASS[text.bytes[pos]]
    if (pos > from && ((classes ^ CLASS[text.bytes[pos - 1]]) & UPPER) !== 0) changes++
    seen |= classes
  }
  return (seen & UPPER) !== 0 && (seen & LOWER) !== 0 && ((seen & DIGIT) !== 0 || changes * 3 > to - from)
}

/** A prefix and a UUID. */
export function identified(name: string, heads: string): Rule {
  return {
    name,
    heads: heads.split(' '),
    follows: { classes: HEX, min: 8 },
    check(text, from, end) {
      const to = uuidEnd(text, end)
      if (to > 0 && text.beginsWord(from) && !text.is(to, WORD)) text.found(from, to, name)
    }
  }
}

/** The end of the UUID at `at`, or -1. */
function uuidEnd(text: Text, at: number): number {
  let pos = at
  for (const digits of [8, 4, 4, 4, 12]) {
    if (pos > at && text.at(pos++) !== 45) return -1
    const end = text.run(pos, HEX, digits)
    if (end - pos !== digits) return -1
    pos = end
  }
  return pos
}

/** `before` characters of a class, the mark, and `after` characters of a class. Whole words only. */
export function around(name: string, mark: string, left: [number, number, number], right: [number, number, number]): Rule {
  return {
    name,
    heads: [mark],
    follows: { classes: right[0], min: right[1] },
    check(text, from, end) {
      const start = text.behindEscape(text.runBack(from, left[0], left[2] + 4))
      const before = from - start
      text.atAGlance = before < left[1] || before > left[2] || !text.beginsWord(start)
      if (text.atAGlance) return
      const to = text.run(end, right[0], right[2] + 1)
      const after = to - end
      if (after >= right[1] && after <= right[2]) text.found(start, to, name)
    }
  }
}

/** Header and payload are base64url of JSON objects, so both begin with `eyJ`; the signature may be missing, an encrypted one has five parts. */
export function jwt(text: Text, from: number): void {
  // A dash alone before it marks a line or an option.
  const isMarked = text.at(from - 1) === 45 && !text.is(from - 2, URLSAFE)
  text.atAGlance = text.is(from - 1, URLSAFE) && !isMarked && text.escapeBefore(from) === 0
  if (text.atAGlance) return
  let to = text.run(from, URLSAFE, 16_384)
  if (to - from < 10 || text.at(to) !== 46) return
  const second = to + 1
  to = text.run(second, URLSAFE, 65_536)
  const isSigned = text.has(second, 'eyJ')
  let parts = 2
  while (text.at(to) === 46 && parts < 5 && (text.is(to + 1, URLSAFE) || parts === 2 || (parts < 4 && text.at(to + 1) === 46))) {
    to = text.run(to + 1, URLSAFE, 65_536)
    parts++
  }
  if ((isSigned && to - second > 4) || parts === 5) text.found(from, to, 'jwt')
}

/** -----BEGIN … PRIVATE KEY----- body -----END …-----. Without an end (cut off) the rest of the text goes, up to a quotation mark around it. */
export function pem(text: Text, _from: number, end: number): void {
  const label = text.run(end, UPPER | DIGIT | BLANK, 48)
  if (!text.slice(end, label).includes('PRIVATE KEY') || !text.has(label, '-----')) return
  const start = label + 5
  let to = start
  while (to < text.stop && text.bytes[to] !== 34 && text.bytes[to] !== 39 && text.bytes[to] !== 60) {
    if (text.bytes[to] === 45 && text.has(to, '-----END')) break
    to++
  }
  text.work += to - start
  const closed = text.at(to) === 45
  // Backslashes before a quotation mark are its own, and belong to the text around.
  if (!closed) while (to > start && text.at(to) !== 0 && text.at(to - 1) === 92) to--
  if (!text.has(start, '[redacted:') && to > start) text.found(start, to, 'private-key')
  if (!closed) pemLines(text, to)
  if (!closed && text.at(to) === 60) loggedLines(text, to)
}

const LOGGED_BYTES_MIN = 40

// Each line with what a log puts before it: `<13>May 1 10:00:00 host app: MIIE…`, up to the last.
function loggedLines(text: Text, at: number): void {
  let pos = at
  for (let line = 0; line < 512 && pos < text.stop; line++) {
    const end = lineEnd(text, pos)
    if (text.slice(pos, Math.min(end, pos + 512)).includes('-----END')) return
    const start = text.runBack(end, BASE64_RUN, 256)
    const isBody = end - start >= LOGGED_BYTES_MIN || (text.at(end - 1) === 61 && end - start >= 4)
    if (isBody && start > pos) text.found(start, end, 'private-key')
    pos = end
    while (pos < text.stop && text.is(pos, BREAK)) pos++
    if (pos === end) return
  }
}

/** The same in PuTTY's form: so many lines behind the head. */
export function putty(text: Text, _from: number, end: number): void {
  const digits = text.run(end, BLANK, 8)
  const stop = text.run(digits, DIGIT, 4)
  const lines = Number(text.slice(digits, stop))
  let pos = stop
  for (let line = 0; line < Math.min(lines, 512); line++) {
    while (pos < text.stop && '\\"\', \r\n\tnr'.includes(String.fromCharCode(text.bytes[pos]))) pos++
    const to = text.run(pos, BASE64_RUN, 128)
    if (to === pos) return
    text.found(pos, to, 'private-key')
    pos = to
  }
}

const HASH_RUN = ALNUM | DOT | BASE64 | EQUALS | DASH | UNDERSCORE
const HASH_BYTES_MIN = 34

/** Hashes of passwords as `crypt` and its kin write them: what they were made with, a salt, a digest, with dollar signs between. */
export function passwordHash(text: Text, from: number, end: number): void {
  let to = end
  while (to < text.stop && (text.is(to, HASH_RUN) || text.bytes[to] === 36 || text.bytes[to] === 44) && to - end < 512) to++
  text.work += to - end
  while (to > end && !text.is(to - 1, ALNUM | BASE64 | EQUALS)) to--
  if (to - from >= HASH_BYTES_MIN && text.slice(end, to).includes('$')) text.found(from, to, 'password-hash')
}

// The same key as a list of lines: "-----BEGIN…","MIIE…","…".
function pemLines(text: Text, at: number): void {
  let pos = at
  for (let line = 0; line < 512; line++) {
    const gap = pos
    while (pos < text.stop && pos - gap < 24 && '\\"\', \r\n\tn'.includes(String.fromCharCode(text.bytes[pos]))) pos++
    const to = text.run(pos, BASE64_RUN, 128)
    if (pos === gap || to - pos < 8 || (text.at(pos - 1) !== 34 && text.at(pos - 1) !== 39)) return
    text.found(pos, to, 'private-key')
    pos = to
  }
}

/** Web hooks: the path behind the host is the secret. */
export function webHook(name: string): Check {
  return (text, _from, end) => {
    if (text.has(end, '[redacted:')) return
    let to = Math.min(bareEnd(text, end), end + 512)
    while (to > end && !text.is(to - 1, URLSAFE | BASE64_RUN)) to--
    if (to - end >= 20) text.found(end, to, name)
  }
}

/** Bot tokens: 8 to 10 digits, `:A`, 34 characters. */
export function telegram(text: Text, from: number, end: number): void {
  const start = text.behindEscape(text.runBack(from, DIGIT, 11))
  const to = text.run(end, URLSAFE, 40)
  if (
    from - start >= 8 &&
    from - start <= 10 &&
    to - end >= 32 &&
    to - end <= 36 &&
    (text.beginsWord(start) || text.hasFolded(start - 3, 'bot'))
  )
    text.found(start, to, 'telegram-bot-token')
}

/** Old keys: sk-, 20 characters, the mark, 20 characters. Whatever stands around the mark goes. */
export function openaiMark(text: Text, from: number, end: number): void {
  const start = text.behindEscape(text.runBack(from, URLSAFE, RUN_MAX))
  const to = text.run(end, URLSAFE, RUN_MAX)
  if (from - start >= 16 && from - start < RUN_MAX && to - end >= 16) text.found(start, to, 'openai-api-key')
}

/** pat, 14 characters, a dot, 64 hex digits. */
export function airtable(text: Text, from: number, end: number): void {
  if (!text.beginsWord(from)) return
  const dot = text.run(end, ALNUM, 15)
  if (dot - end !== 14 || text.at(dot) !== 46) return
  const to = text.run(dot + 1, HEX, 80)
  if (to - dot > 56) text.found(from, to, 'airtable-token')
}

/** PayPal's and Braintree's: the head, 16 characters, a dollar sign, 32 hex digits. */
export function paypal(text: Text, from: number, end: number): void {
  const dollar = text.run(end, ALNUM, 20)
  const to = text.run(dollar + 1, HEX, 40)
  if (text.at(dollar) === 36 && to - dollar > 28) text.found(from, to, 'paypal-token')
}

const X_BEARER_AS = 22
const X_BEARER_BYTES_MAX = 200
/** As many of its digits may be capital As: \uAAAA. */
const ESCAPE_DIGITS_MAX = 4

/**
 * X's: a run of capital As, as base64 of zeroes has it, so it must be a whole word that is not base64 otherwise. The head is the last As of the run, and
 * what they follow is looked at from there: runs are long, and have one end each.
 */
export function xBearer(text: Text, _from: number, end: number): void {
  let run = end
  const first = Math.max(text.floor, end - ESCAPE_DIGITS_MAX - X_BEARER_AS - X_BEARER_BYTES_MAX)
  while (run > first && text.bytes[run - 1] === 65) run--
  text.work += end - run
  text.atAGlance = true
  // The first of them may be the last of an escape: %3A.
  for (let from = run; from <= Math.min(run + ESCAPE_DIGITS_MAX, end - X_BEARER_AS); from++) {
    if (!text.beginsWord(from) || text.is(from - 1, BASE64)) continue
    text.atAGlance = false
    const behind = from + X_BEARER_AS
    const to = text.run(behind, ALNUM | PERCENT, X_BEARER_BYTES_MAX)
    if (to - behind < 60 || !isMixed(text, behind, to) || text.is(to, BASE64 | EQUALS)) continue
    text.found(from, to, 'x-bearer-token')
    return
  }
}

/** Harness' and others of three parts with dots between. */
export function dotted(name: string, lengths: readonly number[]): Check {
  return (text, from, end) => {
    if (!text.beginsWord(from)) return
    let pos = end
    for (const [index, length] of lengths.entries()) {
      if (index > 0 && text.at(pos++) !== 46) return
      const to = text.run(pos, URLSAFE, length + 4)
      if (to - pos < length - 2) return
      pos = to
    }
    if (!text.is(pos, WORD)) text.found(from, pos, name)
  }
}
