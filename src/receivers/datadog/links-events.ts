import type { AnyValue, Draft, KeyValue, SpanEvent, SpanLink } from '../../otlp/objects.ts'

/** Links, and events, of one span that are taken; the others are counted in the span. */
export const LISTED_MAX = 128
const MEMBERS_MAX = 128
const DEPTH_MAX = 8
const NS_MAX = 2n ** 64n

type Fields = { readonly [key: string]: unknown }

// JSON, in tags, has ids as hexadecimal digits; msgpack has numbers of 64 bits:
// link { trace_id, trace_id_high, span_id, attributes { text: text }, tracestate, flags }
/** The links of a span, in either form; what is no link is left out. */
export function linksOf(value: unknown): Draft<SpanLink>[] {
  return listOf(value).flatMap((link) => {
    const traceId = typeof link.trace_id === 'string' ? hex(link.trace_id, 32) : hex(digits(link.trace_id_high) + digits(link.trace_id), 32)
    const spanId = typeof link.span_id === 'string' ? hex(link.span_id, 16) : hex(digits(link.span_id), 16)
    if (traceId === '' || spanId === '') return []
    const flags = Number(link.flags ?? 0) & 0xff
    const traceState = typeof link.tracestate === 'string' ? link.tracestate : ''
    return [{ traceId, spanId, traceState, attributes: attributesOf(link.attributes), flags }]
  })
}

// event { name, time_unix_nano, attributes { text: any } }; in msgpack a value is { type: 0 | 1 | 2 | 3 | 4, string_value | bool_value | int_value |
// double_value | array_value { values [value] } }
/** The events of a span, in either form; what is no event is left out. */
export function eventsOf(value: unknown): Draft<SpanEvent>[] {
  return listOf(value).flatMap((event) =>
    typeof event.name === 'string'
      ? [{ name: event.name, timeUnixNano: nanosOf(event.time_unix_nano), attributes: attributesOf(event.attributes) }]
      : []
  )
}

/** The list that a tag holds as JSON; undefined where it holds something else. */
export function parseList(text: string): unknown[] | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

function listOf(value: unknown): Fields[] {
  return Array.isArray(value) ? value.slice(0, LISTED_MAX).filter(isFields) : []
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}

function digits(value: unknown): string {
  const number = typeof value === 'bigint' ? value : typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : 0n
  return BigInt.asUintN(64, number).toString(16).padStart(16, '0')
}

// The digits, or nothing where they are no id.
function hex(text: string, length: number): string {
  const id = text.toLowerCase().padStart(length, '0')
  return id.length === length && /^[0-9a-f]+$/.test(id) && /[^0]/.test(id) ? id : ''
}

function nanosOf(value: unknown): bigint {
  const nanos = typeof value === 'bigint' ? value : typeof value === 'number' && Number.isFinite(value) ? BigInt(Math.round(value)) : 0n
  return nanos > 0n && nanos < NS_MAX ? nanos : 0n
}

function attributesOf(value: unknown): Draft<KeyValue>[] {
  if (!isFields(value)) return []
  return Object.entries(value)
    .slice(0, MEMBERS_MAX)
    .map(([key, member]) => ({ key, value: anyOf(member, 0) }))
}

function anyOf(value: unknown, depth: number): Draft<AnyValue> {
  switch (typeof value) {
    case 'string':
      return { stringValue: value }
    case 'boolean':
      return { boolValue: value }
    case 'number':
      return Number.isSafeInteger(value) ? { intValue: value } : { doubleValue: value }
    case 'bigint':
      return value >= -(2n ** 63n) && value < 2n ** 63n ? { intValue: value } : { stringValue: value.toString() }
  }
  if (depth >= DEPTH_MAX || value === null || typeof value !== 'object' || value instanceof Uint8Array) return {}
  if (Array.isArray(value)) return { arrayValue: { values: value.slice(0, MEMBERS_MAX).map((member) => anyOf(member, depth + 1)) } }
  const fields = value as Fields
  if (typeof fields.type === 'number') {
    const typed = typedOf(fields, depth)
    if (typed !== undefined) return typed
  }
  const members = Object.entries(fields).slice(0, MEMBERS_MAX)
  return { kvlistValue: { values: members.map(([key, member]) => ({ key, value: anyOf(member, depth + 1) })) } }
}

const TYPED = ['string_value', 'bool_value', 'int_value', 'double_value', 'array_value']

function typedOf(fields: Fields, depth: number): Draft<AnyValue> | undefined {
  const name = TYPED[fields.type as number]
  if (name === undefined || !Object.hasOwn(fields, name)) return undefined
  const value = fields[name]
  if (name === 'double_value' && typeof value === 'number') return { doubleValue: value }
  return anyOf(name === 'array_value' && isFields(value) ? value.values : value, depth + 1)
}
