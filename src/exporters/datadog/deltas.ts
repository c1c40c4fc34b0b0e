import { hash } from 'node:crypto'
import type {
  AnyValue,
  ExponentialHistogramDataPoint,
  HistogramDataPoint,
  KeyValue,
  Metric,
  NumberDataPoint,
  QuantileValue,
  Resource,
  ResourceMetrics,
  Scope,
  SummaryDataPoint
} from '../../otlp/objects.ts'
import type { Change, DeltaState, Known } from './delta-state.ts'
import { difference, exponentialTotal, histogramTotal, numberIn, summaryTotal, sumTotal, type Total, together } from './totals.ts'

export type Point = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint

/** What of a metric its points have in common. */
export interface Family {
  readonly resource: Resource | undefined
  readonly scope: Scope | undefined
  readonly metric: Metric
  readonly kind: 'gauge' | 'count' | 'histogram' | 'exponential' | 'summary'
}

/** One point that goes to Datadog. */
export interface Cell {
  readonly family: Family
  readonly attributes: readonly KeyValue[] | undefined
  /** The point as it came, where that is what is sent. */
  point: Point | null
  /** Of a summary. */
  readonly quantiles: readonly QuantileValue[] | undefined
  /** What was counted between start and end; of a gauge or a summary null. */
  total: Total | null
  startNano: bigint
  timeNano: bigint
  /** The least and the most of it, where they are known. */
  min: number | undefined
  max: number | undefined
}

/** What becomes of points: of several where they fall into the same second. */
export interface Entry {
  /** Null where nothing is to be sent. */
  readonly cell: Cell | null
  items: number
  change: Change | null
  /** The series, and the second of the point, where there may be only one in a second. */
  readonly key: string
  readonly second: number
  /** Why it is not sent, where that is a loss. */
  readonly reason: Loss | null
}

export type Loss = 'baseline' | 'out-of-order' | 'series-max' | 'unsupported'

export const LOSSES: Readonly<Record<Loss, string>> = {
  baseline: 'first points of cumulative series that began before the gateway did: later ones are counted from there',
  'out-of-order': 'points of an earlier start than the last one: two senders that cannot be told apart, or the rest of one that has ended',
  'series-max': 'more cumulative series than exporters.datadog.seriesMax',
  unsupported: 'points without a number, or without a temporality'
}

const NO_COUNT = { total: null, quantiles: undefined, min: undefined, max: undefined }
const DELTA = 1
const CUMULATIVE = 2
const NO_RECORDED_VALUE = 1
/** A point is put so many seconds later, at most, because others of its series have the seconds before. */
const SHIFT_SECONDS_MAX = 300
const NANOS = 1_000_000_000n

/** What tells instances apart. */
const INSTANCE_KEYS = new Set(['service.instance.id', 'host.name', 'host.id', 'container.id', 'k8s.pod.uid', 'k8s.pod.name', 'host'])

export interface DeltasOptions {
  /** Stands for the instance of senders that do not say theirs. */
  readonly instance: string
  readonly hostname: string | undefined
  /** Whether what summaries have counted goes as it came, or as what was counted since. */
  readonly summaries: 'as-they-came' | 'differences'
}

/** Turns what is cumulative into what was counted since. Changes nothing in the state: that is done when it has arrived. */
export class Deltas {
  private readonly state: DeltaState
  private readonly options: DeltasOptions
  // Of the batch that is read: what is known once its points so far have arrived, and the last entry of each series.
  private readonly later = new Map<string, Known>()
  private readonly last = new Map<string, Entry>()
  private entries: Entry[] = []
  private newSeries = 0

  constructor(state: DeltaState, options: DeltasOptions) {
    this.state = state
    this.options = options
  }

  read(request: readonly ResourceMetrics[]): Entry[] {
    this.entries = []
    this.later.clear()
    this.last.clear()
    this.newSeries = 0
    for (const { resource, scopeMetrics = [] } of request) {
      const told = this.withInstance(resource)
      const texts = (told.attributes ?? []).map(textOf).sort()
      const id = keyOf(texts.join('\n'), 11)
      this.state.meet(id, texts)
      for (const { scope, metrics = [] } of scopeMetrics) for (const metric of metrics) this.metric(told, id, scope, metric)
    }
    const { entries } = this
    this.entries = []
    this.later.clear()
    this.last.clear()
    return entries
  }

