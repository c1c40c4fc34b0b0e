// Where a pass over a text found heads, so that the next pass over what became of it need not look for them again.

/** Texts with more heads are looked through again instead. */
const HEADS_MAX = 1_024

/** The heads of one text, in ascending order of where they end. */
export class Trail {
  readonly ends = new Int32Array(HEADS_MAX)
  /** Which heads end there, the longest first. */
  readonly heads: (readonly number[])[] = []
  length = 0
  /** False when there was not room for all. */
  isWhole = true

  clear(): void {
    this.length = 0
    this.isWhole = true
  }

  add(end: number, heads: readonly number[]): void {
    if (this.length === HEADS_MAX) {
      this.isWhole = false
      return
    }
    this.ends[this.length] = end
    this.heads[this.length++] = heads
  }
}
