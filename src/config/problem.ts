import { looksSecret, safeText } from './mask.ts'
import type { Tree } from './tree.ts'

/** Where a value stands: in a file, in an environment variable, or nowhere, so that the default holds. */
export type Place =
  | { readonly file: string; readonly line: number; readonly column: number }
  | { readonly variable: string }
  | typeof DEFAULT

export const DEFAULT = { byDefault: true } as const

/** One thing that is wrong with the configuration, and what to do about it. */
export interface Problem {
  readonly place: Place
  /** The key path, as `exporters.otlp.endpoint`; empty for the file as a whole. */
  readonly path: string
  /** What came, never a secret; undefined when nothing did. */
  readonly came?: string | undefined
  readonly expected: string
  readonly remedy: string
}

/** A configuration that cannot be used, with all that is wrong with it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly Problem[]

  constructor(problems: readonly Problem[]) {
    const ordered = problems.toSorted((a, b) => lineOf(a.place) - lineOf(b.place))
    super(ordered.map(problemText).join('\n'))
    this.problems = ordered
  }
}

/** One line: place, key path, what came, what was expected, remedy. */
export function problemText({ place, path, came, expected, remedy }: Problem): string {
  const where = path === '' ? placeText(place, true) : `${placeText(place, true)}: ${path}`
  return `${where}: ${came === undefined ? '' : `came ${came}, `}expected ${expected}; ${remedy}`
}

/** `file:line`, with the column when it is asked for, or `env NAME`, or `default`. */
export function placeText(place: Place, column = false): string {
  if ('byDefault' in place) return 'default'
  if ('variable' in place) return `env ${place.variable}`
  return place.line === 0 ? place.file : `${place.file}:${place.line}${column ? `:${place.column}` : ''}`
}

/** Says what came, in few words that never show a secret. */
export function cameText(tree: Tree, secret: boolean): string {
  if (tree.type === 'list') return tree.items.length === 0 ? 'an empty list' : `a list of ${tree.items.length}`
  if (tree.type === 'mapping') {
    const keys = [...tree.entries.keys()].slice(0, 3).map(safeText)
    return keys.length === 0 || secret ? 'a mapping' : `a mapping with ${keys.join(', ')}`
  }
  const from =
    tree.variables.length === 0 || 'variable' in tree.place ? '' : ` (from ${tree.variables.map((name) => `\${${name}}`).join(', ')})`
  if (tree.value === null) return `nothing${from}`
  if (secret || tree.variables.some(looksSecret)) return `a text that is not shown${from}`
  return `${typeof tree.value === 'string' ? safeText(tree.value) : `the ${typeof tree.value === 'number' ? 'number' : 'flag'} ${tree.value}`}${from}`
}

function lineOf(place: Place): number {
  return 'line' in place ? place.line : Number.POSITIVE_INFINITY
}

/** The path of a key below `path`. */
export function keyPath(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`
}