  private withInstance(resource: Resource | undefined): Resource {
    const attributes = resource?.attributes ?? []
    const { instance, hostname } = this.options
    const added: KeyValue[] = []
    if (!attributes.some(({ key }) => INSTANCE_KEYS.has(key ?? '')))
      added.push({ key: 'service.instance.id', value: { stringValue: instance } })
    if (hostname !== undefined && !attributes.some(({ key = '' }) => key.startsWith('host.') || key === 'host'))
      added.push({ key: 'host.name', value: { stringValue: hostname } })
    return added.length === 0 ? (resource ?? {}) : { ...resource, attributes: [...attributes, ...added] }
  }

  private metric(resource: Resource, resourceId: string, scope: Scope | undefined, metric: Metric): void {
    const family = (kind: Family['kind']): Family => ({ resource, scope, metric, kind })
    const head = `${scope?.name ?? ''}\n${scope?.version ?? ''}\n${metric.name ?? ''}\n${metric.unit ?? ''}\n`
    const { gauge, sum, histogram, exponentialHistogram, summary } = metric
    for (const point of gauge?.dataPoints ?? []) this.gauge(family('gauge'), point)
    if (sum !== undefined) {
      const { aggregationTemporality = 0, isMonotonic = false, dataPoints = [] } = sum
      // What goes up and down is a gauge by its nature; its total is what is of interest.
      const isGauge = !isMonotonic && aggregationTemporality !== DELTA
      const count = family(isGauge ? 'gauge' : 'count')
      for (const point of dataPoints)
        if (isGauge) this.gauge(count, point)
        else this.counted(count, head, resourceId, point, sumTotal(point), aggregationTemporality)
    }
    if (histogram !== undefined) {
      const { aggregationTemporality = 0, dataPoints = [] } = histogram
      const of = family('histogram')
      for (const point of dataPoints) this.counted(of, head, resourceId, point, histogramTotal(point), aggregationTemporality)
    }
    if (exponentialHistogram !== undefined) {
      const { aggregationTemporality = 0, dataPoints = [] } = exponentialHistogram
      const of = family('exponential')
      for (const point of dataPoints) this.counted(of, head, resourceId, point, exponentialTotal(point), aggregationTemporality)
    }
    const of = family('summary')
    for (const point of summary?.dataPoints ?? []) this.summary(of, head, resourceId, point)
  }

  private gauge(family: Family, point: NumberDataPoint): void {
    if (!hasNoValue(point) && !Number.isFinite(numberIn(point))) this.settle('unsupported')
    else this.asItCame(family, point)
  }

  private summary(family: Family, head: string, resourceId: string, point: SummaryDataPoint): void {
    if (this.options.summaries === 'differences') this.counted(family, head, resourceId, point, summaryTotal(point), CUMULATIVE)
    else this.asItCame(family, point)
  }

  private asItCame(family: Family, point: Point): void {
    if (hasNoValue(point)) {
      this.settle(null)
      return
    }
    const cell: Cell = { ...NO_COUNT, family, attributes: point.attributes, point, ...timesOf(point) }
    this.send(cell, '', 0, null)
  }

  private counted(family: Family, head: string, resourceId: string, point: Point, total: Total, temporality: number): void {
    if (hasNoValue(point) || !isNumber(total) || (temporality !== DELTA && temporality !== CUMULATIVE)) {
      this.settle(hasNoValue(point) ? null : 'unsupported')
      return
    }
    const key = keyOf(head + family.kind + (point.attributes ?? []).map(textOf).sort().join('\n'), 22) + resourceId
    const { startNano, timeNano } = timesOf(point)
    const { min, max } = point as HistogramDataPoint
    const { quantileValues: quantiles } = point as SummaryDataPoint
    const cell = { family, attributes: point.attributes, point, quantiles, total, startNano, timeNano, min, max }
    if (temporality === DELTA) this.inItsSecond(cell, key, null)
    else this.cumulative(cell, key, resourceId)
  }

  private cumulative(cell: Cell & { readonly total: Total }, key: string, resourceId: string): void {
    const { startNano, timeNano, total } = cell
    const found = this.find(key, resourceId, startNano)
    const change: Change = { key, known: { startNano, timeNano, total }, was: found?.was }
    if (found === null) {
      this.begin(cell, change)
      return
    }
    const { known } = found
    const hasBegunAnew = startNano > known.startNano && known.startNano !== 0n
    // What is not later than what is known is contained in it, but for what other senders have counted.
    if ((startNano !== 0n && startNano < known.startNano) || (hasBegunAnew && timeNano <= known.timeNano)) this.settle('out-of-order')
    else if (timeNano <= known.timeNano) this.settle(null)
    else if (hasBegunAnew) this.inItsSecond(cell, key, change)
    else {
      const since = difference(total, known.total)
      const from = { ...cell, startNano: known.timeNano }
      if (since === 'changed') this.settle('baseline', change)
      else if (since === 'reset') this.inItsSecond(from, key, change)
      // Least and most are those since the start.
      else this.inItsSecond({ ...from, point: null, total: since, min: undefined, max: undefined }, key, change)
    }
  }

