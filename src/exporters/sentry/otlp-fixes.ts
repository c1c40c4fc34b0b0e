// What is made of OTLP requests before Sentry's own intake for OTLP gets them, so that it loses less: https://docs.sentry.io/concepts/otlp/
import { decode } from '../../otlp/decode.ts'
import { encode } from '../../otlp/encode.ts'
import type { AnyValue, KeyValue, LogRecord, Resource, Span } from '../../otlp/objects.ts'
import { isId } from './ids.ts'
import type { Trimmed } from './limits.ts'
import { traceIdOf } from './log-items.ts'
import { serviceOf } from './source.ts'
import { eventsText } from './span-events.ts'
import { attributesOf, textOf } from './values.ts'

/** Span events have no place there, so they become an attribute; maps as attributes are dropped there, so they become JSON. */
export function fixedTraces(bytes: Uint8Array, trimmed: Trimmed): Uint8Array {
  const { resourceSpans = [] } = decode('ExportTraceServiceRequest', bytes)
  for (const { resource, scopeSpans = [] } of resourceSpans) {
    flattenResource(resource)
    for (const { spans = [] } of scopeSpans) for (const span of spans) fixSpan(span, trimmed)
  }
  return encode('ExportTraceServiceRequest', { resourceSpans })
}

function fixSpan(span: Span, trimmed: Trimmed): void {
  flatten(span.attributes)
  if (span.events === undefined || span.events.length === 0) return
  add(span, 'span.events', eventsText(span.events, trimmed))
  delete span.events
}

/**
 * A body that is no text arrives there empty, a record without a time in 1970, and one without a trace id in a random trace; the name of an event is
 * dropped. So the body becomes text, and the others are filled in.
 */
export function fixedLogs(bytes: Uint8Array, receivedAtMs: number): Uint8Array {
  const { resourceLogs = [] } = decode('ExportLogsServiceRequest', bytes)
  for (const { resource, scopeLogs = [] } of resourceLogs) {
    const service = serviceOf(attributesOf(resource?.attributes)) ?? ''
    flattenResource(resource)
    for (const { logRecords = [] } of scopeLogs) for (const record of logRecords) fixRecord(record, service, receivedAtMs)
  }
  return encode('ExportLogsServiceRequest', { resourceLogs })
}

function fixRecord(record: LogRecord, service: string, receivedAtMs: number): void {
  if (!isId(record.traceId)) record.traceId = traceIdOf(record, service)
  if (!record.timeUnixNano) record.timeUnixNano = record.observedTimeUnixNano || BigInt(Math.floor(receivedAtMs)) * 1_000_000n
  record.body = { stringValue: textOf(record.body) || record.eventName || '' }
  if (record.eventName) add(record, 'event.name', record.eventName)
  flatten(record.attributes)
}

function add(record: { attributes?: KeyValue[] }, key: string, text: string): void {
  record.attributes ??= []
  if (!record.attributes.some((each) => each.key === key)) record.attributes.push({ key, value: { stringValue: text } })
}

function flattenResource(resource: Resource | undefined): void {
  flatten(resource?.attributes)
}

function flatten(attributes: KeyValue[] | undefined): void {
  for (const attribute of attributes ?? []) if (attribute.value?.kvlistValue !== undefined) attribute.value = textValue(attribute.value)
}

function textValue(value: AnyValue): AnyValue {
  return { stringValue: textOf(value) ?? '' }
}
