import type { Signal } from '../../batch.ts'
import { decode } from '../../otlp/decode.ts'
import type { AnyValue, Draft } from '../../otlp/objects.ts'
import { AttributeView } from '../../otlp/views.ts'
import { Fields } from '../../otlp/wire.ts'
import { logCrumb, spanCrumb } from './crumbs.ts'
import { CORRELATION } from './reader.ts'
import { Ring } from './ring.ts'

/** Searches in a second, and the time that all of them may take in it. More errors go without a trail. */
const SEARCHES_MAX = 100
const SEARCH_MS_MAX = 50
/** A search that takes longer ends with what it has found. */
const ONE_SEARCH_MS_MAX = 20
/** The clock is read once for so many requests. */
const ENTRIES_PER_LOOK = 16
/** A shorter correlation id is found in too many places. */
const CORRELATION_BYTES_MIN = 6

/** So many records are gathered, then those that are too old to be wanted go. */
const FOUND_MAX = 2048

const TRACES = 0
const LOGS = 1

// The wire: Span { trace_id = 1, end_time_unix_nano = 8, attributes = 9 },
// LogRecord { time_unix_nano = 1, attributes = 6, trace_id = 9, observed_time_unix_nano = 11 }
const NUMBERS = [
  { traceId: 1, time: 8, observed: 0, attributes: 9 },
  { traceId: 9, time: 1, observed: 11, attributes: 6 }
] as const

export type TrailOutcome = 'found' | 'empty' | 'no id' | 'over budget' | 'cut short'

/** What a trail leads to. */
export interface TrailEnd {
  /** Hex digits, or empty. */
  readonly traceId: string
  /** Empty where it has none. */
  readonly correlationId: string
  readonly atNano: number
  /** The record of the error itself, which is no part of its trail; null for a span. */
  readonly record: Uint8Array | null
}

interface Found {
  readonly kind: number
  readonly bytes: Buffer
  readonly start: number
  readonly end: number
  readonly scopeStart: number
  readonly scopeEnd: number
  readonly atNano: number
}

/** Remembers the spans and log records that came last, and finds those that led to an error. */
export class Trail {
  readonly outcomes: Record<TrailOutcome, number> = { found: 0, empty: 0, 'no id': 0, 'over budget': 0, 'cut short': 0 }
  readonly ring: Ring
  private readonly max: number
  private searches = 0
  private spentMs = 0
  private sinceMs = 0
  // Of the search that runs.
  private end: TrailEnd = { traceId: '', correlationId: '', atNano: 0, record: null }
  private traceId = NOTHING
  private isByTrace = true
  private found: Found[] = []
  private readonly entries = new Fields()
  private readonly parts = new Fields()
  private readonly records = new Fields()
  private readonly fields = new Fields()
  private readonly attribute = new AttributeView()

  constructor({ max, bytes, windowMs }: { max: number; bytes: number; windowMs: number }) {
    this.max = max
    this.ring = new Ring(bytes, windowMs)
  }

  add(signal: Signal, bytes: Uint8Array, nowMs: number): void {
    if (this.max > 0) this.ring.add(bytes, signal === 'traces' ? TRACES : LOGS, nowMs)
  }

  /** The last records of the same trace, or of the same correlation id where one of both is outside of a trace, oldest first. */
  leadingTo(end: TrailEnd, nowMs: number): Draft<AnyValue>[] {
    if (this.max === 0) return []
    const correlation = Buffer.from(end.correlationId)
    const hasCorrelation = correlation.length >= CORRELATION_BYTES_MIN
    if (end.traceId === '' && !hasCorrelation) return this.none('no id')
    if (!this.mayStart(nowMs)) return this.none('over budget')
    const startedMs = performance.now()
    const untilMs = startedMs + ONE_SEARCH_MS_MAX
    this.end = end
    this.traceId = Buffer.from(end.traceId, 'hex')
    this.isByTrace = true
    let isAll = end.traceId === '' || this.search(this.traceId, nowMs, untilMs)
    this.isByTrace = false
    if (isAll && hasCorrelation) isAll = this.search(correlation, nowMs, untilMs)
    const crumbs = this.crumbs()
    this.spentMs += performance.now() - startedMs
    this.outcomes[isAll ? (crumbs.length === 0 ? 'empty' : 'found') : 'cut short']++
    return crumbs
  }

  /** Whether log records of the trace have come, as far as there is time to look; without a trace nothing is to come. */
  hasLogs(traceId: string, nowMs: number): boolean {
    if (traceId === '' || !this.hasTime(nowMs)) return true
    const { ring } = this
    const needle = Buffer.from(traceId, 'hex')
    const startedMs = performance.now()
    let has = false
    for (let index = 0; index < ring.entries && !has; index++) {
      if (index % ENTRIES_PER_LOOK === 0 && performance.now() - startedMs > ONE_SEARCH_MS_MAX) break
      const bytes = ring.recent(index, nowMs)
      if (bytes === null) break
      has = ring.kindOf(index) === LOGS && bytes.includes(needle)
    }
    this.spentMs += performance.now() - startedMs
    return has
  }

