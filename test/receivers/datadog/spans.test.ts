import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBatch } from '../../../src/batch.ts'
import { RefusedError } from '../../../src/errors.ts'
import { ByteBudget } from '../../../src/net/limits.ts'
import { senderOf } from '../../../src/receivers/datadog/sender.ts'
import { readTraces, type TraceVersion } from '../../../src/receivers/datadog/trace-request.ts'
import { type Packed, writeMsgpack } from '../../support/write-msgpack.ts'
import { HIGH, NOW, type SpanRead, span, spansOf, v04, v05 } from './agent-support.ts'

type Fields = Parameters<typeof span>[0]

const SERVER = 2
const CLIENT = 3
const PRODUCER = 4
const CONSUMER = 5
const INTERNAL = 1
const RECEIVED_MS = 1_800_000_000_000

function read(body: Buffer, headers: Record<string, string> = {}, version: TraceVersion = 'v0.4'): SpanRead[] {
  const limits = { bytesMax: 10_000_000, lease: new ByteBudget(100_000_000).lease() }
  const { bytes } = readTraces(version, body, senderOf(headers), limits, RECEIVED_MS)
  const spans = spansOf(bytes)
  strictEqual(parseBatch('traces', bytes).items, spans.length)
  return spans
}

/** The one span that comes of a span, the same in both versions. */
function one(fields: Fields = {}): SpanRead {
  const [first] = read(v04([span(fields)]))
  if (!('span_links' in fields) && !('span_events' in fields) && !('meta_struct' in fields))
    deepStrictEqual(read(v05([span(fields)]), {}, 'v0.5')[0], first)
  return first
}

const meta = (tags: Record<string, string>): Fields => ({ meta: { '_dd.p.tid': HIGH, ...tags } })

test('ids have 128 bits and 64, and what is said of a chunk goes for all of it', () => {
  const spans = read(
    v04(
      [span({ meta: {} }), span({ span_id: 2n, parent_id: 0x4d61273ce1780ad8n, meta: { '_dd.p.tid': HIGH, env: 'prod' } })],
      [span({ meta: { '_dd.p.tid': 'nonsense' } })]
    )
  )
  deepStrictEqual(
    spans.map(({ traceId, spanId, parentSpanId }) => [traceId, spanId, parentSpanId]),
    [
      [`${HIGH}3bb9626321eb5d3b`, '4d61273ce1780ad8', undefined],
      [`${HIGH}3bb9626321eb5d3b`, '0000000000000002', '4d61273ce1780ad8'],
      [`${'0'.repeat(16)}3bb9626321eb5d3b`, '4d61273ce1780ad8', undefined]
    ]
  )
  ok(spans.every(({ resource }) => resource['deployment.environment.name'] === 'prod'))
})

test('ids and times come as any number of msgpack', () => {
  const f = (id: Packed, expected: string): void => strictEqual(one({ span_id: id }).spanId, expected)
  f(7, '0000000000000007')
  f(300, '000000000000012c')
  f(2n ** 64n - 1n, 'ffffffffffffffff')
  f(-1n, 'ffffffffffffffff')
  f(-2, 'fffffffffffffffe')
  f(2 ** 40, '0000010000000000')
})

test('names: of the resource, but for what was asked of a database', () => {
  const f = (name: string, resource: string, type: string, expected: string): void =>
    strictEqual(one({ name, resource, type }).name, expected)
  f('web.request', 'GET /jobs/:id', 'web', 'GET /jobs/:id')
  f('job.process', 'tts', '', 'tts')
  f('job.process', '', '', 'job.process')
  f('pg.query', 'select * from users', 'sql', 'pg.query')
  f('mongodb.query', 'find users {"email":"?"}', 'mongodb', 'mongodb.query')
  f('redis.command', 'GET', 'redis', 'GET')
  f('redis.command', 'GET key', 'redis', 'redis.command')
  f('', '', '', 'unnamed')
})

test('what Datadog calls a span stays with it', () => {
  const { attributes } = one({ name: 'web.request', resource: 'GET /jobs/:id', type: 'web' })
  deepStrictEqual(
    [attributes['operation.name'], attributes['resource.name'], attributes['span.type']],
    ['web.request', 'GET /jobs/:id', 'web']
  )
})

test('the kind is told, or known by the type', () => {
  const f = (fields: Fields, expected: number): void => strictEqual(one(fields).kind, expected)
  f({ type: 'custom', ...meta({ 'span.kind': 'producer' }) }, PRODUCER)
  f({ type: 'web', ...meta({ 'span.kind': 'client' }) }, CLIENT)
  f({ type: 'web' }, SERVER)
  f({ type: 'http' }, CLIENT)
  f({ type: 'sql' }, CLIENT)
  f({ type: 'worker', name: 'celery.run' }, INTERNAL)
  f({ type: 'queue', name: 'kafka.consume' }, CONSUMER)
  f({ type: 'worker', name: 'sqs.send' }, PRODUCER)
  f({ type: '', ...meta({ 'span.kind': 'nonsense' }) }, INTERNAL)
  const [, middleware] = read(v04([span(), span({ span_id: 2, parent_id: 0x4d61273ce1780ad8n })]))
  strictEqual(middleware.kind, INTERNAL)
})

