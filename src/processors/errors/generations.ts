/**
 * A map of limited size that forgets what was not asked for lately: when the younger half is full, the older half goes. A Map from which the first
 * entry is deleted again and again takes ever longer to find it.
 */
export class Generations<V> {
  private readonly half: number
  private readonly drop: (value: V) => void
  private young = new Map<string, V>()
  private old = new Map<string, V>()

  /** `drop` is called for what is forgotten. */
  constructor(max: number, drop: (value: V) => void) {
    this.half = Math.ceil(max / 2)
    this.drop = drop
  }

  get size(): number {
    return this.young.size + this.old.size
  }

  get(key: string): V | undefined {
    const young = this.young.get(key)
    if (young !== undefined) return young
    const old = this.old.get(key)
    if (old === undefined) return undefined
    this.old.delete(key)
    this.set(key, old)
    return old
  }

  set(key: string, value: V): void {
    if (this.young.size >= this.half) this.age()
    this.young.set(key, value)
  }

  /** Forgets the older half. */
  age(): void {
    for (const value of this.old.values()) this.drop(value)
    this.old = this.young
    this.young = new Map()
  }

  *values(): Generator<V> {
    yield* this.old.values()
    yield* this.young.values()
  }
}
