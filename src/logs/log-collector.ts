import type { Host, Push } from '../component.ts'
import type { LogEntry, LogValue } from './log-entry.ts'
import type { LogSource } from './log-source.ts'

/** What a receiver's collector may hold, and for how long. */
export interface CollectorSettings {
  /** A batch is sent on when it is this large, */
  readonly batchBytes: number
  /** or this old. */
  readonly delayMs: number
  /** What may wait to be durable, in all; sources that can wait do so above it, what cannot wait is dropped and counted. */
  readonly pendingBytesMax: number
  /** Lines of one record, such as a stack trace, may come so far apart. */
  readonly joinWithinMs: number
  /** Longer lines, and longer joined records, are cut and marked. */
  readonly lineBytesMax: number
}

/** The lines of one source, in order. */
export interface LogStream {
  /** One line, without its end. It is understood and, where it belongs to a stack trace, joined to its neighbours. `position`: see `durable`. */
  line(text: string, receivedMs: number, position?: number): void
  /** What came as a structure already: a JSON object, a Fluent record. Its known fields are understood as those of a JSON line. */
  object(value: { readonly [key: string]: LogValue }, receivedMs: number, position?: number): void
  /** A record that the receiver itself has read, but for its text: what `entry` already says stays, its body is understood as a line. */
  entry(entry: LogEntry, position?: number): void
  /** A record that the receiver has read as a whole: nothing of it is understood any more, and it is joined to nothing. */
  record(entry: LogEntry, position?: number): void
  /** The highest position up to which all is durable, or gone for good and counted. Positions only grow; -1 before the first. */
  readonly durable: number
  /** No more lines come: what waits to be joined goes on. */
  close(): void
}

/**
 * Turns what receivers read into batches and sees them through: understood, joined, grouped by source, pushed, and pushed again while the gateway
 * has no room.
 */
export interface LogCollector {
  open(source: LogSource): LogStream
  /** More than `pendingBytesMax` wait. */
  readonly isFull: boolean
  /** Resolves when there is room; at once where there is. */
  room(): Promise<void>
  /** Resolves when everything given up to now is durable or gone for good. What waits to be joined is not waited for. Never throws. */
  flush(): Promise<void>
  /** Flushes what is there, joined or not, and ends. */
  stop(): Promise<void>
}

export type OpenCollector = (host: Host, transport: string, settings: CollectorSettings, push: Push) => LogCollector

/** Records of one request, whose sender waits for the answer. Lines are joined within the request only. */
export interface LogRequest {
  readonly stream: (source: LogSource) => LogStream
  /** Pushes all as one batch per sender; throws RefusedError as `push` does. Does nothing where there are no records. */
  send(): Promise<void>
}