test('tags have the names of OpenTelemetry where it has one', () => {
  const f = (tags: Record<string, string>, expected: Record<string, unknown>, type = ''): void => {
    const {
      'operation.name': _o,
      'resource.name': _r,
      'span.type': _t,
      '_dd.top_level': _l,
      ...rest
    } = one({ type, ...meta(tags) }).attributes
    deepStrictEqual(rest, expected)
  }
  f({ 'http.method': 'GET', 'http.status_code': '503' }, { 'http.request.method': 'GET', 'http.response.status_code': 503 })
  f({ 'http.url': 'http://a/b', 'http.route': '/b' }, { 'url.full': 'http://a/b', 'http.route': '/b' })
  f({ 'http.request.headers.x-a': '1' }, { 'http.request.header.x-a': '1' })
  f(
    { 'out.host': 'db', 'network.destination.name': 'other', 'network.destination.port': '5432' },
    { 'server.address': 'db', 'server.port': 5432 }
  )
  f({ 'http.status_code': 'teapot' }, { 'http.response.status_code': 'teapot' })
  f({ 'db.type': 'postgres', 'db.name': 'jobs' }, { 'db.system.name': 'postgresql', 'db.namespace': 'jobs' })
  f({ stage: 'tts', model: 'xtts', 'user.id': 'u' }, { stage: 'tts', model: 'xtts', 'user.id': 'u' })
  f({ '_dd.p.dm': '-0', '_dd.rc.client_id': 'x', 'runtime-id': 'y', language: 'go' }, { '_dd.p.dm': '-0' })
  f({ constructor: 'a', __proto__x: 'b', 'service.name': 'forged', 'sampling.priority': '2' }, { constructor: 'a', __proto__x: 'b' })
})

test('numbers stay numbers, and an attribute stands in a span once', () => {
  const { attributes } = one({
    meta: { 'network.destination.port': '39551', twice: 'text' },
    metrics: {
      'network.destination.port': 1,
      twice: 2,
      count: 3,
      ratio: 0.5,
      left: -7,
      far: -(2 ** 40),
      many: 2 ** 50,
      endless: Number.POSITIVE_INFINITY
    }
  })
  const { count, ratio, left, far, many, endless, twice } = attributes
  deepStrictEqual([count, ratio, left, far, many, endless, twice], [3, 0.5, -7, -(2 ** 40), 2 ** 50, Number.POSITIVE_INFINITY, 'text'])
  strictEqual(attributes['server.port'], 39551)
})

test('a query is the text of a query', () => {
  const { attributes, kind } = one({ type: 'sql', name: 'pg.query', resource: 'select 1', ...meta({ 'db.type': 'postgres' }) })
  deepStrictEqual(
    [attributes['db.query.text'], attributes['db.system.name'], attributes['resource.name'], kind],
    ['select 1', 'postgresql', undefined, CLIENT]
  )
  strictEqual(one({ type: 'sql', name: 'mysql.query', meta: {} }).attributes['db.system.name'], 'mysql')
  strictEqual(one({ type: 'sql', name: 'orm.query', meta: {} }).attributes['db.system.name'], 'other_sql')
  strictEqual(one({ type: 'redis', name: 'redis.command', meta: {} }).attributes['db.system.name'], 'redis')
})

test('an error is an exception of OpenTelemetry and a status', () => {
  const { status, events, attributes, end } = one({
    error: 1,
    ...meta({ 'error.type': 'TypeError', 'error.message': 'boom', 'error.stack': 'TypeError: boom\n    at f (a.js:1:1)' })
  })
  deepStrictEqual(status, { code: 2, message: 'boom' })
  const exception = {
    'exception.type': 'TypeError',
    'exception.message': 'boom',
    'exception.stacktrace': 'TypeError: boom\n    at f (a.js:1:1)'
  }
  deepStrictEqual(events, [{ name: 'exception', time: end, attributes: exception }])
  strictEqual(attributes['error.type'], 'TypeError')
  strictEqual(attributes['error.stack'], undefined)
  deepStrictEqual(one({ error: 1, meta: { 'error.msg': 'old' } }).status, { code: 2, message: 'old' })
  deepStrictEqual(one({ error: 1 }).events, [])
  const told = JSON.stringify([{ name: 'exception', time_unix_nano: 1, attributes: { 'exception.type': 'E' } }])
  strictEqual(one({ error: 1, ...meta({ 'error.message': 'boom', events: told }) }).events.length, 1)
})

