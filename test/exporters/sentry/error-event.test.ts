import { deepStrictEqual, notDeepStrictEqual, ok } from 'node:assert/strict'
import { test } from 'node:test'
import type { Build } from '../../../src/exporters/sentry/context.ts'
import { errorItems, type Stacks } from '../../../src/exporters/sentry/error-event.ts'
import { detectLanguage, parseStack } from '../../../src/exporters/sentry/stacks/parse-stack.ts'
import type { ParsedException } from '../../../src/exporters/sentry/stacks/stack.ts'
import type { LogRecord } from '../../../src/otlp/objects.ts'
import { attributesFrom, buildOf, envelopesOf, NOW_NANO } from '../../support/sentry-build.ts'
import type { Json } from '../../support/sentry-json.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'

const frame = (name: string, parts = {}) => ({ function: name, filename: 'dub.py', lineno: 3, in_app: true, ...parts })
const stacksOf = (...parsed: ParsedException[]): Stacks => ({ parse: () => parsed, detect: () => undefined })
const NO_STACKS = stacksOf()

interface Parts {
  readonly attributes?: Record<string, unknown>
  readonly resource?: Record<string, unknown>
  readonly record?: Partial<LogRecord>
  readonly stacks?: Stacks
  readonly build?: Build
}

function envelopeOf({ attributes = {}, resource = {}, record = {}, stacks = NO_STACKS, build = buildOf() }: Parts) {
  const log: LogRecord = {
    timeUnixNano: NOW_NANO,
    severityNumber: 17,
    eventName: 'exception',
    attributes: attributesFrom(attributes),
    ...record
  }
  const entries = [
    { resource: { attributes: attributesFrom(resource) }, scopeLogs: [{ scope: { name: 'lib', version: '2' }, logRecords: [log] }] }
  ]
  const [envelope] = envelopesOf(errorItems(entries, build, stacks))
  deepStrictEqual(envelope.problems, [])
  return envelope
}
const eventOf = (parts: Parts): Json => envelopeOf(parts).items[0].json

const ERROR = { 'exception.type': 'ValueError', 'exception.message': 'bad frame', 'error.origin': 'span_event' }

test('an error in a request', () => {
  const event = eventOf({
    attributes: {
      ...ERROR,
      'error.mechanism.handled': false,
      'span.name': 'POST /dub',
      'span.kind': 'server',
      'span.parent_id': 'aaaaaaaaaaaaaaaa',
      'http.request.method': 'POST',
      'http.route': '/dub',
      'http.response.status_code': 503,
      'url.full': 'https://api.example/dub?x=1',
      'url.query': 'x=1',
      'http.request.header.accept': ['text/html', '*/*'],
      'user_agent.original': 'curl/8',
      'client.address': '10.1.2.3',
      'user.id': 'u1',
      'user.email': 'a@b.example',
      'job.stage': 'tts',
      'correlation.id': 'req-1',
      attempt: 3
    },
    resource: {
      'service.name': 'api',
      'service.version': '1.4',
      'deployment.environment.name': 'staging',
      'telemetry.sdk.language': 'python',
      'telemetry.sdk.name': 'opentelemetry',
      'telemetry.sdk.version': '1.30',
      'process.runtime.name': 'cpython',
      'process.runtime.version': '3.12',
      'host.name': 'node-1',
      'os.type': 'linux',
      team: 'media'
    },
    record: { traceId: TRACE, spanId: SPAN, body: { stringValue: 'bad frame' } }
  })
  const { event_id, ...rest } = event
  deepStrictEqual(rest, {
    timestamp: 1_700_000_000,
    platform: 'python',
    level: 'error',
    environment: 'staging',
    sdk: { name: 'sluice', version: '1.2.3' },
    release: 'api@1.4',
    server_name: 'node-1',
    logger: 'lib',
    transaction: 'POST /dub',
    exception: { values: [{ type: 'ValueError', value: 'bad frame', mechanism: { type: 'auto.otlp.exception', handled: false } }] },
    request: {
      method: 'POST',
      url: 'https://api.example/dub?x=1',
      query_string: 'x=1',
      headers: { accept: 'text/html, */*', 'user-agent': 'curl/8' }
    },
    user: { id: 'u1', email: 'a@b.example', ip_address: '10.1.2.3' },
    tags: {
      service: 'api',
      stage: 'tts',
      node: 'node-1',
      'correlation.id': 'req-1',
      'user.id': 'u1',
      'http.status_code': '503',
      'error.origin': 'span_event'
    },
    contexts: {
      trace: {
        trace_id: TRACE,
        span_id: SPAN,
        parent_span_id: 'aaaaaaaaaaaaaaaa',
        op: 'http.server',
        status: 'unavailable',
        data: {
          'span.name': 'POST /dub',
          'span.kind': 'server',
          'span.parent_id': 'aaaaaaaaaaaaaaaa',
          'http.route': '/dub',
          'http.response.status_code': 503
        }
      },
      runtime: { name: 'cpython', version: '3.12' },
      os: { name: 'linux' },
      device: { name: 'node-1' },
      app: { app_name: 'api', app_version: '1.4' },
      resource: {
        'deployment.environment.name': 'staging',
        'telemetry.sdk.name': 'opentelemetry',
        'telemetry.sdk.version': '1.30',
        team: 'media'
      }
    },
    extra: { 'job.stage': 'tts', 'correlation.id': 'req-1', attempt: 3 },
    modules: { opentelemetry: '1.30', lib: '2' }
  })
})

