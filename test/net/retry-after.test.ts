import { strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { retryAfterMs } from '../../src/net/retry-after.ts'

test('Retry-After is seconds or a date, and has an end', () => {
  const now = Date.UTC(2026, 0, 1, 12, 0, 0)
  const f = (header: string | undefined, expected: number | undefined): void => strictEqual(retryAfterMs(header, now, 60_000), expected)
  f(undefined, undefined)
  f('', undefined)
  f('0', 0)
  f(' 5 ', 5_000)
  f('60', 60_000)
  f('61', 60_000)
  f('9'.repeat(400), 60_000)
  f('-1', undefined)
  f('1.5', undefined)
  f('1e9', undefined)
  f('soon', undefined)
  f('Thu, 01 Jan 2026 12:00:10 GMT', 10_000)
  f('Thursday, 01-Jan-26 12:00:10 GMT', 10_000)
  f('Thu Jan  1 12:00:10 2026 GMT', 10_000)
  f('Thu, 01 Jan 2026 11:00:00 GMT', 0)
  f('Fri, 02 Jan 2026 12:00:00 GMT', 60_000)
  f('Nonsense, 99 Foo 2026', undefined)
})
