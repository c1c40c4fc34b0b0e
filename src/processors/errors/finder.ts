import type { Batch } from '../../batch.ts'
import { type RecordVisitor, walkRecords } from '../../otlp/request.ts'
import { LogErrors } from './log-errors.ts'
import { ErrorReader } from './reader.ts'
import { Sightings, type TakeErrors } from './sightings.ts'
import { SpanErrors } from './span-errors.ts'

export interface Sources {
  readonly spans: boolean
  readonly statusErrors: boolean
  readonly logs: 'exceptions' | 'errors' | 'off'
}

/** Looks for errors in every span and every log record, at next to no cost where there are none. */
export class Finder {
  private readonly sources: Sources
  private readonly reader = new ErrorReader([])
  private readonly sightings: Sightings
  private readonly spans: SpanErrors
  private readonly spanVisitor: RecordVisitor
  private readonly logVisitor: RecordVisitor

  constructor(sources: Sources, take: TakeErrors) {
    this.sources = sources
    this.sightings = new Sightings(take)
    const spans = new SpanErrors(sources, this.sightings, this.reader)
    const logs = new LogErrors(sources.logs === 'errors', this.sightings, this.reader)
    this.spans = spans
    this.spanVisitor = { ...this.sightings.head, record: (bytes, start, end) => spans.look(bytes, start, end) }
    this.logVisitor = { ...this.sightings.head, record: (bytes, start, end) => logs.look(bytes, start, end) }
  }

  /** Exceptions on spans that have too many of them. */
  get crowded(): number {
    return this.spans.crowded
  }

  find({ signal, bytes, receivedAtMs }: Batch): void {
    const { spans, statusErrors, logs } = this.sources
    if (signal === 'traces' ? !spans && !statusErrors : logs === 'off') return
    const { reader, sightings } = this
    reader.open(bytes)
    sightings.open(reader.view, receivedAtMs)
    walkRecords(bytes, signal === 'traces' ? this.spanVisitor : this.logVisitor)
    sightings.handOn()
    reader.close()
  }
}
