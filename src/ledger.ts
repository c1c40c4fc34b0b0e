import type { Signal } from './batch.ts'
import type { Sample } from './telemetry/metrics.ts'

export type Stage = 'receive' | 'process' | 'queue'

/** One entry of the books: so many items of a signal met this outcome at this place. */
export type Line = readonly [stage: Stage, component: string, outcome: string, reason: string, items: number]

/**
 * The books of the pipeline, per signal: received = sampled out + dropped + consumed + enqueued, to the item. They are as durable as the queue:
 * each queue entry carries its own lines, each segment begins with the totals up to there (see entry.ts), and so they continue after a crash.
 * What became of the enqueued items is in each exporter's Account (see delivery.ts).
 */
export class Ledger {
  private readonly books = new Map<Signal, Map<string, number>>()

  add(signal: Signal, lines: readonly Line[]): void {
    const book = this.books.get(signal) ?? new Map<string, number>()
    this.books.set(signal, book)
    for (const [stage, component, outcome, reason, items] of lines) {
      const key = `${stage}\0${component}\0${outcome}\0${reason}`
      book.set(key, (book.get(key) ?? 0) + items)
    }
  }

  /** Items that have ever been given to the queue. */
  enqueued(signal: Signal): number {
    return this.books.get(signal)?.get(ENQUEUED) ?? 0
  }

  /** Items that came in and have not been accounted for by the pipeline. Anything but 0 is a fault of ours. */
  residue(signal: Signal): number {
    let open = 0
    for (const [key, items] of this.books.get(signal) ?? []) {
      const [stage, , outcome] = key.split('\0')
      if (stage !== 'receive') open -= items
      else if (outcome === 'accepted') open += items
    }
    return open
  }

  /** The totals of one signal as bytes, to be given back to `restore`. */
  snapshot(signal: Signal): Uint8Array {
    return Buffer.from(JSON.stringify(Object.fromEntries(this.books.get(signal) ?? [])))
  }

  /** Replaces the totals of one signal. Throws SyntaxError on anything that `snapshot` did not make. */
  restore(signal: Signal, snapshot: Uint8Array): void {
    const totals = snapshot.length === 0 ? {} : (JSON.parse(Buffer.from(snapshot).toString()) as Record<string, number>)
    this.books.set(signal, new Map(Object.entries(totals)))
  }

  samples(): Sample[] {
    return Array.from(this.books).flatMap(([signal, book]) =>
      Array.from(book, ([key, value]): Sample => {
        const [stage, component, outcome, reason] = key.split('\0')
        return { labels: { signal, stage, component, outcome, reason }, value }
      })
    )
  }
}

/** The line of what goes to the queue. */
export const enqueuedLine = (items: number): Line => ['queue', '', 'enqueued', '', items]

/** The items that had ever been enqueued when the snapshot was taken. */
export function enqueuedIn(snapshot: Uint8Array): number {
  return snapshot.length === 0 ? 0 : ((JSON.parse(Buffer.from(snapshot).toString()) as Record<string, number>)[ENQUEUED] ?? 0)
}

const ENQUEUED = 'queue\0\0enqueued\0'
