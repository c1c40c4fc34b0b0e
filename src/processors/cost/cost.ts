import { hostname } from 'node:os'
import type { z } from 'zod'
import { type Batch, parseBatch } from '../../batch.ts'
import { defineProcessor, type Host, type Processor } from '../../component.ts'
import { choice, duration, integer, list, map, text } from '../../config/schema.ts'
import { messageOf } from '../../errors.ts'
import type { GpuDevice } from '../../facts/facts.ts'
import { Placement, SENDER_KEYS } from '../../facts/placement.ts'
import { ID_NAMES, Senders } from '../../facts/senders.ts'
import { bitOf } from '../../otlp/attributes/attribute-reader.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { CLOCK_FINE, SpanReader } from '../../otlp/attributes/span-reader.ts'
import { type RecordVisitor, walkRecords } from '../../otlp/request.ts'
import { Accounts } from './accounts.ts'
import { collectMetrics } from './collect.ts'
import { readSettled, writeSettled } from './settled.ts'
import { type EnergyOf, Timeline } from './timeline.ts'

const KINDS = ['internal', 'server', 'client', 'producer', 'consumer'] as const
const STAGE = ['job.stage', 'pipeline.stage', 'stage']
const MODEL = ['gen_ai.request.model', 'model.name', 'ml.model.name', 'ml.model', 'model']
const TIER = ['user.tier', 'customer.tier', 'subscription.tier', 'tier']

const options = {
  present: list(text({ doc: 'An attribute of the span or its resource.' }), {
    doc: 'Attributes of which a span must have at least one to be work on a GPU.',
    default: [...STAGE, ...MODEL]
  }),
  kinds: list(choice(KINDS, { default: 'internal', doc: 'A kind of span.' }), {
    doc: 'Kinds of span that are work on a GPU; calls to others are none. None given takes all.',
    default: ['internal', 'server', 'consumer']
  }),
  where: map(list(text({ doc: 'A value, as text.' }), { doc: 'The values of which the attribute must have one.' }), {
    doc: 'Attributes that a span must have with one of these values, to leave out stages that need no GPU.'
  }),
  labels: map(list(text({ doc: 'An attribute.' }), { doc: 'Sources of the label: the first that a span or its resource has.' }), {
    doc: 'Labels of the metrics, and where they come from.',
    default: { model: MODEL, stage: STAGE, tier: TIER }
  }),
  ids: list(text({ doc: 'An attribute of the span or its resource.' }), {
    doc: 'Where a sender says which GPU it used: by UUID, PCI bus id or index, several with commas. Without, the GPUs of its pod count.',
    default: [...ID_NAMES]
  }),
  horizon: duration({
    doc: 'How long to wait for the other spans of an instant before it is shared among them; spans arrive when they end.',
    default: '2m'
  }),
  reach: duration({ doc: 'How far back a span that comes late may still claim time that was nobody’s.', default: '1h', max: '24h' }),
  pendingMax: integer({
    doc: 'Spans of one GPU that wait for the horizon, at most; more are shared at once.',
    default: 4096,
    min: 1,
    max: 100_000
  }),
  seriesMax: integer({
    doc: 'Sets of label values, at most; what finds no room is counted in one series with otel.metric.overflow.',
    default: 1000,
    min: 1,
    max: 1_000_000
  }),
  expireAfter: duration({ doc: 'A series that no span has touched for this long, and the horizon, is dropped.', default: '1h' }),
  resource: map(text({ doc: 'The value of a resource attribute.' }), {
    doc: 'Resource of the metrics, on top of service.name = sluice and service.instance.id = the name of the host.'
  })
}

/** What clocks of senders may be ahead of ours. */
const AHEAD_MS_MAX = 60_000

/** A span that says it took longer is not believed. */
const SPAN_SECONDS_MAX = 86_400

/** GPUs and instances that have a timeline; instances come and go. */
const TIMELINES_MAX = 1024

