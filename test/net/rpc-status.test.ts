import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import protobuf from 'protobufjs'
import { RefusedError } from '../../src/errors.ts'
import { encodeStatus, grpcCode, NOT_FOUND, StatusError } from '../../src/net/rpc-status.ts'

const { root } = protobuf.parse(`
  syntax = "proto3";
  message Any { string type_url = 1; bytes value = 2; }
  message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
  message Duration { int64 seconds = 1; int32 nanos = 2; }
  message RetryInfo { Duration retry_delay = 1; }
  message FieldViolation { string field = 1; string description = 2; }
  message BadRequest { repeated FieldViolation field_violations = 1; }
`)

function decoded(error: RefusedError): unknown {
  const status = root.lookupType('Status').decode(encodeStatus(error)) as unknown as {
    code: number
    message: string
    details: { typeUrl: string; value: Uint8Array }[]
  }
  const details = status.details.map(({ typeUrl, value }) => {
    const name = typeUrl.replace('type.googleapis.com/google.rpc.', '')
    return { [name]: root.lookupType(name).toObject(root.lookupType(name).decode(value), { longs: Number }) }
  })
  return [status.code, status.message, ...details]
}

test('a status carries what its sender may do', () => {
  const f = (error: RefusedError, ...expected: unknown[]): void => deepStrictEqual(decoded(error), expected)
  f(new RefusedError('too-large', 'big'), 8, 'big')
  f(new RefusedError('invalid', 'bäd'), 3, 'bäd', { BadRequest: { fieldViolations: [{ description: 'bäd' }] } })
  f(new RefusedError('overloaded', 'full', { retryAfterMs: 5000 }), 14, 'full', { RetryInfo: { retryDelay: { seconds: 5 } } })
  f(new RefusedError('busy', 'b', { retryAfterMs: 1250 }), 8, 'b', { RetryInfo: { retryDelay: { seconds: 1, nanos: 250_000_000 } } })
  f(new RefusedError('unavailable', 'x'.repeat(70_000), { retryAfterMs: 0 }), 14, 'x'.repeat(70_000), { RetryInfo: { retryDelay: {} } })
})

test('a closer gRPC code wins over the table', () => {
  strictEqual(grpcCode(new RefusedError('not-found', 'x')), 12)
  strictEqual(grpcCode(new StatusError(NOT_FOUND, 'not-found', 'x')), 5)
})
