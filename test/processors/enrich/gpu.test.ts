import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import { encode } from '../../../src/otlp/encode.ts'
import type { Draft, KeyValue, LogRecord, Span } from '../../../src/otlp/objects.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { beside, factsOf, type GpuParts, type SampleParts } from '../../support/gpu-facts.ts'
import { enrichWith, logsOf, type Plain, plain, resourceOf, spansOf } from './support.ts'

const T = 1_700_000_000_000
const GB = 1e9

const ns = (ms: number): bigint => BigInt(ms) * 1_000_000n
const keyValues = (attributes: Record<string, string | number>): Draft<KeyValue>[] =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { doubleValue: value }
  }))

const spanOf = (startMs: number, endMs: number, attributes = {}, more: Draft<Span> = {}): Draft<Span> => ({
  ...{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'tts', kind: 1 },
  ...{ startTimeUnixNano: ns(startMs), endTimeUnixNano: ns(endMs), attributes: keyValues(attributes), ...more }
})

function traces(spans: Draft<Span>[], resource: Record<string, string> = {}): Batch {
  const resourceSpans = [{ resource: { attributes: keyValues(resource) }, scopeSpans: [{ spans }] }]
  return parseBatch('traces', encode('ExportTraceServiceRequest', { resourceSpans }), T)
}

function logs(logRecords: Draft<LogRecord>[], resource: Record<string, string> = {}): Batch {
  const resourceLogs = [{ resource: { attributes: keyValues(resource) }, scopeLogs: [{ logRecords }] }]
  return parseBatch('logs', encode('ExportLogsServiceRequest', { resourceLogs }), T + 500)
}

const steps = (...rows: [atMs: number, utilization: number, memory: number, watts: number][]): SampleParts[] =>
  rows.map(([atMs, utilization, memory, watts]) => ({ atMs: T + atMs, utilization, memoryUsedBytes: memory * GB, powerWatts: watts }))
const CLIMB = steps([0, 0.2, 10, 100], [1000, 0.6, 30, 300], [2000, 1, 20, 500])
const ONE: GpuParts[] = [{ uuid: 'GPU-a', samples: CLIMB }]
const ONLY_SPANS = { gpu: { resource: false } }

test('a span carries what its time on the GPU was like', () => {
  const f = (from: number, to: number, expected: Plain, gpus = ONE, sent = {}, resource = {}): void => {
    const [span] = spansOf(enrichWith(ONLY_SPANS, factsOf(gpus)).process(traces([spanOf(T + from, T + to, sent)], resource)))
    deepStrictEqual(plain(span.attributes), expected)
  }
  const whole = { 'gpu.utilization': 0.4, 'gpu.memory.used': 30 * GB, 'gpu.power': 200, 'gpu.energy': 400, 'gpu.sample.age': 0 }
  f(0, 2000, whole)
  f(1500, 2500, { 'gpu.utilization': 0.8, 'gpu.memory.used': 30 * GB, 'gpu.power': 400, 'gpu.energy': 400, 'gpu.sample.age': 0.5 })
  // What the sender says stays, and so do its other attributes.
  f(0, 2000, { stage: 'tts', 'gpu.utilization': 7, ...without(whole, 'gpu.utilization') }, ONE, { stage: 'tts', 'gpu.utilization': 7 })
  // Nothing is known: before the first sample, without times, long after the last sample, on a machine without GPUs.
  f(-10, 2000, {})
  f(2000, 0, {})
  f(0, 600_000, {})
  f(0, 2000, {}, [])
  // Two GPUs: mean, highest peak, sums; and by name only the one.
  const two: GpuParts[] = [
    { uuid: 'GPU-a', samples: CLIMB },
    { uuid: 'GPU-b', samples: steps([0, 0, 50, 20]) }
  ]
  const both = {
    'gpu.count': 2,
    'gpu.utilization': 0.2,
    'gpu.memory.used': 50 * GB,
    'gpu.power': 220,
    'gpu.energy': 440,
    'gpu.sample.age': 2
  }
  f(0, 2000, {}, two)
  f(0, 2000, { 'hw.id': 'GPU-a,GPU-b', ...both }, two, { 'hw.id': 'GPU-a,GPU-b' })
  f(0, 2000, { 'hw.id': 'GPU-a', ...whole }, two, { 'hw.id': 'GPU-a' })
  f(0, 2000, { 'gpu.index': '0', ...whole }, two, { 'gpu.index': '0' }, { 'gpu.uuid': 'GPU-none' })
  f(0, 2000, whole, two, {}, { 'gpu.uuid': 'GPU-a' })
  f(0, 2000, { 'hw.id': 'GPU-gone' }, ONE, { 'hw.id': 'GPU-gone' })
  // Absent is absent, not zero.
  f(0, 0, { 'gpu.sample.age': 0, 'gpu.utilization': 0.2, 'gpu.memory.used': 10 * GB, 'gpu.power': 100, 'gpu.energy': 0 })
})

