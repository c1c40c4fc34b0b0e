import type { RedactedBatch } from '../../batch.ts'
import type { Host, Outcome } from '../../component.ts'
import { RefusedError } from '../../errors.ts'
import { editRecords, walkRecords } from '../../otlp/request.ts'
import type { Counter } from '../../telemetry/metrics.ts'
import type { Intake } from './intake.ts'
import type { Lane } from './lane.ts'
import { LogResources } from './log-resource.ts'
import { LogWriter } from './log-writer.ts'
import { Progress } from './progress.ts'

/** Of one request, uncompressed; the intake takes 5 MB. */
const BODY_BYTES_MAX = 5_000_000
const ENTRIES_MAX = 1000
/** What is older is taken and not shown. */
const AGE_MAX_MS = 18 * 60 * 60_000

/** Records of a batch that go in one request: from `from` to before `end`, without those that are too old. */
interface Part {
  readonly body: Uint8Array
  readonly entries: number
  readonly end: number
  readonly tooOld: number
  readonly trimmed: number
}

/** Sends log records to the logs intake, in arrays that it takes. */
export class LogsLane implements Lane {
  private readonly url: URL
  private readonly intake: Intake
  private readonly exporter: string
  private readonly resources: LogResources
  private readonly writer = new LogWriter()
  private readonly trimmed: Counter
  private progress: Progress | undefined
  /** The first record of the batch that is neither delivered nor given up. */
  private next = 0

  constructor(url: URL, intake: Intake, host: Host, hostname: string | undefined) {
    this.url = url
    this.intake = intake
    this.exporter = host.name
    this.resources = new LogResources(hostname)
    this.trimmed = host.metrics.counter('sluice_datadog_trimmed_total', 'What was cut because Datadog takes no more, by what it was.')
  }

  async send(batch: RedactedBatch, stop: AbortSignal): Promise<Outcome | undefined> {
    const progress = this.progressOf(batch)
    let entriesMax = ENTRIES_MAX
    while (this.next < batch.items) {
      if (stop.aborted) throw new RefusedError('unavailable', 'stopped before all of it was sent')
      const part = this.pack(batch, this.next, entriesMax)
      const failure = part.entries === 0 ? null : await this.post(part, stop)
      if (failure?.code === 'too-large' && part.entries > 1) {
        entriesMax = Math.ceil(part.entries / 2)
        continue
      }
      if (failure !== null && failure.code !== 'invalid' && failure.code !== 'too-large') throw failure
      progress.drop('too-old', 'logs older than 18 hours, which Datadog does not show', part.tooOld)
      if (failure !== null) progress.drop(failure.code, failure.message, part.entries, partOf(batch, this.next, part.end, part.entries))
      else this.trimmed.add(part.trimmed, { exporter: this.exporter, part: 'log' })
      this.next = part.end
      entriesMax = ENTRIES_MAX
    }
    this.progress = undefined
    return progress.outcome()
  }

  abandon(batch: RedactedBatch, reason: string): Outcome {
    const progress = this.progressOf(batch)
    progress.drop(reason, 'it could not be delivered in time', batch.items - this.next)
    this.progress = undefined
    return progress.outcome() ?? { rejected: 0, reason: '' }
  }

  private progressOf(batch: RedactedBatch): Progress {
    if (this.progress?.isOf(batch)) return this.progress
    this.progress = new Progress(batch)
    this.next = 0
    return this.progress
  }

  private async post({ body }: Part, stop: AbortSignal): Promise<RefusedError | null> {
    try {
      await this.intake.post({ signal: 'logs', url: this.url, contentType: 'application/json', body }, stop)
      return null
    } catch (error) {
      if (error instanceof RefusedError) return error
      throw error
    }
  }

  private pack({ bytes, receivedAtMs }: RedactedBatch, from: number, entriesMax: number): Part {
    const { writer, resources } = this
    const { out, reader } = writer
    const oldestMs = Date.now() - AGE_MAX_MS
    let resourceKey = ''
    let number = 0
    let entries = 0
    let tooOld = 0
    let trimmed = 0
    let isFull = false
    writer.begin(bytes)
    walkRecords(bytes, {
      resourceEntry() {
        resourceKey = ''
      },
      resource(of, start, end) {
        if (!isFull) resourceKey += Buffer.from(of.buffer, of.byteOffset + start, end - start).toString('latin1')
      },
      record(_, start, end) {
        if (isFull || number < from) {
          if (!isFull) number++
          return
        }
        reader.read(start, end, receivedAtMs)
        if (reader.timeMs < oldestMs) tooOld++
        else if (entries === entriesMax) isFull = true
        else {
          const before = out.length
          if (entries > 0) out.ascii(',')
          const isWhole = writer.write(resources.of(resourceKey))
          if (out.length >= BODY_BYTES_MAX) {
            out.length = before
            isFull = true
          } else {
            entries++
            if (!isWhole) trimmed++
          }
        }
        if (!isFull) number++
      }
    })
    return { body: writer.end(), entries, end: number, tooOld, trimmed }
  }
}

// The records that a dead letter holds.
function partOf(batch: RedactedBatch, from: number, end: number, items: number): RedactedBatch {
  if (from === 0 && end === batch.items) return { ...batch, items }
  let number = 0
  const { bytes } = editRecords(batch.bytes, {
    record() {
      const isIn = number >= from && number < end
      number++
      return isIn
    }
  })
  return { ...batch, bytes, items }
}
