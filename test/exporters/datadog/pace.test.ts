import { ok } from 'node:assert/strict'
import { test } from 'node:test'
import { Pace } from '../../../src/exporters/datadog/pace.ts'
import { logsBatch } from './fake-intake.ts'

test('small batches keep their distance, large ones and the stop do not wait', async () => {
  const pace = new Pace(200, 10_000)
  const never = new AbortController().signal
  const tookMs = async (count: number, length: number, stop = never): Promise<number> => {
    const fromMs = performance.now()
    await pace.wait(logsBatch(Array.from({ length: count }, () => ({ body: { stringValue: 'x'.repeat(length) } }))), stop)
    return performance.now() - fromMs
  }
  ok((await tookMs(1, 1)) < 100)
  ok((await tookMs(1, 1)) > 150)
  ok((await tookMs(1000, 1)) < 100)
  ok((await tookMs(1, 20_000)) < 100)
  ok((await tookMs(1, 1, AbortSignal.abort())) < 100)
})
