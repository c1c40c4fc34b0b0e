import { isDeepStrictEqual } from 'node:util'
import * as yaml from 'yaml'
import { BlockYaml } from './block-yaml.ts'
import type { Json } from './json.ts'
import type { PatchOperation } from './patch.ts'

/** As the tools of Kubernetes read YAML: version 1.1 with merges, without its dates and base-60 numbers. */
const READING = {
  version: '1.1',
  merge: true,
  prettyErrors: false,
  logLevel: 'silent',
  customTags: (tags: yaml.Tags) => tags.filter((tag) => typeof tag === 'string' || (tag.tag !== TIMESTAMP && tag.format !== 'TIME'))
} as const
const TIMESTAMP = 'tag:yaml.org,2002:timestamp'

type Documents = yaml.Document.Parsed[]

/** Reads all documents of a text. `lines` learns where its lines are. */
export function readDocuments(text: string, lines?: yaml.LineCounter): Documents {
  const found = yaml.parseAllDocuments(text, { ...READING, ...(lines === undefined ? {} : { lineCounter: lines }) })
  return Array.isArray(found) ? (found as Documents) : []
}

/** Anchors can multiply a short text; this is how often they may. */
const ALIASES_MAX = 1000

/** What a document says, each alias written out. Throws ReferenceError where there are too many, or where one stands inside of its own anchor. */
export function contentOf(document: yaml.Document): Json {
  const value: unknown = document.toJS({ maxAliasCount: ALIASES_MAX }) ?? null
  try {
    return JSON.parse(JSON.stringify(value))
  } catch {
    throw new ReferenceError('an anchor contains itself')
  }
}

/** A change of one document: what is added to it, and what it then says. */
export interface Change {
  readonly patch: readonly PatchOperation[]
  readonly expected: Json
}

/**
 * Adds to documents by writing into their text, so that everything else stays as it is, to the last blank. A document for which that does not come
 * out as expected, since anchors make one place of it stand for several, is written anew, and `rewritten` is told its number.
 */
export function editDocuments(
  text: string,
  documents: Documents,
  changes: ReadonlyMap<number, Change>,
  rewritten: (index: number) => void
): string {
  const writer = new Writer(text)
  const edits = new Map<number, Edit[]>()
  for (const [index, { patch }] of changes) edits.set(index, writer.editsFor(documents[index], patch))
  const quick = editEach(text, documents, changes, edits)
  if (quick !== null) return quick
  const edited = apply(text, [...edits.values()].flat())
  const result = readDocuments(edited)
  const wrong = [...changes].filter(([index, { expected }]) => result.length !== documents.length || !isFine(result[index], expected))
  if (wrong.length === 0) return edited
  for (const [index, { expected }] of wrong) {
    rewritten(index)
    edits.set(index, [writer.replacement(documents[index], expected)])
  }
  return apply(text, [...edits.values()].flat())
}

// Each document by itself, so that no more than one is held a second time. Null where one does not come out as expected like that; it may among the others.
function editEach(
  text: string,
  documents: Documents,
  changes: ReadonlyMap<number, Change>,
  edits: ReadonlyMap<number, readonly Edit[]>
): string | null {
  let result = ''
  let from = 0
  for (const [index, { range }] of documents.entries()) {
    const to = index === documents.length - 1 ? text.length : range[2]
    const own = edits.get(index) ?? []
    const inside = own.map((edit) => ({ ...edit, from: edit.from - from, to: edit.to - from }))
    const edited = apply(text.slice(from, to), inside)
    const change = changes.get(index)
    // What follows has to begin on a line of its own.
    if (change !== undefined) {
      const found = readDocuments(edited)
      if (found.length !== 1 || !isFine(found[0], change.expected) || (to < text.length && !edited.endsWith('\n'))) return null
    }
    if (inside.some((edit) => edit.from < 0 || edit.to > to - from)) return null
    result += edited
    from = to
  }
  return result
}

const isFine = (document: yaml.Document | undefined, expected: Json): boolean =>
  document !== undefined && document.errors.length === 0 && isDeepStrictEqual(contentOf(document), expected)

/** `text` takes the place of what stands between two offsets. */
interface Edit {
  readonly from: number
  readonly to: number
  readonly text: string
}

