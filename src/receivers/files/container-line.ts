import type { LogValue } from '../../logs/log-entry.ts'

/** Which of a container's streams a line is from; plain files have but one. */
export const PLAIN = 0
export const STDOUT = 1
export const STDERR = 2
export const STREAM_NAMES = ['', 'stdout', 'stderr'] as const

const SPACE = 32
const COLON = 58
const UPPER_T = 84
const UPPER_Z = 90
const PLUS = 43
const MINUS = 45
const DOT = 46
const SLASH = 47
/** `2026-08-14T12:00:00`, as far as lines of one second agree. */
const SECOND_LENGTH = 19
const PARTIAL = 80
const FULL = 70
const ATTRIBUTES_MAX = 32

/**
 * Reads what a container runtime puts around a line. After a call returned true, the fields say what it was; what was around it is gone.
 *
 * CRI: `RFC3339Nano SP stdout|stderr SP TAGS SP content`; the first tag, up to a colon, is P or F: the line goes on, or ends here. The oldest
 * runtimes wrote no tags.
 *
 * Docker: `{"log":"…\n","stream":"stdout","time":"RFC3339Nano"}`; without `\n` at its end the line goes on.
 */
export class ContainerLine {
  stream: typeof STDOUT | typeof STDERR = STDOUT
  timeMs = 0
  timeNanos = 0
  /** The line goes on in the stream's next one. */
  isPartial = false
  /** Of a line of CRI: where its content begins in the bytes. */
  contentStart = 0
  /** Of a line of Docker: its content. */
  text = ''
  /** Of a line of Docker: labels and variables that it was told to add; null where there are none. */
  attributes: { readonly [key: string]: LogValue } | null = null
  private readonly second = Buffer.alloc(SECOND_LENGTH)
  private secondMs = Number.NaN

  cri(bytes: Buffer, start: number, end: number): boolean {
    // The shortest there is: 2026-08-14T12:00:00Z stdout
    if (end - start < 27 || bytes[start + 10] !== UPPER_T || bytes[start + 4] !== MINUS || bytes[start + 13] !== COLON) return false
    let at = this.time(bytes, start, end)
    if (at < 0 || bytes[at] !== SPACE) return false
    at++
    // `stdout` and `stderr` differ in their last three letters.
    if (bytes[at] !== 115 || bytes[at + 1] !== 116 || bytes[at + 2] !== 100) return false
    if (bytes[at + 3] === 111 && bytes[at + 4] === 117 && bytes[at + 5] === 116) this.stream = STDOUT
    else if (bytes[at + 3] === 101 && bytes[at + 4] === 114 && bytes[at + 5] === 114) this.stream = STDERR
    else return false
    at += 6
    if (at > end || (at < end && bytes[at] !== SPACE)) return false
    this.isPartial = false
    this.attributes = null
    this.contentStart = Math.min(at + 1, end)
    const tag = bytes[at + 1]
    const behind = bytes[at + 2]
    if (at + 1 >= end || (tag !== PARTIAL && tag !== FULL)) return true
    if (at + 2 < end && behind !== SPACE && behind !== COLON) return true
    let space = at + 2
    while (space < end && bytes[space] !== SPACE) space++
    this.isPartial = tag === PARTIAL
    this.contentStart = Math.min(space + 1, end)
    return true
  }

  docker(line: string): boolean {
    let value: unknown
    try {
      value = JSON.parse(line)
    } catch {
      return false
    }
    const { log, stream, time, attrs } = (value ?? {}) as Record<string, unknown>
    if (typeof log !== 'string' || typeof time !== 'string' || (stream !== 'stdout' && stream !== 'stderr')) return false
    const bytes = Buffer.from(time, 'latin1')
    if (this.time(bytes, 0, bytes.length) !== bytes.length) return false
    this.stream = stream === 'stdout' ? STDOUT : STDERR
    this.isPartial = !log.endsWith('\n')
    this.text = this.isPartial ? log : log.slice(0, -1)
    this.attributes = attributesOf(attrs)
    return true
  }

  // Reads a time of RFC 3339 and returns where it ends, -1 where there is none.
  private time(bytes: Buffer, start: number, end: number): number {
    if (end - start <= SECOND_LENGTH) return -1
    if (bytes.compare(this.second, 0, SECOND_LENGTH, start, start + SECOND_LENGTH) !== 0) {
      bytes.copy(this.second, 0, start, start + SECOND_LENGTH)
      const text = this.second.toString('latin1')
      this.secondMs = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/.test(text) ? Date.parse(`${text}Z`) : Number.NaN
    }
    if (Number.isNaN(this.secondMs)) return -1
    let at = start + SECOND_LENGTH
    let nanos = 0
    if (bytes[at] === DOT) {
      const first = ++at
      for (let unit = 100_000_000; at < end && isDigit(bytes[at]); at++) {
        nanos += (bytes[at] - 48) * unit
        unit = Math.floor(unit / 10)
      }
      if (at === first) return -1
    }
    const millis = Math.floor(nanos / 1_000_000)
    this.timeMs = this.secondMs + millis
    this.timeNanos = nanos - millis * 1_000_000
    if (bytes[at] === UPPER_Z && at < end) return at + 1
    if (at + 6 > end || (bytes[at] !== PLUS && bytes[at] !== MINUS) || bytes[at + 3] !== COLON) return -1
    const minutes = twoDigits(bytes, at + 1) * 60 + twoDigits(bytes, at + 4)
    if (Number.isNaN(minutes)) return -1
    this.timeMs += (bytes[at] === PLUS ? -minutes : minutes) * 60_000
    return at + 6
  }
}

function attributesOf(attrs: unknown): { readonly [key: string]: LogValue } | null {
  if (typeof attrs !== 'object' || attrs === null) return null
  const texts = Object.entries(attrs).filter((pair): pair is [string, string] => typeof pair[1] === 'string')
  return texts.length === 0
    ? null
    : Object.fromEntries(texts.slice(0, ATTRIBUTES_MAX).map(([key, value]) => [`docker.attrs.${key}`, value]))
}

function twoDigits(bytes: Buffer, at: number): number {
  return isDigit(bytes[at]) && isDigit(bytes[at + 1]) ? (bytes[at] - 48) * 10 + bytes[at + 1] - 48 : Number.NaN
}

function isDigit(byte: number): boolean {
  return byte > SLASH && byte < COLON
}
