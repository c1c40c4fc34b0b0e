// How likely it was that a trace is kept, from OpenTelemetry's member of its tracestate: `ot=th:e666;rv:…`. A trace is kept where its 56 random
// bits R are not below the threshold T. https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
const MEMBER = /(?:^|,)[ \t]*ot=([^,]{1,256})/
const THRESHOLD = /(?:^|;)th:([0-9a-f]{1,14})[ \t]*(?:;|$)/
const RANDOM = /(?:^|;)rv:([0-9a-f]{14})[ \t]*(?:;|$)/
const HALF = 2 ** 28
const STATE_CHARACTERS_MAX = 8192

export interface Sampling {
  /** The arriving digits of T: the same for all that was kept by the same rate; empty where nothing is told. */
  readonly threshold: string
  /** From above 0 to 1; undefined where nothing is told, or what is told is not of that trace. */
  readonly rate: number | undefined
  /** From 0 to below 1, and below the rate: what Sentry compares with it. */
  readonly random: number
}

/** The digits of T in a tracestate; empty where there are none. */
export function thresholdOf(traceState: string | undefined): string {
  if (traceState === undefined || traceState.length > STATE_CHARACTERS_MAX) return ''
  return THRESHOLD.exec(MEMBER.exec(traceState)?.[1] ?? '')?.[1] ?? ''
}

/** What a span's tracestate says; its trace id has the random bits where the tracestate has none. */
export function samplingOf(traceState: string | undefined, traceId: string): Sampling {
  const member = traceState === undefined || traceState.length > STATE_CHARACTERS_MAX ? undefined : MEMBER.exec(traceState)?.[1]
  const digits = member === undefined ? undefined : THRESHOLD.exec(member)?.[1]
  const bits = (member === undefined ? undefined : RANDOM.exec(member)?.[1]) ?? traceId.slice(-14)
  const random = randomOf(bits)
  if (digits === undefined || digits.padEnd(14, '0') > bits) return { threshold: '', rate: undefined, random }
  const rate = rateOf(digits.padEnd(14, '0'))
  // What is below as 56 bits may be equal as a double.
  return { threshold: digits, rate, random: random < rate ? random : Math.max(0, rate - rate * 2 ** -52) }
}

/** The rate of a threshold of 14 digits: (2^56 - T) / 2^56 */
export function rateOf(digits: string): number {
  const [high, low] = halvesOf(digits)
  return ((HALF - high) * HALF - low) / (HALF * HALF)
}

/** Of 14 digits R: 1 - (R + 1) / 2^56. R is not below T exactly where this is below the rate. Cut to 12 decimals, which keeps it below. */
export function randomOf(digits: string): number {
  const [high, low] = halvesOf(digits)
  const random = ((HALF - high) * HALF - low - 1) / (HALF * HALF)
  return Math.min(Math.floor(random * 1e12), 1e12 - 1) / 1e12
}

function halvesOf(digits: string): [number, number] {
  return [Number.parseInt(digits.slice(0, 7), 16), Number.parseInt(digits.slice(7), 16)]
}
