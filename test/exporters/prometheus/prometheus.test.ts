import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch, type RedactedBatch } from '../../../src/batch.ts'
import { keptBufferBytes } from '../../support/kept-memory.ts'
import { attribute, fixed64, message, string, varint } from '../../support/otlp-bytes.ts'
import {
  at,
  attributes,
  Bench,
  counter,
  delta,
  gauge,
  histogram,
  type Metric,
  OPEN_METRICS,
  type Request,
  requestOf,
  upDown
} from './worker.ts'

const TRACE = '0af7651916cd43dd8448eb211c80319c'
const SPAN = 'b7ad6b7169203331'
const exemplar = (value: number, time = 1, more: object = {}): object => ({
  timeUnixNano: at(time),
  asDouble: value,
  traceId: TRACE,
  spanId: SPAN,
  ...more
})
const NOBODY = {}

test('names, types and labels of a page', () => {
  const bench = new Bench().fold(
    requestOf(
      [
        {
          ...counter('http_requests_total', { value: 7, labels: { method: 'GET', status: '200' } }),
          unit: '{request}',
          description: 'Requests.'
        } as Metric,
        { ...gauge('hw.gpu.memory.usage', { value: 1.5e9, labels: { 'hw.id': 'GPU-0' } }), unit: 'By' } as Metric,
        { ...upDown('queue.depth', { value: -2 }), unit: '1' } as Metric
      ],
      { 'service.name': 'tts', 'service.namespace': 'dub', 'service.instance.id': 'pod-1', 'host.name': 'node-7' },
      { name: 'my.meter', version: '1.2', attributes: attributes({ team: 'gpu' }) }
    )
  )
  const page = bench.folder.page('').body
  const start = 'job="dub/tts",instance="pod-1"'
  const scope = 'otel_scope_name="my.meter",otel_scope_version="1.2",otel_scope_team="gpu"'
  for (const line of [
    '# HELP http_requests_total Requests.\n# TYPE http_requests_total counter',
    `http_requests_total{${start},${scope},method="GET",status="200"} 7`,
    `# TYPE hw_gpu_memory_usage_bytes gauge\nhw_gpu_memory_usage_bytes{${start},${scope},hw_id="GPU-0"} 1500000000`,
    `# TYPE queue_depth gauge\nqueue_depth{${start},${scope}} -2`,
    `# TYPE target_info gauge\ntarget_info{${start},host_name="node-7",service_instance_id="pod-1",service_name="tts",service_namespace="dub"} 1`
  ]) {
    ok(page.includes(`${line}\n`), `${line}\nis not in\n${page}`)
  }
  const open = bench.parse(OPEN_METRICS)
  strictEqual(open.get('http_requests')?.type, 'counter')
  strictEqual(open.get('target')?.type, 'info')
  strictEqual(open.get('hw_gpu_memory_usage_bytes')?.unit, 'bytes')
})

