/** Quantities by category, as an attribute holds them: `transaction:1;span:13`. */
export function quantitiesText(quantities: readonly (readonly [category: string, quantity: number])[]): string {
  return quantities.map(([category, quantity]) => `${category}:${quantity}`).join(';')
}

/** Lines of one report: as many as surely fit into the 4 KiB that Sentry takes. */
export const REPORT_LINES_MAX = 40

/** What never reached Sentry, as the payload of a client report. https://develop.sentry.dev/sdk/telemetry/client-reports/ */
export function reportPayload(lines: readonly (readonly [reason: string, category: string, quantity: number])[], nowMs: number): string {
  const events = lines.map(([reason, category, quantity]) => ({ reason, category, quantity }))
  return JSON.stringify({ timestamp: nowMs / 1000, discarded_events: events })
}

/** Counts what will never reach Sentry, by reason and category, and words it as the payload of a client report. */
export class Discarded {
  private readonly counts = new Map<string, number>()

  get isEmpty(): boolean {
    return this.counts.size === 0
  }

  add(reason: string, category: string, quantity: number): void {
    const key = `${reason}:${category}`
    if (quantity > 0 && (this.counts.has(key) || this.counts.size < REPORT_LINES_MAX))
      this.counts.set(key, (this.counts.get(key) ?? 0) + quantity)
  }

  /** Adds what `quantitiesText` has written; what it has not is passed over. */
  addText(reason: string, quantities: string): void {
    for (const part of quantities.split(';')) {
      const [, category, quantity] = /^([a-z_]{1,32}):(\d{1,15})$/.exec(part) ?? []
      if (category !== undefined) this.add(reason, category, Number(quantity))
    }
  }

  /** The payload; all counts are then 0 again. */
  take(nowMs: number): string {
    const lines = Array.from(this.counts, ([key, quantity]) => [...(key.split(':') as [string, string]), quantity] as const)
    this.counts.clear()
    return reportPayload(lines, nowMs)
  }
}
