// The header X-Sentry-Rate-Limits: quotas with commas between, each `seconds:categories:scope:reason:…`, categories with semicolons between; none
// means all. https://develop.sentry.dev/sdk/expected-features/rate-limiting/
import type { HttpResponse } from '../../net/http-client.ts'
import { retryAfterMs } from '../../net/retry-after.ts'

/** What Sentry counts and limits items by. */
export const CATEGORIES = [
  'default',
  'error',
  'transaction',
  'span',
  'log_item',
  'log_byte',
  'trace_metric',
  'trace_metric_byte',
  'attachment',
  'session',
  'profile',
  'profile_chunk',
  'monitor',
  'replay',
  'feedback',
  'security',
  'internal'
] as const
export type Category = (typeof CATEGORIES)[number]

/** How long a limit lasts that does not say. */
const UNTOLD_MS = 60_000
/** However long a limit is said to last, after this it is tried again. */
const LIMIT_MAX_MS = 24 * 60 * 60_000
/** What has not been limited for this long is not limited still, but again. */
const AGAIN_AFTER_MS = 5 * 60_000
/** Sentry tells whole seconds: a limit that is told again differs by less than this. */
const SAME_WITHIN_MS = 1_500
/** Quotas of one header that are read. */
const QUOTAS_MAX = 64

interface Limit {
  untilMs: number
  /** Since when it has been limited without anything getting through in between. */
  sinceMs: number
}

/** As it is kept over restarts: category to [until, since], in ms since 1970. */
export type SavedLimits = Readonly<Record<string, readonly [number, number]>>

/** What one project is limited in, and until when. Of two limits for a category, the longer one holds. */
export class RateLimits {
  private readonly limits = new Map<Category, Limit>()

  /** Takes what an answer says; `sent` is what the request held. True when something has changed that is worth keeping. */
  note({ status, headers }: HttpResponse, sent: readonly Category[], nowMs: number): boolean {
    let changed = false
    for (const [category, forMs] of quotasOf(headers['x-sentry-rate-limits'])) changed = this.limit(category, forMs, nowMs) || changed
    if (status !== 429 || this.waitMs(sent, nowMs) > 0) return changed
    // Refused, and no word of what was sent: the old header counts, for everything if the new one is missing.
    const forMs = retryAfterMs(headers['retry-after'], nowMs, LIMIT_MAX_MS) ?? UNTOLD_MS
    for (const category of headers['x-sentry-rate-limits'] === undefined ? CATEGORIES : sent)
      if (category !== 'internal') changed = this.limit(category, forMs, nowMs) || changed
    return changed
  }

  private limit(category: Category, forMs: number, nowMs: number): boolean {
    const untilMs = nowMs + Math.min(forMs, LIMIT_MAX_MS)
    const limit = this.limits.get(category)
    if (limit === undefined || limit.untilMs < nowMs - AGAIN_AFTER_MS) this.limits.set(category, { untilMs, sinceMs: nowMs })
    else if (untilMs > limit.untilMs + SAME_WITHIN_MS) limit.untilMs = untilMs
    else return false
    return true
  }

  /** Something of these categories was taken: whatever is limited from now on is another limit. True when that changes anything. */
  pass(categories: readonly Category[], nowMs: number): boolean {
    let changed = false
    for (const category of categories) {
      const limit = this.limits.get(category)
      if (limit !== undefined && limit.untilMs <= nowMs) changed = this.limits.delete(category) || changed
    }
    return changed
  }

  /** How long to wait before any of these may be sent; 0 when they may be now. */
  waitMs(categories: readonly Category[], nowMs: number): number {
    let waitMs = 0
    for (const category of categories) waitMs = Math.max(waitMs, (this.limits.get(category)?.untilMs ?? 0) - nowMs)
    return waitMs
  }

  /** For how long these have been limited, counted from the first refusal; 0 when they are not. */
  limitedForMs(categories: readonly Category[], nowMs: number): number {
    let sinceMs = nowMs
    for (const category of categories) {
      const limit = this.limits.get(category)
      if (limit !== undefined && limit.untilMs > nowMs) sinceMs = Math.min(sinceMs, limit.sinceMs)
    }
    return nowMs - sinceMs
  }

  /** What is limited now, and until when. */
  active(nowMs: number): [Category, number][] {
    return Array.from(this.limits, ([category, { untilMs }]): [Category, number] => [category, untilMs]).filter(
      ([, untilMs]) => untilMs > nowMs
    )
  }

  save(): SavedLimits {
    return Object.fromEntries(Array.from(this.limits, ([category, { untilMs, sinceMs }]) => [category, [untilMs, sinceMs]]))
  }

  /** Goes on from what `save` gave; anything else is passed over, and nothing holds for longer than a limit may. */
  restore(saved: unknown, nowMs: number): void {
    for (const [category, times] of Object.entries(saved ?? {})) {
      const [untilMs, sinceMs] = Array.isArray(times) ? (times as number[]) : []
      if (!isCategory(category) || !Number.isFinite(untilMs) || !Number.isFinite(sinceMs)) continue
      if (untilMs > nowMs)
        this.limits.set(category, { untilMs: Math.min(untilMs, nowMs + LIMIT_MAX_MS), sinceMs: Math.min(sinceMs, nowMs) })
    }
  }
}

function* quotasOf(header: string | undefined): Generator<[Category, number]> {
  for (const quota of (header ?? '').split(',', QUOTAS_MAX)) {
    const [seconds = '', categories = ''] = quota.trim().split(':')
    if (quota.trim() === '') continue
    const forMs = /^\d{1,12}(\.\d+)?$/.test(seconds) ? Number(seconds) * 1000 : UNTOLD_MS
    for (const category of categories === '' ? CATEGORIES : categories.split(';', CATEGORIES.length + QUOTAS_MAX))
      if (isCategory(category) && category !== 'internal') yield [category, forMs]
  }
}

function isCategory(text: string): text is Category {
  return (CATEGORIES as readonly string[]).includes(text)
}
