import type { Part } from './config.ts'
import { nearest } from './nearest.ts'
import { readOptions } from './options.ts'
import { cameText, DEFAULT, type Place, type Problem } from './problem.ts'
import type { Shape } from './schema.ts'
import { isOff, isOn, type Mapping, type Tree } from './tree.ts'
import type { Vocabulary } from './vocabulary.ts'

/** What the configuration needs to know of a component's definition. */
export interface AnyDefinition {
  readonly kind: 'receiver' | 'processor' | 'redactor' | 'exporter' | 'folder'
  readonly type: string
  readonly summary: string
  readonly options: Shape
  /** False: runs only where the file names it. */
  readonly onByDefault?: boolean
}

/** A component as it is to run, with what was said about it. */
export interface ReadPart<D> extends Part<D> {
  readonly tree: Mapping
}

export interface ReadSection<D> {
  /** In the order of the definitions, and of the file where one definition has several. */
  readonly parts: ReadPart<D>[]
  /** What the file switched off. */
  readonly off: readonly { readonly name: string; readonly place: Place }[]
}

/** Components of which a file may have several, each under `type/name`. */
export const several = ({ kind }: AnyDefinition): boolean => kind === 'receiver' || kind === 'exporter'

/** Components that run although no file names them. */
export const onByDefault = (definition: AnyDefinition): boolean => definition.onByDefault ?? definition.kind !== 'exporter'

const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/

/** Reads one section of components. */
export function readComponents<D extends AnyDefinition>(
  section: string,
  definitions: readonly D[],
  tree: Tree | undefined,
  vocabulary: Vocabulary,
  problems: Problem[]
): ReadSection<D> {
  const named = entriesOf(section, tree, problems)
  const parts: ReadPart<D>[] = []
  const off: { name: string; place: Place }[] = []
  const types = definitions.map(({ type }) => type)
  for (const [key, { place }] of named) {
    if (!types.includes(typeOf(key))) problems.push(unknownComponent(section, key, types, vocabulary, place))
  }
  for (const definition of definitions) {
    const keys = [...named.keys()].filter((key) => typeOf(key) === definition.type)
    if (onByDefault(definition) && !keys.includes(definition.type)) keys.unshift(definition.type)
    for (const name of keys) {
      const entry = named.get(name)
      const place = entry?.place ?? DEFAULT
      const path = `${section}.${name}`
      if (name !== definition.type && !nameFits(name, definition, path, place, problems)) continue
      if (entry !== undefined && isOff(entry.value) && definition.kind !== 'redactor') {
        off.push({ name, place })
        continue
      }
      const given = mappingOf(entry?.value, definition, path, place, problems)
      const options = given && readOptions(definition.options, given, path, vocabulary, problems)
      if (given !== undefined && options !== undefined) parts.push({ name, definition, options, tree: given })
    }
  }
  return { parts, off }
}

function entriesOf(section: string, tree: Tree | undefined, problems: Problem[]): Mapping['entries'] {
  if (tree?.type === 'mapping') return tree.entries
  const isEmpty = tree === undefined || (tree.type === 'scalar' && tree.value === null)
  if (!isEmpty) {
    const remedy = `write \`type: { option: value }\` lines below ${section}, indented`
    problems.push({ place: tree.place, path: section, came: cameText(tree, false), expected: 'a mapping of component to options', remedy })
  }
  return new Map()
}

// The options that the file gives; undefined when they cannot be read.
function mappingOf(tree: Tree | undefined, { kind }: AnyDefinition, path: string, place: Place, problems: Problem[]): Mapping | undefined {
  if (tree === undefined || isOn(tree)) return { type: 'mapping', place, entries: new Map() }
  if (tree.type === 'mapping') return { ...tree, place }
  const [expected, remedy] =
    kind === 'redactor'
      ? ['a mapping of options', 'it cannot be switched off, since nothing leaves unredacted; its options let things pass']
      : ['a mapping of options, or off', 'write `key: value` lines below it, indented']
  // A scalar here may be the secret that an option was meant to get.
  problems.push({ place: tree.place, path, came: isOff(tree) ? 'off' : cameText(tree, true), expected, remedy })
  return undefined
}

function nameFits(name: string, definition: AnyDefinition, path: string, place: Place, problems: Problem[]): boolean {
  const { type } = definition
  if (!several(definition)) {
    problems.push({ place, path, came: 'a name', expected: `one ${type}, without a name`, remedy: `put its options under ${type}` })
    return false
  }
  if (NAME.test(name.slice(type.length + 1))) return true
  const expected = `${type}/name with up to 63 letters, digits, dots, dashes or underscores`
  problems.push({ place, path, came: 'another name', expected, remedy: `write ${type}/backup, say` })
  return false
}

function unknownComponent(section: string, key: string, types: readonly string[], vocabulary: Vocabulary, place: Place): Problem {
  const problem = vocabulary.unknownKey(key, types, section, place)
  const near = key.includes('/') ? nearest(typeOf(key), types) : undefined
  return near === undefined ? problem : { ...problem, remedy: `did you mean ${near}${key.slice(typeOf(key).length)}?` }
}

function typeOf(key: string): string {
  return key.split('/', 1)[0]
}
