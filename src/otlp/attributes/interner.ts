const TEXTS_MAX = 8192
const CHARACTERS_MAX = 2 ** 20

/** Numbers for texts: the same number for the same text, for as long as the epoch stays. Full, it forgets them and begins a new epoch. */
export class Interner {
  epoch = 0
  private readonly numbers = new Map<string, number>()
  private charactersUsed = 0

  /** Begins a new epoch if there is no more room. Between two calls, a few numbers may be asked for. */
  makeRoom(): void {
    if (this.numbers.size < TEXTS_MAX && this.charactersUsed < CHARACTERS_MAX) return
    this.numbers.clear()
    this.charactersUsed = 0
    this.epoch++
  }

  /** From 1. */
  numberOf(text: string): number {
    let number = this.numbers.get(text)
    if (number === undefined) {
      number = this.numbers.size + 1
      this.numbers.set(text, number)
      this.charactersUsed += text.length
    }
    return number
  }
}
