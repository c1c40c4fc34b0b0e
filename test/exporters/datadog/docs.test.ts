import { deepStrictEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { LOSSES } from '../../../src/exporters/datadog/cells.ts'
import { TAG_OF } from '../../../src/exporters/datadog/tags.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/datadog-payloads.md'), 'utf8')

test('the page names the tags, and what they are taken from', () => {
  const section = page.split('\n## Tags\n')[1].split('\n## ')[0]
  const rows = [...section.matchAll(/^\| `([^`]+)` \| `([^`]+)` \|$/gm)].map(([, tag, from]) => [from, tag])
  deepStrictEqual(
    rows.filter(([, tag]) => tag !== 'version'),
    Object.entries(TAG_OF)
  )
})

test('the page names every reason why a point is not sent', () => {
  for (const reason of Object.keys(LOSSES)) ok(page.includes(`\`${reason}\``) || page.includes(`reason="${reason}"`), reason)
})