/** Shares the time and the energy of GPUs among the spans that ran on them, before sampling. The spans pass unchanged. */
export const cost = defineProcessor({
  type: 'cost',
  summary: 'Count GPU time and energy by model, stage and tier, from all spans that ran on a GPU, before sampling.',
  outcome: 'dropped',
  options,
  create: (options, host) => new Cost(options, host)
})

interface Condition {
  readonly sources: Int32Array
  readonly values: ReadonlySet<string>
}

class Cost implements Processor {
  private readonly options: z.output<z.ZodObject<typeof options>>
  private readonly resource: Readonly<Record<string, string>>
  private readonly host: Host
  private readonly placement: Placement
  private readonly reader: SpanReader
  private readonly senders: Senders
  private readonly accounts: Accounts
  private readonly visitor: RecordVisitor
  private readonly present: Int32Array
  private readonly presentBits: number
  private readonly kinds: number
  private readonly conditions: readonly Condition[]
  private readonly timelines = new Map<string, { readonly timeline: Timeline; readonly energyOf: EnergyOf }>()
  private readonly skipped = { 'no gpu': 0, 'no time': 0, 'beyond belief': 0, 'too many gpus': 0 }
  private spans = 0
  private settledEarly = 0
  private nowMs = Date.now()
  // What the gateway had settled before it started anew is not given once more: until its stop, or as far as it had come without one.
  private readonly closedMs: number

  constructor(given: z.output<z.ZodObject<typeof options>>, host: Host) {
    const { labels, present, where, ids, kinds, seriesMax } = given
    const keys = new KeyTable([...SENDER_KEYS, ...ids, ...present, ...Object.keys(where), ...Object.values(labels).flat()])
    const numbersOf = (names: readonly string[]): Int32Array =>
      Int32Array.from(names, (name) => keys.numberOf(name)).filter((key) => key >= 0)
    const reader = new SpanReader(keys)
    this.options = given
    this.host = host
    this.closedMs = Math.max(this.nowMs - given.horizon, Math.min(this.nowMs, readSettled(host.stateDir) ?? 0))
    this.resource = { 'service.name': 'sluice', 'service.instance.id': hostname(), ...given.resource }
    this.placement = new Placement(host.facts)
    this.reader = reader
    this.senders = new Senders(this.placement, reader, keys, ids)
    this.accounts = new Accounts({ labels, seriesMax, redactText: host.redactText }, keys)
    this.present = numbersOf(present)
    this.presentBits = this.present.reduce((bits, key) => bits | bitOf(key), 0)
    this.kinds = kinds.length === 0 ? -1 : kinds.reduce((all, kind) => all | (1 << (KINDS.indexOf(kind) + 1)), 0)
    this.conditions = Object.entries(where).map(([key, values]) => ({ sources: numbersOf([key]), values: new Set(values) }))
    this.visitor = {
      resourceEntry: () => reader.resourceEntry(),
      resource: (_bytes, start, end) => reader.resource(start, end),
      record: (_bytes, start, end) => this.span(start, end)
    }
    this.observe()
  }

  process(batch: Batch): Batch {
    if (batch.signal !== 'traces') return batch
    this.nowMs = Math.max(this.nowMs, Date.now()) // a clock that is set back must not give time twice
    this.placement.refresh(this.nowMs, batch.sender)
    if (!this.placement.hasGpus) return batch
    this.reader.open(batch.bytes)
    walkRecords(batch.bytes, this.visitor)
    this.reader.close()
    this.accounts.close()
    return batch
  }

  collect(isLast = false): Batch | null {
    const { horizon, expireAfter } = this.options
    this.nowMs = Math.max(this.nowMs, Date.now())
    const untilMs = isLast ? this.nowMs : this.nowMs - horizon
    for (const { timeline, energyOf } of this.timelines.values()) timeline.settle(untilMs, energyOf)
    if (isLast) this.leaveWord()
    const bytes = collectMetrics(this.accounts.names, [...this.accounts.all()], this.resource, this.nowMs)
    this.accounts.expire(this.nowMs, expireAfter + horizon + AHEAD_MS_MAX)
    return bytes === null ? null : parseBatch('metrics', bytes, this.nowMs)
  }

