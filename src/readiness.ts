/** What `/readyz` looks at. Times in ms, sizes in bytes. */
export interface Condition {
  readonly queue: {
    readonly bytes: number
    readonly bytesMax: number /** Why the disk is not in use, though it should be. */
    readonly degraded: string | null
  }
  readonly deliveries: readonly {
    readonly exporter: string
    readonly signal: string
    readonly failing: { readonly sinceMs: number; readonly message: string } | null
  }[]
  /** Why redaction lets nothing pass. */
  readonly redaction: string | null
  readonly stopping: boolean
}

/** A share of the queue's room from which on the next outage would not fit. */
const NEARLY_FULL = 0.9
/** A destination that fails for less long is having a hiccup. */
const FAILING_AFTER_MS = 5_000

/** Everything that keeps the gateway from doing its whole job, in words for people; empty when it does. */
export function unreadiness({ queue, deliveries, redaction, stopping }: Condition, nowMs = Date.now()): string[] {
  const reasons: string[] = []
  if (stopping) reasons.push('stopping')
  if (redaction !== null) reasons.push(redaction)
  if (queue.degraded !== null) reasons.push(`queue: kept in memory, since ${queue.degraded}`)
  const share = queue.bytes / queue.bytesMax
  if (share >= NEARLY_FULL) reasons.push(`queue: ${Math.floor(share * 100)} % full`)
  for (const { exporter, signal, failing } of deliveries) {
    const forMs = failing === null ? 0 : nowMs - failing.sinceMs
    if (failing !== null && forMs >= FAILING_AFTER_MS)
      reasons.push(`exporter ${exporter}: ${signal} failing for ${Math.floor(forMs / 1000)} s: ${failing.message}`)
  }
  return reasons
}
