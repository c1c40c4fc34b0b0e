import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { type Condition, unreadiness } from '../src/readiness.ts'

const FINE: Condition = { queue: { bytes: 0, bytesMax: 100, degraded: null }, deliveries: [], redaction: null, stopping: false }
const NOW_MS = 1_000_000

test('readiness says everything that is wrong', () => {
  const f = (condition: Partial<Condition>, expected: string[]): void =>
    deepStrictEqual(unreadiness({ ...FINE, ...condition }, NOW_MS), expected)
  const failing = (forMs: number) => [
    { exporter: 'otlp', signal: 'logs', failing: { sinceMs: NOW_MS - forMs, message: 'connection refused' } },
    { exporter: 'otlp', signal: 'traces', failing: null }
  ]
  f({}, [])
  f({ stopping: true }, ['stopping'])
  f({ redaction: 'redaction lets nothing pass' }, ['redaction lets nothing pass'])
  f({ queue: { bytes: 89, bytesMax: 100, degraded: null } }, [])
  f({ queue: { bytes: 90, bytesMax: 100, degraded: null } }, ['queue: 90 % full'])
  f({ queue: { bytes: 0, bytesMax: 100, degraded: 'the disk is full' } }, ['queue: kept in memory, since the disk is full'])
  f({ deliveries: failing(4_000) }, [])
  f({ deliveries: failing(61_000) }, ['exporter otlp: logs failing for 61 s: connection refused'])
})
