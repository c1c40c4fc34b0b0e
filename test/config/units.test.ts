import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseAddress, parseDuration, parseRatio, parseSize } from '../../src/config/units.ts'

/** Expects `undefined` for what must be refused. */
const f = (parse: (input: string) => unknown, input: string, expected: unknown): void => {
  const value = parse(input)
  if (expected === undefined) ok(value instanceof Error, `${input}: ${JSON.stringify(value)}`)
  else deepStrictEqual(value, expected, input)
}

test('sizes are bytes', () => {
  f(parseSize, '0', 0)
  f(parseSize, '1000', 1000)
  f(parseSize, '10B', 10)
  f(parseSize, '64KiB', 65_536)
  f(parseSize, '64 kib', 65_536)
  f(parseSize, '512Mi', 2 ** 29)
  f(parseSize, '1G', 1e9)
  f(parseSize, '1.5MB', 1_500_000)
  f(parseSize, '2TiB', 2 ** 41)
  for (const wrong of ['', '-1', '1X', 'KiB', '1iB', '1e3', '1,5MB', '9999PiB', 'Infinity', '1 2']) f(parseSize, wrong, undefined)
})

test('lengths of time are milliseconds and need a unit', () => {
  f(parseDuration, '250ms', 250)
  f(parseDuration, '15s', 15_000)
  f(parseDuration, '1.5h', 5_400_000)
  f(parseDuration, '7 d', 604_800_000)
  f(parseDuration, '0s', 0)
  for (const wrong of ['', '15', '15sec', '1m30s', '-1s', 's', '1M']) f(parseDuration, wrong, undefined)
})

test('shares are from nothing to all', () => {
  f(parseRatio, '0', 0)
  f(parseRatio, '10%', 0.1)
  f(parseRatio, '0.1', 0.1)
  f(parseRatio, '12.5 %', 0.125)
  f(parseRatio, '1', 1)
  f(parseRatio, '100%', 1)
  for (const wrong of ['', '2', '101%', '-1%', '%', 'half', '.1', '1e-1']) f(parseRatio, wrong, undefined)
})

test('addresses are TCP, Unix or off', () => {
  f(parseAddress, '127.0.0.1:4318', { host: '127.0.0.1', port: 4318 })
  f(parseAddress, 'localhost:0', { host: 'localhost', port: 0 })
  f(parseAddress, ':4318', { host: '::', port: 4318 })
  f(parseAddress, '[::1]:4318', { host: '::1', port: 4318 })
  f(parseAddress, 'unix:/run/s.sock', { path: '/run/s.sock' })
  strictEqual(parseAddress('off'), null)
  for (const wrong of ['', '4318', 'host', 'host:', ':65536', '::1:4318', 'http://h:1', 'a b:1', 'unix:', `unix:/${'x'.repeat(107)}`]) {
    f(parseAddress, wrong, undefined)
  }
})
