// tracestate = member *( "," member ), with blanks around the commas; member = key "=" value; at most 32 members.
// https://www.w3.org/TR/trace-context-2/#tracestate-header
// OpenTelemetry's member has the key ot, and as value key ":" value *( ";" key ":" value ), at most 256 characters.
// https://opentelemetry.io/docs/specs/otel/trace/tracestate-handling/
import { Bits56 } from './bits.ts'

const MEMBERS_MAX = 32
const VALUE_BYTES_MAX = 256
/** A longer tracestate counts as malformed; the standard asks for 512 bytes at least. */
const STATE_BYTES_MAX = 8192
const NOTHING = new Uint8Array(0)

/**
 * What a span's tracestate says of sampling. What is malformed counts as absent, and is left out when the tracestate is written anew: a wrong value
 * of th or rv by itself, all of `ot` when its grammar is wrong, another vendor's member when that is.
 */
export class TraceState {
  /** The arriving th. */
  readonly threshold = new Bits56()
  /** The arriving rv. */
  readonly random = new Bits56()
  malformed = false
  /** Set by write. */
  isFull = false
  private pairsAreGood = false
  private thresholdDigits = 0
  private bytes: Uint8Array = NOTHING
  private start = 0
  private end = 0

  /** Reads the tracestate in bytes[start, end). It must be written, if at all, before these bytes go. */
  open(bytes: Uint8Array, start: number, end: number): this {
    this.threshold.clear()
    this.random.clear()
    this.malformed = false
    this.pairsAreGood = false
    this.bytes = bytes
    this.start = start
    this.end = end
    if (end - start > STATE_BYTES_MAX) this.malformed = true
    else if (start < end) this.readMembers()
    return this
  }

  /** Whether it is `ot=th:` and digits, and nothing else, as from an SDK or a gateway that samples. */
  isThresholdAlone(): boolean {
    return !this.threshold.isAbsent() && this.end - this.start === ALONE.length + this.thresholdDigits
  }

  /**
   * The tracestate with `threshold` for th, or without th where that is empty; `random` becomes rv unless there is one. OpenTelemetry's member comes
   * first, as a member that was changed must; the others follow as they came, the last one giving way if they are too many. Where ot has no room
   * for what is added, th is left out rather than left wrong, and `isFull` says so.
   */
  write(threshold: string, random: string): Uint8Array {
    const members: string[] = []
    const pairs: string[] = []
    let seen = false
    for (const member of this.members()) {
      if (member.startsWith('ot=')) {
        if (!seen && this.pairsAreGood) pairs.push(...member.slice(3).split(';').filter(isNotOfSampling))
        seen = true
      } else if (MEMBER.test(member)) members.push(member)
    }
    const arrivedRandom = this.random.isAbsent() ? '' : `rv:${this.random.hex()}`
    const addedRandom = random === '' ? '' : `rv:${random}`
    let value = [arrivedRandom || addedRandom, threshold === '' ? '' : `th:${threshold}`, ...pairs].filter(Boolean).join(';')
    this.isFull = value.length > VALUE_BYTES_MAX
    if (this.isFull) value = [arrivedRandom, ...pairs].filter(Boolean).join(';')
    if (value !== '') members.unshift(`ot=${value}`)
    return Buffer.from(members.slice(0, MEMBERS_MAX).join(','), 'latin1')
  }

  private members(): string[] {
    const { bytes, start, end } = this
    if (end - start > STATE_BYTES_MAX) return []
    return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
      .toString('latin1')
      .split(',')
      .map(withoutBlanks)
  }

  private readMembers(): void {
    const { bytes, end } = this
    let seen = false
    let pos = this.start
    while (pos < end) {
      while (pos < end && isBlank(bytes[pos])) pos++
      const memberStart = pos
      while (pos < end && bytes[pos] !== COMMA) pos++
      if (pos - memberStart >= 3 && bytes[memberStart] === O && bytes[memberStart + 1] === T && bytes[memberStart + 2] === EQUALS) {
        let memberEnd = pos
        while (isBlank(bytes[memberEnd - 1])) memberEnd--
        // A key may stand once; what was written last stands first.
        if (seen) this.malformed = true
        else this.readPairs(memberStart + 3, memberEnd)
        seen = true
      }
      pos++
    }
  }

  private readPairs(start: number, end: number): void {
    this.pairsAreGood = this.scanPairs(start, end)
    if (this.pairsAreGood) return
    this.malformed = true
    this.threshold.clear()
    this.random.clear()
  }

  // False where the list breaks its grammar, is too long, or has th or rv twice.
  private scanPairs(start: number, end: number): boolean {
    const { bytes } = this
    if (end <= start || end - start > VALUE_BYTES_MAX) return false
    let thresholds = 0
    let randoms = 0
    for (let pos = start; ; pos++) {
      const keyStart = pos
      if (pos >= end || !isLetter(bytes[pos])) return false
      while (pos < end && (isLetter(bytes[pos]) || isDigit(bytes[pos]))) pos++
      if (pos >= end || bytes[pos] !== COLON) return false
      const valueStart = ++pos
      while (pos < end && isValueByte(bytes[pos])) pos++
      if (pos < end && bytes[pos] !== SEMICOLON) return false
      if (valueStart - keyStart === 3 && bytes[keyStart] === T && bytes[keyStart + 1] === H) {
        if (++thresholds > 1) return false
        if (!this.threshold.readHex(bytes, valueStart, pos)) this.malformed = true
        this.thresholdDigits = pos - valueStart
      } else if (valueStart - keyStart === 3 && bytes[keyStart] === R && bytes[keyStart + 1] === V) {
        if (++randoms > 1) return false
        if (pos - valueStart !== RANDOM_DIGITS || !this.random.readHex(bytes, valueStart, pos)) this.malformed = true
      }
      if (pos === end) return true
    }
  }
}

const RANDOM_DIGITS = 14
const ALONE = 'ot=th:'
const MEMBER = /^[a-z0-9][a-z0-9_\-*/@]{0,255}=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/

function withoutBlanks(member: string): string {
  let start = 0
  let end = member.length
  while (start < end && isBlank(member.charCodeAt(start))) start++
  while (end > start && isBlank(member.charCodeAt(end - 1))) end--
  return member.slice(start, end)
}

function isNotOfSampling(pair: string): boolean {
  return !pair.startsWith('th:') && !pair.startsWith('rv:')
}

const COMMA = 0x2c
const COLON = 0x3a
const SEMICOLON = 0x3b
const EQUALS = 0x3d
const H = 0x68
const O = 0x6f
const R = 0x72
const T = 0x74
const V = 0x76

function isBlank(byte: number): boolean {
  return byte === 0x20 || byte === 0x09
}

function isLetter(byte: number): boolean {
  return byte >= 0x61 && byte <= 0x7a
}

function isDigit(byte: number): boolean {
  return byte >= 0x30 && byte <= 0x39
}

// Letters of both cases, digits, and . _ -
function isValueByte(byte: number): boolean {
  return isLetter(byte) || isDigit(byte) || (byte >= 0x41 && byte <= 0x5a) || byte === 0x2e || byte === 0x5f || byte === 0x2d
}
