import { RefusedError } from '../../errors.ts'
import { LogEntry } from '../../logs/log-entry.ts'
import type { Records } from './http-intake.ts'
import { Labels } from './loki-labels.ts'

/** What one stream takes beside its records until they are durable, about. */
const STREAM_BYTES = 512

/** The records of one push, stream by stream: what labels say is said of each record. */
export class LokiRecords {
  /** Of the stream; whoever reads it fills them in, and then calls `begin`. */
  readonly labels = new Labels()
  /** Of the next record. */
  readonly metadata = new Labels()
  private readonly records: Records
  // What each record of the stream begins with.
  private readonly common = new LogEntry()

  constructor(records: Records) {
    this.records = records
  }

  /** The records of another stream come. */
  begin(): void {
    this.records.next()
    this.records.hold(STREAM_BYTES)
    this.common.reset(this.records.receivedMs)
    this.labels.writeTo(this.common)
  }

  /** A record of this stream, with its metadata; `timeMs` is 0 where it has no time. */
  add(line: string, timeMs: number, timeNanos: number): void {
    const { common, metadata } = this
    const { entry, receivedMs } = this.records
    entry.reset(receivedMs)
    entry.timeMs = timeMs
    entry.timeNanos = timeNanos
    entry.severityNumber = common.severityNumber
    entry.severityText = common.severityText
    entry.serviceName = common.serviceName
    entry.traceId = common.traceId
    entry.spanId = common.spanId
    entry.traceFlags = common.traceFlags
    entry.droppedAttributes = common.droppedAttributes
    for (let i = 0; i < common.keys.length; i++) entry.add(common.keys[i], common.values[i])
    if (!metadata.isEmpty) {
      metadata.writeTo(entry)
      metadata.clear()
    }
    entry.body = line
    this.records.line(entry)
  }

  /** The same with a time in nanoseconds since 1970, as a text of digits. Throws RefusedError `invalid` where it is none. */
  addAt(line: string, nanos: string): void {
    if (!/^\d{1,20}$/.test(nanos)) throw new RefusedError('invalid', 'loki: a timestamp that is no number of nanoseconds')
    this.add(line, Number(nanos.slice(0, -6)), Number(nanos.slice(-6)))
  }
}
