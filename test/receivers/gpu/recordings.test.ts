// What nvidia-smi has printed on real machines, from driver 375 to 595, goes through a real child process and comes out as metrics. The expected
// values are cut out of the recordings here, without our parsers.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { openGpuFacts } from '../../../src/facts/gpu/gpu.ts'
import { chooseQuery } from '../../../src/facts/gpu/query.ts'
import { podFactsOff } from '../../../src/facts/off.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { Collector } from '../../../src/receivers/gpu/collector.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { captureSection, RECORDINGS, skipWithoutRecordings } from '../../support/nvidia-smi-recordings.ts'
import { openStandIn } from '../../support/nvidia-smi-stand-in.ts'

const silent = { info: () => undefined, warn: () => undefined }
const MIB = 2 ** 20

interface Point {
  readonly value: number
  readonly labels: Readonly<Record<string, string>>
}
type Shown = ReadonlyMap<string, readonly Point[]>

/** All metrics of the first look at a stand-in. */
async function look(command: string): Promise<Shown> {
  const options = { source: 'nvidia-smi', command, intervalMs: 60_000, slowIntervalMs: 60_000, timeoutMs: 120_000 } as const
  const opened = openGpuFacts(options, { log: silent, metrics: new Metrics() })
  await opened.firstLook
  const collector = new Collector({ gpu: opened.facts, pod: podFactsOff() }, { dcgm: 'also', resource: {} })
  const batch = collector.collect(Date.now())
  await opened.stop()
  const found = new Map<string, Point[]>()
  if (batch === null) return found
  for (const metric of decode('ExportMetricsServiceRequest', batch.bytes).resourceMetrics![0].scopeMetrics![0].metrics!) {
    const points = (metric.gauge ?? metric.sum)!.dataPoints!.map(({ attributes = [], asDouble, asInt }) => ({
      value: asDouble ?? Number(asInt),
      labels: Object.fromEntries(attributes.map(({ key, value }) => [key!, value!.stringValue ?? String(value!.intValue)]))
    }))
    found.set(metric.name!, points)
  }
  return found
}

/** The values of whole GPUs with these labels, by the GPU's id: undefined where it has none. */
function byGpu(shown: Shown, name: string, ids: readonly string[], labels: Record<string, string> = {}): (number | undefined)[] {
  const fits = (point: Point): boolean => Object.entries(labels).every(([key, value]) => point.labels[key] === value)
  return ids.map(
    (id) => shown.get(name)?.find((point) => fits(point) && (point.labels['hw.id'] === id || point.labels['hw.parent'] === id))?.value
  )
}

/** What stands in the innermost of some nested elements. */
function inside(text: string, ...path: string[]): string {
  let found = text
  for (const name of path) found = new RegExp(`<${name}>([\\s\\S]*?)</${name}>`).exec(found)?.[1] ?? ''
  return found.trim()
}

const numberOf = (text: string, unit: string, scale: number): number | undefined => {
  const [, digits] = new RegExp(`^(-?[\\d.]+) ?${unit}$`).exec(text) ?? []
  if (digits !== undefined) compared++
  return digits === undefined ? undefined : Number(digits) * scale
}
let compared = 0
const near = (value: number | undefined): number | undefined => (value === undefined ? undefined : Math.round(value * 1e6) / 1e6)

const documents = existsSync(RECORDINGS) ? readdirSync(RECORDINGS).filter((name) => name.endsWith('.xml')) : []