function apply(text: string, edits: readonly Edit[]): string {
  let result = ''
  let at = 0
  // Those of one place stay in their order.
  for (const { from, to, text: inserted } of edits.toSorted((a, b) => a.from - b.from)) {
    result += text.slice(at, from) + inserted
    at = Math.max(at, to)
  }
  return result + text.slice(at)
}

type Collection = yaml.YAMLMap<yaml.Node, yaml.Node | null> | yaml.YAMLSeq<yaml.Node>

class Writer {
  private readonly text: string
  private readonly newline: string
  private readonly yaml: BlockYaml

  constructor(text: string) {
    this.text = text
    this.newline = text.includes('\r\n') ? '\r\n' : '\n'
    // Are the items of lists indented in this text?
    const indentSeq = !/^( *)(- )?[\w.-]+:[ \t]*(#.*)?\r?\n\1- /m.test(text)
    this.yaml = new BlockYaml(indentSeq)
  }

  editsFor(document: yaml.Document, patch: readonly PatchOperation[]): Edit[] {
    const parents = new Map<string, Addition[]>()
    for (const { path, value } of patch) {
      const at = path.lastIndexOf('/')
      const key = stepOf(path.slice(at + 1))
      parents.set(path.slice(0, at), [...(parents.get(path.slice(0, at)) ?? []), { key, value }])
    }
    // Of what ends at one place, the innermost is added to first.
    const inwards = [...parents].toSorted(([a], [b]) => b.split('/').length - a.split('/').length)
    return inwards.flatMap(([path, additions]) => {
      const place = nodeAt(document, path.split('/').slice(1).map(stepOf))
      // Something else, an alias perhaps: the result will not be as expected, and the document is written anew.
      return place === undefined ? [] : this.additions(place, additions)
    })
  }

  /** The whole document anew. */
  replacement(document: yaml.Document, value: Json): Edit {
    const [from, to] = document.contents?.range ?? [0, 0]
    const start = this.lineStart(from)
    return { from: start, to: this.lineEnd(to), text: this.block(value, 0) }
  }

  private additions(place: Place, additions: readonly Addition[]): Edit[] {
    const { node } = place
    if (yaml.isMap(node)) {
      const keyed = additions.map(({ key, value }) => ({ pair: pairOf(node, key), entry: { [key]: value } }))
      const said = keyed.flatMap(({ pair, entry }) => (pair === undefined ? [] : [this.instead(pair, node, entry)]))
      const added = keyed.filter(({ pair }) => pair === undefined).map(({ entry }) => entry)
      return [...said, ...this.atEnd(place, added.length === 0 ? [] : [Object.assign({}, ...added)])]
    }
    const first = additions.filter(({ key }) => key === '0').map(({ value }) => [value])
    const last = additions.filter(({ key }) => key !== '0').map(({ value }) => value)
    return [...first.map((entry) => this.atFront(place, entry)), ...this.atEnd(place, last.length === 0 ? [] : [last])]
  }

  private atFront({ node, above }: Place, entry: Json): Edit {
    if (node.flow === true) return this.inFlow(node, true, entry)
    // What belongs to the first item, a comment perhaps, stays with it.
    const at = above === undefined ? Math.max(this.lineStart(node.range![0]) - 1, 0) : this.lineEnd(endOf(above))
    return { from: at, to: at, text: this.newline + this.block(entry, this.column(node)) }
  }

  private atEnd({ node, above, column }: Place, entries: readonly Json[]): Edit[] {
    return entries.map((entry) => {
      if (node.flow === true && node.items.length === 0 && above !== undefined && column !== undefined) {
        const [from, to] = node.range!
        return { from, to, text: this.under(entry, this.columnAt(column)) }
      }
      if (node.flow === true) return this.inFlow(node, false, entry)
      const block = this.block(entry, this.column(node))
      const end = endOf(node)
      if (this.text[end - 1] === '\n') return { from: end, to: end, text: block + this.newline }
      const at = this.lineEnd(end)
      return { from: at, to: at, text: this.newline + block }
    })
  }

  // In place of a value that says nothing.
  private instead(pair: yaml.Pair, mapping: Collection, entry: Json): Edit {
    const value = Object.values(entry)[0]
    const [from, to] = yaml.isNode(pair.value) && pair.value.range ? pair.value.range : [0, 0]
    const written = this.text.slice(from, to)
    const start = written === '' ? this.text.indexOf(':', (pair.key as yaml.Node).range![1]) + 1 : from
    const text = mapping.flow === true ? JSON.stringify(value) : this.under(value, this.column(mapping))
    return { from: start, to: written === '' ? start : to, text: written === '' && mapping.flow === true ? ` ${text}` : text }
  }

  // A value as it stands under its key, from behind the colon on.
  private under(value: Json, column: number): string {
    const block = this.block({ x: value }, column)
    return block.slice(block.indexOf('x:') + 2)
  }

  // Items of a list, or entries of a mapping, among those in brackets.
  private inFlow(node: Collection, isFirst: boolean, entries: Json): Edit {
    const [start, end] = node.range!
    const [first, last] = [node.items[0], node.items.at(-1)]
    if (last === undefined) return { from: start + 1, to: start + 1, text: JSON.stringify(entries).slice(1, -1) }
    const indent = this.text.slice(start, end).includes('\n') ? /[ \t]*$/.exec(this.text.slice(0, startOf(first)))?.[0] : undefined
    const gap = indent === undefined ? ' ' : this.newline + indent
    const lines = JSON.stringify(entries, null, 2).split('\n').slice(1, -1)
    const written = indent === undefined ? JSON.stringify(entries).slice(1, -1) : lines.map((line) => line.slice(2)).join(gap)
    if (isFirst) return { from: startOf(first), to: startOf(first), text: `${written},${gap}` }
    const at = endOf(last)
    return { from: at, to: at, text: `,${gap}${written}` }
  }

  private block(value: Json, column: number): string {
    const indent = ' '.repeat(column)
    return this.yaml
      .linesOf(value)
      .map((line) => (line === '' ? '' : indent + line))
      .join(this.newline)
  }

  private column(node: yaml.Node): number {
    return this.columnAt(node.range![0])
  }

  private columnAt(offset: number): number {
    return offset - this.lineStart(offset)
  }

  private lineStart(offset: number): number {
    return this.text.lastIndexOf('\n', offset - 1) + 1
  }

  // The end of the line's text, before what ends the line; of a text of several lines, that of its last one.
  private lineEnd(offset: number): number {
    const at = this.text[offset - 1] === '\n' ? offset - 1 : this.text.indexOf('\n', offset)
    if (at === -1) return this.text.length
    return this.text[at - 1] === '\r' ? at - 1 : at
  }
}

interface Addition {
  readonly key: string
  readonly value: Json
}

interface Place {
  readonly node: Collection
  /** Of what is a mapping's value: its key. */
  readonly above: yaml.Node | undefined
  /** Where the mapping around it starts, if its keys stand on lines of their own. */
  readonly column: number | undefined
}

const stepOf = (step: string): string => step.replaceAll('~1', '/').replaceAll('~0', '~')
const pairOf = (mapping: yaml.YAMLMap, key: string): yaml.Pair | undefined =>
  mapping.items.find((each) => yaml.isScalar(each.key) && String(each.key.value) === key)

function nodeAt(document: yaml.Document, steps: readonly string[]): Place | undefined {
  let node = document.contents as unknown
  let above: yaml.Node | undefined
  let column: number | undefined
  for (const step of steps) {
    if (yaml.isMap(node)) {
      const pair = pairOf(node, step)
      above = pair?.key as yaml.Node | undefined
      column = node.flow === true ? undefined : node.range?.[0]
      node = pair?.value
    } else {
      above = undefined
      column = undefined
      node = yaml.isSeq(node) ? node.items[Number(step)] : undefined
    }
  }
  return yaml.isCollection(node) ? { node: node as Collection, above, column } : undefined
}

function startOf(item: unknown): number {
  if (yaml.isPair(item)) return startOf(item.key)
  return yaml.isNode(item) && item.range ? item.range[0] : 0
}

// Where the text of a node ends, without the comments and blank lines that follow it.
function endOf(item: unknown): number {
  if (yaml.isPair(item)) return yaml.isNode(item.value) && item.value.range ? Math.max(endOf(item.value), endOf(item.key)) : endOf(item.key)
  if (yaml.isCollection(item) && item.flow !== true && item.items.length > 0) return endOf(item.items.at(-1))
  return yaml.isNode(item) && item.range ? item.range[1] : 0
}
