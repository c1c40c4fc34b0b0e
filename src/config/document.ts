import type { Alias, Document, Node, Pair, Scalar } from 'yaml'
import * as yaml from 'yaml'
import { keyPath, type Place, type Problem } from './problem.ts'
import type { Entry, Tree } from './tree.ts'
import { yamlErrorInWords } from './yaml-errors.ts'

// Anchors can multiply a short file; what they make of it is bounded too.
const NODES_MAX = 50_000
const ALIASES_MAX = 500
const DEPTH_MAX = 32

/** Reads YAML into a tree whose every word knows its line; null for a file that says nothing. Adds what is wrong to `problems`. */
export function readDocument(file: string, text: string, problems: Problem[]): Tree | null {
  const lines = new yaml.LineCounter()
  const placeOf = (offset: number): Place => {
    const { line, col } = lines.linePos(offset)
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  let document: Document
  try {
    document = yaml.parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false, logLevel: 'error' })
  } catch (error) {
    if (!(error instanceof RangeError)) throw error
    problems.push({ place: placeOf(0), path: '', expected: 'fewer nested brackets', remedy: 'look for a bracket that is not closed' })
    return null
  }
  // What follows the first error is mostly its echo.
  const [error] = [...document.errors, ...document.warnings]
  if (error !== undefined) {
    const place = placeOf(error.pos[0])
    const line = text.split('\n')['line' in place ? place.line - 1 : 0] ?? ''
    problems.push({ place, path: '', came: 'text that is not YAML', ...yamlErrorInWords(error, line) })
    return null
  }
  if (document.contents === null) return null
  return new Reader(placeOf, problems).read(document.contents as Node, '', 0)
}

class Reader {
  // Names of anchors, and what they stand for from their line on.
  private readonly anchors = new Map<string, Node>()
  private readonly placeOf: (offset: number) => Place
  private readonly problems: Problem[]
  private nodes = 0
  private aliases = 0

  constructor(placeOf: (offset: number) => Place, problems: Problem[]) {
    this.placeOf = placeOf
    this.problems = problems
  }

  read(node: Node | null, path: string, depth: number, at = 0): Tree {
    const place = this.placeOf(node?.range?.[0] ?? at)
    const nothing: Tree = { type: 'scalar', place, value: null, source: '', variables: [] }
    if (node === null) return nothing
    if (++this.nodes > NODES_MAX || depth > DEPTH_MAX) {
      const [what, limit] = depth > DEPTH_MAX ? ['levels', DEPTH_MAX] : ['values', NODES_MAX]
      if (this.nodes <= NODES_MAX + 1)
        this.refuse(place, path, `more than ${limit} ${what}`, `at most ${limit} ${what}`, 'look for an anchor that contains itself')
      this.nodes = Math.max(this.nodes, NODES_MAX + 1)
      return nothing
    }
    if (yaml.isAlias(node)) return this.readAlias(node, place, path, depth)
    if (node.anchor !== undefined) this.anchors.set(node.anchor, node)
    if (yaml.isMap(node)) return this.readMapping(node.items as Pair<Node, Node | null>[], place, path, depth)
    if (yaml.isSeq(node)) {
      const items = node.items.map((item, i) => this.read(item as Node | null, `${path}[${i}]`, depth + 1, node.range?.[0]))
      return { type: 'list', place, items }
    }
    const { value, source } = node as Scalar
    if (value !== null && typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      this.refuse(place, path, 'a value of another kind', 'a text, a number, true or false', 'quote the value')
      return nothing
    }
    return { type: 'scalar', place, value, source: source ?? String(value ?? ''), variables: [] }
  }

  // An alias stands for what its anchor holds; errors inside are shown where the anchor is.
  private readAlias(node: Alias, place: Place, path: string, depth: number): Tree {
    const target = ++this.aliases > ALIASES_MAX ? undefined : this.anchors.get(node.source)
    if (target !== undefined) return this.read(target, path, depth + 1)
    const [came, expected] =
      this.aliases > ALIASES_MAX
        ? [`more than ${ALIASES_MAX} aliases`, `at most ${ALIASES_MAX}`]
        : ['an alias without its anchor', 'an anchor that stands before it']
    if (this.aliases <= ALIASES_MAX + 1) this.refuse(place, path, came, expected, 'write the value out, or quote it')
    return { type: 'scalar', place, value: null, source: '', variables: [] }
  }

  private readMapping(pairs: readonly Pair<Node, Node | null>[], place: Place, path: string, depth: number): Tree {
    const entries = new Map<string, Entry>()
    const merged: Tree[] = []
    for (const { key, value } of pairs) {
      const keyPlace = this.placeOf(key.range?.[0] ?? 0)
      if (!yaml.isScalar(key)) {
        this.refuse(keyPlace, path, 'a key that is not a word', 'a word as key', 'write `key: value`')
        continue
      }
      const name = typeof key.value === 'string' ? key.value : (key.source ?? String(key.value))
      const tree = this.read(value, keyPath(path, name), depth + 1, key.range?.[1])
      if (name === '<<' && key.type === 'PLAIN') {
        merged.push(...(tree.type === 'list' ? tree.items : [tree]))
        continue
      }
      const before = entries.get(name)?.place
      if (before === undefined && name !== '__proto__') entries.set(name, { place: keyPlace, value: tree })
      else if (before === undefined) this.refuse(keyPlace, path, 'the key __proto__', 'another key', 'rename the key')
      else
        this.refuse(
          keyPlace,
          keyPath(path, name),
          'the same key again',
          'each key once',
          `remove this one or the one on line ${'line' in before ? before.line : 0}`
        )
    }
    for (const tree of merged) {
      if (tree.type !== 'mapping') this.refuse(tree.place, path, 'a merge of something else', 'a mapping after <<', 'write `<<: *name`')
      else for (const [name, entry] of tree.entries) if (!entries.has(name)) entries.set(name, entry)
    }
    return { type: 'mapping', place, entries }
  }

  private refuse(place: Place, path: string, came: string, expected: string, remedy: string): void {
    this.problems.push({ place, path, came, expected, remedy })
  }
}
