import { SERVICE_MISSING } from '../../datadog/naming.ts'
import { ROW, STATUS_ERROR } from '../../datadog/statistics.ts'
import { decode } from '../../otlp/decode.ts'
import type { ExponentialHistogramDataPoint, KeyValue } from '../../otlp/objects.ts'
import { type Bins, NO_BINS, sumOf } from './sketch.ts'
import { attributesOf } from './span-facts.ts'
import { type Sender, senderOf } from './tags.ts'
import { textIn } from './values.ts'

/** Statistics of spans that are alike, but for their outcome. */
export interface StatRow {
  /** Without the outcome. */
  readonly attributes: readonly KeyValue[]
  readonly texts: ReadonlyMap<string, string>
  /** Of the batch, that went into this one. */
  items: number
  readonly ok: Outcomes
  readonly error: Outcomes
}

/** How often, and how long. */
export interface Outcomes {
  hits: number
  /** Durations in nanoseconds. */
  sum: number
  min: number
  max: number
  bins: Bins
}

/** What one sender did in one period. Each batch tells of its own; of what is alike after redaction there is one row. */
export interface StatGroup {
  readonly key: string
  readonly sender: Sender
  readonly resource: readonly KeyValue[]
  readonly language: string
  readonly startNano: bigint
  /** As the points are dated. */
  readonly timeNano: bigint
  readonly rows: Map<string, StatRow>
  /** Rows of the batch. */
  items: number
}

/** Reads a batch of the signal `stats`. */
export function statGroupsOf(bytes: Uint8Array, hostname: string | undefined): StatGroup[] {
  const groups = new Map<string, StatGroup>()
  for (const { resource, scopeMetrics = [] } of decode('ExportMetricsServiceRequest', bytes).resourceMetrics ?? []) {
    const attributes = resource?.attributes ?? []
    const told = attributes.map(({ key, value }) => `${key}=${textIn(value)}`).sort()
    for (const { metrics = [] } of scopeMetrics) {
      for (const { exponentialHistogram } of metrics) {
        for (const point of exponentialHistogram?.dataPoints ?? []) {
          const { startTimeUnixNano: startNano = 0n, timeUnixNano: timeNano = 0n } = point
          const key = JSON.stringify([`${startNano}`, `${timeNano}`, told])
          let group = groups.get(key)
          if (group === undefined) {
            const sender = senderOf(attributes, hostname)
            const language = textIn(attributesOf(attributes).get('telemetry.sdk.language')) ?? ''
            group = { key, sender, resource: attributes, language, startNano, timeNano, rows: new Map(), items: 0 }
            groups.set(key, group)
          }
          add(group, point)
        }
      }
    }
  }
  return [...groups.values()]
}

function add(group: StatGroup, point: ExponentialHistogramDataPoint): void {
  const attributes = (point.attributes ?? []).filter(({ key }) => key !== ROW.status)
  if (!attributes.some(({ key }) => key === ROW.service))
    attributes.unshift({ key: ROW.service, value: { stringValue: group.sender.service ?? SERVICE_MISSING } })
  const key = JSON.stringify(attributes.map(({ key, value }) => [key, textIn(value)]))
  let row = group.rows.get(key)
  if (row === undefined) {
    const texts = new Map(Array.from(attributesOf(attributes), ([name, value]): [string, string] => [name, textIn(value) ?? '']))
    row = { attributes, texts, items: 0, ok: none(), error: none() }
    group.rows.set(key, row)
  }
  const isError = point.attributes?.some(({ key, value }) => key === ROW.status && value?.stringValue === STATUS_ERROR)
  const to = isError ? row.error : row.ok
  to.hits += Number(point.count ?? 0n)
  to.sum += point.sum ?? 0
  to.min = Math.min(to.min, point.min ?? Number.POSITIVE_INFINITY)
  to.max = Math.max(to.max, point.max ?? 0)
  const { offset = 0, bucketCounts = [] } = point.positive ?? {}
  to.bins = sumOf(to.bins, { offset, counts: bucketCounts.map(Number), zeros: Number(point.zeroCount ?? 0n) })
  row.items++
  group.items++
}

function none(): Outcomes {
  return { hits: 0, sum: 0, min: Number.POSITIVE_INFINITY, max: 0, bins: NO_BINS }
}
