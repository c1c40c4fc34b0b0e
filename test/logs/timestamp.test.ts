import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { dayMs, fromLocal, isDay } from '../../src/logs/calendar.ts'
import type { LogValue } from '../../src/logs/log-entry.ts'
import { TimeReader } from '../../src/logs/timestamp.ts'
import { NOW_MS } from './entry.ts'

process.env.TZ = 'Europe/Berlin'

const reader = new TimeReader()
const shown = (): string => new Date(reader.ms).toISOString().replace('Z', `${`${reader.nanos}`.padStart(6, '0').replace(/0+$/, '')}Z`)

const f = (value: LogValue, expected: string | null, nowMs = NOW_MS, line = ''): void =>
  deepStrictEqual(reader.value(value, nowMs, line) ? shown() : null, expected, JSON.stringify(`${value}`))

test('RFC 3339, and what is near it', () => {
  f('2026-11-23T16:38:48Z', '2026-11-23T16:38:48.000Z')
  f('2026-11-23T16:38:48.1Z', '2026-11-23T16:38:48.100Z')
  f('2026-11-23T16:38:48.123456789Z', '2026-11-23T16:38:48.123456789Z')
  f('2026-11-23T16:38:48.12345678999Z', '2026-11-23T16:38:48.123456789Z')
  f('2026-11-23t16:38:48z', '2026-11-23T16:38:48.000Z')
  f('2026-11-23T16:38:48+01:00', '2026-11-23T15:38:48.000Z')
  f('2026-11-23T16:38:48.5-0330', '2026-11-23T20:08:48.500Z', NOW_MS + 86_400_000)
  f('2026-11-23T16:38:48+01', '2026-11-23T15:38:48.000Z')
  f('2026-11-23 16:38:48 UTC', '2026-11-23T16:38:48.000Z')
  f('2026-11-23 16:38:48.123 +0000 UTC', '2026-11-23T16:38:48.123Z')
  f('2026-11-23 16:38:48.123 +0000 UTC m=+0.01', '2026-11-23T16:38:48.123Z')
  f('2026-11-23T17:38:48+01:00[Europe/Berlin]', '2026-11-23T16:38:48.000Z')
  f('2026/11/23 16:38:48Z', '2026-11-23T16:38:48.000Z')
  f('20261123T163848Z', '2026-11-23T16:38:48.000Z')
  f('2026-11-23T16:38:60Z', '2026-11-23T16:39:00.000Z')
})

test('without a zone it is the zone here', () => {
  f('2026-11-23 17:38:48,123', '2026-11-23T16:38:48.123Z')
  f('2026-11-23T17:38:48.123456', '2026-11-23T16:38:48.123456Z')
  f('2026-07-23 17:38:48', '2026-07-23T15:38:48.000Z')
  deepStrictEqual(fromLocal(Date.UTC(2026, 9, 25, 12)), Date.UTC(2026, 9, 25, 11))
  deepStrictEqual(fromLocal(Date.UTC(2026, 9, 25, 1)), Date.UTC(2026, 9, 24, 23))
})

test('names of months and days', () => {
  f('23/Nov/2026:17:38:48 +0100', '2026-11-23T16:38:48.000Z')
  f('Mon, 23 Nov 2026 16:38:48 GMT', '2026-11-23T16:38:48.000Z')
  f('Mon Nov 23 17:38:48 2026', '2026-11-23T16:38:48.000Z')
  f('Mon Nov 23 17:38:48.123456 2026', '2026-11-23T16:38:48.123456Z')
  f('23-Nov-2026 16:38:48 UTC', '2026-11-23T16:38:48.000Z')
  f('23 Nov 2026 17:38:48.123', '2026-11-23T16:38:48.123Z')
  f('Nov 23, 2026 5:38:48 PM', '2026-11-23T16:38:48.000Z')
  f('Nov 23, 2026 12:38:48 AM', '2026-11-22T23:38:48.000Z')
})

