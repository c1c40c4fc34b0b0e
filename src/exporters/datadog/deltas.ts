import type { KeyValue, Metric, ResourceMetrics, Scope, SummaryDataPoint } from '../../otlp/objects.ts'
import type { Cell, Entry, Family, Loss, Point } from './cells.ts'
import type { Change, Known } from './delta-journal.ts'
import type { DeltaState } from './delta-state.ts'
import { keyOf, once, RESOURCE_ID_LENGTH, type Told, toldOf } from './series-key.ts'
import { difference, exponentialTotal, histogramTotal, isSound, numberIn, summaryTotal, sumTotal, type Total, together } from './totals.ts'

export interface DeltasOptions {
  /** Stands for the instance of senders that do not say theirs. */
  readonly instance: string
  readonly hostname: string | undefined
  /** Whether what summaries have counted goes as it came, or as what was counted since. */
  readonly summaries: 'as-they-came' | 'differences'
  /** What Datadog tells series apart by, beside name and attributes. */
  readonly resourceTags: boolean
  readonly scopeTags: boolean
}

const DELTA = 1
const CUMULATIVE = 2
const NO_RECORDED_VALUE = 1
/** A point is put so many seconds later, at most, because others of its series have the seconds before. */
const SHIFT_SECONDS_MAX = 300
const NANOS = 1_000_000_000n

/** The points of one metric of one sender. */
interface Source {
  readonly family: Family
  readonly told: Told
  readonly temporality: number
}

/** Turns what is cumulative into what was counted since. Changes nothing in the state: that is done when it has arrived. */
export class Deltas {
  private readonly state: DeltaState
  private readonly options: DeltasOptions
  // Of the batch that is read: what is known once its points so far have arrived, and the last entry of each slot.
  private readonly later = new Map<string, Known>()
  private readonly last = new Map<string, Entry>()
  private entries: Entry[] = []
  private newSeries = 0
  private receivedNano = 0n

  constructor(state: DeltaState, options: DeltasOptions) {
    this.state = state
    this.options = options
  }

  /** What becomes of the points of a request, in their order. */
  read(request: readonly ResourceMetrics[], receivedAtMs: number): Entry[] {
    const { instance, hostname, resourceTags } = this.options
    this.receivedNano = BigInt(Math.trunc(receivedAtMs)) * 1_000_000n
    this.newSeries = 0
    for (const { resource, scopeMetrics = [] } of request) {
      const told = toldOf(resource, instance, hostname, resourceTags)
      this.state.meet(told.id, told.texts)
      for (const { scope, metrics = [] } of scopeMetrics) for (const metric of metrics) this.metric(told, scope, metric)
    }
    const { entries } = this
    this.entries = []
    this.later.clear()
    this.last.clear()
    return entries
  }

  private metric(told: Told, scope: Scope | undefined, metric: Metric): void {
    const { gauge, sum, histogram, exponentialHistogram, summary } = metric
    const of = (kind: Family['kind'], temporality = 0): Source => ({
      family: { resource: told.resource, scope, metric, kind },
      told,
      temporality
    })
    for (const point of gauge?.dataPoints ?? []) this.gauge(of('gauge'), point, numberIn(point))
    if (sum !== undefined) {
      const { aggregationTemporality = 0, isMonotonic = false, dataPoints = [] } = sum
      // What goes up and down is a gauge by its nature: its total is what is of interest.
      const isGauge = !isMonotonic && aggregationTemporality === CUMULATIVE
      const source = of(isGauge ? 'gauge' : 'count', aggregationTemporality)
      for (const point of dataPoints)
        if (isGauge) this.gauge(source, point, numberIn(point))
        else this.counted(source, point, sumTotal(point))
    }
    if (histogram !== undefined) {
      const source = of('histogram', histogram.aggregationTemporality)
      for (const point of histogram.dataPoints ?? []) this.counted(source, point, histogramTotal(point))
    }
    if (exponentialHistogram !== undefined) {
      const source = of('exponential', exponentialHistogram.aggregationTemporality)
      for (const point of exponentialHistogram.dataPoints ?? []) this.counted(source, point, exponentialTotal(point))
    }
    const source = of('summary', CUMULATIVE)
    for (const point of summary?.dataPoints ?? [])
      if (this.options.summaries === 'differences') this.counted(source, point, summaryTotal(point))
      else this.gauge(source, point, point.sum ?? 0)
  }

  // Of two in one second, the later counts.
  private gauge({ family, told }: Source, point: Point, value: number): void {
    if (hasNoValue(point)) this.settle(null)
    else if (!Number.isFinite(value) || !family.metric.name) this.settle('unsupported')
    else {
      const attributes = once(point.attributes)
      const times = this.timesOf(point)
      const second = Number(times.timeNano / NANOS)
      const slot = this.slotOf(family, told, attributes)
      const before = this.last.get(`${slot} ${second}`)
      if (before?.cell && before.cell.family.kind === family.kind) {
        before.items++
        if (times.timeNano >= before.cell.timeNano) Object.assign(before.cell, { point, ...times })
        return
      }
      const entry = this.send({ ...NO_COUNT, family, attributes, point, ...times }, '', second, null)
      this.last.set(`${slot} ${second}`, entry)
    }
  }

