import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TRANSLATIONS } from '../../../src/exporters/prometheus/names.ts'
import { Bench, type Request } from './worker.ts'

// Few names, so that they meet: each is another's sample, another's base, or another's escaped form.
const name = fc.oneof(
  fc.constantFrom(
    'foo',
    'foo_total',
    'foo.total',
    'foo_count',
    'foo_bucket',
    'foo_sum',
    'foo_created',
    'foo_created_total',
    'foo.bar',
    'foo_bar'
  ),
  fc.constantFrom(
    'target',
    'target_info',
    'target_info_total',
    'sluice_own',
    'sluice.own',
    'sluice_own_total',
    '',
    '_total',
    '9',
    'ü',
    '"',
    '\\',
    'a\nb',
    '\0'
  ),
  fc.string({ unit: 'binary', maxLength: 8 })
)
const key = fc.oneof(
  fc.constantFrom(
    'a',
    'a.b',
    'a_b',
    'a:b',
    'le',
    'quantile',
    'job',
    'instance',
    'service.name',
    'service.instance.id',
    '__name__',
    '',
    '1',
    'otel.scope.name'
  ),
  fc.string({ unit: 'binary', maxLength: 6 })
)
const anyValue = fc.oneof(
  fc.record({
    stringValue: fc.oneof(fc.constantFrom('', 'x', 'y', '\\', '"', '\n', '\\n', '\0'), fc.string({ unit: 'binary', maxLength: 8 }))
  }),
  fc.record({ intValue: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) }),
  fc.record({ doubleValue: fc.double() }),
  fc.record({ boolValue: fc.boolean() }),
  fc.record({ bytesValue: fc.uint8Array({ maxLength: 5 }) }),
  fc.record({
    arrayValue: fc.record({ values: fc.array(fc.record({ stringValue: fc.string({ unit: 'binary', maxLength: 3 }) }), { maxLength: 2 }) })
  }),
  fc.constant({})
)
const attributes = fc.array(fc.record({ key, value: anyValue }), { maxLength: 4 })
const time = fc.oneof(fc.constant(0n), fc.bigInt({ min: 1n, max: 6n }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
const double = fc.oneof(fc.double(), fc.constantFrom(0, 1, 2, 0.5, -1, 1e6))
const count = fc.oneof(fc.integer({ min: 0, max: 5 }), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }))
const exemplar = fc.record(
  {
    timeUnixNano: time,
    asDouble: double,
    filteredAttributes: attributes,
    traceId: fc.constantFrom('', '0af7651916cd43dd8448eb211c80319c'),
    spanId: fc.constantFrom('', 'b7ad6b7169203331')
  },
  { requiredKeys: [] }
)
const common = {
  attributes,
  startTimeUnixNano: time,
  timeUnixNano: time,
  exemplars: fc.array(exemplar, { maxLength: 4 }),
  flags: fc.constantFrom(0, 0, 0, 1)
}
const optional = <T extends Record<string, fc.Arbitrary<unknown>>>(shape: T) => fc.record(shape, { requiredKeys: [] })
const many = <T>(item: fc.Arbitrary<T>) => fc.array(item, { maxLength: 4 })

const number = fc.oneof(
  optional({ ...common, asDouble: double }),
  optional({ ...common, asInt: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) })
)
const histogram = fc.array(double, { maxLength: 5 }).chain((bounds) =>
  optional({
    ...common,
    count,
    sum: double,
    explicitBounds: fc.constantFrom(
      bounds,
      [...new Set(bounds)].sort((a, b) => a - b)
    ),
    bucketCounts: fc.oneof(
      fc.array(count, { minLength: bounds.length + 1, maxLength: bounds.length + 1 }),
      fc.array(count, { maxLength: 5 })
    )
  })
)
const offset = fc.oneof(fc.integer({ min: -5, max: 5 }), fc.integer())
const buckets = optional({ offset, bucketCounts: fc.array(count, { maxLength: 6 }) })
const exponential = optional({ ...common, count, sum: double, scale: offset, zeroCount: count, positive: buckets, negative: buckets })
const quantile = optional({ quantile: fc.oneof(fc.constantFrom(0, 0.5, 1), double), value: double })
const summary = optional({
  ...common,
  exemplars: fc.constant(undefined),
  count,
  sum: double,
  quantileValues: fc.array(quantile, { maxLength: 3 })
})
const aggregationTemporality = fc.constantFrom(0, 1, 2, 2, 2)

