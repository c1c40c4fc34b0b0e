import { DOT, MINUS } from './json-scanner.ts'

// The last integer that was read, as two's complement in two unsigned halves. Kept here because a pair as a value would be an object per number.
let low = 0
let high = 0
export const integerLow = (): number => low
export const integerHigh = (): number => high

const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => 10 ** exponent)

/**
 * Reads the digits between `start` and `end` as an integer of 64 bits, exactly. False when there is anything but digits and a sign in front, or
 * when it does not fit: -2^63 to 2^63-1 if `signed`, 0 to 2^64-1 otherwise.
 */
export function readInteger(text: Uint8Array, start: number, end: number, signed: boolean): boolean {
  const negative = text[start] === MINUS
  let pos = negative ? start + 1 : start
  if (pos === end) return false
  while (pos < end - 1 && text[pos] === 0x30) pos++
  if (end - pos > 20) return false
  // The upper digits and the last nine, so that each half fits a double.
  const split = Math.max(pos, end - 9)
  let upper = 0
  for (; pos < split; pos++) {
    const digit = text[pos] - 0x30
    if (digit < 0 || digit > 9) return false
    upper = upper * 10 + digit
  }
  let lower = 0
  for (; pos < end; pos++) {
    const digit = text[pos] - 0x30
    if (digit < 0 || digit > 9) return false
    lower = lower * 10 + digit
  }
  if (upper === 0) {
    low = lower
    high = 0
  } else {
    // upper · 10^9 + lower, in limbs of 16 bits of `upper`: below 2^53 at every step.
    const shifted = Math.floor(upper / 0x1_0000) * 1e9
    const sum = (upper % 0x1_0000) * 1e9 + lower + (shifted % 0x1_0000) * 0x1_0000
    low = sum % 0x1_0000_0000
    high = Math.floor(shifted / 0x1_0000) + Math.floor(sum / 0x1_0000_0000)
    if (high > 0xffff_ffff) return false
  }
  if (!signed) return !negative || (low === 0 && high === 0)
  if (high > 0x7fff_ffff && !(negative && high === 0x8000_0000 && low === 0)) return false
  if (negative) {
    high = (~high + (low === 0 ? 1 : 0)) >>> 0
    low = -low >>> 0
  }
  return true
}

/** Does the same for what is written as 1.0 or 1e3, just as exactly: it must be a whole number. */
export function readWholeNumber(token: string, signed: boolean): boolean {
  const parts = DECIMAL.exec(token)
  if (parts === null) return false
  const [, sign, whole, fraction = '', exponent = '0'] = parts
  const digits = (whole + fraction).replace(/^0+/, '')
  if (digits === '') return readDigits('0', signed)
  const shift = Number(exponent) - fraction.length
  if (shift > 20) return false
  if (shift >= 0) return readDigits(sign + digits + '0'.repeat(shift), signed)
  const end = digits.length + shift
  return end > 0 && !/[1-9]/.test(digits.slice(end)) && readDigits(sign + digits.slice(0, end), signed)
}

function readDigits(digits: string, signed: boolean): boolean {
  return readInteger(Buffer.from(digits, 'latin1'), 0, digits.length, signed)
}

const DECIMAL = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/

/** The double that a token of JSON's number grammar stands for. */
export function readDouble(text: Buffer, start: number, end: number): number {
  const negative = text[start] === MINUS
  let mantissa = 0
  let digits = 0
  let decimals = -1
  for (let pos = negative ? start + 1 : start; pos < end; pos++) {
    const byte = text[pos]
    if (byte === DOT) {
      decimals = digits
      continue
    }
    mantissa = mantissa * 10 + (byte - 0x30)
    digits++
    // One division of two exact doubles rounds once, hence correctly; longer ones, and those with an exponent, are left to the engine.
    if (byte > 0x39 || byte < 0x30 || digits > 15) return Number(text.toString('latin1', start, end))
  }
  const value = decimals < 0 ? mantissa : mantissa / POWERS_OF_TEN[digits - decimals]
  return negative ? -value : value
}

/** The double in a string: a decimal, or one of the three names that JSON numbers lack. Undefined when it is neither. */
export function readDoubleName(token: string): number | undefined {
  if (token === 'NaN') return Number.NaN
  if (token === 'Infinity') return Number.POSITIVE_INFINITY
  if (token === '-Infinity') return Number.NEGATIVE_INFINITY
  const value = DECIMAL.test(token) ? Number(token) : Number.NaN
  return Number.isFinite(value) ? value : undefined
}
