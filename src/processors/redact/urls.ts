// Secrets in URLs, and in addresses of databases that are none: user info, signed queries.
import { IDENTIFIER, type Text } from './bytes.ts'
import { markerEnd } from './replacement.ts'
import { bareEnd, isHarmless, isProse, isSmallNumber, looksGenerated, looksRandom } from './values.ts'

const AUTHORITY_MAX = 1_024

/** True when an at sign stands in what follows a scheme: most URLs have none, and a look that ends at the host is cheap. */
export function hasUserInfo(bytes: Uint8Array, end: number): boolean {
  const stop = Math.min(bytes.length, end + AUTHORITY_MAX)
  for (let pos = end; pos < stop; pos++) {
    if (bytes[pos] === 64) return true
    if (endsAuthority(bytes[pos])) return false
  }
  return false
}

function endsAuthority(byte: number): boolean {
  return byte === 47 || byte === 63 || byte === 35 || byte <= 32 || byte === 34 || byte === 60 || byte === 62 || byte === 92 || byte === 96
}

/** scheme://user:password@host: the password goes. */
export function userInfo(text: Text, _from: number, end: number): void {
  const { bytes } = text
  const stop = Math.min(text.stop, end + AUTHORITY_MAX)
  let colon = -1
  let sign = -1
  let pos = end
  for (; pos < stop; pos++) {
    const byte = bytes[pos]
    // A marker has colons of its own.
    if (byte === 91) pos = Math.max(pos, markerEnd(text, pos) - 1)
    else if (byte === 58 && colon < 0) colon = pos
    else if (byte === 64) sign = pos
    else if (endsAuthority(byte)) break
  }
  text.work += pos - end
  if (colon < 0 && text.at(end) !== 91 && looksGenerated(text, end, sign, 20)) text.found(end, sign, 'url-password')
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
  if (isHarmless(text, end, to) || isSmallNumber(text, end, to, 6) || isProse(text, end, to)) return
  // `?key=` and `?code=` name plain things too, such as a file in a bucket.
  const strict = text.hasFolded(from, 'key=') || text.hasFolded(from, 'code=') || text.hasFolded(from, 'auth=')
  if (strict && !(looksRandom(text, end, to, 12) && text.run(end, IDENTIFIER, to - end) === to && !text.slice(end, to).includes('.'))) {
    if (!text.hasFolded(from, 'code=') || !looksRandom(text, end, to, 16)) return
  }
  text.found(end, to, 'url-secret')
}

/** `user:password@tcp(host)/database`, as drivers of Go write it. The head is `@tcp(`. */
export function driverAddress(text: Text, from: number): void {
  let start = from
  while (
    start > Math.max(text.floor, from - AUTHORITY_MAX / 4) &&
    !' \t\r\n"\'`\\<>,='.includes(String.fromCharCode(text.bytes[start - 1]))
  )
    start--
  text.work += from - start
  for (let pos = start; pos < from; pos++) {
    if (text.bytes[pos] !== 58) continue
    if (!isHarmless(text, pos + 1, from)) text.found(pos + 1, from, 'url-password')
    return
  }
}

/** `jdbc:oracle:thin:user/password@host`, `sqlplus user/password@host`. The head ends before the user. */
export function oracleLogin(text: Text, _from: number, end: number): void {
  const slash = text.run(end, IDENTIFIER, 64)
  if (slash === end || text.at(slash) !== 47) return
  let to = bareEnd(text, slash + 1)
  while (to > slash && text.at(to - 1) !== 64) to--
  if (to - 1 > slash && !isHarmless(text, slash + 1, to - 1)) text.found(slash + 1, to - 1, 'url-password')
}
