import type { RedactedBatch } from '../../batch.ts'
import type { Host } from '../../component.ts'
import { RefusedError } from '../../errors.ts'
import { COMPRESSED_FROM_BYTES, compress } from '../../net/compress.ts'
import type { HttpClient, HttpResponse } from '../../net/http-client.ts'
import { RETRY_AFTER_MAX_MS, retryAfterMs } from '../../net/retry-after.ts'
import { INSTANCE, INSTANCE_HEADER } from '../../sentry/loop.ts'
import { ExporterRequests } from '../../telemetry/exporter-requests.ts'
import type { Counter } from '../../telemetry/metrics.ts'
import { describe, verdictOf } from './answer.ts'
import { limitedBy } from './categories.ts'
import type { Destination, Destinations, Origin } from './destinations.ts'
import type { Parcel } from './parcel.ts'
import type { Progress } from './progress.ts'
import type { Category } from './rate-limits.ts'

export interface SenderOptions {
  readonly compression: 'gzip' | 'zstd' | 'none'
  readonly timeoutMs: number
  readonly limitWaitMaxMs: number
  readonly holdMaxMs: number
  /** Of the gateway, for `sentry_client`. */
  readonly version: string
}

/** Requests of one batch that are under way at once. */
const REQUESTS_MAX = 8
/** A batch that is answered with 500 for so long is taken to be what the other side fails on. */
const FAULT_MAX_MS = 10 * 60_000

/** Why records of a batch are still there after an attempt, and when to come back for them. */
export class Attempt {
  /** Hosts that did not answer: the rest of what is for them waits for the next attempt. */
  readonly away = new Set<Origin>()
  private message = ''
  private reasons = 0
  private soonestMs: number | undefined = Number.POSITIVE_INFINITY
  private limited = true

  /** `forMs` undefined: the delivery's own back-off. */
  add(message: string, forMs: number | undefined, limited: boolean): void {
    if (this.reasons++ === 0) this.message = message
    this.limited &&= limited
    this.soonestMs = forMs === undefined || this.soonestMs === undefined ? undefined : Math.min(this.soonestMs, forMs)
  }

  error(): RefusedError {
    const retryAfterMs = this.soonestMs === Number.POSITIVE_INFINITY ? undefined : this.soonestMs
    return new RefusedError(this.limited ? 'busy' : 'unavailable', this.message, { retryAfterMs })
  }
}

/** Sends the parcels of a batch, each as its destination stands, and settles their records in the batch's Progress. */
export class Sender {
  private readonly options: SenderOptions
  private readonly host: Host
  private readonly client: HttpClient
  private readonly destinations: Destinations
  private readonly onLimits: () => void
  private readonly requests: ExporterRequests
  private readonly items: Counter

  /** `onLimits` is called when a limit has changed. */
  constructor(options: SenderOptions, host: Host, client: HttpClient, destinations: Destinations, onLimits: () => void) {
    this.options = options
    this.host = host
    this.client = client
    this.destinations = destinations
    this.onLimits = onLimits
    this.requests = new ExporterRequests(host.name, host.metrics)
    this.items = host.metrics.counter('sluice_sentry_items_total', 'Items for Sentry, by project, category and what became of them.')
  }

  /** Sends what may be sent. Records that are still open afterwards must be sent again; the attempt says why and when. */
  async send(batch: RedactedBatch, parcels: Parcel[], progress: Progress, attempt: Attempt, stop: AbortSignal): Promise<void> {
    const run = async (): Promise<void> => {
      for (let parcel = parcels.shift(); parcel !== undefined && !stop.aborted; parcel = parcels.shift())
        parcels.unshift(...(await this.sendOne(batch, parcel, progress, attempt, stop)))
    }
    await Promise.all(Array.from({ length: Math.min(REQUESTS_MAX, parcels.length) }, run))
  }

  // Returns what is to be sent in its place.
  private async sendOne(batch: RedactedBatch, parcel: Parcel, progress: Progress, attempt: Attempt, stop: AbortSignal): Promise<Parcel[]> {
    const { to } = parcel
    const sorted = parcel.sort((quantities) => to.limits.waitMs(limitedBy(quantities), Date.now()) > 0)
    if (sorted.length > 0) return sorted
    if (!this.mayGo(batch, parcel, progress, attempt)) return []
    let response: HttpResponse
    try {
      response = await this.post(parcel, batch.signal, stop)
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
      if (!stop.aborted) this.unanswered(parcel, progress, attempt, error.message, undefined)
      return []
    }
    const nowMs = Date.now()
    const categories = limitedBy(parcel.quantities)
    const limitsChanged = to.limits.note(response, categories, nowMs)
    const verdict = verdictOf(response.status)
    const message = verdict === 'taken' ? '' : describe(to.dsn.host, response, this.host.redactText)
    const again = retryAfterMs(response.headers['retry-after'], nowMs, RETRY_AFTER_MAX_MS)
    if (verdict === 'away') {
      if (limitsChanged) this.onLimits()
      this.unanswered(parcel, progress, attempt, message, again)
      return []
    }
    to.origin.answered()
    if (verdict === 'taken') {
      to.accepted(parcel.url)
      progress.settle(parcel.records)
      for (const [category, quantity] of parcel.quantities) this.count(to, category, 'sent', quantity)
      if (batch.signal === 'traces') to.spansSent += parcel.records.length
      if (to.limits.pass(categories, nowMs) || limitsChanged) this.onLimits()
      return []
    }
    if (limitsChanged) this.onLimits()
    if (verdict === 'fault') {
      progress.faultSinceMs ??= nowMs
      if (nowMs - progress.faultSinceMs > FAULT_MAX_MS) this.giveUp(parcel, progress, 'fault', message)
      else attempt.add(message, again, false)
      return []
    }
    if (verdict === 'limited') {
      this.mayGo(batch, parcel, progress, attempt)
      return []
    }
    const halves = verdict === 'too-large' ? parcel.halves() : []
    if (halves.length > 0) return halves
    if (verdict === 'forbidden') this.forbid(parcel, message, nowMs)
    else for (const [category, quantity] of parcel.quantities) to.reports.add('send_error', category, quantity)
    this.giveUp(parcel, progress, verdict, message)
    return []
  }

