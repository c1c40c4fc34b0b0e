// A million spans at 10 %, for each way that statistics go to Datadog.
import { strictEqual } from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { test } from 'node:test'

const SCENARIO = join(import.meta.dirname, '..', 'scenarios', 'datadog-traces.test.ts')

test('hits, errors and latencies of a million spans', { timeout: 600_000 }, async (t) => {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env
  const child = spawn(process.execPath, ['--test', SCENARIO], { env: { ...env, DATADOG_SPANS: '1000000' } })
  t.after(() => child.kill())
  let told = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (told += chunk))
  const [status] = await once(child, 'close')
  strictEqual(status, 0, told.slice(-4000))
})
