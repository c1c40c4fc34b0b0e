import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { spanItems } from '../../../src/exporters/sentry/span-items.ts'
import type { Span } from '../../../src/otlp/objects.ts'
import { attributesFrom, buildOf, envelopesOf, NOW_NANO } from '../../support/sentry-build.ts'
import type { Json } from '../../support/sentry-json.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const id = (n: number): string => n.toString(16).padStart(16, '0')

const spanOf = (parts: Omit<Span, 'attributes'> & { attributes?: Record<string, unknown> } = {}): Span => ({
  traceId: TRACE,
  spanId: id(1),
  name: 'POST /dub',
  startTimeUnixNano: NOW_NANO,
  endTimeUnixNano: NOW_NANO + 250_000_000n,
  ...parts,
  attributes: attributesFrom(parts.attributes ?? {})
})

const payloadsOf = (spans: Span[], resource = {}, build = buildOf()) =>
  spanItems([{ resource: { attributes: attributesFrom(resource) }, scopeSpans: [{ scope: { name: 'lib', version: '3' }, spans }] }], build)
const itemsOf = (spans: Span[], resource = {}): Json[] =>
  envelopesOf(payloadsOf(spans, resource)).flatMap(({ items }) => items.flatMap(({ json }) => json.items))
const itemOf = (parts: Parameters<typeof spanOf>[0], resource = {}): Json => itemsOf([spanOf(parts)], resource)[0]
/** The values of its attributes, without their types. */
const valuesOf = (item: Json): Json => Object.fromEntries(Object.entries<Json>(item.attributes).map(([key, { value }]) => [key, value]))

test('a span with all it has', () => {
  const { attributes, ...fields } = itemOf(
    {
      parentSpanId: id(9),
      kind: 2,
      traceState: 'ot=rv:f0000000000000;th:8',
      status: { code: 2, message: 'upstream gone' },
      flags: 0x301,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/dub',
        'gpu.utilization': 0.5,
        'gpu.count': 1,
        ok: true,
        list: ['a', 'b']
      },
      links: [{ traceId: TRACE, spanId: id(5), flags: 1, attributes: attributesFrom({ why: 'batch' }) }],
      events: [{ name: 'retry', timeUnixNano: NOW_NANO, attributes: attributesFrom({ n: 1, 'exception.stacktrace': 'long' }) }]
    },
    { 'service.name': 'api', 'service.version': '1.0', 'telemetry.sdk.language': 'nodejs', 'k8s.pod.name': 'api-1' }
  )
  deepStrictEqual(fields, {
    trace_id: TRACE,
    span_id: id(1),
    parent_span_id: id(9),
    name: 'POST /dub',
    status: 'error',
    is_segment: true,
    start_timestamp: 1_700_000_000,
    end_timestamp: 1_700_000_000.25,
    links: [{ trace_id: TRACE, span_id: id(5), sampled: true, attributes: { why: { value: 'batch', type: 'string' } } }]
  })
  const string = (value: string) => ({ value, type: 'string' })
  deepStrictEqual(attributes, {
    'http.request.method': string('POST'),
    'http.route': string('/dub'),
    'gpu.utilization': { value: 0.5, type: 'double' },
    'gpu.count': { value: 1, type: 'integer' },
    ok: { value: true, type: 'boolean' },
    list: { value: ['a', 'b'], type: 'array' },
    'sentry.op': string('http.server'),
    'sentry.kind': string('server'),
    'sentry.origin': string('auto.otlp.span'),
    'sentry.client_sample_rate': { value: 0.5, type: 'double' },
    'sentry.segment.id': string(id(1)),
    'sentry.segment.name': string('POST /dub'),
    'sentry.segment.name.source': string('route'),
    'sentry.span.source': string('route'),
    'sentry.status.message': string('upstream gone'),
    'span.events': string('[{"name":"retry","time":1700000000,"attributes":{"n":1}}]'),
    'sentry.sdk.name': string('sluice'),
    'sentry.sdk.version': string('1.2.3'),
    'sentry.release': string('api@1.0'),
    'sentry.environment': string('production'),
    'sentry.platform': string('node'),
    'server.address': string('api-1'),
    'otel.scope.name': string('lib'),
    'otel.scope.version': string('3'),
    'service.name': string('api'),
    'service.version': string('1.0'),
    'telemetry.sdk.language': string('nodejs'),
    'k8s.pod.name': string('api-1')
  })
})

