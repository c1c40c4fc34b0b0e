import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { type Batch, parseBatch } from '../../../src/batch.ts'
import type { Processor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { sample } from '../../../src/processors/sample/sample.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'
import { attribute, fixed64, message, request, type SpanParts, span, string, varint } from '../../support/otlp-bytes.ts'

type Options = Parameters<typeof sample.create>[0]

const DEFAULTS: Options = {
  traces: 0.1,
  profiles: 0.1,
  logs: 1,
  errors: 1,
  services: {},
  markLogs: false,
  mode: 'consistent',
  hashSeed: 0,
  hashTraceId: 'full',
  precision: 4
}
const ERROR = 2
const id = (random: string): string => `0af7651916cd43dd84`.padEnd(32 - random.length, '0') + random
// 10 % keeps what is not below e666.
const KEPT = id('e6660000000000')
const CUT = id('e665ffffffffff')

let metrics = new Metrics()

function sampler(options: Partial<Options> = {}): Processor {
  metrics = new Metrics()
  return sample.create({ ...DEFAULTS, ...options }, host({ metrics }))
}

function oddities(): Record<string, number> {
  const samples = metrics.families().flatMap((family) => family.samples)
  return Object.fromEntries(samples.map(({ labels, value }) => [labels.reason, value]))
}

const tracesOf = (spans: SpanParts[], service = 'worker'): Buffer => request(spans.map(span), { 'service.name': service })
const statesOf = (batch: Batch | null): (string | undefined)[] =>
  batch === null
    ? []
    : decode('ExportTraceServiceRequest', batch.bytes).resourceSpans!.flatMap(({ scopeSpans }) =>
        scopeSpans!.flatMap(({ spans = [] }) => spans.map(({ traceState }) => traceState))
      )

/** The tracestates of the spans that are left. */
function states(spans: SpanParts[], options: Partial<Options> = {}): (string | undefined)[] {
  const left = sampler(options).process(parseBatch('traces', tracesOf(spans)))
  if (left !== null) strictEqual(left.items, parseBatch('traces', left.bytes).items)
  return statesOf(left)
}

test('the trace id alone decides, and the threshold is written', () => {
  const f = (traceId: string, options: Partial<Options>, ...expected: string[]): void =>
    deepStrictEqual(states([{ traceId }], options), expected)
  f(KEPT, {}, 'ot=th:e666')
  f(CUT, {})
  f(id('ffffffffffffff'), { traces: 0.0001 }, 'ot=th:fff9724')
  f(id('7fffffffffffff'), { traces: 0.5 })
  f(id('80000000000000'), { traces: 0.5 }, 'ot=th:8')
  f(id('ffffffffffffff'), { traces: 0 })
  f(id('e6666000000000'), { precision: 5 }, 'ot=th:e6666')
  f(id('e6665fffffffff'), { precision: 5 })
})

test('an arriving threshold is never lowered, and what does not pass its own is no threshold', () => {
  const f = (random: string, traceState: string, ...expected: (string | undefined)[]): void =>
    deepStrictEqual(states([{ traceId: id(random), traceState }]), expected)
  f('ffffffffffffff', 'ot=th:0', 'ot=th:e666')
  f('ffffffffffffff', 'ot=th:8', 'ot=th:e666')
  f('ffffffffffffff', 'ot=th:e666', 'ot=th:e666')
  f('ffffffffffffff', 'ot=th:e667', 'ot=th:e667')
  f('ffffffffffffff', 'a=b,ot=th:ff', 'a=b,ot=th:ff')
  f('70000000000000', 'ot=th:8')
  f('e7000000000000', 'ot=th:f', undefined)
  deepStrictEqual(oddities(), { contradictory: 1 })
  f('e7000000000000', 'ot=th:f,a=b', 'a=b')
})

test('rv is used in place of the trace id, and stays', () => {
  const f = (random: string, traceState: string, ...expected: string[]): void =>
    deepStrictEqual(states([{ traceId: id(random), traceState }]), expected)
  f('00000000000001', 'ot=rv:e6660000000000', 'ot=rv:e6660000000000;th:e666')
  f('ffffffffffffff', 'ot=rv:e665ffffffffff')
  f('00000000000001', 'ot=th:8;rv:f0000000000000;x:1,a=b', 'ot=rv:f0000000000000;th:e666;x:1,a=b')
  // Malformed: the trace id counts, as for the other spans of the trace.
  f('ffffffffffffff', 'ot=rv:00000', 'ot=th:e666')
  deepStrictEqual(oddities(), { malformed: 1 })
  f('00000000000001', 'ot=rv:FFFFFFFFFFFFFF')
})

test('errors are kept with the threshold they came with', () => {
  const f = (span: SpanParts, options: Partial<Options>, ...expected: (string | undefined)[]): void =>
    deepStrictEqual(states([{ traceId: CUT, status: ERROR, ...span }], options), expected)
  f({}, {}, 'ot=th:0')
  f({ traceState: 'a=b' }, {}, 'ot=th:0,a=b')
  f({ traceState: 'ot=th:8' }, {}, 'ot=th:8')
  f({ status: 1 }, {})
  f({ status: 0 }, {})
  f({ traceId: KEPT }, {}, 'ot=th:0')
  f({ traceId: id('80000000000000') }, { errors: 0.5 }, 'ot=th:8')
  f({ traceId: id('7fffffffffffff') }, { errors: 0.5 })
  // An error is never worth less than the rest.
  f({ traceId: id('80000000000000') }, { traces: 0.5, errors: 0 }, 'ot=th:8')
  f({}, { traces: 0 }, 'ot=th:0')
  f({}, { traces: 0, errors: 0 })
})

test('services have shares of their own, each resource for itself', () => {
  const { process } = sampler({ services: { billing: 1, chatty: 0.01 } })
  const of = (...names: string[]): Buffer => Buffer.concat(names.map((name) => tracesOf([{ traceId: CUT }, { traceId: KEPT }], name)))
  deepStrictEqual(statesOf(process(parseBatch('traces', of('worker', 'billing', 'chatty', 'other')))), [
    'ot=th:e666',
    'ot=th:0',
    'ot=th:0',
    'ot=th:e666'
  ])
  const nameless = request([span({ traceId: CUT })], {})
  deepStrictEqual(statesOf(process(parseBatch('traces', Buffer.concat([of('billing'), nameless])))), ['ot=th:0', 'ot=th:0'])
  const only = sampler({ traces: 1, services: { chatty: 0.01 } })
  deepStrictEqual(statesOf(only.process(parseBatch('traces', of('worker', 'chatty')))), ['ot=th:0', 'ot=th:0'])
})

test('a resource in pieces has the name that one of them has', () => {
  const { process } = sampler({ traces: 0, services: { billing: 1 } })
  const sent = message(
    1,
    message(2, message(2, span())),
    message(1, attribute(1, 'service.name', 'billing')),
    message(1, attribute(1, 'service.version', '1'))
  )
  deepStrictEqual(statesOf(process(parseBatch('traces', sent))), ['ot=th:0'])
})

test('without a trace id there is nothing to decide by: kept, without a threshold, and counted', () => {
  const f = (traceId: string, traceState: string | undefined, options: Partial<Options>, ...expected: (string | undefined)[]): void =>
    deepStrictEqual(states([{ traceId, ...(traceState && { traceState }) }], options), expected)
  f('', undefined, {}, undefined)
  f('0'.repeat(32), undefined, {}, undefined)
  deepStrictEqual(oddities(), { undecidable: 1 })
  f('', 'ot=th:8,a=b', {}, 'a=b')
  f('', 'ot=rv:ffffffffffffff', {}, 'ot=rv:ffffffffffffff;th:e666')
  f('', 'ot=rv:00000000000000', {})
  f('', undefined, { traces: 0 })
  f('', undefined, { mode: 'hash_seed' }, undefined)
})

test('a kept span is otherwise as it came, whatever the order of its fields', () => {
  const unknown = Buffer.from([0xf8, 0x7f, 0x96, 0x01])
  const fields = [
    message(15, varint(3, 1), string(2, 'fine')),
    string(3, 'ot=old,broken'),
    attribute(9, 'a', 'b'),
    unknown,
    string(3, 'ot=th:8,a=b'),
    message(2, Buffer.from('b7ad6b7169203331', 'hex')),
    fixed64(7, 1n),
    message(1, Buffer.from(KEPT, 'hex')),
    attribute(9, 'c', 'd')
  ]
  const expected = fields.with(4, string(3, 'ot=th:e666,a=b'))
  const left = sampler().process(parseBatch('traces', request([Buffer.concat(fields)])))
  deepStrictEqual(Buffer.from(left!.bytes), request([Buffer.concat(expected)]))
})

test('nothing to cut: the very same batch', () => {
  const f = (signal: Batch['signal'], bytes: Uint8Array, options: Partial<Options>): void => {
    const batch = parseBatch(signal, bytes)
    strictEqual(sampler(options).process(batch), batch)
  }
  f('traces', tracesOf([{}, { status: ERROR }]), { traces: 1 })
  f('traces', tracesOf([{ traceId: KEPT, traceState: 'ot=th:e666' }]), {})
  f('logs', request([string(3, 'INFO')]), {})
  f('logs', request([string(3, 'INFO')]), { logs: 0.1 })
  f('profiles', request([string(7, 'one')]), { profiles: 1 })
  f('metrics', request([string(1, 'queue.depth')]), { traces: 0, logs: 0, profiles: 0, errors: 0 })
})

test('logs go with their trace; errors and what has no trace stay', () => {
  const log = (traceId: string, severity: number, ...attributes: Buffer[]): Buffer =>
    Buffer.concat([varint(2, severity), ...attributes, message(9, Buffer.from(traceId, 'hex')), string(3, 'text')])
  const threshold = (text: string): Buffer => attribute(6, 'sampling.threshold', text)
  const f = (sent: Buffer, options: Partial<Options>, ...expected: Buffer[]): void => {
    const left = sampler({ logs: 0.1, ...options }).process(parseBatch('logs', request([sent])))
    deepStrictEqual(
      left === null ? [] : [Buffer.from(left.bytes)],
      expected.map((log) => request([log]))
    )
  }
  f(log(CUT, 9), {})
  f(log(KEPT, 9), {}, Buffer.concat([log(KEPT, 9), threshold('e666')]))
  f(log(KEPT, 9, threshold('8'), attribute(6, 'a', 'b')), {}, log(KEPT, 9, threshold('e666'), attribute(6, 'a', 'b')))
  f(log(KEPT, 9, threshold('e66')), {}, log(KEPT, 9, threshold('e666')))
  f(log(id('ffffffffffffff'), 9, threshold('ff')), {}, log(id('ffffffffffffff'), 9, threshold('ff')))
  f(log(KEPT, 9, threshold('ff')), {}, log(KEPT, 9))
  deepStrictEqual(oddities(), { contradictory: 1 })
  f(log(KEPT, 9, threshold('zz')), {}, log(KEPT, 9, threshold('e666')))
  deepStrictEqual(oddities(), { malformed: 1 })
  const randomness = attribute(6, 'sampling.randomness', 'ffffffffffffff')
  f(log(CUT, 9, randomness), {}, Buffer.concat([log(CUT, 9, randomness), threshold('e666')]))
  f(log(CUT, 17), {}, Buffer.concat([log(CUT, 17), threshold('0')]))
  f(log(CUT, 16), {})
  f(log(CUT, 21), { errors: 0 })
  f(log('', 9), {}, log('', 9))
  f(log('00'.repeat(16), 9), {}, log('00'.repeat(16), 9))
  deepStrictEqual(oddities(), {})
  f(log('', 9), { logs: 0 })
})

test('profiles are decided by their content, in the same way everywhere', () => {
  const profiles = Array.from({ length: 5_000 }, (_, i) => string(7, `profile ${i}`))
  const process = (bytes: Uint8Array, options: Partial<Options>): Batch | null => sampler(options).process(parseBatch('profiles', bytes))
  const left = process(request(profiles), {})!
  ok(Math.abs(left.items - 500) < 100, `${left.items} of 5000 kept`)
  strictEqual(process(left.bytes, {})!.bytes, left.bytes)
  strictEqual(process(request(profiles), { services: { worker: 1 } })!.items, 5_000)
  strictEqual(process(request(profiles), { profiles: 0 }), null)
})

test('hash_seed: sampled before by other dice is sampled again, and its threshold is gone', () => {
  const hashed: Partial<Options> = { traces: 0.5, mode: 'hash_seed' }
  const traceId = '44736efd04e7ff100040d10a8d0bd781' // a hash above 8
  const own = 'ot=rv:d14c03a0e80bac;th:8'
  const f = (traceState: string, ...expected: (string | undefined)[]): void =>
    deepStrictEqual(states([{ traceId, traceState }], hashed), expected)
  f('', own)
  f('ot=th:4', undefined)
  f('ot=rv:ffffffffffffff,a=b', 'ot=rv:ffffffffffffff,a=b')
  f('ot=th:4;rv:ffffffffffffff,a=b', 'ot=rv:ffffffffffffff,a=b')
  // The same dice: a second gateway agrees, and may cut deeper.
  f(own, own)
  deepStrictEqual(states([{ traceId, traceState: own }], { ...hashed, traces: 0.25 }), ['ot=rv:d14c03a0e80bac;th:c'])
  deepStrictEqual(states([{ traceId, traceState: own }], { ...hashed, traces: 0.1 }), [])
})

test('hash_seed: sampling.priority decides, as in the Collector', () => {
  const f = (value: Buffer, traces: number, status: number, ...expected: string[]): void => {
    const bytes = request([Buffer.concat([span({ status }), message(9, string(1, 'sampling.priority'), message(2, value))])])
    deepStrictEqual(statesOf(sampler({ mode: 'hash_seed', traces }).process(parseBatch('traces', bytes))).length, expected.length)
  }
  const double = (value: number): Buffer => {
    const bytes = Buffer.alloc(9)
    bytes[0] = (4 << 3) | 1
    bytes.writeDoubleLE(value, 1)
    return bytes
  }
  f(varint(3, 1), 1e-4, 0, 'kept')
  f(varint(3, 0), 0.9999, 0)
  f(varint(3, 0), 0.9999, ERROR, 'kept')
  f(varint(3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), 1e-4, 0)
  f(double(0.5), 1e-4, 0, 'kept')
  f(double(0), 0.9999, 0)
  f(double(-1), 0.9999, 0, 'kept')
  f(string(1, '2'), 1e-4, 0, 'kept')
  f(string(1, '0'), 0.9999, 0)
  f(string(1, 'yes'), 1e-4, 0)
  f(string(1, ''), 0.9999, 0, 'kept')
})

const arbitrarySpan = fc.record({
  traceId: fc.uint8Array({ minLength: 16, maxLength: 16 }).map((bytes) => Buffer.from(bytes).toString('hex')),
  traceState: fc.oneof(
    fc.constant(''),
    fc.stringMatching(/^ot=(th:[0-9a-f]{1,14})?$/),
    fc.stringMatching(/^ot=(th:[0-9a-f]{1,3};)?rv:[0-9a-f]{14}(;x:[a-z]{0,3})?(,a=b)?$/),
    fc.stringMatching(/^(a=b,)?[ot=thrv:;,0-9a-f ]{0,30}$/),
    fc.string()
  ),
  status: fc.constantFrom(0, 1, ERROR)
})
const arbitraryRatio = fc.oneof(fc.constantFrom(0, 0.1, 0.5, 1), fc.double({ min: 0, max: 1, noNaN: true }))
const mode = fc.constantFrom<Options['mode']>('consistent', 'hash_seed')

test('property: a second gateway with the same rules changes nothing', () => {
  fc.assert(
    fc.property(fc.array(arbitrarySpan, { minLength: 1 }), arbitraryRatio, arbitraryRatio, mode, (spans, traces, errors, mode) => {
      const options = { traces, errors, mode }
      const first = sampler(options).process(parseBatch('traces', tracesOf(spans)))
      if (first === null) return
      const second = sampler(options).process(parseBatch('traces', first.bytes))
      strictEqual(second?.items, first.items)
      const [before, after] = [statesOf(first), statesOf(second)]
      // What was kept without a threshold may get one; what has one keeps it.
      before.forEach((state, i) => {
        if (/\bth:/.test(state ?? '')) strictEqual(after[i], state)
      })
    })
  )
})

test('property: of two gateways in a row the stricter one decides, and its threshold stands', () => {
  const unsampled = arbitrarySpan.map(({ traceId }) => ({ traceId }))
  fc.assert(
    fc.property(fc.array(unsampled, { minLength: 1 }), arbitraryRatio, arbitraryRatio, mode, (spans, a, b, mode) => {
      const batch = parseBatch('traces', tracesOf(spans))
      const run = (ratio: number, batch: Batch | null): Batch | null =>
        batch === null ? null : sampler({ traces: ratio, mode, services: { other: 0.5 } }).process(batch)
      deepStrictEqual(statesOf(run(b, run(a, batch))), statesOf(run(Math.min(a, b), batch)))
    })
  )
})

test('sampled at 50 % by the SDK, 10 % come out of the gateway, with its threshold', () => {
  const total = 50_000
  const ids = Array.from({ length: total }, () => randomBytes(16).toString('hex'))
  const fromSdk = ids.filter((traceId) => traceId.slice(-14) >= '80000000000000').map((traceId) => ({ traceId, traceState: 'ot=th:8' }))
  const left = states(fromSdk)
  deepStrictEqual(new Set(left), new Set(['ot=th:e666']))
  strictEqual(left.length, ids.filter((traceId) => traceId.slice(-14) >= 'e6660000000000').length)
  ok(Math.abs(left.length / total - 0.1) < 0.0075, `${left.length} of ${total} kept`)
})
