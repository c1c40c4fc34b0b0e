import type { GpuDevice, GpuFacts, GpuSample } from '../../facts/facts.ts'
import type { Senders } from '../../facts/senders.ts'
import type { KeyTable } from '../../otlp/attributes/key-table.ts'
import type { Patch } from '../../otlp/patch.ts'
import type { RecordEditor } from '../../otlp/request.ts'
import { AttributeWriter, keyField } from './attribute-writer.ts'
import * as names from './gpu-names.ts'
import { EXCEPTIONS_MAX, type RecordReader } from './record-reader.ts'

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
  readonly reader: RecordReader
  readonly keys: KeyTable
  readonly senders: Senders
  readonly spans: boolean
  readonly errors: boolean
  readonly ageMaxMs: number
}

/** Tells each span what its time on the GPU was like, and each error how the GPU was at that instant. */
export class RecordEnricher {
  readonly spans: Record<Outcome, number> = Object.fromEntries(OUTCOMES.map((outcome) => [outcome, 0])) as never
  readonly errors: Record<Outcome, number> = { ...this.spans }
  /** Reads the resource of the records that follow. */
  readonly head: Omit<RecordEditor, 'record'>
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
    const { reader, keys, senders } = options
    const name = (text: string): Name => ({ number: keys.numberOf(text), key: keyField(text) })
    this.options = options
    this.reader = reader
    this.senders = senders
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
    this.head = {
      resourceEntry: () => reader.resourceEntry(),
      resource: (_bytes, start, end) => reader.resource(start, end)
    }
    this.spanEditor = { ...this.head, record: (bytes, start, end, patch) => this.span(bytes, start, end, patch) }
    this.logEditor = { ...this.head, record: (bytes, start, end, patch) => this.log(bytes, start, end, patch) }
  }

  /** Begins a request. */
  open(receivedAtMs: number): void {
    this.writer.begin()
    this.receivedAtMs = receivedAtMs
  }

  private span(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean {
    const { reader, options, spans } = this
    reader.readSpan(bytes, start, end)
    const devices = this.senders.ofRecord()
    const { startMs, endMs } = reader
    const { writer } = this
    let [addedStart, addedEnd] = [0, 0]
    if (options.spans) {
      if (devices.length === 0) spans['no gpu']++
      else if (startMs === 0 || endMs < startMs) spans['no time']++
      else {
        const isKnown = this.interval(devices, startMs, endMs)
        spans[isKnown ? 'joined' : 'no sample']++
        if (isKnown) {
          addedStart = writer.start
          addedEnd = writer.end
        }
      }
    }
    if (options.errors && reader.exceptions > 0) this.exceptions(bytes, devices, endMs, patch)
    if (addedEnd > addedStart) patch.replace(end, end, writer.bytes, addedStart, addedEnd)
    return true
  }

  private exceptions(bytes: Uint8Array, devices: readonly GpuDevice[], endMs: number, patch: Patch): void {
    const { reader } = this
    const listed = Math.min(reader.exceptions, EXCEPTIONS_MAX)
    this.errors['too many'] += reader.exceptions - listed
    for (let i = 0; i < listed; i++) {
      const [tag, start, end] = [reader.exceptionTags[i], reader.exceptionStarts[i], reader.exceptionEnds[i]]
      reader.readEvent(bytes, start, end)
      if (!this.state(devices, reader.startMs || endMs, EVENT_ATTRIBUTES)) continue
      patch.enter(tag, start, end)
      this.append(end, patch)
      patch.leave()
    }
  }

  private log(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean {
    const { reader } = this
    if (!reader.readLog(bytes, start, end, SEVERITY_ERROR)) return true
    if (this.state(this.senders.ofRecord(), reader.startMs || this.receivedAtMs, LOG_ATTRIBUTES)) this.append(end, patch)
    return true
  }

  // Puts what was written last behind a record.
  private append(end: number, patch: Patch): void {
    const { writer } = this
    patch.replace(end, end, writer.bytes, writer.start, writer.end)
  }

  // Writes what the GPUs were like; over several, the mean of the means, the highest peak of any one, and the sums of power and energy.
  private interval(devices: readonly GpuDevice[], startMs: number, endMs: number): boolean {
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
    if (utilizations + powers + energies === 0 && memory < 0) return false
    this.writer.open(SPAN_ATTRIBUTES)
    if (devices.length > 1) this.int(this.count, devices.length)
    if (utilizations > 0) this.double(this.utilization, utilization / utilizations)
    if (memory >= 0) this.int(this.memoryUsed, Math.round(memory))
    if (powers > 0) this.double(this.power, power)
    if (energies > 0) this.double(this.energy, energy)
    this.double(this.sampleAge, ageMs / 1000)
    return this.writer.hasSome
  }

  // Writes how a GPU was; of several, the one whose memory is the fullest: it is named, and its state told.
  private state(devices: readonly GpuDevice[], atMs: number, field: number): boolean {
    const { facts, ageMaxMs } = this.options
    const { errors } = this
    if (devices.length === 0 || atMs === 0) {
      errors[devices.length === 0 ? 'no gpu' : 'no time']++
      return false
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
      return false
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
    return this.writer.hasSome
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
