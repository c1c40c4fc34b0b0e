import { parseStrictly } from './strict-json.ts'

/** A log as the intake keeps it. */
export interface IntakeLog {
  /** The entry as it was sent. */
  // biome-ignore lint/suspicious/noExplicitAny: JSON from the outside, looked into field by field
  readonly entry: any
  readonly message: string
  readonly atMs: number
  readonly tags: readonly string[]
  /** The low 64 bits as a decimal number, by which logs are found from a trace and from a span. */
  readonly traceId: string | undefined
  readonly spanId: string | undefined
}

const ENTRIES_MAX = 1000
const LOG_BYTES_MAX = 1_000_000
const AGE_MS_MAX = 18 * 3_600_000
const TAG_CHARACTERS_MAX = 200
const STATUSES = new Set(['emergency', 'alert', 'critical', 'error', 'warning', 'warn', 'notice', 'info', 'debug', 'ok'])
const TEXTS = ['message', 'ddsource', 'ddtags', 'hostname', 'service', 'status']

export interface ReadLogs {
  readonly logs: IntakeLog[]
  /** Logs whose time is too long ago, which the intake takes and does not keep; and those that it cut. */
  readonly tooOld: number
  readonly truncated: number
}

/** Reads the body of a request to the logs intake. What is wrong goes to `problems`. */
export function readLogs(bytes: Uint8Array, problems: string[], nowMs = Date.now()): ReadLogs {
  const entries = parseStrictly(bytes)
  const logs: IntakeLog[] = []
  let [tooOld, truncated] = [0, 0]
  const check = (fine: boolean, expected: string): void => {
    if (!fine) problems.push(expected)
  }
  if (!Array.isArray(entries) || entries.length === 0) throw new Error('expected an array of logs')
  check(entries.length <= ENTRIES_MAX, `${entries.length} logs, at most ${ENTRIES_MAX}`)
  for (const [i, entry] of entries.entries()) {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) throw new Error(`log ${i} is no object`)
    for (const key of TEXTS) check(entry[key] === undefined || typeof entry[key] === 'string', `log ${i}: ${key} is no string`)
    check(typeof entry.message === 'string', `log ${i} has no message`)
    check(entry.status === undefined || STATUSES.has(entry.status), `log ${i}: status ${entry.status}`)
    const tags: string[] = entry.ddtags === undefined ? [] : String(entry.ddtags).split(',')
    for (const tag of tags)
      check(tag !== '' && tag.trim() === tag && tag.length <= TAG_CHARACTERS_MAX && !tag.endsWith(':'), `log ${i}: the tag "${tag}"`)
    const time = entry['@timestamp'] ?? entry.timestamp ?? entry.date ?? nowMs
    const atMs = typeof time === 'string' ? parseTime(time) : Number(time)
    check(atMs > 1e12 && atMs < 4.1e12, `log ${i}: time ${time}`)
    const { traceId, spanId } = { traceId: idOf(entry, 'trace_id', problems), spanId: idOf(entry, 'span_id', problems) }
    if (Buffer.byteLength(JSON.stringify(entry)) > LOG_BYTES_MAX) truncated++
    if (atMs < nowMs - AGE_MS_MAX) tooOld++
    else logs.push({ entry, message: String(entry.message).slice(0, LOG_BYTES_MAX), atMs, tags, traceId, spanId })
  }
  return { logs, tooOld, truncated }
}

function parseTime(text: string): number {
  return /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : Number.NaN
}

// `dd` may be an object or part of the key; 32 and 16 digits are hexadecimal, what has at most 20 decimal ones is a number of 64 bits.
// biome-ignore lint/suspicious/noExplicitAny: see IntakeLog
function idOf(entry: any, name: string, problems: string[]): string | undefined {
  const id = entry[`dd.${name}`] ?? entry.dd?.[name] ?? entry[name]
  if (id === undefined) return undefined
  const text = typeof id === 'string' ? id : ''
  if (/^[0-9a-f]{32}$/.test(text)) return String(BigInt(`0x${text.slice(16)}`))
  if (/^[1-9]\d{0,19}$/.test(text) && BigInt(text) < 2n ** 64n) return text
  if (/^[0-9a-f]{16}$/.test(text)) return String(BigInt(`0x${text}`))
  problems.push(`${name} ${JSON.stringify(id)}`)
  return undefined
}
