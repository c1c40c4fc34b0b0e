import type { Unit } from '../../monitoring/reports/report.ts'
import type { Cell, Report, Row, Table } from './compose.ts'

/** What stands for a number that there is not. */
export const NO_DATA = 'no data'

const round = (value: number, digits: number): string => value.toLocaleString('en-US', { maximumFractionDigits: digits })
const exactly = (value: number, digits: number): string =>
  value.toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
/** Three digits that say something. */
const about = (value: number): string => (value >= 100 ? round(value, 0) : value.toLocaleString('en-US', { maximumSignificantDigits: 3 }))

const TEXTS: Readonly<Record<Unit, (value: number, currency: string) => string>> = {
  // Counters are extrapolated to the ends of a period, so that their growth is seldom whole.
  count: (value) => round(value, 0),
  number: about,
  share: (value) => `${exactly(value * 100, value !== 0 && Math.abs(value) < 0.01 ? 2 : 1)} %`,
  seconds: (value) => (value >= 120 ? `${about(value / 60)} min` : value >= 1 ? `${about(value)} s` : `${about(value * 1000)} ms`),
  minutes: (value) => `${round(value, 0)} min`,
  hours: (value) => `${about(value)} h`,
  kWh: (value) => `${about(value)} kWh`,
  money: (value, currency) => `${exactly(value, value !== 0 && Math.abs(value) < 1 ? 4 : 2)} ${currency}`
}

export function valueText(value: number | null, unit: Unit, currency: string): string {
  return value === null ? NO_DATA : TEXTS[unit](value, currency)
}

/** How a number compares with the one before; empty where there is nothing to compare. */
export function changeText({ value, before }: Cell, unit: Unit): string {
  if (value === null || before === null) return ''
  if (unit === 'share') return `${signed(exactly((value - before) * 100, 1))} points`
  if (before === 0) return value === 0 ? '±0 %' : 'before 0'
  const change = ((value - before) / before) * 100
  return Math.abs(change) > 999 ? `× ${round(value / before, 0)}` : `${signed(round(change, Math.abs(change) < 10 ? 1 : 0))} %`
}

const signed = (text: string): string => (/^-?[0.,]+$/.test(text) ? '±0' : text.startsWith('-') ? `−${text.slice(1)}` : `+${text}`)

/** A table as rows of texts, the first of which is its head: measures as rows where nothing is grouped, else as columns. */
export function textsOf({ by, columns, rows }: Table, currency: string): string[][] {
  if (by.length === 0) {
    const measures = columns.map(({ title, unit }, i) => {
      const cell = rows[0].cells[i]
      return [
        title,
        valueText(cell.value, unit, currency),
        cell.before === null ? '' : valueText(cell.before, unit, currency),
        changeText(cell, unit)
      ]
    })
    const all = [['', 'now', 'before', 'change'], ...measures]
    return measures.every(([, , before]) => before === '') ? all.map((row) => row.slice(0, 2)) : all
  }
  const line = ({ labels, cells }: Row): string[] => [
    ...by.map((label) => labels[label] || '(none)'),
    ...cells.map((cell, i) => {
      const change = changeText(cell, columns[i].unit)
      return `${valueText(cell.value, columns[i].unit, currency)}${change === '' ? '' : ` (${change})`}`
    })
  ]
  return [[...by, ...columns.map(({ title }) => title)], ...rows.map(line)]
}

/** What stands under the title. */
export function spanText({ span, before }: Report): string {
  return `${between(span.fromMs, span.toMs)}, compared with ${between(before.fromMs, before.toMs)}. Times are UTC.`
}

function between(fromMs: number, toMs: number): string {
  const isWhole = fromMs % 86_400_000 === 0 && toMs % 86_400_000 === 0
  if (!isWhole) return `${minuteOf(fromMs)} to ${minuteOf(toMs)}`
  const [first, last] = [dayOf(fromMs), dayOf(toMs - 1)]
  return first === last ? first : `${first} to ${last}`
}

const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10)
const minuteOf = (ms: number): string => new Date(ms).toISOString().slice(0, 16).replace('T', ' ')

export const omittedText = (omitted: number): string => `and ${omitted} more`
