// What the checks of Sentry's items have in common: JSON from the outside, and what is found wrong with it.
import { isIP } from 'node:net'

// biome-ignore lint/suspicious/noExplicitAny: JSON from the outside, looked into field by field
export type Json = any

/** Where each finding goes; `at` names the place. */
export class Findings {
  readonly list: string[] = []
  /** Notes a finding unless `fine`. */
  check(fine: unknown, at: string, expected: string): void {
    if (!fine && this.list.length < 20) this.list.push(`${at}: expected ${expected}`)
  }
}

export const isText = (value: unknown, max = Number.POSITIVE_INFINITY): value is string => typeof value === 'string' && value.length <= max
export const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
export const isHex = (value: unknown, digits: number): boolean =>
  typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value) && /[1-9a-f]/.test(value)
/** Seconds since 1970 as a number, or RFC 3339; between 2001 and 2100. */
export const isTime = (value: unknown): boolean => {
  const seconds = typeof value === 'string' ? Date.parse(/\d(Z|[+-]\d\d:\d\d)?$/.test(value) ? value : '') / 1000 : value
  return typeof seconds === 'number' && seconds > 1e9 && seconds < 4.1e9
}
export const isIpAddress = (value: unknown): boolean => value === '{{auto}}' || (typeof value === 'string' && isIP(value) !== 0)
export const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value) ?? '')

export function parse(payload: Uint8Array): Json {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  } catch {
    return undefined
  }
}
