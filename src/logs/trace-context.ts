import type { LogValue } from './log-entry.ts'

const HEX = /^[0-9a-f]+$/
const ZEROS = /^0+$/
const NO_TRACE = '0'.repeat(32)
const NO_SPAN = '0'.repeat(16)
// https://www.w3.org/TR/trace-context/#traceparent-header; later versions may go on behind it.
const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/
// https://github.com/openzipkin/b3-propagation#single-header
const B3 = /^([0-9a-f]{32}|[0-9a-f]{16})-([0-9a-f]{16})(?:-([01d])(?:-[0-9a-f]{16})?)?$/
const JAEGER = /^([0-9a-f]{1,32})(?::|%3a)([0-9a-f]{1,16})(?::|%3a)[0-9a-f]{1,16}(?::|%3a)([0-9a-f]{1,2})$/
const SENTRY = /^([0-9a-f]{32})-([0-9a-f]{16})(?:-([01]))?$/
const XRAY_ROOT = /(?:^|;)\s{0,4}root=1-([0-9a-f]{8})-([0-9a-f]{24})(?:;|$)/
const XRAY_PARENT = /(?:^|;)\s{0,4}parent=([0-9a-f]{16})(?:;|$)/
const XRAY_SAMPLED = /(?:^|;)\s{0,4}sampled=1(?:;|$)/

const CHARACTERS_MAX = 512

/** A place in a trace; ids in small hexadecimal digits, the span's may be empty. */
export interface TraceContext {
  readonly traceId: string
  readonly spanId: string
  readonly flags: number
}

/** A trace id in any spelling of hexadecimal digits, as 32 of them, or empty where it is none. 16 are the lower half of one. */
export function traceIdOf(value: LogValue): string {
  if (typeof value !== 'string' || value.length < 16 || value.length > 128) return ''
  // As nearly all are written.
  if (value.length === 32 && isHex(value)) return value === NO_TRACE ? '' : value
  let id = value.toLowerCase()
  // https://cloud.google.com/logging/docs/structured-logging: projects/P/traces/HEX
  if (id.startsWith('projects/')) id = id.slice(id.lastIndexOf('/') + 1)
  if (id.includes('-')) id = id.replaceAll('-', '')
  if (id.startsWith('0x')) id = id.slice(2)
  if (id.length === 16) id = id.padStart(32, '0')
  return id.length === 32 && HEX.test(id) && !ZEROS.test(id) ? id : ''
}

/** The same for span ids, of 16 digits. */
export function spanIdOf(value: LogValue): string {
  if (typeof value !== 'string' || value.length < 16 || value.length > 18) return ''
  if (value.length === 16 && isHex(value)) return value === NO_SPAN ? '' : value
  let id = value.toLowerCase()
  if (id.startsWith('0x')) id = id.slice(2)
  return id.length === 16 && HEX.test(id) && !ZEROS.test(id) ? id : ''
}

// Small digits alone. For so few characters, an expression takes longer to be called than the loop to run.
function isHex(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 48 || unit > 102 || (unit > 57 && unit < 97)) return false
  }
  return true
}

/** Trace flags: two hexadecimal digits, a number, or whether it is sampled. -1 where it is none of these. */
export function flagsOf(value: LogValue): number {
  if (typeof value === 'boolean') return value ? 1 : 0
  if (typeof value === 'number') return Number.isInteger(value) && value >= 0 && value <= 255 ? value : -1
  if (typeof value !== 'string') return -1
  const text = value.toLowerCase()
  if (text === 'true') return 1
  if (text === 'false') return 0
  return text.length > 0 && text.length <= 2 && HEX.test(text) ? Number.parseInt(text, 16) : -1
}

/** How a context is spelt in a header, and in fields named after the header. */
export type Propagation = 'traceparent' | 'b3' | 'jaeger' | 'sentry' | 'xray'

/** Reads a header that carries a trace context; null where it does not. */
export function contextOf(propagation: Propagation, value: LogValue): TraceContext | null {
  if (typeof value !== 'string' || value.length > CHARACTERS_MAX) return null
  const text = value.trim().toLowerCase()
  switch (propagation) {
    case 'traceparent': {
      const found = TRACEPARENT.exec(text)
      if (found === null || found[1] === 'ff' || (found[1] === '00' && text.length !== 55)) return null
      return contextIn(found[2], found[3], Number.parseInt(found[4], 16))
    }
    case 'b3': {
      const found = B3.exec(text)
      return found && contextIn(found[1], found[2], found[3] === '1' || found[3] === 'd' ? 1 : 0)
    }
    case 'jaeger': {
      const found = JAEGER.exec(text)
      return found && contextIn(found[1], found[2], Number.parseInt(found[3], 16) & 1)
    }
    case 'sentry': {
      const found = SENTRY.exec(text)
      return found && contextIn(found[1], found[2], found[3] === '1' ? 1 : 0)
    }
    case 'xray': {
      const root = XRAY_ROOT.exec(text)
      return root && contextIn(root[1] + root[2], XRAY_PARENT.exec(text)?.[1] ?? '', XRAY_SAMPLED.test(text) ? 1 : 0)
    }
  }
}

function contextIn(trace: string, span: string, flags: number): TraceContext | null {
  const traceId = trace.padStart(32, '0')
  const spanId = span === '' ? '' : span.padStart(16, '0')
  return ZEROS.test(traceId) || ZEROS.test(spanId) ? null : { traceId, spanId, flags }
}

/** An id as Datadog's tracers write it into logs. */
export interface DatadogId {
  /** The lower 64 bits, in decimal digits. */
  readonly decimal: string
  /** All 128 bits, where they were written; else empty. */
  readonly hex: string
}

const UINT64_MAX = 2n ** 64n - 1n

/** Datadog's ids: up to 20 decimal digits of 64 bits, or 32 hexadecimal of 128. Null where it is neither, or zero. */
export function datadogIdOf(value: LogValue): DatadogId | null {
  const text = typeof value === 'string' ? value : typeof value === 'bigint' || typeof value === 'number' ? `${value}` : ''
  if (/^\d{1,20}$/.test(text)) {
    const id = BigInt(text)
    return id > 0n && id <= UINT64_MAX ? { decimal: id.toString(), hex: '' } : null
  }
  const hex = text.toLowerCase()
  if (!/^(?:[0-9a-f]{16}|[0-9a-f]{32})$/.test(hex) || ZEROS.test(hex)) return null
  return { decimal: BigInt(`0x${hex.slice(-16)}`).toString(), hex: hex.length === 32 ? hex : '' }
}
