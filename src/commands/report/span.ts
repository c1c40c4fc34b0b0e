import type { Period } from '../../monitoring/reports/report.ts'

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const EPOCH_WEEKDAY = 3 // 1 January 1970 was a Thursday, counted from Monday.
const DAYS: Readonly<Record<Period, number>> = { day: 1, week: 7, month: 30 }

/** From one moment until another, in milliseconds since 1970. */
export interface Span {
  readonly fromMs: number
  readonly toMs: number
}

export const hoursOf = ({ fromMs, toMs }: Span): number => (toMs - fromMs) / HOUR_MS

/** The last whole day, week from Monday on, or month before a moment, in UTC, and the one before that. */
export function calendarSpans(period: Period, nowMs: number): { span: Span; before: Span } {
  const endMs = startOf(period, nowMs)
  const fromMs = startOf(period, endMs - 1)
  return { span: { fromMs, toMs: endMs }, before: { fromMs: startOf(period, fromMs - 1), toMs: fromMs } }
}

/** A day, a week or 30 days that end at a moment, and as many before. */
export function spansUntil(period: Period, toMs: number): { span: Span; before: Span } {
  const lengthMs = DAYS[period] * DAY_MS
  const fromMs = toMs - lengthMs
  return { span: { fromMs, toMs }, before: { fromMs: fromMs - lengthMs, toMs: fromMs } }
}

function startOf(period: Period, ms: number): number {
  const day = Math.floor(ms / DAY_MS)
  if (period === 'day') return day * DAY_MS
  if (period === 'week') return (day - ((day + EPOCH_WEEKDAY) % 7)) * DAY_MS
  const date = new Date(ms)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth())
}
