import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Batch } from '../../../src/batch.ts'
import { RefusedError } from '../../../src/errors.ts'
import type { GpuDevice, GpuOwner, GpuSample, PodAttributes } from '../../../src/facts/facts.ts'
import { FIELDS } from '../../../src/facts/gpu/fields.ts'
import { gpuFactsOff, podFactsOff } from '../../../src/facts/off.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { gpu } from '../../../src/receivers/gpu/gpu.ts'
import { ROWS } from '../../../src/receivers/gpu/metrics.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'

const GIB = 2 ** 30
const A: GpuDevice = {
  uuid: 'GPU-aaaa',
  index: 0,
  model: 'NVIDIA H100 80GB HBM3',
  driverVersion: '580.105.08',
  memoryTotalBytes: 80 * GIB,
  pciBusId: '00000000:9B:00.0',
  serial: '1650'
}
const PART: GpuDevice = {
  ...A,
  uuid: 'MIG-bbbb',
  index: 3,
  memoryTotalBytes: 10 * GIB,
  mig: { parent: A.uuid, gpuInstanceId: 7, computeInstanceId: 0, profile: '1g.10gb' }
}

const sample = (more: Partial<GpuSample> = {}): GpuSample => ({ atMs: 1_700_000_000_000, more: {}, processes: [], ...more })

/** What facts say in a test, and how a round of samples is announced. */
class World {
  devices: GpuDevice[] = [A]
  lostDevices: GpuDevice[] = []
  samples = new Map<string, GpuSample>()
  owners = new Map<string, GpuOwner[]>()
  pods = new Map<number, PodAttributes>()
  listeners = new Set<() => void>()
  pushed: Batch[] = []
  metrics = new Metrics()
  push: (batch: Batch) => Promise<void> = async (batch) => void this.pushed.push(batch)

  async start(options: { dcgm?: 'off' | 'also' } = {}) {
    const facts = {
      gpu: {
        ...gpuFactsOff(),
        devices: () => this.devices,
        lost: () => this.lostDevices,
        latest: (uuid: string) => this.samples.get(uuid),
        owners: (uuid: string) => this.owners.get(uuid) ?? [],
        onSample: (listener: () => void) => {
          this.listeners.add(listener)
          return () => this.listeners.delete(listener)
        }
      },
      pod: { ...podFactsOff(), byPid: (pid: number) => this.pods.get(pid) }
    }
    const receiver = gpu.create({ dcgm: 'off', resource: {}, ...options }, host({ facts, metrics: this.metrics }))
    await receiver.start((batch) => this.push(batch))
    return receiver
  }

  /** A round, and the series that came of it: `name{key=value,…}` to value; what every series of a device has is left out. */
  async round(...samples: [uuid: string, sample: GpuSample][]): Promise<Record<string, number>> {
    for (const [uuid, one] of samples) this.samples.set(uuid, one)
    const before = this.pushed.length
    for (const listener of this.listeners) listener()
    await new Promise(setImmediate)
    return Object.assign({}, ...this.pushed.slice(before).map(seriesOf))
  }

  lost(): Record<string, number> {
    const family = this.metrics.families().find(({ name }) => name === 'sluice_gpu_rounds_lost_total')
    return Object.fromEntries(family?.samples.map(({ labels, value }) => [labels.reason, value]) ?? [])
  }
}

const COMMON = ['hw.model', 'hw.name', 'gpu.index']

function seriesOf(batch: Batch): Record<string, number> {
  const found: Record<string, number> = {}
  const request = decode('ExportMetricsServiceRequest', batch.bytes)
  for (const metric of request.resourceMetrics![0].scopeMetrics![0].metrics!) {
    for (const { attributes = [], asDouble, asInt } of (metric.gauge ?? metric.sum)!.dataPoints!) {
      const labels = attributes
        .filter(({ key }) => !COMMON.includes(key!))
        .map(({ key, value }) => `${key}=${value!.stringValue ?? value!.intValue}`)
      const name = `${metric.name}{${labels.join()}}`
      ok(!(name in found), `${name} is there twice`)
      found[name] = asDouble ?? Number(asInt)
    }
  }
  strictEqual(batch.items, Object.keys(found).length)
  return found
}

