// Secrets without a head: Discord's bot tokens, whose dots alone tell them, and texts with secrets in them that are written as base64.
import { BASE64_RUN, CLASS, DIGIT, DOT, type Text, UPPER, URLSAFE } from './bytes.ts'

const inRun = Uint8Array.from(CLASS, (classes) => ((classes & (URLSAFE | DOT)) === 0 ? 0 : 1))
/** What is shorter is no Discord token, and as base64 no text of 28 characters. */
const RUN_MIN = 38
/** What is decoded of one run. */
const ENCODED_BYTES_MAX = 65_536

const LAST_MIN = 26
const LAST_MAX = 44
const MIDDLE = 6
const FIRST_MIN = 22
const FIRST_MAX = 30

/**
 * The start of the next run of at least 38 letters, digits, dots, dashes and underscores in [start, stop) that may be one of them, or -1. Looks at
 * every 38th byte, and back from there where it must.
 */
export function findHeadless(bytes: Uint8Array, start: number, stop: number): number {
  let probe = start + RUN_MIN - 1
  while (probe < stop) {
    const first = probe - RUN_MIN + 1
    let left = probe
    while (left >= first && inRun[bytes[left]] === 1) left--
    if (left >= first) {
      probe = left + RUN_MIN
      continue
    }
    while (left >= start && inRun[bytes[left]] === 1) left--
    let end = probe + 1
    while (end < stop && inRun[bytes[end]] === 1) end++
    const run = left + 1
    // A full stop behind it is no part of it.
    if (lastDot(bytes, run, bytes[end - 1] === 46 ? end - 1 : end) > 0 || maybeText(bytes, run, end) || seedAt(bytes, run, end) >= 0)
      return run
    probe = end + RUN_MIN
  }
  return -1
}

// The dot before the last part of what may be a Discord token, or -1: the one before it is seven bytes away.
function lastDot(bytes: Uint8Array, run: number, end: number): number {
  let dot = end - 1
  while (dot >= run && bytes[dot] !== 46) dot--
  if (end - dot > LAST_MAX) return -1
  return dot - MIDDLE - 1 - FIRST_MIN >= run && bytes[dot - MIDDLE - 1] === 46 ? dot : -1
}

const SEED_BYTES = 58
const ROLES = new Set(Array.from('UAONCX', (role) => role.charCodeAt(0)))

// NATS' seeds: S, the letter of a role, 56 of base32. Where one begins in the run, perhaps behind an escape or a length, or -1.
function seedAt(bytes: Uint8Array, run: number, end: number): number {
  const at = (bytes[end - 1] === 46 ? end - 1 : end) - SEED_BYTES
  if (at < run || at > run + 4 || bytes[at] !== 83 || !ROLES.has(bytes[at + 1])) return -1
  for (let pos = at; pos < at + SEED_BYTES; pos++) if ((CLASS[bytes[pos]] & (UPPER | DIGIT)) === 0) return -1
  return at
}

// In raw requests a length may stand right before a text and look like a part of it.
function maybeText(bytes: Uint8Array, run: number, end: number): boolean {
  for (let skipped = 0; skipped < 3 && end - run - skipped >= 16; skipped++) if (decodesToText(bytes, run + skipped)) return true
  return false
}

const SEXTETS = sextets()

function sextets(): Uint8Array {
  const table = new Uint8Array(256)
  const order = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
  for (let i = 0; i < order.length; i++) table[order.charCodeAt(i)] = i
  table[43] = table[45] = 62
  table[47] = table[95] = 63
  return table
}

// The first 12 bytes of what is encoded are printable ASCII, or white space.
function decodesToText(bytes: Uint8Array, at: number): boolean {
  for (let pos = at; pos < at + 16; pos += 4) {
    const word = (SEXTETS[bytes[pos]] << 18) | (SEXTETS[bytes[pos + 1]] << 12) | (SEXTETS[bytes[pos + 2]] << 6) | SEXTETS[bytes[pos + 3]]
    if (!isPrintable(word >> 16) || !isPrintable((word >> 8) & 255) || !isPrintable(word & 255)) return false
  }
  return true
}

function isPrintable(byte: number): boolean {
  return (byte >= 32 && byte < 127) || byte === 10 || byte === 13 || byte === 9
}

/** Looks in [from, to) and notes what it finds. `holdsSecret` judges what was written as base64. */
export function headless(text: Text, from: number, to: number, holdsSecret: (bytes: Uint8Array) => boolean): void {
  const { bytes } = text
  let pos = from
  while (pos < to) {
    const run = findHeadless(bytes, pos, to)
    if (run < 0) return
    let end = run
    while (end < to && inRun[bytes[end]] === 1) end++
    text.work += end - run
    const seed = seedAt(bytes, run, end)
    if (seed >= 0 && text.beginsWord(seed)) text.found(seed, seed + SEED_BYTES, 'nats-seed')
    else if (!discord(text, run, end)) end = encoded(text, run, end, holdsSecret)
    pos = end + 1
  }
}

function discord(text: Text, run: number, stop: number): boolean {
  const end = text.at(stop - 1) === 46 ? stop - 1 : stop
  const last = lastDot(text.bytes, run, end)
  if (last < 0 || end - last - 1 < LAST_MIN) return false
  const dot = last - MIDDLE - 1
  let from = text.behindEscape(text.runBack(dot, URLSAFE, FIRST_MAX + 6))
  if (text.at(from) === 45) from++
  const initial = text.at(from)
  if (initial < 77 || initial > 79 || dot - from < FIRST_MIN || dot - from > FIRST_MAX || !text.beginsWord(from)) return false
  text.found(from, end, 'discord-bot-token')
  return true
}

// The end of what was looked at.
function encoded(text: Text, run: number, end: number, holdsSecret: (bytes: Uint8Array) => boolean): number {
  const first = text.runBack(run, BASE64_RUN, ENCODED_BYTES_MAX)
  const start = text.behindEscape(first)
  const to = text.run(end, BASE64_RUN | URLSAFE, ENCODED_BYTES_MAX)
  if (to - start < 16 || !decodesToText(text.bytes, start)) return end
  if (holdsSecret(Buffer.from(text.slice(start, Math.min(to, start + ENCODED_BYTES_MAX)), 'base64')))
    text.found(start, to, 'encoded-secret')
  return to
}
