import type { GpuDevice, GpuFacts, GpuSample } from '../../facts/facts.ts'
import { type Placement, SENDER_KEYS } from '../../facts/placement.ts'
import { Senders } from '../../facts/senders.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'
import type { Patch } from '../../otlp/patch.ts'
import type { RecordEditor } from '../../otlp/request.ts'
import { AttributeWriter, keyField } from './attribute-writer.ts'
import * as names from './gpu-names.ts'
import { EXCEPTIONS_MAX, RecordReader } from './record-reader.ts'

const SPAN_ATTRIBUTES = 9
const EVENT_ATTRIBUTES = 3
const LOG_ATTRIBUTES = 6

/** The lowest severity number of errors. */
const SEVERITY_ERROR = 17

/** A process may have its whole command line for a name. */
const PROCESS_NAME_CHARACTERS_MAX = 128

/** What may have become of a record that could be told about a GPU. */
export const OUTCOMES = ['joined', 'no gpu', 'no time', 'no sample', 'too many'] as const
type Outcome = (typeof OUTCOMES)[number]

/** A name that is written only where the record does not have it. */
interface Name {
  readonly number: number
  readonly key: Buffer
}

export interface RecordOptions {
  readonly facts: GpuFacts
  readonly placement: Placement
  readonly spans: boolean
  readonly errors: boolean
  readonly ageMaxMs: number
  readonly gpuIds: readonly string[]
}

/** Tells each span what its time on the GPU was like, and each error how the GPU was at that instant. */
export class RecordEnricher {
  readonly spans: Record<Outcome, number> = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as never
  readonly errors: Record<Outcome, number> = { ...this.spans }
  readonly spanEditor: RecordEditor
  readonly logEditor: RecordEditor

  private readonly options: RecordOptions
  private readonly reader: RecordReader
  private readonly senders: Senders
  private readonly writer = new AttributeWriter()
  private receivedAtMs = 0
  private readonly count: Name
  private readonly id: Name
  private readonly utilization: Name
  private readonly memoryUsed: Name
  private readonly power: Name
  private readonly energy: Name
  private readonly temperature: Name
  private readonly throttleReasons: Name
  private readonly processPid: Name
  private readonly processName: Name
  private readonly processMemory: Name
  private readonly sampleAge: Name

  constructor(options: RecordOptions) {
    const { placement, gpuIds } = options
    const keys = new KeyTable([...SENDER_KEYS, ...gpuIds, ...names.RECORD_NAMES])
    const name = (text: string): Name => ({ number: keys.numberOf(text), key: keyField(text) })
    this.options = options
    const reader = new RecordReader(keys)
    this.reader = reader
    this.senders = new Senders(placement, reader, keys, gpuIds)
    this.count = name(names.COUNT)
    this.id = name(names.ID)
    this.utilization = name(names.UTILIZATION)
    this.memoryUsed = name(names.MEMORY_USED)
    this.power = name(names.POWER)
    this.energy = name(names.ENERGY)
    this.temperature = name(names.TEMPERATURE)
    this.throttleReasons = name(names.THROTTLE_REASONS)
    this.processPid = name(names.PROCESS_PID)
    this.processName = name(names.PROCESS_NAME)
    this.processMemory = name(names.PROCESS_MEMORY)
    this.sampleAge = name(names.SAMPLE_AGE)
    const head = {
      resourceEntry: () => reader.resourceEntry(),
      resource: (_bytes: Uint8Array, start: number, end: number) => reader.resource(start, end)
    }
    this.spanEditor = { ...head, record: (bytes, start, end, patch) => this.span(bytes, start, end, patch) }
    this.logEditor = { ...head, record: (bytes, start, end, patch) => this.log(bytes, start, end, patch) }
  }

  /** Begins a request. */
  open(bytes: Uint8Array, receivedAtMs: number): void {
    this.reader.open(bytes)
    this.receivedAtMs = receivedAtMs
  }

  close(): void {
    this.reader.close()
  }

