import type { LogStream } from './log-collector.ts'
import { LogEntry, type LogValue } from './log-entry.ts'
import type { LogSource } from './log-source.ts'
import type { Marked, Parcel } from './parcel.ts'
import { understandLine, understandObject } from './understand.ts'

/** Where the records of streams go. */
export interface StreamSink {
  readonly lineBytesMax: number
  /** Takes a record made of so many lines; the entry is the stream's again when it returns. */
  take(stream: Stream, entry: LogEntry, lines: number, isTruncated: boolean): void
  /** All of the stream's lines up to `position` have been taken, or belong to no record. */
  mark(stream: Stream, position: number): void
  closed(stream: Stream): void
}

/** Says of a record that its end was cut off. */
export const TRUNCATED = 'log.truncated'

// One for all streams: a record is taken before the next one is read.
const scratch = new LogEntry()

/** The lines of one source: makes records of them, in order. */
export class Stream implements LogStream, Marked {
  readonly source: LogSource
  durable = -1
  parcel: Parcel | null = null
  mark = 0
  /** Its lines have positions: what is not taken before the end can be read again. */
  isRereadable = false
  private readonly sink: StreamSink
  private isHalted = false

  constructor(source: LogSource, sink: StreamSink) {
    this.source = source
    this.sink = sink
  }

  line(text: string, receivedMs: number, position = -1): void {
    this.isRereadable = position >= 0
    if (text !== '') {
      scratch.reset(receivedMs)
      this.emit(text, scratch, 1)
    }
    if (position >= 0) this.sink.mark(this, position)
  }

  object(value: { readonly [key: string]: LogValue }, receivedMs: number, position = -1): void {
    this.isRereadable = position >= 0
    scratch.reset(receivedMs)
    understandObject(value, scratch)
    this.sink.take(this, scratch, 1, false)
    if (position >= 0) this.sink.mark(this, position)
  }

  entry(entry: LogEntry, position = -1): void {
    this.isRereadable = position >= 0
    if (typeof entry.body === 'string') this.emit(entry.body, entry, 1)
    else this.sink.take(this, entry, 1, entry.keys.includes(TRUNCATED))
    if (position >= 0) this.sink.mark(this, position)
  }

  close(): void {
    this.sink.closed(this)
  }

  advance(position: number): void {
    if (!this.isHalted && position > this.durable) this.durable = position
  }

  halt(): void {
    this.isHalted = true
  }

  private emit(text: string, entry: LogEntry, lines: number): void {
    let isTruncated = entry.keys.includes(TRUNCATED)
    const { lineBytesMax } = this.sink
    if (text.length > lineBytesMax) {
      text = cutAt(text, lineBytesMax)
      if (!isTruncated) entry.add(TRUNCATED, true)
      isTruncated = true
    }
    understandLine(text, this.source.format, entry)
    this.sink.take(this, entry, lines, isTruncated)
  }
}

// Never between the two halves of a character.
function cutAt(text: string, length: number): string {
  const last = text.charCodeAt(length - 1)
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? length - 1 : length)
}
