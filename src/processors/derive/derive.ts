import { hostname } from 'node:os'
import type { z } from 'zod'
import { type Batch, parseBatch } from '../../batch.ts'
import { defineProcessor, type Host, type Processor } from '../../component.ts'
import { choice, duration, flag, integer, list, map, text } from '../../config/schema.ts'
import { adjustedCount } from '../../otlp/adjusted-count.ts'
import { remembering } from '../../otlp/attributes/label-text.ts'
import { CLOCK_BACKWARDS, CLOCK_FINE, SpanReader } from '../../otlp/attributes/span-reader.ts'
import { type RecordVisitor, walkRecords } from '../../otlp/request.ts'
import { collectMetrics } from './collect.ts'
import { compileRules, rulesOption } from './rules.ts'
import { canExemplify, SeriesStore } from './series.ts'
import { Targets } from './targets.ts'

const options = {
  rules: rulesOption,
  dimensions: list(text({ doc: 'An attribute of the span or its resource.' }), {
    doc: 'More labels for the metrics of all spans.',
    default: ['http.request.method', 'http.route', 'http.response.status_code']
  }),
  histogram: choice(['explicit', 'exponential'], {
    doc: 'Buckets as the rules say, or base-2 exponential ones that fit themselves to the durations.',
    default: 'explicit'
  }),
  adjustCounts: flag({ doc: 'Count a span that its SDK has sampled (th in tracestate) as all those it stands for.', default: true }),
  exemplars: flag({ doc: 'Point from each bucket to a trace that was kept.', default: true }),
  seriesMax: integer({
    doc: 'Series of one rule, at most; what finds no room is counted in one series with otel.metric.overflow.',
    default: 2000,
    min: 1,
    max: 1_000_000
  }),
  expireAfter: duration({ doc: 'A series under which nothing was counted for this long is dropped.', default: '1h' }),
  resource: map(text({ doc: 'The value of a resource attribute.' }), {
    doc: 'Resource of the metrics, on top of service.name = sluice and service.instance.id = the name of the host.'
  })
}

/** Counts and measures every span, before sampling, and makes metrics of what it saw. The spans pass unchanged. */
export const derive = defineProcessor({
  type: 'derive',
  summary: 'Make metrics of requests, jobs, models, databases, queues and spans from all spans, before sampling.',
  outcome: 'dropped',
  options,
  create: (options, host) => new Derive(options, host)
})

/** While nothing was counted since, what was collected last is given again for this long. */
const COLLECTED_FRESH_MS = 1000

class Derive implements Processor {
  readonly kept?: (batch: Batch) => void

  private readonly options: z.output<z.ZodObject<typeof options>>
  private readonly resource: Readonly<Record<string, string>>
  private readonly stores: readonly SeriesStore[]
  private readonly targets: Targets
  private readonly reader: SpanReader
  private readonly counting: RecordVisitor
  private readonly skewed = { missing: 0, backwards: 0 }
  private misjudged = 0
  private nowMs = Date.now()
  private collected: Batch | null = null

  constructor(given: z.output<z.ZodObject<typeof options>>, host: Host) {
    const { rules, keys } = compileRules(given.rules, given.dimensions)
    const exponential = given.histogram === 'exponential'
    this.options = given
    this.resource = { 'service.name': 'sluice', 'service.instance.id': hostname(), ...given.resource }
    this.stores = rules.map(
      (rule) => new SeriesStore(rule, this.nowMs, { seriesMax: given.seriesMax, exponential, redactText: remembering(host.redactText) })
    )
    this.targets = new Targets(this.stores)
    this.reader = new SpanReader(keys)
    this.counting = this.visitor((bytes, start, end) => this.count(bytes, start, end))
    if (given.exemplars) {
      const exemplifying = this.visitor((_bytes, start, end) => this.exemplify(start, end))
      this.kept = (batch) => this.walk(batch, exemplifying)
    }
    this.observe(host)
  }

  process(batch: Batch): Batch {
    this.walk(batch, this.counting)
    return batch
  }

  collect(): Batch | null {
    const nowMs = Math.max(this.nowMs, Date.now()) // a clock that is set back must not take the metrics back
    if (this.collected !== null && nowMs - this.collected.receivedAtMs < COLLECTED_FRESH_MS) return this.collected
    this.nowMs = nowMs
    for (const store of this.stores) if (store.expire(nowMs, this.options.expireAfter)) this.targets.clear()
    const bytes = collectMetrics(this.stores, this.resource, nowMs)
    this.collected = bytes === null ? null : parseBatch('metrics', bytes, nowMs)
    return this.collected
  }

  private walk(batch: Batch, visitor: RecordVisitor): void {
    if (batch.signal !== 'traces') return
    this.collected = null
    this.reader.open(batch.bytes)
    walkRecords(batch.bytes, visitor)
    this.reader.close()
    this.targets.close()
  }

  private visitor(record: RecordVisitor['record']): RecordVisitor {
    const { reader } = this
    return {
      resourceEntry: () => reader.resourceEntry(),
      resource: (_bytes, start, end) => reader.resource(start, end),
      record
    }
  }

  private count(bytes: Uint8Array, start: number, end: number): void {
    const { reader } = this
    reader.read(start, end)
    if (reader.clock !== CLOCK_FINE) this.skewed[reader.clock === CLOCK_BACKWARDS ? 'backwards' : 'missing']++
    let weight = 1
    if (reader.traceStateEnd > reader.traceStateStart && this.options.adjustCounts) {
      weight = adjustedCount(bytes, reader.traceStateStart, reader.traceStateEnd)
      if (weight === 0) {
        this.misjudged++
        weight = 1
      }
    }
    const series = this.targets.of(reader)
    for (let i = 0; i < series.length; i++) series[i].add(reader.seconds, weight)
  }

  private exemplify(start: number, end: number): void {
    const { reader } = this
    reader.read(start, end)
    if (!canExemplify(reader)) return
    const series = this.targets.knownOf(reader)
    for (let i = 0; i < series.length; i++) series[i].exemplify(reader)
  }

  private observe({ metrics }: Host): void {
    const byRule = (read: (store: SeriesStore) => number) => () =>
      this.stores.map((store) => ({ labels: { rule: store.rule.name }, value: read(store) }))
    metrics.observe(
      'sluice_derive_series',
      'Series that derive holds.',
      'gauge',
      byRule((store) => store.size)
    )
    metrics.observe(
      'sluice_derive_overflow_spans_total',
      'Spans counted in an overflow series, because their rule had seriesMax series.',
      'counter',
      byRule((store) => store.overflowed)
    )
    metrics.observe(
      'sluice_derive_expired_series_total',
      'Series dropped because nothing was counted under them for expireAfter.',
      'counter',
      byRule((store) => store.expired)
    )
    metrics.observe(
      'sluice_derive_cut_labels_total',
      'Label values that were cut because they were too long.',
      'counter',
      byRule((store) => store.cut)
    )
    metrics.observe(
      'sluice_derive_skewed_spans_total',
      'Spans whose duration was taken as 0, by what their time stamps lacked.',
      'counter',
      () => Object.entries(this.skewed).map(([reason, value]) => ({ labels: { reason }, value }))
    )
    metrics.observe(
      'sluice_derive_unusable_thresholds_total',
      'Spans whose sampling threshold was malformed or beyond belief, and which were counted as one.',
      'counter',
      () => [{ labels: {}, value: this.misjudged }]
    )
  }
}
