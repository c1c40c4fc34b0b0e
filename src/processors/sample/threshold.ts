// Rejection thresholds: a record is kept when its 56 bits of randomness are not below the 56 bits of the threshold.
// https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
import { Bits56 } from './bits.ts'

export interface Threshold {
  readonly bits: Bits56
  /** As `th` carries it: hex digits without zeros at the end, `0` for all; empty for the threshold that nothing passes. */
  readonly text: string
}

export const ALWAYS: Threshold = { bits: new Bits56().set(0, 0), text: '0' }
export const NEVER: Threshold = { bits: new Bits56().set(2 ** 28, 0), text: '' }

const DIGITS = 14
const END = 2n ** 56n

/**
 * The threshold that keeps `ratio` of all, rounded to `precision` hex digits. Leading digits f do not count as such, so that small shares are as
 * exact as large ones.
 */
export function thresholdOf(ratio: number, precision: number): Threshold {
  if (ratio <= 0) return NEVER
  if (ratio >= 1) return ALWAYS
  const rejected = END - BigInt(Math.max(1, Math.round(ratio * 2 ** 56)))
  const leading = /^f*/.exec(digitsOf(rejected))![0].length
  const zeroBits = BigInt(4 * Math.max(0, DIGITS - precision - leading))
  const half = zeroBits === 0n ? 0n : 1n << (zeroBits - 1n)
  return fromInteger(((rejected + half) >> zeroBits) << zeroBits)
}

/**
 * The threshold of the Collector's hash_seed mode and of the Datadog Agent's probabilistic sampler: the share in steps of 1/16384, computed in
 * single precision and cut off, not rounded, as they do.
 */
export function hashThresholdOf(ratio: number): Threshold {
  const accepted = Math.trunc(Math.fround(Math.fround(ratio * 100) * Math.fround(163.84)))
  return accepted <= 0 ? NEVER : fromInteger(BigInt(0x4000 - accepted) << 42n)
}

/** The one of two thresholds that keeps more. */
export function lower(a: Threshold, b: Threshold): Threshold {
  return b.bits.isBelow(a.bits) ? b : a
}

function fromInteger(value: bigint): Threshold {
  const text = digitsOf(value).replace(/0+$/, '')
  return { bits: new Bits56().set(Number(value >> 28n), Number(value & 0xfff_ffffn)), text: text === '' ? '0' : text }
}

function digitsOf(value: bigint): string {
  return value.toString(16).padStart(DIGITS, '0')
}
