import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { join } from 'node:path'
import { beforeEach, mock, test } from 'node:test'
import { z } from 'zod'
import type { Processor } from '../../../src/component.ts'
import { metricName } from '../../../src/exporters/prometheus/names.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { cost } from '../../../src/processors/cost/cost.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { factsOf, type GpuParts } from '../../support/gpu-facts.ts'
import { host } from '../../support/host.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { type Attributes, CLIENT, requestOf, type SpanFacts, START, spanOf } from '../derive/support.ts'

const T = Number(START / 1_000_000n)
const SECOND = 1000
const HOUR = 3600 * SECOND

const at100W = [{ atMs: T - HOUR, powerWatts: 100, utilization: 1 }]
const ONE: GpuParts[] = [{ uuid: 'GPU-a', samples: at100W }]
const TWO: GpuParts[] = [...ONE, { uuid: 'GPU-b', samples: at100W }]
const DONE = T + 10 * 60 * SECOND

beforeEach(() => {
  mock.timers.reset()
  mock.timers.enable({ apis: ['Date'], now: T })
})

const costWith = (options: object = {}, gpus = ONE, parts = {}): Processor =>
  cost.create(z.strictObject(cost.options).parse(options), host({ facts: factsOf(gpus), ...parts }))

/** A span of `ms` that begins so many seconds after the start. */
const work = (attributes: Attributes, ms: number, fromSeconds = 0, more: SpanFacts = {}) => {
  const startTimeUnixNano = START + BigInt(fromSeconds) * 1_000_000_000n
  return { ...spanOf({ ms, attributes, ...more }), startTimeUnixNano, endTimeUnixNano: startTimeUnixNano + BigInt(ms) * 1_000_000n }
}

/** `{label=value,…} value`, sorted, of the metric of this name. */
function linesOf(processor: Processor, name = 'gpu_seconds_total', isLast = false): string[] {
  const batch = processor.collect!(isLast)
  if (batch === null) return []
  const [{ scopeMetrics }] = decode('ExportMetricsServiceRequest', batch.bytes).resourceMetrics!
  const metric = scopeMetrics![0].metrics!.find((one) => one.name === name)
  ok(metric === undefined || (metric.sum!.isMonotonic && metric.sum!.aggregationTemporality === 2))
  return (metric?.sum?.dataPoints ?? [])
    .map(({ attributes = [], asDouble }) => {
      const labels = attributes.map(({ key, value }) => `${key}=${value?.stringValue ?? value?.boolValue}`)
      return `{${labels.join()}} ${Math.round(asDouble! * 1e6) / 1e6}`
    })
    .sort()
}

const STT = { 'job.stage': 'stt', 'gen_ai.request.model': 'whisper', 'user.tier': 'pro' }
const TTS = { stage: 'tts', model: 'xtts' }

test('seconds and joules by model, stage and tier; what runs at once shares', () => {
  const f = (
    spans: ReturnType<typeof work>[],
    seconds: string[],
    joules: string[],
    gpus = ONE,
    resource: Attributes = {},
    options = {}
  ): void => {
    const processor = costWith(options, gpus)
    mock.timers.setTime(DONE)
    const batch = requestOf(spans, resource)
    strictEqual(processor.process(batch), batch)
    mock.timers.setTime(DONE + 10 * 60 * SECOND)
    deepStrictEqual(linesOf(processor), seconds)
    deepStrictEqual(linesOf(processor, 'gpu_energy_joules_total'), joules)
    mock.timers.setTime(T)
  }
  const stt = '{model=whisper,stage=stt,tier=pro}'
  const tts = '{model=xtts,stage=tts}'
  f([work(STT, 4000)], [`${stt} 4`], [`${stt} 400`])
  f([work(STT, 4000), work(STT, 4000, 2)], [`${stt} 6`], [`${stt} 600`])
  f([work(STT, 4000), work(TTS, 4000, 2)], [`${stt} 3`, `${tts} 3`], [`${stt} 300`, `${tts} 300`])
  f([work(STT, 4000), work({ ...TTS, 'hw.id': 'GPU-b' }, 4000)], [`${tts} 4`], [`${tts} 400`], TWO)
  f([work({ ...TTS, 'hw.id': 'GPU-a,GPU-b' }, 4000)], [`${tts} 8`], [`${tts} 800`], TWO)
  f([work(TTS, 4000)], [`${tts} 4`], [], [{ uuid: 'GPU-a' }])
  f([work({ model: 'xtts' }, 1000)], ['{model=xtts,tier=free} 1'], ['{model=xtts,tier=free} 100'], ONE, { tier: 'free' })
  // What is no work on a GPU, or on none that is known.
  f([work({}, 4000)], [], [])
  f([work(STT, 4000, 0, { kind: CLIENT })], [], [])
  f([work(STT, 4000)], [], [], [])
  f([work(STT, 4000)], [], [], TWO)
  f([work(STT, 4000), work(TTS, 2000)], [`${tts} 2`], [`${tts} 200`], ONE, {}, { where: { stage: ['tts', 'lip-sync'] } })
  f([work(TTS, 4000)], ['{step=tts} 4'], ['{step=tts} 400'], ONE, {}, { labels: { step: ['stage'] } })
})

