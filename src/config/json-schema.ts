import { type AnyDefinition, several } from './component-section.ts'
import type { Definitions } from './config.ts'
import { kindOf } from './kinds.ts'
import { componentsOf, TOP_LEVEL } from './load.ts'
import type { Kind, Shape } from './schema.ts'
import { sections } from './sections.ts'

export type JsonSchema = { readonly [key: string]: unknown }

// A value may be a text with a variable in it, whatever its type.
const VARIABLE = { $ref: '#/$defs/variable' }
const NOTHING = { type: 'null' }
const OFF = { enum: [false, true, 'off', 'on', null] }

/** The JSON Schema (draft 2020-12) of a configuration file, for editors and for the chart. */
export function jsonSchema(definitions: Definitions): JsonSchema {
  const components = componentsOf(definitions)
  const properties = TOP_LEVEL.map((key) => {
    const known = components[key as keyof typeof components] as readonly AnyDefinition[] | undefined
    return [key, known === undefined ? valueSchema(kindOf(sections[key as keyof typeof sections])) : sectionSchema(known)] as const
  })
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Sluice configuration',
    type: ['object', 'null'],
    properties: Object.fromEntries(properties),
    additionalProperties: false,
    $defs: { variable: { type: 'string', pattern: '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}' } }
  }
}

function sectionSchema(definitions: readonly AnyDefinition[]): JsonSchema {
  const schemaOf = (definition: AnyDefinition) => ({
    description: definition.summary,
    anyOf: [groupSchema(definition.options), ...(definition.kind === 'redactor' ? [NOTHING] : [OFF, VARIABLE])]
  })
  const named = definitions
    .filter(several)
    .map((definition) => [`^${definition.type}/[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`, schemaOf(definition)])
  return {
    type: ['object', 'null'],
    properties: Object.fromEntries(definitions.map((definition) => [definition.type, schemaOf(definition)])),
    ...(named.length > 0 ? { patternProperties: Object.fromEntries(named) } : {}),
    additionalProperties: false
  }
}

/** The JSON Schema of the options of one mapping. Nothing is required here: an option may also come from the environment. */
export function groupSchema(shape: Shape): JsonSchema {
  const properties = Object.entries(shape).map(([key, type]) => [key, valueSchema(kindOf(type))])
  return { type: 'object', properties: Object.fromEntries(properties), additionalProperties: false }
}

function valueSchema(kind: Kind): JsonSchema {
  return {
    ...(kind.doc === '' ? {} : { description: kind.doc }),
    ...(kind.preset === undefined ? {} : { default: kind.preset }),
    ...(kind.secret ? { writeOnly: true } : {}),
    anyOf: [...formsOf(kind), VARIABLE]
  }
}

function formsOf(kind: Kind): JsonSchema[] {
  const item = kind.item === undefined ? undefined : kindOf(kind.item)
  switch (kind.name) {
    case 'flag':
      return [{ type: 'boolean' }]
    case 'integer':
    case 'number': {
      const { min, max } = kind
      const range = { ...(min === undefined ? {} : { minimum: min }), ...(max === undefined ? {} : { maximum: max }) }
      return [{ type: kind.name, ...range }]
    }
    case 'choice':
      return [{ enum: kind.choices?.includes('off') ? [...kind.choices, false] : kind.choices }]
    case 'address':
      return [{ type: 'string', pattern: kind.pattern }, { const: false }]
    case 'ratio':
      return [
        { type: 'string', pattern: kind.pattern },
        { type: 'number', minimum: 0, maximum: 1 }
      ]
    case 'size':
      return [
        { type: 'string', pattern: kind.pattern },
        { type: 'integer', minimum: 0 }
      ]
    case 'list':
      return [{ type: 'array', items: valueSchema(item!) }, NOTHING, ...(kind.single ? formsOf(item!) : [])]
    case 'map':
      return [{ type: 'object', additionalProperties: valueSchema(item!) }, NOTHING]
    case 'group':
      return [groupSchema(kind.shape ?? {}), NOTHING]
    case 'any':
      return [{}]
    case 'text':
    case 'secret':
      return [{ type: ['string', 'number', 'boolean'] }]
    default:
      return [{ type: 'string', ...(kind.pattern === undefined ? {} : { pattern: kind.pattern }) }]
  }
}
