/** However long a destination asks to wait, after this it is tried again. */
export const RETRY_AFTER_MAX_MS = 5 * 60_000

/**
 * How long a Retry-After header asks to wait, in ms: seconds, or a date. At most `maxMs`, so that no destination can put a delivery to sleep for
 * good; undefined where there is no header, or none that says anything.
 */
export function retryAfterMs(header: string | undefined, nowMs: number, maxMs: number): number | undefined {
  if (header === undefined) return undefined
  const value = header.trim()
  if (/^\d+$/.test(value)) return Math.min(Number(value) * 1000, maxMs)
  // Only what looks like an HTTP date; Date.parse takes much that is none.
  const atMs = /^[A-Z][a-z]{2,8},? /.test(value) ? Date.parse(value) : Number.NaN
  return Number.isNaN(atMs) ? undefined : Math.min(Math.max(0, atMs - nowMs), maxMs)
}
