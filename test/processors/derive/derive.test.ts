import { deepStrictEqual, match, ok, strictEqual, throws } from 'node:assert/strict'
import { mock, test } from 'node:test'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import {
  type Attributes,
  CLIENT,
  deriveWith,
  ERROR,
  linesOf,
  metricsOf,
  requestOf,
  SERVER,
  type SpanFacts,
  START,
  spanOf
} from './support.ts'

const HTTP = { 'http.request.method': 'GET', 'http.route': '/users/:id', 'http.response.status_code': 200 }

test('derive counts spans under the names that dashboards ask for', () => {
  const f = (metric: string, span: SpanFacts, expected: string[]): void => {
    const processor = deriveWith()
    processor.process(requestOf([spanOf(span)]))
    deepStrictEqual(linesOf(processor, metric), expected)
  }
  const http = '{service=worker,method=GET,route=/users/:id,status=200}'
  f('http_requests_total', { kind: SERVER, attributes: HTTP }, [`${http} 1`])
  f('http_request_duration_seconds', { kind: SERVER, ms: 20, attributes: HTTP }, [`${http} 1 0.02`])
  f('http_requests_total', { kind: SERVER, attributes: { 'http.method': 'GET', 'http.status_code': 404 } }, [
    '{service=worker,method=GET,status=404} 1'
  ])
  f('http_requests_total', { kind: CLIENT, attributes: HTTP }, [])
  f('http_requests_total', { kind: SERVER, attributes: { 'http.route': '/users' } }, [])
  f('http_outbound_request_duration_seconds', { kind: CLIENT, ms: 7, attributes: { ...HTTP, 'server.address': 'api' } }, [
    '{service=worker,method=GET,server=api,status=200} 1 0.007'
  ])

  const job = 'job_processing_duration_seconds'
  f(job, { ms: 90_000, attributes: { stage: 'tts' } }, ['{service=worker,stage=tts,outcome=ok} 1 90'])
  f(job, { attributes: { 'job.stage': 'mux', stage: 'tts' }, status: ERROR }, ['{service=worker,stage=mux,outcome=error} 1 0.02'])
  f(job, { attributes: { 'pipeline.stage': 'stt' }, status: 1 }, ['{service=worker,stage=stt,outcome=ok} 1 0.02'])
  f(job, { kind: CLIENT, attributes: { stage: 'tts' } }, [])
  f(job, { kind: 0, attributes: { stage: 'tts' } }, ['{service=worker,stage=tts,outcome=ok} 1 0.02'])

  const model = 'model_inference_duration_seconds'
  f(model, { attributes: { 'model.name': 'whisper-large-v3' } }, ['{service=worker,model=whisper-large-v3,outcome=ok} 1 0.02'])
  f(model, { kind: CLIENT, attributes: { 'gen_ai.request.model': 'gpt' }, status: ERROR }, [
    '{service=worker,model=gpt,outcome=error} 1 0.02'
  ])

  const db = 'db_query_duration_seconds'
  f(db, { kind: CLIENT, attributes: { 'db.system.name': 'postgresql', 'db.operation.name': 'SELECT' } }, [
    '{service=worker,system=postgresql,operation=SELECT,outcome=ok} 1 0.02'
  ])
  f(db, { kind: CLIENT, attributes: { 'db.system': 'redis', 'db.operation': 'GET' } }, [
    '{service=worker,system=redis,operation=GET,outcome=ok} 1 0.02'
  ])

  f(
    'rpc_call_duration_seconds',
    { kind: SERVER, attributes: { 'rpc.system': 'grpc', 'rpc.service': 'Dub', 'rpc.method': 'Run', 'rpc.grpc.status_code': 14 } },
    ['{service=worker,kind=SPAN_KIND_SERVER,system=grpc,rpc_service=Dub,method=Run,status=14} 1 0.02']
  )
  f(
    'queue_operation_duration_seconds',
    { kind: 5, attributes: { 'messaging.system': 'kafka', 'messaging.destination': 'jobs', 'messaging.operation': 'process' } },
    ['{service=worker,system=kafka,destination=jobs,operation=process,outcome=ok} 1 0.02']
  )

  const all = '{service.name=worker,span.name=GET /users/:id,span.kind=SPAN_KIND_SERVER,status.code=STATUS_CODE_ERROR'
  f('traces.span.metrics.calls', { name: 'GET /users/:id', kind: SERVER, status: ERROR }, [`${all}} 1`])
  f('traces.span.metrics.duration', { name: 'GET /users/:id', kind: SERVER, status: ERROR, attributes: HTTP }, [
    `${all},http.request.method=GET,http.route=/users/:id,http.response.status_code=200} 1 0.02`
  ])
})