test('the GPU at that moment, and the pod', () => {
  const { contexts, tags, server_name } = eventOf({
    attributes: {
      ...ERROR,
      'gpu.utilization': 0.97,
      'gpu.memory.used': 80 * 2 ** 30,
      'gpu.temperature': 71,
      'gpu.power': 640.5,
      'gpu.throttle.reasons': ['sw_power_cap'],
      'gpu.process.pid': 4711,
      'gpu.process.name': 'python3',
      'gpu.process.memory.used': 79 * 2 ** 30,
      'gpu.sample.age': 2.5,
      'gen_ai.request.model': 'whisper-large-v3'
    },
    resource: {
      'hw.id': 'GPU-1',
      'hw.type': 'gpu',
      'hw.vendor': 'NVIDIA',
      'hw.model': 'NVIDIA H100 80GB HBM3',
      'hw.driver_version': '570.1',
      'gpu.index': 3,
      'gpu.memory.size': 81_559 * 2 ** 20,
      'k8s.pod.name': 'worker-1',
      'k8s.namespace.name': 'dub',
      'k8s.node.name': 'gpu-node-7',
      'container.image.name': 'worker'
    }
  })
  deepStrictEqual(contexts.gpu, {
    name: 'NVIDIA H100 80GB HBM3',
    vendor_name: 'NVIDIA',
    version: '570.1',
    memory_size: 81_559,
    uuid: 'GPU-1',
    index: 3,
    memory_used_bytes: 80 * 2 ** 30,
    memory_used_ratio: 1.004,
    utilization: 0.97,
    temperature_celsius: 71,
    power_watts: 640.5,
    throttle_reasons: ['sw_power_cap'],
    process_pid: 4711,
    process_name: 'python3',
    process_memory_used_bytes: 79 * 2 ** 30,
    sample_age_seconds: 2.5
  })
  deepStrictEqual(contexts.pod, { name: 'worker-1', namespace: 'dub', 'node.name': 'gpu-node-7', 'container.image.name': 'worker' })
  deepStrictEqual(Object.keys(contexts), ['gpu', 'pod'])
  deepStrictEqual(server_name, 'worker-1')
  deepStrictEqual(tags, {
    model: 'whisper-large-v3',
    'gpu.uuid': 'GPU-1',
    'gpu.model': 'NVIDIA H100 80GB HBM3',
    'gpu.index': '3',
    pod: 'worker-1',
    namespace: 'dub',
    node: 'gpu-node-7',
    'error.origin': 'span_event'
  })
})

const CHAIN: ParsedException[] = [
  { id: 1, parent: 0, source: '__cause__', type: 'OSError', value: 'disk', frames: [frame('read')] },
  { id: 0, type: 'DubError', value: 'cut …', module: 'app.dub', frames: [frame('main'), frame('run')] }
]

