import type { Exemplars } from './exemplars.ts'
import type { Labels } from './labels.ts'
import type { FamilyType } from './names.ts'
import type { Shape } from './point.ts'
import { newValue, type Value } from './values.ts'

/** Why a data point is not on the page. */
export const DROP_REASONS = [
  'invalid', // the point contradicts itself or its type
  'temporality', // a sum or histogram that says neither delta nor cumulative
  'type_conflict', // the name belongs to a metric of another type
  'name_conflict', // a sample name belongs to another metric, as `x_count` to the histogram `x`
  'out_of_order', // older than what is shown, or a delta that came before
  'metric_full', // the metric has seriesPerMetricMax series
  'full', // all metrics together have seriesMax, or sizeMax
  'labels_too_long',
  'name_too_long',
  'too_many_buckets'
] as const
export type DropReason = (typeof DROP_REASONS)[number]

/** What a metric is, whoever sends it. */
export interface Kind {
  readonly shape: Shape
  readonly type: FamilyType
  readonly delta: boolean
  /** How sources of one series come together: their sum, their sum for as long as they live, or the latest of them. */
  readonly together: 'total' | 'sum' | 'latest'
  /** Why no metric of this kind can be shown, or empty. */
  readonly refusal: DropReason | ''
}

/** All series of one name. */
export interface Family {
  readonly name: string
  readonly type: FamilyType
  readonly help: string
  readonly unit: string
  readonly series: Map<string, Series>
  /** Where deltas go whose own series found no room. */
  overflow: Stream | null
}

/** One line, or one group of lines, of the page. Usually of one source; sources that render alike share it. */
export interface Series {
  readonly labels: string
  readonly streams: Stream[]
  /** What sources that are gone have left, so that a total never falls because one of several has gone. */
  departed: Value | null
}

/** One series of one source: a resource, a scope, a metric and a set of attributes as they came. */
export interface Stream {
  readonly metric: Metric
  key: string
  series: Series
  readonly sizeBytes: number
  value: Value
  startNs: number
  timeNs: number
  seenMs: number
  exemplars: Exemplars | null
}

export interface Metric {
  readonly scope: Scope
  readonly key: string
  /** As OTLP has it. */
  readonly name: string
  readonly kind: Kind
  /** Null when the metric cannot be shown at all, for `refusal`. */
  readonly family: Family | null
  readonly refusal: DropReason
  readonly streams: Map<string, Stream>
}

export interface Scope {
  readonly target: Target
  readonly key: string
  readonly labels: Labels
  readonly metrics: Map<string, Metric>
}

/** One resource: the worker that the telemetry comes from. */
export interface Target {
  readonly key: string
  readonly labels: Labels
  /** The labels of its target_info, or empty when it has none. */
  readonly info: string
  readonly scopes: Map<string, Scope>
  readonly sizeBytes: number
}

/** Every name that a family of this type may write in front of a value. */
export function sampleNames(name: string, type: FamilyType): string[] {
  if (type === 'histogram') return [name, `${name}_bucket`, `${name}_sum`, `${name}_count`, `${name}_created`]
  if (type === 'summary') return [name, `${name}_sum`, `${name}_count`, `${name}_created`]
  return [name]
}

/** Puts what a source has counted so far to what the series keeps of those that are gone. */
export function settle(series: Series, { value, metric }: Stream): void {
  series.departed ??= newValue(metric.kind.shape)
  series.departed.merge(value as never)
}
