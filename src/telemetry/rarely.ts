const AGAIN_AFTER_MS = 60_000
/** More things than this are not told apart, so that what comes from outside cannot fill the memory. */
const THINGS_MAX = 64

/** Keeps the log from saying the same thing over and over; the counters have every case. */
export class Rarely {
  private readonly saidAtMs = new Map<string, number>()

  /** Whether `thing` has not been said for a minute. If so, it counts as said now. */
  isDue(thing: string): boolean {
    const nowMs = performance.now()
    const lastMs = this.saidAtMs.get(thing)
    if (lastMs === undefined ? this.saidAtMs.size >= THINGS_MAX : nowMs - lastMs < AGAIN_AFTER_MS) return false
    this.saidAtMs.set(thing, nowMs)
    return true
  }
}