test('a chain: causes first, what was caught last, with the whole message that was told', () => {
  const { exception, extra } = eventOf({
    attributes: {
      'exception.type': 'app.dub.DubError',
      'exception.message': 'cut in two',
      'exception.stacktrace': 'Traceback',
      'error.mechanism.handled': true
    },
    stacks: stacksOf(...CHAIN)
  })
  deepStrictEqual(exception.values, [
    {
      type: 'OSError',
      value: 'disk',
      mechanism: { type: 'chained', handled: true, exception_id: 1, parent_id: 0, source: '__cause__' },
      stacktrace: { frames: [{ function: 'read', filename: 'dub.py', lineno: 3, in_app: true }] }
    },
    {
      type: 'DubError',
      value: 'cut in two',
      module: 'app.dub',
      mechanism: { type: 'auto.log.exception', handled: true, exception_id: 0 },
      stacktrace: { frames: [frame('main'), frame('run')] }
    }
  ])
  deepStrictEqual(extra, undefined)
})

test('a traceback of Python, of a sender that does not tell its language', () => {
  const stack = `Traceback (most recent call last):
  File "/app/dub/io.py", line 8, in read
    return open(path)
OSError: disk

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "/app/dub/main.py", line 3, in main
    run()
  File "/app/dub/run.py", line 9, in run
    raise DubError("no frames") from error
app.dub.DubError: no frames
`
  const stacks: Stacks = { parse: (language, text, trimmed) => parseStack(language, text, {}, trimmed), detect: detectLanguage }
  const attributes = { 'exception.type': 'app.dub.DubError', 'exception.message': 'no frames', 'exception.stacktrace': stack }
  const { platform, exception } = eventOf({ attributes, stacks })
  deepStrictEqual(platform, 'python')
  deepStrictEqual(
    exception.values.map(({ type, value, mechanism, stacktrace }: Json) => [
      type,
      value,
      mechanism.parent_id,
      stacktrace.frames.map((each: Json) => each.function)
    ]),
    [
      ['OSError', 'disk', 0, ['read']],
      ['DubError', 'no frames', undefined, ['main', 'run']]
    ]
  )
})

test('a stack that cannot be read is kept as it is; a type is made up for nobody', () => {
  const f = (attributes: Record<string, unknown>, expected: Json, raw: string | undefined): void => {
    const { exception, extra } = eventOf({ attributes, record: { body: { stringValue: 'it broke' } } })
    deepStrictEqual([exception?.values, extra?.raw_stacktrace], [expected, raw])
  }
  const mechanism = { type: 'auto.log.exception' }
  f({ 'exception.type': 'E', 'exception.stacktrace': 'somewhere' }, [{ type: 'E', mechanism }], 'somewhere')
  f({ 'exception.message': 'm' }, [{ value: 'm', mechanism: { ...mechanism, synthetic: true } }], undefined)
  f({ 'exception.stacktrace': 'somewhere' }, undefined, 'somewhere')
  f({}, undefined, undefined)
})

test('what a log says stands beside its exception, where it says more', () => {
  const f = (attributes: Record<string, unknown>, body: string | undefined, expected: string | undefined): void => {
    const record = body === undefined ? {} : { body: { stringValue: body } }
    deepStrictEqual(eventOf({ attributes, record }).logentry?.formatted, expected)
  }
  f(ERROR, 'bad frame', undefined)
  f(ERROR, 'dubbing failed', 'dubbing failed')
  f(ERROR, undefined, undefined)
  f({}, 'dubbing failed', 'dubbing failed')
  f({}, undefined, 'exception')
  f({}, 'x'.repeat(9000), `${'x'.repeat(8191)}…`)
})

test('the same error has the same id, and no other has', () => {
  const idOf = (parts: Parts): string => eventOf(parts).event_id
  const base: Parts = { attributes: ERROR, record: { traceId: TRACE, spanId: SPAN }, resource: { 'service.name': 'a' } }
  deepStrictEqual(idOf(base), idOf(base))
  deepStrictEqual(idOf({ ...base, attributes: { ...ERROR, 'error.count': 7 } }), idOf(base))
  ok(/^[0-9a-f]{12}4[0-9a-f]{3}a[0-9a-f]{15}$/.test(idOf(base)))
  const others: Parts[] = [
    { ...base, record: { traceId: TRACE, spanId: 'a'.repeat(16) } },
    { ...base, record: { traceId: 'b'.repeat(32), spanId: SPAN } },
    { ...base, record: { traceId: TRACE, spanId: SPAN, timeUnixNano: NOW_NANO + 1n } },
    { ...base, attributes: { ...ERROR, 'exception.type': 'X' } },
    { ...base, attributes: { ...ERROR, 'exception.message': 'X' } },
    { ...base, resource: { 'service.name': 'b' } }
  ]
  for (const other of others) notDeepStrictEqual(idOf(other), idOf(base))
})