test('derive leaves what passes as it is', () => {
  const batch = requestOf([spanOf({})])
  strictEqual(deriveWith().process(batch), batch)
  const logs = { ...batch, signal: 'logs' as const }
  const processor = deriveWith()
  strictEqual(processor.process(logs), logs)
  strictEqual(processor.collect!(), null)
})

test('derive counts every span of every resource, exactly', () => {
  const processor = deriveWith()
  for (let i = 0; i < 100; i++) {
    const spans = Array.from({ length: 100 }, (_, n) =>
      spanOf({ kind: SERVER, ms: n, attributes: { ...HTTP, 'http.response.status_code': n < 90 ? 200 : 500 } })
    )
    processor.process(requestOf(spans, { 'service.name': i % 2 === 0 ? 'a' : 'b' }))
  }
  deepStrictEqual(linesOf(processor, 'http_requests_total'), [
    '{service=a,method=GET,route=/users/:id,status=200} 4500',
    '{service=a,method=GET,route=/users/:id,status=500} 500',
    '{service=b,method=GET,route=/users/:id,status=200} 4500',
    '{service=b,method=GET,route=/users/:id,status=500} 500'
  ])
  strictEqual(linesOf(processor, 'http_request_duration_seconds').length, 4)
})

test('a label is the first source that has a text, of the span before the resource', () => {
  const f = (attributes: Attributes, resource: Attributes, expected: string): void => {
    const processor = deriveWith({ rules: { mine: { counter: 'mine_total', labels: { x: ['a', 'b'] } } } })
    processor.process(requestOf([spanOf({ attributes })], resource))
    deepStrictEqual(linesOf(processor, 'mine_total'), [`{${expected}} 1`])
  }
  f({ a: '1', b: '2' }, {}, 'x=1')
  f({ b: '2' }, {}, 'x=2')
  f({ b: '2' }, { b: '3' }, 'x=2')
  f({ b: '2' }, { a: '3' }, 'x=3')
  f({}, {}, '')
  f({ a: '' }, {}, '')
  f({ a: ['no', 'text'] }, {}, '')
  f({ a: true }, {}, 'x=true')
  f({ a: -5 }, {}, 'x=-5')
  f({ a: 0.5 }, {}, 'x=0.5')
  f({ a: 'ü'.repeat(300) }, {}, `x=${'ü'.repeat(256)}`)
})

test('values that look alike share a series, values that differ do not', () => {
  const processor = deriveWith(
    { rules: { mine: { counter: 'mine_total', labels: { x: ['a'], y: ['b'] } } } },
    { redactText: (text) => text.replace(/secret\d/g, '***') }
  )
  const f = (attributes: Attributes): unknown => processor.process(requestOf([spanOf({ attributes })]))
  f({ a: 'secret1' })
  f({ a: 'secret2' })
  f({ a: 'secret2' })
  f({ a: 'x', b: 'y' })
  f({ a: 'xy' })
  f({ b: 'xy' })
  f({ a: 200 })
  f({ a: '200' })
  deepStrictEqual(linesOf(processor, 'mine_total'), ['{x=***} 3', '{x=200} 2', '{x=x,y=y} 1', '{x=xy} 1', '{y=xy} 1'])
})

test('a name and an attribute are told apart, though their bytes are alike', () => {
  const processor = deriveWith({ rules: { mine: { counter: 'mine_total', labels: { x: ['a', 'span.name'] } } } })
  processor.process(requestOf([spanOf({ name: 'n', attributes: { a: 'v' } }), spanOf({ name: '\n\u0001v' })]))
  deepStrictEqual(linesOf(processor, 'mine_total'), ['{x=\n\u0001v} 1', '{x=v} 1'])
})

test('a label is redacted once, when its series is made', () => {
  const seen: string[] = []
  const processor = deriveWith({}, { redactText: (text) => `${seen.push(text)}`.replace(/.*/, text) })
  for (let i = 0; i < 10; i++) processor.process(requestOf([spanOf({ name: 'one' }), spanOf({ name: 'two' })]))
  deepStrictEqual(seen, ['worker', 'one', 'two'])
})

