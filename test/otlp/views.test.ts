import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decode } from '../../src/otlp/decode.ts'
import { SpanView, stringAttribute } from '../../src/otlp/views.ts'
import { attribute, fixed64, message, span, string, varint } from '../support/otlp-bytes.ts'

const view = new SpanView()
const text = (start: number, end: number, encoding: 'hex' | 'utf8'): string =>
  Buffer.from(view.bytes.subarray(start, end)).toString(encoding)

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

test('property: says what a decoder says, of fields in any order, repeated, unknown and overlong', () => {
  fc.assert(
    fc.property(fc.array(field), fc.nat(5), (parts, offset) => {
      const bytes = Buffer.concat([Buffer.alloc(offset, 1), ...parts, Buffer.alloc(5, 2)])
      const end = bytes.length - 5
      view.open(bytes, offset, end)
      const said = decode('Span', bytes, offset, end)
      strictEqual(text(view.traceIdStart, view.traceIdEnd, 'hex'), said.traceId ?? '')
      strictEqual(text(view.spanIdStart, view.spanIdEnd, 'hex'), said.spanId ?? '')
      strictEqual(text(view.traceStateStart, view.traceStateEnd, 'utf8'), said.traceState ?? '')
      strictEqual(text(view.nameStart, view.nameEnd, 'utf8'), said.name ?? '')
      strictEqual(view.kind, said.kind ?? 0)
      strictEqual(view.statusCode, said.status?.code ?? 0)
      strictEqual(view.flags, said.flags ?? 0)
      strictEqual(view.attributesEnd > 0, (said.attributes ?? []).length > 0)
    })
  )
})

test('a span tells how long it took, also where clocks ran backwards', () => {
  const f = (startUnixNano: bigint, endUnixNano: bigint, nanoseconds: number): void => {
    const bytes = span({ startUnixNano, endUnixNano })
    strictEqual(view.open(bytes, 0, bytes.length).durationNano(), nanoseconds)
  }
  f(1_700_000_000_000_000_000n, 1_700_000_000_250_000_000n, 250_000_000)
  f(1_700_000_000_000_000_000n, 1_700_000_060_000_000_001n, 60_000_000_001)
  f(1_700_000_000_000_000_001n, 1_700_000_000_000_000_000n, -1)
})

test('a string attribute is found by its key; the last one counts', () => {
  const key = Buffer.from('service.name')
  const f = (bytes: Buffer, expected: string | undefined): void => strictEqual(stringAttribute(bytes, 0, bytes.length, 1, key), expected)
  f(Buffer.alloc(0), undefined)
  f(attribute(1, 'service.name', 'worker'), 'worker')
  f(attribute(2, 'service.name', 'worker'), undefined)
  f(Buffer.concat([attribute(1, 'service.name', 'a'), attribute(1, 'other', 'x'), attribute(1, 'service.name', 'b')]), 'b')
  f(message(1, string(1, 'service.name'), message(2, varint(3, 7))), undefined)
})
