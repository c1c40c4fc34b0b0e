import type { z } from 'zod'
import { type Kind, type KindName, kinds } from './schema.ts'

/** An option's kind, and whether it may be left out of the file. */
export type OptionKind = Kind & { readonly required: boolean }

/** Looks through everything that was wrapped around an option's type (optional, default, checks) for the kind that its author gave it. */
export function kindOf(type: z.core.$ZodType): OptionKind {
  const { def, parent }: { def: Def; parent?: z.core.$ZodType | undefined } = (type as z.core.$ZodTypes)._zod
  const own = kinds.get(type)
  if (own !== undefined) return { ...own, required: own.preset === undefined && own.name !== 'group' }
  if (parent !== undefined) return kindOf(parent)
  if (def.type === 'optional' || def.type === 'nullable') return { ...kindOf(def.innerType), required: false }
  if (def.type === 'default' || def.type === 'prefault') return { ...kindOf(def.innerType), preset: def.defaultValue, required: false }
  if (def.type === 'pipe') return kindOf(def.in)
  return { ...plainKind(def), required: true }
}

type Def = z.core.$ZodTypes['_zod']['def']

// Types that come from zod itself instead of from the helpers still work; they say less about themselves.
function plainKind(def: Def): Kind {
  const kind = (name: KindName, expected: string, more: Partial<Kind> = {}): Kind => ({ name, expected, doc: '', ...more })
  switch (def.type) {
    case 'string':
      return kind('text', 'a text')
    case 'boolean':
      return kind('flag', 'true or false')
    case 'number':
      return kind('number', 'a number')
    case 'array':
      return kind('list', 'a list', { item: def.element })
    case 'record':
      return kind('map', 'a mapping of keys to values', { item: def.valueType })
    case 'object':
      return kind('group', 'a mapping of options', { shape: def.shape })
    case 'enum':
    case 'literal': {
      const choices = (def.type === 'enum' ? Object.values(def.entries) : def.values).map(String)
      return kind('choice', choices.join(' or '), { choices })
    }
    case 'union':
      return kind('any', [...new Set(def.options.map((option) => kindOf(option).expected))].join('; or '))
    default:
      return kind('any', 'something else')
  }
}
