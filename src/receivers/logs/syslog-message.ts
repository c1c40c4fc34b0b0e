// Syslog messages, in both forms that are spoken:
//   RFC 5424: <PRI>1 TIME HOST APP PROCID MSGID SD MSG, where `-` stands for nothing
//   RFC 3164: <PRI>Mmm dd hh:mm:ss HOST TAG[pid]: MSG, and all that is like it: with an ISO time, without the host, or with nothing but MSG
import type { LogEntry } from '../../logs/log-entry.ts'
import { severityOfSyslog } from '../../logs/severity.ts'
import { TimeReader } from '../../logs/timestamp.ts'
import { readStructuredData } from './structured-data.ts'

/** user.notice, which a message without PRI is taken for. */
const PRI_DEFAULT = 13
const PRI_MAX = 191
/** Longer than any field of the header may be. */
const TOKEN_MAX = 256
const QUARTER_MS = 91 * 86_400_000
const SPACE = 32

const time = new TimeReader()

/** Reads a message into an entry that has been reset; its body is then the text of MSG, for others to understand. Anything is a message. */
export function readSyslog(text: string, entry: LogEntry): void {
  let at = 0
  let pri = PRI_DEFAULT
  const afterPri = endOfPri(text)
  if (afterPri > 0) {
    pri = Number(text.slice(1, afterPri - 1))
    at = afterPri
  }
  const [number, word] = severityOfSyslog(pri & 7)
  entry.severityText = word
  entry.severityNumber = number
  entry.add('syslog.facility', pri >> 3)
  if (afterPri > 0 && readModern(text, at, entry)) return
  readLegacy(text, at, entry)
}

// Behind `<PRI>`, or 0 where there is none: 1 to 3 digits up to 191, without zeros before them.
function endOfPri(text: string): number {
  if (text.charCodeAt(0) !== 60) return 0
  const end = text.indexOf('>')
  if (end < 2 || end > 4 || (end > 2 && text.charCodeAt(1) === 48)) return 0
  let value = 0
  for (let i = 1; i < end; i++) {
    const digit = text.charCodeAt(i) - 48
    if (digit < 0 || digit > 9) return 0
    value = value * 10 + digit
  }
  return value <= PRI_MAX ? end + 1 : 0
}

// RFC 5424, or false where it is not that.
function readModern(text: string, start: number, entry: LogEntry): boolean {
  if (text.charCodeAt(start) !== 49 || text.charCodeAt(start + 1) !== SPACE) return false
  let at = start + 2
  const isNil = text.charCodeAt(at) === 45
  let hasTime = false
  if (isNil) at++
  else {
    hasTime = readTime(text, at, entry)
    if (time.end === at) return false
    at = time.end
  }
  const host = tokenEnd(text, at)
  const app = tokenEnd(text, host)
  const process = tokenEnd(text, app)
  const message = tokenEnd(text, process)
  if (message < 0) return false
  if (hasTime) setTime(entry)
  entry.add('syslog.version', 1)
  addToken(entry, 'syslog.hostname', text, at + 1, host)
  if (!isNothing(text, host + 1, app)) entry.serviceName = text.slice(host + 1, app)
  addToken(entry, 'syslog.procid', text, app + 1, process)
  addToken(entry, 'syslog.msgid', text, process + 1, message)
  let body = readStructuredData(text, message + 1, entry)
  if (text.charCodeAt(body) === SPACE) body++
  // What rsyslog forwards keeps the space that stood behind the tag where it came from; of an indented text nothing is taken.
  if (text.charCodeAt(body) === SPACE && !isSpace(text.charCodeAt(body + 1))) body++
  entry.body = bodyOf(text, body)
  return true
}

function isSpace(unit: number): boolean {
  return unit === SPACE || unit === 9
}

// The end of the token behind the space at `at`; -1 where there is none.
function tokenEnd(text: string, at: number): number {
  if (at < 0 || text.charCodeAt(at) !== SPACE) return -1
  const end = text.indexOf(' ', at + 1)
  // The last token of the header may end the text.
  const found = end < 0 ? text.length : end
  return found === at + 1 || found - at > TOKEN_MAX ? -1 : found
}

function isNothing(text: string, start: number, end: number): boolean {
  return end - start === 1 && text.charCodeAt(start) === 45
}

