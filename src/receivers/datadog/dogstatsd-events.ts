import type { LogEntry } from '../../logs/log-entry.ts'
import { numberIn } from './dogstatsd-numbers.ts'
import { readTagged, type Tagged } from './dogstatsd-tags.ts'

// OpenTelemetry's numbers: https://opentelemetry.io/docs/specs/otel/logs/data-model/#field-severitynumber
const INFO = 9
const WARN = 13
const ERROR = 17

const ALERTS: Readonly<Record<string, number>> = { error: ERROR, warning: WARN, info: INFO, success: INFO }
const STATUSES: readonly (readonly [string, number])[] = [
  ['OK', INFO],
  ['WARNING', WARN],
  ['CRITICAL', ERROR],
  ['UNKNOWN', WARN]
]
/** `_e{<bytes of title>,<bytes of text>}:` */
const EVENT = /^_e\{(\d{1,5}),(\d{1,5})\}:/
const MS_MAX = 8.64e15

/** Reads an event into an entry that has been reset, and says whose it is; undefined where the line is none. */
export function readEvent(line: string, entry: LogEntry): Tagged | undefined {
  const head = EVENT.exec(line)
  if (head === null) return undefined
  const [whole, titleLength, textLength] = head
  const parts = partsOf(line.slice(whole.length), Number(titleLength), Number(textLength))
  if (parts === undefined || parts.title === '') return undefined
  const { title, text, fields } = parts
  const alert = fieldOf(fields, 't:') || 'info'
  entry.eventName = 'datadog.event'
  entry.body = unescaped(text === '' ? title : text)
  entry.severityText = alert
  entry.severityNumber = Object.hasOwn(ALERTS, alert) ? ALERTS[alert] : INFO
  const tagged = common(fields, entry)
  entry.add('datadog.event.title', unescaped(title))
  addIfSaid(entry, 'datadog.event.priority', fieldOf(fields, 'p:'))
  addIfSaid(entry, 'datadog.event.aggregation_key', fieldOf(fields, 'k:'))
  addIfSaid(entry, 'datadog.event.source_type_name', fieldOf(fields, 's:'))
  return tagged
}

/** The same of a service check. */
export function readServiceCheck(line: string, entry: LogEntry): Tagged | undefined {
  const [, name = '', status = '', ...fields] = line.split('|')
  const known = /^[0-3]$/.test(status) ? STATUSES[Number(status)] : undefined
  if (name === '' || known === undefined) return undefined
  const [word, severity] = known
  const message = unescaped(fieldOf(fields, 'm:')).replaceAll('m\\:', 'm:')
  entry.eventName = 'datadog.service_check'
  entry.body = message === '' ? `${name} is ${word}` : message
  entry.severityText = word
  entry.severityNumber = severity
  const tagged = common(fields, entry)
  entry.add('datadog.service_check.name', name)
  entry.add('datadog.service_check.status', Number(status))
  return tagged
}

// Lengths count bytes; some clients count characters.
function partsOf(rest: string, titleLength: number, textLength: number): { title: string; text: string; fields: string[] } | undefined {
  const bytes = Buffer.from(rest)
  const isInBytes = isBorder(bytes[titleLength]) && isBorder(bytes[titleLength + 1 + textLength] ?? BAR)
  const middle = titleLength + 1 + textLength
  if (isInBytes && bytes.length >= middle) {
    const title = bytes.toString('utf8', 0, titleLength)
    return { title, text: bytes.toString('utf8', titleLength + 1, middle), fields: bytes.toString('utf8', middle + 1).split('|') }
  }
  if (rest.length < middle || rest[titleLength] !== '|' || (rest[middle] ?? '|') !== '|') return undefined
  return { title: rest.slice(0, titleLength), text: rest.slice(titleLength + 1, middle), fields: rest.slice(middle + 1).split('|') }
}

const BAR = 124
const isBorder = (byte: number | undefined): boolean => byte === BAR

function common(fields: readonly string[], entry: LogEntry): Tagged {
  const time = fieldOf(fields, 'd:')
  const ms = numberIn(time, 0, time.length) * 1000
  if (ms > 0 && ms < MS_MAX) entry.timeMs = Math.floor(ms)
  const tagged = readTagged(fields, fieldOf(fields, 'h:'))
  for (const [key, value] of Object.entries(tagged.attributes)) entry.add(key, value)
  return tagged
}

function fieldOf(fields: readonly string[], mark: string): string {
  return fields.find((field) => field.startsWith(mark))?.slice(mark.length) ?? ''
}

function unescaped(text: string): string {
  return text.replaceAll('\\n', '\n')
}

function addIfSaid(entry: LogEntry, key: string, value: string): void {
  if (value !== '') entry.add(key, value)
}
