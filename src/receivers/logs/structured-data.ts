// STRUCTURED-DATA of RFC 5424: `-`, or one or more of [id name="value" …], where \ stands before " \ and ] in a value.
import type { LogEntry, LogValue } from '../../logs/log-entry.ts'

const PARAMS_MAX = 64
const NAME_MAX = 128
const SPACE = 32
const QUOTE = 34
const EQUALS = 61
const BACKSLASH = 92
const CLOSE = 93

/**
 * Reads what stands at `start` and returns its end: each value becomes an attribute `syslog.ID.NAME`, those of `opentelemetry` the trace context.
 * What is not well formed belongs to the message.
 */
export function readStructuredData(text: string, start: number, entry: LogEntry): number {
  if (text.charCodeAt(start) === 45) return start + 1
  let at = start
  paramsLeft = PARAMS_MAX
  while (text[at] === '[') {
    const attributes = entry.keys.length
    const end = readElement(text, at, entry)
    if (end < 0) {
      entry.keys.length = attributes
      entry.values.length = attributes
      break
    }
    at = end
  }
  if (paramsLeft < 0) entry.add('log.attributes_dropped', -paramsLeft)
  return at
}

let paramsLeft = 0

// Reads [id name="value" …] and returns its end, or -1.
function readElement(text: string, start: number, entry: LogEntry): number {
  let at = nameEnd(text, start + 1)
  const prefix = `syslog.${text.slice(start + 1, at)}.`
  if (at === start + 1) return -1
  while (text.charCodeAt(at) === SPACE) {
    const end = nameEnd(text, at + 1)
    if (end === at + 1 || text.charCodeAt(end) !== EQUALS || text.charCodeAt(end + 1) !== QUOTE) return -1
    const close = closingQuote(text, end + 2)
    if (close < 0) return -1
    if (paramsLeft-- > 0) add(entry, prefix, text.slice(at + 1, end), unescaped(text.slice(end + 2, close)))
    at = close + 1
  }
  return text.charCodeAt(at) === CLOSE ? at + 1 : -1
}

function nameEnd(text: string, start: number): number {
  for (let at = start; at < text.length && at - start < NAME_MAX; at++) {
    const code = text.charCodeAt(at)
    if (code <= SPACE || code === QUOTE || code === EQUALS || code === CLOSE) return at
  }
  return start
}

function closingQuote(text: string, start: number): number {
  for (let at = start; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code === BACKSLASH) at++
    else if (code === QUOTE) return at
  }
  return -1
}

// A backslash before anything else is one.
function unescaped(value: string): string {
  return value.includes('\\') ? value.replace(/\\(["\\\]])/g, '$1') : value
}

function add(entry: LogEntry, prefix: string, name: string, value: string): void {
  if (prefix === 'syslog.opentelemetry.' && addTraceContext(entry, name, value)) return
  const key = prefix + name
  const at = entry.keys.indexOf(key)
  if (at < 0) {
    entry.add(key, value)
    return
  }
  // A name may stand several times.
  const before: LogValue = entry.values[at]
  entry.values[at] = Array.isArray(before) ? [...before, value] : [before, value]
}

// https://opentelemetry.io/docs/specs/otel/compatibility/logging_trace_context/
function addTraceContext(entry: LogEntry, name: string, value: string): boolean {
  if (name === 'trace_id' && isId(value, 32)) entry.traceId = value.toLowerCase()
  else if (name === 'span_id' && isId(value, 16)) entry.spanId = value.toLowerCase()
  else if (name === 'trace_flags' && /^[\da-f]{2}$/i.test(value)) entry.traceFlags = Number.parseInt(value, 16)
  else return false
  return true
}

function isId(value: string, digits: number): boolean {
  return value.length === digits && /^[\da-f]+$/i.test(value) && !/^0+$/.test(value)
}