test('beyond seriesMax spans are counted in the overflow series', () => {
  const metrics = new Metrics()
  const processor = deriveWith({ seriesMax: 3, rules: { spans: { labels: { 'service.name': [] } } } }, { metrics })
  const batch = requestOf(Array.from({ length: 10 }, (_, i) => spanOf({ name: `n${i}` })))
  processor.process(batch)
  processor.process(batch)
  const lines = linesOf(processor, 'traces.span.metrics.calls')
  strictEqual(lines.length, 4)
  ok(lines.includes('{otel.metric.overflow=true} 14'))
  ok(lines.includes('{span.name=n0,span.kind=SPAN_KIND_INTERNAL,status.code=STATUS_CODE_UNSET} 2'))
  const value = (name: string): number =>
    metrics
      .families()
      .find((family) => family.name === name)!
      .samples.find(({ labels }) => labels.rule === 'spans')!.value
  strictEqual(value('sluice_derive_overflow_spans_total'), 14)
  strictEqual(value('sluice_derive_series'), 3)
})

test('endless new values cost no endless memory and no count', () => {
  const processor = deriveWith({ seriesMax: 10 })
  let sent = 0
  for (let i = 0; i < 400; i++) {
    processor.process(
      requestOf(
        Array.from({ length: 50 }, () => spanOf({ name: `${'n'.repeat(100)}${sent++}` })),
        { 'service.name': `s${i % 3}` }
      )
    )
  }
  const counts = linesOf(processor, 'traces.span.metrics.calls').map((line) => Number(line.split(' ').at(-1)))
  strictEqual(counts.length, 11)
  strictEqual(
    counts.reduce((a, b) => a + b, 0),
    sent
  )
})

test('more resources than are remembered are still told apart', () => {
  const processor = deriveWith({ seriesMax: 100_000, rules: { mine: { counter: 'mine_total', labels: { service: ['service.name'] } } } })
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 10_000; i++) processor.process(requestOf([spanOf({})], { 'service.name': `s${i}` }))
  }
  const lines = linesOf(processor, 'mine_total')
  strictEqual(lines.length, 10_000)
  ok(lines.every((line) => line.endsWith('} 2')))
})

test('of an attribute that comes many times, the last one counts', () => {
  const processor = deriveWith({ rules: { mine: { counter: 'mine_total', labels: { x: ['a'] } } } })
  const f = (count: number, last: string): void => {
    const attributes = Array.from({ length: count }, (_, i) => ({ key: 'a', value: { stringValue: i === count - 1 ? last : `${i}` } }))
    const span = { ...spanOf({}), attributes }
    processor.process(requestOf([span, span]))
    processor.kept!(requestOf([span]))
  }
  f(2, 'two')
  f(64, 'all')
  f(65, 'more')
  f(200, 'many')
  deepStrictEqual(linesOf(processor, 'mine_total'), ['{x=all} 2', '{x=many} 2', '{x=more} 2', '{x=two} 2'])
})

test('a series without spans expires, and comes back with a later start', () => {
  mock.timers.enable({ apis: ['Date'], now: 1_000_000 })
  try {
    const processor = deriveWith({ expireAfter: '1m' })
    const send = (name: string): unknown => processor.process(requestOf([spanOf({ name })]))
    const calls = (): string[] =>
      metricsOf(processor)
        .filter(({ name }) => name === 'traces.span.metrics.calls')
        .flatMap(({ sum }) =>
          sum!.dataPoints!.map(
            (p) => `${p.attributes![1].value!.stringValue} ${p.asInt} ${p.startTimeUnixNano! / 1_000_000n} ${p.timeUnixNano! / 1_000_000n}`
          )
        )
        .sort()
    send('a')
    send('b')
    mock.timers.tick(10_000)
    deepStrictEqual(calls(), ['a 1 1000000 1010000', 'b 1 1000000 1010000'])
    for (let i = 0; i < 7; i++) {
      send('a')
      mock.timers.tick(10_000)
      calls()
    }
    deepStrictEqual(calls(), ['a 8 1000000 1080000'])
    send('b')
    mock.timers.tick(10_000)
    deepStrictEqual(calls(), ['a 8 1000000 1090000', 'b 1 1080000 1090000'])
  } finally {
    mock.timers.reset()
  }
})

test('collecting is cumulative and changes nothing', () => {
  const processor = deriveWith()
  strictEqual(processor.collect!(), null)
  processor.process(requestOf([spanOf({ name: 'a' })]))
  const first = processor.collect!()
  strictEqual(processor.collect!(), first)
  processor.process(requestOf([spanOf({ name: 'a' })]))
  deepStrictEqual(
    linesOf(processor, 'traces.span.metrics.calls').map((line) => line.split(' ').at(-1)),
    ['2']
  )
  strictEqual(first!.signal, 'metrics')
  strictEqual(first!.items, 2)
})

