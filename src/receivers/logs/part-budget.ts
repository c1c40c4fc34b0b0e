/** Memory that the unfinished messages of all connections of a receiver may take together. */
export class PartBudget {
  private readonly bytesMax: number
  private held = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  /** Whether there is room for so much more; if so, it is taken. */
  take(bytes: number): boolean {
    if (this.held + bytes > this.bytesMax) return false
    this.held += bytes
    return true
  }

  give(bytes: number): void {
    this.held -= bytes
  }
}
