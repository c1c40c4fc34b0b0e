// The regular expressions users may write: everything that a linear matcher can do, over bytes. No look-around, no back-references.

export type Node =
  | { readonly kind: 'set'; readonly set: Uint8Array }
  | { readonly kind: 'sequence'; readonly parts: readonly Node[] }
  | { readonly kind: 'choice'; readonly options: readonly Node[] }
  | { readonly kind: 'repeat'; readonly of: Node; readonly min: number; readonly max: number }
  | { readonly kind: 'boundary' }

/** What is wrong with a pattern, in words for its author. */
export class PatternError extends Error {
  override readonly name = 'PatternError'
}

const REPEAT_MAX = 1_000
const DEPTH_MAX = 32

/** Parses a pattern; `(?i)` at its start ignores case. Throws PatternError. */
export function parsePattern(source: string): Node {
  const ignoresCase = source.startsWith('(?i)')
  return new Parser(ignoresCase ? source.slice(4) : source, ignoresCase).parse()
}

class Parser {
  private readonly source: string
  private readonly ignoresCase: boolean
  private at = 0

  constructor(source: string, ignoresCase: boolean) {
    // Bytes, one a character, so that letters outside of ASCII match as they are written.
    this.source = Buffer.from(source).toString('latin1')
    this.ignoresCase = ignoresCase
  }

  parse(): Node {
    const node = this.choice(0)
    if (this.at < this.source.length) throw new PatternError(`unexpected ")" at ${this.at + 1}`)
    return node
  }

  private choice(depth: number): Node {
    if (depth > DEPTH_MAX) throw new PatternError(`groups are nested deeper than ${DEPTH_MAX}`)
    const options = [this.sequence(depth)]
    while (this.take('|')) options.push(this.sequence(depth))
    return options.length === 1 ? options[0] : { kind: 'choice', options }
  }

  private sequence(depth: number): Node {
    const parts: Node[] = []
    while (this.at < this.source.length && this.source[this.at] !== '|' && this.source[this.at] !== ')') parts.push(this.repeated(depth))
    return parts.length === 1 ? parts[0] : { kind: 'sequence', parts }
  }

  private repeated(depth: number): Node {
    const of = this.atom(depth)
    const counts = this.counts()
    if (counts === null) return of
    this.take('?')
    if (this.counts() !== null) throw new PatternError('a repeat of a repeat; repeat a group without repeats instead')
    if (counts.max > 1 && hasRepeat(of))
      throw new PatternError('a repeat inside of a repeated group; write the inner one with a fixed count')
    return { kind: 'repeat', of, ...counts }
  }

  private counts(): { min: number; max: number } | null {
    if (this.take('*')) return { min: 0, max: Number.POSITIVE_INFINITY }
    if (this.take('+')) return { min: 1, max: Number.POSITIVE_INFINITY }
    if (this.take('?')) return { min: 0, max: 1 }
    const match = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(this.source.slice(this.at, this.at + 12))
    if (match === null) return null
    this.at += match[0].length
    const min = Number(match[1])
    const max = match[2] === undefined ? min : match[3] === '' ? Number.POSITIVE_INFINITY : Number(match[3])
    if (min > REPEAT_MAX || (max > REPEAT_MAX && max !== Number.POSITIVE_INFINITY))
      throw new PatternError(`repeats of more than ${REPEAT_MAX}`)
    if (max < min) throw new PatternError(`{${min},${max}} counts backwards`)
    return { min, max }
  }

  private atom(depth: number): Node {
    const character = this.source[this.at++]
    if (character === '(') return this.group(depth)
    if (character === '[') return this.set(this.bracket())
    if (character === '.') return this.set(setOf((byte) => byte !== 10))
    if (character === '\\') {
      if (this.source[this.at] === 'b') {
        this.at++
        return { kind: 'boundary' }
      }
      return this.set(this.escape())
    }
    if ('*+?'.includes(character)) throw new PatternError(`nothing to repeat at ${this.at}`)
    if (character === '^' || character === '$')
      throw new PatternError('anchors "^" and "$" are not supported, since patterns look inside of texts; use \\b')
    return this.set(only(character))
  }

  private group(depth: number): Node {
    if (this.take('?') && !this.take(':')) throw new PatternError('look-around, named groups and inline flags are not supported')
    const node = this.choice(depth + 1)
    if (!this.take(')')) throw new PatternError('a group is not closed')
    return node
  }

