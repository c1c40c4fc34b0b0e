import { strictEqual } from 'node:assert/strict'
import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import type { Processor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { AnyValue, Draft, KeyValue, LogRecord, Span } from '../../../src/otlp/objects.ts'
import { errors } from '../../../src/processors/errors/errors.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'

export const TRACE = '0af7651916cd43dd8448eb211c80319c'
export const SECOND = 1_700_000_000_000_000_000n

export type Attributes = Readonly<Record<string, string | number | boolean | Draft<AnyValue>>>

export function keyValues(attributes: Attributes): Draft<KeyValue>[] {
  return Object.entries(attributes).map(([key, value]) => ({ key, value: anyValue(value) }))
}

function anyValue(value: Attributes[string]): Draft<AnyValue> {
  if (typeof value === 'string') return { stringValue: value }
  if (typeof value === 'number') return { intValue: value }
  return typeof value === 'boolean' ? { boolValue: value } : value
}

/** An exception event; `atMs` counts from SECOND. */
export function exception(type: string, message: string, stacktrace = '', atMs = 0, more: Attributes = {}): Draft<Span>['events'] {
  const attributes = { ...(type === '' ? {} : { 'exception.type': type }), ...(message === '' ? {} : { 'exception.message': message }) }
  const all = stacktrace === '' ? attributes : { ...attributes, 'exception.stacktrace': stacktrace }
  return [{ name: 'exception', timeUnixNano: at(atMs), attributes: keyValues({ ...all, ...more }) }]
}

export const at = (ms: number): bigint => SECOND + BigInt(Math.round(ms * 1000)) * 1000n

let spans = 0

export function span(parts: Draft<Span> = {}): Draft<Span> {
  const spanId = (++spans).toString(16).padStart(16, '0')
  return { traceId: TRACE, spanId, name: 'work', kind: 1, startTimeUnixNano: at(-100), endTimeUnixNano: at(100), ...parts }
}

export function log(text: string, parts: Draft<LogRecord> = {}): Draft<LogRecord> {
  return { timeUnixNano: at(0), severityNumber: 9, body: { stringValue: text }, ...parts }
}

export function traces(list: readonly Draft<Span>[], resource: Attributes = { 'service.name': 'worker' }, scope = 'tests'): Batch {
  const scopeSpans = [{ scope: { name: scope }, spans: list }]
  return parseBatch(
    'traces',
    encode('ExportTraceServiceRequest', { resourceSpans: [{ resource: { attributes: keyValues(resource) }, scopeSpans }] })
  )
}

export function logs(list: readonly Draft<LogRecord>[], resource: Attributes = { 'service.name': 'worker' }, scope = 'tests'): Batch {
  const scopeLogs = [{ scope: { name: scope }, logRecords: list }]
  return parseBatch(
    'logs',
    encode('ExportLogsServiceRequest', { resourceLogs: [{ resource: { attributes: keyValues(resource) }, scopeLogs }] })
  )
}

/** An error as it was sent: its record, with plain attributes, and its resource. */
export interface Sent {
  readonly record: LogRecord
  readonly attributes: Readonly<Record<string, unknown>>
  readonly resource: Readonly<Record<string, unknown>>
  readonly scope: string
}

export function plain(value: AnyValue | undefined): unknown {
  if (value?.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plain)
  if (value?.kvlistValue !== undefined) return plainAttributes(value.kvlistValue.values)
  return value?.stringValue ?? value?.intValue ?? value?.doubleValue ?? value?.boolValue ?? value?.bytesValue
}

export function plainAttributes(list: readonly KeyValue[] = []): Record<string, unknown> {
  return Object.fromEntries(list.map(({ key = '', value }) => [key, plain(value)]))
}

export function sentIn(batch: Batch | null): Sent[] {
  if (batch === null) return []
  strictEqual(batch.signal, 'errors')
  // What was spawned must be what a stranger may send.
  strictEqual(parseBatch('errors', batch.bytes).items, batch.items)
  const { resourceLogs = [] } = decode('ExportLogsServiceRequest', batch.bytes)
  return resourceLogs.flatMap(({ resource, scopeLogs = [] }) =>
    scopeLogs.flatMap(({ scope, logRecords = [] }) =>
      logRecords.map((record) => ({
        record,
        attributes: plainAttributes(record.attributes),
        resource: plainAttributes(resource?.attributes),
        scope: scope?.name ?? ''
      }))
    )
  )
}

await errors.prepare?.()

export interface Open {
  readonly processor: Processor
  readonly metrics: Metrics
  take(batch: Batch): Sent[]
  flush(isLast?: boolean): Sent[]
}

/** Errors wait for nothing unless told otherwise. */
export function open(options: object = {}): Open {
  const { trail } = options as { readonly trail?: object }
  const metrics = new Metrics()
  const processor = errors.create(
    z.strictObject(errors.options).parse({ wait: '0s', ...options, trail: { wait: '0s', ...trail } }),
    host({ metrics })
  )
  return {
    processor,
    metrics,
    take(batch) {
      strictEqual(processor.process(batch), batch)
      return sentIn(processor.spawn?.() ?? null)
    },
    flush: (isLast) => sentIn(processor.flush?.(isLast) ?? null)
  }
}

/** One of the processor's counters, by the value of its label. */
export function counts(metrics: Metrics, name: string): Record<string, number> {
  const { samples = [] } = metrics.families().find((family) => family.name === name) ?? {}
  const entries = samples.map(({ labels, value }): [string, number] => [Object.values(labels).join(), value])
  return Object.fromEntries(entries.filter(([, value]) => value !== 0))
}

/** Seen is sent, duplicate, limited, dropped or held; grouped is what is neither duplicate nor dropped. */
export function balances(metrics: Metrics): void {
  const sum = (name: string): number => Object.values(counts(metrics, name)).reduce((all, value) => all + value, 0)
  strictEqual(sum('sluice_errors_seen_total'), sum('sluice_errors_total') + sum('sluice_errors_held'))
  const { duplicate = 0, dropped = 0 } = counts(metrics, 'sluice_errors_total')
  strictEqual(sum('sluice_errors_grouped_total'), sum('sluice_errors_seen_total') - duplicate - dropped)
}