test('a clock that is set back does not take the metrics back', () => {
  mock.timers.enable({ apis: ['Date'], now: 5_000_000 })
  try {
    const processor = deriveWith()
    processor.process(requestOf([spanOf({})]))
    processor.collect!()
    mock.timers.setTime(4_000_000)
    processor.process(requestOf([spanOf({})]))
    strictEqual(processor.collect!()!.receivedAtMs, 5_000_000)
  } finally {
    mock.timers.reset()
  }
})

test('a sampled span counts as all that it stands for', () => {
  const f = (traceState: string, spans: number, expected: string, options = {}): void => {
    const processor = deriveWith({ rules: { mine: { counter: 'c_total', duration: 'd' } }, ...options })
    processor.process(requestOf(Array.from({ length: spans }, () => spanOf({ ms: 1000, traceState }))))
    deepStrictEqual([...linesOf(processor, 'c_total'), ...linesOf(processor, 'd')].join(' '), expected)
  }
  f('ot=th:8', 3, '{} 6 {} 6 6')
  f('ot=th:0', 3, '{} 3 {} 3 3')
  f('ot=th:c', 1, '{} 4 {} 4 4', { histogram: 'exponential' })
  f('ot=th:e666', 1000, '{} 9999 {} 9999 9999.389686')
  f('ot=th:8', 3, '{} 3 {} 3 3', { adjustCounts: false })
  f('ot=th:ffffffffffffff', 2, '{} 2 {} 2 2')
})

test('durations that cannot be are 0, and counted', () => {
  const metrics = new Metrics()
  const processor = deriveWith({}, { metrics })
  const f = (times: object): unknown => processor.process(requestOf([{ ...spanOf({ kind: SERVER, attributes: HTTP }), ...times }]))
  f({ startTimeUnixNano: START, endTimeUnixNano: START - 1n })
  f({ startTimeUnixNano: 0n })
  f({ endTimeUnixNano: undefined })
  f({ startTimeUnixNano: 1n, endTimeUnixNano: 2n ** 64n - 1n })
  deepStrictEqual(linesOf(processor, 'http_request_duration_seconds'), [
    `{service=worker,method=GET,route=/users/:id,status=200} 4 ${2 ** 64 / 1e9}`
  ])
  const family = metrics.families().find(({ name }) => name === 'sluice_derive_skewed_spans_total')!
  deepStrictEqual(
    family.samples.map(({ labels, value }) => [labels.reason, value]),
    [
      ['missing', 2],
      ['backwards', 1]
    ]
  )
})

test('exemplars point at kept spans only, the latest of each bucket', () => {
  const processor = deriveWith()
  const span = (spanId: string, ms: number) => spanOf({ kind: SERVER, ms, spanId, attributes: HTTP })
  const all = [span('00000000000000aa', 1), span('00000000000000bb', 2), span('00000000000000cc', 3), span('00000000000000dd', 700)]
  const exemplars = (): string[] =>
    metricsOf(processor)
      .find(({ name }) => name === 'http_request_duration_seconds')!
      .histogram!.dataPoints!.flatMap((point) => point.exemplars ?? [])
      .map((e) => `${e.traceId} ${e.spanId} ${e.asDouble} ${e.timeUnixNano! - START}`)
  processor.process(requestOf(all))
  deepStrictEqual(exemplars(), [])
  processor.kept!(requestOf([all[0], all[1], all[3]]))
  deepStrictEqual(exemplars(), [
    '0af7651916cd43dd8448eb211c80319c 00000000000000bb 0.002 2000000',
    '0af7651916cd43dd8448eb211c80319c 00000000000000dd 0.7 700000000'
  ])
})

test('what was changed on its way is no exemplar of another series, and makes none', () => {
  const processor = deriveWith(
    { rules: { mine: { counter: 'mine_total', labels: { x: ['a'] } } } },
    { redactText: (text) => text.replace('secret', '***') }
  )
  processor.process(requestOf([spanOf({ attributes: { a: 'secret' } }), spanOf({ attributes: { a: 'plain' } })]))
  const exemplars = (): string[] =>
    metricsOf(processor)
      .find(({ name }) => name === 'mine_total')!
      .sum!.dataPoints!.map((point) => `${point.attributes![0].value!.stringValue} ${point.exemplars?.length ?? 0}`)
  processor.kept!(requestOf([spanOf({ attributes: { a: 'never seen' } })]))
  deepStrictEqual(exemplars(), ['*** 0', 'plain 0'])
  processor.kept!(requestOf([spanOf({ attributes: { a: '***' } })]))
  deepStrictEqual(exemplars(), ['*** 1', 'plain 0'])
  processor.kept!(requestOf([{ ...spanOf({ attributes: { a: 'plain' } }), traceId: undefined }]))
  deepStrictEqual(exemplars(), ['*** 1', 'plain 0'])
  strictEqual(deriveWith({ exemplars: false }).kept, undefined)
})

