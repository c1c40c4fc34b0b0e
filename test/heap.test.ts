import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { shareLittle } from '../src/heap.ts'
import { keptBufferBytes } from './support/kept-memory.ts'

test('a few bytes that are kept keep little beside them', async () => {
  shareLittle()
  const ids: Buffer[] = []
  const bytes = await keptBufferBytes(500, (nth) => ids.push(Buffer.from(`id ${nth}`)))
  ok(bytes < 500 * 9 * 1024, `${bytes} bytes are kept for ${ids.length} ids`)
})
