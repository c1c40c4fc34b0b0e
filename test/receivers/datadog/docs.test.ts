import { ok, strictEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { started } from './agent-support.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'datadog-clients.md'), 'utf8')

test('the example of the page works, and is answered as it says', async (t) => {
  const [, script] = /<!-- run by test\/receivers\/datadog\/docs.test.ts -->\n```sh\n([\s\S]*?)```/.exec(PAGE) ?? []
  const [, answer] = /The answer is `(.*)`\./.exec(PAGE) ?? []
  ok(script !== undefined && answer !== undefined, 'the example is marked')
  const { url, spans } = await started(t)
  const { stdout } = await promisify(execFile)('sh', ['-c', script.replace('http://localhost:8126', url)])
  strictEqual(stdout, answer)
  strictEqual(`${spans[0].resource['service.name']} ${spans[0].name}`, 'tts synthesis')
})
