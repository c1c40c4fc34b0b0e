import type { z } from 'zod'
import { nearest } from './nearest.ts'
import { readOptions } from './options.ts'
import { cameText, type Place, type Problem } from './problem.ts'
import { isOff, isOn, type Mapping, type Tree } from './tree.ts'
import type { Vocabulary } from './vocabulary.ts'

/** What the configuration needs to know of a component's definition. */
export interface AnyDefinition {
  readonly kind: 'receiver' | 'processor' | 'redactor' | 'exporter' | 'folder'
  readonly type: string
  readonly summary: string
  readonly options: Readonly<Record<string, z.core.$ZodType>>
}

/** A component as it is to run. */
export interface Instance<D extends AnyDefinition = AnyDefinition> {
  /** Its key in the file: the type, or `type/name` where there are several. */
  readonly name: string
  readonly definition: D
  readonly options: object
}

/** An instance with what the file said about it, for those who print it. */
export interface ReadInstance<D extends AnyDefinition> extends Instance<D> {
  readonly tree: Mapping
}

/** Components of which a file may have several, each under `type/name`. */
export const several = ({ kind }: AnyDefinition): boolean => kind === 'receiver' || kind === 'exporter'

/** Components that run although no file names them. */
export const onByDefault = ({ kind }: AnyDefinition): boolean => kind !== 'exporter'

const INSTANCE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** Reads one section of components: in the order of the definitions, and of the file where one definition has several. */
export function readComponents<D extends AnyDefinition>(
  section: string,
  definitions: readonly D[],
  tree: Tree | undefined,
  vocabulary: Vocabulary,
  problems: Problem[]
): ReadInstance<D>[] {
  const named = entriesOf(section, tree, problems)
  const instances: ReadInstance<D>[] = []
  const known = new Set(definitions.map(({ type }) => type))
  for (const [key, { place }] of named) {
    if (!known.has(key.split('/', 1)[0])) problems.push(unknown(section, key, definitions, vocabulary, place))
  }
  for (const definition of definitions) {
    const keys = [...named.keys()].filter((key) => key === definition.type || key.startsWith(`${definition.type}/`))
    if (onByDefault(definition) && !keys.includes(definition.type)) keys.unshift(definition.type)
    for (const key of keys) {
      const entry = named.get(key)
      const path = `${section}.${key}`
      const place = entry?.place ?? tree?.place ?? { file: 'defaults', line: 0, column: 0 }
      if (key !== definition.type && !nameFits(key, definition, path, place, problems)) continue
      const given = mappingOf(entry?.value, definition, path, place, problems)
      if (given === null) continue
      const options = readOptions(definition.options, given, path, vocabulary, problems)
      if (options !== undefined) instances.push({ name: key, definition, options, tree: given })
    }
  }
  return instances
}

function entriesOf(section: string, tree: Tree | undefined, problems: Problem[]): Mapping['entries'] {
  if (tree === undefined || (tree.type === 'scalar' && tree.value === null)) return new Map()
  if (tree.type === 'mapping') return tree.entries
  problems.push({
    place: tree.place,
    path: section,
    came: cameText(tree, false),
    expected: 'a mapping of component to options',
    remedy: `write \`type: { option: value }\` lines below ${section}, indented`
  })
  return new Map()
}

// The options that the file gives; null for a component that is off, or that cannot be read.
function mappingOf(tree: Tree | undefined, definition: AnyDefinition, path: string, place: Place, problems: Problem[]): Mapping | null {
  if (tree === undefined || isOn(tree)) return { type: 'mapping', place, entries: new Map() }
  if (tree.type === 'mapping') return { ...tree, place }
  const refuse = (expected: string, remedy: string) =>
    problems.push({ place: tree.place, path, came: cameText(tree, true), expected, remedy })
  if (!isOff(tree)) refuse('a mapping of options, or off', 'write `key: value` lines below it, indented')
  else if (definition.kind === 'redactor')
    refuse('a mapping of options', 'nothing leaves unredacted; use its options to let something pass')
  return null
}

function nameFits(key: string, definition: AnyDefinition, path: string, place: Place, problems: Problem[]): boolean {
  const refuse = (expected: string, remedy: string) => problems.push({ place, path, came: 'a second one', expected, remedy })
  if (!several(definition)) refuse(`one ${definition.type}`, `put its options under ${definition.type}`)
  else if (!INSTANCE_NAME.test(key.slice(definition.type.length + 1))) {
    refuse('type/name with letters, digits, dot, dash or underscore', `write ${definition.type}/backup, say`)
  } else return true
  return false
}

function unknown(section: string, key: string, definitions: readonly AnyDefinition[], vocabulary: Vocabulary, place: Place): Problem {
  const types = definitions.map(({ type }) => type)
  const [type, name] = [key.split('/', 1)[0], key.slice(key.split('/', 1)[0].length)]
  const near = name === '' ? undefined : nearest(type, types)
  const problem = vocabulary.unknownKey(key, types, section, place)
  return near === undefined ? problem : { ...problem, remedy: `did you mean ${near}${name}?` }
}
