import { kindOf, type OptionKind } from './kinds.ts'
import { looksSecret, MASK, maskUrl } from './mask.ts'
import { isLeftOut } from './options.ts'
import { DEFAULT, type Place } from './problem.ts'
import type { Kind, Shape } from './schema.ts'
import type { Tree } from './tree.ts'

/** One value of the effective configuration, as it may be shown to people: as it was written, with secrets masked. */
export interface Setting {
  /** Keys from the top: `['exporters', 'otlp', 'endpoint']`. */
  readonly steps: readonly string[]
  /** null: not set, and without a default. */
  readonly value: Shown
  readonly origin: Place
  /** The variables that the file names in it. */
  readonly variables: readonly string[]
}

export type Shown = string | number | boolean | null | readonly Shown[] | { readonly [key: string]: Shown }

/** Every option of a shape with its value and origin, in the order of the shape. */
export function settingsOf(shape: Shape, tree: Tree | undefined, steps: readonly string[]): Setting[] {
  const given = tree?.type === 'mapping' ? tree.entries : undefined
  return Object.entries(shape).flatMap(([key, type]) => settingOf(kindOf(type), given?.get(key)?.value, [...steps, key]))
}

function settingOf(kind: OptionKind, given: Tree | undefined, steps: readonly string[]): Setting[] {
  const isSaid = given !== undefined && !isLeftOut(kind, given) && !(given.type === 'scalar' && given.value === null)
  if (kind.shape !== undefined) return settingsOf(kind.shape, isSaid ? given : undefined, steps)
  const tree = isSaid ? given : treeOf(kind.preset)
  const item = kind.item === undefined ? undefined : kindOf(kind.item)
  if (item !== undefined && tree.type === 'mapping' && tree.entries.size > 0) {
    return Array.from(tree.entries).flatMap(([key, { value }]) =>
      settingOf(looksSecret(key) ? { ...item, secret: true } : item, value, [...steps, key])
    )
  }
  if (item?.shape !== undefined && tree.type === 'list' && tree.items.length > 0) {
    return tree.items.flatMap((one, i) => settingOf(item, one, [...steps.slice(0, -1), `${steps.at(-1)}[${i}]`]))
  }
  return [{ steps, value: shown(tree, item ?? kind), origin: tree.place, variables: variablesIn(tree) }]
}

function shown(tree: Tree, kind: Kind): Shown {
  if (tree.type === 'list') return tree.items.map((item) => shown(item, kind))
  if (tree.type === 'mapping') {
    return Object.fromEntries(
      Array.from(tree.entries, ([key, { value }]) => [key, shown(value, looksSecret(key) ? { ...kind, secret: true } : kind)])
    )
  }
  if (tree.value === null) return null
  if (kind.secret) return MASK
  const value = kind.name === 'text' ? tree.source : tree.value
  return typeof value === 'string' ? maskUrl(value) : value
}

function variablesIn(tree: Tree): readonly string[] {
  if (tree.type === 'list') return tree.items.flatMap(variablesIn)
  if (tree.type === 'mapping') return Array.from(tree.entries.values()).flatMap(({ value }) => variablesIn(value))
  return 'file' in tree.place ? tree.variables : []
}

// A default in the form of what a file says.
function treeOf(preset: unknown): Tree {
  if (Array.isArray(preset)) return { type: 'list', place: DEFAULT, items: preset.map(treeOf) }
  if (typeof preset === 'object' && preset !== null) {
    const entries = Object.entries(preset).map(([key, value]) => [key, { place: DEFAULT, value: treeOf(value) }] as const)
    return { type: 'mapping', place: DEFAULT, entries: new Map(entries) }
  }
  const value = typeof preset === 'string' || typeof preset === 'number' || typeof preset === 'boolean' ? preset : null
  return { type: 'scalar', place: DEFAULT, value, source: String(preset), variables: [] }
}