  // Whether the parcel may be sent now. When not, it waits, or is given up.
  private mayGo(batch: RedactedBatch, parcel: Parcel, progress: Progress, attempt: Attempt): boolean {
    const { to } = parcel
    const nowMs = Date.now()
    const refusal = to.refusalOf(parcel.url, nowMs)
    if (refusal !== undefined) {
      this.giveUp(parcel, progress, 'forbidden', refusal.message)
      return false
    }
    if (attempt.away.has(to.origin)) return false
    const { downSinceMs } = to.origin
    if (downSinceMs !== null && this.holdsOthers(to) && nowMs - downSinceMs > this.options.holdMaxMs && !to.origin.isDue(nowMs)) {
      this.giveUp(parcel, progress, 'unreachable', `${to.dsn.host} cannot be reached, and others wait`)
      return false
    }
    const categories = limitedBy(parcel.quantities)
    const waitMs = to.limits.waitMs(categories, nowMs)
    if (waitMs <= 0) return true
    const patienceMs = this.patienceMs(batch, categories) - to.limits.limitedForMs(categories, nowMs)
    if (patienceMs > 0) {
      attempt.add(
        `${to.dsn.host} takes no more ${categories.join(', ')} for ${Math.ceil(waitMs / 1000)} s`,
        Math.min(waitMs, patienceMs),
        true
      )
      return false
    }
    for (const [category, quantity] of parcel.quantities) to.reports.add('ratelimit_backoff', category, quantity)
    this.giveUp(parcel, progress, 'limited', `${to.dsn.host} takes no more ${categories.join(', ')}`)
    return false
  }

  // How long items wait for a limit to end. Errors of SDKs share their lane with all that SDKs send: only errors are worth that the others wait.
  private patienceMs({ signal }: RedactedBatch, categories: readonly Category[]): number {
    const { limitWaitMaxMs, holdMaxMs } = this.options
    if (signal === 'envelopes' && !categories.some((category) => category === 'error' || category === 'default')) return 0
    return this.destinations.all.length > 1 ? Math.min(limitWaitMaxMs, holdMaxMs) : limitWaitMaxMs
  }

  private holdsOthers(to: Destination): boolean {
    return this.destinations.origins.some((origin) => origin !== to.origin && origin.downSinceMs === null)
  }

  private unanswered(parcel: Parcel, progress: Progress, attempt: Attempt, message: string, againMs: number | undefined): void {
    const nowMs = Date.now()
    const { to } = parcel
    to.origin.failed(nowMs)
    if (this.holdsOthers(to) && nowMs - to.origin.downSinceMs! > this.options.holdMaxMs) {
      this.giveUp(parcel, progress, 'unreachable', message)
      return
    }
    attempt.away.add(to.origin)
    attempt.add(message, againMs, false)
  }

  private forbid({ to, url }: Parcel, message: string, nowMs: number): void {
    const { name, log } = this.host
    if (to.refused(url, message, nowMs))
      log.error(
        { exporter: name, destination: to.name },
        `${message}: nothing that is sent to ${url.pathname} arrives, and goes to the dead letters: check the DSN in exporters.${name}, then reload`
      )
  }

  private giveUp(parcel: Parcel, progress: Progress, reason: string, message: string): void {
    for (const [category, quantity] of parcel.quantities) this.count(parcel.to, category, reason, quantity)
    // What Sentry takes no more of is not worth a place among the dead letters.
    progress.drop(parcel.records, reason, message, reason !== 'limited')
  }

  private count(to: Destination, category: Category, outcome: string, quantity: number): void {
    this.items.add(quantity, { exporter: this.host.name, destination: to.name, category, outcome })
  }

  /** One request. Throws RefusedError `unavailable` when no answer came. */
  async post(parcel: Pick<Parcel, 'to' | 'url' | 'contentType' | 'body'>, signal: string, stop?: AbortSignal): Promise<HttpResponse> {
    const { timeoutMs } = this.options
    const plain = parcel.body(Date.now())
    const compression = plain.length < COMPRESSED_FROM_BYTES ? 'none' : this.options.compression
    const body = compression === 'none' ? plain : await compress(plain, compression)
    const request = {
      method: 'POST',
      url: parcel.url,
      headers: this.headersOf(parcel, compression),
      body,
      timeoutMs,
      ...(stop && { signal: stop })
    } as const
    return this.requests.counted(signal, body.length, this.client.request(request))
  }

  private headersOf({ to, contentType }: Pick<Parcel, 'to' | 'contentType'>, compression: string): Record<string, string> {
    const client = `sluice/${this.options.version}`
    return {
      'user-agent': client,
      'content-type': contentType,
      ...(compression !== 'none' && { 'content-encoding': compression }),
      [INSTANCE_HEADER]: INSTANCE,
      'x-sentry-auth': `Sentry sentry_version=7, sentry_client=${client}, sentry_key=${to.dsn.publicKey}`
    }
  }
}
