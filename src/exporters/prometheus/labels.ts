import type { Attribute } from './attributes.ts'
import { type Escaping, escapeLabel, isClassicLabel, labelName, type Translation } from './names.ts'

/**
 * The labels of a series as text, `a="1",b="2"`, without braces: what is stored once per series and written on every line of it. Empty values
 * are left out, because Prometheus takes a label without a value for no label. Names that are no classic names stand in quotes.
 */
export class Labels {
  private readonly values = new Map<string, string>()
  private readonly translation: Translation

  constructor(translation: Translation, start?: Labels) {
    this.translation = translation
    if (start !== undefined) for (const [name, value] of start.values) this.values.set(name, value)
  }

  /** Adds a label of ours, under exactly this name. */
  set(name: string, value: string): this {
    if (value !== '') this.values.set(name, value)
    return this
  }

  /**
   * Adds attributes, which are sorted by key. Keys that become one name have their values joined with `;`. A name that is taken, or reserved for
   * the type (`le`, `quantile`), gets `exported_` in front, as Prometheus does it.
   */
  addAll(attributes: readonly Attribute[], reserved: readonly string[] = [], prefix = ''): this {
    const added = new Map<string, string>()
    for (const [key, value] of attributes) {
      if (value === '') continue
      let name = labelName(prefix + key, this.translation)
      while (reserved.includes(name) || this.values.has(name)) name = `exported_${name}`
      const other = added.get(name)
      added.set(name, other === undefined ? value : `${other};${value}`)
    }
    for (const [name, value] of added) this.values.set(name, value)
    return this
  }

  get text(): string {
    // In one piece. The pieces that a text is put together from would stay in memory with it, and weigh more than the text.
    return Buffer.from(labelsText(this.values)).toString()
  }

  /** Code points of all names and values. */
  get chars(): number {
    let chars = 0
    for (const [name, value] of this.values) chars += Array.from(name).length + Array.from(value).length
    return chars
  }
}

export function labelsText(values: Iterable<readonly [string, string]>): string {
  let text = ''
  for (const [name, value] of values) {
    if (text !== '') text += ','
    text += isClassicLabel(name) ? `${name}="${escapeText(value)}"` : `"${escapeText(name)}"="${escapeText(value)}"`
  }
  return text
}

// Parsers written in C and by lexer generators take U+0000 for the end of the page.
const SPECIAL = /[\\"\n\0]/
const SPECIALS = /[\\"\n\0]/g
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '"': '\\"', '\n': '\\n', '\0': '\uFFFD' }

/** A text between double quotes. */
export function escapeText(text: string): string {
  return SPECIAL.test(text) ? text.replace(SPECIALS, (char) => ESCAPES[char]) : text
}

const LABEL = /(?:([a-zA-Z0-9_]+)|"((?:[^"\\]|\\.)*)")="((?:[^"\\]|\\.)*)"/g

/** The same labels with their names as a page of this escaping writes them. */
export function escapeLabels(text: string, escaping: Escaping): string {
  if (escaping === 'allow-utf-8') return text
  const values = new Map<string, string>()
  for (const [, plain, quoted, value] of text.matchAll(LABEL)) {
    const name = escapeLabel(plain ?? unescapeText(quoted), escaping)
    const other = values.get(name)
    values.set(name, other === undefined ? value : `${other};${value}`)
  }
  return Array.from(values, ([name, value]) => `${name}="${value}"`).join(',')
}

const unescapeText = (text: string): string => text.replace(/\\(.)/g, (_, char) => (char === 'n' ? '\n' : char))
