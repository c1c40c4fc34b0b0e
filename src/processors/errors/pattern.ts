/** Longer patterns are refused. */
export const PATTERN_CHARACTERS_MAX = 256

/**
 * A pattern of literal text in which `*` stands for any text, held against a whole text; case does not matter. Runs in a time that is linear in
 * the text for each piece of the pattern, whatever the text.
 */
export class Pattern {
  private readonly first: string
  private readonly inner: readonly string[]
  private readonly last: string
  private readonly isWhole: boolean

  constructor(pattern: string) {
    const pieces = pattern.toLowerCase().split('*')
    this.isWhole = pieces.length === 1
    this.first = pieces[0]
    this.last = pieces[pieces.length - 1]
    this.inner = pieces.slice(1, -1).filter((piece) => piece !== '')
  }

  /** `text` is in small letters. The first place of each piece is as good as any later one. */
  matches(text: string): boolean {
    const { first, last, inner } = this
    if (this.isWhole) return text === first
    if (!text.startsWith(first)) return false
    let at = first.length
    for (let i = 0; i < inner.length; i++) {
      const found = text.indexOf(inner[i], at)
      if (found < 0) return false
      at = found + inner[i].length
    }
    return text.length - last.length >= at && text.endsWith(last)
  }
}
