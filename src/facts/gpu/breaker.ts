export interface BreakerOptions {
  /** The usual time from one try to the next. */
  readonly intervalMs: number
  /** Failures in a row that change nothing yet. */
  readonly failuresMax?: number
  /** The longest time between two tries. */
  readonly backoffMaxMs?: number
}

/**
 * How long to leave alone what keeps failing. After three failures in a row each further one doubles the wait, up to a limit; one success and all is
 * as before.
 */
export class Breaker {
  private readonly options: Required<BreakerOptions>
  private failures = 0

  constructor(options: BreakerOptions) {
    this.options = { failuresMax: 3, backoffMaxMs: 300_000, ...options }
  }

  /** From the start of one try to the start of the next. */
  get delayMs(): number {
    const { intervalMs, failuresMax, backoffMaxMs } = this.options
    const doublings = Math.max(0, this.failures - failuresMax)
    return doublings === 0 ? intervalMs : Math.max(intervalMs, Math.min(intervalMs * 2 ** doublings, backoffMaxMs))
  }

  get isOpen(): boolean {
    return this.failures > this.options.failuresMax
  }

  succeed(): void {
    this.failures = 0
  }

  fail(): void {
    // No more than what the exponent can use.
    if (this.failures < 64) this.failures++
  }
}
