import { plainBusId } from '../bus-id.ts'
import type { GpuDevice, GpuInterval, GpuProcess, GpuSample } from '../facts.ts'
import { DEVICES_MAX, type GpuReading } from './reading.ts'
import { Ring } from './ring.ts'

export interface HistoryOptions {
  /** From one look to the next. */
  readonly intervalMs: number
  /** From one close look to the next, where there are MIG instances: only a close look sees them. */
  readonly migIntervalMs: number
  /** How long samples are kept. */
  readonly historyMs: number
}

/** How long a GPU that is lost is remembered. */
const LOST_KEPT_MS = 24 * 3_600_000
/** Of one device, whatever the interval: 130 bytes each. */
const SAMPLES_MAX = 1_000
/** One look may come late or fail without a hole in between. */
const REACH_INTERVALS = 2.5

interface Entry {
  device: GpuDevice
  readonly ring: Ring
  /** What only a close look gives; it stands until the next one. */
  slowMore: Readonly<Record<string, number>>
}

/** What is remembered of all GPUs and MIG instances of a machine. */
export class History {
  private readonly options: HistoryOptions
  private readonly entries = new Map<string, Entry>()
  private current: readonly GpuDevice[] = []
  private names = new Map<string, string>()
  private readonly lostUuids = new Set<string>()

  constructor(options: HistoryOptions) {
    this.options = options
  }

  /** Those that the last look saw. */
  devices(): readonly GpuDevice[] {
    return this.current
  }

  /** Those that were there and are not any more, and those that say that they are lost. */
  lost(): readonly GpuDevice[] {
    return Array.from(this.lostUuids, (uuid) => this.entries.get(uuid)!.device)
  }

  /** Takes the addresses of GPUs that a look has named as lost; where it has named none, and there is but one, it is that one. */
  lose(busIds: readonly string[]): void {
    const named = new Set(busIds.map(plainBusId))
    const known = this.physical()
    for (const { uuid, pciBusId } of known)
      if ((pciBusId !== undefined && named.has(plainBusId(pciBusId))) || (named.size === 0 && known.length === 1)) this.lostUuids.add(uuid)
  }

  latest(uuid: string): GpuSample | undefined {
    return this.entries.get(uuid)?.ring.latest()
  }

  at(uuid: string, atMs: number): GpuSample | undefined {
    return this.entries.get(uuid)?.ring.at(atMs)
  }

  over(uuid: string, startMs: number, endMs: number): GpuInterval | undefined {
    return this.entries.get(uuid)?.ring.over(startMs, endMs)
  }

  /** When the newest of all samples came; undefined before the first. */
  newestMs(): number | undefined {
    let newest: number | undefined
    for (const { ring } of this.entries.values()) {
      const atMs = ring.latest()?.atMs
      if (atMs !== undefined && (newest === undefined || atMs > newest)) newest = atMs
    }
    return newest
  }

  hasMig(): boolean {
    return this.current.some(({ mig }) => mig !== undefined)
  }

  /** Takes the readings of a look, which say nothing of MIG instances. Returns how many GPUs there was no room for. */
  record(readings: readonly GpuReading[]): number {
    const names = new Map<string, string>()
    const seen: GpuDevice[] = []
    for (const { device, sample } of readings) {
      const entry = this.entryOf(device)
      if (entry === undefined) continue
      const processes = this.withoutThoseOfInstances(entry.device.uuid, this.named(sample.processes, names))
      entry.ring.add({ ...sample, processes, more: { ...entry.slowMore, ...sample.more } })
      seen.push(entry.device)
    }
    this.findLost(seen, readings)
    const migs = this.current.filter(({ mig }) => mig !== undefined)
    return this.conclude([...seen, ...migs], names, readings.length - seen.length)
  }

  /** Takes the readings of a close look. Of GPUs, where a look just before it has seen them, only what that one could not see. */
  recordClosely(readings: readonly GpuReading[], hasSeenGpus: boolean): number {
    const names = new Map<string, string>()
    const seen = hasSeenGpus ? this.current.filter(({ mig }) => mig === undefined) : []
    let refused = 0
    for (const { device, sample } of readings) {
      const entry = this.entryOf(device)
      if (entry === undefined) {
        refused++
        continue
      }
      if (device.mig === undefined) entry.slowMore = sample.more
      if (device.mig === undefined && hasSeenGpus) continue
      entry.ring.add({ ...sample, processes: this.named(sample.processes, names) })
      seen.push(entry.device)
    }
    if (!hasSeenGpus) this.findLost(seen, readings)
    this.conclude(seen, names, refused)
    if (hasSeenGpus) for (const { uuid, mig } of this.current) if (mig === undefined) this.complete(uuid)
    return refused
  }