test('values keep their types; what no type fits is a text', () => {
  const f = (value: unknown, expected: unknown): void => deepStrictEqual(itemOf({ attributes: { x: value } }).attributes.x, expected)
  f('text "quoted" \n 💥', { value: 'text "quoted" \n 💥', type: 'string' })
  f(2n ** 53n, { value: '9007199254740992', type: 'string' })
  f(-5, { value: -5, type: 'integer' })
  f(0.25, { value: 0.25, type: 'double' })
  f(Number.NaN, { value: 'NaN', type: 'string' })
  f([1, 2.5], { value: [1, 2.5], type: 'array' })
  f(['a', 1], { value: '["a",1]', type: 'string' })
  f([], { value: '[]', type: 'string' })
  f({ a: { b: 1 } }, { value: '{"a":{"b":1}}', type: 'string' })
  f(Buffer.from('raw'), { value: 'cmF3', type: 'string' })
  f('y'.repeat(20_000), { value: `${'y'.repeat(16 * 1024 - 1)}…`, type: 'string' })
})

test("a span's own attributes go before those of its resource, and each key stands once", () => {
  const build = buildOf()
  const twice = [...attributesFrom({ a: 1 }), ...attributesFrom({ a: 2, host: 'own' })]
  const payloads = payloadsOf([{ ...spanOf(), attributes: twice }, spanOf({ spanId: id(2) })], { host: 'shared', b: 3 }, build)
  const text = Buffer.from(payloads.built[0].items[0].payload).toString()
  deepStrictEqual([text.split('"a":').length, text.split('"host":').length], [2, 3])
  const [first, second] = JSON.parse(text).items.map(valuesOf)
  deepStrictEqual([first.a, first.host, first.b, second.host, second.b], [1, 'own', 3, 'shared', 3])
})

test('the operation is told by the attributes', () => {
  const f = (kind: number, attributes: Record<string, unknown>, expected: string): void =>
    deepStrictEqual(valuesOf(itemOf({ kind, attributes }))['sentry.op'], expected)
  f(2, { 'http.request.method': 'GET' }, 'http.server')
  f(3, { 'http.method': 'GET' }, 'http.client')
  f(3, { 'db.system.name': 'postgresql' }, 'db')
  f(3, { 'db.system': 'redis' }, 'db.redis')
  f(3, { 'rpc.system': 'grpc', 'http.request.method': 'POST' }, 'rpc')
  f(4, { 'messaging.system': 'kafka' }, 'queue.publish')
  f(5, { 'messaging.system': 'kafka' }, 'queue.process')
  f(3, { 'messaging.system': 'kafka', 'messaging.operation.type': 'receive' }, 'queue.receive')
  f(5, {}, 'queue.process')
  f(1, { 'gen_ai.operation.name': 'chat' }, 'gen_ai.chat')
  f(1, { 'gen_ai.request.model': 'whisper-large-v3' }, 'gen_ai.request')
  f(2, { 'faas.trigger': 'http' }, 'function')
  f(1, {}, 'function')
  f(0, {}, 'function')
  f(3, {}, 'default')
  f(2, { 'sentry.op': 'my.op', 'http.request.method': 'GET' }, 'my.op')
})

test('a segment is what a service begins with: no parent, or one elsewhere', () => {
  const f = (parts: Omit<Span, 'attributes'>, expected: boolean): void => deepStrictEqual(itemOf(parts).is_segment, expected)
  f({}, true)
  f({ parentSpanId: '0'.repeat(16) }, true)
  f({ parentSpanId: id(2) }, false)
  f({ parentSpanId: id(2), flags: 0x300 }, true)
  f({ parentSpanId: id(2), flags: 0x100, kind: 2 }, false)
  // Of old SDKs, which do not tell where the parent is.
  f({ parentSpanId: id(2), kind: 2 }, true)
  f({ parentSpanId: id(2), kind: 5 }, true)
  f({ parentSpanId: id(2), kind: 3 }, false)
})

test('the spans under a segment know it, however deep, where it is in the batch', () => {
  const chain = [4, 3, 2, 1].map((n) => spanOf({ spanId: id(n), parentSpanId: n === 1 ? '' : id(n - 1), name: `s${n}` }))
  const segments = (spans: Span[]) => itemsOf(spans).map((item) => [item.attributes['sentry.segment.id']?.value, item.is_segment])
  deepStrictEqual(segments(chain), [...[4, 3, 2].map(() => [id(1), false]), [id(1), true]])
  deepStrictEqual(
    segments(chain.slice(0, 3)),
    [4, 3, 2].map(() => [undefined, false])
  )
  // A consumer in the same process as its parent is no segment.
  const consumer = spanOf({ spanId: id(2), parentSpanId: id(1), kind: 5 })
  deepStrictEqual(segments([spanOf(), consumer]), [[id(1), true], [id(1), false]]) // biome-ignore format: pairs
  // Spans that are each other's parents.
  deepStrictEqual(segments([spanOf({ parentSpanId: id(2) }), spanOf({ spanId: id(2), parentSpanId: id(1) })]), [
    [undefined, false],
    [undefined, false]
  ])
})

