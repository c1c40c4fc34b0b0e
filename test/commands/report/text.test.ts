import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { changeText, valueText } from '../../../src/commands/report/text.ts'
import type { Unit } from '../../../src/monitoring/reports/report.ts'

test('numbers are told in their unit, and what there is not is not 0', () => {
  const f = (value: number | null, unit: Unit, expected: string): void => strictEqual(valueText(value, unit, 'EUR'), expected)
  f(null, 'count', 'no data')
  f(null, 'money', 'no data')
  f(0, 'count', '0')
  f(1234.4, 'count', '1,234')
  f(0.0512, 'share', '5.1 %')
  f(0, 'share', '0.0 %')
  f(0.0004, 'share', '0.04 %')
  f(0.0123, 'seconds', '12.3 ms')
  f(1.2345, 'seconds', '1.23 s')
  f(119, 'seconds', '119 s')
  f(240, 'seconds', '4 min')
  f(1234.5, 'minutes', '1,235 min')
  f(1.256, 'hours', '1.26 h')
  f(12_345.6, 'kWh', '12,346 kWh')
  f(1234.5, 'money', '1,234.50 EUR')
  f(0.00346, 'money', '0.0035 EUR')
  f(0, 'money', '0.00 EUR')
})

test('a change is told where there is something to compare', () => {
  const f = (value: number | null, before: number | null, unit: Unit, expected: string): void =>
    strictEqual(changeText({ value, before }, unit), expected)
  f(1, null, 'count', '')
  f(null, 1, 'count', '')
  f(112, 100, 'count', '+12 %')
  f(97.5, 100, 'money', '−2.5 %')
  f(100, 100, 'count', '±0 %')
  f(100.01, 100, 'count', '±0 %')
  f(0, 0, 'count', '±0 %')
  f(5, 0, 'count', 'before 0')
  f(5000, 100, 'count', '× 50')
  f(0.05, 0.02, 'share', '+3.0 points')
  f(0.02, 0.05, 'share', '−3.0 points')
})
