import { ok, strictEqual } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { components } from '../../../src/components.ts'
import { loadConfig } from '../../../src/config/load.ts'
import { files } from '../../../src/receivers/files/files.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'log-files.md'), 'utf8')

test('the example of the page is a configuration', async () => {
  const file = join(temporaryDirectory(), 'sluice.yaml')
  const [, example] = /```yaml\n([\s\S]*?)```/.exec(PAGE) ?? []
  writeFileSync(file, example)
  const { config } = await loadConfig({ file, env: {}, definitions: components })
  strictEqual(config.receivers.filter(({ definition }) => definition.type === files.type).length, 1)
})

test('the page names options that there are', () => {
  for (const name of [
    'include',
    'exclude',
    'wrapping',
    'formats',
    'startAt',
    'ignoreOlder',
    'pollInterval',
    'filesMax',
    'openMax',
    'lineMax',
    'pendingMax'
  ]) {
    ok(name in files.options, name)
    ok(PAGE.includes(`\`${name}`), name)
  }
})
