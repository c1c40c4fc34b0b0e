import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { SpanView } from '../../../src/otlp/views.ts'
import { SpanFields } from '../../../src/processors/sample/span-fields.ts'
import { attribute, fixed64, message, string, varint } from '../../support/otlp-bytes.ts'

const view = new SpanView()
const fields = new SpanFields()

function pick({ traceIdStart, traceIdEnd, spanIdEnd, traceStateTag, traceStateStart, traceStateEnd, statusCode }: SpanFields | SpanView) {
  return { traceIdStart, traceIdEnd, spanIdEnd, traceStateTag, traceStateStart, traceStateEnd, statusCode }
}

// A field whose tag and length take more bytes than they need, as they may.
const overlong = (number: number, content: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([(number << 3) | 2 | 128, 128, 0, content.length | 128, 128, 0]), content])

const field = fc.oneof(
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map((id) => message(1, id)),
  fc.uint8Array({ minLength: 8, maxLength: 8 }).map((id) => message(2, id)),
  fc.string({ maxLength: 300 }).map((text) => string(3, text)),
  fc.string({ maxLength: 20_000 }).map((name) => string(5, name)),
  fc.integer({ min: 0, max: 127 }).map((kind) => varint(6, kind)),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map((time) => fixed64(7, time)),
  fc.string().map((value) => attribute(9, 'key', value)),
  fc.constantFrom(message(15), message(15, varint(3, 2)), message(15, string(2, 'late'), varint(3, 0x81, 0))),
  fc.constantFrom(Buffer.from([0x85, 0x01, 1, 3, 0, 0]), varint(10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1)),
  fc.constantFrom(Buffer.from([0xf8, 0x7f, 0x96, 1]), overlong(1, Buffer.alloc(16, 1)), overlong(3, Buffer.from('ot=th:8')))
)

test('property: finds what the view finds, in any order, repeated, with unknown and overlong fields', () => {
  fc.assert(
    fc.property(fc.array(field), fc.nat(5), (parts, offset) => {
      const bytes = Buffer.concat([Buffer.alloc(offset, 1), ...parts, Buffer.alloc(5, 2)])
      const end = bytes.length - 5
      deepStrictEqual(pick(fields.open(bytes, offset, end)), pick(view.open(bytes, offset, end)))
    })
  )
})
