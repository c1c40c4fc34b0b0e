import type { z } from 'zod'
import { type Batch, parseBatch } from '../../batch.ts'
import { defineProcessor, type Host, type Processor } from '../../component.ts'
import { BLOCKED, PERIOD_NANO } from '../../datadog/statistics.ts'
import { adjustedCount } from '../../otlp/adjusted-count.ts'
import { CLOCK_FINE } from '../../otlp/attributes/span-reader.ts'
import { type RecordVisitor, walkRecords } from '../../otlp/request.ts'
import { type Key, Keys } from './keys.ts'
import { options } from './options.ts'
import { Period } from './period.ts'
import { requestOf } from './request.ts'
import type { Row } from './row.ts'

/**
 * Counts and measures spans before sampling, as Datadog's Agents do with all spans that they see, so that the exporter can tell it of all of them. The
 * spans pass unchanged.
 */
export const stats = defineProcessor({
  type: 'stats',
  summary: 'Count and measure all spans before sampling, for the hits, errors and latencies that Datadog shows.',
  outcome: 'dropped',
  spawns: 'stats',
  options,
  create: (options, host) => new Stats(options, host)
})

const PERIOD_MS = PERIOD_NANO / 1e6
/** Spans that ended before so many periods, or after this one, count in another: their clock is wrong, or they were held up for long. */
const PERIODS_BACK_MAX = 8
/** Rows of one batch: a piece of the queue's room. */
const ROWS_PER_BATCH = 200

class Stats implements Processor {
  private readonly options: z.output<z.ZodObject<typeof options>>
  private readonly keys: Keys
  private readonly visitor: RecordVisitor
  private readonly seen = { counted: 0, skipped: 0 }
  private readonly odd = { early: 0, late: 0, overflow: 0 }
  /** By number. */
  private periods = new Map<number, Period>()
  private latest = new Period(0)
  /** What is on its way out. */
  private leaving: Row[][] = []
  private nowNumber = 0
  private toldNumber = Math.floor(Date.now() / PERIOD_MS)
  private lastSecond = 0

  constructor(given: z.output<z.ZodObject<typeof options>>, host: Host) {
    this.options = given
    // Of two periods, since spans end in one and come in the next.
    const hasRoom = (resource: string): boolean => {
      const { resources } = this.latest
      return resources.size < given.resourcesMax || resources.has(resource)
    }
    this.keys = new Keys(2 * given.keysMax, hasRoom, host.redactText)
    const { reader } = this.keys
    this.visitor = {
      resourceEntry: () => reader.resourceEntry(),
      resource: (_bytes, start, end) => reader.resource(start, end),
      record: (bytes, start, end) => this.count(bytes, start, end)
    }
    this.observe(host)
  }

  process(batch: Batch): Batch {
    if (batch.signal !== 'traces') return batch
    this.nowNumber = Math.floor(Date.now() / PERIOD_MS)
    this.keys.reader.open(batch.bytes)
    walkRecords(batch.bytes, this.visitor)
    this.keys.close()
    return batch
  }

  /** After each period all that was counted, also of earlier ones; what is not yet known of this one follows with the next. */
  flush(isLast = false): Batch | null {
    const nowMs = Date.now()
    const number = Math.floor(nowMs / PERIOD_MS)
    if (isLast || number !== this.toldNumber) {
      this.toldNumber = number
      this.close(nowMs)
    }
    const rows = this.leaving.shift()
    return rows === undefined ? null : parseBatch('stats', requestOf(rows), nowMs)
  }

  private close(nowMs: number): void {
    const periods = [...this.periods.values()].sort((a, b) => a.number - b.number)
    this.periods = new Map()
    this.latest = new Period(0)
    this.keys.forget()
    // Of two points of one series in one second, the intake keeps the last. So what is told of several periods at once is dated a second apart.
    let second = Math.max(this.lastSecond + 1, Math.floor(nowMs / 1000) - periods.length + 1)
    for (const period of periods) {
      period.toldAtSecond = this.lastSecond = second++
      const rows = [...period.rows.values()]
      for (let i = 0; i < rows.length; i += ROWS_PER_BATCH) this.leaving.push(rows.slice(i, i + ROWS_PER_BATCH))
      for (const { key } of rows) key.row = key.period = null
    }
  }

  private count(bytes: Uint8Array, start: number, end: number): void {
    const { reader } = this.keys
    reader.read(start, end)
    const key = this.keys.find()
    if (key === null) {
      this.seen.skipped++
      return
    }
    const period = this.periodOfSpan()
    const row = key.period === period ? key.row! : this.rowOf(key, period)
    // What cannot be used is counted by derive.
    const weight =
      reader.traceStateEnd > reader.traceStateStart ? adjustedCount(bytes, reader.traceStateStart, reader.traceStateEnd) || 1 : 1
    if (row.key.resource === BLOCKED) this.odd.overflow++
    row.add(reader.clock === CLOCK_FINE ? Math.round(reader.seconds * 1e9) : 0, weight)
    this.seen.counted++
  }

  private periodOfSpan(): Period {
    const { view, endTimeStart } = this.keys.reader
    const { nowNumber } = this
    let number = nowNumber
    if (endTimeStart > 0) {
      number = Math.floor((view.getUint32(endTimeStart + 4, true) * 0x1_0000_0000 + view.getUint32(endTimeStart, true)) / PERIOD_NANO)
      if (number === this.latest.number) return this.latest
      if (number > nowNumber) {
        number = nowNumber
        this.odd.early++
      } else if (number < nowNumber - PERIODS_BACK_MAX) {
        number = nowNumber - PERIODS_BACK_MAX
        this.odd.late++
      }
    }
    let period = this.periods.get(number)
    if (period === undefined) {
      period = new Period(number)
      this.periods.set(number, period)
    }
    this.latest = period
    return period
  }

  private rowOf(key: Key, period: Period): Row {
    const isFull = period.rows.size >= this.options.keysMax && !period.rows.has(key)
    const row = period.rowOf(isFull ? this.keys.blocked(key.attributes) : key)
    if (!isFull) {
      key.period = period
      key.row = row
    }
    return row
  }

  private observe({ metrics }: Host): void {
    const by = (label: string, counts: Readonly<Record<string, number>>) => () =>
      Object.entries(counts).map(([name, value]) => ({ labels: { [label]: name }, value }))
    metrics.observe(
      'sluice_stats_spans_total',
      'Spans that were counted for Datadog, and spans inside of a service, of which it keeps no statistics.',
      'counter',
      by('outcome', this.seen)
    )
    metrics.observe(
      'sluice_stats_moved_spans_total',
      'Spans counted elsewhere than where they belong: in another period, as they ended too early or late, or in the row of what found no room.',
      'counter',
      by('reason', this.odd)
    )
    metrics.observe('sluice_stats_rows', 'Rows that were not yet sent on.', 'gauge', () => {
      let rows = 0
      for (const period of this.periods.values()) rows += period.rows.size
      for (const part of this.leaving) rows += part.length
      return [{ labels: {}, value: rows }]
    })
  }
}
