/** So many records at once, and so many a second after that. */
export class Bucket {
  private tokens: number
  private sinceMs: number

  constructor(burst: number, nowMs: number) {
    this.tokens = burst
    this.sinceMs = nowMs
  }

  /** Whether there is room for one more. */
  take(perSecond: number, burst: number, nowMs: number): boolean {
    if (nowMs > this.sinceMs) {
      this.tokens = Math.min(burst, this.tokens + ((nowMs - this.sinceMs) / 1000) * perSecond)
      this.sinceMs = nowMs
    }
    if (this.tokens < 1) return false
    this.tokens--
    return true
  }
}
