import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { calendarSpans, hoursOf, spansUntil } from '../../../src/commands/report/span.ts'
import type { Period } from '../../../src/monitoring/reports/report.ts'

const at = (ms: number): string => new Date(ms).toISOString().slice(0, 16)

test('a period is the last whole one of the calendar, in UTC', () => {
  const f = (period: Period, now: string, before: string, from: string, to: string): void => {
    const { span, before: earlier } = calendarSpans(period, Date.parse(now))
    const all = [earlier.fromMs, earlier.toMs, span.fromMs, span.toMs].map((ms) => at(ms).slice(0, 10))
    deepStrictEqual(all, [before, from, from, to], `${period} at ${now}`)
  }
  f('day', '2026-11-23T06:15:00Z', '2026-11-21', '2026-11-22', '2026-11-23')
  f('day', '2026-11-23T00:00:00Z', '2026-11-21', '2026-11-22', '2026-11-23')
  f('day', '2026-11-22T23:59:59.999Z', '2026-11-20', '2026-11-21', '2026-11-22')
  f('week', '2026-11-23T06:30:00Z', '2026-11-09', '2026-11-16', '2026-11-23')
  f('week', '2026-11-29T23:59:00Z', '2026-11-09', '2026-11-16', '2026-11-23')
  f('week', '2026-11-30T00:00:00Z', '2026-11-16', '2026-11-23', '2026-11-30')
  f('month', '2026-12-01T06:45:00Z', '2026-10-01', '2026-11-01', '2026-12-01')
  f('month', '2026-03-31T12:00:00Z', '2026-01-01', '2026-02-01', '2026-03-01')
  f('month', '2028-03-01T00:00:00Z', '2028-01-01', '2028-02-01', '2028-03-01')
  f('month', '2027-01-15T00:00:00Z', '2026-11-01', '2026-12-01', '2027-01-01')
})

test('a period can end at any moment; a month then has 30 days', () => {
  const f = (period: Period, days: number): void => {
    const { span, before } = spansUntil(period, Date.parse('2026-11-23T06:15:00Z'))
    deepStrictEqual([hoursOf(span), hoursOf(before), at(span.toMs), before.toMs], [24 * days, 24 * days, '2026-11-23T06:15', span.fromMs])
  }
  f('day', 1)
  f('week', 7)
  f('month', 30)
})
