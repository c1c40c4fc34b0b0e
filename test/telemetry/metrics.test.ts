import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from '../../src/telemetry/metrics.ts'
import { Rarely } from '../../src/telemetry/rarely.ts'

test('asking twice for a counter gives the same one; labels make its series', () => {
  const metrics = new Metrics()
  metrics.counter('b_total', 'B.').add(1, { a: '1' })
  metrics.counter('b_total', 'B.').add(2, { a: '1' })
  metrics.counter('b_total', 'B.').add(5, { a: '2' })
  metrics.observe('a', 'A.', 'gauge', () => [{ labels: {}, value: 7 }])
  deepStrictEqual(metrics.families(), [
    { name: 'a', help: 'A.', type: 'gauge', samples: [{ labels: {}, value: 7 }] },
    {
      name: 'b_total',
      help: 'B.',
      type: 'counter',
      samples: [
        { labels: { a: '1' }, value: 3 },
        { labels: { a: '2' }, value: 5 }
      ]
    }
  ])
})

test('who observes a name last is asked', () => {
  const metrics = new Metrics()
  metrics.observe('a', 'A.', 'gauge', () => [{ labels: {}, value: 1 }])
  metrics.observe('a', 'A.', 'gauge', () => [{ labels: {}, value: 2 }])
  strictEqual(metrics.families()[0].samples[0].value, 2)
})

test('the same thing is said once in a while, and only so many things are told apart', (t) => {
  t.mock.method(performance, 'now', () => nowMs)
  let nowMs = 1000
  const rarely = new Rarely()
  strictEqual(rarely.isDue('a'), true)
  strictEqual(rarely.isDue('a'), false)
  strictEqual(rarely.isDue('b'), true)
  nowMs += 60_000
  strictEqual(rarely.isDue('a'), true)
  strictEqual(Array.from({ length: 100 }, (_, i) => rarely.isDue(String(i))).filter(Boolean).length, 62)
})
