// google.rpc.Status, the body of every refusal in gRPC and in OTLP/HTTP:
// Status { int32 code = 1; string message = 2; repeated Any details = 3 }, Any { string type_url = 1; bytes value = 2 }
// RetryInfo { Duration retry_delay = 1 { int64 seconds = 1; int32 nanos = 2 } }
// BadRequest { repeated FieldViolation field_violations = 1 { string field = 1; string description = 2 } }
import { REFUSALS, RefusedError } from '../errors.ts'

export const RETRY_INFO = 'type.googleapis.com/google.rpc.RetryInfo'
export const BAD_REQUEST = 'type.googleapis.com/google.rpc.BadRequest'

/** gRPC's own codes, where the table of refusals has no row. */
export const NOT_FOUND = 5
export const INTERNAL = 13

/** A refusal that gRPC has a closer code for than the table. */
export class StatusError extends RefusedError {
  readonly grpc: number

  constructor(grpc: number, ...rest: ConstructorParameters<typeof RefusedError>) {
    super(...rest)
    this.grpc = grpc
  }
}

export function grpcCode(error: RefusedError): number {
  return error instanceof StatusError ? error.grpc : REFUSALS[error.code].grpc
}

/** Writes a refusal as google.rpc.Status: with RetryInfo if the sender may try again, with BadRequest if it never should. */
export function encodeStatus(error: RefusedError): Buffer {
  const code = Buffer.from([1 << 3, grpcCode(error)])
  const message = field(2, Buffer.from(error.message))
  if (error.retryable) return Buffer.concat([code, message, any(RETRY_INFO, field(1, duration(error.retryAfterMs ?? 0)))])
  if (error.code === 'invalid') return Buffer.concat([code, message, any(BAD_REQUEST, field(1, field(2, Buffer.from(error.message))))])
  return Buffer.concat([code, message])
}

function any(typeUrl: string, value: Buffer): Buffer {
  return field(3, Buffer.concat([field(1, Buffer.from(typeUrl)), field(2, value)]))
}

function duration(ms: number): Buffer {
  const nanos = (ms % 1000) * 1e6
  const parts = [Buffer.from([1 << 3]), varint(Math.floor(ms / 1000))]
  return Buffer.concat(nanos === 0 ? parts : [...parts, Buffer.from([2 << 3]), varint(nanos)])
}

function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(content.length), content])
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return Buffer.from([...bytes, value])
}
