import type { Counter } from '../../telemetry/metrics.ts'

/** Records that said something of their sampling that cannot be, by what was wrong with it; reported once per batch. */
export class Oddities {
  /** A tracestate or a sampling attribute broke its grammar; what was wrong counted as absent. */
  malformed = 0
  /** The record does not itself pass the threshold that it came with, which was therefore erased. */
  contradictory = 0
  /** Neither a valid trace id nor other randomness: kept, without a threshold. */
  undecidable = 0
  /** No room to say how likely the record was kept. */
  unmarked = 0
  private readonly counter: Counter
  private readonly signal: string

  constructor(counter: Counter, signal: string) {
    this.counter = counter
    this.signal = signal
  }

  report(): void {
    this.add('malformed', this.malformed)
    this.add('contradictory', this.contradictory)
    this.add('undecidable', this.undecidable)
    this.add('unmarked', this.unmarked)
    this.malformed = this.contradictory = this.undecidable = this.unmarked = 0
  }

  private add(reason: string, count: number): void {
    if (count > 0) this.counter.add(count, { signal: this.signal, reason })
  }
}