  /** Puts what the close look gave into the sample that was taken just before it. */
  private complete(uuid: string): void {
    const { ring, slowMore } = this.entries.get(uuid)!
    const sample = ring.latest()
    if (sample === undefined) return
    ring.add({ ...sample, processes: this.withoutThoseOfInstances(uuid, sample.processes), more: { ...slowMore, ...sample.more } })
  }

  private conclude(seen: readonly GpuDevice[], names: Map<string, string>, refused: number): number {
    this.current = [...new Set(seen)]
    // Names of processes that a look did not see may come back with the next; kept are those of one look, and so bounded by its answer.
    if (names.size > 0) this.names = names
    const nowMs = Date.now()
    for (const [uuid, { ring }] of this.entries) {
      const keptMs = this.lostUuids.has(uuid) ? LOST_KEPT_MS : this.options.historyMs
      if ((ring.latest()?.atMs ?? 0) >= nowMs - keptMs) continue
      this.entries.delete(uuid)
      this.lostUuids.delete(uuid)
    }
    return refused
  }

  // A look that saw some GPUs has seen all that there are: the others are lost. Instances come and go as people divide a GPU.
  private findLost(seen: readonly GpuDevice[], readings: readonly GpuReading[]): void {
    this.lostUuids.clear()
    for (const { uuid } of this.physical()) if (!seen.some((device) => device.uuid === uuid)) this.lostUuids.add(uuid)
    for (const { device, absent } of readings)
      if (device.mig === undefined && Object.values(absent).includes('lost')) {
        const uuid = this.uuidOf(device)
        if (this.entries.has(uuid)) this.lostUuids.add(uuid)
      }
  }

  private physical(): GpuDevice[] {
    return Array.from(this.entries.values(), ({ device }) => device).filter(({ mig }) => mig === undefined)
  }

  private entryOf(device: GpuDevice): Entry | undefined {
    const uuid = this.uuidOf(device)
    const known = this.entries.get(uuid)
    if (known !== undefined) {
      if (uuid === device.uuid && !isSame(known.device, device)) known.device = structuredClone(device)
      return known
    }
    if (this.entries.size >= DEVICES_MAX) return undefined
    const { intervalMs, migIntervalMs, historyMs } = this.options
    const everyMs = device.mig === undefined ? intervalMs : migIntervalMs
    const samplesMax = Math.min(SAMPLES_MAX, Math.max(4, Math.ceil(historyMs / everyMs)))
    const entry: Entry = {
      device: structuredClone(device),
      ring: new Ring({ samplesMax, reachMs: everyMs * REACH_INTERVALS }),
      slowMore: {}
    }
    this.entries.set(entry.device.uuid, entry)
    return entry
  }

  // A GPU in trouble may be named by its address alone: it is still the one that was there before.
  private uuidOf({ uuid, pciBusId, mig }: GpuDevice): string {
    if (pciBusId === undefined || mig !== undefined || uuid !== pciBusId) return uuid
    for (const [known, { device }] of this.entries) if (device.mig === undefined && device.pciBusId === pciBusId) return known
    return uuid
  }

  // A process in a MIG instance is told as one of its GPU too; it counts where it is.
  private withoutThoseOfInstances(uuid: string, processes: readonly GpuProcess[]): readonly GpuProcess[] {
    const inside = new Set<number>()
    for (const { uuid: instance, mig } of this.current)
      if (mig?.parent === uuid) for (const { pid } of this.latest(instance)?.processes ?? []) inside.add(pid)
    return inside.size === 0 ? processes : processes.filter(({ pid }) => !inside.has(pid))
  }

  // Texts are pieces of the whole answer, and would keep it in memory for as long as they are remembered; copies do not.
  private named(processes: readonly GpuProcess[], names: Map<string, string>): readonly GpuProcess[] {
    return processes.map((process) => {
      const name = names.get(process.name) ?? this.names.get(process.name) ?? own(process.name)
      names.set(name, name)
      return { ...process, name }
    })
  }
}

function own(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8')
}

function isSame(a: GpuDevice, b: GpuDevice): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}
