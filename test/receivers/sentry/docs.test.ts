import { ok, strictEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { started } from './support.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'sentry-sdks.md'), 'utf8')

test('the example of the page works, and is answered as it says', async (t) => {
  const [, script] = /<!-- run by test\/receivers\/sentry\/docs.test.ts -->\n```sh\n([\s\S]*?)```/.exec(PAGE) ?? []
  const [, answer] = /The answer is `([^`]*)`/.exec(PAGE) ?? []
  ok(script !== undefined && answer !== undefined, 'the example is marked')
  const { url, records } = await started(t)
  const { stdout } = await promisify(execFile)('sh', ['-c', script.replace('http://localhost:4318', url)])
  strictEqual(stdout, answer)
  strictEqual(records[0].body, '{"message":"it works","level":"error"}')
})
