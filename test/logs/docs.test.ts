import { deepStrictEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LogEntry } from '../../src/logs/log-entry.ts'
import { KNOWN } from '../../src/logs/names.ts'
import { understood } from './entry.ts'

process.env.TZ = 'UTC'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'logs.md'), 'utf8')

test('the examples of the page are what it says', () => {
  const examples = Array.from(PAGE.matchAll(/docs\.test\.ts -->\n```text\n(.*)\n```\n\n```json\n([^`]*)```/g))
  ok(examples.length >= 3)
  for (const [, line, said] of examples) {
    const entry = new LogEntry()
    entry.reset(Date.parse('2024-11-04T10:30:46Z'))
    deepStrictEqual(understood(line, 'auto', entry), JSON.parse(said))
  }
})

test('every name that is known stands on the page', () => {
  deepStrictEqual(
    Array.from(KNOWN.keys()).filter((name) => !PAGE.includes(`\`${name}\``)),
    []
  )
})
