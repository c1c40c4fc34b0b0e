import type { Place } from './problem.ts'

/** What a file or the environment said, with the place of each word. */
export type Tree = Scalar | Mapping | List

export interface Scalar {
  readonly type: 'scalar'
  readonly place: Place
  readonly value: string | number | boolean | null
  /** As it was written: the number `1.10` is `1.10` again when a text was expected. */
  readonly source: string
  /** The variables that were expanded into it; its type is then decided by the option that it is for. */
  readonly variables: readonly string[]
}

export interface Mapping {
  readonly type: 'mapping'
  readonly place: Place
  readonly entries: Map<string, Entry>
}

export interface Entry {
  /** Where the key stands. */
  readonly place: Place
  readonly value: Tree
}

export interface List {
  readonly type: 'list'
  readonly place: Place
  readonly items: readonly Tree[]
}

/** A text that an environment variable gave. */
export function textFrom(variable: string, value: string): Scalar {
  return { type: 'scalar', place: { variable }, value, source: value, variables: [variable] }
}

/** Is this the word that switches something off? */
export function isOff(tree: Tree): boolean {
  return tree.type === 'scalar' && /^(off|false|no)$/i.test(String(tree.value))
}

/** Is this the word, or the empty place, that says: with its defaults? */
export function isOn(tree: Tree): boolean {
  return tree.type === 'scalar' && (tree.value === null || /^(on|true|yes|)$/i.test(String(tree.value)))
}