test('each recorded document becomes the metrics that it says', { skip: skipWithoutRecordings }, async () => {
  ok(documents.length > 15, `${documents.length} documents`)
  const smi = openStandIn()
  smi.set('any', { stdout: 'Field "index" is not a valid field to query.\n', status: 2 })
  smi.set('L', { stdout: '' })
  for (const name of documents) {
    const text = readFileSync(join(RECORDINGS, name), 'utf8')
    smi.set('x', { stdout: text })
    const shown = await look(smi.command)
    const blocks = [...text.matchAll(/<gpu id=[\s\S]*?<\/gpu>/g)].map(([block]) => block)
    const gpus = blocks.map((block) =>
      block.replace(/<mig_devices>[\s\S]*?<\/mig_devices>/, '').replace(/<supported_clocks>[\s\S]*?<\/supported_clocks>/, '')
    )
    const ids = gpus.map((block) => inside(block, 'uuid'))
    const f = (metric: string, labels: Record<string, string>, expected: (block: string) => number | undefined): void =>
      deepStrictEqual(byGpu(shown, metric, ids, labels).map(near), gpus.map(expected).map(near), `${name}: ${metric}`)
    f('hw.gpu.utilization', { 'hw.gpu.task': 'general' }, (block) => numberOf(inside(block, 'utilization', 'gpu_util'), '%', 0.01))
    f('hw.gpu.utilization', { 'hw.gpu.task': 'encoder' }, (block) => numberOf(inside(block, 'utilization', 'encoder_util'), '%', 0.01))
    f('gpu.memory.bandwidth.utilization', {}, (block) => numberOf(inside(block, 'utilization', 'memory_util'), '%', 0.01))
    f('gpu.memory.free', {}, (block) => numberOf(inside(block, 'fb_memory_usage', 'free'), 'MiB', MIB))
    f('hw.temperature', { 'hw.sensor_location': 'gpu' }, (block) => numberOf(inside(block, 'temperature', 'gpu_temp'), 'C', 1))
    f('hw.temperature', { 'hw.sensor_location': 'memory' }, (block) => numberOf(inside(block, 'temperature', 'memory_temp'), 'C', 1))
    f('hw.fan.speed_ratio', {}, (block) => numberOf(inside(block, 'fan_speed'), '%', 0.01))
    f('gpu.clock.frequency', { 'gpu.clock.domain': 'sm' }, (block) => numberOf(inside(block, 'clocks', 'sm_clock'), 'MHz', 1e6))
    f('gpu.performance.state', {}, (block) => numberOf(inside(block, 'performance_state').replace('P', ''), '', 1))
    f('gpu.voltage', {}, (block) => numberOf(inside(block, 'voltage', 'graphics_volt'), 'mV', 0.001))
    f('hw.power', {}, (block) => {
      const [new_, old] = [inside(block, 'gpu_power_readings'), inside(block, 'power_readings')]
      const texts = [
        inside(new_, 'instant_power_draw'),
        inside(new_, 'power_draw'),
        inside(old, 'power_draw'),
        inside(new_, 'average_power_draw')
      ]
      return texts.map((each) => numberOf(each, 'W', 1)).find((each) => each !== undefined)
    })
    const parts = blocks.flatMap((block) => [...block.matchAll(/<mig_device>[\s\S]*?<\/mig_device>/g)].map(([part]) => part))
    deepStrictEqual(
      (shown.get('hw.gpu.memory.usage') ?? []).filter(({ labels }) => 'hw.parent' in labels).map(({ value }) => value),
      parts.map((part) => numberOf(inside(part, 'fb_memory_usage', 'used'), 'MiB', MIB)),
      `${name}: MIG`
    )
    strictEqual(shown.get('gpu.info')?.length, gpus.length + parts.length, name)
  }
  ok(compared > 300, `only ${compared} values were there to compare`)
})

const captures = existsSync(RECORDINGS) ? readdirSync(RECORDINGS).filter((name) => name.startsWith('nge-capture')) : []

test('each recorded machine becomes the metrics that its table says', { skip: skipWithoutRecordings }, async () => {
  ok(captures.length > 3, `${captures.length} captures`)
  for (const name of captures) {
    const smi = openStandIn()
    const text = readFileSync(join(RECORDINGS, name), 'utf8')
    const help = captureSection(text, 'capabilities :: help-query-gpu')
    const recorded = captureSection(text, 'load :: query-gpu')
    smi.set('any', { status: 1 })
    smi.set('help-query-gpu', { stdout: help })
    const names = /# load :: query-gpu.*\n# \$ nvidia-smi --query-gpu=(\S+)/.exec(text)![1].split(',')
    const [header, row] = recorded
      .trim()
      .split('\n')
      .slice(-2)
      .map((line) => line.split(', '))
    const cell = (field: string): string => row[names.indexOf(field)] ?? ''
    // More was recorded than we ask for: the stand-in gives what it is asked.
    const asked = chooseQuery(help).map((field) => names.indexOf(field))
    smi.set('query-gpu', { stdout: [header, row].map((cells) => `${asked.map((at) => cells[at]).join(', ')}\n`).join('') })
    const shown = await look(smi.command)
    const ids = [cell('uuid')]
    const f = (metric: string, labels: Record<string, string>, field: string, unit: string, scale: number): void =>
      deepStrictEqual(byGpu(shown, metric, ids, labels).map(near), [near(numberOf(cell(field), unit, scale))], `${name}: ${field}`)
    f('hw.gpu.utilization', { 'hw.gpu.task': 'general' }, 'utilization.gpu', '%', 0.01)
    f('hw.gpu.memory.usage', {}, 'memory.used', 'MiB', MIB)
    f('hw.gpu.memory.limit', {}, 'memory.total', 'MiB', MIB)
    f('hw.power', {}, 'power.draw.instant', 'W', 1)
    f('hw.temperature', { 'hw.sensor_location': 'gpu' }, 'temperature.gpu', '', 1)
    f('hw.errors', { 'error.type': 'uncorrected' }, 'ecc.errors.uncorrected.volatile.total', '', 1)
    f('gpu.throttled.time', { 'gpu.throttle.reason': 'sw_power_cap' }, 'clocks_event_reasons_counters.sw_power_cap', 'us', 1e-6)
    const dcgm = shown.get('DCGM_FI_DEV_FB_USED')?.[0].value
    strictEqual(dcgm, numberOf(cell('memory.used'), 'MiB', 1), `${name}: DCGM`)
  }
})
