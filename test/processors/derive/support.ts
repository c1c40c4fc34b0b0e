import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import type { Host, Processor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { Draft, KeyValue, Metric, Span } from '../../../src/otlp/objects.ts'
import { derive } from '../../../src/processors/derive/derive.ts'
import { host } from '../../support/host.ts'

export type Attributes = Readonly<Record<string, string | number | boolean | readonly string[]>>

/** derive with these options, as a configuration file would give them. */
export function deriveWith(options: object = {}, parts: Partial<Host> = {}): Processor {
  return derive.create(z.strictObject(derive.options).parse(options), host(parts))
}

export const START = 1_700_000_000_000_000_000n

export interface SpanFacts {
  name?: string
  kind?: number
  ms?: number
  status?: number
  attributes?: Attributes
  traceState?: string
  traceId?: string
  spanId?: string
}

export const SERVER = 2
export const CLIENT = 3
export const ERROR = 2

export function spanOf({ ms = 20, status, attributes = {}, ...span }: SpanFacts): Draft<Span> {
  return {
    traceId: '0af7651916cd43dd8448eb211c80319c',
    spanId: 'b7ad6b7169203331',
    name: 'work',
    kind: 1,
    startTimeUnixNano: START,
    endTimeUnixNano: START + BigInt(Math.round(ms * 1e6)),
    attributes: keyValues(attributes),
    status: status === undefined ? undefined : { code: status },
    ...span
  }
}

export function requestOf(spans: readonly Draft<Span>[], resource: Attributes = { 'service.name': 'worker' }): Batch {
  const bytes = encode('ExportTraceServiceRequest', {
    resourceSpans: [{ resource: { attributes: keyValues(resource) }, scopeSpans: [{ spans }] }]
  })
  return parseBatch('traces', bytes)
}

export function metricsOf(processor: Processor): Metric[] {
  const batch = processor.collect!()
  if (batch === null) return []
  return decode('ExportMetricsServiceRequest', batch.bytes).resourceMetrics!.flatMap((entry) => entry.scopeMetrics![0].metrics!)
}

/** All points as lines: `name{label=value,…} count`, and for histograms ` sum`, sorted. `only` is the name to show. */
export function linesOf(processor: Processor, only: string): string[] {
  const lines: string[] = []
  for (const { name, sum, histogram, exponentialHistogram } of metricsOf(processor)) {
    if (name !== only) continue
    for (const point of sum?.dataPoints ?? []) lines.push(`{${labels(point.attributes)}} ${point.asInt}`)
    for (const point of histogram?.dataPoints ?? exponentialHistogram?.dataPoints ?? []) {
      lines.push(`{${labels(point.attributes)}} ${point.count} ${Math.round((point.sum ?? 0) * 1e6) / 1e6}`)
    }
  }
  return lines.sort()
}

function labels(attributes: KeyValue[] = []): string {
  return attributes.map(({ key, value }) => `${key}=${value?.stringValue ?? value?.boolValue}`).join()
}

function keyValues(attributes: Attributes): Draft<KeyValue>[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value:
      typeof value === 'string'
        ? { stringValue: value }
        : typeof value === 'boolean'
          ? { boolValue: value }
          : typeof value === 'object'
            ? { arrayValue: { values: value.map((stringValue) => ({ stringValue })) } }
            : Number.isInteger(value)
              ? { intValue: value }
              : { doubleValue: value }
  }))
}
