import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { sample } from '../../../src/processors/sample/sample.ts'
import { host } from '../../support/host.ts'
import { request, span } from '../../support/otlp-bytes.ts'

const sampler = (options: object) => sample.create(z.strictObject(sample.options).parse(options), host())

interface Item {
  readonly traceId?: string
  readonly severity?: number
  /** With it, it goes with its trace. */
  readonly quantities?: string
  readonly key?: string
  readonly name?: string
}

const text = (key: string, value: string) => ({ key, value: { stringValue: value } })

function batchOf(items: readonly Item[], service = 'worker'): Batch {
  const logRecords = items.map(({ traceId, severity = 9, quantities, key = 'key', name = '' }) => ({
    severityNumber: severity,
    body: { stringValue: name },
    attributes: [
      ...(quantities === undefined ? [] : [text('sentry.item.sampled_quantities', quantities)]),
      text('sentry.project', '42'),
      text('sentry.public_key', key)
    ],
    ...(traceId !== undefined && { traceId })
  }))
  const resource = { attributes: [text('service.name', service)] }
  return parseBatch('envelopes', encode('ExportLogsServiceRequest', { resourceLogs: [{ resource, scopeLogs: [{ logRecords }] }] }), 1)
}

function recordsOf(batch: Batch | null) {
  return batch === null
    ? []
    : decode('ExportLogsServiceRequest', batch.bytes).resourceLogs!.flatMap(({ scopeLogs = [] }) =>
        scopeLogs.flatMap(({ logRecords = [] }) =>
          logRecords.map(({ body, attributes = [] }) => ({
            name: body?.stringValue ?? '',
            of: Object.fromEntries(attributes.map(({ key = '', value }) => [key, value?.stringValue]))
          }))
        )
      )
}

const id = (random: string): string => `0af7651916cd43dd84${random}`
const KEPT = id('e6660000000000')
const CUT = id('e665ffffffffff')
const SPANS = 'span:3'

test('what goes with its trace is cut with it; all else of the trace is told by which threshold', () => {
  const f = (options: object, items: Item[], expected: [name: string, threshold: string | undefined][]): void =>
    deepStrictEqual(
      recordsOf(sampler(options).process(batchOf(items.map((item, i) => ({ name: `${i}`, ...item }))))).map(({ name, of }) => [
        name,
        of['sampling.threshold']
      ]),
      expected
    )
  const kept = { traceId: KEPT, quantities: SPANS }
  const cut = { traceId: CUT, quantities: SPANS }
  f(
    {},
    [kept, cut, { traceId: CUT }, { traceId: KEPT }],
    [
      ['0', 'e666'],
      ['2', 'e666'],
      ['3', 'e666']
    ]
  )
  f(
    {},
    [{ quantities: SPANS }, {}],
    [
      ['0', undefined],
      ['1', undefined]
    ]
  )
  f(
    {},
    [
      { ...cut, severity: 17 },
      { ...kept, severity: 17 }
    ],
    [
      ['0', '0'],
      ['1', '0']
    ]
  )
  f(
    { errors: '0%' },
    [
      { ...cut, severity: 17 },
      { ...kept, severity: 17 }
    ],
    [['1', 'e666']]
  )
  f(
    { traces: '100%' },
    [kept, cut],
    [
      ['0', undefined],
      ['1', undefined]
    ]
  )
  f({ traces: '0%' }, [kept, cut, { traceId: KEPT }], [['2', 'never']])
  f({ services: { worker: '50%' } }, [cut], [['0', '8']])
  f({ services: { other: '50%' } }, [cut], [])
})

test('envelopes and spans of OTLP are decided alike', () => {
  for (const options of [{ traces: '37%' }, { traces: '37%', mode: 'hash_seed', hashSeed: 7 }]) {
    const processor = sampler(options)
    for (let i = 0; i < 500; i++) {
      const traceId = randomBytes(16).toString('hex')
      const ofEnvelope = processor.process(batchOf([{ traceId, quantities: SPANS }])) !== null
      const ofSpan = processor.process(parseBatch('traces', request([span({ traceId, spanId: '00f067aa0ba902b7' })]))) !== null
      strictEqual(ofEnvelope, ofSpan, traceId)
    }
  }
})

test('hashed randomness goes along', () => {
  const [{ of }] = recordsOf(sampler({ mode: 'hash_seed', traces: '50%' }).process(batchOf([{ traceId: KEPT }])))
  strictEqual(/^[0-9a-f]{14}$/.test(of['sampling.randomness'] ?? ''), true)
})

test('what was cut is told once, for each key', () => {
  const processor = sampler({ traces: '0%', errors: '0%' })
  const cut = { traceId: CUT, quantities: 'transaction:1;span:3' }
  processor.process(batchOf([cut, cut, { ...cut, key: 'other', quantities: 'span:5' }, { ...cut, quantities: 'nonsense;;:4;span:x' }]))
  const told = recordsOf(processor.flush?.() ?? null)
  processor.process(batchOf([cut]))
  strictEqual(processor.flush?.(), null, 'not so soon again')
  strictEqual(processor.flush?.(true)?.items, 1)
  deepStrictEqual(
    told.map(({ name, of }) => [of['sentry.item.type'], of['sentry.project'], of['sentry.public_key'], JSON.parse(name).discarded_events]),
    [
      [
        'client_report',
        '42',
        'key',
        [
          { reason: 'sample_rate', category: 'transaction', quantity: 2 },
          { reason: 'sample_rate', category: 'span', quantity: 6 }
        ]
      ],
      ['client_report', '42', 'other', [{ reason: 'sample_rate', category: 'span', quantity: 5 }]]
    ]
  )
  strictEqual(processor.flush?.(true), null)
})
