/** Requests that are kept; with more, smaller ones than the ring is made for take the place of the oldest. */
const ENTRIES_MAX = 8192

/**
 * The bytes of the requests that came last, one behind the other in a memory of fixed size: a new one takes the place of the oldest. The memory is
 * taken when the first one comes, and becomes resident as it is written.
 */
export class Ring {
  private readonly capacity: number
  private readonly windowMs: number
  private memory: Buffer | null = null
  private writeAt = 0
  // The entries in the order in which they came, around an array: the oldest at `first`.
  private readonly starts = new Int32Array(ENTRIES_MAX)
  private readonly ends = new Int32Array(ENTRIES_MAX)
  private readonly times = new Float64Array(ENTRIES_MAX)
  private readonly kinds = new Uint8Array(ENTRIES_MAX)
  private first = 0
  private count = 0
  /** Requests larger than the ring. */
  tooLarge = 0

  constructor(capacity: number, windowMs: number) {
    this.capacity = capacity
    this.windowMs = windowMs
  }

  get entries(): number {
    return this.count
  }

  /** Keeps a copy; `kind` comes back with it. */
  add(bytes: Uint8Array, kind: number, nowMs: number): void {
    const { length } = bytes
    if (length > this.capacity) {
      this.tooLarge++
      return
    }
    this.memory ??= Buffer.allocUnsafeSlow(this.capacity)
    while (this.count > 0 && nowMs - this.times[this.first] > this.windowMs) this.dropFirst()
    if (this.count === ENTRIES_MAX) this.dropFirst()
    if (this.writeAt + length > this.capacity) {
      // What stands between here and the end is older than all that stands before.
      while (this.count > 0 && this.starts[this.first] >= this.writeAt) this.dropFirst()
      this.writeAt = 0
    }
    const start = this.writeAt
    const end = start + length
    while (this.count > 0 && this.starts[this.first] >= start && this.starts[this.first] < end) this.dropFirst()
    this.memory.set(bytes, start)
    const slot = (this.first + this.count) % ENTRIES_MAX
    this.starts[slot] = start
    this.ends[slot] = end
    this.times[slot] = nowMs
    this.kinds[slot] = kind
    this.count++
    this.writeAt = end
  }

  /** The bytes of an entry, 0 for the one that came last; good until the next `add`. Null for one that is past its time. */
  recent(index: number, nowMs: number): Buffer | null {
    const slot = this.slotOf(index)
    if (this.memory === null || nowMs - this.times[slot] > this.windowMs) return null
    return this.memory.subarray(this.starts[slot], this.ends[slot])
  }

  kindOf(index: number): number {
    return this.kinds[this.slotOf(index)]
  }

  private slotOf(index: number): number {
    return (this.first + this.count - 1 - index) % ENTRIES_MAX
  }

  private dropFirst(): void {
    this.first = (this.first + 1) % ENTRIES_MAX
    this.count--
  }
}
