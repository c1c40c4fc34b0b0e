// What a worker would send, with little to write for each test.

import { z } from 'zod'
import type { RedactedBatch } from '../../../src/batch.ts'
import { parseBatch } from '../../../src/batch.ts'
import type { Folder, Host } from '../../../src/component.ts'
import { prometheus } from '../../../src/exporters/prometheus/prometheus.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { Draft, Objects } from '../../../src/otlp/objects.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { type ParsedFamily, parsePage } from './strict-page.ts'

export type Request = Draft<Objects['ExportMetricsServiceRequest']>
export type Metric = Draft<Objects['Metric']>

export const OPEN_METRICS = 'application/openmetrics-text;version=1.0.0'
export const START = 1_700_000_000_000_000_000n
export const at = (seconds: number): bigint => START + BigInt(Math.round(seconds * 1e9))

type Values = Record<string, string | number | boolean>

export const attributes = (values: Values) =>
  Object.entries(values).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : typeof value === 'number' ? { doubleValue: value } : { boolValue: value }
  }))

export const batchOf = (request: Request): RedactedBatch =>
  parseBatch('metrics', encode('ExportMetricsServiceRequest', request)) as RedactedBatch

export const requestOf = (metrics: readonly Metric[], resource: Values = { 'service.name': 'worker' }, scope: object = {}): Request =>
  ({ resourceMetrics: [{ resource: { attributes: attributes(resource) }, scopeMetrics: [{ scope, metrics: [...metrics] }] }] }) as Request

interface PointParts {
  start?: number
  time?: number
  labels?: Values
  flags?: number
  exemplars?: object[]
}
const common = ({ start = 0, time = 1, labels = {}, flags = 0, exemplars = [] }: PointParts) => ({
  attributes: attributes(labels),
  startTimeUnixNano: at(start),
  timeUnixNano: at(time),
  flags,
  exemplars
})

type NumberPoint = PointParts & { value: number }
type HistogramPoint = PointParts & { counts: number[]; bounds: number[]; sum?: number }

const numbers = (points: readonly NumberPoint[]) => points.map((point) => ({ ...common(point), asDouble: point.value }))

export const gauge = (name: string, ...points: NumberPoint[]): Metric => ({ name, gauge: { dataPoints: numbers(points) } }) as Metric
export const counter = (name: string, ...points: NumberPoint[]): Metric =>
  ({ name, sum: { aggregationTemporality: 2, isMonotonic: true, dataPoints: numbers(points) } }) as Metric
export const delta = (name: string, ...points: NumberPoint[]): Metric =>
  ({ name, sum: { aggregationTemporality: 1, isMonotonic: true, dataPoints: numbers(points) } }) as Metric
export const upDown = (name: string, ...points: NumberPoint[]): Metric =>
  ({ name, sum: { aggregationTemporality: 2, isMonotonic: false, dataPoints: numbers(points) } }) as Metric
export const histogram = (name: string, temporality: 1 | 2, ...points: HistogramPoint[]): Metric =>
  ({
    name,
    histogram: {
      aggregationTemporality: temporality,
      dataPoints: points.map((point) => ({
        ...common(point),
        count: point.counts.reduce((sum, n) => sum + n, 0),
        ...(point.sum === undefined ? {} : { sum: point.sum }),
        bucketCounts: point.counts,
        explicitBounds: point.bounds
      }))
    }
  }) as Metric

/** The component by itself, with the gateway's counters at hand. */
export class Bench {
  readonly metrics = new Metrics()
  readonly said: string[] = []
  readonly folder: Folder

  constructor(options: object = {}) {
    const log = { debug() {}, info() {}, error() {}, warn: (_: object, message: string) => this.said.push(message) }
    const host = { name: 'prometheus', log, metrics: this.metrics, sockets: {}, redactText: (value: string) => value } as unknown as Host
    this.folder = prometheus.create(z.strictObject(prometheus.options).parse(options), host)
  }

  fold(...requests: Request[]): this {
    for (const request of requests) this.folder.fold(batchOf(request))
    return this
  }

  parse(accept = ''): Map<string, ParsedFamily> {
    const { contentType, body } = this.folder.page(accept)
    return parsePage(body, { openMetrics: contentType.startsWith('application/openmetrics'), utf8: contentType.includes('allow-utf-8') })
  }

  /** The lines of a family as they are, without the scope and the gateway's own metrics. */
  lines(name: string, accept = ''): string[] {
    this.parse(accept)
    const { body } = this.folder.page(accept)
    return body.split('\n').filter((line) => line.startsWith(name))
  }

  dropped(): Record<string, number> {
    const family = this.metrics.families().find(({ name }) => name === 'sluice_prometheus_series_dropped_total')
    return Object.fromEntries((family?.samples ?? []).filter(({ value }) => value > 0).map(({ labels, value }) => [labels.reason, value]))
  }
}