  private span(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean {
    const { reader, options, spans } = this
    reader.readSpan(bytes, start, end)
    const devices = this.senders.ofRecord()
    const { startMs, endMs } = reader
    let added: Buffer | null = null
    if (options.spans) {
      if (devices.length === 0) spans['no gpu']++
      else if (startMs === 0 || endMs < startMs) spans['no time']++
      else {
        added = this.interval(devices, startMs, endMs)
        spans[added === null ? 'no sample' : 'joined']++
      }
    }
    if (options.errors && reader.exceptions > 0) this.exceptions(bytes, devices, endMs, patch)
    if (added !== null) patch.replace(end, end, added)
    return true
  }

  private exceptions(bytes: Uint8Array, devices: readonly GpuDevice[], endMs: number, patch: Patch): void {
    const { reader } = this
    const listed = Math.min(reader.exceptions, EXCEPTIONS_MAX)
    this.errors['too many'] += reader.exceptions - listed
    for (let i = 0; i < listed; i++) {
      const [tag, start, end] = [reader.exceptionTags[i], reader.exceptionStarts[i], reader.exceptionEnds[i]]
      reader.readEvent(bytes, start, end)
      const added = this.state(devices, reader.startMs || endMs, EVENT_ATTRIBUTES)
      if (added === null) continue
      patch.enter(tag, start, end)
      patch.replace(end, end, added)
      patch.leave()
    }
  }

  private log(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean {
    const { reader } = this
    if (!reader.readLog(bytes, start, end, SEVERITY_ERROR)) return true
    const added = this.state(this.senders.ofRecord(), reader.startMs || this.receivedAtMs, LOG_ATTRIBUTES)
    if (added !== null) patch.replace(end, end, added)
    return true
  }

  // Over several GPUs: the mean of the means, the highest peak of any one, and the sums of power and energy.
  private interval(devices: readonly GpuDevice[], startMs: number, endMs: number): Buffer | null {
    const { facts, ageMaxMs } = this.options
    let utilization = 0
    let utilizations = 0
    let memory = -1
    let power = 0
    let powers = 0
    let energy = 0
    let energies = 0
    let ageMs = Number.NEGATIVE_INFINITY
    for (let i = 0; i < devices.length; i++) {
      const over = facts.over(devices[i].uuid, startMs, endMs)
      if (over === undefined || over.ageMs > ageMaxMs) continue
      ageMs = Math.max(ageMs, over.ageMs)
      if (over.utilizationMean !== undefined) {
        utilization += over.utilizationMean
        utilizations++
      }
      if (over.memoryUsedPeakBytes !== undefined) memory = Math.max(memory, over.memoryUsedPeakBytes)
      if (over.powerMeanWatts !== undefined) {
        power += over.powerMeanWatts
        powers++
      }
      if (over.energyJoules !== undefined) {
        energy += over.energyJoules
        energies++
      }
    }
    if (utilizations + powers + energies === 0 && memory < 0) return null
    this.writer.open(SPAN_ATTRIBUTES)
    if (devices.length > 1) this.int(this.count, devices.length)
    if (utilizations > 0) this.double(this.utilization, utilization / utilizations)
    if (memory >= 0) this.int(this.memoryUsed, Math.round(memory))
    if (powers > 0) this.double(this.power, power)
    if (energies > 0) this.double(this.energy, energy)
    this.double(this.sampleAge, ageMs / 1000)
    return this.writer.close()
  }

  // Of several GPUs, the one whose memory is the fullest: it is named, and its state told.
  private state(devices: readonly GpuDevice[], atMs: number, field: number): Buffer | null {
    const { facts, ageMaxMs } = this.options
    const { errors } = this
    if (devices.length === 0 || atMs === 0) {
      errors[devices.length === 0 ? 'no gpu' : 'no time']++
      return null
    }
    let fullest: GpuDevice | undefined
    let sample: GpuSample | undefined
    for (let i = 0; i < devices.length; i++) {
      const candidate = facts.at(devices[i].uuid, atMs)
      if (candidate === undefined || atMs - candidate.atMs > ageMaxMs) continue
      if (sample !== undefined && (candidate.memoryUsedBytes ?? 0) <= (sample.memoryUsedBytes ?? 0)) continue
      fullest = devices[i]
      sample = candidate
    }
    if (sample === undefined || fullest === undefined) {
      errors['no sample']++
      return null
    }
    errors.joined++
    this.writer.open(field)
    if (devices.length > 1) this.text(this.id, fullest.uuid)
    if (sample.utilization !== undefined) this.double(this.utilization, sample.utilization)
    if (sample.memoryUsedBytes !== undefined) this.int(this.memoryUsed, Math.round(sample.memoryUsedBytes))
    if (sample.temperature !== undefined) this.double(this.temperature, sample.temperature)
    if (sample.powerWatts !== undefined) this.double(this.power, sample.powerWatts)
    if (sample.throttleReasons !== undefined && this.isFree(this.throttleReasons))
      this.writer.texts(this.throttleReasons.key, sample.throttleReasons)
    this.topProcess(sample)
    this.double(this.sampleAge, Math.max(0, atMs - sample.atMs) / 1000)
    return this.writer.close()
  }

  private topProcess({ processes }: GpuSample): void {
    let top = processes[0]
    for (let i = 1; i < processes.length; i++) if ((processes[i].memoryUsedBytes ?? 0) > (top.memoryUsedBytes ?? 0)) top = processes[i]
    if (top === undefined) return
    this.int(this.processPid, top.pid)
    this.text(this.processName, top.name.slice(0, PROCESS_NAME_CHARACTERS_MAX).toWellFormed())
    if (top.memoryUsedBytes !== undefined) this.int(this.processMemory, Math.round(top.memoryUsedBytes))
  }

  private isFree({ number }: Name): boolean {
    return !this.reader.isOwn(number)
  }

  private int(name: Name, value: number): void {
    if (this.isFree(name)) this.writer.int(name.key, value)
  }

  private double(name: Name, value: number): void {
    if (this.isFree(name)) this.writer.double(name.key, value)
  }

  private text(name: Name, value: string): void {
    if (this.isFree(name)) this.writer.text(name.key, value)
  }
}
