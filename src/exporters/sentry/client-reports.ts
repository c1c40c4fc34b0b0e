import { REPORT_LINES_MAX, reportPayload } from '../../sentry/discarded.ts'
import type { EnvelopeItem } from '../../sentry/envelope.ts'
import { CATEGORIES, type Category } from './rate-limits.ts'

const REASONS = ['sample_rate', 'ratelimit_backoff', 'send_error', 'before_send', 'network_error'] as const
export type Reason = (typeof REASONS)[number]

export type Discarded = readonly [reason: Reason, category: Category, quantity: number]

/** What has been discarded for one project since the last report. Bounded, for there are only so many reasons and categories. */
export class ClientReports {
  private readonly counts = new Map<string, number>()

  add(reason: Reason, category: Category, quantity: number): void {
    if (quantity <= 0) return
    const key = `${reason}/${category}`
    this.counts.set(key, (this.counts.get(key) ?? 0) + quantity)
  }

  get isEmpty(): boolean {
    return this.counts.size === 0
  }

  /** Takes all out; who cannot send it puts it back. */
  take(): Discarded[] {
    const taken = Array.from(this.counts, ([key, quantity]): Discarded => [...(key.split('/') as [Reason, Category]), quantity])
    this.counts.clear()
    return taken
  }

  putBack(taken: readonly Discarded[]): void {
    for (const [reason, category, quantity] of taken) this.add(reason, category, quantity)
  }

  save(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.counts)
  }

  /** Adds what `save` gave; anything else is passed over. */
  restore(saved: unknown): void {
    for (const [key, quantity] of Object.entries(saved ?? {})) {
      const [reason, category] = key.split('/')
      const known = REASONS.includes(reason as Reason) && CATEGORIES.includes(category as Category)
      if (known && Number.isSafeInteger(quantity)) this.add(reason as Reason, category as Category, quantity as number)
    }
  }
}

/** The items of a report; each goes in an envelope of its own. */
export function reportItems(discarded: readonly Discarded[], nowMs: number): EnvelopeItem[] {
  const items: EnvelopeItem[] = []
  for (let i = 0; i < discarded.length; i += REPORT_LINES_MAX) {
    const lines = discarded.slice(i, i + REPORT_LINES_MAX)
    items.push({ header: { type: 'client_report' }, payload: Buffer.from(reportPayload(lines, nowMs)) })
  }
  return items
}
