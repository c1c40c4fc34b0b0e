import { deepStrictEqual, doesNotThrow, ok, strictEqual } from 'node:assert/strict'
import { isUtf8 } from 'node:buffer'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBatch } from '../../../src/batch.ts'
import type { Redactor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { MODES } from '../../../src/processors/redact/policy.ts'
import { redactorOf } from '../../support/redactor.ts'
import { Secrets } from '../../support/secrets.ts'

const TOKENS = Object.values(new Secrets(59).tokens())
const KEYS = ['password', 'apiKey', 'client_secret', 'token', 'authorization', 'cookie', 'user.email', 'max_tokens', 'name', 'value', 'n']
// No private key: whoever has seen its first line hides the lines of the records that follow.
const PIECES = [
  ...TOKENS,
  ...KEYS,
  ...'= : " \\" \' , ; & ? / @ %40 \\n \\u0040 ( ) [ ] { } < > - . é 日 🙂 [redacted: [redacted:email] [redacted:card:last4:1111] ] 4111 1111'.split(
    ' '
  ),
  ' ',
  '\n',
  'hunter2',
  'a1B2c3D4e5F6',
  'Bearer ',
  'Basic ',
  '://',
  'ana@viewers.example',
  '4111111111111111',
  '--password ',
  '-----BEGIN CERTIFICATE-----'
]

const piece = fc.oneof(
  { weight: 5, arbitrary: fc.constantFrom(...PIECES) },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 6 }) }
)
const text = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(''))
const key = fc.oneof(fc.constantFrom(...KEYS), text)
const { value } = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3 },
    fc.record({ stringValue: text }),
    fc.record({ bytesValue: fc.uint8Array({ maxLength: 30 }).map((bytes) => Buffer.from(bytes)) }),
    fc.record({ intValue: fc.oneof(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), fc.constant(4111111111111111n)) }),
    fc.record({ doubleValue: fc.double({ noNaN: true }) }),
    fc.record({ arrayValue: fc.record({ values: fc.array(tie('value'), { maxLength: 3 }) }) }),
    fc.record({ kvlistValue: fc.record({ values: fc.array(fc.record({ key, value: tie('value') }), { maxLength: 3 }) }) })
  )
}))
const attributes = fc.array(fc.record({ key, value }), { maxLength: 4 })
const json = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 3 },
    text,
    fc.integer(),
    fc.constantFrom(null, true, 4111111111111111, 123456789, ''),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(key, tie('json'), { maxKeys: 3 }),
    tie('json').map((inner) => JSON.stringify(inner))
  )
})).json

const POLICIES = [{ signals: ['logs' as const], attributes: ['user.email', 'n'], allow: ['email'], mode: 'last4' as const }]
const REDACTORS: [string, Redactor][] = MODES.flatMap((mode): [string, Redactor][] => [
  [mode, redactorOf({ mode, hashKey: 'a key of the tests' })],
  [`${mode}, policies`, redactorOf({ mode, modes: { email: 'hash' }, hashKey: 'a key of the tests', policies: POLICIES })]
])

const RUNS = { numRuns: 500 }

const logsOf = (logRecords: readonly object[]): Buffer =>
  encode('ExportLogsServiceRequest', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] } as never)

for (const [mode, redactor] of REDACTORS) {
  test(`${mode}: a text is redacted once, stays UTF-8, and a text without a find stays as it is`, () => {
    fc.assert(
      fc.property(text, (given) => {
        const once = redactor.text(given)
        strictEqual(redactor.text(once), once)
        ok(isUtf8(Buffer.from(once)))
        ok(once.isWellFormed() || !given.isWellFormed())
      }),
      RUNS
    )
  })

  test(`${mode}: JSON stays JSON`, () => {
    fc.assert(
      fc.property(fc.array(json, { maxLength: 2 }), fc.dictionary(key, json, { maxKeys: 3 }), fc.boolean(), (list, object, isObject) => {
        const once = redactor.text(JSON.stringify(isObject ? object : list))
        doesNotThrow(() => JSON.parse(once), once)
      }),
      RUNS
    )
  })

  test(`${mode}: requests stay requests with the same items, and change once`, () => {
    const record = fc.record({ body: value, attributes, severityText: text, eventName: text })
    fc.assert(
      fc.property(fc.array(record, { maxLength: 3 }), (records) => {
        const before = parseBatch('logs', logsOf(records))
        const after = parseBatch('logs', redactor.process(before)!.bytes)
        strictEqual(after.items, before.items)
        deepStrictEqual(Buffer.from(redactor.process(after)!.bytes), Buffer.from(after.bytes))
      }),
      RUNS
    )
  })

  test(`${mode}: records are redacted alike, one by one and together`, () => {
    const record = fc.record({
      body: fc.record({ stringValue: text }),
      attributes
    })
    fc.assert(
      fc.property(fc.array(record, { minLength: 2, maxLength: 4 }), (records) => {
        const of = (some: readonly object[]): unknown[] =>
          decode('ExportLogsServiceRequest', redactor.process(parseBatch('logs', logsOf(some)))!.bytes).resourceLogs?.[0].scopeLogs?.[0]
            .logRecords ?? []
        deepStrictEqual(
          of(records),
          records.flatMap((one) => of([one]))
        )
      }),
      RUNS
    )
  })
}

test('spans and metrics with anything in them stay what they were', () => {
  const [, redactor] = REDACTORS[0]
  const ids = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }
  const span = fc.record({
    name: text,
    traceState: text,
    attributes,
    events: fc.array(fc.record({ name: text, attributes }), { maxLength: 2 })
  })
  const metric = fc.record({ name: text, description: text, metadata: attributes, points: fc.array(attributes, { maxLength: 3 }) })
  fc.assert(
    fc.property(fc.array(span, { maxLength: 3 }), fc.array(metric, { maxLength: 3 }), attributes, (spans, metrics, resource) => {
      const traces = {
        resourceSpans: [{ resource: { attributes: resource }, scopeSpans: [{ spans: spans.map((one) => ({ ...ids, ...one })) }] }]
      }
      const points = metrics.map(({ points, ...named }) => ({
        ...named,
        gauge: { dataPoints: points.map((all) => ({ attributes: all, asInt: 1n })) }
      }))
      const both = [
        parseBatch('traces', encode('ExportTraceServiceRequest', traces as never)),
        parseBatch(
          'metrics',
          encode('ExportMetricsServiceRequest', { resourceMetrics: [{ scopeMetrics: [{ metrics: points }] }] } as never)
        )
      ]
      for (const before of both) {
        const after = parseBatch(before.signal, redactor.process(before)!.bytes)
        strictEqual(after.items, before.items)
        deepStrictEqual(Buffer.from(redactor.process(after)!.bytes), Buffer.from(after.bytes))
      }
    }),
    { numRuns: 1_000 }
  )
})
