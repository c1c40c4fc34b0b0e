import { LogEntry, type LogValue } from '../../src/logs/log-entry.ts'
import type { LogFormat } from '../../src/logs/log-source.ts'
import { understandLine, understandObject } from '../../src/logs/understand.ts'

/** When the lines of these tests arrive. */
export const NOW_MS = Date.parse('2026-11-23T17:00:00Z')

/** What an entry says, without what it does not. */
export interface Said {
  time?: string
  severity?: number
  level?: string
  body?: LogValue
  service?: string
  trace?: string
  attributes?: Record<string, LogValue>
  dropped?: number
}

export function understood(line: string, format: LogFormat = 'auto', entry = new LogEntry()): Said {
  if (entry.observedMs === 0) entry.reset(NOW_MS)
  understandLine(line, format, entry)
  return saidBy(entry)
}

export function understoodObject(value: { readonly [key: string]: LogValue }): Said {
  const entry = new LogEntry()
  entry.reset(NOW_MS)
  understandObject(value, entry)
  return saidBy(entry)
}

export function saidBy(entry: LogEntry): Said {
  const said: Said = { body: entry.body }
  if (entry.timeMs !== 0) {
    const nanos = `${entry.timeNanos}`.padStart(6, '0').replace(/0+$/, '')
    said.time = new Date(entry.timeMs).toISOString().replace('Z', `${nanos}Z`)
  }
  if (entry.severityNumber !== 0) said.severity = entry.severityNumber
  if (entry.severityText !== '') said.level = entry.severityText
  if (entry.serviceName !== '') said.service = entry.serviceName
  if (entry.traceId !== '') said.trace = `${entry.traceId}-${entry.spanId}-${entry.traceFlags}`
  if (entry.keys.length > 0) said.attributes = Object.fromEntries(entry.keys.map((key, i) => [key, entry.values[i]]))
  if (entry.droppedAttributes > 0) said.dropped = entry.droppedAttributes
  return said
}
