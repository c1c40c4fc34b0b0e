/** Does something at once, and again and again until it is stopped. */
export interface Kept {
  /** Resolves when it has been done once, well or not. */
  readonly first: Promise<void>
  /** Does it now, if it is not being done. */
  now(): void
  /** Ends it; resolves when nothing of it is under way. */
  stop(): Promise<void>
}

const RETRY_FIRST_MS = 1_000
/** Replicas that start together do not stay in step. */
const JITTER = 0.1

/**
 * Does `work` every `intervalMs` or so, one at a time. A failure, which `failed` is told of, is followed by a second that grows with each further one,
 * up to `retryMaxMs`.
 */
export function keep(work: () => Promise<void>, intervalMs: number, failed: (error: unknown) => void, retryMaxMs = intervalMs): Kept {
  let timer: NodeJS.Timeout | undefined
  let stopped = false
  let failures = 0
  let underWay: Promise<void> | null = null
  const once = async (): Promise<void> => {
    try {
      await work()
      failures = 0
    } catch (error) {
      failures++
      failed(error)
    }
    underWay = null
    if (stopped) return
    const waitMs = failures === 0 ? intervalMs : Math.min(retryMaxMs, RETRY_FIRST_MS * 2 ** (failures - 1))
    timer = setTimeout(start, waitMs * (1 + JITTER * (Math.random() - 0.5)))
  }
  const start = (): Promise<void> => {
    clearTimeout(timer)
    underWay ??= once()
    return underWay
  }
  return {
    first: start(),
    now: () => void (stopped || start()),
    async stop() {
      stopped = true
      clearTimeout(timer)
      await underWay
    }
  }
}