test('links and events come as JSON in tags, and by themselves', () => {
  const link = { traceId: '4bf92f3577b34da6a3ce929d0e0e4736', spanId: '00f067aa0ba902b7', attributes: { why: 'test' } }
  const json = JSON.stringify([{ trace_id: link.traceId, span_id: link.spanId, attributes: link.attributes, flags: 1, tracestate: 'a=1' }])
  deepStrictEqual(one(meta({ '_dd.span_links': json })).links, [link])
  const native = {
    trace_id: 0xa3ce929d0e0e4736n,
    trace_id_high: 0x4bf92f3577b34da6n,
    span_id: 0x00f067aa0ba902b7n,
    attributes: { why: 'test' }
  }
  deepStrictEqual(one({ span_links: [native] }).links, [link])

  const event = { name: 'progress', time: 1_795_456_773_819_289_300n, attributes: { pct: 50, ok: true, list: [1, 2], text: 'x' } }
  const typed = {
    pct: { type: 2, int_value: 50 },
    ok: { type: 1, bool_value: true },
    list: {
      type: 4,
      array_value: {
        values: [
          { type: 2, int_value: 1 },
          { type: 3, double_value: 2 }
        ]
      }
    },
    text: { type: 0, string_value: 'x' }
  }
  deepStrictEqual(one({ span_events: [{ name: 'progress', time_unix_nano: event.time, attributes: typed }] }).events, [event])
  const [told] = one(meta({ events: `[{"name":"progress","time_unix_nano":1795456773819289300,"attributes":{"pct":50}}]` })).events
  deepStrictEqual(told.attributes, { pct: 50 })
  for (const nonsense of ['{', '{}', '[1,null,{"name":3}]', '[[]]'])
    deepStrictEqual(one(meta({ events: nonsense, '_dd.span_links': nonsense })).events, [])
})

test('structures that no destination reads, and tags beyond thousands, are left out and counted', () => {
  strictEqual(one({ meta_struct: { stack: Buffer.from([1, 2]), other: Buffer.from([3]) } }).dropped, 2)
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`k${i}`, 'x']))
  strictEqual(one({ meta: many }).dropped, 5000 - 4096)
})

test('times: a start and a duration; a start that cannot be is when the span came', () => {
  const f = (fields: Fields, start: bigint, end: bigint): void => deepStrictEqual([one(fields).start, one(fields).end], [start, end])
  f({}, NOW, NOW + 2_000_000n)
  f({ duration: 2n ** 40n }, NOW, NOW + 2n ** 40n)
  f({ duration: -5n }, NOW, NOW)
  const came = BigInt(RECEIVED_MS) * 1_000_000n
  f({ start: 0n, duration: 1000n }, came - 1000n, came)
  f({ start: -1n, duration: 0n }, came, came)
})

test('what the tracer’s user wants of the sampler is passed on; the tracer’s own choice is not', () => {
  const f = (metrics: Record<string, number>, expected: number | undefined): void =>
    strictEqual(one({ metrics }).attributes['sampling.priority'], expected)
  f({ _sampling_priority_v1: 2 }, 2)
  f({ _sampling_priority_v1: -1 }, 0)
  f({ _sampling_priority_v1: 1 }, undefined)
  f({ _sampling_priority_v1: 0 }, undefined)
  f({ _sampling_priority_v1: 2, '_dd.rule_psr': 0.5 }, 2)
  f({ _sampling_priority_v1: 2, '_dd.rule_psr': 1 }, undefined)
  const all = read(v04([span({ metrics: { _sampling_priority_v1: 2 } }), span({ span_id: 5, metrics: {} })]))
  deepStrictEqual(
    all.map(({ attributes }) => attributes['sampling.priority']),
    [2, 2]
  )
})

test('spans that enter a service are marked, unless the tracer did so', () => {
  const trace = [span({ span_id: 1 }), span({ span_id: 2, parent_id: 1 }), span({ span_id: 3, parent_id: 2, service: 'dub-postgres' })]
  const f = (headers: Record<string, string>, expected: unknown[]): void =>
    deepStrictEqual(
      read(v04(trace), headers).map(({ attributes }) => attributes['_dd.top_level']),
      expected
    )
  f({}, [1, undefined, 1])
  f({ 'datadog-client-computed-top-level': 'true' }, [undefined, undefined, undefined])
})

