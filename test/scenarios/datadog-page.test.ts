import { deepStrictEqual, ok } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { DatadogBackend } from '../support/datadog-backend.ts'
import { startForDatadog } from '../support/datadog-gateway.ts'
import { until } from '../support/gateway-process.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'datadog.md'), 'utf8')
const [, FIRST_LOG] = /<!-- run by test\/scenarios\/datadog-page.test.ts -->\n```sh\n([\s\S]*?)```/.exec(PAGE)!

test('the first log of the page arrives as the page tells', { timeout: 240_000 }, async (t) => {
  const backend = await DatadogBackend.start(t)
  const gateway = await startForDatadog(t, backend)
  await promisify(execFile)('sh', ['-c', FIRST_LOG.replace('http://localhost:4318', gateway.http)])
  const [log] = await until(
    () => backend.logs,
    (logs) => logs.length === 1
  )
  deepStrictEqual([log.entry.service, log.entry.status, log.tags.includes('env:prod')], ['tts-worker', 'error', true])
  ok(PAGE.includes('`tts-worker`') && PAGE.includes('`env:prod`'))
  deepStrictEqual(backend.logsOf('8448eb211c80319c', 'b7ad6b7169203331'), [log])
  ok(PAGE.includes('ends in `8448eb211c80319c`'))
  ok(JSON.stringify(log.entry).includes('OutOfMemoryError'))
  ok((log.entry['error.kind'] ?? log.entry.error?.kind) === 'OutOfMemoryError')
  deepStrictEqual(backend.violations, [])
})
