import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import type { Batch, RedactedBatch } from '../src/batch.ts'
import { decodeEntry, decodeLines, encodeEntry } from '../src/entry.ts'
import { enqueuedLine, Ledger, type Line } from '../src/ledger.ts'

const LINES: Line[] = [['receive', 'otlp', 'accepted', '', 10], ['process', 'sample', 'sampled_out', 'sample', 9], enqueuedLine(1)]

test('the books are balanced when every item that came in is somewhere', () => {
  const ledger = new Ledger()
  ledger.add('traces', LINES)
  strictEqual(ledger.residue('traces'), 0)
  ledger.add('traces', [['receive', 'otlp', 'refused', 'overloaded', 5]])
  strictEqual(ledger.residue('traces'), 0, 'what was refused never came in')
  ledger.add('traces', [['receive', 'otlp', 'accepted', '', 5]])
  strictEqual(ledger.residue('traces'), 5)
  strictEqual(ledger.residue('logs'), 0)
})

test('the books go on from a snapshot', () => {
  const ledger = new Ledger()
  ledger.add('traces', LINES)
  const next = new Ledger()
  next.restore('traces', ledger.snapshot('traces'))
  next.add('traces', LINES)
  strictEqual(next.enqueued('traces'), 2)
  deepStrictEqual(next.samples()[0], {
    labels: { signal: 'traces', stage: 'receive', component: 'otlp', outcome: 'accepted', reason: '' },
    value: 20
  })
  next.restore('traces', new Uint8Array(0))
  strictEqual(next.enqueued('traces'), 0)
})

test('a queue entry holds a batch and its lines, or lines alone', () => {
  const batch: Batch = { signal: 'traces', bytes: Buffer.from('bytes'), items: 1, receivedAtMs: 1_700_000_000_123 }
  const record = Buffer.concat(encodeEntry(2 ** 40, batch.receivedAtMs, LINES, batch as RedactedBatch))
  deepStrictEqual(decodeEntry('traces', record), { enqueuedBefore: 2 ** 40, batch })
  deepStrictEqual(decodeLines(record), LINES)
  const booking = Buffer.concat(encodeEntry(7, 0, LINES, null))
  deepStrictEqual(decodeEntry('traces', booking), { enqueuedBefore: 7, batch: null })
  throws(() => decodeEntry('traces', Buffer.alloc(40, 9)), { name: 'RangeError', message: 'queue entry of version 9, expected 1' })
})
