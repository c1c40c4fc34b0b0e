import { deepStrictEqual, match, rejects } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { components } from '../../src/components.ts'
import { type Loaded, loadConfig } from '../../src/config/load.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

function loaded(options: string): Promise<Loaded> {
  const file = join(temporaryDirectory(), 'sluice.yaml')
  writeFileSync(file, `processors:\n  redact:\n    patterns: [{ name: ticket, pattern: 'TICKET-\\d{6}' }]\n    ${options}\n`)
  return loadConfig({ file, env: {}, definitions: components })
}

test('a rule that does not exist is refused by its name, with the nearest one', async () => {
  const f = (options: string, expected: RegExp): Promise<void> => rejects(loaded(options), expected)
  await f('modes: { crad: last4 }', /:4:14: processors\.redact\.modes\.crad: came "crad", expected the name of a rule; did you mean card\?/)
  await f('policies: [{ allow: [emails] }]', /:4:26: processors\.redact\.policies\.allow: came "emails".*did you mean email\?/)
  await f('policies: [{ allow: [zzzz] }]', /write one of those/)
})

test('rules, kinds of keys, own patterns and everything else that may stand there are fine', async () => {
  await loaded('modes: { card: last4, ticket: remove, password: last4 }')
  await loaded("policies: [{ allow: [email, '*', ticket] }]")
})

test('a word in allow may be a key or a value: one that nearly is a rule is warned of', async () => {
  const warnings = async (options: string): Promise<string[]> =>
    (await loaded(options)).warnings.filter((warning) => warning.includes('redact'))
  const [warning, ...more] = await warnings('allow: [public_token, emial, email]')
  match(warning, /processors\.redact\.allow: there is no rule "emial"; did you mean email\?/)
  deepStrictEqual(more, [])
})