  private none(outcome: TrailOutcome): [] {
    this.outcomes[outcome]++
    return []
  }

  private mayStart(nowMs: number): boolean {
    return this.hasTime(nowMs) && this.searches++ < SEARCHES_MAX
  }

  private hasTime(nowMs: number): boolean {
    if (nowMs - this.sinceMs >= 1000) {
      this.sinceMs = nowMs
      this.searches = 0
      this.spentMs = 0
    }
    return this.spentMs < SEARCH_MS_MAX
  }

  // False where the time was over before the end.
  private search(needle: Buffer, nowMs: number, untilMs: number): boolean {
    const { ring } = this
    for (let index = 0; index < ring.entries; index++) {
      if (index % ENTRIES_PER_LOOK === 0 && index > 0 && performance.now() > untilMs) return false
      const bytes = ring.recent(index, nowMs)
      if (bytes === null) return true
      if (bytes.includes(needle)) this.walk(bytes, ring.kindOf(index))
    }
    return true
  }

  // A walk of its own, since it happens inside of one.
  private walk(bytes: Buffer, kind: number): void {
    const { entries, parts, records } = this
    entries.open(bytes, 0, bytes.length)
    while (entries.next()) {
      if (entries.number !== 1) continue
      parts.open(bytes, entries.start, entries.end)
      while (parts.next()) {
        if (parts.number !== 2) continue
        const scopeStart = parts.start
        const scopeEnd = parts.end
        records.open(bytes, scopeStart, scopeEnd)
        while (records.next()) {
          if (records.number !== 2) continue
          const { start, end } = records
          const atNano = this.timeOf(bytes, start, end, kind)
          if (atNano >= 0 && atNano <= this.end.atNano) this.take({ kind, bytes, start, end, scopeStart, scopeEnd, atNano })
        }
      }
    }
  }

  private take(found: Found): void {
    const { record } = this.end
    if (found.kind === LOGS && record !== null && found.bytes.subarray(found.start, found.end).equals(record)) return
    if (this.found.push(found) >= FOUND_MAX) this.keepLast()
  }

  private keepLast(): void {
    this.found = this.found.sort((a, b) => a.atNano - b.atNano).slice(-this.max)
  }

  // When the log record was written or the span ended, in nanoseconds; -1 where it is no part of the trail.
  private timeOf(bytes: Buffer, start: number, end: number, kind: number): number {
    const { fields } = this
    const numbers = NUMBERS[kind]
    let time = 0
    let observed = 0
    let idStart = 0
    let idEnd = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      const { number } = fields
      if (number === numbers.time) time = nanosAt(bytes, fields.start)
      else if (number === numbers.observed) observed = nanosAt(bytes, fields.start)
      else if (number === numbers.traceId) {
        idStart = fields.start
        idEnd = fields.end
      }
    }
    const { traceId } = this
    if (this.isByTrace) {
      if (idEnd - idStart !== traceId.length || traceId.compare(bytes, idStart, idEnd) !== 0) return -1
    } else if ((idEnd > idStart && traceId.length > 0) || !this.isCorrelated(bytes, start, end, numbers.attributes)) return -1
    return time === 0 && observed === 0 ? -1 : time || observed
  }

  private isCorrelated(bytes: Buffer, start: number, end: number, attributes: number): boolean {
    const { fields, attribute } = this
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number !== attributes) continue
      attribute.open(bytes, fields.start, fields.end)
      if (!CORRELATION.includes(bytes.toString('latin1', attribute.keyStart, attribute.keyEnd))) continue
      if (decode('AnyValue', bytes, attribute.valueStart, attribute.valueEnd).stringValue === this.end.correlationId) return true
    }
    return false
  }

  private crumbs(): Draft<AnyValue>[] {
    this.keepLast()
    const { found } = this
    this.found = []
    return found.map(({ kind, bytes, start, end, scopeStart, scopeEnd }) =>
      kind === TRACES ? spanCrumb(bytes, start, end) : logCrumb(bytes, start, end, scopeStart, scopeEnd)
    )
  }
}

const NOTHING: Buffer = Buffer.alloc(0)

function nanosAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24)) >>> 0
  const high = (bytes[at + 4] | (bytes[at + 5] << 8) | (bytes[at + 6] << 16) | (bytes[at + 7] << 24)) >>> 0
  return high * 0x1_0000_0000 + low
}