test('containers hold one trace, one rate and 1000 spans at most', () => {
  const f = (spans: Span[], expected: [count: number, rate: string | undefined][]): void => {
    const envelopes = envelopesOf(payloadsOf(spans))
    deepStrictEqual(envelopes.flatMap(({ problems }) => problems), []) // biome-ignore format: short
    deepStrictEqual(
      envelopes.map(({ header, items }) => [items[0].header.item_count, header.trace.sample_rate]),
      expected
    )
  }
  const many = (count: number, parts: Omit<Span, 'attributes'> = {}): Span[] =>
    Array.from({ length: count }, (_, i) => spanOf({ spanId: id(i + 1), ...parts }))
  f(many(1000), [[1000, undefined]])
  f(many(2001), [[1000, undefined], [1000, undefined], [1, undefined]]) // biome-ignore format: pairs
  f([...many(2), ...many(3, { traceId: 'f'.repeat(32) }), ...many(1)], [[3, undefined], [3, undefined]]) // biome-ignore format: pairs
  // An error of the same trace that was kept at a rate of its own.
  f([...many(2, { traceState: 'ot=th:8' }).map((span) => ({ ...span, traceId: 'f'.repeat(32) })), spanOf({ traceId: 'f'.repeat(32), traceState: 'ot=th:0' })], [[2, '0.5'], [1, '1']]) // biome-ignore format: pairs
})

test('large spans make small containers, and no span is larger than Sentry takes', () => {
  const attributes = Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`k${i}`, '\u0001'.repeat(8000)]))
  const build = buildOf()
  const payloads = payloadsOf(
    Array.from({ length: 100 }, (_, i) => spanOf({ spanId: id(i + 1), attributes })),
    {},
    build
  )
  deepStrictEqual(envelopesOf(payloads).flatMap(({ problems }) => problems), []) // biome-ignore format: short
  deepStrictEqual([payloads.built.length > 1, payloads.built.every(({ items }) => items[0].payload.length < 5.5e6)], [true, true])
  deepStrictEqual((build.trimmed.counts.get('attributes') ?? 0) > 0, true)
})

test('the name of a trace is that of its first span, unless it is a URL', () => {
  const f = (parts: Parameters<typeof spanOf>[0], expected: string | undefined): void =>
    deepStrictEqual(envelopesOf(payloadsOf([spanOf(parts)]))[0].header.trace.transaction, expected)
  f({ kind: 2, attributes: { 'http.request.method': 'GET', 'http.route': '/a/{id}' } }, 'POST /dub')
  f({ kind: 2, attributes: { 'http.request.method': 'GET' } }, undefined)
  f({ kind: 1 }, 'POST /dub')
  f({ kind: 2, parentSpanId: id(4), flags: 0x300 }, undefined)
})

test('times: to the microsecond, and what has none has that of its other end, or of its receipt', () => {
  const f = (startTimeUnixNano: bigint, endTimeUnixNano: bigint, expected: [number, number]): void => {
    const { start_timestamp, end_timestamp } = itemOf({ startTimeUnixNano, endTimeUnixNano })
    deepStrictEqual([start_timestamp, end_timestamp], expected)
  }
  f(NOW_NANO + 123_456_789n, NOW_NANO + 999_999_999n, [1_700_000_000.123457, 1_700_000_001])
  f(0n, NOW_NANO, [1_700_000_000, 1_700_000_000])
  f(NOW_NANO, 0n, [1_700_000_000, 1_700_000_000])
  f(NOW_NANO, NOW_NANO - 1_000_000_000n, [1_700_000_000, 1_700_000_000])
  f(1n, 2n ** 64n - 1n, [1_700_000_000, 1_700_000_000])
})

test('spans without ids are rejected, and told which', () => {
  const [good, bad, worse] = [spanOf(), spanOf({ traceId: '' }), spanOf({ spanId: '0'.repeat(16) })]
  const { built, rejected } = payloadsOf([bad, good, worse])
  deepStrictEqual([built.map(({ records }) => records), [...rejected]], [[[good]], [['no trace id or span id', [bad, worse]]]])
})
