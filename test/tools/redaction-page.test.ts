import { match, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { z } from 'zod'
import { redact } from '../../src/processors/redact/redact.ts'
import { host } from '../support/host.ts'
import { withRules } from './redaction-page.ts'

const PAGE = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'redaction.md'), 'utf8')

test('the page knows the rules as they are; if not, `npm run docs` writes them', () => {
  strictEqual(withRules(PAGE), PAGE)
  for (const rule of ['github-token', 'jwt', 'card', 'api-key', 'url-password']) match(PAGE, new RegExp(`^\\| \`${rule}\` \\| `, 'm'))
})

test('the example of the page is a configuration that starts', () => {
  const [, example] = /```yaml\n([\s\S]*?)```/.exec(PAGE) ?? []
  ok(example !== undefined)
  const { processors } = parse(example) as { processors: { redact: object } }
  const redactor = redact.create(z.strictObject(redact.options).parse(processors.redact), host())
  strictEqual(redactor.text('TICKET-123456 internal_note=abcdefgh'), '[redacted:ticket] internal_note=[redacted:custom-key]')
})
