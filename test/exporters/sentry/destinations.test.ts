import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Destinations, fits } from '../../../src/exporters/sentry/destinations.ts'
import { parseDsn } from '../../../src/sentry/dsn.ts'

test('a pattern fits a name', () => {
  const f = (pattern: string, name: string, expected: boolean): void => strictEqual(fits(pattern, name), expected, `${pattern} ${name}`)
  f('worker', 'worker', true)
  f('worker', 'workers', false)
  f('*', '', true)
  f('worker-*', 'worker-tts', true)
  f('worker-*', 'my-worker-tts', false)
  f('*-api', 'billing-api', true)
  f('*-api', 'billing-api-2', false)
  f('a*b*c', 'a-b-b-c', true)
  f('a*b*c', 'a-c-b', false)
  f('ab*ba', 'aba', false)
  f('*a*', 'bab', true)
  f(`${'*a'.repeat(2_000)}*`, 'a'.repeat(100_000), false)
  f('worker*', `worker${'-'.repeat(100_000)}`, true)
})

test('the first rule that fits decides, else the main project', () => {
  const dsn = (project: number) => parseDsn(`https://key${project}@sentry.example/${project}`)
  const destinations = new Destinations(dsn(1), [
    { services: ['billing', 'shop-*'], projects: [], dsn: dsn(2) },
    { services: ['shop-a'], projects: ['42', 'abc'], dsn: dsn(3) }
  ])
  const f = (expected: string, ...given: (string | undefined)[]): void =>
    strictEqual(destinations.of(given[0], ...given.slice(1)).dsn.projectId, expected)
  f('1', undefined)
  f('1', 'worker')
  f('2', 'billing')
  f('2', 'shop-a')
  f('3', undefined, '42', undefined)
  f('3', 'worker', '7', 'abc')
  f('2', 'billing', '42')
  f('1', 'worker', '7', 'key')
  strictEqual(destinations.origins.length, 1)
  strictEqual(destinations.all.length, 3)
})
