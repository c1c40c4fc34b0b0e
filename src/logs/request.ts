import type { Host, Push } from '../component.ts'
import { RefusedError } from '../errors.ts'
import { free } from '../memory.ts'
import { LineCounts } from './counts.ts'
import type { CollectorSettings, LogRequest, LogStream } from './log-collector.ts'
import type { LogEntry } from './log-entry.ts'
import type { LogSource } from './log-source.ts'
import { Parcel } from './parcel.ts'
import { Stream, type StreamSink } from './stream.ts'

/** Collects the records of one request, for one push. */
export const openRequest = (host: Host, transport: string, settings: CollectorSettings, push: Push): LogRequest =>
  new Request(host, transport, settings, push)

class Request implements LogRequest, StreamSink {
  readonly lineBytesMax: number
  private readonly counts: LineCounts
  private readonly push: Push
  private readonly streams: Stream[] = []
  private readonly parcels = new Map<string | undefined, Parcel>()

  constructor(host: Host, transport: string, { lineBytesMax }: CollectorSettings, push: Push) {
    this.lineBytesMax = lineBytesMax
    this.counts = new LineCounts(host, transport)
    this.push = push
  }

  stream = (source: LogSource): LogStream => {
    const stream = new Stream(source, this)
    this.streams.push(stream)
    return stream
  }

  async send(): Promise<void> {
    for (const stream of this.streams) stream.close()
    for (const parcel of this.parcels.values()) {
      parcel.seal()
      const { batch } = parcel
      if (batch === null) continue
      try {
        await this.push(batch)
        this.counts.settled(parcel)
      } catch (error) {
        // A sender that may try again still has what was not taken.
        const code = error instanceof RefusedError ? error.code : 'internal'
        if (!(error instanceof RefusedError && error.retryable)) this.counts.drop(parcel.lines, code)
        throw error
      } finally {
        free(batch.bytes)
      }
    }
    this.counts.tellBlanks()
  }

  take(stream: Stream, entry: LogEntry, lines: number, isTruncated: boolean): void {
    const { sender } = stream.source
    let parcel = this.parcels.get(sender)
    if (parcel === undefined) {
      parcel = new Parcel(sender, performance.now(), Date.now())
      this.parcels.set(sender, parcel)
    }
    parcel.add(stream.source, entry, lines, isTruncated, stream.isRereadable)
  }

  blank(lines: number): void {
    this.counts.blank(lines)
  }

  misread(): void {
    this.counts.misread()
  }

  // The answer says it all, and what is held is no larger than the request.
  mark(): void {}

  hold(): void {}

  closed(): void {}
}