const metric = fc
  .tuple(
    optional({
      name,
      description: fc.string({ unit: 'binary' }),
      unit: fc.oneof(fc.constantFrom('s', 'By', '1', '{x}', 'By/s', '%', ''), fc.string({ unit: 'binary', maxLength: 4 }))
    }),
    fc.oneof(
      fc.record({ gauge: fc.record({ dataPoints: many(number) }) }),
      fc.record({ sum: fc.record({ dataPoints: many(number), aggregationTemporality, isMonotonic: fc.boolean() }) }),
      fc.record({ histogram: fc.record({ dataPoints: many(histogram), aggregationTemporality }) }),
      fc.record({ exponentialHistogram: fc.record({ dataPoints: many(exponential), aggregationTemporality }) }),
      fc.record({ summary: fc.record({ dataPoints: many(summary) }) }),
      fc.constant({})
    )
  )
  .map(([head, data]) => ({ ...head, ...data }))
const request = fc.record({
  resourceMetrics: fc.array(
    optional({
      resource: fc.record({ attributes }),
      scopeMetrics: fc.array(
        optional({
          scope: optional({ name, version: name, attributes }),
          metrics: fc.array(metric, { maxLength: 4 }),
          schemaUrl: fc.constantFrom('', 'https://x/1')
        }),
        { maxLength: 2 }
      )
    }),
    { maxLength: 3 }
  )
})
const options = fc.record({
  translation: fc.constantFrom(...TRANSLATIONS),
  scopeLabels: fc.boolean(),
  resourceLabels: fc.constantFrom([], ['a.b', 'le']),
  seriesMax: fc.constantFrom(3, 1000),
  seriesPerMetricMax: fc.constantFrom(1, 1000)
})

const ACCEPTS = ['', 'application/openmetrics-text', 'application/openmetrics-text;version=0.0.1'].concat(
  ['underscores', 'allow-utf-8', 'dots', 'values'].flatMap((escaping) => [
    `application/openmetrics-text;version=1.0.0;escaping=${escaping}`,
    `text/plain;version=1.0.0;escaping=${escaping}`
  ])
)

test('whatever OTLP carries, a page in every format passes a strict parser', (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  fc.assert(
    fc.property(options, fc.array(request, { minLength: 1, maxLength: 3 }), (chosen, requests) => {
      const bench = new Bench(chosen)
      bench.metrics.counter('sluice_own_total', 'Own.').add(1, { a: 'x' })
      bench.metrics.observe('sluice_own', 'Own "too".', 'gauge', () => [{ labels: { a: 'x' }, value: 1 }])
      for (const one of requests) {
        bench.fold(one as unknown as Request)
        for (const accept of ACCEPTS) bench.parse(accept)
      }
      const value = (name: string): number => bench.parse().get(name)?.samples[0].value ?? Number.NaN
      ok(value('sluice_prometheus_series') <= chosen.seriesMax)
      now += 3_600_000
      deepStrictEqual([value('sluice_prometheus_series'), value('sluice_prometheus_series_bytes')], [0, 0])
    }),
    { numRuns: Number(process.env.SLUICE_PROPERTY_RUNS ?? 300) }
  )
})

test('a counter that is seen at every step is what its sources sent', () => {
  const step = fc.record({ source: fc.constantFrom('a', 'b', 'c'), added: fc.integer({ min: 0, max: 9 }) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), fc.boolean(), (steps, isDelta) => {
      const bench = new Bench()
      const totals = new Map<string, number>()
      let expected = 0
      for (const [i, { source, added }] of steps.entries()) {
        expected += added
        const total = (totals.get(source) ?? 0) + added
        totals.set(source, total)
        const point = { timeUnixNano: BigInt(1000 + i), startTimeUnixNano: BigInt(source.charCodeAt(0)), asDouble: isDelta ? added : total }
        const sum = { aggregationTemporality: isDelta ? 1 : 2, isMonotonic: true, dataPoints: [point] }
        const resource = { attributes: [{ key: 'pod', value: { stringValue: source } }] }
        bench.fold({ resourceMetrics: [{ resource, scopeMetrics: [{ metrics: [{ name: 'x', sum }] }] }] } as unknown as Request)
        strictEqual(bench.parse().get('x_total')?.samples[0].value, expected)
      }
    }),
    { numRuns: 50 }
  )
})
