import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import type { Processor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { LogRecord } from '../../../src/otlp/objects.ts'
import { limit } from '../../../src/processors/limit/limit.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'

type Lines = readonly (readonly [severity: number, text: string])[]
type Resource = Readonly<Record<string, string>>

const attributesOf = (resource: Resource) => Object.entries(resource).map(([key, stringValue]) => ({ key, value: { stringValue } }))

function batchOf(...resources: readonly (readonly [Resource, Lines])[]): Batch {
  return parseBatch(
    'logs',
    encode('ExportLogsServiceRequest', {
      resourceLogs: resources.map(([resource, lines]) => ({
        resource: { attributes: attributesOf(resource) },
        scopeLogs: [{ logRecords: lines.map(([severityNumber, stringValue]) => ({ severityNumber, body: { stringValue } })) }]
      }))
    })
  )
}

function recordsOf(batch: Batch | null): { resource: Record<string, string>; record: LogRecord }[] {
  if (batch === null) return []
  const { resourceLogs = [] } = decode('ExportLogsServiceRequest', batch.bytes)
  const found = resourceLogs.flatMap(({ resource, scopeLogs = [] }) => {
    const attributes = Object.fromEntries((resource?.attributes ?? []).map(({ key, value }) => [key ?? '', value?.stringValue ?? '']))
    return scopeLogs.flatMap(({ logRecords = [] }) => logRecords.map((record) => ({ resource: attributes, record })))
  })
  strictEqual(found.length, batch.items)
  return found
}

const textsOf = (batch: Batch | null): string[] => recordsOf(batch).map(({ record }) => record.body?.stringValue ?? '')

function open(options: object, metrics = new Metrics()): Processor {
  return limit.create(z.strictObject(limit.options).parse(options), host({ metrics }))
}

const WORKER = { 'service.name': 'worker' }
const LEVELS: Lines = [
  [0, 'unsaid'],
  [5, 'debug'],
  [9, 'info'],
  [13, 'warn'],
  [17, 'error'],
  [24, 'fatal']
]
const flood = (count: number, severity = 9): Lines => Array.from({ length: count }, (_, i) => [severity, `line ${i}`] as const)

test('the least severity to keep, by service, by environment, for all', () => {
  const f = (options: object, resource: Resource, expected: string[]): void =>
    deepStrictEqual(textsOf(open(options).process(batchOf([resource, LEVELS]))), expected)
  const all = ['unsaid', 'debug', 'info', 'warn', 'error', 'fatal']
  const environments = { production: 'info', development: 'debug' }
  f({}, WORKER, all)
  f({ minSeverity: 'warn' }, WORKER, ['unsaid', 'warn', 'error', 'fatal'])
  f({ minSeverity: 'fatal' }, {}, ['unsaid', 'fatal'])
  f({ environments }, { 'deployment.environment.name': 'production' }, ['unsaid', 'info', 'warn', 'error', 'fatal'])
  f({ environments }, { 'deployment.environment': 'production' }, ['unsaid', 'info', 'warn', 'error', 'fatal'])
  f({ environments }, { 'deployment.environment.name': 'development' }, all)
  f({ environments, minSeverity: 'error' }, { 'deployment.environment.name': 'staging' }, ['unsaid', 'error', 'fatal'])
  f({ environments, environment: 'production' }, WORKER, ['unsaid', 'info', 'warn', 'error', 'fatal'])
  f({ environments, services: { worker: 'error' } }, { ...WORKER, 'deployment.environment.name': 'production' }, [
    'unsaid',
    'error',
    'fatal'
  ])
  f({ minSeverity: 'error', services: { worker: 'none' } }, WORKER, all)
})

test('a record says its environment where its resource does not', () => {
  const f = (resource: Resource, attributes: Resource, expected: boolean): void => {
    const record: LogRecord = { severityNumber: 9, body: { stringValue: 'info' }, attributes: attributesOf(attributes) }
    const bytes = encode('ExportLogsServiceRequest', {
      resourceLogs: [{ resource: { attributes: attributesOf(resource) }, scopeLogs: [{ logRecords: [record] }] }]
    })
    const options = { environments: { production: 'warn', development: 'debug' }, services: { worker: 'info' }, environment: 'production' }
    deepStrictEqual(open(options).process(parseBatch('logs', bytes)) !== null, expected)
  }
  const [name, former] = ['deployment.environment.name', 'deployment.environment']
  f({}, {}, false)
  f({}, { [name]: 'development' }, true)
  f({}, { [former]: 'development' }, true)
  f({}, { a: 'b', [name]: 'development', [former]: 'production' }, true)
  f({}, { [former]: 'production', [name]: 'development' }, true)
  f({}, { [name]: 'staging' }, true)
  f({ [name]: 'development' }, { [name]: 'production' }, true)
  f({ [name]: 'production' }, { [name]: 'development' }, false)
  f(WORKER, { [name]: 'production' }, true)
})

test('each resource of a batch has its own rules, and what is empty goes', () => {
  const options = { services: { worker: 'error' } }
  const batch = batchOf([WORKER, [[9, 'a']]], [{ 'service.name': 'web' }, [[9, 'b']]], [WORKER, [[17, 'c']]])
  deepStrictEqual(textsOf(open(options).process(batch)), ['b', 'c'])
  strictEqual(open(options).process(batchOf([WORKER, flood(3)])), null)
})

test('a batch that loses nothing is the very same, and so are other signals', () => {
  const f = (options: object, batch: Batch): void => strictEqual(open(options).process(batch), batch)
  f({}, batchOf([WORKER, LEVELS]))
  f({ minSeverity: 'trace', ratePerSecond: 1000, dedup: true }, batchOf([WORKER, LEVELS]))
  f({ minSeverity: 'fatal' }, { ...batchOf([WORKER, LEVELS]), signal: 'errors' })
  f({ minSeverity: 'fatal' }, batchOf())
})

test('a source may say so much at once, and so much a second', (t) => {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  const limiter = open({ ratePerSecond: 10, burst: 5 })
  const f = (waitMs: number, expected: number): void => {
    nowMs += waitMs
    strictEqual(textsOf(limiter.process(batchOf([WORKER, flood(100)]))).length, expected)
  }
  f(0, 5)
  f(0, 0)
  f(100, 1)
  f(300, 3)
  f(60_000, 5)
  f(-60_000, 0)
})

test('errors have limits of their own, and none unless told', () => {
  const f = (options: object, expected: [number, number]): void => {
    const limiter = open({ ratePerSecond: 1, burst: 5, ...options })
    const records = recordsOf(limiter.process(batchOf([WORKER, [...flood(50), ...flood(50, 17)]])))
    const errors = records.filter(({ record }) => record.severityNumber === 17).length
    deepStrictEqual([records.length - errors, errors], expected)
  }
  f({}, [5, 50])
  f({ errorsPerSecond: 1, errorsBurst: 20 }, [5, 20])
  f({ ratePerSecond: 0, errorsPerSecond: 1, errorsBurst: 20 }, [50, 20])
})

test('sources do not use up each other’s share', () => {
  const options = { ratePerSecond: 1, burst: 5 }
  const f = (a: Batch, b: Batch, expected: number, more: object = {}): void => {
    const limiter = open({ ...options, ...more })
    limiter.process(a)
    strictEqual(textsOf(limiter.process(b)).length, expected)
  }
  const worker = batchOf([WORKER, flood(100)])
  f(worker, worker, 0)
  f(worker, batchOf([{ 'service.name': 'web' }, flood(100)]), 5)
  f(worker, batchOf([{ ...WORKER, 'k8s.pod.uid': 'b' }, flood(100)]), 5)
  f(worker, batchOf([{ ...WORKER, 'k8s.pod.uid': 'b' }, flood(100)]), 0, { by: ['service.name'] })
  f({ ...worker, sender: '10.0.0.1' }, { ...worker, sender: '10.0.0.2' }, 5)
  f(batchOf([{}, flood(100)]), batchOf([{}, flood(100)]), 0)
})

test('more sources than are told apart share one limit', () => {
  const metrics = new Metrics()
  const limiter = open({ ratePerSecond: 1, burst: 5, sourcesMax: 2 }, metrics)
  const sizes = ['a', 'b', 'c', 'd'].map((name) => textsOf(limiter.process(batchOf([{ 'service.name': name }, flood(10)]))).length)
  deepStrictEqual(sizes, [5, 5, 5, 0])
  strictEqual(counted(metrics, 'sluice_limit_overflow_records_total'), 20)
  strictEqual(recordsOf(limiter.flush?.(true) ?? null).length, 3)
})

test('sources that are silent are forgotten', (t) => {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  const metrics = new Metrics()
  const limiter = open({ ratePerSecond: 1 }, metrics)
  for (let i = 0; i < 50; i++) limiter.process(batchOf([{ 'service.name': `${i}` }, flood(1)]))
  limiter.flush?.(true)
  strictEqual(counted(metrics, 'sluice_limit_sources'), 50)
  nowMs += 120_000
  limiter.flush?.(true)
  strictEqual(counted(metrics, 'sluice_limit_sources'), 0)
})

test('what was over the rate is summed up, once, under the resource of its source', () => {
  const limiter = open({ ratePerSecond: 1, burst: 5, errorsPerSecond: 1, errorsBurst: 1 })
  strictEqual(limiter.flush?.(true), null)
  limiter.process(
    batchOf([{ ...WORKER, region: 'eu' }, [...flood(10), ...flood(4, 17), [0, 'unsaid']]], [{ 'service.name': 'web' }, LEVELS])
  )
  const summary = limiter.flush?.(true) ?? null
  const [{ resource, record }, ...others] = recordsOf(summary)
  deepStrictEqual(resource, { ...WORKER, region: 'eu' })
  deepStrictEqual(numbersOf(record), {
    'sluice.limit.records': 9,
    'sluice.limit.records.unspecified': 1,
    'sluice.limit.records.info': 5,
    'sluice.limit.records.error': 3
  })
  ok(record.body?.stringValue?.startsWith('9 log records'))
  deepStrictEqual([record.severityNumber, others.length], [13, 1])
  strictEqual(limiter.flush?.(true), null)
})

test('what is said over and over is taken once, and counted', (t) => {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  const limiter = open({ dedup: true, dedupWithin: '10s' })
  const f = (waitMs: number, resource: Resource, lines: Lines, expected: string[]): void => {
    nowMs += waitMs
    deepStrictEqual(textsOf(limiter.process(batchOf([resource, lines]))), expected)
  }
  const same: Lines = [
    [9, 'same'],
    [9, 'same'],
    [9, 'other'],
    [9, 'same']
  ]
  f(0, WORKER, same, ['same', 'other'])
  f(5000, WORKER, same, [])
  f(0, { 'service.name': 'web' }, [[9, 'same']], ['same'])
  f(0, WORKER, [[17, 'same']], ['same'])
  f(0, WORKER, [[9, 'x'.repeat(5000)]], ['x'.repeat(5000)])
  f(0, WORKER, [[9, 'x'.repeat(5000)]], ['x'.repeat(5000)])
  deepStrictEqual(
    recordsOf(limiter.flush?.(true) ?? null).map(({ resource, record }) => [
      resource['service.name'],
      record.severityNumber,
      record.body?.stringValue
    ]),
    [
      ['worker', 9, 'repeated 5 times: same'],
      ['worker', 9, 'repeated 1 times: other']
    ]
  )
  strictEqual(limiter.flush?.(true), null)
  f(0, WORKER, [[9, 'same']], [])
  const [{ record }] = recordsOf(limiter.flush?.(true) ?? null)
  const agoMs = Number((record.observedTimeUnixNano ?? 0n) - (record.timeUnixNano ?? 0n)) / 1e6
  ok(Math.abs(agoMs - 5000) < 2, `${agoMs} ms ago`)
  f(6000, WORKER, [[9, 'same']], ['same'])
})

test('what a summary says does not hang on the bytes of a batch that is gone', () => {
  const limiter = open({ ratePerSecond: 1, burst: 3, dedup: true })
  const batch = batchOf([WORKER, [...flood(5), [9, 'line 0']]])
  limiter.process(batch)
  batch.bytes.fill(0xff)
  deepStrictEqual(
    recordsOf(limiter.flush?.(true) ?? null).map(({ resource, record }) => [resource, record.body?.stringValue?.slice(0, 18)]),
    [
      [WORKER, '2 log records of t'],
      [WORKER, 'repeated 1 times: ']
    ]
  )
})

test('of what is remembered, the oldest is forgotten', () => {
  const limiter = open({ dedup: true, dedupMax: 10 })
  limiter.process(batchOf([WORKER, flood(20)]))
  deepStrictEqual(textsOf(limiter.process(batchOf([WORKER, flood(20).slice(10)]))), [])
  deepStrictEqual(textsOf(limiter.process(batchOf([WORKER, flood(1)]))), ['line 0'])
})

test('every record that goes is counted by its reason', () => {
  const metrics = new Metrics()
  const limiter = open({ minSeverity: 'info', ratePerSecond: 1, burst: 5, dedup: true }, metrics)
  let left = 0
  for (const lines of [LEVELS, flood(10), LEVELS]) left += limiter.process(batchOf([WORKER, lines]))?.items ?? 0
  strictEqual(counted(metrics, 'sluice_limit_records_total') + left, 22)
})

function numbersOf({ attributes = [] }: LogRecord): Record<string, number> {
  return Object.fromEntries(
    attributes.flatMap(({ key = '', value }) => (value?.intValue === undefined ? [] : [[key, Number(value.intValue)] as const]))
  )
}

function counted(metrics: Metrics, name: string): number {
  const family = metrics.families().find((each) => each.name === name)
  return (family?.samples ?? []).reduce((sum, { value }) => sum + value, 0)
}
