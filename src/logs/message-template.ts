import { jsonText } from './json-text.ts'
import type { LogValue } from './log-entry.ts'

/** The message may grow to so many characters. */
const CHARACTERS_MAX = 65_536

// https://messagetemplates.org: {Name}, {@Name} or {$Name}, with an alignment and a format behind it; braces that are doubled stand for themselves.
const HOLE = /\{\{|\}\}|\{[@$]?(\w{1,128})(?:,-?\d{1,3})?(:[^{}]{1,128})?\}/g

/**
 * The message of a template and the properties beside it, as Serilog's compact JSON has them. What a format makes of a value is in the list `@r`, in the order of
 * the template. A property that is missing leaves its hole.
 */
export function filledTemplate(template: string, properties: LogValue): string {
  if (typeof properties !== 'object' || properties === null || Array.isArray(properties) || !template.includes('{')) return template
  const values = properties as { readonly [key: string]: LogValue }
  const renderings = Array.isArray(values['@r']) ? (values['@r'] as readonly LogValue[]) : []
  let rendered = 0
  let characters = template.length
  const filled = template.replace(HOLE, (hole: string, name?: string, format?: string) => {
    if (name === undefined) return hole[0]
    if (characters > CHARACTERS_MAX) return ''
    const rendering = format === undefined ? undefined : renderings[rendered++]
    const isMissing = typeof rendering !== 'string' && !Object.hasOwn(values, name)
    const text = isMissing ? hole : written(typeof rendering === 'string' ? rendering : values[name])
    characters += text.length
    return text
  })
  return characters > CHARACTERS_MAX ? template : filled
}

function written(value: LogValue): string {
  if (typeof value === 'string') return value
  return value !== null && typeof value === 'object' ? jsonText(value) : String(value)
}
