import type { LogValue } from './log-entry.ts'

const CLOSING_BRACE = 125
/** Places where the object may begin that are tried. */
const TRIES_MAX = 4

/** The fields that end a text, and where they begin, as winston and zap write them for people; null where there are none. */
export function trailingObject(text: string): { readonly at: number; readonly value: { readonly [key: string]: LogValue } } | null {
  if (text.charCodeAt(text.length - 1) !== CLOSING_BRACE) return null
  let at = -1
  for (let tries = 0; tries < TRIES_MAX; tries++) {
    at = text.indexOf('{"', at + 1)
    if (at < 0) return null
    const before = text.charCodeAt(at - 1)
    if (at > 0 && before !== 32 && before !== 9) continue
    try {
      return { at, value: JSON.parse(text.slice(at)) as { readonly [key: string]: LogValue } }
    } catch {}
  }
  return null
}