  // A series that is not known counts from its beginning if that was seen.
  private begin(cell: Cell, change: Change): void {
    const { startNano, timeNano } = cell
    const { state } = this
    if (state.size + this.newSeries >= state.seriesMax) {
      state.turnedAway(timeNano)
      this.settle('series-max')
      return
    }
    this.newSeries++
    if (startNano > state.completeSinceNano && startNano < timeNano) this.inItsSecond(cell, change.key, change)
    else this.settle('baseline', change)
  }

  // By its key; or by that of a resource that is the same with more or fewer attributes, when the series has begun in the very same nanosecond.
  private find(key: string, resourceId: string, startNano: bigint): { known: Known; was: string | undefined } | null {
    const own = this.later.get(key) ?? this.state.get(key)
    if (own !== undefined) return { known: own, was: undefined }
    if (startNano === 0n) return null
    for (const relative of this.state.relativesOf(resourceId)) {
      const was = key.slice(0, -resourceId.length) + relative
      const known = this.later.get(was) ?? this.state.get(was)
      if (known?.startNano === startNano) return { known, was }
    }
    return null
  }

  // Of two points of a series in one second, Datadog keeps the last: they are added up, or put into the seconds that follow.
  private inItsSecond(cell: Cell & { readonly total: Total | null }, key: string, change: Change | null): void {
    const told = Number(cell.timeNano / NANOS)
    const before = this.last.get(key)
    if (before?.cell?.total && cell.total && told <= before.second && before.second - told < SHIFT_SECONDS_MAX) {
      const sum = together(before.cell.total, cell.total)
      if (sum !== null) {
        this.join(before, cell, sum, change)
        return
      }
    }
    const taken = before?.second ?? this.state.secondOf(key)
    let second = told
    if (taken !== undefined && told <= taken && taken + 1 - told <= SHIFT_SECONDS_MAX) second = taken + 1
    const timeNano = second === told ? cell.timeNano : BigInt(second) * NANOS
    this.send({ ...cell, timeNano }, key, second, change)
  }

  private join(before: Entry, cell: Cell, total: Total, change: Change | null): void {
    const into = before.cell!
    into.total = total
    into.point = null
    into.min = into.min === undefined || cell.min === undefined ? undefined : Math.min(into.min, cell.min)
    into.max = into.max === undefined || cell.max === undefined ? undefined : Math.max(into.max, cell.max)
    if (cell.startNano < into.startNano) into.startNano = cell.startNano
    before.items++
    if (change === null) return
    before.change = { ...change, was: change.was ?? before.change?.was }
    this.later.set(change.key, change.known)
  }

  private send(cell: Cell, key: string, second: number, change: Change | null): void {
    const entry: Entry = { cell, items: 1, change, key, second, reason: null }
    this.entries.push(entry)
    if (key !== '') this.last.set(key, entry)
    if (change !== null) this.later.set(change.key, change.known)
  }

  private settle(reason: Loss | null, change: Change | null = null): void {
    this.entries.push({ cell: null, items: 1, change, key: '', second: 0, reason })
    if (change !== null) this.later.set(change.key, change.known)
  }
}

function hasNoValue({ flags = 0 }: Point): boolean {
  return (flags & NO_RECORDED_VALUE) !== 0
}

function timesOf({ startTimeUnixNano = 0n, timeUnixNano = 0n }: Point): { startNano: bigint; timeNano: bigint } {
  return { startNano: startTimeUnixNano, timeNano: timeUnixNano }
}

function isNumber(total: Total): boolean {
  if (total.kind === 'sum') return Number.isFinite(total.value)
  return total.sum === null || Number.isFinite(total.sum)
}

function keyOf(text: string, length: number): string {
  return hash('sha256', text, 'base64').slice(0, length)
}

function textOf({ key = '', value }: KeyValue): string {
  return `${key}=${value === undefined ? '' : textOfValue(value)}`
}

function textOfValue(value: AnyValue): string {
  if (value.stringValue !== undefined) return value.stringValue
  return JSON.stringify(value, (_, inner: unknown) => (typeof inner === 'bigint' ? `${inner}n` : inner))
}