test('the resource: service, version, environment, process, tracer and container', () => {
  const headers = {
    'datadog-meta-lang': 'javascript',
    'datadog-meta-tracer-version': '6.21.0',
    'datadog-meta-lang-version': 'v24.1.0',
    'datadog-container-id': 'c'.repeat(64),
    'datadog-external-env': 'it-false,cn-worker,pu-75a2b6d5'
  }
  const process = { env: 'prod', 'runtime-id': 'r-1', '_dd.hostname': 'h', '_dd.p.tid': HIGH }
  const spans = read(
    v04([
      span({ meta: { ...process, version: '1.2.3' }, metrics: { process_id: 42 } }),
      span({ span_id: 9, service: 'dub-postgres', meta: {} })
    ]),
    headers
  )
  const shared = {
    'service.instance.id': 'r-1',
    'deployment.environment.name': 'prod',
    'host.name': 'h',
    'process.pid': 42,
    'telemetry.sdk.name': 'datadog',
    'telemetry.sdk.language': 'nodejs',
    'telemetry.sdk.version': '6.21.0',
    'process.runtime.version': 'v24.1.0',
    'container.id': 'c'.repeat(64),
    'k8s.container.name': 'worker',
    'k8s.pod.uid': '75a2b6d5'
  }
  deepStrictEqual(
    spans.map(({ resource }) => resource),
    [
      { 'service.name': 'dub', 'service.version': '1.2.3', ...shared },
      { 'service.name': 'dub-postgres', ...shared }
    ]
  )
  const f = (headers: Record<string, string>, expected: unknown): void =>
    strictEqual(read(v04([span()]), headers)[0].resource['container.id'], expected)
  f({ 'datadog-entity-id': `ci-${'d'.repeat(64)}` }, 'd'.repeat(64))
  f({ 'datadog-entity-id': 'in-1234567890123' }, undefined)
  f({ 'datadog-container-id': 'a b\n' }, undefined)
})

test('many services in one request keep apart', () => {
  const services = Array.from({ length: 700 }, (_, i) => `s${i % 350}`)
  const spans = read(v04(services.map((service, i) => span({ service, span_id: i + 1 }))))
  strictEqual(spans.length, 700)
  ok(spans.every(({ resource, spanId }) => resource['service.name'] === services[Number.parseInt(spanId, 16) - 1]))
})

test('texts that are no UTF-8 are mended', () => {
  const bad = Buffer.concat([Buffer.from('caf'), Buffer.from([0xe9])])
  const body = v04([span({ meta: { MARK: 'MARK', long: `${'x'.repeat(60)}MARK` } })])
  for (let at = body.indexOf('MARK'); at !== -1; at = body.indexOf('MARK')) bad.copy(body, at)
  const [{ attributes }] = read(body)
  strictEqual(attributes['caf\u{fffd}'], 'caf\u{fffd}')
  strictEqual(attributes.long, `${'x'.repeat(60)}caf\u{fffd}`)
})

const packed = fc.letrec<{ value: Packed }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.constantFrom<Packed>(null, true, 0, 1, 'meta', 'service', 'span_id', 'trace_id', '_dd.p.tid'),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 64n - 1n }),
    fc.double(),
    fc.string(),
    fc.uint8Array({ maxLength: 8 }).map((bytes) => Buffer.from(bytes)),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('meta', 'metrics', 'span_links', 'span_events', 'events', 'error')), tie('value'), {
      maxKeys: 6
    })
  )
})).value

/** A request, or its refusal: nothing else may come of bytes. */
function isAnswered(body: Buffer): boolean {
  for (const version of ['v0.4', 'v0.5'] as const) {
    try {
      read(body, {}, version)
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error
    }
  }
  return true
}

test('no bytes do more harm than to be refused', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => isAnswered(Buffer.from(bytes))),
    { numRuns: 500 }
  )
  fc.assert(
    fc.property(packed, (value) => isAnswered(writeMsgpack([[value]])) && isAnswered(writeMsgpack(value))),
    { numRuns: 500 }
  )
  const sound = v04([span(), span({ ...meta({ 'error.message': 'x', events: '[]' }), span_id: 3 })])
  const mutation = fc.tuple(fc.nat(sound.length - 1), fc.nat(255), fc.nat(sound.length))
  fc.assert(
    fc.property(mutation, ([at, byte, length]) => {
      const body = Buffer.from(sound)
      body[at] = byte
      return isAnswered(body) && isAnswered(body.subarray(0, length))
    }),
    { numRuns: 1000 }
  )
})

test('spans with any tags pass the check of a batch, and keep them', () => {
  const texts = fc.dictionary(fc.string(), fc.string(), { maxKeys: 8 })
  const numbers = fc.dictionary(fc.string(), fc.double({ noNaN: true }), { maxKeys: 8 })
  fc.assert(
    fc.property(texts, numbers, fc.string(), fc.string(), (meta, metrics, name, resource) => {
      const [{ attributes }] = read(v04([span({ name, resource, meta, metrics })]))
      for (const [key, value] of Object.entries(meta))
        if (key !== '' && key.isWellFormed() && value.isWellFormed()) strictEqual(attributes[key], value)
    }),
    { numRuns: 200 }
  )
})
