import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBatch, type RedactedBatch } from '../../../src/batch.ts'
import { Progress, partOf, runsOf } from '../../../src/exporters/sentry/progress.ts'
import { walkRecords } from '../../../src/otlp/request.ts'
import { SpanView } from '../../../src/otlp/views.ts'
import { request, span } from '../../support/otlp-bytes.ts'

const ITEMS = 12
const batch = parseBatch(
  'traces',
  Buffer.concat(
    [0, 4, 8].map((from) =>
      request(
        [0, 1, 2, 3].map((i) => span({ name: `${from + i}` })),
        { 'service.name': `s${from}` }
      )
    )
  )
) as RedactedBatch

function namesOf(bytes: Uint8Array): number[] {
  const names: number[] = []
  const view = new SpanView()
  walkRecords(bytes, {
    record(of, start, end) {
      view.open(of, start, end)
      names.push(Number(Buffer.from(of.subarray(view.nameStart, view.nameEnd)).toString()))
    }
  })
  return names
}

const records = fc.uniqueArray(fc.nat({ max: ITEMS - 1 }))

test('a part of a batch is these records, and a batch by itself', () => {
  fc.assert(
    fc.property(fc.uniqueArray(fc.nat({ max: ITEMS - 1 }), { minLength: 1 }), (wanted) => {
      const part = partOf(batch, wanted)
      deepStrictEqual(
        namesOf(part.bytes),
        [...wanted].sort((a, b) => a - b)
      )
      strictEqual(parseBatch('traces', part.bytes).items, wanted.length)
    })
  )
})

test('every record is settled once: open, delivered or given up under one reason', () => {
  const step = fc.record({ reason: fc.constantFrom('', 'limited', 'invalid'), records })
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const progress = new Progress(batch)
      const fate = new Map<number, string>()
      for (const { reason, records: some } of steps) {
        for (const record of some) if (!fate.has(record)) fate.set(record, reason)
        if (reason === '') progress.settle(some)
        else progress.drop(some, reason, 'why', reason === 'invalid')
      }
      strictEqual(progress.open, ITEMS - fate.size)
      for (let record = 0; record < ITEMS; record++) strictEqual(progress.isOpen(record), !fate.has(record))
      progress.dropRest('expired', 'too old')
      strictEqual(progress.open, 0)
      const dropped = progress.outcome()?.dropped ?? []
      const expected = (reason: string): number[] =>
        Array.from({ length: ITEMS }, (_, record) => record).filter((record) => (fate.get(record) ?? 'expired') === reason)
      for (const { reason, items, batch: part } of dropped) {
        strictEqual(items, expected(reason).length)
        ok((part !== undefined) === (reason === 'invalid'))
        if (part !== undefined) deepStrictEqual(namesOf(part.bytes), expected(reason))
      }
      strictEqual(
        dropped.reduce((sum, { items }) => sum + items, 0),
        ITEMS - expected('').length
      )
    })
  )
})

test('it is the same batch in another array, and not another batch', () => {
  const progress = new Progress(batch)
  ok(progress.isOf(batch))
  ok(progress.isOf({ ...batch, bytes: Uint8Array.from(batch.bytes) }))
  const other = Uint8Array.from(batch.bytes)
  other[other.length - 1] ^= 1
  ok(!progress.isOf({ ...batch, bytes: other }))
  ok(!progress.isOf({ ...batch, signal: 'logs', bytes: Uint8Array.from(batch.bytes) }))
})

test('runs hold every record once, in order, each of so many bytes or one record', () => {
  const f = (bytesMax: number, runs: number): void => {
    const found = runsOf(batch, bytesMax)
    deepStrictEqual(
      found.flat(),
      Array.from({ length: ITEMS }, (_, record) => record)
    )
    strictEqual(found.length, runs)
  }
  f(1, ITEMS)
  f(1_000_000, 1)
  f(4 * span({ name: '1' }).length + 1, 4)
})
