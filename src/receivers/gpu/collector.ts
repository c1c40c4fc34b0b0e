import { hostname } from 'node:os'
import { type Batch, parseBatch } from '../../batch.ts'
import type { Facts, GpuDevice, GpuSample } from '../../facts/facts.ts'
import { encode } from '../../otlp/encode.ts'
import { addDcgm } from './dcgm.ts'
import { ROWS, STATUS, TYPE } from './metrics.ts'
import { addContainers, addOwners } from './owners.ts'
import { type Attributes, keyValues, type MetricName, Points } from './points.ts'

/** MIG instances are seldom looked at; what was seen of one is repeated, under the time at which it was seen, until it is this old. */
const INSTANCE_AGE_MAX_MS = 15 * 60_000
const SCOPE = 'sluice.gpu'

const INFO: MetricName = { name: 'gpu.info', kind: 'gauge', unit: '', description: 'Always 1: what a GPU is.' }
const THROTTLED: MetricName = {
  name: 'gpu.throttled',
  kind: 'gauge',
  unit: '',
  description: '1 while this reason holds the clocks of a GPU down, 0 after it has.'
}
export interface CollectorOptions {
  readonly dcgm: 'off' | 'also'
  readonly resource: Readonly<Record<string, string>>
}

/** What is remembered of a device from round to round. */
interface Remembered {
  atMs: number
  readonly reasons: Set<string>
}

/** Makes metrics of each round of samples. */
export class Collector {
  private readonly facts: Facts
  private readonly options: CollectorOptions
  private readonly resource: Readonly<Record<string, string>>
  private readonly everLost = new Map<string, GpuDevice>()
  private readonly remembered = new Map<string, Remembered>()

  constructor(facts: Facts, options: CollectorOptions) {
    this.facts = facts
    this.options = options
    this.resource = { 'service.name': 'sluice', 'service.instance.id': hostname(), ...options.resource }
  }

  /** What is new since the last call, as one batch, or null. A GPU that has not answered again is not shown again. */
  collect(nowMs: number): Batch | null {
    const points = new Points()
    const devices = this.facts.gpu.devices()
    this.addLost(points, nowMs)
    for (const device of devices) {
      const sample = this.facts.gpu.latest(device.uuid)
      if (sample !== undefined && this.isNews(device, sample, nowMs)) this.add(points, device, sample)
    }
    for (const uuid of this.remembered.keys()) if (!devices.some((device) => device.uuid === uuid)) this.remembered.delete(uuid)
    const metrics = points.metrics()
    if (metrics.length === 0) return null
    const bytes = encode('ExportMetricsServiceRequest', {
      resourceMetrics: [{ resource: { attributes: keyValues(this.resource) }, scopeMetrics: [{ scope: { name: SCOPE }, metrics }] }]
    })
    return parseBatch('metrics', bytes, nowMs)
  }

  private isNews({ uuid, mig }: GpuDevice, { atMs }: GpuSample, nowMs: number): boolean {
    const before = this.remembered.get(uuid)
    if (before === undefined) {
      this.remembered.set(uuid, { atMs, reasons: new Set() })
      return true
    }
    if (before.atMs === atMs) return mig !== undefined && nowMs - atMs < INSTANCE_AGE_MAX_MS
    before.atMs = atMs
    return true
  }

  private add(points: Points, device: GpuDevice, sample: GpuSample): void {
    const { facts } = this
    const { atMs } = sample
    const identity = identityOf(device)
    points.add(INFO, 1, atMs, {
      ...identity,
      'hw.type': 'gpu',
      'hw.vendor': 'NVIDIA',
      'hw.serial_number': device.serial,
      'hw.driver_version': device.driverVersion,
      'gpu.pci.bus_id': device.pciBusId
    })
    for (const row of ROWS) {
      if (row.name === STATUS.name && this.everLost.has(device.uuid)) continue
      const value = row.read(sample, device)
      if (value !== undefined) points.add(row, value, atMs, attributesOf(row, identity, device))
    }
    this.addThrottling(points, device, sample, identity)
    addOwners(points, facts, device, atMs, identity)
    addContainers(points, facts, sample, identity)
    if (this.options.dcgm === 'also') addDcgm(points, facts, device, sample)
  }

  // The lost GPU has no samples. It is named by what was known of it, and once it is back its state is told to be over. Of the other
  // states nothing is said where nothing was.
  private addLost(points: Points, nowMs: number): void {
    const lost = this.facts.gpu.lost()
    for (const device of lost) this.everLost.set(device.uuid, device)
    for (const [uuid, device] of this.everLost) {
      const isLost = lost.some((each) => each.uuid === uuid)
      const identity = { ...identityOf(device), ...TYPE }
      points.add(STATUS, Number(isLost), nowMs, { ...identity, 'hw.state': 'failed' })
      if (!isLost) this.everLost.delete(uuid)
      else if (this.facts.gpu.latest(uuid)?.more.recoveryAction !== undefined)
        for (const state of ['ok', 'degraded']) points.add(STATUS, 0, nowMs, { ...identity, 'hw.state': state })
    }
  }

  // Facts name the reasons that hold, so a reason is shown from the first time on that it did.
  private addThrottling(points: Points, { uuid }: GpuDevice, { atMs, throttleReasons }: GpuSample, identity: Attributes): void {
    if (throttleReasons === undefined) return
    const { reasons } = this.remembered.get(uuid)!
    for (const reason of throttleReasons) reasons.add(reason)
    for (const reason of reasons)
      points.add(THROTTLED, throttleReasons.includes(reason) ? 1 : 0, atMs, { ...identity, 'gpu.throttle.reason': reason })
  }
}

// What every series of a GPU has. The driver's version is not among it, because an upgrade would end all series and begin others.
function identityOf({ uuid, index, model, mig }: GpuDevice): Attributes {
  const own = { 'hw.id': uuid, 'hw.model': model }
  if (mig === undefined) return { ...own, 'hw.name': `nvidia${index}`, 'gpu.index': index }
  return {
    ...own,
    'hw.parent': mig.parent,
    'gpu.mig.profile': mig.profile,
    'gpu.mig.gpu_instance_id': mig.gpuInstanceId,
    'gpu.mig.compute_instance_id': mig.computeInstanceId
  }
}

function attributesOf({ sensor, attributes }: (typeof ROWS)[number], identity: Attributes, { uuid }: GpuDevice): Attributes {
  if (sensor === undefined) return { ...identity, ...attributes }
  return { ...identity, ...attributes, 'hw.id': `${uuid}/${sensor}`, 'hw.parent': uuid, 'hw.sensor_location': sensor }
}
