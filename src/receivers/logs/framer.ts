import type { PartBudget } from './part-budget.ts'

/** How the messages of a connection are told apart; several may hold at once, and then each message says how it ends. */
export interface Framing {
  readonly newline?: boolean
  readonly nul?: boolean
  /** Syslog's octet counting: `LEN SP <…`, where LEN counts the bytes behind the space. */
  readonly octets?: boolean
}

/** Takes the messages, as text, without their ends. `isCut`: the message went on. */
export type TakeMessage = (text: string, isCut: boolean) => void

const NEWLINE = 10
const RETURN = 13
const SPACE = 32
const LESS_THAN = 60
/** Who announces more is not believed. */
const COUNT_MAX = 16 * 1024 * 1024
const DIGITS_MAX = 15
const EMPTY = Buffer.alloc(0)
/** What one connection keeps for its next unfinished message. */
const KEPT_BYTES_MAX = 1024

/**
 * Cuts what comes in chunks into messages. What is longer than it may be is cut at the border of a character, and the rest of it is skipped without
 * being kept; the same where unfinished messages of all connections together are more than `budget` has.
 */
export class Framer {
  private readonly bytesMax: number
  private readonly framing: Framing
  private readonly budget: PartBudget
  private readonly take: TakeMessage
  /** The beginning of a message whose end has not come. */
  private part = EMPTY
  private length = 0
  private isSkipping = false
  /** The part may be the beginning of a count. */
  private isCount = false
  /** Bytes of a counted message that are still to come. */
  private wanted = 0
  private hasCounted = false
  /** The next NUL in the chunk, and the next message behind a newline; -1: not looked for. */
  private nulAt = -1
  private beginAt = -1

  constructor(bytesMax: number, framing: Framing, budget: PartBudget, take: TakeMessage) {
    this.bytesMax = bytesMax
    this.framing = framing
    this.budget = budget
    this.take = take
  }

  /** Reads on. False: this is not the framing that was agreed, and where the next message begins is not known. */
  read(bytes: Buffer): boolean {
    const chunk = this.isCount ? this.withPart(bytes) : bytes
    this.nulAt = -1
    this.beginAt = -1
    let at = 0
    while (at < chunk.length) {
      if (this.wanted > 0) {
        at = this.readCounted(chunk, at)
        continue
      }
      if (this.framing.octets && this.length === 0 && !this.isSkipping) {
        if (isEnd(chunk[at]) || chunk[at] === SPACE) {
          at++
          continue
        }
        const begin = this.countAt(chunk, at)
        if (begin < 0) return false
        if (this.isCount) return true
        if (this.wanted > 0) {
          at = begin
          continue
        }
      }
      const end = this.endIn(chunk, at)
      if (end < 0) {
        this.hold(chunk, at, chunk.length)
        return true
      }
      if (this.isSkipping) this.isSkipping = false
      else this.finish(chunk, at, end, false)
      at = end + 1
    }
    return true
  }

  /** Nothing more comes: what there is of a message is one. */
  end(isComplete: boolean): void {
    if (this.length > 0) this.finish(EMPTY, 0, 0, !isComplete || this.wanted > 0)
    this.release()
  }

  /** What there is of a message, for another framer to go on with. A counted one is given up, as nobody else knows its end. */
  leave(): Uint8Array | undefined {
    if (this.wanted > 0) this.end(false)
    const rest = this.length === 0 ? undefined : Buffer.from(this.part.subarray(0, this.length))
    this.release()
    return rest
  }

  private withPart(bytes: Buffer): Buffer {
    const chunk = Buffer.concat([this.part.subarray(0, this.length), bytes])
    this.length = 0
    this.isCount = false
    return chunk
  }

  // Reads a count, if one stands there: sets `wanted` and returns where its message begins, else `at`; -1 for one that cannot be true. Where the
  // chunk ends too early to tell, the part holds what there is.
  private countAt(chunk: Buffer, at: number): number {
    let end = at
    let count = 0
    while (end < chunk.length && isDigit(chunk[end]) && end - at < DIGITS_MAX) count = count * 10 + chunk[end++] - 48
    if (end === at || chunk[at] === 48) return at
    if (end + 1 >= chunk.length && (end === chunk.length || chunk[end] === SPACE)) {
      this.hold(chunk, at, chunk.length)
      this.isCount = true
      return at
    }
    if (chunk[end] !== SPACE || chunk[end + 1] !== LESS_THAN) return this.hasCounted ? -1 : at
    if (count > COUNT_MAX) return -1
    this.wanted = count
    this.hasCounted = true
    return end + 1
  }

