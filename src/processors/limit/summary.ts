import { decode } from '../../otlp/decode.ts'
import { encode } from '../../otlp/encode.ts'
import type { AnyValue, Draft, KeyValue, LogRecord } from '../../otlp/objects.ts'
import { lengthDelimited } from '../../otlp/wire.ts'
import type { Repeat } from './repeats.ts'
import { RANGES, SEVERITY_WARN } from './severity.ts'
import type { Source } from './sources.ts'

const SCOPE = 'sluice.limit'
const QUOTED_LENGTH_MAX = 200

/** One log record for each source and each repetition: how many records of it were taken out. As one ExportLogsServiceRequest. */
export function summarize(sources: readonly Source[], repeats: readonly Repeat[], sinceMs: number, nowMs: number): Uint8Array {
  return Buffer.concat([
    ...sources.map((source) => resourceLogs(source.resource, summaryOf(source, sinceMs, nowMs))),
    ...repeats.map((repeat) => resourceLogs(repeat.resource, repetitionOf(repeat, nowMs)))
  ])
}

// The wire: request { ResourceLogs = 1 }, ResourceLogs { Resource = 1, ScopeLogs = 2 }
function resourceLogs(resource: Uint8Array, record: Draft<LogRecord>): Buffer {
  const scopeLogs = encode('ScopeLogs', { scope: { name: SCOPE }, logRecords: [record] })
  return lengthDelimited(1, Buffer.concat([lengthDelimited(1, resource), lengthDelimited(2, scopeLogs)]))
}

function summaryOf({ suppressed }: Source, sinceMs: number, nowMs: number): Draft<LogRecord> {
  const counts = suppressed ?? []
  const all = counts.reduce((sum, count) => sum + count, 0)
  const seconds = Math.max(1, Math.round((nowMs - sinceMs) / 1000))
  const split = counts.flatMap((count, range) => (count === 0 ? [] : [integer(`sluice.limit.records.${RANGES[range]}`, count)]))
  return record(nowMs, nowMs, SEVERITY_WARN, `${all} log records of this source were over its rate and were taken out in ${seconds} s`, [
    { key: 'sluice.limit.reason', value: { stringValue: 'rate' } },
    integer('sluice.limit.records', all),
    ...split
  ])
}

// Its time is when the record came first, which is known by the clock that no one sets.
function repetitionOf({ count, body, severity, sinceMs }: Repeat, nowMs: number): Draft<LogRecord> {
  const firstMs = nowMs - (performance.now() - sinceMs)
  const text = textOf(body)
  return record(firstMs, nowMs, severity, `repeated ${count} times${text === '' ? '' : `: ${text}`}`, [
    { key: 'sluice.limit.reason', value: { stringValue: 'repeated' } },
    integer('sluice.limit.records', count)
  ])
}

function record(timeMs: number, nowMs: number, severityNumber: number, text: string, attributes: Draft<KeyValue>[]): Draft<LogRecord> {
  return {
    timeUnixNano: nanos(timeMs),
    observedTimeUnixNano: nanos(nowMs),
    severityNumber,
    body: { stringValue: text },
    attributes
  }
}

const nanos = (ms: number): bigint => BigInt(Math.floor(ms)) * 1_000_000n

const integer = (key: string, value: number): Draft<KeyValue> => ({ key, value: { intValue: BigInt(Math.floor(value)) } })

// Whatever is no text is not quoted.
function textOf(body: Uint8Array): string {
  const { stringValue = '' }: AnyValue = decode('AnyValue', body)
  return stringValue.length > QUOTED_LENGTH_MAX ? `${stringValue.slice(0, QUOTED_LENGTH_MAX)}…` : stringValue
}
