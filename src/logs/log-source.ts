import type { LogValue } from './log-entry.ts'

/** How the lines of a source are read. `auto` decides line by line. */
export const LOG_FORMATS = ['auto', 'json', 'logfmt', 'text'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** Where log lines come from. One object for as long as the source lives: lines are joined by it, and what it says is written once per batch. */
export interface LogSource {
  /** Attributes of the resource: what is known of the writer beside what its lines say. */
  readonly resource: Readonly<Record<string, LogValue>>
  /** Attributes of every record: log.file.path, log.iostream, … */
  readonly attributes: Readonly<Record<string, LogValue>>
  /** Name of the instrumentation scope: how it came in, as `sluice.logs.tcp`. */
  readonly scope: string
  readonly format: LogFormat
  /** The IP address that it comes from, where it comes over a network: the pod may be known by it. */
  readonly sender?: string | undefined
}