  private readCounted(chunk: Buffer, at: number): number {
    const end = Math.min(at + this.wanted, chunk.length)
    this.wanted -= end - at
    if (this.wanted > 0) this.hold(chunk, at, end)
    else if (this.isSkipping) this.isSkipping = false
    else this.finish(chunk, at, end, false)
    return end
  }

  private endIn(chunk: Buffer, at: number): number {
    const { newline, nul } = this.framing
    const end = newline ? chunk.indexOf(NEWLINE, at) : -1
    if (!nul) return end
    // Looked for once per chunk, not once per line.
    if (this.nulAt < at) {
      const found = chunk.indexOf(0, at)
      this.nulAt = found < 0 ? chunk.length : found
    }
    if (this.nulAt === chunk.length) return end
    return end < 0 || this.nulAt < end || this.isOneMessage(chunk, at, end) ? this.nulAt : end
  }

  // Those who end messages with a zero do not mind newlines in them, as Python with a traceback. So one from `<` to a zero is one, newlines and all,
  // if the next begins behind the zero, and none before. A message that comes in several chunks is not seen whole, and ends at the first newline.
  private isOneMessage(chunk: Buffer, at: number, newlineAt: number): boolean {
    const { nulAt } = this
    const first = this.length > 0 ? this.part[0] : chunk[at]
    if (!this.framing.octets || first !== LESS_THAN || (nulAt + 1 < chunk.length && chunk[nulAt + 1] !== LESS_THAN)) return false
    if (this.beginAt < newlineAt) this.beginAt = messageBehind(chunk, newlineAt)
    return this.beginAt > nulAt
  }

  private hold(chunk: Buffer, start: number, end: number): void {
    if (this.isSkipping) return
    const length = this.length + end - start
    if (length > this.bytesMax || !this.reserve(length)) {
      this.finish(chunk, start, end, true)
      this.isSkipping = true
      return
    }
    chunk.copy(this.part, this.length, start, end)
    this.length = length
  }

  private reserve(length: number): boolean {
    if (length <= this.part.length) return true
    const size = Math.min(Math.max(length, 2 * this.part.length, 256), this.bytesMax)
    if (!this.budget.take(size - this.part.length)) return false
    const part = Buffer.allocUnsafeSlow(size)
    this.part.copy(part, 0, 0, this.length)
    this.part = part
    return true
  }

  // The message is the part and these bytes.
  private finish(chunk: Buffer, start: number, end: number, isCut: boolean): void {
    if (this.length === 0) {
      this.give(chunk, start, end, isCut)
      return
    }
    const { length } = this
    // No more than the first byte too many, which says that it was too long.
    const whole = Buffer.concat([this.part.subarray(0, length), chunk.subarray(start, Math.min(end, start + this.bytesMax + 1 - length))])
    this.length = 0
    if (this.part.length > KEPT_BYTES_MAX) this.release()
    this.give(whole, 0, whole.length, isCut)
  }

  private give(bytes: Buffer, start: number, end: number, isCut: boolean): void {
    if (end - start > this.bytesMax) {
      isCut = true
      end = characterBorder(bytes, start, start + this.bytesMax)
    } else if (!isCut) while (end > start && (isEnd(bytes[end - 1]) || bytes[end - 1] === RETURN)) end--
    while (start < end && bytes[start] === 0) start++
    this.take(bytes.toString('utf8', start, end), isCut)
  }

  private release(): void {
    this.budget.give(this.part.length)
    this.part = EMPTY
    this.length = 0
    this.wanted = 0
  }
}

// The next newline behind which a message begins, counted or not; the end of the chunk where there is none.
function messageBehind(chunk: Buffer, newlineAt: number): number {
  for (let newline = newlineAt; newline >= 0; newline = chunk.indexOf(NEWLINE, newline + 1)) {
    let at = newline + 1
    while (at < chunk.length && isDigit(chunk[at]) && at - newline <= DIGITS_MAX) at++
    if (at > newline + 1 && chunk[at] === SPACE) at++
    if (chunk[at] === LESS_THAN) return newline
  }
  return chunk.length
}

function isEnd(byte: number): boolean {
  return byte === NEWLINE || byte === 0
}

function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57
}

/** The end of the last character that ends at `end` or before: a character of UTF-8 has up to 4 bytes, of which all but the first are 10xxxxxx. */
export function characterBorder(bytes: Uint8Array, start: number, end: number): number {
  for (let at = end; at > start && at > end - 4; at--) if ((bytes[at] & 0xc0) !== 0x80) return at
  return end
}
