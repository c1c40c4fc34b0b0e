import type { Batch } from '../batch.ts'
import { free } from '../memory.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogSource } from './log-source.ts'
import { LogWriter } from './log-writer.ts'

/** Who is told how far its lines have come. */
export interface Marked {
  /** All up to this position is durable, or gone for good. */
  advance(position: number): void
  /** What comes from here on does not become durable any more, though it may be read again. */
  halt(): void
  /** The parcel that holds its latest mark, and the mark's place in it. */
  parcel: Parcel | null
  mark: number
}

/** Writers without a parcel: they keep their memory, and what they know of sources. */
const idle: LogWriter[] = []
const IDLE_MAX = 8

/** Records of one sender on their way to the queue, and what is to be told to whom when they are there. */
export class Parcel {
  readonly sender: string | undefined
  readonly sinceMs: number
  readonly receivedAtMs: number
  lines = 0
  /** Of the lines, those that whoever read them can read again. */
  rereadableLines = 0
  truncatedLines = 0
  /** Bytes of the records, up to now. */
  bytes = 0
  items = 0
  batch: Batch | null = null
  isSettled = false
  /** Why it was lost; empty where it was not. */
  lostBecause = ''
  private writer: LogWriter | null = idle.pop() ?? new LogWriter()
  private readonly marked: Marked[] = []
  private readonly positions: number[] = []
  private readonly waiters: (() => void)[] = []

  constructor(sender: string | undefined, sinceMs: number, receivedAtMs: number) {
    this.sender = sender
    this.sinceMs = sinceMs
    this.receivedAtMs = receivedAtMs
    this.writer?.open()
  }

  /** Adds a record made of so many lines, and returns by how many bytes it has grown. */
  add(source: LogSource, entry: LogEntry, lines: number, isTruncated: boolean, isRereadable: boolean): number {
    const { writer } = this
    if (writer === null) return 0
    writer.add(source, entry)
    this.lines += lines
    if (isRereadable) this.rereadableLines += lines
    if (isTruncated) this.truncatedLines += lines
    const grown = writer.bytes - this.bytes
    this.bytes += grown
    return grown
  }

  /** Remembers that everything of `marked` up to `position` is in this parcel, or in an earlier one. */
  markAs(marked: Marked, position: number): void {
    if (marked.parcel === this) {
      this.positions[marked.mark] = position
      return
    }
    marked.parcel = this
    marked.mark = this.marked.length
    this.marked.push(marked)
    this.positions.push(position)
  }

  /** No more records come: makes the batch of those that are there. */
  seal(): void {
    const { writer, sender, receivedAtMs } = this
    if (writer === null) return
    this.items = writer.items
    const bytes = writer.close()
    this.writer = null
    if (idle.length < IDLE_MAX) idle.push(writer)
    this.bytes = bytes.length
    const batch: Batch = { signal: 'logs', bytes, items: this.items, receivedAtMs }
    this.batch = sender === undefined ? batch : { ...batch, sender }
  }

  /** Resolves when it is durable, or gone. */
  settled(): Promise<void> {
    return new Promise((resolve) => this.waiters.push(resolve))
  }

  /** Tells everybody concerned; to be called when all earlier parcels have done so. */
  conclude(): void {
    const { marked, positions } = this
    for (let i = 0; i < marked.length; i++) {
      if (marked[i].parcel === this) marked[i].parcel = null
      if (this.lostBecause === 'stopped') marked[i].halt()
      else marked[i].advance(positions[i])
    }
    if (this.batch !== null) free(this.batch.bytes)
    this.batch = null
    for (const resolve of this.waiters) resolve()
  }
}
