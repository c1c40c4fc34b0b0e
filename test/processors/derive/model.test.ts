import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBatch } from '../../../src/batch.ts'
import { decode } from '../../../src/otlp/decode.ts'
import type { AnyValue, KeyValue, Span } from '../../../src/otlp/objects.ts'
import { message, string } from '../../support/otlp-bytes.ts'
import { deriveWith, metricsOf } from './support.ts'

// The same metrics, made the slow and obvious way from decoded objects, for any bytes that a sender may write.

const RULES = {
  mine: {
    kinds: ['server', 'internal'],
    present: ['a', 'bb'],
    counter: 'mine',
    labels: { x: ['a', 'bb'], y: ['cc.dd.ee'], kind: ['span.kind'] }
  },
  named: { equals: { 'cc.dd.ee': 'v' }, counter: 'named', labels: { name: ['span.name'], outcome: ['span.outcome'] } }
}
const OFF = Object.fromEntries(
  ['http', 'outbound', 'job', 'model', 'database', 'rpc', 'messaging', 'spans'].map((name) => [name, { enabled: false }])
)

const varint = (value: number, padding: number): Buffer => {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value & 127) | 128)
  bytes.push(value)
  for (let i = 0; i < padding; i++) {
    bytes[bytes.length - 1] |= 128
    bytes.push(0)
  }
  return Buffer.from(bytes)
}
// Tags and lengths may be written longer than they need to be.
const padding = fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 3 }))
const field = (number: number, content: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Buffer> =>
  fc
    .tuple(content, padding, padding)
    .map(([bytes, tag, length]) => Buffer.concat([varint((number << 3) | 2, tag), varint(bytes.length, length), bytes]))
const number = (number: number, value: fc.Arbitrary<number>): fc.Arbitrary<Buffer> =>
  fc.tuple(value, padding, padding).map(([value, tag, more]) => Buffer.concat([varint(number << 3, tag), varint(value, more)]))
const fixed = (number: number): fc.Arbitrary<Buffer> =>
  fc.bigInt({ min: 0n, max: 3n }).map((value) => {
    const out = Buffer.alloc(9)
    out[0] = (number << 3) | 1
    out.writeBigUInt64LE(value, 1)
    return out
  })
const text = (...texts: string[]): fc.Arbitrary<Buffer> => fc.constantFrom(...texts).map((one) => Buffer.from(one))
const concat = (...parts: fc.Arbitrary<Uint8Array>[]): fc.Arbitrary<Buffer> =>
  fc.array(fc.oneof(...parts), { maxLength: 4 }).map((all) => Buffer.concat(all))

const value = concat(
  field(1, text('', 'v', 'w', 'value')),
  number(2, fc.integer({ min: 0, max: 1 })),
  number(3, fc.integer({ min: 0, max: 300 })),
  field(7, text('v'))
)
const pair = fc.oneof(
  { weight: 3, arbitrary: fc.tuple(field(1, text('a', 'bb', 'cc.dd.ee', 'other')), field(2, value)).map((parts) => Buffer.concat(parts)) },
  concat(field(1, text('a', 'bb', 'cc.dd.ee', '', 'x'.repeat(200))), field(2, value), field(3, text('?')))
)
const status = concat(field(2, text('failed')), number(3, fc.integer({ min: 0, max: 4 })), number(9, fc.constant(5)))
const span = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: field(9, pair) },
      number(6, fc.integer({ min: 0, max: 7 })),
      field(5, text('', 'one', 'two')),
      field(15, status),
      fixed(7),
      fixed(8),
      number(10, fc.integer({ min: 0, max: 300 })),
      field(11, text('')),
      field(200, text('?')),
      field(4, fc.constant(Buffer.alloc(8, 1)))
    ),
    { maxLength: 12 }
  )
  .map((fields) => Buffer.concat(fields))
const resource = fc.array(field(1, pair), { maxLength: 3 }).map((fields) => Buffer.concat(fields))
const request = fc
  .array(
    fc.tuple(fc.array(resource, { maxLength: 2 }), fc.array(span, { maxLength: 6 }), fc.boolean()).map(([resources, spans, swap]) => {
      const parts = [
        ...resources.map((bytes) => message(1, bytes)),
        message(2, message(1, string(1, 'scope')), ...spans.map((bytes) => message(2, bytes)))
      ]
      return message(1, ...(swap ? parts.reverse() : parts))
    }),
    { maxLength: 4 }
  )
  .map((entries) => Buffer.concat(entries))

const KINDS = ['', 'SPAN_KIND_INTERNAL', 'SPAN_KIND_SERVER', 'SPAN_KIND_CLIENT', 'SPAN_KIND_PRODUCER', 'SPAN_KIND_CONSUMER']

function expectedOf(bytes: Uint8Array): Record<string, number> {
  const counts: Record<string, number> = {}
  const count = (metric: string, labels: Record<string, string | undefined>): void => {
    const shown = Object.entries(labels).filter(([, text]) => text !== undefined && text !== '')
    const key = JSON.stringify([metric, ...shown])
    counts[key] = (counts[key] ?? 0) + 1
  }
  for (const { resource, scopeSpans = [] } of decode('ExportTraceServiceRequest', bytes).resourceSpans ?? []) {
    for (const span of scopeSpans.flatMap(({ spans }) => spans ?? [])) {
      const find = (...keys: string[]): AnyValue | undefined => {
        for (const key of keys) {
          const found = lastOf(span.attributes, key) ?? lastOf(resource?.attributes, key)
          if (found !== undefined) return found
        }
        return undefined
      }
      const kind = kindOf(span)
      if ((kind === 1 || kind === 2) && find('a', 'bb') !== undefined)
        count('mine', { x: textOf(find('a', 'bb')), y: textOf(find('cc.dd.ee')), kind: KINDS[kind] })
      if (find('cc.dd.ee')?.stringValue === 'v') count('named', { name: span.name, outcome: span.status?.code === 2 ? 'error' : 'ok' })
    }
  }
  return counts
}

function kindOf({ kind = 0 }: Span): number {
  return kind >= 1 && kind <= 5 ? kind : 1
}

function lastOf(attributes: KeyValue[] = [], key: string): AnyValue | undefined {
  const found = attributes.findLast((attribute) => (attribute.key ?? '') === key)?.value
  return found === undefined || Object.keys(found).length === 0 ? undefined : found
}

function textOf(value: AnyValue | undefined): string | undefined {
  return value?.stringValue ?? value?.boolValue?.toString() ?? value?.intValue?.toString()
}

test('derive counts what a slow and obvious model counts, whatever way the sender writes', () => {
  fc.assert(
    fc.property(fc.array(request, { maxLength: 3 }), (requests) => {
      const processor = deriveWith({ rules: { ...OFF, ...RULES } })
      const expected: Record<string, number> = {}
      for (const bytes of requests) {
        processor.process(parseBatch('traces', bytes))
        for (const [key, count] of Object.entries(expectedOf(bytes))) expected[key] = (expected[key] ?? 0) + count
      }
      const actual: Record<string, number> = {}
      for (const { name, sum } of metricsOf(processor)) {
        for (const { attributes = [], asInt } of sum!.dataPoints!) {
          actual[JSON.stringify([name, ...attributes.map(({ key, value }) => [key, value!.stringValue])])] = Number(asInt)
        }
      }
      deepStrictEqual(actual, expected)
    }),
    { numRuns: 500 }
  )
})
