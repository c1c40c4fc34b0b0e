import type { LogValue } from './log-entry.ts'

/** Below any rank. */
const NO_RANK = 1000

/** What becomes of a field that no slot took: an attribute. `depth` is how deep in maps it was found. */
export type TakePlain = (key: string, value: LogValue, depth: number) => void

/** The best field up to now for one purpose: the lowest rank. */
export class Slot {
  key = ''
  value: LogValue = null
  private rank = NO_RANK
  private readonly plain: TakePlain

  constructor(plain: TakePlain) {
    this.plain = plain
  }

  clear(): void {
    this.rank = NO_RANK
  }

  get filled(): boolean {
    return this.rank !== NO_RANK
  }

  /** The value, where it is a text that was taken; else empty. */
  get text(): string {
    return this.filled && typeof this.value === 'string' ? this.value : ''
  }

  wants(rank: number): boolean {
    return rank < this.rank
  }

  /** Takes the field if it ranks before what is there; the other one becomes an attribute. */
  take(rank: number, key: string, value: LogValue, depth: number): void {
    if (rank >= this.rank) {
      this.plain(key, value, depth)
      return
    }
    if (this.filled) this.plain(this.key, this.value, depth)
    this.key = key
    this.value = value
    this.rank = rank
  }
}
