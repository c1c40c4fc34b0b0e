import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { appendFile, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { Outcome } from '../../../src/component.ts'
import { DeltaJournal } from '../../../src/exporters/datadog/delta-journal.ts'
import { DeltaState } from '../../../src/exporters/datadog/delta-state.ts'
import { Deltas } from '../../../src/exporters/datadog/deltas.ts'
import { MetricsLane } from '../../../src/exporters/datadog/metrics.ts'
import { otlpMetrics } from '../../../src/exporters/datadog/otlp-metrics.ts'
import { seriesMetrics } from '../../../src/exporters/datadog/series.ts'
import { decode } from '../../../src/otlp/decode.ts'
import type { ExponentialHistogramDataPoint, HistogramDataPoint, Metric, NumberDataPoint } from '../../../src/otlp/objects.ts'
import { host } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { attributesOf, away, FakeIntake, invalid, metricsBatch, tooLarge } from './fake-intake.ts'

const DELTA = 1
const CUMULATIVE = 2
const NOW_S = Math.floor(Date.now() / 1000) - 1000
const never = new AbortController().signal
const settings = {
  histograms: 'distributions',
  histogramAggregates: true,
  resourceTags: true,
  scopeTags: false,
  hostname: undefined
} as const

interface Made {
  readonly intake: FakeIntake
  readonly lane: MetricsLane
  readonly state: DeltaState
}

async function made(
  parts: { seriesMax?: number; dir?: string; format?: 'otlp' | 'series'; sinceS?: number; intake?: FakeIntake } = {}
): Promise<Made> {
  const { seriesMax = 1000, dir, format = 'otlp', sinceS = NOW_S, intake = new FakeIntake() } = parts
  const lent = host()
  const state = new DeltaState(
    { exporter: 'test', seriesMax, expireAfterMs: 3_600_000 },
    new DeltaJournal(dir, lent.log),
    lent.metrics,
    sinceS * 1000
  )
  const isOtlp = format === 'otlp'
  const deltas = new Deltas(state, {
    instance: 'gateway',
    hostname: undefined,
    summaries: isOtlp ? 'as-they-came' : 'differences',
    resourceTags: true,
    scopeTags: false
  })
  const url = new URL('http://127.0.0.1/')
  const lane = new MetricsLane(isOtlp ? otlpMetrics(url, settings) : seriesMetrics(url, settings), deltas, state, intake.asIntake, lent)
  return { intake, lane, state }
}

const nano = (seconds: number): bigint => BigInt(Math.round(seconds * 1000)) * 1_000_000n

const counter = (name: string, points: readonly [atS: number, value: number][], startS = NOW_S + 1, temporality = CUMULATIVE): Metric => ({
  name,
  sum: {
    isMonotonic: true,
    aggregationTemporality: temporality,
    dataPoints: points.map(([atS, value]) => ({
      startTimeUnixNano: startS === 0 ? 0n : nano(startS),
      timeUnixNano: nano(atS),
      asInt: BigInt(value)
    }))
  }
})

/** [second, value] of the sums that arrived. */
function arrived({ posts }: FakeIntake): [number, number][] {
  const found: [number, number][] = []
  for (const { body } of posts)
    for (const { scopeMetrics = [] } of decode('ExportMetricsServiceRequest', body).resourceMetrics ?? [])
      for (const { metrics = [] } of scopeMetrics)
        for (const { sum } of metrics) {
          strictEqual(sum?.aggregationTemporality, DELTA)
          for (const point of sum.dataPoints ?? [])
            found.push([(Number(point.timeUnixNano! / 1_000_000n) - NOW_S * 1000) / 1000, Number(point.asInt ?? point.asDouble)])
        }
  return found
}

const lossesOf = (outcome: Outcome | undefined): [string, number][] => (outcome?.dropped ?? []).map(({ reason, items }) => [reason, items])

test('a cumulative sum becomes what was counted since', async () => {
  const f = async (batches: Metric[][], expected: [number, number][], losses: [string, number][] = [], sinceS = NOW_S): Promise<void> => {
    const { lane, intake } = await made({ sinceS })
    const found: [string, number][] = []
    for (const metrics of batches) found.push(...lossesOf(await lane.send(metricsBatch(metrics), never)))
    deepStrictEqual(arrived(intake), expected)
    deepStrictEqual(found, losses)
  }
  // It began after the gateway: counted from the beginning.
  await f(
    [[counter('a', [[NOW_S + 10, 5]])], [counter('a', [[NOW_S + 20, 12]])]],
    [
      [10, 5],
      [20, 7]
    ]
  )
  await f(
    [
      [
        counter('a', [
          [NOW_S + 10, 5],
          [NOW_S + 20, 12]
        ])
      ]
    ],
    [
      [10, 5],
      [20, 7]
    ]
  )
  // It began before: counted from the first point.
  await f([[counter('a', [[NOW_S + 10, 5]])], [counter('a', [[NOW_S + 20, 12]])]], [[20, 7]], [['baseline', 1]], NOW_S + 2)
  // It does not say when it began.
  await f(
    [[counter('a', [[NOW_S + 10, 5]], 0)], [counter('a', [[NOW_S + 20, 12]], 0)], [counter('a', [[NOW_S + 30, 3]], 0)]],
    [
      [20, 7],
      [30, 3]
    ],
    [['baseline', 1]]
  )
  // It began anew.
  await f(
    [[counter('a', [[NOW_S + 10, 5]])], [counter('a', [[NOW_S + 20, 7]], NOW_S + 15)]],
    [
      [10, 5],
      [20, 7]
    ]
  )
  // Two that cannot be told apart: the younger counts.
  await f([[counter('a', [[NOW_S + 10, 5]], NOW_S + 3)], [counter('a', [[NOW_S + 20, 50]], NOW_S + 1)]], [[10, 5]], [['out-of-order', 1]])
  // What comes again, and what comes late, is in what came.
  await f([[counter('a', [[NOW_S + 20, 5]])], [counter('a', [[NOW_S + 20, 5]])], [counter('a', [[NOW_S + 10, 3]])]], [[20, 5]])
  // Nothing new is a count of nothing.
  await f(
    [[counter('a', [[NOW_S + 10, 5]])], [counter('a', [[NOW_S + 20, 5]])]],
    [
      [10, 5],
      [20, 0]
    ]
  )
})

test('points of one second are one', async () => {
  const f = async (batches: Metric[][], expected: [number, number][]): Promise<void> => {
    const { lane, intake } = await made()
    for (const metrics of batches) strictEqual(await lane.send(metricsBatch(metrics), never), undefined)
    deepStrictEqual(arrived(intake), expected)
  }
  const delta = (points: [number, number][]): Metric => counter('a', points, NOW_S + 1, DELTA)
  await f(
    [
      [
        delta([
          [NOW_S + 10.1, 5],
          [NOW_S + 10.7, 6]
        ])
      ]
    ],
    [[10.1, 11]]
  )
  await f(
    [
      [
        delta([
          [NOW_S + 10.1, 5],
          [NOW_S + 11.7, 6]
        ])
      ]
    ],
    [
      [10.1, 5],
      [11.7, 6]
    ]
  )
  // In another request, where the first has been sent: the next second.
  await f(
    [[delta([[NOW_S + 10.1, 5]])], [delta([[NOW_S + 10.7, 6]])], [delta([[NOW_S + 10.9, 7]])]],
    [
      [10.1, 5],
      [11, 6],
      [12, 7]
    ]
  )
  await f(
    [
      [
        counter('a', [
          [NOW_S + 10.1, 5],
          [NOW_S + 10.7, 6]
        ])
      ]
    ],
    [[10.1, 6]]
  )
})

test('what is sent again is the same, and counts once', async () => {
  const { lane, intake } = await made()
  await lane.send(metricsBatch([counter('a', [[NOW_S + 10, 5]])]), never)
  const batch = metricsBatch([counter('a', [[NOW_S + 20, 12]])])
  intake.next.push(away(), away())
  await rejects(lane.send(batch, never), /away/)
  await rejects(lane.send({ ...batch, bytes: Buffer.from(batch.bytes) }, never), /away/)
  strictEqual(await lane.send(batch, never), undefined)
  await lane.send(metricsBatch([counter('a', [[NOW_S + 30, 13]])]), never)
  deepStrictEqual(arrived(intake), [
    [10, 5],
    [20, 7],
    [30, 1]
  ])
})

test('what is given up is in the next difference', async () => {
  const { lane, intake } = await made()
  await lane.send(metricsBatch([counter('a', [[NOW_S + 10, 5]])]), never)
  intake.next.push(invalid())
  const outcome = await lane.send(metricsBatch([counter('a', [[NOW_S + 20, 12]])]), never)
  deepStrictEqual(lossesOf(outcome), [['invalid', 1]])
  const { bytes } = outcome!.dropped![0].batch!
  strictEqual(decode('ExportMetricsServiceRequest', bytes).resourceMetrics?.length, 1)
  await lane.send(metricsBatch([counter('a', [[NOW_S + 30, 13]])]), never)
  intake.next.push(away())
  const batch = metricsBatch([counter('a', [[NOW_S + 40, 20]])])
  await rejects(lane.send(batch, never))
  deepStrictEqual(lossesOf(lane.abandon(batch, 'expired')), [['expired', 1]])
  await lane.send(metricsBatch([counter('a', [[NOW_S + 50, 21]])]), never)
  deepStrictEqual(arrived(intake), [
    [10, 5],
    [30, 8],
    [50, 8]
  ])
})

test('a request is as large as the intake takes', async () => {
  const { lane, intake } = await made()
  const many = Array.from({ length: 20_000 }, (_, i) => counter(`a.metric.with.a.name.${i}`, [[NOW_S + 10, i]]))
  const { lane: roomy, intake: taken } = await made({ seriesMax: 30_000, intake })
  strictEqual(await roomy.send(metricsBatch(many), never), undefined)
  ok(taken.posts.length > 1)
  for (const { body } of taken.posts) ok(body.length <= 500_000)
  deepStrictEqual(
    arrived(taken).map(([, value]) => value),
    many.map((_, i) => i)
  )
  // The intake finds it too large still.
  intake.posts.length = 0
  intake.next.push(tooLarge(), null, tooLarge(), tooLarge())
  const outcome = await lane.send(
    metricsBatch([counter('a', [[NOW_S + 10, 1]]), counter('b', [[NOW_S + 10, 2]]), counter('c', [[NOW_S + 10, 3]])]),
    never
  )
  deepStrictEqual(
    arrived(intake).map(([, value]) => value),
    [1, 2]
  )
  deepStrictEqual(lossesOf(outcome), [['too-large', 1]])
})

test('no more series are remembered than may be', async () => {
  const { lane, intake, state } = await made({ seriesMax: 2 })
  const three = (atS: number, value: number): Metric[] => ['a', 'b', 'c'].map((name) => counter(name, [[atS, value]]))
  deepStrictEqual(lossesOf(await lane.send(metricsBatch(three(NOW_S + 10, 1)), never)), [['series-max', 1]])
  strictEqual(state.size, 2)
  state.sweep(Date.now() + 2 * 3_600_000)
  strictEqual(state.size, 0)
  // Forgotten, they are not taken for new ones.
  deepStrictEqual(lossesOf(await lane.send(metricsBatch(three(NOW_S + 20, 3).slice(0, 2)), never)), [['baseline', 2]])
  deepStrictEqual(arrived(intake), [
    [10, 1],
    [10, 1]
  ])
})

test('a source that gains attributes stays the same', async () => {
  const { lane, intake } = await made()
  const resource = { 'service.name': 'worker', 'service.instance.id': 'a' }
  await lane.send(metricsBatch([counter('a', [[NOW_S + 10, 5]])], resource), never)
  await lane.send(metricsBatch([counter('a', [[NOW_S + 20, 12]])], { ...resource, 'k8s.pod.name': 'p' }), never)
  await lane.send(metricsBatch([counter('a', [[NOW_S + 30, 13]])], { ...resource, 'k8s.pod.name': 'p' }), never)
  await lane.send(metricsBatch([counter('a', [[NOW_S + 30, 4]])], { ...resource, 'service.instance.id': 'b' }), never)
  deepStrictEqual(arrived(intake), [
    [10, 5],
    [20, 7],
    [30, 1],
    [30, 4]
  ])
})

test('histograms become what was observed since', async () => {
  const { lane, intake } = await made()
  const histogram = (atS: number, bucketCounts: number[], sum: number): Metric => ({
    name: 'h',
    histogram: {
      aggregationTemporality: CUMULATIVE,
      dataPoints: [
        {
          startTimeUnixNano: nano(NOW_S + 1),
          timeUnixNano: nano(atS),
          bucketCounts: bucketCounts.map(BigInt),
          explicitBounds: [1, 2],
          count: BigInt(bucketCounts.reduce((a, b) => a + b)),
          sum,
          min: 0.5,
          max: 9
        }
      ]
    }
  })
  const exponential = (atS: number, scale: number, offset: number, counts: number[]): Metric => ({
    name: 'e',
    exponentialHistogram: {
      aggregationTemporality: CUMULATIVE,
      dataPoints: [
        {
          startTimeUnixNano: nano(NOW_S + 1),
          timeUnixNano: nano(atS),
          scale,
          count: BigInt(counts.reduce((a, b) => a + b) + 1),
          zeroCount: 1n,
          positive: { offset, bucketCounts: counts.map(BigInt) }
        }
      ]
    }
  })
  await lane.send(metricsBatch([histogram(NOW_S + 10, [1, 2, 0], 4), exponential(NOW_S + 10, 1, -1, [1, 2, 3, 4])]), never)
  await lane.send(metricsBatch([histogram(NOW_S + 20, [1, 5, 1], 14), exponential(NOW_S + 20, 0, -1, [1, 6, 5])]), never)
  const metrics = intake.posts.map(({ body }) => decode('ExportMetricsServiceRequest', body).resourceMetrics![0].scopeMetrics![0].metrics!)
  const points = metrics.map(([h, e]): [HistogramDataPoint, ExponentialHistogramDataPoint] => [
    h.histogram!.dataPoints![0],
    e.exponentialHistogram!.dataPoints![0]
  ])
  deepStrictEqual(
    points.map(([{ bucketCounts, sum, count, min }]) => ({ bucketCounts, sum, count, min })),
    [
      { bucketCounts: [1n, 2n, 0n], sum: 4, count: 3n, min: 0.5 },
      { bucketCounts: [0n, 3n, 1n], sum: 10, count: 4n, min: undefined }
    ]
  )
  // The first, one scale lower: buckets -1 to 2 are -1, 0, 0, 1.
  const { scale, positive, count, zeroCount } = points[1][1]
  deepStrictEqual(
    { scale, positive, count, zeroCount },
    { scale: undefined, positive: { bucketCounts: [1n, 1n] }, count: 2n, zeroCount: undefined }
  )
})

test('what goes up and down, gauges and summaries pass as gauges and summaries', async () => {
  const { lane, intake } = await made()
  const dataPoints: NumberDataPoint[] = [{ timeUnixNano: nano(NOW_S + 10), asDouble: 2.5 }]
  const metrics: Metric[] = [
    { name: 'g', gauge: { dataPoints } },
    { name: 'u', sum: { dataPoints, isMonotonic: false, aggregationTemporality: CUMULATIVE } },
    { name: 's', summary: { dataPoints: [{ timeUnixNano: nano(NOW_S + 10), count: 3n, sum: 4 }] } },
    { name: 'n', gauge: { dataPoints: [{ timeUnixNano: nano(NOW_S + 10), asDouble: Number.NaN }] } },
    { name: 'x', sum: { dataPoints, isMonotonic: true } }
  ]
  deepStrictEqual(lossesOf(await lane.send(metricsBatch(metrics, {}), never)), [['unsupported', 2]])
  const [{ resource, scopeMetrics }] = decode('ExportMetricsServiceRequest', intake.posts[0].body).resourceMetrics!
  deepStrictEqual(
    scopeMetrics![0].metrics!.map(({ name, ...data }) => [name, ...Object.keys(data)]),
    [
      ['g', 'gauge'],
      ['u', 'gauge'],
      ['s', 'summary']
    ]
  )
  // Who does not say which instance it is gets one.
  deepStrictEqual(resource, { attributes: attributesOf({ 'service.instance.id': 'gateway' }) })
  deepStrictEqual(JSON.parse(intake.posts[0].headers!['dd-otel-metric-config']), {
    resource_attributes_as_tags: true,
    instrumentation_scope_metadata_as_tags: false,
    histograms: { mode: 'distributions', send_aggregation_metrics: true }
  })
})

test('over a restart nothing is counted twice, and nothing left out', async () => {
  const dir = temporaryDirectory()
  const intake = new FakeIntake()
  const first = await made({ dir, intake })
  await first.lane.send(metricsBatch([counter('a', [[NOW_S + 10, 5]])]), never)
  await first.lane.send(metricsBatch([counter('a', [[NOW_S + 20, 12]])]), never)
  // It ends without a stop, and in the middle of a line; the batch was not acknowledged.
  await appendFile(join(dir, 'deltas.jsonl'), '["series","x","1')
  const second = await made({ dir, intake, sinceS: NOW_S + 25 })
  strictEqual(await second.lane.send(metricsBatch([counter('a', [[NOW_S + 20, 12]])]), never), undefined)
  await second.lane.send(metricsBatch([counter('a', [[NOW_S + 30, 20]]), counter('new', [[NOW_S + 30, 3]], NOW_S + 22)]), never)
  await second.lane.stop()
  deepStrictEqual(arrived(intake), [
    [10, 5],
    [20, 7],
    [30, 8],
    [30, 3]
  ])
  ok((await readFile(join(dir, 'deltas.jsonl'), 'utf8')).split('\n').length < 10)
})

test('where nothing can be kept, metrics still arrive, and nothing old is taken for the last', async () => {
  const dir = temporaryDirectory()
  const intake = new FakeIntake()
  const first = await made({ dir: join(dir, 'd'), intake })
  await first.lane.send(metricsBatch([counter('a', [[NOW_S + 10, 5]])]), never)
  await first.lane.stop()
  // A file stands where the directory was.
  await rm(join(dir, 'd'), { recursive: true })
  await writeFile(join(dir, 'd'), '')
  const second = await made({ dir: join(dir, 'd'), intake, sinceS: NOW_S + 15 })
  deepStrictEqual(lossesOf(await second.lane.send(metricsBatch([counter('a', [[NOW_S + 20, 7]])]), never)), [['baseline', 1]])
  strictEqual(await second.lane.send(metricsBatch([counter('a', [[NOW_S + 30, 9]])]), never), undefined)
  deepStrictEqual(arrived(intake), [
    [10, 5],
    [30, 2]
  ])
})

test('series are counts, gauges and what a histogram comes to', async () => {
  const nowS = Math.floor(Date.now() / 1000)
  const { lane, intake } = await made({ format: 'series', sinceS: nowS - 100 })
  const at = { startTimeUnixNano: nano(nowS - 20), timeUnixNano: nano(nowS - 10) }
  const metrics: Metric[] = [
    counter('c', [[nowS - 10, 5]], nowS - 20),
    {
      name: 'g',
      unit: 'byte',
      gauge: { dataPoints: [{ ...at, asDouble: 2.5, attributes: attributesOf({ gpu: 'GPU-1', 'a,b': 'x,y' }) }] }
    },
    {
      name: 'h',
      histogram: {
        aggregationTemporality: DELTA,
        dataPoints: [{ ...at, count: 3n, sum: 6, max: 4, bucketCounts: [1n, 2n], explicitBounds: [1] }]
      }
    },
    counter('old', [[nowS - 4000, 5]], nowS - 5000, DELTA)
  ]
  const resource = { 'service.name': 'worker', 'service.instance.id': 'a', 'host.name': 'n1', 'k8s.pod.name': 'p' }
  deepStrictEqual(lossesOf(await lane.send(metricsBatch(metrics, resource), never)), [['too-old', 1]])
  const { series } = JSON.parse(Buffer.from(intake.posts[0].body).toString()) as { series: Record<string, unknown>[] }
  deepStrictEqual(
    series.map(({ metric, type, points, interval }) => [metric, type, points, interval]),
    [
      ['c', 1, [{ timestamp: nowS - 10, value: 5 }], 10],
      ['g', 3, [{ timestamp: nowS - 10, value: 2.5 }], undefined],
      ['h.count', 1, [{ timestamp: nowS - 10, value: 3 }], 10],
      ['h.sum', 1, [{ timestamp: nowS - 10, value: 6 }], 10],
      ['h.max', 3, [{ timestamp: nowS - 10, value: 4 }], undefined]
    ]
  )
  deepStrictEqual(series[1].resources, [{ type: 'host', name: 'n1' }])
  for (const tag of ['service:worker', 'pod_name:p', 'gpu:GPU-1', 'a_b:x_y']) ok((series[1].tags as string[]).includes(tag), tag)
})

test('whatever fails on the way, what arrives adds up to what was counted', async () => {
  const step = fc.record({
    add: fc.nat(5),
    gapMs: fc.integer({ min: 100, max: 30_000 }),
    refusals: fc.array(fc.constantFrom(away, invalid, tooLarge), { maxLength: 2 })
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      const { lane, intake } = await made()
      let [atMs, total] = [(NOW_S + 10) * 1000, 0]
      const send = async (refusals: (() => Error)[]): Promise<void> => {
        intake.next.push(...(refusals.map((refusal) => refusal()) as ReturnType<typeof away>[]))
        const batch = metricsBatch([counter('a', [[atMs / 1000, total]])])
        for (;;) {
          try {
            await lane.send(batch, never)
            break
          } catch {}
        }
        intake.next.length = 0
      }
      for (const { add, gapMs, refusals } of steps) {
        total += add
        atMs += gapMs
        await send(refusals)
      }
      atMs += 1000
      await send([])
      strictEqual(
        arrived(intake).reduce((sum, [, value]) => sum + value, 0),
        total
      )
      const seconds = arrived(intake).map(([second]) => Math.floor(second))
      deepStrictEqual(seconds, [...new Set(seconds)])
    }),
    { numRuns: 100 }
  )
})
