// Writes what is generated from the code: the reference page and the JSON Schema from the components, and the rules of redaction.
import { readFileSync, writeFileSync } from 'node:fs'
import { components } from '../../src/components.ts'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { reference } from '../../src/config/reference.ts'
import { chartFiles } from './chart-schema.ts'
import { withOptions } from './injection-page.ts'
import { withRules } from './redaction-page.ts'
import { withWebhookOptions } from './webhook-page.ts'

const root = new URL('../../', import.meta.url)
writeFileSync(new URL('docs/reference.md', root), reference(components))
writeFileSync(new URL('config/sluice.schema.json', root), `${JSON.stringify(jsonSchema(components), null, 2)}\n`)
const redaction = new URL('docs/redaction.md', root)
writeFileSync(redaction, withRules(readFileSync(redaction, 'utf8')))
for (const [path, text] of Object.entries(chartFiles())) writeFileSync(new URL(path, root), text)
const injection = new URL('docs/injection.md', root)
writeFileSync(injection, withOptions(readFileSync(injection, 'utf8')))
const webhook = new URL('docs/webhook.md', root)
writeFileSync(webhook, withWebhookOptions(readFileSync(webhook, 'utf8')))