test('an exception carries the GPU as it was at that instant, beside the span’s own', () => {
  const processes = [
    { pid: 7, name: 'python3', memoryUsedBytes: 1 * GB },
    { pid: 8, name: `/opt/worker ${'x'.repeat(500)}`, memoryUsedBytes: 9 * GB }
  ]
  const samples = [{ ...CLIMB[0], temperature: 61, throttleReasons: ['sw_power_cap', 'hw_slowdown'], processes }, ...CLIMB.slice(1)]
  const events = [
    { name: 'cache miss', timeUnixNano: ns(T + 10) },
    { name: 'exception', timeUnixNano: ns(T + 250), attributes: keyValues({ 'exception.type': 'OutOfMemory' }) },
    { name: 'exception' }
  ]
  const batch = traces([spanOf(T, T + 2000, {}, { events })])
  const [span] = spansOf(enrichWith(ONLY_SPANS, factsOf([{ uuid: 'GPU-a', samples }])).process(batch))
  deepStrictEqual(
    span.events!.map(({ attributes }) => plain(attributes)),
    [
      {},
      {
        'exception.type': 'OutOfMemory',
        'gpu.utilization': 0.2,
        'gpu.memory.used': 10 * GB,
        'gpu.temperature': 61,
        'gpu.power': 100,
        'gpu.throttle.reasons': ['sw_power_cap', 'hw_slowdown'],
        'gpu.process.pid': 8,
        'gpu.process.name': `/opt/worker ${'x'.repeat(116)}`,
        'gpu.process.memory.used': 9 * GB,
        'gpu.sample.age': 0.25
      },
      { 'gpu.utilization': 1, 'gpu.memory.used': 20 * GB, 'gpu.power': 500, 'gpu.sample.age': 0 }
    ]
  )
  strictEqual(plain(span.attributes)['gpu.energy'], 400)
})

test('log records of errors carry it too, and others do not', () => {
  const state = (memory: number, age: number) => ({ 'gpu.memory.used': memory * GB, 'gpu.sample.age': age })
  const f = (record: Draft<LogRecord>, expected: Plain, gpus = ONE): void => {
    const [log] = logsOf(enrichWith(ONLY_SPANS, factsOf(gpus)).process(logs([record])))
    const { 'gpu.utilization': _, 'gpu.power': __, ...attributes } = plain(log.attributes)
    deepStrictEqual(attributes, expected)
  }
  f({ severityNumber: 17, timeUnixNano: ns(T + 1250) }, state(30, 0.25))
  f({ severityNumber: 21, timeUnixNano: ns(T + 1250), attributes: keyValues({ a: 'b' }) }, { a: 'b', ...state(30, 0.25) })
  f({ severityNumber: 17, observedTimeUnixNano: ns(T + 100) }, state(10, 0.1))
  f({ severityNumber: 17 }, state(10, 0.5))
  f({ severityNumber: 16, timeUnixNano: ns(T + 1250) }, {})
  f({ timeUnixNano: ns(T + 1250) }, {})
  f({ severityNumber: 17, timeUnixNano: ns(T - 1) }, {})
  f({ severityNumber: 17, timeUnixNano: ns(T + 1250) }, {}, [])
  // Of several GPUs, the fullest is named.
  const owners = [{ namespace: 'media', pod: 'tts', podUid: undefined, container: undefined }]
  const two = [
    { uuid: 'GPU-a', samples: CLIMB, owners },
    { uuid: 'GPU-b', samples: steps([0, 0, 50, 20]), owners }
  ]
  const pod = keyValues({ 'k8s.pod.name': 'tts', 'k8s.namespace.name': 'media' })
  const bytes = encode('ExportLogsServiceRequest', {
    resourceLogs: [{ resource: { attributes: pod }, scopeLogs: [{ logRecords: [{ severityNumber: 17, timeUnixNano: ns(T + 100) }] }] }]
  })
  const [log] = logsOf(enrichWith(ONLY_SPANS, factsOf(two)).process(parseBatch('logs', bytes)))
  strictEqual(plain(log.attributes)['hw.id'], 'GPU-b')
  strictEqual(plain(log.attributes)['gpu.memory.used'], 50 * GB)
})

