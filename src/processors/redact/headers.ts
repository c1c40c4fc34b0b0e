// What HTTP carries: Authorization and Cookie values, and the schemes where they stand alone.
import { ALNUM, BASE64_RUN, BLANK, DASH, DOT, PERCENT, SPACE, type Text, TILDE, URLSAFE } from './bytes.ts'
import { bareEnd, closesText, isHarmless, isProse, looksRandom, quotationEnd, quoteAt, skipBlanks } from './values.ts'

const SCHEMES = new Set(
  'bearer basic token apikey api-key key bot digest googlelogin sharedaccesssignature negotiate ntlm hawk oauth signature splunk sso-key mac dpop'.split(
    ' '
  )
)
const LISTS = new Set('digest googlelogin hawk oauth signature mac'.split(' '))

/** The value of an Authorization header in [from, to): the scheme stays, the credentials go. */
export function authorization(text: Text, from: number, to: number, whole: boolean): void {
  const schemeEnd = text.run(from, ALNUM | DASH, 24)
  const scheme = text.slice(from, schemeEnd).toLowerCase()
  if (scheme.startsWith('aws4-')) {
    signatureV4(text, schemeEnd, to)
    return
  }
  const known = SCHEMES.has(scheme) && text.is(schemeEnd, BLANK)
  const start = known ? skipBlanks(text, schemeEnd) : from
  const name = text.run(start, URLSAFE, 48)
  const isNamed = text.at(name) === 61 && (opensParameter(text, name + 1) || (!known && start > from))
  if (LISTS.has(scheme) || isNamed) {
    parameters(text, start, whole ? to : text.stop)
    return
  }
  const end = whole ? to : Math.min(to, bareEnd(text, start))
  if (isHarmless(text, start, end)) return
  // "authorization: required", "Bearer token missing"
  if (isProse(text, start, bareEnd(text, start)) && (!known || (!whole && end - start < 16))) return
  text.found(start, end, 'authorization')
}

// The equals sign may also be the last of base64 in quotation marks.
function opensParameter(text: Text, at: number): boolean {
  const quote = quoteAt(text, at)
  return quote !== null && !closesText(text, at + quote.length) && !text.is(at + quote.length, SPACE)
}

const PLAIN_PARAMETERS = new Set(
  'username realm uri algorithm qop nc headers keyid created expires opaque oauth_consumer_key oauth_signature_method oauth_timestamp oauth_version ts ext id'.split(
    ' '
  )
)

// Digest username="…", response="…": a list of parameters, of which those that prove something go.
function parameters(text: Text, at: number, stop: number): void {
  let pos = at
  for (let count = 0; count < 32; count++) {
    pos = skipBlanks(text, pos)
    const nameEnd = text.run(pos, URLSAFE, 48)
    if (nameEnd === pos || text.at(nameEnd) !== 61) return
    const quote = quoteAt(text, nameEnd + 1)
    const from = nameEnd + 1 + (quote?.length ?? 0)
    if (from > stop || (quote !== null && closesText(text, from))) return
    const to = quote === null ? bareEnd(text, from) : quotationEnd(text, from, quote)
    if (!PLAIN_PARAMETERS.has(text.slice(pos, nameEnd).toLowerCase()) && !isHarmless(text, from, to)) text.found(from, to, 'authorization')
    pos = skipBlanks(text, to + (quote?.length ?? 0))
    if (text.at(pos) !== 44) return
    pos++
  }
}

// AWS4-HMAC-SHA256 Credential=…/scope, SignedHeaders=…, Signature=…: the signed headers stay.
function signatureV4(text: Text, at: number, to: number): void {
  for (let pos = at; pos < to; pos++) {
    const name = text.hasFolded(pos, 'credential=') ? 11 : text.hasFolded(pos, 'signature=') ? 10 : 0
    if (name === 0) continue
    const end = Math.min(to, bareEnd(text, pos + name))
    if (!isHarmless(text, pos + name, end)) text.found(pos + name, end, 'authorization')
    pos = end
  }
  text.work += to - at
}

const COOKIE_ATTRIBUTES = new Set('path domain expires max-age samesite httponly secure priority partitioned version comment'.split(' '))

/** The value of a Cookie or Set-Cookie header in [from, to): each cookie keeps its name and loses its value. */
export function cookies(text: Text, from: number, to: number): void {
  let pos = skipBlanks(text, from)
  let pairs = 0
  while (pos < to) {
    const nameEnd = Math.min(to, text.run(pos, ALNUM | DASH | DOT | PERCENT | TILDE | URLSAFE, 256))
    if (nameEnd === pos) break
    let end = nameEnd
    if (text.at(nameEnd) === 61) {
      pairs++
      end = Math.min(to, cookieEnd(text, nameEnd + 1))
      if (!COOKIE_ATTRIBUTES.has(text.slice(pos, nameEnd).toLowerCase())) {
        if (!isHarmless(text, nameEnd + 1, end)) text.found(nameEnd + 1, end, 'cookie')
      } else end = Math.min(to, attributeEnd(text, end))
    }
    const next = skipBlanks(text, end)
    if (text.at(next) !== 59) break
    pos = skipBlanks(text, next + 1)
  }
  if (pairs > 0) return
  const end = Math.min(to, bareEnd(text, from))
  if (!isHarmless(text, from, end) && !isProse(text, from, end)) text.found(from, end, 'cookie')
}

// Unlike other bare values a cookie may hold commas, brackets and ampersands.
function cookieEnd(text: Text, at: number): number {
  let pos = at
  while (pos < text.stop && !' \t\r\n;"\'\\'.includes(String.fromCharCode(text.bytes[pos]))) pos++
  text.work += pos - at
  return pos
}

// Expires=Wed, 21 Oct 2026 07:28:00 GMT holds blanks.
function attributeEnd(text: Text, at: number): number {
  let pos = at
  while (pos < text.stop && !'\r\n;"\'\\'.includes(String.fromCharCode(text.bytes[pos]))) pos++
  text.work += pos - at
  return pos
}

/** `Bearer …` away from its header. */
export function bearer(text: Text, _from: number, end: number): void {
  const to = text.run(end, URLSAFE | DOT | TILDE | BASE64_RUN, 4_096)
  if (to - end >= 32 || looksRandom(text, end, to, 16)) text.found(end, to, 'bearer-token')
}

/** `Basic …` away from its header: base64 of user:password. */
export function basic(text: Text, _from: number, end: number): void {
  const to = text.run(end, BASE64_RUN, 1_024)
  if (to - end < 6) return
  if (isUserAndPassword(text.slice(end, to))) text.found(end, to, 'basic-auth')
}

function isUserAndPassword(base64: string): boolean {
  return /^[\x20-\x7e]{1,256}:[\x20-\x7e]{1,512}$/.test(Buffer.from(base64, 'base64').toString('latin1'))
}

/** `"auth": "…"` of Docker's configuration, `_auth=…` of npm's: base64 of user:password. The head ends with the name. */
export function registryAuth(text: Text, _from: number, end: number): void {
  let pos = end
  while (text.is(pos, BLANK) || '\\"\':='.includes(String.fromCharCode(text.at(pos) || 97))) if (++pos - end > 32) return
  const to = text.run(pos, BASE64_RUN, 1_024)
  if (pos > end && to - pos >= 6 && isUserAndPassword(text.slice(pos, to))) text.found(pos, to, 'basic-auth')
}
