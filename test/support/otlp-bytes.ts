// Small requests written by hand, field by field, for tests that look at single bytes.
import { lengthDelimited } from '../../src/otlp/wire.ts'

export const message = (number: number, ...parts: Uint8Array[]): Buffer => lengthDelimited(number, Buffer.concat(parts))
export const string = (number: number, text: string): Buffer => lengthDelimited(number, Buffer.from(text))
export const varint = (number: number, ...value: number[]): Buffer => Buffer.from([number << 3, ...value])

export function fixed64(number: number, value: bigint): Buffer {
  const out = Buffer.alloc(9)
  out[0] = (number << 3) | 1
  out.writeBigUInt64LE(value, 1)
  return out
}

/** A KeyValue field of the given number. */
export const attribute = (number: number, key: string, value: string): Buffer =>
  message(number, string(1, key), message(2, string(1, value)))

export interface SpanParts {
  traceId?: string
  spanId?: string
  name?: string
  kind?: number
  traceState?: string
  startUnixNano?: bigint
  endUnixNano?: bigint
  status?: number
  attributes?: Record<string, string>
}

/** A Span's fields, without its tag. */
export function span(parts: SpanParts = {}): Buffer {
  const { traceId = '0af7651916cd43dd8448eb211c80319c', spanId = 'b7ad6b7169203331', name = 'GET /', kind = 2 } = parts
  const {
    traceState,
    startUnixNano = 1_700_000_000_000_000_000n,
    endUnixNano = 1_700_000_000_250_000_000n,
    status,
    attributes = {}
  } = parts
  return Buffer.concat([
    message(1, Buffer.from(traceId, 'hex')),
    message(2, Buffer.from(spanId, 'hex')),
    ...(traceState === undefined ? [] : [string(3, traceState)]),
    string(5, name),
    varint(6, kind),
    fixed64(7, startUnixNano),
    fixed64(8, endUnixNano),
    ...Object.entries(attributes).map(([key, value]) => attribute(9, key, value)),
    ...(status === undefined ? [] : [message(15, varint(3, status))])
  ])
}

/** One resource, one scope, and these records. Serves all signals, whose outer numbers are alike. */
export function request(
  records: readonly Uint8Array[],
  resource: Record<string, string> = { 'service.name': 'worker' },
  scope = 'test'
): Buffer {
  return message(
    1,
    message(1, ...Object.entries(resource).map(([key, value]) => attribute(1, key, value))),
    message(2, message(1, string(1, scope)), ...records.map((record) => message(2, record)))
  )
}
