// What commands are given: programs of a shell, statements of SQL, commands of Redis.
import { DIGIT, IDENTIFIER, type Text } from './bytes.ts'
import { markerEnd } from './replacement.ts'
import { bareEnd, isHarmless, isSameQuote, lineEnd, looksRandom, looksTyped, quotationEnd, quoteAt, skipBlanks } from './values.ts'

/** How far behind a program's name its arguments are looked at. */
const ARGUMENTS_BYTES_MAX = 256
const STATEMENT_BYTES_MAX = 96

/** `-u user:password`, `--user user:password`, and `"-u","user:password"` of a list. */
export function userArgument(text: Text, from: number, end: number): void {
  let at = end
  if (text.at(from) === 34 || text.at(from) === 39) {
    const comma = skipBlanks(text, end + (quoteAt(text, end)?.length ?? 0))
    if (text.at(comma) !== 44) return
    at = skipBlanks(text, comma + 1)
  }
  const quote = quoteAt(text, at)
  const start = quote === null ? at : at + quote.length
  // A marker has colons of its own.
  if (markerEnd(text, start) >= 0) return
  const to = quote === null ? bareEnd(text, start) : quotationEnd(text, start, quote)
  for (let pos = start; pos < to; pos++) {
    // Samba's `-U user%password`.
    const isPercent = text.bytes[pos] === 37 && text.at(from + 2) === 85
    if (text.bytes[pos] !== 58 && !isPercent) continue
    const isNumeric = text.run(start, DIGIT, to - start) === pos && text.run(pos + 1, DIGIT, to - pos) === to
    if (pos > start && !isNumeric && text.bytes[pos + 1] !== 47 && !isHarmless(text, pos + 1, to)) text.found(pos + 1, to, 'password')
    return
  }
}

/** The word or the quotation that follows is the password. */
export function literal(text: Text, _from: number, end: number): void {
  const start = skipBlanks(text, end)
  const quote = quoteAt(text, start)
  const from = start + (quote?.length ?? 0)
  const to = quote === null ? bareEnd(text, from) : quotationEnd(text, from, quote)
  if (!isHarmless(text, from, to) && !text.hasFolded(from, 'password')) text.found(from, to, 'password')
}

/** `auth("user", "password")`: the second of two quotations. */
export function authCall(text: Text, _from: number, end: number): void {
  const first = quoteAt(text, end)
  if (first === null) return
  const comma = skipBlanks(text, quotationEnd(text, end + first.length, first) + first.length)
  const start = skipBlanks(text, comma + 1)
  const second = quoteAt(text, start)
  if (text.at(comma) !== 44 || second === null) return
  const from = start + second.length
  const to = quotationEnd(text, from, second)
  if (!isHarmless(text, from, to)) text.found(from, to, 'password')
}

/** `echo password | docker login --password-stdin`, `echo "user:password" | chpasswd`: the head ends before what is said. */
export function echoed(text: Text, from: number, end: number): void {
  if (!text.beginsWord(from)) return
  const start = skipBlanks(text, text.hasFolded(end, '-n ') ? end + 3 : end)
  const quote = quoteAt(text, start)
  const first = start + (quote?.length ?? 0)
  const to = quote === null ? bareEnd(text, first) : quotationEnd(text, first, quote)
  const pipe = skipBlanks(text, to + (quote?.length ?? 0))
  if (text.at(pipe) !== 124) return
  const command = text.slice(pipe, Math.min(lineEnd(text, pipe), pipe + ARGUMENTS_BYTES_MAX))
  const isForUsers = /\bchpasswd\b/.test(command)
  if (!isForUsers && !/-stdin\b|\bsudo\s+-S\b/.test(command)) return
  let secret = first
  if (isForUsers) while (secret < to && text.bytes[secret - 1] !== 58) secret++
  if (!isHarmless(text, secret, to)) text.found(secret, to, 'password')
}

/** `--from-literal=name=value`. */
export function literalMember(text: Text, _from: number, end: number): void {
  const name = text.run(end, IDENTIFIER, 128)
  if (text.at(name) !== 61) return
  const to = bareEnd(text, name + 1)
  if (!isHarmless(text, name + 1, to)) text.found(name + 1, to, 'secret')
}

