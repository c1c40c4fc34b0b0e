import type { Attribute } from './attributes.ts'
import { attributesOf, isMoved, sameAttributes } from './identity.ts'
import { Labels } from './labels.ts'
import { metricName, type Translation } from './names.ts'
import type { Point, Shape } from './point.ts'
import {
  type DropReason,
  type Family,
  type Kind,
  type Metric,
  type Scope,
  type Series,
  type Stream,
  sampleNames,
  settle,
  type Target
} from './series.ts'
import { newValue } from './values.ts'

export interface Limits {
  readonly seriesMax: number
  readonly seriesPerMetricMax: number
  readonly sizeMaxBytes: number
  readonly expireAfterMs: number
}

export interface Naming {
  readonly translation: Translation
  readonly scopeLabels: boolean
  readonly resourceLabels: readonly string[]
}

const LABELS_MAX_CHARS = 8192
const TARGET_LABELS_MAX_CHARS = 65_536
const NAME_MAX_CHARS = 512
const UNIT_MAX_CHARS = 63 // as in the OpenTelemetry API
const HELP_MAX_CHARS = 1024
/** How many attribute sets of one metric are compared, where they give the same labels: a few do by accident, many by intent. */
const ALIKE_MAX = 8
/** What an entry costs beside its texts, roughly: objects and map slots. */
const OVERHEAD_BYTES = 500

/** Everything that is on the page, found again by the bytes that name it, and forgotten when it is not heard of for a while. */
export class Registry {
  readonly families = new Map<string, Family>()
  readonly targets = new Map<string, Target>()
  readonly naming: Naming
  streams = 0
  sizeBytes = 0
  private readonly limits: Limits
  private readonly claims = new Map<string, Family>()
  private readonly loose = new Set<Metric>()
  private sweptMs = 0

  constructor(naming: Naming, limits: Limits) {
    this.naming = naming
    this.limits = limits
  }

  addTarget(key: string, attributes: readonly Attribute[]): Target {
    const { translation, resourceLabels } = this.naming
    const value = new Map(attributes)
    const [namespace, service] = [value.get('service.namespace') ?? '', value.get('service.name') ?? '']
    const labels = new Labels(translation)
      .set('job', namespace !== '' && service !== '' ? `${namespace}/${service}` : service)
      .set('instance', value.get('service.instance.id') ?? '')
    // Without job and instance a target_info belongs to nobody.
    const all = labels.text === '' ? '' : new Labels(translation, labels).addAll(attributes).text
    const info = all.length > TARGET_LABELS_MAX_CHARS ? '' : all
    const copied = attributes.filter(([name]) => resourceLabels.includes(name))
    labels.addAll(copied, ['le', 'quantile'])
    const target: Target = { key, labels, info, scopes: new Map(), sizeBytes: OVERHEAD_BYTES + key.length + 2 * info.length }
    this.targets.set(key, target)
    this.sizeBytes += target.sizeBytes
    return target
  }

  addScope(target: Target, key: string, named: readonly Attribute[], attributes: readonly Attribute[]): Scope {
    const labels = new Labels(this.naming.translation, target.labels)
    if (this.naming.scopeLabels) {
      labels.addAll(named, ['le', 'quantile'])
      labels.addAll(attributes, ['le', 'quantile'], 'otel_scope_')
    }
    const scope: Scope = { target, key, labels, metrics: new Map() }
    target.scopes.set(key, scope)
    this.sizeBytes += key.length + OVERHEAD_BYTES
    return scope
  }

  addMetric(scope: Scope, key: string, kind: Kind, otlp: { name: string; unit: string; help: string }): Metric {
    const family = kind.refusal === '' ? this.familyOf(kind, otlp) : kind.refusal
    const refused = typeof family === 'string'
    const metric: Metric = {
      scope,
      key,
      name: otlp.name,
      kind,
      family: refused ? null : family,
      refusal: refused ? family : 'invalid',
      streams: new Map()
    }
    scope.metrics.set(key, metric)
    this.loose.add(metric)
    this.sizeBytes += key.length + OVERHEAD_BYTES
    return metric
  }

  private familyOf(kind: Kind, otlp: { name: string; unit: string; help: string }): Family | DropReason {
    if (otlp.name === '') return 'invalid'
    if (otlp.name.length > NAME_MAX_CHARS || otlp.unit.length > UNIT_MAX_CHARS) return 'name_too_long'
    // A sum that may fall is a gauge here, but what it counts is no ratio.
    const of = otlp.unit === '1' && kind.together === 'sum' ? '' : otlp.unit
    const { name, unit } = metricName(otlp.name, of, kind.type, this.naming.translation)
    const known = this.families.get(name)
    if (known !== undefined) return known.type === kind.type ? known : 'type_conflict'
    const family: Family = {
      name,
      type: kind.type,
      help: otlp.help.slice(0, HELP_MAX_CHARS).toWellFormed(),
      unit,
      series: new Map(),
      overflow: null
    }
    const claimed = sampleNames(name, kind.type)
    if (claimed.some((claim) => this.claims.has(claim))) return 'name_conflict'
    for (const claim of claimed) this.claims.set(claim, family)
    this.families.set(name, family)
    return family
  }