test('the derived metrics keep their plain names, and their exemplars', () => {
  const duration = (name: string, labels: Record<string, string>): Metric =>
    ({ ...histogram(name, 2, { counts: [1, 1], bounds: [1], sum: 3, labels, exemplars: [exemplar(0.5)] }), unit: 's' }) as Metric
  const bench = new Bench().fold(
    requestOf(
      [
        {
          ...counter('http_requests_total', { value: 3, labels: { method: 'GET', status: '500' }, exemplars: [exemplar(1)] }),
          unit: '{request}'
        } as Metric,
        duration('http_request_duration_seconds', { method: 'GET' }),
        duration('job_processing_duration_seconds', { stage: 'tts' }),
        duration('model_inference_duration_seconds', { model: 'whisper-large-v3' })
      ],
      NOBODY
    )
  )
  deepStrictEqual(bench.lines('http_requests_total'), ['http_requests_total{method="GET",status="500"} 3'])
  deepStrictEqual(bench.lines('job_processing', OPEN_METRICS), [
    `job_processing_duration_seconds_bucket{stage="tts",le="1.0"} 1 # {trace_id="${TRACE}",span_id="${SPAN}"} 0.5 1700000001.000`,
    'job_processing_duration_seconds_bucket{stage="tts",le="+Inf"} 2',
    'job_processing_duration_seconds_sum{stage="tts"} 3',
    'job_processing_duration_seconds_count{stage="tts"} 2'
  ])
  match(bench.lines('http_requests_total', OPEN_METRICS)[0], / 3 # \{trace_id="0af7/)
  match(bench.lines('model_inference_duration_seconds_sum')[0], /\{model="whisper-large-v3"\} 3$/)
  ok(!bench.folder.page('').body.includes(TRACE), 'text 0.0.4 has no exemplars')
})

test('values: special numbers, text that needs escapes, attributes that are no text', () => {
  const f = (metric: Metric, ...expected: string[]): void =>
    deepStrictEqual(new Bench().fold(requestOf([metric], NOBODY)).lines('x'), expected)
  f(gauge('x', { value: Number.NaN }), 'x NaN')
  f(gauge('x', { value: Number.NEGATIVE_INFINITY }), 'x -Inf')
  f(gauge('x', { value: 1e300 }), 'x 1e+300')
  f({ name: 'x', gauge: { dataPoints: [{ asInt: -(2n ** 53n) }] } } as Metric, 'x -9007199254740992')
  f(gauge('x', { value: 1, labels: { a: 'say "\\\n"\0ü' } }), 'x{a="say \\"\\\\\\n\\"\uFFFDü"} 1')
  f(gauge('x', { value: 1, labels: { b: true, n: 0.5 } }), 'x{b="true",n="0.5"} 1')
  f(gauge('x', { value: 1, labels: { empty: '' } }), 'x 1')
  const deep = {
    key: 'k',
    value: {
      arrayValue: {
        values: [{ intValue: 2n ** 60n }, { stringValue: 'a' }, { kvlistValue: { values: [{ key: 'c', value: { boolValue: false } }] } }]
      }
    }
  }
  f(
    { name: 'x', gauge: { dataPoints: [{ attributes: [deep], asDouble: 1 }] } } as Metric,
    `x{k="[1152921504606846976,\\"a\\",{\\"c\\":false}]"} 1`
  )
})

test('labels that collide are joined; labels that belong to us or the type are told apart', () => {
  const f = (labels: Record<string, string>, expected: string): void =>
    deepStrictEqual(new Bench().fold(requestOf([gauge('x', { value: 1, labels })])).lines('x'), [`x{job="worker",${expected}} 1`])
  f({ 'a.b': '1', a_b: '2' }, 'a_b="1;2"')
  f({ a_b: '2', 'a.b': '1' }, 'a_b="1;2"')
  f({ job: 'mine' }, 'exported_job="mine"')
  f({ __name__: 'evil' }, '_name_="evil"')
  const lines = new Bench()
    .fold(requestOf([histogram('h', 2, { counts: [1, 0], bounds: [1], labels: { le: '5' } })], NOBODY))
    .lines('h_bucket')
  strictEqual(lines[0], 'h_bucket{exported_le="5",le="1"} 1')
})

test('options choose what becomes a label', () => {
  const request = requestOf([gauge('x', { value: 1 })], { 'service.name': 'w', 'k8s.pod.name': 'p' }, { name: 's' })
  const f = (options: object, expected: string): void => deepStrictEqual(new Bench(options).fold(request).lines('x'), [expected])
  f({}, 'x{job="w",otel_scope_name="s"} 1')
  f({ scopeLabels: false }, 'x{job="w"} 1')
  f({ scopeLabels: false, resourceLabels: ['k8s.pod.name', 'absent'] }, 'x{job="w",k8s_pod_name="p"} 1')
})

test('cumulative values replace, deltas add, and neither counts what comes twice', () => {
  const f = (metrics: Metric[], ...expected: string[]): void => {
    const bench = new Bench()
    for (const metric of metrics) bench.fold(requestOf([metric], NOBODY))
    deepStrictEqual(bench.lines('x'), expected)
  }
  f([counter('x_total', { value: 5 }), counter('x_total', { value: 8, time: 2 })], 'x_total 8')
  f([counter('x_total', { value: 8, time: 2 }), counter('x_total', { value: 5, time: 1 })], 'x_total 8')
  // A restart is shown as it is: Prometheus knows what a lower value means.
  f([counter('x_total', { value: 5, time: 2 }), counter('x_total', { value: 1, start: 3, time: 4 })], 'x_total 1')
  f([delta('x_total', { value: 5 }), delta('x_total', { value: 2, start: 1, time: 2 })], 'x_total 7')
  f([delta('x_total', { value: 5 }), delta('x_total', { value: 5 })], 'x_total 5')
  f([upDown('x', { value: 5 }), upDown('x', { value: -1, time: 2 })], 'x -1')
  f([gauge('x', { value: 5 }), gauge('x', { value: 6 })], 'x 6')
  const h = (temporality: 1 | 2, time: number, counts: number[], bounds = [1, 2]): Metric =>
    histogram('x', temporality, { counts, bounds, sum: 1, start: time - 1, time })
  f([h(2, 1, [1, 1, 1]), h(2, 2, [2, 2, 2])], 'x_bucket{le="1"} 2', 'x_bucket{le="2"} 4', 'x_bucket{le="+Inf"} 6', 'x_sum 1', 'x_count 6')
  f([h(1, 1, [1, 1, 1]), h(1, 2, [2, 2, 2])], 'x_bucket{le="1"} 3', 'x_bucket{le="2"} 6', 'x_bucket{le="+Inf"} 9', 'x_sum 2', 'x_count 9')
  // Other bounds: what both know.
  f([h(1, 1, [1, 1, 1]), h(1, 2, [4, 2], [2])], 'x_bucket{le="2"} 6', 'x_bucket{le="+Inf"} 9', 'x_sum 2', 'x_count 9')
  f([h(1, 1, [], [])], 'x_bucket{le="+Inf"} 0', 'x_sum 1', 'x_count 0')
})

test('sources that look alike share a series: counts add up and never fall, of gauges the latest is shown', () => {
  const from = (pod: string, ...metrics: Metric[]): Request => requestOf(metrics, { pod })
  const bench = new Bench().fold(from('a', counter('x_total', { value: 10 }), gauge('g', { value: 1, time: 5 }), upDown('u', { value: 3 })))
  bench.fold(
    from('b', counter('x_total', { value: 5, start: 0.5 }), gauge('g', { value: 2, time: 4 }), upDown('u', { value: 4, start: 0.5 }))
  )
  deepStrictEqual([...bench.lines('x'), ...bench.lines('g'), ...bench.lines('u')], ['x_total 15', 'g 1', 'u 7'])
  bench.fold(from('b', counter('x_total', { value: 1, start: 6, time: 7 })))
  deepStrictEqual(bench.lines('x'), ['x_total 16'])
  bench.fold(from('a', counter('x_total', { value: 0, flags: 1 })))
  deepStrictEqual(bench.lines('x'), ['x_total 16'])
  bench.fold(from('b', counter('x_total', { value: 4, start: 6, time: 8 })))
  deepStrictEqual(bench.lines('x'), ['x_total 19'])
})

test('a source whose resource grows is still one source', () => {
  const from = (resource: Record<string, string>, value: number, time: number): Request =>
    requestOf([counter('x_total', { value, time })], resource)
  const bench = new Bench().fold(from({ a: '1' }, 100, 1), from({ a: '1', pod: 'p' }, 101, 2))
  deepStrictEqual(bench.lines('x'), ['x_total 101'])
  strictEqual(bench.parse().get('sluice_prometheus_series')?.samples[0].value, 1)
})

test('the same attributes in another order are the same series', () => {
  const bench = new Bench().fold(
    requestOf([counter('x_total', { value: 1, labels: { a: '1', b: '2' } })], NOBODY),
    requestOf([counter('x_total', { value: 2, time: 2, labels: { b: '2', a: '1' } })], NOBODY)
  )
  deepStrictEqual(bench.lines('x'), ['x_total{a="1",b="2"} 2'])
})

test('exponential histograms are shown at powers of two, with the same bounds for all series of the family', () => {
  const exponential = (points: object[]): Metric =>
    ({
      name: 'x',
      exponentialHistogram: {
        aggregationTemporality: 1,
        dataPoints: points.map((point) => ({ startTimeUnixNano: at(0), timeUnixNano: at(1), ...point }))
      }
    }) as Metric
  const bench = new Bench().fold(
    requestOf(
      [
        exponential([
          {
            attributes: attributes({ s: 'a' }),
            count: 11n,
            sum: 9,
            scale: 1,
            zeroCount: 1n,
            positive: { offset: -2, bucketCounts: [1n, 2n, 3n, 4n] }
          },
          { attributes: attributes({ s: 'b' }), count: 3n, scale: 0, positive: { offset: 1, bucketCounts: [3n] }, exemplars: [exemplar(3)] }
        ])
      ],
      NOBODY
    )
  )
  deepStrictEqual(bench.lines('x', OPEN_METRICS), [
    ...['0.0"} 1', '0.5"} 1', '1.0"} 4', '2.0"} 11', '4.0"} 11', '+Inf"} 11'].map((line) => `x_bucket{s="a",le="${line}`),
    ...['x_sum{s="a"} 9', 'x_count{s="a"} 11'],
    ...['0.0"} 0', '0.5"} 0', '1.0"} 0', '2.0"} 0'].map((line) => `x_bucket{s="b",le="${line}`),
    `x_bucket{s="b",le="4.0"} 3 # {trace_id="${TRACE}",span_id="${SPAN}"} 3 1700000001.000`,
    'x_bucket{s="b",le="+Inf"} 3'
  ])
  deepStrictEqual(bench.lines('x_count{s="b"'), ['x_count{s="b"} 3'])
  // The scale falls, the numbers do not.
  const later = { startTimeUnixNano: at(1), timeUnixNano: at(2), attributes: attributes({ s: 'a' }), count: 1n, sum: 1, scale: -1 }
  bench.fold(
    requestOf(
      [exponential([{ ...later, positive: { offset: 0, bucketCounts: [1n] }, negative: { offset: 0, bucketCounts: [1n] } }])],
      NOBODY
    )
  )
  deepStrictEqual(
    bench.lines('x_bucket{s="a"').map((line) => line.slice('x_bucket{s="a",le="'.length)),
    ['-4"} 0', '-2"} 1', '0"} 2', '0.5"} 2', '1"} 5', '2"} 12', '4"} 13', '+Inf"} 13']
  )
})

test('an exponential histogram of every magnitude stays small', () => {
  const ends = (offset: number, scale: number): object => ({
    startTimeUnixNano: at(0),
    timeUnixNano: at(1),
    count: 1n,
    scale,
    positive: { offset, bucketCounts: [1n] }
  })
  for (const points of [
    [ends(2 ** 31 - 1, 0), ends(-(2 ** 31), 0)],
    [ends(2 ** 31 - 1, -(2 ** 31)), ends(-(2 ** 31), -(2 ** 31))],
    [ends(2 ** 31 - 1, 2 ** 31 - 1), ends(-(2 ** 31), 2 ** 31 - 1)]
  ]) {
    const metric = {
      name: 'x',
      exponentialHistogram: { aggregationTemporality: 1, dataPoints: points.map((point, i) => ({ ...point, timeUnixNano: at(i + 1) })) }
    }
    const buckets = new Bench().fold(requestOf([metric as Metric], NOBODY)).lines('x_bucket')
    ok(buckets.length < 100, `${buckets.length} buckets`)
    match(buckets.at(-1) ?? '', / 2$/)
  }
})

test('summaries', () => {
  const bench = new Bench().fold(
    requestOf(
      [
        {
          name: 'x',
          summary: {
            dataPoints: [
              {
                count: 4n,
                sum: 10,
                quantileValues: [
                  { quantile: 0.99, value: 5 },
                  { quantile: 0.5, value: -1 }
                ]
              }
            ]
          }
        } as Metric
      ],
      NOBODY
    )
  )
  deepStrictEqual(bench.lines('x'), ['x{quantile="0.5"} -1', 'x{quantile="0.99"} 5', 'x_sum 10', 'x_count 4'])
  deepStrictEqual(bench.lines('x', OPEN_METRICS), ['x{quantile="0.99"} 5', 'x_sum 10', 'x_count 4'])
})

test('bounds are written as everybody writes them', () => {
  const bounds = [0.00001, 0.005, 1, 2.5, 100000, 1e6, 123456789, 1e21]
  const bench = new Bench().fold(requestOf([histogram('x', 2, { counts: [...bounds.map(() => 0), 1], bounds })], NOBODY))
  const f = (accept: string, expected: string[]): void =>
    deepStrictEqual(
      bench.lines('x_bucket', accept).map((line) => /le="(.*)"/.exec(line)?.[1]),
      [...expected, '+Inf']
    )
  f('', ['1e-05', '0.005', '1', '2.5', '100000', '1e+06', '1.23456789e+08', '1e+21'])
  f(OPEN_METRICS, ['1e-05', '0.005', '1.0', '2.5', '100000.0', '1e+06', '1.23456789e+08', '1e+21'])
})

test('exemplars take no more memory than they have bytes', async () => {
  const bench = new Bench()
  const bounds = Array.from({ length: 50 }, (_, i) => i + 1)
  const counts = [...bounds.map(() => 1), 1]
  const requests = bounds.map((bound) => requestOf([histogram('x', 2, { counts, bounds, sum: 3, exemplars: [exemplar(bound)] })]))
  const bytes = await keptBufferBytes(bounds.length, (nth) => void bench.fold(requests[nth]))
  ok(bytes < 500_000, `${bytes} bytes are kept`)
  strictEqual(bench.folder.page(OPEN_METRICS).body.split(TRACE).length - 1, bounds.length)
})

test('exemplars: the latest of each bucket, in its bucket, no longer than allowed', () => {
  const point = (exemplars: object[], time = 1) => histogram('x', 2, { counts: [1, 1, 1], bounds: [1, 2], sum: 3, time, exemplars })
  const shown = (...metrics: Metric[]): string[] => {
    const bench = new Bench()
    for (const metric of metrics) bench.fold(requestOf([metric], NOBODY))
    return bench.lines('x_bucket', OPEN_METRICS).map((line) => line.split(' # ')[1] ?? '')
  }
  const ids = `{trace_id="${TRACE}",span_id="${SPAN}"}`
  deepStrictEqual(shown(point([exemplar(1), exemplar(2), exemplar(2.5)])), [
    `${ids} 1 1700000001.000`,
    `${ids} 2 1700000001.000`,
    `${ids} 2.5 1700000001.000`
  ])
  deepStrictEqual(shown(point([exemplar(0.4, 2), exemplar(0.3, 1)])), [`${ids} 0.4 1700000002.000`, '', ''])
  deepStrictEqual(shown(point([exemplar(0.4, 2)]), point([exemplar(0.5, 3)], 2)), [`${ids} 0.5 1700000003.000`, '', ''])
  deepStrictEqual(shown(point([exemplar(Number.NaN)])), ['', '', ''])
  const filtered = attributes({ big: 'x'.repeat(100), small: 'ü', trace_id: 'mine' })
  deepStrictEqual(shown(point([exemplar(0.4, 1, { filteredAttributes: filtered })])), [
    `{trace_id="${TRACE}",span_id="${SPAN}",small="ü",exported_trace_id="mine"} 0.4 1700000001.000`,
    '',
    ''
  ])
  const without = new Bench({ exemplars: false }).fold(requestOf([point([exemplar(1)])], NOBODY))
  ok(!without.folder.page(OPEN_METRICS).body.includes(TRACE))
})

test('what no page can show is left out and counted, and the rest stays', () => {
  const f = (metrics: Metric[], reasons: Record<string, number>, ...expected: string[]): void => {
    const bench = new Bench().fold(requestOf([...metrics, gauge('x_good', { value: 1 })], NOBODY))
    deepStrictEqual([bench.dropped(), bench.lines('x')], [reasons, [...expected, 'x_good 1']])
    bench.parse(OPEN_METRICS)
  }
  f([counter('x_total', { value: -1 })], { invalid: 1 })
  f([counter('x_total', { value: Number.NaN })], { invalid: 1 })
  f([gauge('', { value: 1 })], { invalid: 1 })
  f([histogram('x', 2, { counts: [1, 2], bounds: [1, 2] })], { invalid: 1 })
  f([histogram('x', 2, { counts: [1, 2, 3], bounds: [2, 1] })], { invalid: 1 })
  f([histogram('x', 2, { counts: [1, 2], bounds: [Number.NaN] })], { invalid: 1 })
  f([histogram('x', 2, { counts: [1, 2], bounds: [Number.POSITIVE_INFINITY] })], { invalid: 1 })
  f([histogram('x', 2, { counts: new Array(1001).fill(0), bounds: Array.from({ length: 1000 }, (_, i) => i) })], { too_many_buckets: 1 })
  f([{ name: 'x', sum: { isMonotonic: true, dataPoints: [{ asDouble: 1 }] } } as Metric], { temporality: 1 })
  f([{ name: 'x', summary: { dataPoints: [{ quantileValues: [{ quantile: 2, value: 1 }] }] } } as Metric], { invalid: 1 })
  f([gauge('x', { value: 1 }), histogram('x', 2, { counts: [1], bounds: [] })], { type_conflict: 1 }, 'x 1')
  f([gauge('x_count', { value: 1 }), histogram('x', 2, { counts: [1], bounds: [] })], { name_conflict: 1 }, 'x_count 1')
  f([gauge('x', { value: 1, labels: { a: 'y'.repeat(10_000) } })], { labels_too_long: 1 })
  f([gauge('x'.repeat(1000), { value: 1 })], { name_too_long: 1 })
  f([{ ...gauge('x', { value: 1 }), unit: '{'.repeat(1_000_000) } as Metric], { name_too_long: 1 })
  f([{ name: 'x' } as Metric, { name: 'x', gauge: {} } as Metric], {})
})

test('help is cut between characters', () => {
  const bench = new Bench().fold(requestOf([{ ...gauge('x', { value: 1 }), description: `${'x'.repeat(1023)}😀` } as Metric], NOBODY))
  strictEqual(bench.parse().get('x')?.help?.length, 1024)
})

test('attributes that say nothing make no second series of the page, however many there are', () => {
  const points = Array.from({ length: 2000 }, (_, i) => ({ value: 1, labels: { [`k${i}`]: '' } }))
  deepStrictEqual(new Bench().fold(requestOf([counter('x', ...points)], NOBODY)).lines('x'), ['x_total 2000'])
})

test('one line in the log stands for many points', () => {
  const bench = new Bench().fold(requestOf([counter('x', ...[1, 2, 3].map(() => ({ value: -1 })))]))
  deepStrictEqual(bench.said, ['a data point is not shown on the page'])
})

test('a counter whose family name is taken keeps its numbers', () => {
  const bench = new Bench().fold(requestOf([counter('x', { value: 1 }), gauge('x', { value: 2 })], NOBODY))
  deepStrictEqual(bench.lines('x'), ['x_total 1', 'x 2'])
  deepStrictEqual(bench.lines('x', OPEN_METRICS), ['x_total 1', 'x 2'])
  strictEqual(bench.parse(OPEN_METRICS).get('x_total')?.type, 'unknown')
})

test('the gateway’s own metrics are there without job and instance, beside those of other gateways', () => {
  const bench = new Bench()
  bench.metrics.counter('sluice_items_total', 'Items.').add(2, { signal: 'traces' })
  bench.metrics.observe('sluice_odd', 'A "quoted"\nhelp.', 'gauge', () => [{ labels: { a: 'x"y' }, value: Number.NaN }])
  const [odd] = bench.lines('sluice_odd')
  strictEqual(odd, 'sluice_odd{a="x\\"y"} NaN')
  bench.fold(requestOf([counter('sluice.items', { value: 5, labels: { signal: 'traces' } })], { 'service.name': 'sidecar' }))
  bench.fold(
    requestOf(
      [counter('sluice.items', { value: 9, labels: { signal: 'traces' } }), histogram('sluice_odd', 2, { counts: [1], bounds: [] })],
      NOBODY
    )
  )
  deepStrictEqual(bench.lines('sluice_items_total'), [
    'sluice_items_total{signal="traces"} 2',
    'sluice_items_total{job="sidecar",signal="traces"} 5'
  ])
  const omitted = bench.parse().get('sluice_prometheus_series_omitted')?.samples
  deepStrictEqual(Object.fromEntries(omitted?.map(({ labels, value }) => [labels.reason, value]) ?? []), {
    name_conflict: 1,
    duplicate: 1,
    page_full: 0
  })
})

test('a worker’s metric cannot take the name of target_info', () => {
  const bench = new Bench().fold(requestOf([gauge('target_info', { value: 1 }), gauge('target', { value: 2 })]))
  deepStrictEqual(bench.lines('target'), ['target_info{job="worker",service_name="worker"} 1', 'target{job="worker"} 2'])
  strictEqual(bench.parse(OPEN_METRICS).get('target_info')?.type, 'gauge')
})

test('limits: one metric, all metrics, memory; deltas that find no room are still counted', () => {
  const many = (n: number, make: typeof delta): Metric =>
    make('x', ...Array.from({ length: n }, (_, i) => ({ value: 1, labels: { i: `${i}` } })))
  const f = (options: object, metric: Metric, reasons: Record<string, number>, lines: number): Bench => {
    const bench = new Bench(options).fold(requestOf([metric], NOBODY))
    deepStrictEqual([bench.dropped(), bench.lines('x').length], [reasons, lines])
    return bench
  }
  f({ seriesPerMetricMax: 3 }, many(10, counter), { metric_full: 7 }, 3)
  f({ seriesMax: 4 }, many(10, counter), { full: 6 }, 4)
  f({ seriesMax: 4 }, many(10, delta), { full: 6 }, 4)
  const bench = f({ seriesPerMetricMax: 3 }, many(10, delta), {}, 4)
  deepStrictEqual(bench.lines('x_total{otel_metric_overflow'), ['x_total{otel_metric_overflow="true"} 7'])
  const small = new Bench({ sizeMax: '20KiB' }).fold(requestOf([many(1000, counter)], NOBODY))
  ok(small.lines('x').length < 40)
  ok(small.dropped().full > 960)
})

test('many targets cannot hold memory once their series are refused', () => {
  const bench = new Bench({ seriesMax: 2 })
  for (let i = 0; i < 50; i++)
    bench.fold(requestOf([gauge('x', { value: 1 }), gauge(`y${i}`, { value: 1, flags: 1 })], { 'service.name': `s${i}` }))
  const held = bench.parse()
  strictEqual(held.get('target_info')?.samples.length, 2)
  strictEqual(held.get('sluice_prometheus_series')?.samples[0].value, 2)
})

test('a series leaves when its source says so, or falls silent', (t) => {
  let now = 1000
  t.mock.method(performance, 'now', () => now)
  const send = (bench: Bench, value: number, ...parts: object[]): Bench =>
    bench.fold(...parts.map((part) => requestOf([{ ...gauge('x', { value, ...part }) } as Metric])))
  const bench = send(new Bench(), 1, {})
  send(bench, 1, { flags: 1 })
  deepStrictEqual([bench.lines('x'), bench.lines('target_info')], [[], []])
  deepStrictEqual(bench.parse().get('sluice_prometheus_series_bytes')?.samples[0].value, 0)

  send(bench, 2, { labels: { a: '1' } }, { labels: { a: '2' } })
  now += 4 * 60_000
  send(bench, 3, { labels: { a: '2' } })
  now += 2 * 60_000
  deepStrictEqual(bench.lines('x'), ['x{job="worker",a="2"} 3'])
  now += 6 * 60_000
  deepStrictEqual(bench.lines('x'), [])
  strictEqual(bench.parse().get('sluice_prometheus_series_bytes')?.samples[0].value, 0)
  // The name is free for another type.
  bench.fold(requestOf([histogram('x', 2, { counts: [1], bounds: [] })], NOBODY))
  deepStrictEqual([bench.lines('x_count'), bench.dropped()], [['x_count 1'], {}])
})

test('a full page makes room for what is alive', (t) => {
  let now = 1000
  t.mock.method(performance, 'now', () => now)
  const bench = new Bench({ seriesMax: 1 }).fold(requestOf([gauge('x_old', { value: 1 })], NOBODY))
  now += 6 * 60_000
  bench.fold(requestOf([gauge('x_new', { value: 1 })], NOBODY))
  deepStrictEqual([bench.lines('x'), bench.dropped()], [['x_new 1'], {}])
})

test('UTF-8 names are quoted, or escaped as the scraper asks', () => {
  const bench = new Bench({ translation: 'none' }).fold(
    requestOf(
      [gauge('foo.bar', { value: 1, labels: { 'a.b': 'x', 'c"d': 'y' } }), gauge('foo_bar', { value: 2 }), counter('n.ü', { value: 3 })],
      NOBODY
    )
  )
  const f = (accept: string, ...expected: string[]): void => {
    bench.parse(accept)
    const { body } = bench.folder.page(accept)
    deepStrictEqual(
      body.split('\n').filter((line) => / [123]$/.test(line) && !line.includes('sluice')),
      expected
    )
  }
  f('text/plain;version=1.0.0;escaping=allow-utf-8', '{"foo.bar","a.b"="x","c\\"d"="y"} 1', 'foo_bar 2', '{"n.ü"} 3')
  f('application/openmetrics-text;escaping=allow-utf-8', '{"foo.bar","a.b"="x","c\\"d"="y"} 1', 'foo_bar 2', '{"n.ü"} 3')
  // Two names become one: who comes second is left out rather than the page refused.
  f('', 'foo_bar{a_b="x",c_d="y"} 1', 'n__ 3')
  f('text/plain;version=1.0.0;escaping=dots', 'foo_dot_bar{a_dot_b="x",c_d="y"} 1', 'foo__bar 2', 'n_dot__ 3')
  f('text/plain;version=1.0.0;escaping=values', 'U__foo_2e_bar{U__a_2e_b="x",U__c_22_d="y"} 1', 'foo_bar 2', 'U__n_2e__fc_ 3')
  match(bench.folder.page('text/plain;version=1.0.0;escaping=allow-utf-8').body, /^# TYPE "foo\.bar" gauge$/m)
})

test('fields in any order, attributes apart from one another, unknown fields', () => {
  const point = message(
    1,
    attribute(7, 'a', '1'),
    fixed64(3, at(1)),
    attribute(7, 'b', '2'),
    fixed64(6, 5n),
    message(100, Buffer.from('?'))
  )
  const metric = message(2, message(7, varint(3, 1), point, varint(2, 2)), string(3, 's'), string(1, 'x'))
  const bytes = message(1, message(2, metric, message(1, string(1, 'scope'))), message(1, attribute(1, 'service.name', 'w')))
  const bench = new Bench()
  for (let i = 0; i < 2; i++) bench.folder.fold(parseBatch('metrics', bytes) as RedactedBatch)
  deepStrictEqual(bench.lines('x'), ['x_seconds_total{job="w",otel_scope_name="scope",a="1",b="2"} 5'])
})
