import { z } from 'zod'
import type { Batch } from '../../../src/batch.ts'
import type { Processor } from '../../../src/component.ts'
import type { Facts } from '../../../src/facts/facts.ts'
import { decode } from '../../../src/otlp/decode.ts'
import type { AnyValue, KeyValue, LogRecord, Span } from '../../../src/otlp/objects.ts'
import { enrich } from '../../../src/processors/enrich/enrich.ts'
import { factsOf } from '../../support/gpu-facts.ts'
import { host } from '../../support/host.ts'

/** enrich with these options, as a configuration file would give them, and nothing of this machine. */
export function enrichWith(options: object = {}, facts: Facts = factsOf([]), parts = {}): Processor {
  const quiet = { environment: false, host: false, process: false }
  return enrich.create(z.strictObject(enrich.options).parse({ ...quiet, ...options }), host({ facts, ...parts }))
}

export type Plain = Record<string, unknown>

export const plain = (attributes: KeyValue[] = []): Plain =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value!)]))

function plainValue({ stringValue, intValue, doubleValue, boolValue, arrayValue }: AnyValue): unknown {
  if (arrayValue !== undefined) return (arrayValue.values ?? []).map(plainValue)
  return stringValue ?? (intValue === undefined ? undefined : Number(intValue)) ?? doubleValue ?? boolValue
}

export function spansOf(batch: Batch | null): Span[] {
  return decode('ExportTraceServiceRequest', batch!.bytes).resourceSpans!.flatMap((entry) =>
    entry.scopeSpans!.flatMap((scope) => scope.spans!)
  )
}

export function logsOf(batch: Batch | null): LogRecord[] {
  return decode('ExportLogsServiceRequest', batch!.bytes).resourceLogs!.flatMap((entry) =>
    entry.scopeLogs!.flatMap((scope) => scope.logRecords!)
  )
}

/** The attributes of the first resource. */
export const resourceOf = (batch: Batch | null): Plain =>
  plain(decode('ExportTraceServiceRequest', batch!.bytes).resourceSpans![0].resource?.attributes)
