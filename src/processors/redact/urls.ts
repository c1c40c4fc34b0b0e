// Secrets in URLs and on command lines: user info, signed queries, `-u user:password`.
import { DIGIT, IDENTIFIER, type Text } from './bytes.ts'
import { bareEnd, isHarmless, isSmallNumber, looksRandom, quotationEnd, quoteAt } from './values.ts'

const AUTHORITY_MAX = 1_024

/** scheme://user:password@host: the password goes. */
export function userInfo(text: Text, _from: number, end: number): void {
  const { bytes } = text
  const stop = Math.min(text.stop, end + AUTHORITY_MAX)
  let colon = -1
  let sign = -1
  let pos = end
  for (; pos < stop; pos++) {
    const byte = bytes[pos]
    if (byte === 58 && colon < 0) colon = pos
    else if (byte === 64) sign = pos
    else if (
      byte === 47 ||
      byte === 63 ||
      byte === 35 ||
      byte <= 32 ||
      byte === 34 ||
      byte === 60 ||
      byte === 62 ||
      byte === 92 ||
      byte === 96
    )
      break
  }
  text.work += pos - end
  if (colon < 0 || sign < colon || isHarmless(text, colon + 1, sign)) return
  text.found(colon + 1, sign, 'url-password')
}

/** Names that are secrets in a query only: `?sig=`, `&X-Amz-Signature=`, `?code=`. The head ends with the equals sign. */
export function queryValue(text: Text, from: number, end: number): void {
  const start = text.behindEscape(text.runBack(from, IDENTIFIER, 40))
  const before = text.at(start - 1)
  if (before !== 63 && before !== 38 && before !== 59 && text.escapeBefore(start) === 0) return
  let to = bareEnd(text, end)
  for (let pos = end; pos < to; pos++) if (text.bytes[pos] === 35) to = pos
  if (isHarmless(text, end, to) || isSmallNumber(text, end, to, 6)) return
  // `?key=` and `?code=` name plain things too, such as a file in a bucket.
  const strict = text.hasFolded(from, 'key=') || text.hasFolded(from, 'code=') || text.hasFolded(from, 'auth=')
  if (strict && !(looksRandom(text, end, to, 12) && text.run(end, IDENTIFIER, to - end) === to && !text.slice(end, to).includes('.'))) {
    if (!text.hasFolded(from, 'code=') || !looksRandom(text, end, to, 16)) return
  }
  text.found(end, to, 'url-secret')
}

/** `-u user:password`, `--user user:password`. */
export function userArgument(text: Text, _from: number, end: number): void {
  const quote = quoteAt(text, end)
  const start = quote === null ? end : end + quote.length
  if (text.has(start, '[redacted:')) return
  const to = quote === null ? bareEnd(text, start) : quotationEnd(text, start, quote)
  for (let pos = start; pos < to; pos++) {
    if (text.bytes[pos] !== 58) continue
    const numeric = text.run(start, DIGIT, to - start) === pos && text.run(pos + 1, DIGIT, to - pos) === to
    if (pos > start && !numeric && text.bytes[pos + 1] !== 47 && !isHarmless(text, pos + 1, to)) text.found(pos + 1, to, 'password')
    return
  }
}