const only = (series: Record<string, number>, start: string): Record<string, number> =>
  Object.fromEntries(Object.entries(series).filter(([name]) => name.startsWith(start)))

test('what a look gave becomes a series in the right unit, and nothing else does', async () => {
  const world = new World()
  await world.start()
  const f = async (given: Partial<GpuSample>, start: string, expected: Record<string, number>) => {
    const all = await world.round([A.uuid, sample({ ...given, atMs: Math.random() })])
    deepStrictEqual(only(all, start), expected, JSON.stringify(given))
  }
  await f({ utilization: 0.65, encoderUtilization: 0 }, 'hw.gpu.utilization', {
    'hw.gpu.utilization{hw.id=GPU-aaaa,hw.gpu.task=general}': 0.65,
    'hw.gpu.utilization{hw.id=GPU-aaaa,hw.gpu.task=encoder}': 0
  })
  await f({}, 'hw.gpu', { 'hw.gpu.memory.limit{hw.id=GPU-aaaa}': 80 * GIB })
  await f({ memoryUsedBytes: 20 * GIB }, 'hw.gpu.memory', {
    'hw.gpu.memory.usage{hw.id=GPU-aaaa}': 20 * GIB,
    'hw.gpu.memory.limit{hw.id=GPU-aaaa}': 80 * GIB,
    'hw.gpu.memory.utilization{hw.id=GPU-aaaa}': 0.25
  })
  await f({ temperature: 41, memoryTemperature: 50 }, 'hw.temperature', {
    'hw.temperature{hw.id=GPU-aaaa/gpu,hw.parent=GPU-aaaa,hw.sensor_location=gpu}': 41,
    'hw.temperature{hw.id=GPU-aaaa/memory,hw.parent=GPU-aaaa,hw.sensor_location=memory}': 50
  })
  await f({ powerWatts: 123.4 }, 'hw.power', { 'hw.power{hw.id=GPU-aaaa,hw.type=gpu}': 123.4 })
  await f({ powerWatts: Number.NaN }, 'hw.power', {})
  await f({ more: { eccCorrectedVolatile: 0, eccUncorrectedVolatile: 2 } }, 'hw.errors', {
    'hw.errors{hw.id=GPU-aaaa,hw.type=gpu,error.type=corrected}': 0,
    'hw.errors{hw.id=GPU-aaaa,hw.type=gpu,error.type=uncorrected}': 2
  })
  await f({ more: { recoveryAction: 0 } }, 'hw.status', {
    'hw.status{hw.id=GPU-aaaa,hw.type=gpu,hw.state=ok}': 1,
    'hw.status{hw.id=GPU-aaaa,hw.type=gpu,hw.state=degraded}': 0
  })
  await f({ more: { recoveryAction: 2 } }, 'hw.status', {
    'hw.status{hw.id=GPU-aaaa,hw.type=gpu,hw.state=ok}': 0,
    'hw.status{hw.id=GPU-aaaa,hw.type=gpu,hw.state=degraded}': 1
  })
  await f({ performanceState: 0 }, 'gpu.performance', { 'gpu.performance.state{hw.id=GPU-aaaa}': 0 })
  await f({ more: { throttledPowerCapSeconds: 1.5 } }, 'gpu.throttled.time', {
    'gpu.throttled.time{hw.id=GPU-aaaa,gpu.throttle.reason=sw_power_cap}': 1.5
  })
  await f({}, 'gpu.info', {
    'gpu.info{hw.id=GPU-aaaa,hw.type=gpu,hw.vendor=NVIDIA,hw.serial_number=1650,hw.driver_version=580.105.08,gpu.pci.bus_id=00000000:9B:00.0}': 1
  })
  await f({}, 'DCGM', {})
})