test('on the page of Prometheus the metrics are called what they are called here', () => {
  const f = (name: string, unit: string): void => strictEqual(metricName(name, unit, 'counter', 'underscores-with-suffixes').name, name)
  f('gpu_seconds_total', 's')
  f('gpu_energy_joules_total', 'J')
})

test('time is shared when the horizon has passed, and grows from then on', () => {
  const processor = costWith({ horizon: '30s' })
  processor.process(requestOf([work(TTS, 4000)]))
  const f = (seconds: number, expected: string[]): void => {
    mock.timers.setTime(T + seconds * SECOND)
    deepStrictEqual(linesOf(processor), expected)
  }
  f(30, [])
  f(31, ['{model=xtts,stage=tts} 1'])
  f(34, ['{model=xtts,stage=tts} 4'])
  f(99, ['{model=xtts,stage=tts} 4'])
})

test('what cannot be believed, or finds no room, is counted', () => {
  const metrics = new Metrics()
  const processor = costWith({ pendingMax: 3, seriesMax: 1 }, ONE, { metrics })
  mock.timers.setTime(DONE)
  processor.process(
    requestOf([
      work(TTS, 1000),
      work(STT, 1000, 2),
      work(TTS, 1000, 4),
      work(TTS, -1000),
      work(TTS, 90_000_000),
      work(TTS, 1000, 10_000),
      work({ ...TTS, 'hw.id': 'GPU-gone' }, 1000),
      work(TTS, 1000)
    ])
  )
  mock.timers.setTime(DONE + 10 * 60 * SECOND)
  deepStrictEqual(linesOf(processor), ['{model=xtts,stage=tts} 2', '{otel.metric.overflow=true} 1'])
  const shown = (name: string): unknown[] =>
    metrics
      .families()
      .find((family) => family.name === name)!
      .samples.map(({ labels, value }) => (labels.reason === undefined ? value : `${labels.reason} ${value}`))
  deepStrictEqual(shown('sluice_cost_spans_total'), [8])
  deepStrictEqual(shown('sluice_cost_skipped_spans_total'), ['no gpu 1', 'no time 1', 'beyond belief 2', 'too many gpus 0'])
  deepStrictEqual(shown('sluice_cost_early_settlements_total'), [1])
  deepStrictEqual(shown('sluice_cost_late_seconds_total'), [1])
  deepStrictEqual(shown('sluice_cost_overflow_spans_total'), [1])
})

test('label values are redacted, and series that nobody touches are dropped', () => {
  const processor = costWith({ expireAfter: '1h' }, ONE, { redactText: (text: string) => text.replace('xtts', '***') })
  processor.process(requestOf([work(TTS, 1000)]))
  mock.timers.setTime(DONE)
  deepStrictEqual(linesOf(processor), ['{model=***,stage=tts} 1'])
  mock.timers.setTime(DONE + 2 * HOUR)
  linesOf(processor)
  deepStrictEqual(linesOf(processor), [])
})

test('a clock that is set back gives no time twice', () => {
  const processor = costWith()
  mock.timers.setTime(DONE)
  processor.process(requestOf([work(TTS, 1000)]))
  linesOf(processor)
  mock.timers.setTime(T)
  processor.process(requestOf([work(TTS, 1000)]))
  mock.timers.setTime(DONE)
  deepStrictEqual(linesOf(processor), ['{model=xtts,stage=tts} 1'])
})

test('what waits for the horizon is counted at the stop, and not once more after the next start', () => {
  const stateDir = temporaryDirectory()
  const f = (parts: object, expected: { atStop: string[]; late: string[] }): void => {
    mock.timers.setTime(T)
    const before = costWith({}, ONE, parts)
    mock.timers.setTime(T + 10 * SECOND)
    before.process(requestOf([work(STT, 4000, 2)], {}))
    deepStrictEqual(linesOf(before), [])
    const [line] = linesOf(before, 'gpu_seconds_total', true)
    deepStrictEqual([line], expected.atStop)
    const next = costWith({}, ONE, parts)
    mock.timers.setTime(T + 20 * SECOND)
    next.process(requestOf([work(STT, 4000, 3), work(STT, 4000, 11)], {}))
    deepStrictEqual(linesOf(next, 'gpu_seconds_total', true), expected.late)
  }
  const stt = '{model=whisper,stage=stt,tier=pro}'
  f({ stateDir: join(stateDir, 'cost') }, { atStop: [`${stt} 4`], late: [`${stt} 4`] })
  f({}, { atStop: [`${stt} 4`], late: [`${stt} 8`] })
})