function addToken(entry: LogEntry, key: string, text: string, start: number, end: number): void {
  if (!isNothing(text, start, end)) entry.add(key, text.slice(start, end))
}

function readLegacy(text: string, start: number, entry: LogEntry): void {
  let at = start
  while (text.charCodeAt(at) === SPACE && at < start + 2) at++
  if (readTime(text, at, entry)) setTime(entry)
  if (time.end === at) {
    // A program that sends no time names itself by `name[pid]:` at most; `Error: …` is its text.
    const tag = tagAt(text, at, true)
    entry.body = bodyOf(text, tag === 0 ? at : addTag(entry, text, at, tag))
    return
  }
  at = time.end
  if (text.charCodeAt(at) === 58) at++
  while (text.charCodeAt(at) === SPACE) at++
  let tag = tagAt(text, at, false)
  if (tag === 0) {
    const end = text.indexOf(' ', at)
    if (end > at && end - at < TOKEN_MAX && isHost(text, at, end)) {
      entry.add('syslog.hostname', text.slice(at, end))
      at = end + 1
      while (text.charCodeAt(at) === SPACE) at++
      tag = tagAt(text, at, false)
    }
  }
  entry.body = bodyOf(text, tag === 0 ? at : addTag(entry, text, at, tag))
}

// Whether a time stands there that can be true. `time.end` is behind one that cannot, too, and at its beginning where there is none.
function readTime(text: string, at: number, { observedMs }: LogEntry): boolean {
  const first = text.charCodeAt(at)
  const isIso = first >= 48 && first <= 57 && text.charCodeAt(at + 4) === 45
  const isTime = isIso || text.charCodeAt(at + 3) === SPACE
  if (isTime && time.at(text, at, observedMs)) return true
  // One that is ahead of now is not ahead of some other time of the year, and ends in the same place.
  if (isTime && isIso && time.at(text, at, Number.MAX_SAFE_INTEGER)) return false
  for (let quarter = 1; isTime && !isIso && quarter <= 4; quarter++) if (time.at(text, at, observedMs + quarter * QUARTER_MS)) return false
  time.end = at
  return false
}

function setTime(entry: LogEntry): void {
  entry.timeMs = time.ms
  entry.timeNanos = time.nanos
}

// Behind `name:` or `name[pid]:`, or 0 where neither stands at `start`.
function tagAt(text: string, start: number, needsPid: boolean): number {
  let at = start
  for (; at < text.length && at - start <= TOKEN_MAX; at++) {
    const code = text.charCodeAt(at)
    if (code === 58 || code === 91 || code <= SPACE) break
  }
  if (at === start) return 0
  const code = text.charCodeAt(at)
  if (code === 58) return !needsPid && isGap(text, at + 1) ? at + 1 : 0
  if (code !== 91) return 0
  const close = text.indexOf(']', at)
  if (close < at + 2 || close - at > TOKEN_MAX) return 0
  if (text.charCodeAt(close + 1) === 58) return close + 2
  return needsPid || !isGap(text, close + 1) ? 0 : close + 1
}

// Adds what `tagAt` found, and returns where the message begins.
function addTag(entry: LogEntry, text: string, start: number, end: number): number {
  const stop = text.charCodeAt(end - 1) === 58 ? end - 1 : end
  const open = text.charCodeAt(stop - 1) === 93 ? text.indexOf('[', start) : -1
  entry.serviceName = text.slice(start, open > start && open < stop ? open : stop)
  if (open > start && open < stop) entry.add('syslog.procid', text.slice(open + 1, stop - 1))
  return text.charCodeAt(end) === SPACE ? end + 1 : end
}

function isGap(text: string, at: number): boolean {
  return at >= text.length || text.charCodeAt(at) === SPACE
}

// Letters, digits, and what stands between them in names and addresses.
function isHost(text: string, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    const code = text.charCodeAt(at)
    const isLetter = (code | 32) >= 97 && (code | 32) <= 122
    if (!isLetter && !(code >= 45 && code <= 58 && code !== 47) && code !== 95 && code < 128) return false
  }
  return true
}

// What rsyslog marks as JSON is JSON.
function bodyOf(text: string, at: number): string {
  if (text.charCodeAt(at) === 0xfeff) at++
  if (text.charCodeAt(at) !== 64 || !text.startsWith('@cee:', at)) return text.slice(at)
  return text.slice(at + 5).trimStart()
}
