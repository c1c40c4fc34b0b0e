const DIGITS_MAX = 15
const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?$/

/** The decimal number between `start` and `end`; NaN where there is none, or one that is not finite. */
export function numberIn(text: string, start: number, end: number): number {
  if (end > start && end - start <= DIGITS_MAX) {
    let value = 0
    let at = start
    for (; at < end; at++) {
      const digit = text.charCodeAt(at) - 48
      if (digit < 0 || digit > 9) break
      value = value * 10 + digit
    }
    if (at === end) return value
  }
  const slice = text.slice(start, end)
  const value = NUMBER.test(slice) ? Number(slice) : Number.NaN
  return Number.isFinite(value) ? value : Number.NaN
}