test('rules are changed, added and switched off by name', () => {
  const f = (rules: object, span: SpanFacts, metric: string, expected: string[]): void => {
    const processor = deriveWith({ rules })
    processor.process(requestOf([spanOf(span)]))
    deepStrictEqual(linesOf(processor, metric), expected)
  }
  const job = 'job_processing_duration_seconds'
  f({ job: { enabled: false } }, { attributes: { stage: 'tts' } }, job, [])
  f({ job: { present: ['step'], labels: { stage: ['step'], service: [] } } }, { attributes: { step: 'tts' } }, job, [
    '{stage=tts,outcome=ok} 1 0.02'
  ])
  f({ job: { duration: 'steps' } }, { attributes: { stage: 'tts' } }, 'steps', ['{service=worker,stage=tts,outcome=ok} 1 0.02'])
  f({ http: { counter: 'none' } }, { kind: SERVER, attributes: HTTP }, 'http_requests_total', [])
  f({ http: { kinds: ['client'] } }, { kind: CLIENT, attributes: HTTP }, 'http_requests_total', [
    '{service=worker,method=GET,route=/users/:id,status=200} 1'
  ])
  const mine = { counter: 'mine_total', labels: { name: ['span.name'] } }
  f({ mine: { ...mine, equals: { a: '5' } } }, { attributes: { a: 5 } }, 'mine_total', ['{name=work} 1'])
  f({ mine: { ...mine, equals: { a: '5' } } }, { attributes: { a: '5' } }, 'mine_total', ['{name=work} 1'])
  f({ mine: { ...mine, equals: { a: 'true' } } }, { attributes: { a: true } }, 'mine_total', ['{name=work} 1'])
  f({ mine: { ...mine, equals: { a: '5', b: 'x' } } }, { attributes: { a: 5 } }, 'mine_total', [])
  f({ mine: { ...mine, equals: { 'span.name': 'work' } } }, {}, 'mine_total', ['{name=work} 1'])
  f({ mine: { ...mine, equals: { 'span.name': 'rest' } } }, {}, 'mine_total', [])
  f({ mine: { ...mine, equals: { 'span.name': 'grün' } } }, { name: 'grün' }, 'mine_total', ['{name=grün} 1'])
  f({ mine: { ...mine, present: ['span.name'] } }, {}, 'mine_total', ['{name=work} 1'])
  f({ mine: { ...mine, labels: { __proto__x: ['constructor'] } } }, { attributes: { constructor: 'c' } }, 'mine_total', [
    '{__proto__x=c} 1'
  ])
})

test('rules that cannot work are refused, and the message says why', () => {
  const f = (rules: object, expected: RegExp): void =>
    throws(
      () => deriveWith({ rules }),
      (error: Error) => {
        match(error.message, expected)
        return true
      }
    )
  f({ mine: { present: ['a'] } }, /expected a name under counter or duration; the shipped rules are http/)
  f({ jop: { enabled: false } }, /expected a rule that exists; the shipped rules are http/)
  f({ mine: { counter: '5xx' } }, /expected a metric name/)
  f({ mine: { counter: 'http_requests_total' } }, /expected a name that rule http does not use/)
  f({ mine: { counter: 'a', duration: 'a' } }, /expected a name that rule mine does not use/)
  f({ mine: { counter: 'a', buckets: [1, 1] } }, /expected ascending bounds/)
  f({ mine: { counter: 'a', labels: { le: ['b'] } } }, /expected a label name/)
  f({ mine: { counter: 'a', labels: { x: ['span.kind', 'b'] } } }, /to be the only source/)
  f({ mine: { counter: 'a', lables: {} } }, /lables/)
  deriveWith({ rules: { http: { enabled: false }, mine: { counter: 'http_requests_total' } } })
})

test('the metrics say which gateway made them', () => {
  const processor = deriveWith({ resource: { 'service.instance.id': 'gateway-1' } })
  processor.process(requestOf([spanOf({})]))
  const text = Buffer.from(processor.collect!()!.bytes).toString('latin1')
  for (const part of ['service.name', 'sluice', 'gateway-1']) ok(text.includes(part), part)
})
