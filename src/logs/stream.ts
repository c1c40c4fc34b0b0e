import { BLANK_LINES_MAX, Held, JOINED_LINES_MAX } from './held.ts'
import { headEnd, rankEnd, withoutColours } from './line-prefix.ts'
import type { LogStream } from './log-collector.ts'
import { LogEntry, type LogValue } from './log-entry.ts'
import type { LogSource } from './log-source.ts'
import type { Marked, Parcel } from './parcel.ts'
import { isBlank } from './trace-lines.ts'
import { ALONE, beginningOf } from './trace-reader.ts'
import { understandLine, understandObject } from './understand.ts'

/** Where the records of streams go. */
export interface StreamSink {
  readonly lineBytesMax: number
  /** Takes a record made of so many lines; the entry is the stream's again when it returns. */
  take(stream: Stream, entry: LogEntry, lines: number, isTruncated: boolean): void
  /** All of the stream's lines up to `position` have been taken, or belong to no record. */
  mark(stream: Stream, position: number): void
  /** So many lines with nothing on them make no record. */
  blank(lines: number): void
  /** A line could not be understood by a fault of ours, and is taken as the text that it is. */
  misread(): void
  /** The stream holds so many characters more, or fewer, that wait for their next line. */
  hold(stream: Stream, characters: number): void
  closed(stream: Stream): void
}

/** Says of a record that its end was cut off. */
export const TRUNCATED = 'log.truncated'

/** Processes, or services, whose lines are told apart within one stream. */
const WRITERS_MAX = 64
const SEVERITY_ERROR = 17
const OPEN_BRACE = 123
const CLOSE_BRACE = 125

// One for all streams: a record is taken before the next one is read.
const scratch = new LogEntry()

/** The lines of one source: makes records of them, in order; lines that belong to one record are joined. */
export class Stream implements LogStream, Marked {
  readonly source: LogSource
  durable = -1
  parcel: Parcel | null = null
  mark = 0
  /** Its lines have positions: what is not taken before the end can be read again. */
  isRereadable = false
  private readonly sink: StreamSink
  private isHalted = false
  /** Records that wait for their next line, by who writes them; the oldest first. */
  private readonly held = new Map<string, Held>()
  /** The last one that was let go, for the next. */
  private spare: Held | null = null
  private received = -1
  private marked = -1

  constructor(source: LogSource, sink: StreamSink) {
    this.source = source
    this.sink = sink
  }

  line(text: string, receivedMs: number, position = -1): void {
    this.isRereadable = position >= 0
    this.take(text, receivedMs, null)
    if (position >= 0) this.reached(position)
  }

  object(value: { readonly [key: string]: LogValue }, receivedMs: number, position = -1): void {
    this.isRereadable = position >= 0
    this.release()
    scratch.reset(receivedMs)
    understandObject(value, scratch)
    this.sink.take(this, scratch, 1, false)
    if (position >= 0) this.reached(position)
  }

  entry(entry: LogEntry, position = -1): void {
    this.isRereadable = position >= 0
    if (typeof entry.body === 'string' && !entry.keys.includes(TRUNCATED)) this.take(entry.body, entry.observedMs, entry)
    else {
      this.release()
      if (typeof entry.body === 'string') this.understand(entry.body, entry)
      this.sink.take(this, entry, 1, entry.keys.includes(TRUNCATED))
    }
    if (position >= 0) this.reached(position)
  }

  record(entry: LogEntry, position = -1): void {
    this.isRereadable = position >= 0
    this.release()
    const { body } = entry
    if (typeof body === 'string' && body.length > this.sink.lineBytesMax) {
      entry.body = cutAt(body, this.sink.lineBytesMax)
      if (!entry.keys.includes(TRUNCATED)) entry.add(TRUNCATED, true)
    }
    this.sink.take(this, entry, 1, entry.keys.includes(TRUNCATED))
    if (position >= 0) this.reached(position)
  }

  close(): void {
    this.release()
    this.sink.closed(this)
  }

  /** Lets go of what has waited since `sinceMs` or longer. Returns since when the rest waits; Infinity where nothing does. */
  releaseIdle(sinceMs: number): number {
    let restMs = Number.POSITIVE_INFINITY
    for (const [writer, held] of this.held) {
      if (held.touchedMs <= sinceMs) this.letGo(writer, held)
      else restMs = Math.min(restMs, held.touchedMs)
    }
    this.remark()
    return restMs
  }

  /** Lets go of all that waits. */
  release(): void {
    if (this.held.size === 0) return
    for (const [writer, held] of this.held) this.letGo(writer, held)
    this.remark()
  }

  advance(position: number): void {
    if (!this.isHalted && position > this.durable) this.durable = position
  }

  halt(): void {
    this.isHalted = true
  }

