import * as yaml from 'yaml'
import type { Json } from './json.ts'

/** What is put into one pod is mostly what was put into the one before. */
const LEAVES_MAX = 4096

/** Writes YAML in blocks, as the library does; what it has written of a value it remembers. */
export class BlockYaml {
  private readonly indentSeq: boolean
  private readonly leaves = new Map<string, readonly string[]>()

  /** Whether the items of a list stand further right than its key. */
  constructor(indentSeq: boolean) {
    this.indentSeq = indentSeq
  }

  /** The lines of a value as JSON has it, without what ends them. */
  linesOf(value: Json): string[] {
    if (isEmpty(value)) return [...this.leaf(value)]
    if (Array.isArray(value)) return value.flatMap((item) => indented(isEmpty(item) ? this.leaf(item) : this.linesOf(item), '- '))
    return Object.entries(value).flatMap(([key, inside]: [string, Json]) => {
      if (inside === undefined) return []
      const [bare, ...more] = this.leaf({ [key]: null })
      // A key of several lines, or a very long one, stands otherwise.
      if (isEmpty(inside) || more.length > 0 || !bare.endsWith(': null')) return this.leaf({ [key]: inside })
      const indent = Array.isArray(inside) && !this.indentSeq ? '' : '  '
      return [bare.slice(0, -' null'.length), ...this.linesOf(inside).map((line) => (line === '' ? '' : indent + line))]
    })
  }

  private leaf(value: Json): readonly string[] {
    const key = JSON.stringify(value)
    let lines = this.leaves.get(key)
    if (lines === undefined) {
      lines = yaml.stringify(value, { version: '1.1', lineWidth: 0, indentSeq: this.indentSeq }).slice(0, -1).split('\n')
      if (this.leaves.size >= LEAVES_MAX) this.leaves.clear()
      this.leaves.set(key, lines)
    }
    return lines
  }
}

/** Is there nothing inside that would stand on lines of its own? */
function isEmpty(value: Json): boolean {
  return typeof value !== 'object' || value === null || Object.keys(value).length === 0
}

function indented(lines: readonly string[], first: string): string[] {
  return lines.map((line, i) => (i === 0 ? first + line : line === '' ? '' : `  ${line}`))
}
