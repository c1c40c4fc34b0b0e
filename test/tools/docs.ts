// Writes what is generated from the definitions of the components: the reference page and the JSON Schema.
import { writeFileSync } from 'node:fs'
import { components } from '../../src/components.ts'
import { jsonSchema } from '../../src/config/json-schema.ts'
import { reference } from '../../src/config/reference.ts'

const root = new URL('../../', import.meta.url)
writeFileSync(new URL('docs/reference.md', root), reference(components))
writeFileSync(new URL('config/sluice.schema.json', root), `${JSON.stringify(jsonSchema(components), null, 2)}\n`)
