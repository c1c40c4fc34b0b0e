import type { EnvelopeItem, JsonObject } from '../../sentry/envelope.ts'
import { idOf, isObject } from './payload.ts'

/** A container of spans that are kept or left out together. */
export interface SpanPart extends EnvelopeItem {
  readonly payload: Buffer
  readonly traceId: string | undefined
  readonly haveFailed: boolean
  readonly count: number
}

/** Parts of one container at most; what is in more traces than that goes along in the last. */
const PARTS_MAX = 64

/**
 * Splits a container of spans by trace, and those that have failed from the others: of errors another share is kept. Mostly it is one part, with
 * the very payload that came.
 */
export function splitSpans(item: EnvelopeItem, content: JsonObject): SpanPart[] {
  const spans: readonly unknown[] = Array.isArray(content.items) ? content.items : []
  const parts = new Map<string, { traceId: string | undefined; haveFailed: boolean; spans: unknown[] }>()
  let last: unknown[] = []
  for (const span of spans) {
    const traceId = isObject(span) ? idOf(span.trace_id, 32) : undefined
    const haveFailed = isObject(span) && span.status === 'error'
    const key = `${traceId} ${haveFailed}`
    const part = parts.get(key)
    if (part !== undefined) last = part.spans
    else if (parts.size < PARTS_MAX) {
      last = []
      parts.set(key, { traceId, haveFailed, spans: last })
    }
    last.push(span)
  }
  const whole = (traceId: string | undefined, haveFailed: boolean): SpanPart[] => [
    { header: item.header, payload: Buffer.from(item.payload), traceId, haveFailed, count: spans.length }
  ]
  const [first] = parts.values()
  if (parts.size < 2) return whole(first?.traceId, first?.haveFailed ?? false)
  try {
    return Array.from(parts.values(), ({ traceId, haveFailed, spans: items }): SpanPart => {
      const payload = Buffer.from(JSON.stringify({ ...content, items }))
      return { header: { ...item.header, item_count: items.length }, payload, traceId, haveFailed, count: items.length }
    })
  } catch {
    // Nested too deep to be written anew: it stays whole, and is not sampled.
    return whole(undefined, true)
  }
}
