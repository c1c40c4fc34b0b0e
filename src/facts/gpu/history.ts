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

  constructor(options: HistoryOptions) {
    this.options = options
  }

  /** Those that the last look saw. */
  devices(): readonly GpuDevice[] {
    return this.current
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
    const keptFromMs = Date.now() - this.options.historyMs
    for (const [uuid, { ring }] of this.entries) if ((ring.latest()?.atMs ?? 0) < keptFromMs) this.entries.delete(uuid)
    return refused
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
