import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from '../../../src/exporters/datadog/pace.ts'
import { logsBatch } from './fake-intake.ts'

const DISTANCE_MS = 3_000

test('small batches keep their distance, large ones and the stop do not wait', async () => {
  const pace = new Pace(DISTANCE_MS, 10_000)
  const never = new AbortController().signal
  const tookMs = async (count: number, length: number, stop = never): Promise<number> => {
    const batch = logsBatch(Array.from({ length: count }, () => ({ body: { stringValue: 'x'.repeat(length) } })))
    const fromMs = performance.now()
    await pace.wait(batch, stop)
    return performance.now() - fromMs
  }
  ok((await tookMs(1, 1)) < DISTANCE_MS / 2)
  ok((await tookMs(1, 1)) > 0.75 * DISTANCE_MS)
  ok((await tookMs(1000, 1)) < DISTANCE_MS / 2)
  ok((await tookMs(1, 20_000)) < DISTANCE_MS / 2)
  ok((await tookMs(1, 1, AbortSignal.abort())) < DISTANCE_MS / 2)
})