test('the resource carries the pod and the GPU; what the sender said stays', () => {
  const f = (sent: Record<string, string>, expected: Plain, gpus: GpuParts[], options = {}, pod = {}): void => {
    const facts = factsOf(gpus, { pod: beside(pod) })
    deepStrictEqual(resourceOf(enrichWith(options, facts).process(traces([spanOf(T, T)], sent))), expected)
  }
  const device = { 'hw.type': 'gpu', 'hw.vendor': 'NVIDIA', 'hw.model': 'NVIDIA H100 80GB HBM3', 'hw.driver_version': '580.65.06' }
  const size = { 'gpu.memory.size': 85_520_809_984 }
  const one = { ...device, ...size, 'hw.id': 'GPU-a', 'gpu.index': 0, 'gpu.count': 1 }
  const bare = [{ uuid: 'GPU-a' }]
  f({}, one, bare)
  f({ 'hw.model': 'mine' }, { ...one, 'hw.model': 'mine' }, bare, { overwrite: true })
  f({}, { ...one, 'hw.model': 'configured' }, bare, { attributes: { 'hw.model': 'configured' } })
  f({ 'hw.id': 'GPU-gone' }, { 'hw.id': 'GPU-gone' }, bare)
  f({}, {}, [...bare, { uuid: 'GPU-b' }])
  const both = [...bare, { uuid: 'GPU-b', device: { model: 'L4' } }]
  f({ 'gpu.index': '0,1' }, { 'gpu.index': '0,1', ...without(device, 'hw.model'), ...size, 'gpu.count': 2 }, both)
  f({}, {}, bare, { gpu: { resource: false } })
  f({ a: '1' }, { a: '1', 'k8s.pod.name': 'tts' }, [], {}, { 'k8s.pod.name': 'tts' })
  f({ 'k8s.pod.name': 'stt' }, { 'k8s.pod.name': 'stt' }, [], {}, { 'k8s.pod.name': 'tts' })
  f({}, {}, [], { pod: false }, { 'k8s.pod.name': 'tts' })
  f({}, { 'k8s.pod.name': 'given' }, [], { attributes: { 'k8s.pod.name': 'given' } }, { 'k8s.pod.name': 'tts' })
})

test('metrics are told of the pod, but not of the GPU, which may change under one series', () => {
  const facts = factsOf([{ uuid: 'GPU-a' }], { pod: beside({ 'k8s.pod.name': 'tts' }) })
  const batch = parseBatch('metrics', encode('ExportMetricsServiceRequest', { resourceMetrics: [{ scopeMetrics: [{}] }] }))
  deepStrictEqual(resourceOf(enrichWith({}, facts).process(batch)), { 'k8s.pod.name': 'tts' })
})

test('a resource in pieces counts as one', () => {
  const piece = (key: string, value: string): Buffer =>
    encode('ExportTraceServiceRequest', { resourceSpans: [{ resource: { attributes: keyValues({ [key]: value }) } }] }).subarray(2)
  const fields = Buffer.concat([piece('gpu.uuid', 'GPU-b'), piece('hw.model', 'mine')])
  const batch = parseBatch('traces', Buffer.concat([Buffer.from([0x0a, fields.length]), fields]))
  const told = resourceOf(enrichWith({}, factsOf([{ uuid: 'GPU-a' }, { uuid: 'GPU-b' }])).process(batch))
  deepStrictEqual([told['hw.id'], told['hw.model'], told['gpu.index']], ['GPU-b', 'mine', 1])
})

test('who was told, and why not, is counted; a span has so many exceptions', () => {
  const metrics = new Metrics()
  const events = Array.from({ length: 20 }, () => ({ name: 'exception', timeUnixNano: ns(T) }))
  const spans = [spanOf(T, T + 1, {}, { events }), spanOf(T + 1, T), spanOf(T - 1, T), spanOf(T, T, { 'hw.id': 'GPU-gone' })]
  const [span] = spansOf(enrichWith(ONLY_SPANS, factsOf(ONE), { metrics }).process(traces(spans)))
  strictEqual(span.events!.filter(({ attributes }) => attributes !== undefined).length, 16)
  const shown = (name: string) =>
    Object.fromEntries(
      metrics
        .families()
        .find((family) => family.name === name)!
        .samples.map(({ labels, value }) => [labels.outcome, value])
    )
  deepStrictEqual(shown('sluice_enrich_gpu_spans_total'), { joined: 1, 'no gpu': 1, 'no time': 1, 'no sample': 1, 'too many': 0 })
  deepStrictEqual(shown('sluice_enrich_gpu_errors_total'), { joined: 16, 'no gpu': 0, 'no time': 0, 'no sample': 0, 'too many': 4 })
})

