import type { Host } from '../../component.ts'
import { messageOf } from '../../errors.ts'
import { Rarely } from '../../telemetry/rarely.ts'
import { type Reason, reportItems } from './client-reports.ts'
import type { Destination, Destinations } from './destinations.ts'
import { EnvelopeParcel } from './parcel.ts'
import type { Category } from './rate-limits.ts'
import type { Sender } from './sender.ts'
import { StateFile } from './state-file.ts'

const REPORT_INTERVAL_MS = 60_000

/** What the gateway's books call something, and what Sentry calls it. */
interface Line {
  readonly signal: 'traces' | 'logs'
  readonly outcome: 'sampled_out' | 'dropped'
  readonly reason: Reason
  readonly category: Category
}

const LINES: readonly Line[] = [
  { signal: 'traces', outcome: 'sampled_out', reason: 'sample_rate', category: 'span' },
  { signal: 'logs', outcome: 'sampled_out', reason: 'sample_rate', category: 'log_item' },
  { signal: 'logs', outcome: 'dropped', reason: 'before_send', category: 'log_item' }
]

/**
 * Tells Sentry what it does not get: what was sampled away and dropped before the queue, which is in the gateway's books, and what was given up here.
 * What could not be told is told later, after a restart too; at most once, for a report that was sent twice would be counted twice.
 */
export class Reporter {
  private readonly host: Host
  private readonly destinations: Destinations
  private readonly sender: Sender
  private readonly lines: readonly Line[]
  private readonly file: StateFile
  private readonly rarely = new Rarely()
  /** Totals of the books up to which all has been reported, by signal and outcome. */
  private told: Map<string, number> | undefined
  private timer: NodeJS.Timeout | undefined
  private flushing: Promise<void> = Promise.resolve()

  /** `signals`: what is sent there; of nothing else is anything missing. */
  constructor(host: Host, destinations: Destinations, sender: Sender, signals: readonly string[]) {
    this.host = host
    this.destinations = destinations
    this.sender = sender
    this.lines = LINES.filter(({ signal }) => signals.includes(signal))
    this.file = new StateFile(host.stateDir, 'client-reports.json')
  }

  start(): void {
    // The first time here: what went before is not this exporter's. Otherwise totals are read as late as can be, since after a reload the exporter
    // before this one writes them when it stops.
    if (this.file.read().told === undefined) {
      this.told = this.totals()
      this.save()
    }
    this.timer = setInterval(() => void this.flush(), REPORT_INTERVAL_MS)
    this.timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.timer)
    await this.flush()
  }

  /** Sends what there is to report. One at a time. */
  flush(): Promise<void> {
    this.flushing = this.flushing.then(() => this.report())
    return this.flushing
  }

  private async report(): Promise<void> {
    const { destinations } = this
    if (this.told === undefined) this.restore()
    this.addBooks()
    const taken = destinations.all.filter(({ reports }) => !reports.isEmpty).map((to) => ({ to, discarded: to.reports.take() }))
    if (taken.length === 0) return
    this.save()
    for (const { to, discarded } of taken) {
      for (const [i, item] of reportItems(discarded, Date.now()).entries()) {
        const lines = JSON.parse(Buffer.from(item.payload).toString()).discarded_events.length as number
        if (await this.send(to, new EnvelopeParcel(to, {}, [{ item, records: [], quantities: [] }]))) continue
        to.reports.putBack(discarded.slice(i === 0 ? 0 : discarded.length - lines))
        break
      }
    }
    if (destinations.all.some(({ reports }) => !reports.isEmpty)) this.save()
  }

  private async send(to: Destination, parcel: EnvelopeParcel): Promise<boolean> {
    if (to.refusalOf(to.envelopes, Date.now()) !== undefined) return false
    try {
      const { status } = await this.sender.post(parcel, 'client_reports')
      // Refused for good: there is no report of reports.
      return status < 500 && status !== 429
    } catch {
      return false
    }
  }

  // What the books say beyond what has been told, shared out among the projects as their spans were.
  private addBooks(): void {
    const totals = this.totals()
    for (const { signal, outcome, reason, category } of this.lines) {
      const key = `${signal} ${outcome}`
      const total = totals.get(key) ?? 0
      const told = this.told!.get(key) ?? 0
      // Books that are behind are other books: those of a queue that was removed.
      const quantity = total < told ? total : total - told
      this.told!.set(key, total)
      for (const [to, share] of shares(quantity, this.destinations)) to.reports.add(reason, category, share)
    }
    for (const to of this.destinations.all) to.spansSent = 0
  }

  private totals(): Map<string, number> {
    const totals = new Map<string, number>()
    for (const { labels, value } of this.host.books()) {
      if (labels.stage !== 'process') continue
      const key = `${labels.signal} ${labels.outcome}`
      totals.set(key, (totals.get(key) ?? 0) + value)
    }
    return totals
  }

  private restore(): void {
    const { told, pending } = this.file.read() as { told?: Record<string, unknown>; pending?: Record<string, unknown> }
    this.told = new Map(Object.entries(told ?? {}).filter((entry): entry is [string, number] => Number.isSafeInteger(entry[1])))
    for (const { id, reports } of this.destinations.all) reports.restore(pending?.[id])
  }

  // Throws nothing: what cannot be kept is said once in a while.
  private save(): void {
    const pending = this.destinations.all.filter(({ reports }) => !reports.isEmpty).map(({ id, reports }) => [id, reports.save()])
    try {
      this.file.write({ told: Object.fromEntries(this.told!), pending: Object.fromEntries(pending) })
    } catch (error) {
      const { name, log } = this.host
      if (this.rarely.isDue('report')) log.warn({ exporter: name, error: messageOf(error) }, 'client reports are not kept over a restart')
    }
  }
}

/** Whole shares of a quantity in proportion to the spans that went to each; the sum is the quantity. */
function shares(quantity: number, { all, main }: Destinations): [Destination, number][] {
  const sent = all.reduce((sum, { spansSent }) => sum + spansSent, 0)
  if (quantity === 0) return []
  if (sent === 0) return [[main, quantity]]
  let [spans, given] = [0, 0]
  return all.map((to) => {
    spans += to.spansSent
    const share = Math.round((quantity * spans) / sent) - given
    given += share
    return [to, share]
  })
}
