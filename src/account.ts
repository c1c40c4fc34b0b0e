import type { Signal } from './batch.ts'
import type { Ledger } from './ledger.ts'
import type { Sample } from './telemetry/metrics.ts'

/**
 * One exporter's books for one signal: enqueued since it was added = delivered + dropped (by reason) + held, to the item. Kept with the queue's
 * cursor, and so exactly as durable as the place up to which the exporter has read.
 */
export class Account {
  private readonly ledger: Ledger
  private readonly signal: Signal
  /** Items of the signal that were enqueued before the exporter was added. */
  private base: number
  private delivered = 0
  private readonly dropped = new Map<string, number>()
  /** Items being sent now. */
  private inFlight = 0
  /** Items past the ones in flight that are known to be gone. */
  private goneAhead = 0

  constructor(ledger: Ledger, signal: Signal) {
    this.ledger = ledger
    this.signal = signal
    this.base = ledger.enqueued(signal)
  }

  /** How many items of the signal this exporter is through with, counted as the queue's entries count them. */
  get position(): number {
    let position = this.base + this.delivered
    for (const items of this.dropped.values()) position += items
    return position - this.goneAhead
  }

  /** Items that wait in the queue, with those in flight. */
  get held(): number {
    return this.ledger.enqueued(this.signal) - this.position - this.goneAhead
  }

  /**
   * The next entry has `enqueuedBefore` items before it. What is missing up to there is booked under `reason`; what lies behind, because the
   * cursor's own record was lost and reading began again, is owed once more.
   */
  reach(enqueuedBefore: number, reason: string): void {
    const missing = enqueuedBefore - this.position - this.goneAhead
    this.goneAhead = 0
    if (missing > 0) this.drop(reason, missing)
    else this.base += missing
  }

  /** Everything up to `enqueuedBefore` was evicted from the queue, but for what is in flight. */
  evictedUpTo(enqueuedBefore: number): void {
    const evicted = enqueuedBefore - this.position - this.inFlight - this.goneAhead
    if (evicted <= 0) return
    this.goneAhead += evicted
    this.dropped.set('evicted', (this.dropped.get('evicted') ?? 0) + evicted)
  }

  /** These items are being sent now; `deliver` and `drop` say what became of them. */
  take(items: number): void {
    this.inFlight = items
  }

  deliver(items: number): void {
    this.delivered += items
    this.inFlight = Math.max(0, this.inFlight - items)
  }

  drop(reason: string, items: number): void {
    if (items === 0) return
    this.dropped.set(reason, (this.dropped.get(reason) ?? 0) + items)
    this.inFlight = Math.max(0, this.inFlight - items)
  }

  /** The books as bytes, to be kept with the cursor. */
  snapshot(): Uint8Array {
    return Buffer.from(JSON.stringify({ base: this.base, delivered: this.delivered, dropped: Object.fromEntries(this.dropped) }))
  }

  /** Goes on from a snapshot. Throws SyntaxError on anything else. */
  restore(snapshot: Uint8Array): void {
    const { base, delivered, dropped } = JSON.parse(Buffer.from(snapshot).toString()) as Snapshot
    this.base = base
    this.delivered = delivered
    this.dropped.clear()
    for (const [reason, items] of Object.entries(dropped)) this.dropped.set(reason, items)
  }

  samples(exporter: string): Sample[] {
    const { signal } = this
    const labels = { signal, stage: 'export', component: exporter }
    return [
      { labels: { ...labels, outcome: 'delivered', reason: '' }, value: this.delivered },
      ...Array.from(this.dropped, ([reason, value]): Sample => ({ labels: { ...labels, outcome: 'dropped', reason }, value }))
    ]
  }
}

interface Snapshot {
  readonly base: number
  readonly delivered: number
  readonly dropped: Record<string, number>
}
