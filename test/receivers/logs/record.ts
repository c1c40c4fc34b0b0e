import { type OtlpSignal, SHAPES } from '../../../src/otlp/signal.ts'
import { judge } from '../../fuzz/proto.ts'

/** A log record as a test compares it: what is empty is left out. */
export interface Read {
  body: unknown
  /** Nanoseconds since 1970, in digits. */
  time?: string
  severity?: number
  service?: string
  traceId?: string
  spanId?: string
  attributes: Record<string, unknown>
  scope: string
}

// biome-ignore lint/suspicious/noExplicitAny: a tree as protobufjs makes it
type Tree = any

/** The log records of a request, as another protobuf decoder reads them. */
export function recordsIn(bytes: Uint8Array): Read[] {
  const type = judge(SHAPES['logs' satisfies OtlpSignal].request)
  const tree: Tree = type.toObject(type.decode(bytes), { longs: String, bytes: String })
  return (tree.resourceLogs ?? []).flatMap(({ resource, scopeLogs }: Tree) =>
    scopeLogs.flatMap(({ scope, logRecords }: Tree) =>
      logRecords.map((record: Tree) => read(record, fieldsOf(resource?.attributes), scope))
    )
  )
}

function read(record: Tree, resource: Record<string, unknown>, scope: Tree): Read {
  const { timeUnixNano: time, severityNumber: severity, traceId, spanId, body, attributes } = record
  const hex = (base64: string): string => Buffer.from(base64, 'base64').toString('hex')
  return {
    body: readValue(body ?? {}),
    ...(time === undefined || time === '0' ? {} : { time }),
    ...(severity ? { severity } : {}),
    ...(resource['service.name'] === undefined ? {} : { service: String(resource['service.name']) }),
    ...(traceId ? { traceId: hex(traceId) } : {}),
    ...(spanId ? { spanId: hex(spanId) } : {}),
    attributes: fieldsOf(attributes),
    scope: scope?.name
  }
}

function fieldsOf(pairs: readonly Tree[] = []): Record<string, unknown> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, readValue(value)]))
}

function readValue(value: Tree): unknown {
  if (value.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(readValue)
  if (value.kvlistValue !== undefined) return fieldsOf(value.kvlistValue.values)
  if (value.intValue !== undefined) return Number(value.intValue)
  return Object.values(value)[0]
}
