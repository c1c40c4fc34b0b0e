// An envelope: header JSON, a line feed, and for each item its header JSON, a line feed, its payload and a line feed. Where an item's header tells
// no length, the payload ends at the next line feed. https://develop.sentry.dev/sdk/foundations/transport/envelopes/
import { RefusedError } from '../errors.ts'

export type JsonObject = { readonly [key: string]: unknown }

export interface EnvelopeItem {
  /** As it came, or is to be written: `length` is added when it is written. */
  readonly header: JsonObject & { readonly type: string }
  readonly payload: Uint8Array
}

export interface Envelope {
  readonly header: JsonObject
  readonly items: readonly EnvelopeItem[]
}

/** What a reader takes at most. */
export interface EnvelopeLimits {
  readonly itemsMax: number
  readonly headerBytesMax: number
}

const LINE_FEED = 10
const END_OF_LINE = Buffer.from('\n')

export function writeEnvelope({ header, items }: Envelope): Buffer {
  const parts: Uint8Array[] = [Buffer.from(JSON.stringify(header)), END_OF_LINE]
  for (const item of items) {
    const text = JSON.stringify({ ...item.header, length: item.payload.length })
    parts.push(Buffer.from(text), END_OF_LINE, item.payload, END_OF_LINE)
  }
  return Buffer.concat(parts)
}

/** Reads an envelope from the outside; payloads are views of `bytes`. Throws RefusedError `invalid` or `too-large` that names the place. */
export function readEnvelope(bytes: Buffer, limits: EnvelopeLimits): Envelope {
  let at = 0
  const line = (place: string): JsonObject => {
    const end = lineEnd(bytes, at)
    if (end - at > limits.headerBytesMax) throw new RefusedError('too-large', `${place}: more than ${limits.headerBytesMax} bytes`)
    const header = objectOf(bytes.toString('utf8', at, end))
    if (header === null) throw new RefusedError('invalid', `${place}: expected a JSON object in one line`)
    at = end + 1
    return header
  }
  const header = line('envelope header')
  const items: EnvelopeItem[] = []
  while (at < bytes.length) {
    // Line feeds at the end, and between items, are allowed.
    if (bytes[at] === LINE_FEED) {
      at++
      continue
    }
    const place = `item ${items.length}`
    if (items.length === limits.itemsMax) throw new RefusedError('too-large', `the envelope has more than ${limits.itemsMax} items`)
    const itemHeader = line(`${place}: header`)
    const { type, length } = itemHeader
    if (typeof type !== 'string' || type === '') throw new RefusedError('invalid', `${place}: the header has no type`)
    const end = length === undefined || length === null ? lineEnd(bytes, at) : endOf(place, bytes, at, length)
    items.push({ header: { ...itemHeader, type }, payload: bytes.subarray(Math.min(at, end), end) })
    at = end + 1
  }
  return { header, items }
}

// The end of a payload of a told length, which a line feed or the end must follow.
function endOf(place: string, bytes: Buffer, at: number, length: unknown): number {
  if (typeof length !== 'number' || !Number.isSafeInteger(length) || length < 0)
    throw new RefusedError('invalid', `${place}: the length is not a whole number`)
  const end = at + length
  if (end > bytes.length)
    throw new RefusedError('invalid', `${place}: ${Math.max(0, bytes.length - at)} bytes are left, expected ${length}`)
  if (end < bytes.length && bytes[end] !== LINE_FEED) throw new RefusedError('invalid', `${place}: no line feed after ${length} bytes`)
  return end
}

function lineEnd(bytes: Buffer, from: number): number {
  const end = bytes.indexOf(LINE_FEED, from)
  return end < 0 ? bytes.length : end
}

/** The object that a JSON text is, or null when it is anything else. */
export function objectOf(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : null
  } catch {
    return null
  }
}