  /** The stream of a point that is not known by its bytes; or why there is none. */
  addStream(metric: Metric, point: Point, nowMs: number): Stream | DropReason {
    const { family, kind } = metric
    if (family === null) return metric.refusal
    const attributes = attributesOf(point.key, kind.shape)
    const labels = new Labels(this.naming.translation, metric.scope.labels).addAll(attributes, RESERVED[kind.shape]).text
    if (labels.length > LABELS_MAX_CHARS) return 'labels_too_long'
    const others = family.series.get(labels)?.streams ?? []
    let compared = 0
    for (const stream of others) {
      if (stream.metric.kind.shape !== kind.shape) return 'type_conflict'
      if (stream.metric !== metric || compared++ >= ALIKE_MAX) continue
      if (sameAttributes(attributes, attributesOf(stream.key, kind.shape))) return rekey(stream, point.key)
    }
    const moved = kind.delta || point.startNs === 0 ? undefined : others.find((stream) => isMoved(stream, metric, point.startNs))
    if (moved !== undefined) {
      const stream = this.attach(metric, point, labels)
      this.forget(moved)
      return stream
    }
    if (this.isFull(point.key.length)) this.sweep(nowMs)
    if (this.isFull(point.key.length)) return 'full'
    if (!family.series.has(labels) && family.series.size >= this.limits.seriesPerMetricMax) {
      return kind.delta ? this.overflowOf(metric, family, point) : 'metric_full'
    }
    return this.attach(metric, point, labels)
  }

  private attach(metric: Metric, point: Point, labels: string, key = point.key): Stream {
    const { series: all } = metric.family as Family
    const sizeBytes = OVERHEAD_BYTES + key.length + 2 * labels.length + valueBytes(point, metric.kind.shape)
    const known = all.get(labels)
    const stream: Stream = {
      metric,
      key,
      series: known as Series,
      sizeBytes,
      value: newValue(metric.kind.shape),
      startNs: 0,
      timeNs: 0,
      seenMs: 0,
      exemplars: null
    }
    if (known === undefined) {
      stream.series = { labels, streams: [stream], departed: null }
      all.set(labels, stream.series)
    } else known.streams.push(stream)
    metric.streams.set(key, stream)
    this.streams++
    this.sizeBytes += sizeBytes
    return stream
  }

  // One for the whole family, without the labels of any source: its number is bounded by the number of families.
  private overflowOf(metric: Metric, family: Family, point: Point): Stream | DropReason {
    const known = family.overflow
    if (known !== null) return known.metric.kind.shape === metric.kind.shape ? known : 'metric_full'
    const labels = new Labels(this.naming.translation).set('otel_metric_overflow', 'true').text
    family.overflow = this.attach(metric, point, labels, OVERFLOW_KEY)
    return family.overflow
  }

  private isFull(keyBytes: number): boolean {
    return this.streams >= this.limits.seriesMax || this.sizeBytes + keyBytes > this.limits.sizeMaxBytes
  }

  /** Takes a source out of its series. What it had counted stays, where others go on counting. */
  remove(stream: Stream): void {
    const { series, metric } = stream
    if (metric.kind.together === 'total' && series.streams.length > 1) settle(series, stream)
    this.forget(stream)
  }

  private forget(stream: Stream): void {
    const { series, metric, key } = stream
    const family = metric.family as Family
    series.streams.splice(series.streams.indexOf(stream), 1)
    if (series.streams.length === 0) family.series.delete(series.labels)
    if (family.overflow === stream) family.overflow = null
    metric.streams.delete(key)
    this.streams--
    this.sizeBytes -= stream.sizeBytes
    this.loose.add(metric)
  }

  /**
   * Takes out metrics that have no series, and families, scopes and targets that have nothing else. To be called when nobody holds a metric:
   * after a resource of a batch, and before a page.
   */
  tidy(): void {
    for (const metric of this.loose) this.prune(metric)
    this.loose.clear()
  }

  private prune({ scope, family, key, streams }: Metric): void {
    if (family !== null && family.series.size === 0 && this.families.delete(family.name)) {
      for (const claim of sampleNames(family.name, family.type)) this.claims.delete(claim)
    }
    if (streams.size > 0) return
    scope.metrics.delete(key)
    this.sizeBytes -= key.length + OVERHEAD_BYTES
    this.pruneScope(scope)
    this.pruneTarget(scope.target)
  }

  /** Takes a scope out when it has no metric. */
  pruneScope({ target, key, metrics }: Scope): void {
    if (metrics.size === 0 && target.scopes.delete(key)) this.sizeBytes -= key.length + OVERHEAD_BYTES
  }

  /** Takes a target out when it has no scope. */
  pruneTarget({ key, scopes, sizeBytes }: Target): void {
    if (scopes.size === 0 && this.targets.delete(key)) this.sizeBytes -= sizeBytes
  }

  /** Forgets what was not heard of for `expireAfter`. Cheap to call often: it looks once a second at most. */
  sweep(nowMs: number): void {
    if (nowMs - this.sweptMs < SWEEP_EVERY_MS) return
    this.sweptMs = nowMs
    for (const family of [...this.families.values()]) {
      for (const series of [...family.series.values()]) {
        for (const stream of [...series.streams]) if (nowMs - stream.seenMs > this.limits.expireAfterMs) this.remove(stream)
      }
    }
  }
}

const SWEEP_EVERY_MS = 1000
const OVERFLOW_KEY = 'overflow'
const RESERVED: Readonly<Record<Shape, readonly string[]>> = { number: [], histogram: ['le'], exponential: ['le'], summary: ['quantile'] }

// The same attributes in another order are the same series of the same source.
function rekey(stream: Stream, key: string): Stream {
  const { streams } = stream.metric
  streams.delete(stream.key)
  stream.key = key
  streams.set(key, stream)
  return stream
}

function valueBytes(point: Point, shape: Shape): number {
  if (shape === 'exponential') return 1024
  if (shape === 'histogram') return 16 * point.counts.length
  return shape === 'summary' ? 64 * point.quantiles.length : 0
}