test('everything that facts read of a GPU has a metric, and no metric waits for what they never give', () => {
  const marked = (place: 'sample' | 'more', name: string): GpuSample =>
    place === 'sample' ? { ...sample(), [name]: 1 } : sample({ more: { [name]: 1 } })
  for (const { place, name } of FIELDS)
    ok(
      ROWS.some((row) => row.read(marked(place, name), A) === 1),
      `${name} has no metric`
    )
  const names = (place: string) => FIELDS.filter((field) => field.place === place).map(({ name }) => [name, 1] as const)
  const all: GpuSample = { ...sample({ more: Object.fromEntries(names('more')) }), ...Object.fromEntries(names('sample')) }
  for (const row of ROWS) ok(row.read(all, A) !== undefined, `${row.name} ${JSON.stringify(row.attributes)} is never there`)
})

test('all series of a metric agree on its unit, its kind and its description', () => {
  const known = new Map<string, string>()
  for (const { name, kind, unit, description } of ROWS) {
    const said = JSON.stringify([kind, unit, description])
    strictEqual(known.get(name) ?? said, said, name)
    known.set(name, said)
  }
})

test('points carry the time of the look; counters are cumulative, sizes add up over GPUs', async () => {
  const world = new World()
  await world.start()
  await world.round([A.uuid, sample({ memoryUsedBytes: 1, temperature: 3, more: { pcieReplays: 4 } })])
  const { resourceMetrics } = decode('ExportMetricsServiceRequest', world.pushed[0].bytes)
  const metrics = resourceMetrics![0].scopeMetrics![0].metrics!
  const f = (name: string) => metrics.find((metric) => metric.name === name)!
  strictEqual(f('hw.gpu.memory.usage').sum!.dataPoints![0].timeUnixNano, 1_700_000_000_000_000_000n)
  deepStrictEqual([f('hw.gpu.memory.usage').sum!.isMonotonic, f('hw.gpu.memory.usage').unit], [undefined, 'By'])
  deepStrictEqual([f('gpu.pcie.replays').sum!.isMonotonic, f('gpu.pcie.replays').sum!.aggregationTemporality], [true, 2])
  ok(f('hw.temperature').gauge !== undefined)
  const resource = resourceMetrics![0].resource!.attributes!.map(({ key }) => key)
  deepStrictEqual(resource, ['service.name', 'service.instance.id'])
})

test('a reason that held the clocks down goes to 0 when it no longer does, and one that never did is absent', async () => {
  const world = new World()
  await world.start()
  const f = async (atMs: number, throttleReasons: string[] | undefined, expected: Record<string, number>) =>
    deepStrictEqual(only(await world.round([A.uuid, sample({ atMs, throttleReasons })]), 'gpu.throttled{'), expected)
  await f(1, [], {})
  await f(2, ['sw_power_cap'], { 'gpu.throttled{hw.id=GPU-aaaa,gpu.throttle.reason=sw_power_cap}': 1 })
  await f(3, ['hw_slowdown'], {
    'gpu.throttled{hw.id=GPU-aaaa,gpu.throttle.reason=sw_power_cap}': 0,
    'gpu.throttled{hw.id=GPU-aaaa,gpu.throttle.reason=hw_slowdown}': 1
  })
  await f(4, undefined, {})
})