test('an e-mail address leaves with the user, if it may, and with nothing else', () => {
  const f = (email: string, sendEmail: boolean, expected: string | undefined): void => {
    const event = eventOf({ attributes: { ...ERROR, 'user.email': email, 'user.id': 'u' }, build: buildOf({ sendEmail }) })
    deepStrictEqual(event.user, { id: 'u', ...(expected !== undefined && { email: expected }) })
    deepStrictEqual(JSON.stringify(event).split(email).length, expected === undefined ? 1 : 2)
  }
  f('a@b.example', true, 'a@b.example')
  f('a@b.example', false, undefined)
  f('[masked]', true, undefined)
})

test('names of releases and environments are such as Sentry takes', () => {
  const f = (resource: Record<string, unknown>, expected: [string | undefined, string]): void => {
    const { release, environment } = eventOf({ attributes: ERROR, resource })
    deepStrictEqual([release, environment], expected)
  }
  f({}, [undefined, 'production'])
  f({ 'service.name': 'a', 'service.version': '1' }, ['a@1', 'production'])
  f({ 'service.name': 'unknown_service:node', 'service.version': '1' }, ['1', 'production'])
  f({ 'service.name': 'team/a b', 'service.version': '1\\2' }, ['team-a-b@1-2', 'production'])
  f({ 'deployment.environment': 'None' }, [undefined, 'production'])
  f({ 'deployment.environment.name': 'eu/west 1' }, [undefined, 'eu-west-1'])
  f({ 'deployment.environment.name': 'x'.repeat(99) }, [undefined, 'x'.repeat(64)])
  const { release, environment } = eventOf({ attributes: ERROR, build: buildOf({ release: 'r1', environment: 'e1' }) })
  deepStrictEqual([release, environment], ['r1', 'e1'])
})

test('platform and level', () => {
  const f = (language: string | undefined, severityNumber: number, expected: [string, string]): void => {
    const resource = language === undefined ? {} : { 'telemetry.sdk.language': language }
    const { platform, level } = eventOf({ attributes: ERROR, resource, record: { severityNumber } })
    deepStrictEqual([platform, level], expected)
  }
  f('nodejs', 21, ['node', 'fatal'])
  f('dotnet', 17, ['csharp', 'error'])
  f('webjs', 13, ['javascript', 'warning'])
  f('rust', 9, ['native', 'info'])
  f('cobol', 5, ['other', 'debug'])
  f('__proto__', 0, ['other', 'error'])
  f(undefined, 17, ['other', 'error'])
  const detected = eventOf({ attributes: { ...ERROR, 'exception.stacktrace': 'x' }, stacks: { parse: () => [], detect: () => 'go' } })
  deepStrictEqual(detected.platform, 'go')
})

test('the work that it happened in gives the transaction its name', () => {
  const f = (attributes: Record<string, unknown>, expected: string | undefined): void =>
    deepStrictEqual(eventOf({ attributes: { ...ERROR, ...attributes } }).transaction, expected)
  f({ 'span.kind': 'server', 'span.name': 'GET /a' }, 'GET /a')
  f({ 'span.kind': 'consumer', 'span.name': 'jobs process', 'span.parent_id': SPAN }, 'jobs process')
  f({ 'span.kind': 'internal', 'span.name': 'stt' }, 'stt')
  f({ 'span.kind': 'internal', 'span.name': 'decode', 'span.parent_id': SPAN }, undefined)
  f({ 'span.kind': 'client', 'span.name': 'GET', 'http.route': '/x' }, undefined)
  f({ 'http.request.method': 'PUT', 'http.route': '/x/{id}' }, 'PUT /x/{id}')
  f({}, undefined)
})