  private span(start: number, end: number): void {
    const { reader, skipped } = this
    if (!reader.read(start, end, this.kinds)) return
    reader.settle()
    if ((this.presentBits & reader.bits) === 0 || reader.resolve(this.present) < 0 || !this.meetsConditions()) return
    this.spans++
    const devices = this.senders.ofRecord()
    if (devices.length === 0) skipped['no gpu']++
    else if (reader.clock !== CLOCK_FINE) skipped['no time']++
    else {
      const startMs = reader.timeMs(reader.startTimeStart)
      const endMs = reader.timeMs(reader.endTimeStart)
      if (reader.seconds > SPAN_SECONDS_MAX || endMs > this.nowMs + AHEAD_MS_MAX) skipped['beyond belief']++
      else for (let i = 0; i < devices.length; i++) this.claim(devices[i], startMs, endMs)
    }
  }

  private claim({ uuid }: GpuDevice, startMs: number, endMs: number): void {
    const { timeline, energyOf } = this.timelines.get(uuid) ?? this.makeTimeline(uuid)
    if (timeline === null) {
      this.skipped['too many gpus']++
      return
    }
    timeline.add(startMs, endMs, this.accounts.of(this.reader, this.nowMs))
    if (timeline.pending < this.options.pendingMax) return
    this.settledEarly++
    timeline.settleAll(energyOf)
  }

  private makeTimeline(uuid: string): { readonly timeline: Timeline | null; readonly energyOf: EnergyOf } {
    const { gpu } = this.host.facts
    const energyOf: EnergyOf = (startMs, endMs) => gpu.over(uuid, startMs, endMs)?.energyJoules
    if (this.timelines.size >= TIMELINES_MAX) return { timeline: null, energyOf }
    const made = { timeline: new Timeline(this.closedMs, this.options.reach), energyOf }
    this.timelines.set(uuid, made)
    return made
  }

  private leaveWord(): void {
    const { stateDir, log } = this.host
    if (stateDir === undefined || this.timelines.size === 0) return
    try {
      writeSettled(stateDir, this.nowMs)
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'cost: what was counted up to the stop may be counted again by late spans after the next start')
    }
  }

  private meetsConditions(): boolean {
    const { conditions, reader } = this
    for (let i = 0; i < conditions.length; i++) {
      const value = reader.text(conditions[i].sources)
      if (value === undefined || !conditions[i].values.has(value)) return false
    }
    return true
  }

  private observe(): void {
    const { metrics } = this.host
    const show = (name: string, help: string, read: () => number): void =>
      metrics.observe(name, help, 'counter', () => [{ labels: {}, value: read() }])
    const sum = (read: (timeline: Timeline) => number) => () =>
      [...this.timelines.values()].reduce((all, { timeline }) => all + read(timeline), 0)
    show('sluice_cost_spans_total', 'Spans that were work on a GPU, as far as they can tell.', () => this.spans)
    metrics.observe('sluice_cost_skipped_spans_total', 'Those that were given no time, by reason.', 'counter', () =>
      Object.entries(this.skipped).map(([reason, value]) => ({ labels: { reason }, value }))
    )
    show(
      'sluice_cost_late_seconds_total',
      'Seconds of spans that came when their time had been given to others.',
      sum(({ lateSeconds }) => lateSeconds)
    )
    show(
      'sluice_cost_unmeasured_seconds_total',
      'GPU seconds that were shared without their energy, which nobody knew.',
      sum(({ unmeasuredSeconds }) => unmeasuredSeconds)
    )
    show(
      'sluice_cost_early_settlements_total',
      'Times that a GPU had pendingMax spans, which were shared at once.',
      () => this.settledEarly
    )
    show('sluice_cost_overflow_spans_total', 'Spans counted in the overflow series.', () => this.accounts.overflowed)
  }
}