test('the one GPU that is lost is named, whether or not it is still in the table, until it is back', async () => {
  const world = new World()
  await world.start()
  const f = async (
    atMs: number,
    lost: GpuDevice[],
    expected: Record<string, number>,
    more = { recoveryAction: 0 } as object
  ): Promise<void> => {
    world.lostDevices = lost
    const series = await world.round([A.uuid, sample({ atMs, more: { ...more } })])
    const own = Object.entries(only(series, 'hw.status{hw.id=GPU-aaaa,hw.type=gpu,'))
    deepStrictEqual(Object.fromEntries(own.map(([name, value]) => [/hw\.state=(\w+)/.exec(name)![1], value])), expected)
  }
  await f(1, [], { ok: 1, degraded: 0 })
  await f(2, [A], { ok: 0, degraded: 0, failed: 1 })
  world.devices = []
  await f(3, [A], { ok: 0, degraded: 0, failed: 1 })
  world.devices = [A]
  await f(4, [], { ok: 1, degraded: 0, failed: 0 })
  await f(5, [], { ok: 1, degraded: 0 })
  // A driver that names no action says neither ok nor degraded.
  await f(6, [A], { failed: 1 }, {})
  await f(7, [], { failed: 0 }, {})
})

test('memory of processes is folded to their containers; several owners of one GPU are all named', async () => {
  const world = new World()
  await world.start()
  const pod = { 'k8s.namespace.name': 'dub', 'k8s.pod.name': 'tts-1', 'k8s.pod.uid': 'u1', 'k8s.container.name': 'worker' }
  world.pods.set(10, pod).set(11, pod)
  world.owners.set(A.uuid, [
    { namespace: 'dub', pod: 'tts-1', podUid: 'u1', container: 'worker' },
    { namespace: 'dub', pod: 'stt-1', podUid: undefined, container: undefined }
  ])
  const process = (pid: number, memoryUsedBytes?: number) => ({ pid, name: 'python', memoryUsedBytes })
  const processes = [process(10, 100), process(11, 50), process(99, 7), process(98)]
  const series = await world.round([A.uuid, sample({ processes })])
  const labels = 'k8s.namespace.name=dub,k8s.pod.name=tts-1,k8s.pod.uid=u1,k8s.container.name=worker'
  deepStrictEqual(only(series, 'gpu.container'), {
    [`gpu.container.memory.usage{hw.id=GPU-aaaa,${labels}}`]: 150,
    'gpu.container.memory.usage{hw.id=GPU-aaaa}': 7,
    [`gpu.container.processes{hw.id=GPU-aaaa,${labels}}`]: 2,
    'gpu.container.processes{hw.id=GPU-aaaa}': 2
  })
  deepStrictEqual(only(series, 'gpu.owner'), {
    [`gpu.owner.info{hw.id=GPU-aaaa,${labels}}`]: 1,
    'gpu.owner.info{hw.id=GPU-aaaa,k8s.namespace.name=dub,k8s.pod.name=stt-1}': 1
  })
  const unmeasured = await world.round([A.uuid, sample({ atMs: 2, processes: [process(98)] })])
  deepStrictEqual(only(unmeasured, 'gpu.container'), { 'gpu.container.processes{hw.id=GPU-aaaa}': 1 }, 'memory that is not told is not 0')
})

test('a MIG instance is a device of its own with its GPU as parent', async () => {
  const world = new World()
  world.devices = [A, PART]
  await world.start({ dcgm: 'also' })
  const series = await world.round([A.uuid, sample()], [PART.uuid, sample({ memoryUsedBytes: GIB })])
  deepStrictEqual(only(series, 'hw.gpu.memory.usage'), {
    'hw.gpu.memory.usage{hw.id=MIG-bbbb,hw.parent=GPU-aaaa,gpu.mig.profile=1g.10gb,gpu.mig.gpu_instance_id=7,gpu.mig.compute_instance_id=0}':
      GIB
  })
  const [name] = Object.keys(only(series, 'DCGM_FI_DEV_FB_USED{'))
  for (const label of ['gpu=0', 'UUID=GPU-aaaa', 'device=nvidia0', 'GPU_I_PROFILE=1g.10gb', 'GPU_I_ID=7'])
    ok(name.includes(label), `${label}: ${name}`)
})

