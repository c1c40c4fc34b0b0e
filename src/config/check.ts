import type { Definitions } from './config.ts'
import type { Env } from './expand.ts'
import { type Loaded, loadConfig } from './load.ts'
import { ConfigError, placeText } from './problem.ts'
import type { Setting, Shown } from './settings.ts'

export type CheckOutput = 'text' | 'json' | 'schema' | 'reference'

interface CheckRequest {
  readonly file?: string | undefined
  readonly env: Env
  readonly definitions: Definitions
  readonly output: CheckOutput
}

/** What a command prints, and how it ends. */
export interface Printed {
  readonly code: 0 | 2
  readonly stdout: string
  readonly stderr: string
}

/**
 * The command `sluice check`: says whether a configuration can be used, and prints the pipeline that it makes, each value with its origin and
 * secrets masked. With `schema` or `reference` it prints what a file may say instead, and reads none.
 */
export async function check({ file, env, definitions, output }: CheckRequest): Promise<Printed> {
  if (output === 'schema') {
    const { jsonSchema } = await import('./json-schema.ts')
    return { code: 0, stdout: `${JSON.stringify(jsonSchema(definitions), null, 2)}\n`, stderr: '' }
  }
  if (output === 'reference') return { code: 0, stdout: (await import('./reference.ts')).reference(definitions), stderr: '' }
  try {
    const loaded = await loadConfig({ file, env, definitions })
    const stderr = loaded.warnings.map((warning) => `warning: ${warning}\n`).join('')
    return { code: 0, stdout: output === 'json' ? checkJson(loaded) : checkText(loaded), stderr: output === 'json' ? '' : stderr }
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    const { problems } = error
    const json = { ok: false, problems: problems.map(({ place, ...problem }) => ({ ...place, ...problem })) }
    return { code: 2, stdout: output === 'json' ? `${JSON.stringify(json, null, 2)}\n` : '', stderr: `${error.message}\n` }
  }
}

/** The effective configuration for people: section, component, options; each with its value and where that came from. */
export function checkText({ settings, file }: Loaded): string {
  const rows = settings.map((setting) => ({
    heading: headingOf(setting),
    name: nameOf(setting),
    value: valueText(setting.value),
    origin: originText(setting)
  }))
  const nameWidth = Math.max(...rows.map(({ name }) => name.length))
  const valueWidth = Math.min(48, Math.max(...rows.map(({ value }) => value.length)))
  const lines = [file === undefined ? 'No file: defaults and environment.' : `${file} is fine.`]
  let heading: readonly string[] = []
  for (const row of rows) {
    if (row.heading[0] !== heading[0]) lines.push('', ...row.heading.slice(0, 1))
    if (row.heading[1] !== undefined && row.heading.join() !== heading.join()) lines.push(`  ${row.heading[1]}`)
    heading = row.heading
    lines.push(
      `${'  '.repeat(heading.length)}${row.name.padEnd(nameWidth + 4 - 2 * heading.length)}  ${row.value.padEnd(valueWidth)}  ${row.origin}`
    )
  }
  return `${lines.join('\n')}\n`
}

/** The same for programs. */
export function checkJson({ settings, file, warnings }: Loaded): string {
  const values = settings.map(({ steps, value, origin, variables }) => ({ path: steps.join('.'), value, ...origin, variables }))
  return `${JSON.stringify({ ok: true, file: file ?? null, warnings, settings: values }, null, 2)}\n`
}

function originText({ origin, variables }: Setting): string {
  return variables.length === 0 ? placeText(origin) : `${placeText(origin)} (env ${variables.join(', ')})`
}

const COMPONENTS = ['receivers', 'processors', 'exporters']

function headingOf({ steps }: Setting): readonly string[] {
  if (steps.length === 1) return []
  return COMPONENTS.includes(steps[0]) && steps.length > 2 ? steps.slice(0, 2) : steps.slice(0, 1)
}

function nameOf(setting: Setting): string {
  return setting.steps.slice(headingOf(setting).length).join('.')
}

function valueText(value: Shown): string {
  if (value === null) return 'not set'
  if (typeof value === 'string') return /^[\x21-\x7e]+( [\x21-\x7e]+)*$/.test(value) ? value : JSON.stringify(value)
  if (typeof value !== 'object') return String(value)
  if (Array.isArray(value)) return `[${value.map(valueText).join(', ')}]`
  return `{${Object.entries(value)
    .map(([key, one]) => ` ${key}: ${valueText(one)}`)
    .join(',')}${Object.keys(value).length > 0 ? ' ' : ''}}`
}
