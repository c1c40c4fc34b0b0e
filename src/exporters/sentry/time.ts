// What is outside of this is no time that telemetry was made at: Sentry refuses items of it.
const FIRST_SECONDS = 1_000_000_000
const LAST_SECONDS = 4_000_000_000

/** Nanoseconds as seconds since 1970, to the microsecond; the first of them that is a time, else the fallback. */
export function secondsOf(nanos: bigint | undefined, otherNanos: bigint | undefined, fallbackMs: number): number {
  const seconds = microsecondsOf(nanos)
  if (seconds !== 0) return seconds
  const other = microsecondsOf(otherNanos)
  return other === 0 ? fallbackMs / 1000 : other
}

function microsecondsOf(nanos: bigint | undefined): number {
  if (nanos === undefined) return 0
  const seconds = Math.round(Number(nanos) / 1000) / 1e6
  return seconds > FIRST_SECONDS && seconds < LAST_SECONDS ? seconds : 0
}

/** Seconds as JSON has them, with six decimals. */
export function secondsText(seconds: number): string {
  const whole = Math.floor(seconds)
  const micros = Math.round((seconds - whole) * 1e6)
  return micros === 0 ? `${whole}` : micros === 1e6 ? `${whole + 1}` : `${whole}.${String(micros).padStart(6, '0')}`
}
