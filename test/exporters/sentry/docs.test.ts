import { deepStrictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { TAGS } from '../../../src/exporters/sentry/tags.ts'

const page = readFileSync(join(import.meta.dirname, '../../../docs/sentry-payloads.md'), 'utf8')

test('the page names the tags, and what they are taken from', () => {
  const section = page.split('\n## Tags\n')[1].split('\n## ')[0]
  const rows = [...section.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)]
  deepStrictEqual(
    rows.map(([, tag, sources]) => [tag, sources.split(', ').map((source) => source.replaceAll('`', ''))]),
    Object.entries(TAGS)
  )
})
