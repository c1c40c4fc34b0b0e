import { deepStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { parseBatch } from '../../../src/batch.ts'
import { RefusedError } from '../../../src/errors.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { type Cage, CanaryGuard, survivors } from '../../../src/processors/redact/canary.ts'
import { Policies } from '../../../src/processors/redact/policy.ts'
import { redact } from '../../../src/processors/redact/redact.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'

type Options = Parameters<typeof redact.create>[0]
const optionsOf = (given: object): Options => z.strictObject(redact.options).parse({ canary: true, ...given })

const WHOLE: Cage = {
  text: (value) => value,
  request: (_signal, bytes) => bytes,
  policyOf: (signal) => new Policies('mask', {}, []).of(signal),
  allowed: new Set()
}

test('a redactor that lets everything pass is found out at every place', () => {
  const found = survivors(WHOLE)
  const places = [...new Set(found.map(({ place }) => place))].sort()
  deepStrictEqual(places, ['logs', 'logs, attribute', 'metrics', 'metrics, attribute', 'text', 'traces', 'traces, attribute'])
  const rules = new Set(found.map(({ rule }) => rule))
  strictEqual(rules.size, 10)
  strictEqual(found.length, rules.size * places.length)
  deepStrictEqual(survivors({ ...WHOLE, allowed: rules }), [])
})

test('the real one is not, whatever the canaries are made of and in each mode', () => {
  for (const given of [
    {},
    { mode: 'last4' },
    { mode: 'remove' },
    { mode: 'hash', hashKey: 'k'.repeat(16) },
    { allow: ['email', 'card'] },
    {
      policies: [
        { signals: ['logs'], allow: ['*'] },
        { attributes: ['sluice.*'], allow: ['email'] }
      ]
    }
  ]) {
    for (let run = 0; run < 40; run++) redact.create(optionsOf(given), host())
  }
})

test('a canary that survives stops the start', () => {
  // A pattern of the user that takes what stands before a token and its head, so that its body is no token any more.
  const broken = optionsOf({ patterns: [{ name: 'head', pattern: 'canary: ghp_' }] })
  throws(() => redact.create(broken, host()), RefusedError)
  redact.create({ ...broken, canary: false }, host())
})

test('while one survives nothing passes, and it is looked at again', () => {
  let nowMs = 0
  let isBroken = false
  const told: number[] = []
  const cage: Cage = { ...WHOLE, text: (value) => (isBroken ? value : ''), request: () => Buffer.alloc(0) }
  const guard = new CanaryGuard(
    cage,
    (found) => told.push(found.length),
    () => nowMs
  )
  guard.check()
  isBroken = true
  nowMs += 3_599_999
  guard.check()
  nowMs += 1
  throws(() => guard.check(), RefusedError)
  throws(() => guard.check(), RefusedError)
  deepStrictEqual([told, guard.trouble], [[10], 'redaction does not find its canaries: nothing may pass'])
  isBroken = false
  nowMs += 60_000
  guard.check()
  strictEqual(guard.trouble, null)
})

test('canaries are counted nowhere but where they survive', () => {
  const metrics = new Metrics()
  const redactor = redact.create(optionsOf({}), host({ metrics }))
  const log = { body: { stringValue: 'password=hunter2x' } }
  redactor.process(parseBatch('logs', encode('ExportLogsServiceRequest', { resourceLogs: [{ scopeLogs: [{ logRecords: [log] }] }] })))
  const samples = metrics.families().flatMap(({ name, samples }) => samples.map(({ labels, value }) => ({ name, ...labels, value })))
  deepStrictEqual(samples, [{ name: 'sluice_redactions_total', rule: 'password', signal: 'logs', place: 'body', value: 1 }])
  ok(survivors(WHOLE).length > 0)
})
