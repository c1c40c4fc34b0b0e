/** Least severities as they are configured, and the number from which on a record has one: https://opentelemetry.io/docs/specs/otel/logs/data-model/ */
export const LEVELS = { none: 0, trace: 1, debug: 5, info: 9, warn: 13, error: 17, fatal: 21 } as const
export type Level = keyof typeof LEVELS
export const LEVEL_NAMES = Object.keys(LEVELS) as [Level, ...Level[]]

export const SEVERITY_WARN = 13
export const SEVERITY_ERROR = 17

/** What the ranges of severity are called, by `rangeOf`. */
export const RANGES = ['unspecified', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

export function rangeOf(severityNumber: number): number {
  return severityNumber < 1 || severityNumber > 24 ? 0 : 1 + ((severityNumber - 1) >> 2)
}
