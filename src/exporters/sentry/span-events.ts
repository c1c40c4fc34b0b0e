import type { SpanEvent } from '../../otlp/objects.ts'
import { cut, SPAN_EVENTS_CHARACTERS_MAX, SPAN_EVENTS_MAX, type Trimmed } from './limits.ts'
import { type JsonMap, jsonMap, jsonOf } from './values.ts'

/**
 * The events of a span as JSON text, since Sentry's spans have no field for them: [{time, name, attributes}]. Stack traces are left out; exceptions
 * are sent as errors, with theirs.
 */
export function eventsText(events: readonly SpanEvent[], trimmed: Trimmed): string {
  const texts: string[] = []
  let characters = 2
  for (const event of events) {
    const text = JSON.stringify(eventOf(event, trimmed))
    characters += text.length + 1
    if (texts.length === SPAN_EVENTS_MAX || characters > SPAN_EVENTS_CHARACTERS_MAX) {
      trimmed.add('span events', events.length - texts.length)
      break
    }
    texts.push(text)
  }
  return `[${texts.join(',')}]`
}

const TEXT_CHARACTERS_MAX = 1024

function eventOf({ timeUnixNano, name = '', attributes }: SpanEvent, trimmed: Trimmed): JsonMap {
  const event: JsonMap = { name: cut(name, TEXT_CHARACTERS_MAX) }
  if (timeUnixNano !== undefined) event.time = Math.round(Number(timeUnixNano) / 1000) / 1e6
  if (attributes === undefined) return event
  const held = jsonMap()
  for (const { key = '', value } of attributes) {
    if (value === undefined || key === 'exception.stacktrace') continue
    const json = jsonOf(value) ?? null
    held[key] = typeof json === 'string' && json.length > TEXT_CHARACTERS_MAX ? cut(json, TEXT_CHARACTERS_MAX) : json
    if (held[key] !== json) trimmed.add('span events')
  }
  event.attributes = held
  return event
}
