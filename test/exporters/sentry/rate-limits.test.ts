import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { CATEGORIES, type Category, RateLimits } from '../../../src/exporters/sentry/rate-limits.ts'

const NOW_MS = 1_700_000_000_000
const answer = (status: number, limits?: string, retryAfter?: string) => ({
  status,
  headers: {
    ...(limits !== undefined && { 'x-sentry-rate-limits': limits }),
    ...(retryAfter !== undefined && { 'retry-after': retryAfter })
  },
  body: Buffer.alloc(0)
})
const all = (seconds: number): Record<string, number> =>
  Object.fromEntries(CATEGORIES.filter((category) => category !== 'internal').map((category) => [category, seconds]))

test('what an answer limits, for how many seconds', () => {
  const f = (given: ReturnType<typeof answer>, expected: Record<string, number>, sent: Category[] = ['error']): void => {
    const limits = new RateLimits()
    limits.note(given, sent, NOW_MS)
    deepStrictEqual(Object.fromEntries(limits.active(NOW_MS).map(([category, untilMs]) => [category, (untilMs - NOW_MS) / 1000])), expected)
  }
  f(answer(200), {})
  f(answer(200, '60:transaction:organization:quota_exceeded'), { transaction: 60 })
  f(answer(429, '2.5:error;default:key'), { error: 2.5, default: 2.5 })
  f(answer(429, '60:error:key, 2700:transaction;span:organization:reason:ns1;ns2:more'), { error: 60, transaction: 2700, span: 2700 })
  // No category is all of them; reports are never limited.
  f(answer(429, '10::organization'), all(10))
  f(answer(429, '10'), all(10))
  // Categories that are not known here are not taken for others, and yet what was sent has been refused.
  f(answer(200, '60:toasters:organization'), {})
  f(answer(429, '60:toasters;error:organization'), { error: 60 })
  f(answer(429, '60:toasters:organization'), { error: 60 })
  f(answer(429, '60:toasters:organization', '7'), { error: 7 })
  f(answer(429, '60:metric_bucket:organization:q:custom'), { error: 60 })
  f(answer(429), all(60))
  f(answer(429, undefined, '5'), all(5))
  f(answer(429, undefined, new Date(NOW_MS + 9_000).toUTCString()), all(9))
  f(answer(503, undefined, '5'), {})
  // What cannot be read counts a minute, and nothing counts more than a day.
  f(answer(200, 'soon:error'), { error: 60 })
  f(answer(200, '-1:error'), { error: 60 })
  f(answer(200, '999999999:error'), { error: 86_400 })
  f(answer(200, ' , ,, 1:error,'), { error: 1 })
})

test('of two limits the longer holds, and waits end on time', () => {
  const limits = new RateLimits()
  strictEqual(limits.note(answer(200, '60:error'), [], NOW_MS), true)
  strictEqual(limits.note(answer(200, '10:error'), [], NOW_MS), false)
  strictEqual(limits.waitMs(['error'], NOW_MS), 60_000)
  strictEqual(limits.note(answer(200, '90:error'), [], NOW_MS), true)
  strictEqual(limits.waitMs(['error'], NOW_MS), 90_000)
  strictEqual(limits.waitMs(['transaction'], NOW_MS), 0)
  strictEqual(limits.waitMs(['transaction', 'error'], NOW_MS), 90_000)
  strictEqual(limits.waitMs(['error'], NOW_MS + 89_999), 1)
  strictEqual(limits.waitMs(['error'], NOW_MS + 90_000) <= 0, true)
})

test('how long it has been limited counts over limits that follow one another', () => {
  const limits = new RateLimits()
  const f = (atMs: number, expected: number): void => strictEqual(limits.limitedForMs(['error'], NOW_MS + atMs), expected)
  f(0, 0)
  limits.note(answer(429, '60:error'), ['error'], NOW_MS)
  f(30_000, 30_000)
  f(61_000, 0)
  limits.note(answer(429, '60:error'), ['error'], NOW_MS + 61_000)
  f(62_000, 62_000)
  // Something got through.
  limits.pass(['error'], NOW_MS + 130_000)
  limits.note(answer(429, '60:error'), ['error'], NOW_MS + 131_000)
  f(132_000, 1_000)
  // Nothing was sent for long.
  limits.note(answer(429, '60:error'), ['error'], NOW_MS + 900_000)
  f(901_000, 1_000)
})

test('limits outlive a restart, and nonsense in their place does no harm', () => {
  const before = new RateLimits()
  before.note(answer(429, '60:error, 1:span'), ['error'], NOW_MS)
  const f = (saved: unknown, expected: [string, number][]): void => {
    const after = new RateLimits()
    after.restore(saved, NOW_MS + 2_000)
    deepStrictEqual(after.active(NOW_MS + 2_000), expected)
  }
  f(JSON.parse(JSON.stringify(before.save())), [['error', NOW_MS + 60_000]])
  f(undefined, [])
  f([1, 2], [])
  f({ error: 'x', toasters: [NOW_MS + 9_000, NOW_MS], span: [null, 1], transaction: [1e300, 1] }, [
    ['transaction', NOW_MS + 2_000 + 86_400_000]
  ])
})

test('no header does harm', () => {
  const part = fc.oneof(fc.string(), fc.constantFrom('60', ':', ';', ',', 'error', 'span', '1e9', '-5', 'NaN', ' '))
  fc.assert(
    fc.property(
      fc.array(part).map((parts) => parts.join('')),
      fc.constantFrom(200, 429, 503),
      (header, status) => {
        const limits = new RateLimits()
        limits.note(answer(status, header, header), ['error'], NOW_MS)
        for (const [, untilMs] of limits.active(NOW_MS)) ok(untilMs <= NOW_MS + 86_400_000)
        strictEqual(limits.waitMs(['internal'], NOW_MS) <= 0, true)
        if (status === 429) ok(limits.waitMs(['error'], NOW_MS) >= 0)
      }
    )
  )
})