test('property: what a span carries is what adding up every millisecond gives', () => {
  const samples = fc.array(fc.tuple(fc.integer({ min: 1, max: 80 }), fc.integer({ min: 0, max: 100 }), fc.integer({ min: 0, max: 700 })), {
    minLength: 1,
    maxLength: 12
  })
  fc.assert(
    fc.property(samples, fc.nat(300), fc.integer({ min: 1, max: 300 }), (rows, from, length) => {
      let at = 0
      const given = rows.map(([gap, load, watts], i) => {
        at += i === 0 ? 0 : gap
        return { atMs: T + at, utilization: load / 100, memoryUsedBytes: load * 1_000_003, powerWatts: watts }
      })
      const facts = factsOf([{ uuid: 'GPU-a', samples: given }])
      const [span] = spansOf(enrichWith(ONLY_SPANS, facts).process(traces([spanOf(T + from, T + from + length)])))
      let [load, watts, peak] = [0, 0, 0]
      for (let ms = T + from; ms < T + from + length; ms++) {
        const sample = given.findLast(({ atMs }) => atMs <= ms)!
        load += sample.utilization
        watts += sample.powerWatts
        peak = Math.max(peak, sample.memoryUsedBytes)
      }
      const told = plain(span.attributes) as Record<string, number>
      const near = (name: string, expected: number): void =>
        ok(Math.abs(told[name] - expected) < 1e-6, `${name} ${told[name]} ≠ ${expected}`)
      near('gpu.utilization', load / length)
      near('gpu.power', watts / length)
      near('gpu.energy', watts / 1000)
      // At the very end of the interval a new sample may just have come in.
      const last = given.find(({ atMs }) => atMs === T + from + length)
      near('gpu.memory.used', Math.max(peak, last?.memoryUsedBytes ?? 0))
    })
  )
})

test('property: what comes out is a sound request, and without what was added the one that came in', () => {
  const attributes = fc.dictionary(
    fc.constantFrom('stage', 'hw.id', 'gpu.energy', 'gpu.index', 'a'),
    fc.constantFrom('0', 'GPU-a', 'x'.repeat(200))
  )
  const event = fc.record({
    name: fc.constantFrom('exception', 'other'),
    timeUnixNano: fc.constantFrom(ns(T), 0n, ns(T + 90_000)),
    attributes
  })
  const span = fc.record({ from: fc.nat(3000), length: fc.nat(3000), attributes, events: fc.array(event, { maxLength: 20 }) })
  fc.assert(
    fc.property(fc.array(span, { minLength: 1, maxLength: 5 }), attributes, fc.boolean(), (spans, resource, twice) => {
      const drafts = spans.map(({ from, length, attributes, events }) =>
        spanOf(T + from, T + from + length, attributes, {
          events: events.map((each) => ({ ...each, attributes: keyValues(each.attributes) }))
        })
      )
      const batch = traces(drafts, resource)
      const enricher = enrichWith({}, factsOf(ONE))
      let enriched = enricher.process(batch)!
      if (twice) enriched = enricher.process(enriched)!
      strictEqual(parseBatch('traces', enriched.bytes).items, batch.items)
      const before = spansOf(batch)
      for (const [i, span] of spansOf(enriched).entries()) {
        strictEqual(JSON.stringify(asSent(span, before[i]), text), JSON.stringify(before[i], text))
        const keys = span.attributes?.map(({ key }) => key) ?? []
        strictEqual(new Set(keys).size, keys.length)
      }
    })
  )
})

// Ours come last, so the first ones must be the sender's.
function asSent(span: Span, sent: Span): Draft<Span> {
  const first = (attributes: KeyValue[] = [], of: KeyValue[] = []) => (of.length === 0 ? undefined : attributes.slice(0, of.length))
  const events = span.events?.map((event, i) => ({ ...event, attributes: first(event.attributes, sent.events?.[i].attributes) }))
  return { ...span, attributes: first(span.attributes, sent.attributes), ...(events === undefined ? {} : { events }) }
}

function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}` : value
}

function without(record: Plain, key: string): Plain {
  return Object.fromEntries(Object.entries(record).filter(([name]) => name !== key))
}

test('what the configuration adds to a resource names the GPU as if the sender had said it', () => {
  const two: GpuParts[] = [
    { uuid: 'GPU-a', samples: steps([0, 0.1, 1, 100]) },
    { uuid: 'GPU-b', samples: steps([0, 0.9, 9, 900]) }
  ]
  const f = (config: object, said: Record<string, string>, expected: string): void => {
    const passed = enrichWith(config, factsOf(two)).process(traces([spanOf(T, T + 1000)], said))
    strictEqual(plain(spansOf(passed)[0].attributes)['gpu.utilization'], expected === 'GPU-a' ? 0.1 : 0.9)
    strictEqual(resourceOf(passed)['hw.model'], 'NVIDIA H100 80GB HBM3')
  }
  const named = { attributes: { 'hw.id': 'GPU-b' } }
  f(named, {}, 'GPU-b')
  f(named, { 'hw.id': 'GPU-a' }, 'GPU-a')
  f({ ...named, overwrite: true }, { 'hw.id': 'GPU-a' }, 'GPU-b')
})
