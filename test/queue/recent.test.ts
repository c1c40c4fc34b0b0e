import { ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Recent } from '../../src/queue/recent.ts'
import { encodeRecord, RECORD_HEADER_BYTES } from '../../src/queue/record.ts'
import { keptBufferBytes } from '../support/kept-memory.ts'

const SALT = 7
const recordOf = (seq: number, length: number): Buffer => encodeRecord(seq, 0, [Buffer.alloc(length)], length, SALT)
const held = (seq: number, length: number) => ({ seq, record: recordOf(seq, length), segment: 0, offset: 0 })

test('records are found by their sequence, until they are let go', () => {
  const recent = new Recent()
  strictEqual(recent.firstSeq, Infinity)
  for (let seq = 5; seq < 205; seq++) recent.push(held(seq, 10))
  for (let first = 5; first < 205; first++) {
    strictEqual(recent.firstSeq, first)
    strictEqual(recent.get(first - 1), undefined)
    strictEqual(recent.get(first)?.seq, first)
    strictEqual(recent.get(204)?.seq, 204)
    strictEqual(recent.get(205), undefined)
    strictEqual(recent.bytes, (205 - first) * (RECORD_HEADER_BYTES + 10))
    recent.shift()
  }
  strictEqual(recent.firstSeq, Infinity)
  strictEqual(recent.bytes, 0)
  recent.push(held(205, 10))
  strictEqual(recent.get(205)?.seq, 205)
})

test('a record that is let go takes no memory', async () => {
  const recent = new Recent()
  const bytes = await keptBufferBytes(60, (nth) => {
    recent.push(held(nth + 1, 100_000))
    recent.shift()
  })
  ok(bytes < 300_000, `${bytes} bytes are kept`)
})

test('a small record takes no more memory than it has bytes', async () => {
  const recent = new Recent()
  const bytes = await keptBufferBytes(500, (nth) => recent.push(held(nth + 1, 100)))
  ok(bytes < 2 * recent.bytes + 200_000, `${bytes} bytes are kept for ${recent.bytes}`)
})
