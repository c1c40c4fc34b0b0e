// Log records as items of containers: {timestamp, level, body, trace_id, span_id?, severity_number?, attributes}.
// https://develop.sentry.dev/sdk/telemetry/logs/
import type { LogRecord, ResourceLogs } from '../../otlp/objects.ts'
import { AttributeWriter, type Inherited, Keys, textAttribute } from './attributes.ts'
import { type Build, type Built, type Container, Containers, type Payloads } from './context.ts'
import { derivedId, isId } from './ids.ts'
import { CONTAINER_BYTES_MAX, cut, LOG_BODY_CHARACTERS_MAX, LOGS_MAX } from './limits.ts'
import { sourceOf } from './source.ts'
import { inheritedOf } from './spans.ts'
import { secondsOf, secondsText } from './time.ts'
import { textOf } from './values.ts'

/** All log records as containers, whatever their traces. */
export function logItems(entries: readonly ResourceLogs[], build: Build): Payloads {
  const keys = new Keys()
  const writer = new LogWriter(keys, build)
  const containers = new Containers('log', LOGS_MAX, CONTAINER_BYTES_MAX)
  const built: Built[] = []
  const push = (container: Container | null): void => {
    if (container !== null) built.push({ trace: undefined, eventId: undefined, items: [container.item], records: container.records })
  }
  for (const { resource, scopeLogs = [] } of entries) {
    const source = sourceOf(resource, build.settings)
    for (const { scope, logRecords = [] } of scopeLogs) {
      const inherited = inheritedOf(source, scope, resource?.attributes, keys, build)
      for (const record of logRecords) push(containers.add(writer.write(record, inherited, source.service ?? ''), record))
    }
  }
  push(containers.close())
  return { built, rejected: new Map() }
}

class LogWriter {
  private readonly build: Build
  private readonly attributes: AttributeWriter

  constructor(keys: Keys, build: Build) {
    this.build = build
    this.attributes = new AttributeWriter(keys, build.trimmed)
  }

  write(record: LogRecord, inherited: Inherited, service: string): string {
    const { build } = this
    const time = secondsOf(record.timeUnixNano, record.observedTimeUnixNano, build.receivedAtMs)
    const traceId = isId(record.traceId) ? record.traceId : traceIdOf(record, service)
    const span = isId(record.spanId) ? `"span_id":"${record.spanId}",` : ''
    const number = severityNumberOf(record)
    const severity = number === 0 ? '' : `"severity_number":${number},`
    const body = this.bodyOf(record)
    return (
      `{"timestamp":${secondsText(time)},"trace_id":"${traceId}",${span}"level":"${LEVELS[number === 0 ? INFO : (number - 1) >> 2]}",${severity}` +
      `"body":${JSON.stringify(body)},"attributes":${this.attributesText(record, inherited)}}`
    )
  }

  private attributesText(record: LogRecord, inherited: Inherited): string {
    const { attributes } = this
    attributes.begin(inherited)
    attributes.putAll(record.attributes)
    attributes.put('sentry.origin', ORIGIN)
    attributes.putText('event.name', record.eventName)
    attributes.putText('log.severity_text', record.severityText)
    if (isId(record.spanId)) attributes.put('sentry.trace.parent_span_id', textAttribute(record.spanId))
    return attributes.end()
  }

  private bodyOf(record: LogRecord): string {
    const text = textOf(record.body) || record.eventName || ''
    if (text.length <= LOG_BODY_CHARACTERS_MAX) return text
    this.build.trimmed.add('log bodies')
    return cut(text, LOG_BODY_CHARACTERS_MAX)
  }
}

const ORIGIN = textAttribute('auto.log.otlp')
const INFO = 2
const LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

/** From 1 to 24, or 0 where neither number nor text tells. */
export function severityNumberOf({ severityNumber = 0, severityText }: LogRecord): number {
  if (severityNumber >= 1 && severityNumber <= 24) return severityNumber
  const word = severityText === undefined || severityText.length > 16 ? '' : severityText.toLowerCase()
  return Object.hasOwn(SEVERITIES, word) ? SEVERITIES[word] : 0
}

const SEVERITIES: Readonly<Record<string, number>> = {
  trace: 1,
  debug: 5,
  info: 9,
  information: 9,
  notice: 10,
  warn: 13,
  warning: 13,
  error: 17,
  err: 17,
  critical: 18,
  fatal: 21,
  emergency: 21
}

/**
 * The trace id of a record that has none, which Sentry does not take: records of one request share one by its correlation id; any other gets one of
 * its own.
 */
export function traceIdOf(record: LogRecord, service: string): string {
  for (const { key, value } of record.attributes ?? [])
    if (key === 'correlation.id' && value?.stringValue) return derivedId('correlation', value.stringValue)
  const { timeUnixNano, observedTimeUnixNano, severityNumber } = record
  return derivedId(service, timeUnixNano, observedTimeUnixNano, severityNumber, textOf(record.body)?.slice(0, HASHED_CHARACTERS_MAX))
}

const HASHED_CHARACTERS_MAX = 1024