test('without a year it is the nearest', () => {
  f('Nov 23 17:38:48', '2026-11-23T16:38:48.000Z')
  f('Nov  3 17:38:48', '2026-11-03T16:38:48.000Z')
  f('11-23 17:38:48', '2026-11-23T16:38:48.000Z')
  f('Dec 31 23:59:59', '2026-12-31T22:59:59.000Z', Date.parse('2027-01-01T00:00:00Z'))
  f('Jan  1 00:00:01', '2026-12-31T23:00:01.000Z', Date.parse('2026-12-31T23:00:00Z'))
  f('Feb 29 12:00:00', '2028-02-29T11:00:00.000Z', Date.parse('2028-06-01T00:00:00Z'))
  deepStrictEqual(reader.withoutYear(8, 14, '12:00:00.000001', NOW_MS) && shown(), '2026-08-14T10:00:00.000001Z')
  deepStrictEqual(reader.withoutYear(2, 30, '12:00:00', NOW_MS), false)
})

test('numbers are read by their size', () => {
  f(1795451928, '2026-11-23T16:38:48.000Z')
  f(1795451928123, '2026-11-23T16:38:48.123Z')
  f(1795451928123456, '2026-11-23T16:38:48.123456Z')
  f(1795451928123456789n, '2026-11-23T16:38:48.123456789Z')
  f('1795451928', '2026-11-23T16:38:48.000Z')
  f('1795451928123456789', '2026-11-23T16:38:48.123456789Z')
  f('1795451928.123456789', '2026-11-23T16:38:48.123456789Z')
  f(1795451928.5, '2026-11-23T16:38:48.500Z')
  f(Number('1795451928.123456789'), '2026-11-23T16:38:48.123456789Z', NOW_MS, '{"ts":1795451928.123456789}')
  f(Number('1795451928123.4567'), '2026-11-23T16:38:48.1234567Z', NOW_MS, '{"ts":1795451928123.4567}')
  f({ seconds: 1795451928, nanos: 7 }, '2026-11-23T16:38:48.000000007Z')
  f({ epochSecond: 1795451928, nanoOfSecond: 123456789 }, '2026-11-23T16:38:48.123456789Z')
})

test('what is no time', () => {
  const values = [
    '',
    'now',
    '12:30:45',
    '2026-11-23',
    '2026-02-30T00:00:00Z',
    '2026-11-23T24:00:00Z',
    '2026-11-23T16:38',
    '1989-01-01T00:00:00Z'
  ]
  for (const value of [...values, '2026-11-23T16:38:48Zx', '2026-11-23T16:3x:48Z', 'Nox 23 17:38:48', 'Nov 31 17:38:48', '1'.repeat(30)])
    f(value, null)
  for (const value of [0, -1, 12.5, 1e8, 1e30, Number.NaN, Number.POSITIVE_INFINITY, true, null, [], {}, { seconds: 'x' }, -5n, 10n ** 30n])
    f(value, null)
  f('2026-11-23T18:00:00Z', '2026-11-23T18:00:00.000Z')
  f('2026-11-23T18:00:01Z', null)
})

test('a time ends where it ends', () => {
  const at = (text: string, start: number, end: number | null): void =>
    deepStrictEqual(reader.at(text, start, NOW_MS) ? reader.end : null, end, text)
  at('[2026-11-23T16:38:48Z INFO]', 1, 21)
  at('2026-11-23 16:38:48 -0100x', 0, 25)
  at('2026-11-23 16:38:48 -9900', 0, 19)
  at('2026-11-23 16:38:48 - name', 0, 19)
  at('2026-11-23 16:38:48.123,x', 0, 23)
  at('16:38:48.123 [main]', 0, 12)
})

test('days are counted as Date counts them', () => {
  for (let year = 1996; year < 2105; year++)
    for (const [month, day] of [
      [1, 1],
      [2, 28],
      [3, 1],
      [12, 31]
    ])
      deepStrictEqual(dayMs(year, month, day), Date.UTC(year, month - 1, day))
  deepStrictEqual(
    [isDay(2100, 2, 29), isDay(2000, 2, 29), isDay(2024, 2, 29), isDay(2023, 2, 29), isDay(2023, 13, 1), isDay(2023, 4, 31)],
    [false, true, true, false, false, false]
  )
})
