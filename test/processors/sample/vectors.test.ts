import { deepStrictEqual, ok } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseBatch } from '../../../src/batch.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { sample } from '../../../src/processors/sample/sample.ts'
import { host } from '../../support/host.ts'
import { message, request, span } from '../../support/otlp-bytes.ts'

interface Vector {
  who: string
  mode: string
  percent: number
  seed: number
  precision: number
  traceId: string
  traceState: string
  outcome: string
}

const rows = readFileSync(join(import.meta.dirname, 'vectors.txt'), 'utf8')
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
const vectors = rows.map((line): Vector => {
  const [who, mode, percent, seed, precision, traceId, traceState, outcome] = line.split('\t')
  const state = traceState === '-' ? '' : traceState
  return { who, mode, percent: Number(percent), seed: Number(seed), precision: Number(precision), traceId, traceState: state, outcome }
})

// As the agents have it: errors get no share of their own.
function samplerOf({ who, mode, percent, seed, precision }: Vector) {
  return sample.create(
    {
      traces: percent / 100,
      logs: percent / 100,
      profiles: 1,
      errors: 0,
      services: {},
      markLogs: false,
      mode: mode === 'equalizing' ? 'consistent' : 'hash_seed',
      hashSeed: seed,
      hashTraceId: mode === 'low64' ? 'low64' : 'full',
      precision: who === 'agent' ? 4 : precision
    },
    host()
  )
}

function spanOutcome(vector: Vector): string {
  const sent = parseBatch(
    'traces',
    request([span({ traceId: vector.traceId, ...(vector.traceState && { traceState: vector.traceState }) })])
  )
  const left = samplerOf(vector).process(sent)
  if (left === null) return 'dropped'
  return decode('ExportTraceServiceRequest', left.bytes).resourceSpans![0].scopeSpans![0].spans![0].traceState ?? ''
}

function logOutcome(vector: Vector): string {
  const left = samplerOf(vector).process(parseBatch('logs', request([message(9, Buffer.from(vector.traceId, 'hex'))])))
  if (left === null) return 'dropped'
  const { attributes = [] } = decode('ExportLogsServiceRequest', left.bytes).resourceLogs![0].scopeLogs![0].logRecords![0]
  const textOf = (key: string) => attributes.find((attribute) => attribute.key === key)?.value?.stringValue
  return [textOf('sampling.randomness'), textOf('sampling.threshold')].filter(Boolean).join(' ')
}

// What needs no new threshold passes here as it came, where the Collector puts its parts into an order of its own. At 100 % nothing is touched at
// all, where the Collector writes a threshold of 0.
function expectedOf(vector: Vector, actual: string): string {
  const { percent, traceState, outcome } = vector
  if (percent === 100) return traceState
  return actual === traceState && partsOf(actual) === partsOf(outcome) ? actual : outcome
}

const partsOf = (traceState: string): string =>
  traceState
    .split(',')
    .map((member) => member.replace(/^ot=/, '').split(';').sort().join(';'))
    .sort()
    .join(',')

test('spans are kept and marked as by the Collector, in both modes', () => {
  const some = vectors.filter(({ who }) => who === 'collector-spans')
  ok(some.length > 100)
  for (const vector of some) {
    const outcome = spanOutcome(vector)
    deepStrictEqual(outcome, expectedOf(vector, outcome), JSON.stringify(vector))
  }
})

test('logs are kept and marked as by the Collector, in both modes', () => {
  const some = vectors.filter(({ who }) => who === 'collector-logs')
  ok(some.length > 50)
  for (const vector of some) deepStrictEqual(logOutcome(vector), expectedOf(vector, ''), JSON.stringify(vector))
})

test('spans are kept as by the Datadog Agent, which hashes all of the trace id or its low 64 bits', () => {
  const some = vectors.filter(({ who }) => who === 'agent')
  ok(some.length > 100)
  for (const vector of some) deepStrictEqual(spanOutcome(vector) === 'dropped' ? 'dropped' : 'kept', vector.outcome, JSON.stringify(vector))
})