  private counted({ family, told, temporality }: Source, point: Point, total: Total): void {
    const { metric, scope, kind } = family
    const isUnknown = temporality !== DELTA && temporality !== CUMULATIVE
    if (hasNoValue(point)) this.settle(null)
    else if (isUnknown || !isSound(total) || !metric.name) this.settle('unsupported')
    else {
      const attributes = once(point.attributes)
      const { min, max } = point as { min?: number; max?: number }
      const { quantileValues: quantiles } = point as SummaryDataPoint
      // What a histogram holds is written as it was understood.
      const asItCame = kind === 'count' ? point : null
      const cell: Counted = { family, attributes, point: asItCame, quantiles, total, ...this.timesOf(point), min, max }
      const slot = this.slotOf(family, told, attributes)
      if (temporality === DELTA) this.inItsSecond(cell, slot, null)
      else this.cumulative(cell, slot, keyOf([kind, scope?.name, scope?.version, metric.name, metric.unit], attributes) + told.id)
    }
  }

  private cumulative(cell: Counted, slot: string, key: string): void {
    const { startNano, timeNano, total } = cell
    const found = this.find(key, startNano)
    const change: Change = { key, known: { startNano, timeNano, total }, was: found?.was }
    if (found === null) {
      this.begin(cell, slot, change)
      return
    }
    const { known } = found
    const hasBegunAnew = startNano > known.startNano && known.startNano !== 0n
    // What is not later than what is known is contained in it, but for what other senders have counted.
    if ((startNano !== 0n && startNano < known.startNano) || (hasBegunAnew && timeNano <= known.timeNano)) this.settle('out-of-order')
    else if (timeNano <= known.timeNano) this.settle(null)
    else if (hasBegunAnew) this.inItsSecond(cell, slot, change)
    else {
      const since = difference(total, known.total)
      const from = { ...cell, startNano: known.timeNano }
      if (since === 'changed') this.settle('baseline', change)
      else if (since === 'reset') this.inItsSecond(from, slot, change)
      // Least and most are those since the start.
      else this.inItsSecond({ ...from, point: null, total: since, min: undefined, max: undefined }, slot, change)
    }
  }

  // A series that is not known counts from its beginning if that was seen.
  private begin(cell: Counted, slot: string, change: Change): void {
    const { startNano, timeNano } = cell
    const { state } = this
    if (state.size + this.newSeries >= state.seriesMax) {
      state.turnedAway(timeNano)
      this.settle('series-max')
      return
    }
    this.newSeries++
    if (startNano > state.completeSinceNano && startNano < timeNano) this.inItsSecond(cell, slot, change)
    else this.settle('baseline', change)
  }

  // By its key; or by that of a resource that is the same with more or fewer attributes, when the series has begun in the very same nanosecond.
  private find(key: string, startNano: bigint): { known: Known; was: string | undefined } | null {
    const own = this.later.get(key) ?? this.state.get(key)
    if (own !== undefined) return { known: own, was: undefined }
    if (startNano === 0n) return null
    for (const relative of this.state.relativesOf(key.slice(-RESOURCE_ID_LENGTH))) {
      const was = key.slice(0, -RESOURCE_ID_LENGTH) + relative
      const known = this.later.get(was) ?? this.state.get(was)
      if (known?.startNano === startNano) return { known, was }
    }
    return null
  }

  // Of two points of a series in one second, Datadog keeps the last: they are added up, or put into the seconds that follow.
  private inItsSecond(cell: Counted, slot: string, change: Change | null): void {
    const told = Number(cell.timeNano / NANOS)
    const before = this.last.get(slot)
    if (before?.cell?.total && told <= before.second && before.second - told < SHIFT_SECONDS_MAX) {
      const sum = together(before.cell.total, cell.total)
      if (sum !== null) {
        this.join(before, before.cell, cell, sum)
        this.note(before, change)
        return
      }
    }
    const taken = before?.second ?? this.state.secondOf(slot)
    let second = told
    if (taken !== undefined && told <= taken && taken + 1 - told <= SHIFT_SECONDS_MAX) second = taken + 1
    const timeNano = second === told ? cell.timeNano : BigInt(second) * NANOS
    this.last.set(slot, this.send({ ...cell, timeNano }, slot, second, change))
  }

  private join(before: Entry, into: Cell, cell: Cell, total: Total): void {
    into.total = total
    into.point = null
    into.min = into.min === undefined || cell.min === undefined ? undefined : Math.min(into.min, cell.min)
    into.max = into.max === undefined || cell.max === undefined ? undefined : Math.max(into.max, cell.max)
    if (cell.startNano < into.startNano) into.startNano = cell.startNano
    before.items++
  }

  private send(cell: Cell, slot: string, second: number, change: Change | null): Entry {
    const entry: Entry = { cell, items: 1, changes: [], slot, second, reason: null }
    this.entries.push(entry)
    this.note(entry, change)
    return entry
  }

  private settle(reason: Loss | null, change: Change | null = null): void {
    const entry: Entry = { cell: null, items: 1, changes: [], slot: '', second: 0, reason }
    this.entries.push(entry)
    this.note(entry, change)
  }

  private note({ changes }: Entry, change: Change | null): void {
    if (change === null) return
    changes.push(change)
    this.later.set(change.key, change.known)
  }

  private slotOf({ metric, scope }: Family, { shown }: Told, attributes: readonly KeyValue[]): string {
    return keyOf(this.options.scopeTags ? [metric.name, scope?.name, scope?.version] : [metric.name], attributes) + shown
  }

  // What does not say when it was is of the time of its receipt.
  private timesOf({ startTimeUnixNano = 0n, timeUnixNano = 0n }: Point): { startNano: bigint; timeNano: bigint } {
    const timeNano = timeUnixNano === 0n ? this.receivedNano : timeUnixNano
    return { startNano: startTimeUnixNano > timeNano ? 0n : startTimeUnixNano, timeNano }
  }
}

type Counted = Cell & { readonly total: Total }

const NO_COUNT = { total: null, quantiles: undefined, min: undefined, max: undefined }

function hasNoValue({ flags = 0 }: Point): boolean {
  return (flags & NO_RECORDED_VALUE) !== 0
}
