// The parts of docs/injection.md that are made from the options of pods and of the injector's file.
import { kindOf } from '../../src/config/kinds.ts'
import type { Shape } from '../../src/config/schema.ts'
import { POD_OPTIONS, PREFIX } from '../../src/inject/options.ts'
import { loadSettings } from '../../src/inject/settings.ts'
import { sidecar } from '../../src/inject/sidecar-settings.ts'

const { sidecar: settings } = await loadSettings(undefined)

/** The page with its tables as they are now. Throws when the page has no place for one. */
export function withOptions(page: string): string {
  return between(between(page, 'annotations', annotations()), 'settings', options())
}

/** The page with `text` between the two marks of this name. */
export function between(page: string, name: string, text: string): string {
  const [start, end] = [`<!-- ${name}: written by \`npm run docs\`; a test fails when they are stale -->`, `<!-- end of ${name} -->`]
  const [from, to] = [page.indexOf(start), page.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`the page has no place for the ${name}`)
  return `${page.slice(0, from + start.length)}\n\n${text}\n\n${page.slice(to)}`
}

function annotations(): string {
  const profiles = { ...settings, profiles: { batch: {}, debug: {} } }
  const rows = POD_OPTIONS.map(
    (each) => `| \`${PREFIX}${each.name}: ${quoted(each.example)}\` | ${each.doc} | ${each.expected(profiles)} |`
  )
  return ['| annotation, for example | | expected |', '|---|---|---|', ...rows].join('\n')
}

const quoted = (text: string): string => (/^(true|false|off|\d.*)$/.test(text) ? `"${text}"` : text)

function options(): string {
  return ['| option of `sidecar` | default | |', '|---|---|---|', ...rowsOf('', kindOf(sidecar).shape ?? {})].join('\n')
}

/** A row for each option of a shape. */
export function rowsOf(path: string, shape: Shape): string[] {
  return Object.entries(shape).flatMap(([key, type]) => {
    const kind = kindOf(type)
    if (kind.shape !== undefined) return rowsOf(`${path}${key}.`, kind.shape)
    const preset = typeof kind.preset === 'string' && kind.preset !== '' ? kind.preset : JSON.stringify(kind.preset)
    return [`| \`${path}${key}\` | ${preset === undefined ? '' : `\`${preset}\``} | ${kind.doc} |`]
  })
}
