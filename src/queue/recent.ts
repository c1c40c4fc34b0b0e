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
  private items: Held[] = []
  private head = 0

  /** Infinity when there is none. */
  get firstSeq(): number {
    return this.head < this.items.length ? this.items[this.head].seq : Infinity
  }

  get(seq: number): Held | undefined {
    return this.head < this.items.length ? this.items[this.head + seq - this.items[this.head].seq] : undefined
  }

  push(held: Held): void {
    this.items.push(held)
    this.bytes += held.record.length
  }

  shift(): void {
    this.bytes -= this.items[this.head].record.length
    this.head++
    if (this.head < 64 || this.head * 2 < this.items.length) return
    this.items = this.items.slice(this.head)
    this.head = 0
  }
}