test('an error of a trace without a known span gets one, so that it is found in its trace', () => {
  const envelope = envelopeOf({ attributes: ERROR, record: { traceId: TRACE } })
  const { event_id, contexts } = envelope.items[0].json
  deepStrictEqual(contexts.trace, { trace_id: TRACE, span_id: event_id.slice(0, 16) })
  deepStrictEqual(envelope.header.trace, { trace_id: TRACE, public_key: 'key', environment: 'production' })
  const without = envelopeOf({ attributes: { ...ERROR, 'http.route': '/x' } })
  deepStrictEqual(
    [without.header.trace, without.items[0].json.contexts, without.items[0].json.extra],
    [undefined, {}, { 'http.route': '/x' }]
  )
})

test('what was sent to others is no request of ours', () => {
  const attributes = { ...ERROR, 'span.kind': 'client', 'http.request.method': 'GET', 'url.full': 'https://other.example/' }
  const { request, contexts } = eventOf({ attributes, record: { traceId: TRACE, spanId: SPAN } })
  deepStrictEqual([request, contexts.trace.op, contexts.trace.data['url.full']], [undefined, 'http.client', 'https://other.example/'])
})

test('grouping, counts and more tags', () => {
  const attributes = {
    ...ERROR,
    'error.fingerprint': ['oom', 'device'],
    'error.group': 'out-of-memory',
    'error.count': 41,
    'tenant/id': 'a\nb',
    empty: ''
  }
  const { fingerprint, tags, extra } = eventOf({ attributes, build: buildOf({ tags: ['tenant/id', 'empty', '__proto__', 'absent'] }) })
  deepStrictEqual(fingerprint, ['oom', 'device'])
  deepStrictEqual(tags, { 'error.group': 'out-of-memory', 'error.origin': 'span_event', tenant_id: 'a b' })
  deepStrictEqual(extra, { 'error.count': 41, 'tenant/id': 'a\nb', empty: '' })
})

test('the trail: the oldest first, a hundred at most', () => {
  const crumb = (parts: object) => ({
    timestamp: NOW_NANO - 1_500_000_000n,
    type: 'default',
    category: 'log',
    level: 'info',
    message: 'm',
    ...parts
  })
  const crumbsOf = (crumbs: unknown[]): Json => eventOf({ attributes: { ...ERROR, 'error.breadcrumbs': crumbs } }).breadcrumbs
  deepStrictEqual(
    crumbsOf([
      crumb({ timestamp: NOW_NANO, message: 'b', level: 'warn' }),
      crumb({ message: 'a', data: { status: 200 } }),
      crumb({ level: 'loud' })
    ]),
    [
      { timestamp: 1_699_999_998.5, type: 'default', category: 'log', level: 'info', message: 'a', data: { status: 200 } },
      { timestamp: 1_699_999_998.5, type: 'default', category: 'log', level: 'info', message: 'm' },
      { timestamp: 1_700_000_000, type: 'default', category: 'log', level: 'warning', message: 'b' }
    ]
  )
  const many = crumbsOf(Array.from({ length: 130 }, (_, i) => crumb({ message: `${i}` })))
  deepStrictEqual([many.length, many[0].message, many[99].message], [100, '30', '129'])
})

test('an event fits: the trail loses its data first, then goes what is left over; the exception stays', () => {
  const big = (size: number) => 'x'.repeat(size)
  const attributes: Record<string, unknown> = { ...ERROR, 'exception.stacktrace': 's' }
  const lines = Array.from({ length: 140 }, () => frame('f', { context_line: big(4000), vars: { v: big(4000) } }))
  const build = buildOf()
  const stacks = stacksOf({ id: 0, type: 'ValueError', value: 'bad frame', frames: lines })
  for (let i = 0; i < 40; i++) attributes[`extra${i}`] = big(20_000)
  attributes['error.breadcrumbs'] = Array.from({ length: 100 }, () => ({ message: 'm', data: { a: big(900), b: big(900), c: big(900) } }))
  const event = eventOf({ attributes, stacks, build })
  deepStrictEqual(event.exception.values[0].value, 'bad frame')
  deepStrictEqual(event.exception.values[0].stacktrace.frames.length, 140)
  deepStrictEqual(
    [event.breadcrumbs[0].data, event.extra, event.exception.values[0].stacktrace.frames[0].vars],
    [undefined, undefined, undefined]
  )
  deepStrictEqual(event.exception.values[0].stacktrace.frames[0].context_line.length, 4000)
  deepStrictEqual([...build.trimmed.counts.keys()].sort(), ['breadcrumbs', 'extra', 'variables'])
})