test('DCGM names have DCGM units, and name the pod of a GPU that one uses alone', async () => {
  const world = new World()
  await world.start({ dcgm: 'also' })
  const given = {
    utilization: 0.07,
    memoryUsedBytes: 1024 * 1024 * 3,
    memoryReservedBytes: 16 * GIB,
    smClockHz: 1_980_000_000,
    throttleReasons: ['sw_power_cap', 'hw_thermal_slowdown'],
    powerWatts: 70.5
  }
  const owner: GpuOwner = { namespace: 'dub', pod: 'tts-1', podUid: undefined, container: 'worker' }
  world.owners.set(A.uuid, [owner])
  const series = await world.round([A.uuid, sample(given)])
  const f = (name: string, expected: number | undefined) =>
    deepStrictEqual(Object.values(only(series, `DCGM_FI_DEV_${name}{`))[0], expected, name)
  f('GPU_UTIL', 7)
  f('FB_USED', 3)
  f('FB_TOTAL', 80 * 1024)
  f('FB_USED_PERCENT', 3 / (64 * 1024))
  f('SM_CLOCK', 1980)
  f('CLOCKS_EVENT_REASONS', 0x44)
  f('POWER_USAGE', 70.5)
  f('GPU_TEMP', undefined)
  const named = (all: Record<string, number>): boolean =>
    Object.keys(only(all, 'DCGM_FI_DEV_GPU_UTIL'))[0].includes('namespace=dub,pod=tts-1,container=worker')
  ok(named(series))
  world.owners.set(A.uuid, [owner, { ...owner, pod: 'stt-1' }])
  ok(!named(await world.round([A.uuid, sample({ ...given, atMs: 2 })])), 'a shared GPU is not one pod’s')
})

test('a GPU that did not answer again is not shown again; a MIG instance is, until it is old', async () => {
  const world = new World()
  world.devices = [A, PART]
  await world.start()
  const nowMs = Date.now()
  await world.round([A.uuid, sample({ atMs: nowMs, temperature: 1 })], [PART.uuid, sample({ atMs: nowMs, memoryUsedBytes: 1 })])
  const again = await world.round()
  deepStrictEqual([Object.keys(only(again, 'hw.temperature')).length, Object.keys(only(again, 'hw.gpu.memory.usage')).length], [0, 1])
  await world.round([PART.uuid, sample({ atMs: nowMs - 16 * 60_000, memoryUsedBytes: 1 })])
  deepStrictEqual(await world.round(), {}, 'too old')
  strictEqual(world.pushed.length, 3, 'a round with nothing new is no batch')
})

test('what was seen before it started is shown at once', async () => {
  const world = new World()
  world.samples.set(A.uuid, sample())
  await world.start()
  await new Promise(setImmediate)
  strictEqual(world.pushed.length, 1)
})

test('the page about the metrics names all of them', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/gpu-metrics.md'), 'utf8')
  for (const { name } of ROWS) ok(page.includes(`\`${name}\``), name)
})

test('a round that is refused is lost and counted, one that meets the round before it too; the next goes through', async () => {
  const world = new World()
  const receiver = await world.start()
  const good = world.push
  world.push = async () => {
    throw new RefusedError('overloaded', 'the queue is full')
  }
  await world.round([A.uuid, sample({ atMs: 1 })])
  let release = (): void => undefined
  world.push = () => new Promise((resolve) => (release = resolve))
  await world.round([A.uuid, sample({ atMs: 2 })])
  await world.round([A.uuid, sample({ atMs: 3 })])
  deepStrictEqual(world.lost(), { overloaded: 1, busy: 1 })
  release()
  await new Promise(setImmediate)
  world.push = good
  ok('gpu.info' in Object.fromEntries(Object.keys(await world.round([A.uuid, sample({ atMs: 4 })])).map((name) => [name.split('{')[0], 1])))
  await receiver.stop()
  strictEqual(world.listeners.size, 0)
})

test('where facts are off it starts, makes nothing and stops', async () => {
  const receiver = gpu.create({ dcgm: 'also', resource: {} }, host())
  await receiver.start(() => Promise.reject(new Error('nothing is pushed')))
  await receiver.stop()
  deepStrictEqual(receiver.addresses, {})
})
