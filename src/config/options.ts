import * as z from 'zod'
import { kindOf, type OptionKind } from './kinds.ts'
import { cameText, keyPath, type Place, type Problem, placeText } from './problem.ts'
import { requiredRemedy, wrongValueRemedy } from './remedies.ts'
import type { Kind, Shape } from './schema.ts'
import type { Mapping, Scalar, Tree } from './tree.ts'
import type { Vocabulary } from './vocabulary.ts'

/**
 * Turns what stands in the file under `path` into the options of a shape. Adds to `problems` each key that the shape does not know and each
 * value that does not fit; returns undefined when there was one.
 */
export function readOptions(shape: Shape, tree: Mapping, path: string, vocabulary: Vocabulary, problems: Problem[]): object | undefined {
  const before = problems.length
  const group: OptionKind = { name: 'group', expected: 'a mapping of options', doc: '', shape, required: false }
  const input = inputOf(group, tree, path, vocabulary, problems)
  const result = z.strictObject(shape).safeParse(input)
  if (!result.success) {
    for (const issue of result.error.issues) {
      const problem = problemOf(issue, group, tree, path)
      // One value is reported once: what could not be expanded also does not fit.
      if (!problems.some((told) => told.path === problem.path && placeText(told.place) === placeText(problem.place))) problems.push(problem)
    }
  }
  return problems.length === before ? result.data : undefined
}

// What zod is given: plain values, with the types that the options ask for where the file cannot say them (a text from a variable, a number
// where a text is meant). What does not fit goes through as it came, so that zod finds it.
function inputOf(kind: OptionKind, tree: Tree, path: string, vocabulary: Vocabulary, problems: Problem[]): unknown {
  const { shape, item } = kind
  if (tree.type === 'scalar') {
    const container = shape !== undefined || item !== undefined
    if (container && !kind.single && (tree.value === null || tree.value === '')) return undefined
    return kind.single && item !== undefined ? scalarOf(kindOf(item), tree) : scalarOf(kind, tree)
  }
  if (tree.type === 'list') {
    if (kind.name !== 'list' || item === undefined) return plainOf(tree)
    const itemKind = kindOf(item)
    return tree.items.map((one, i) => inputOf(itemKind, one, `${path}[${i}]`, vocabulary, problems))
  }
  if (shape === undefined && kind.name !== 'map') return plainOf(tree)
  const input: Record<string, unknown> = Object.create(null)
  for (const [key, entry] of tree.entries) {
    const type = shape === undefined ? item : Object.hasOwn(shape, key) ? shape[key] : undefined
    if (type === undefined) problems.push(vocabulary.unknownKey(key, Object.keys(shape ?? {}), path, entry.place))
    else input[key] = inputOf(kindOf(type), entry.value, keyPath(path, key), vocabulary, problems)
  }
  return input
}

function scalarOf(kind: OptionKind, tree: Scalar): unknown {
  const { value, source, variables } = tree
  if (isLeftOut(kind, tree)) return undefined
  const expanded = variables.length > 0
  switch (kind.name) {
    case 'flag':
      return expanded && /^(true|false)$/.test(source) ? source === 'true' : value
    case 'integer':
    case 'number':
      return expanded && /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i.test(source) ? Number(source) : value
    case 'any':
      return expanded && /^(-?\d+(\.\d+)?|true|false)$/.test(source) ? JSON.parse(source) : value
    case 'list':
    case 'map':
    case 'group':
      return value
    default:
      // YAML 1.1, which Helm and other tools write, has no word `off`: what they were told as off comes as false.
      if (value === false && (kind.name === 'address' || kind.choices?.includes('off'))) return 'off'
      return value === null ? null : source
  }
}

/** Is this a variable that is empty, and so leaves its option out as if the line were not there? A text may well be empty. */
export function isLeftOut(kind: OptionKind, tree: Tree): boolean {
  if (tree.type !== 'scalar' || tree.variables.length === 0 || tree.value !== '') return false
  return kind.name !== 'text' || (!kind.required && kind.preset === undefined)
}

function plainOf(tree: Tree): unknown {
  if (tree.type === 'scalar') return tree.value
  if (tree.type === 'list') return tree.items.map(plainOf)
  return Object.fromEntries(Array.from(tree.entries, ([key, { value }]) => [key, plainOf(value)]))
}

// What zod found, in the words of the option.
function problemOf(issue: z.core.$ZodIssue, group: Kind, root: Mapping, rootPath: string): Problem {
  let kind: Kind | undefined = group
  let tree: Tree | undefined = root
  let place: Place = root.place
  let path = rootPath
  let secret = false
  for (const step of issue.path) {
    kind = stepInto(kind, step)
    secret ||= kind?.secret === true
    const inside: Tree | undefined = kind === undefined ? undefined : childOf(tree, step)
    if (inside !== undefined && tree?.type === 'mapping') place = tree.entries.get(String(step))!.place
    else if (inside !== undefined) place = inside.place
    // One that stands for a list of one has no index of its own.
    const single: boolean = tree?.type === 'scalar' && typeof step === 'number'
    if (!single) tree = inside
    if (tree?.type === 'scalar') place = tree.place
    if (!single) path = typeof step === 'number' ? `${path}[${step}]` : keyPath(path, String(step))
  }
  const expected = expectedOf(issue, kind)
  const empty = tree === undefined || (tree.type === 'scalar' && tree.value === '' && tree.variables.length > 0)
  if (tree === undefined || empty) return { place, path, came: 'nothing', expected, remedy: requiredRemedy(path) }
  const reason = issue.code === 'custom' && typeof issue.params?.reason === 'string' ? `, which ${issue.params.reason}` : ''
  return { place, path, came: `${cameText(tree, secret)}${reason}`, expected, remedy: wrongValueRemedy(kind, tree) }
}

function expectedOf(issue: z.core.$ZodIssue, kind: Kind | undefined): string {
  // A check that the component's author added says itself what it wants.
  if (issue.code === 'custom' && issue.message !== '' && issue.message !== 'Invalid input') return issue.message.replace(/^expected /, '')
  const expected = kind?.expected ?? 'something else'
  if (kind !== undefined && (kind.min !== undefined || kind.max !== undefined)) return expected
  if (issue.code === 'too_small')
    return `${expected}, ${amount(issue.origin, issue.inclusive === false ? 'more than' : 'at least', issue.minimum)}`
  if (issue.code === 'too_big')
    return `${expected}, ${amount(issue.origin, issue.inclusive === false ? 'less than' : 'at most', issue.maximum)}`
  return expected
}

function amount(origin: string, bound: string, limit: number | bigint): string {
  const what = origin === 'string' ? ' characters' : origin === 'array' || origin === 'record' ? ' entries' : ''
  return `${bound} ${limit}${what}`
}

function stepInto(kind: Kind | undefined, step: PropertyKey): Kind | undefined {
  if (kind?.shape !== undefined) return Object.hasOwn(kind.shape, step) ? kindOf(kind.shape[String(step)]) : undefined
  return kind?.item === undefined ? kind : kindOf(kind.item)
}

function childOf(tree: Tree | undefined, step: PropertyKey): Tree | undefined {
  if (tree?.type === 'list') return tree.items[Number(step)]
  return tree?.type === 'mapping' ? tree.entries.get(String(step))?.value : undefined
}