/** `ACL SETUSER name on >password`. */
export function redisUser(text: Text, _from: number, end: number): void {
  const stop = Math.min(lineEnd(text, end), end + ARGUMENTS_BYTES_MAX)
  text.work += stop - end
  for (let pos = end; pos < stop; pos++) {
    if (text.bytes[pos] !== 62 || text.at(pos - 1) !== 32) continue
    const to = bareEnd(text, pos + 1)
    if (!isHarmless(text, pos + 1, to)) text.found(pos + 1, to, 'password')
    pos = to
  }
}

/** `IDENTIFIED WITH plugin BY 'password'`. */
export function identifiedWith(text: Text, from: number, end: number): void {
  const stop = Math.min(text.stop, end + STATEMENT_BYTES_MAX)
  text.work += stop - end
  for (let pos = end; pos < stop; pos++) {
    if (text.bytes[pos] !== 32 || !text.hasFolded(pos, ' by ')) continue
    if (quoteAt(text, skipBlanks(text, pos + 4)) !== null) literal(text, from, pos + 4)
    return
  }
}

/** `AUTH [user] password`, as Redis' logs show it. */
export function redisAuth(text: Text, _from: number, end: number): void {
  const first = bareEnd(text, end)
  const next = skipBlanks(text, first)
  const second = bareEnd(text, next)
  if (second > next && next > first && isTyped(text, next, second)) text.found(next, second, 'password')
  else if (isTyped(text, end, first)) text.found(end, first, 'password')
}

function isTyped(text: Text, from: number, to: number): boolean {
  return to - from > 5 && (looksRandom(text, from, to, 6) || looksTyped(text, from, to)) && !isHarmless(text, from, to)
}

/** `"AUTH" "user" "password"`, as Redis' monitor shows it. The last of the quotations is the password. */
export function monitoredAuth(text: Text, _from: number, end: number): void {
  const closing = quoteAt(text, end)
  let pos = end + (closing?.length ?? 0)
  let [from, to] = [-1, -1]
  for (let argument = 0; argument < 2; argument++) {
    const start = skipBlanks(text, pos)
    const quote = quoteAt(text, start)
    if (start === pos || quote === null || !isSameQuote(quote, closing)) break
    from = start + quote.length
    to = quotationEnd(text, from, quote)
    pos = to + quote.length
  }
  if (from >= 0 && !isHarmless(text, from, to)) text.found(from, to, 'password')
}

/** Programs whose password stands behind an option of one letter, with or without a blank between. */
export const PROGRAMS: Readonly<Record<string, string>> = {
  'redis-cli ': ' -a ',
  'mysql ': ' -p',
  'mysqldump ': ' -p',
  'mysqladmin ': ' -p',
  'mariadb ': ' -p',
  'mongo ': ' -p ',
  'mongosh ': ' -p ',
  'mongodump ': ' -p ',
  'docker login': ' -p ',
  'podman login': ' -p ',
  'registry login': ' -p ',
  'az login': ' -p ',
  'oc login': ' -p ',
  'ldapsearch ': ' -w ',
  'sqlcmd ': ' -P ',
  'unzip ': ' -P ',
  'mosquitto_pub ': ' -P ',
  'mosquitto_sub ': ' -P ',
  'cqlsh ': ' -p ',
  'gh secret set': ' --body '
}

/** Looks for a program's option among its arguments. */
export function programArgument(text: Text, from: number, end: number): void {
  const option = PROGRAMS[text.slice(from, end).toLowerCase()]
  if (option === undefined || !text.beginsWord(from)) return
  const stop = Math.min(lineEnd(text, end), end + ARGUMENTS_BYTES_MAX)
  for (let pos = end - 1; pos < stop; pos++) {
    const byte = text.bytes[pos]
    if (byte === 124 || byte === 59) return
    if (byte !== 32 || !text.has(pos, option)) continue
    const at = pos + option.length
    const quote = quoteAt(text, at)
    const start = at + (quote?.length ?? 0)
    const to = quote === null ? bareEnd(text, start) : quotationEnd(text, start, quote)
    if (text.at(start) !== 45 && !isHarmless(text, start, to)) text.found(start, to, 'password')
    return
  }
}
