/** A record in memory. */
export interface Held {
  readonly seq: number
  /** Header and payload, as they are on disk. */
  readonly record: Buffer
  /** Where it is on disk; 0 while it is not. */
  segment: number
  offset: number
}

/** The newest records of a log, without a gap, oldest first. */
export class Recent {
  bytes = 0
  private items: (Held | null)[] = []
  private head = 0

  /** Infinity when there is none. */
  get firstSeq(): number {
    return this.first?.seq ?? Infinity
  }

  get(seq: number): Held | undefined {
    const { first } = this
    return first === undefined ? undefined : (this.items[this.head + seq - first.seq] ?? undefined)
  }

  push(held: Held): void {
    this.items.push(held)
    this.bytes += held.record.length
  }

  shift(): void {
    const { first } = this
    if (first === undefined) return
    this.bytes -= first.record.length
    // Its place is taken out later, together with others; the record has to go now.
    this.items[this.head++] = null
    if (this.head < 64 || this.head * 2 < this.items.length) return
    this.items = this.items.slice(this.head)
    this.head = 0
  }

  private get first(): Held | undefined {
    return this.items[this.head] ?? undefined
  }
}
