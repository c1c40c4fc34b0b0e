import type { LogEntry, LogValue } from './log-entry.ts'
import type { Known } from './names.ts'
import { Slot, type TakePlain } from './slot.ts'
import { contextOf, datadogIdOf, flagsOf, spanIdOf, type TraceContext, traceIdOf } from './trace-context.ts'

/** How instrumentations write that there is no trace. */
const NO_ID = /^[0-]{1,36}$/

/** The fields of one record that tell its place in a trace. */
export class TraceFields {
  private readonly traceId: Slot
  private readonly spanId: Slot
  private readonly flags: Slot
  private readonly context: Slot
  private readonly datadogTrace: Slot
  private readonly datadogSpan: Slot
  private contextRead: TraceContext | null = null
  private any = false
  private readonly plain: TakePlain
  private readonly put: (key: string, value: LogValue) => void

  constructor(plain: TakePlain, put: (key: string, value: LogValue) => void) {
    this.plain = plain
    this.put = put
    this.traceId = new Slot(plain)
    this.spanId = new Slot(plain)
    this.flags = new Slot(plain)
    this.context = new Slot(plain)
    this.datadogTrace = new Slot(plain)
    this.datadogSpan = new Slot(plain)
  }

  clear(): void {
    if (!this.any) return
    this.any = false
    this.traceId.clear()
    this.spanId.clear()
    this.flags.clear()
    this.context.clear()
    this.datadogTrace.clear()
    this.datadogSpan.clear()
  }

  /** Takes a field, or makes it an attribute where it is not what its name says. Ids of zeros say that there is no trace. */
  take(role: Known['role'], { propagation }: Known, rank: number, key: string, value: LogValue, depth: number): void {
    this.any = true
    if (role === 'traceId') this.takeRead(this.traceId, traceIdOf(value), rank, key, value, depth)
    else if (role === 'spanId') this.takeRead(this.spanId, spanIdOf(value), rank, key, value, depth)
    else if (role === 'flags' && flagsOf(value) >= 0) this.flags.take(rank, key, value, depth)
    else if (role === 'datadogTrace') this.takeRead(this.datadogTrace, datadogText(value), rank, key, value, depth)
    else if (role === 'datadogSpan') this.takeRead(this.datadogSpan, datadogText(value), rank, key, value, depth)
    else {
      const context = role === 'context' && this.context.wants(rank) ? contextOf(propagation, value) : null
      if (context === null) this.plain(key, value, depth)
      else {
        this.context.take(rank, key, value, depth)
        this.contextRead = context
      }
    }
  }

  private takeRead(slot: Slot, id: string, rank: number, key: string, value: LogValue, depth: number): void {
    if (id !== '') slot.take(rank, key, id, depth)
    else if (value !== '' && value !== 0 && !(typeof value === 'string' && NO_ID.test(value))) this.plain(key, value, depth)
  }

  /** Fills what was found into the entry. An id of its own goes before a header's, and W3C's before Datadog's, of which the lower half stays apart. */
  close(entry: LogEntry): void {
    if (!this.any) return
    const { traceId, spanId, flags } = this
    const context = this.context.filled ? this.contextRead : null
    if (traceId.filled) {
      const isSame = context !== null && context.traceId === traceId.text
      entry.traceId = traceId.text
      entry.spanId = spanId.filled ? spanId.text : isSame ? context.spanId : ''
      entry.traceFlags = flags.filled ? flagsOf(flags.value) : isSame ? context.flags : 0
    } else if (context !== null) {
      entry.traceId = context.traceId
      entry.spanId = context.spanId
      entry.traceFlags = context.flags
    }
    if (!traceId.filled && spanId.filled) this.plain(spanId.key, spanId.value, 1)
    this.closeDatadog(entry)
  }

  private closeDatadog(entry: LogEntry): void {
    if (!this.datadogTrace.filled && !this.datadogSpan.filled) return
    const trace = datadogIdOf(this.datadogTrace.text)
    const span = datadogIdOf(this.datadogSpan.text)
    if (trace !== null) this.put('dd.trace_id', trace.decimal)
    if (span !== null) this.put('dd.span_id', span.decimal)
    if (trace === null || trace.hex === '' || entry.traceId !== '') return
    entry.traceId = trace.hex
    if (span !== null) entry.spanId = BigInt(span.decimal).toString(16).padStart(16, '0')
  }
}

// As long as it was written: all 128 bits where they were.
function datadogText(value: LogValue): string {
  const id = datadogIdOf(value)
  return id === null ? '' : id.hex || id.decimal
}