  private bracket(): Uint8Array {
    const inverted = this.take('^')
    const set = new Uint8Array(256)
    let first = true
    while (first || this.source[this.at] !== ']') {
      if (this.at >= this.source.length) throw new PatternError('a set "[" is not closed')
      first = false
      const low = this.setItem()
      const isRange = this.source[this.at] === '-' && this.source[this.at + 1] !== ']' && low.byte >= 0
      if (!isRange) {
        merge(set, low.set)
        continue
      }
      this.at++
      const high = this.setItem()
      if (high.byte < low.byte) throw new PatternError('a range in a set runs backwards')
      merge(
        set,
        setOf((byte) => byte >= low.byte && byte <= high.byte)
      )
    }
    this.at++
    return inverted ? set.map((flag) => 1 - flag) : set
  }

  private setItem(): { set: Uint8Array; byte: number } {
    const character = this.source[this.at++] ?? ''
    const set = character === '\\' ? this.escape() : only(character)
    const isSingle = set.indexOf(1) === set.lastIndexOf(1)
    return { set, byte: isSingle ? set.indexOf(1) : -1 }
  }

  private escape(): Uint8Array {
    const character = this.source[this.at++]
    if (character === undefined) throw new PatternError('ends in a backslash')
    const lower = SHORTHANDS[character.toLowerCase()]
    if (lower !== undefined) return character === character.toLowerCase() ? lower : lower.map((flag) => 1 - flag)
    if (CONTROLS[character] !== undefined) return only(CONTROLS[character])
    if (/[1-9]/.test(character)) throw new PatternError('back-references are not supported')
    if (/[a-zA-Z0]/.test(character)) throw new PatternError(`the escape "\\${character}" is not supported`)
    return only(character)
  }

  private set(set: Uint8Array): Node {
    if (!this.ignoresCase) return { kind: 'set', set }
    const folded = set.slice()
    for (let byte = 65; byte <= 90; byte++) folded[byte] = folded[byte + 32] = set[byte] | set[byte + 32]
    return { kind: 'set', set: folded }
  }

  private take(character: string): boolean {
    if (this.source[this.at] !== character) return false
    this.at++
    return true
  }
}

function hasRepeat(node: Node): boolean {
  if (node.kind === 'repeat') return node.min !== node.max || hasRepeat(node.of)
  if (node.kind === 'sequence') return node.parts.some(hasRepeat)
  return node.kind === 'choice' && node.options.some(hasRepeat)
}

const setOf = (has: (byte: number) => boolean): Uint8Array => Uint8Array.from({ length: 256 }, (_, byte) => (has(byte) ? 1 : 0))
const only = (character: string): Uint8Array => setOf((byte) => byte === character.charCodeAt(0))
const CONTROLS: Record<string, string> = { n: '\n', r: '\r', t: '\t', f: '\f', v: '\v' }
const SHORTHANDS: Record<string, Uint8Array> = {
  d: setOf((byte) => byte >= 48 && byte <= 57),
  w: setOf((byte) => /\w/.test(String.fromCharCode(byte))),
  s: setOf((byte) => byte === 32 || (byte >= 9 && byte <= 13))
}

function merge(into: Uint8Array, from: Uint8Array): void {
  for (let byte = 0; byte < 256; byte++) into[byte] |= from[byte]
}

/** The longest text of ASCII letters, digits and punctuation that every match contains, in small letters. */
export function literalOf(node: Node): string {
  let best = ''
  let current = ''
  const visit = (part: Node): void => {
    if (part.kind === 'sequence') part.parts.forEach(visit)
    else if (part.kind === 'repeat' && part.min === part.max && part.min <= 8) for (let i = 0; i < part.min; i++) visit(part.of)
    else if (part.kind === 'repeat' && part.min > 0) {
      visit(part.of)
      current = ''
    } else if (part.kind !== 'boundary') {
      const letter = part.kind === 'set' ? letterOf(part.set) : ''
      current = letter === '' ? '' : current + letter
    }
    if (current.length > best.length) best = current
  }
  visit(node)
  return best
}

// The one character of a set, in small letters; '' when there are several that differ in more than case.
function letterOf(set: Uint8Array): string {
  let letter = ''
  for (let byte = 0; byte < 256; byte++) {
    if (set[byte] === 0) continue
    const character = String.fromCharCode(byte).toLowerCase()
    if (byte > 127 || byte < 33 || (letter !== '' && letter !== character)) return ''
    letter = character
  }
  return letter
}