  private take(text: string, receivedMs: number, given: LogEntry | null): void {
    const { length } = text
    if (length > this.sink.lineBytesMax) {
      this.release()
      this.emit(cutAt(text, this.sink.lineBytesMax), receivedMs, given, true)
      return
    }
    // A line of JSON is whole, and most lines are one.
    if (text.charCodeAt(0) === OPEN_BRACE && text.charCodeAt(length - 1) === CLOSE_BRACE && length > 2) {
      if (this.held.size > 0) this.releaseOf(given?.serviceName ?? '')
      this.emit(text, receivedMs, given, false)
      return
    }
    const bare = withoutColours(text)
    const rank = rankEnd(bare)
    const line = rank === 0 ? bare : bare.slice(rank)
    let writer = given?.serviceName ?? ''
    if (rank > 0) writer = `${writer}\n${bare.slice(0, rank).trimEnd()}`
    const held = this.held.size === 0 ? undefined : this.held.get(writer)
    if (held !== undefined) {
      if (this.continueWith(line, held, receivedMs, given)) return
      this.letGo(writer, held)
    }
    if (isBlank(line) && !hasMore(given)) {
      this.sink.blank(1)
      return
    }
    const beginning = beginningOf(line)
    if (beginning === ALONE) this.emit(text, receivedMs, given, false)
    else this.begin(writer, bare, line, beginning, receivedMs, given)
  }

  private begin(writer: string, text: string, line: string, beginning: number, receivedMs: number, given: LogEntry | null): void {
    if (this.held.size >= WRITERS_MAX) {
      for (const [oldest, held] of this.held) {
        this.letGo(oldest, held)
        break
      }
    }
    const held = this.spare ?? new Held()
    this.spare = null
    held.reader.begin(line, beginning)
    held.begin(text, receivedMs, this.received, given)
    this.held.set(writer, held)
    this.sink.hold(this, text.length)
  }

  private continueWith(given: string, held: Held, receivedMs: number, entry: LogEntry | null): boolean {
    let line = given
    if (isBlank(line)) return held.blanks++ < BLANK_LINES_MAX
    if (!held.reader.continues(line)) {
      held.head ??= held.text.slice(0, headEnd(held.text))
      if (held.head === '') return false
      if (!line.startsWith(held.head)) return false
      line = line.slice(held.head.length)
      if (isBlank(line)) return held.blanks++ < BLANK_LINES_MAX
      if (!held.reader.continues(line)) return false
    }
    if (held.lines + held.blanks >= JOINED_LINES_MAX || held.text.length + held.blanks + line.length >= this.sink.lineBytesMax) {
      // What follows makes records of its own, joined by the same rules.
      held.isTruncated = true
      this.emitHeld(held)
      held.begin(line, receivedMs, this.received, entry)
      this.sink.hold(this, line.length)
    } else {
      const before = held.text.length
      held.append(line)
      this.sink.hold(this, held.text.length - before)
    }
    return true
  }

  private releaseOf(writer: string): void {
    const held = this.held.get(writer)
    if (held !== undefined) this.letGo(writer, held)
  }

  private letGo(writer: string, held: Held): void {
    this.held.delete(writer)
    this.emitHeld(held)
    held.text = ''
    held.entry = null
    this.spare = held
  }

  private emitHeld(held: Held): void {
    const { text, entry, receivedMs, lines, blanks, isTruncated, reader } = held
    this.sink.hold(this, -text.length)
    if (blanks > 0) this.sink.blank(blanks)
    let filled = entry
    if (filled === null) {
      filled = scratch
      filled.reset(receivedMs)
    }
    this.understand(text, filled)
    // Whatever said it, a stack trace that nobody gave a level is an error.
    if (reader.isTrace && lines > 1 && filled.severityNumber === 0) filled.severityNumber = SEVERITY_ERROR
    if (isTruncated) filled.add(TRUNCATED, true)
    this.sink.take(this, filled, lines, isTruncated)
  }

  private emit(text: string, receivedMs: number, given: LogEntry | null, isTruncated: boolean): void {
    let entry = given
    if (entry === null) {
      entry = scratch
      entry.reset(receivedMs)
    }
    this.understand(text, entry)
    if (isTruncated) entry.add(TRUNCATED, true)
    this.sink.take(this, entry, 1, isTruncated)
  }

  // Runs in timers and sockets, where a fault would end the process.
  private understand(text: string, entry: LogEntry): void {
    try {
      understandLine(text, this.source.format, entry)
    } catch {
      entry.body = text
      this.sink.misread()
    }
  }

  private reached(position: number): void {
    this.received = position
    this.remark()
  }

  // Not past the first line of anything that still waits.
  private remark(): void {
    let position = this.received
    if (this.held.size > 0) for (const { before } of this.held.values()) if (before < position) position = before
    if (position <= this.marked) return
    this.marked = position
    this.sink.mark(this, position)
  }
}

// A record without a text may still say something.
function hasMore(given: LogEntry | null): boolean {
  return given !== null && (given.keys.length > 0 || given.traceId !== '' || given.eventName !== '')
}

// Never between the two halves of a character.
function cutAt(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length)
}
