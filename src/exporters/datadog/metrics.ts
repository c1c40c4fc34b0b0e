import type { RedactedBatch } from '../../batch.ts'
import type { Host, Outcome } from '../../component.ts'
import { RefusedError } from '../../errors.ts'
import { foreignText } from '../../net/foreign-text.ts'
import type { HttpResponse } from '../../net/http-client.ts'
import { decode } from '../../otlp/decode.ts'
import { encode } from '../../otlp/encode.ts'
import type { PartialSuccess } from '../../otlp/partial-success.ts'
import type { Counter } from '../../telemetry/metrics.ts'
import { type Cell, type Entry, LOSSES, type Loss } from './cells.ts'
import type { DeltaState } from './delta-state.ts'
import type { Deltas } from './deltas.ts'
import type { Intake, Post } from './intake.ts'
import type { Lane } from './lane.ts'
import { cellsAsOtlp } from './otlp-cells.ts'
import { Progress } from './progress.ts'

/** Of one request, uncompressed; the intake takes 500 KB. */
const BODY_BYTES_MAX = 500_000

/** How points are written for one of the intakes. */
export interface MetricsFormat {
  readonly request: Omit<Post, 'body' | 'signal'>
  /** Why the point is not sent though it could be written; null when it is. */
  refuses?(cell: Cell, nowMs: number): Loss | null
  write(cells: readonly Cell[]): Uint8Array
  /** How many of so many points the answer says were refused, and why. */
  rejected?(response: HttpResponse): PartialSuccess
}

/** The first entries of a batch, and the request of them; null where nothing of them is sent. */
interface Part {
  readonly entries: readonly Entry[]
  readonly body: Uint8Array | null
  /** When it was decided which points are too old. */
  readonly nowMs: number
}

/** Sends metrics, as what was counted since the last time. What that is counted from advances when a request has arrived, and not before. */
export class MetricsLane implements Lane {
  private readonly format: MetricsFormat
  private readonly deltas: Deltas
  private readonly state: DeltaState
  private readonly intake: Intake
  private readonly host: Host
  private readonly points: Counter
  private opened: Promise<void> | undefined
  private progress: Progress | undefined
  /** Of the batch, what is neither delivered nor given up. */
  private rest: Entry[] = []

  constructor(format: MetricsFormat, deltas: Deltas, state: DeltaState, intake: Intake, host: Host) {
    this.format = format
    this.deltas = deltas
    this.state = state
    this.intake = intake
    this.host = host
    this.points = host.metrics.counter(
      'sluice_datadog_points_total',
      'Data points by what became of them: sent, joined with another of the same second, or contained in a later one.'
    )
  }

  async stop(): Promise<void> {
    await this.state.close()
  }

  async send(batch: RedactedBatch, stop: AbortSignal): Promise<Outcome | undefined> {
    // Not before: while a configuration is exchanged, the exporter before this one may still send, and go on counting.
    this.opened ??= this.state.open()
    await this.opened
    const progress = this.progressOf(batch)
    while (this.rest.length > 0) {
      if (stop.aborted) throw new RefusedError('unavailable', 'stopped before all of it was sent')
      await this.sendPart(progress, this.partOf(this.rest), stop)
    }
    this.progress = undefined
    return progress.outcome()
  }

  abandon(batch: RedactedBatch, reason: string): Outcome {
    const progress = this.progressOf(batch)
    progress.drop(reason, 'it could not be delivered in time', itemsOf(this.rest))
    this.progress = undefined
    this.rest = []
    return progress.outcome() ?? { rejected: 0, reason: '' }
  }

  private progressOf(batch: RedactedBatch): Progress {
    if (this.progress?.isOf(batch)) return this.progress
    this.progress = new Progress(batch)
    this.rest = this.deltas.read(decode('ExportMetricsServiceRequest', batch.bytes).resourceMetrics ?? [], batch.receivedAtMs)
    return this.progress
  }

  // As many of the first entries as one request takes.
  private partOf(entries: readonly Entry[], nowMs = Date.now()): Part {
    let part = entries
    for (;;) {
      const cells = this.cellsOf(part, nowMs)
      if (cells.length === 0) return { entries: part, body: null, nowMs }
      const body = this.format.write(cells)
      if (body.length <= BODY_BYTES_MAX || part.length === 1) return { entries: part, body, nowMs }
      part = part.slice(0, Math.max(1, Math.floor((part.length * BODY_BYTES_MAX) / (body.length * SPARE))))
    }
  }

  private cellsOf(entries: readonly Entry[], nowMs: number): Cell[] {
    const cells: Cell[] = []
    for (const { cell } of entries) if (cell !== null && !this.format.refuses?.(cell, nowMs)) cells.push(cell)
    return cells
  }

  private async sendPart(progress: Progress, part: Part, stop: AbortSignal): Promise<void> {
    const { entries, body, nowMs } = part
    try {
      if (body !== null) this.note(progress, await this.intake.post({ ...this.format.request, signal: 'metrics', body }, stop))
    } catch (error) {
      if (!(error instanceof RefusedError) || error.retryable) throw error
      if (error.code !== 'too-large' || entries.length === 1) return this.giveUp(progress, part, error)
      const half = entries.slice(0, Math.ceil(entries.length / 2))
      return this.sendPart(progress, this.partOf(half, nowMs), stop)
    }
    await this.settle(progress, entries, nowMs)
  }

  // What was counted is not lost for good: it is in the next difference of each series.
  private async giveUp(progress: Progress, { entries, nowMs }: Part, { code, message }: RefusedError): Promise<void> {
    const sent = entries.filter(({ cell }) => cell !== null)
    const bytes = encode('ExportMetricsServiceRequest', cellsAsOtlp(sent.map(({ cell }) => cell!)))
    progress.drop(code, message, itemsOf(sent), { ...progress.batch, bytes })
    const others = entries.filter(({ cell }) => cell === null)
    this.rest = this.rest.slice(entries.length - others.length)
    await this.settle(progress, others, nowMs)
  }

  private async settle(progress: Progress, entries: readonly Entry[], nowMs: number): Promise<void> {
    const outcomes = { sent: 0, joined: 0, contained: 0 }
    for (const { cell, reason, items } of entries) {
      const refusal = cell === null ? reason : (this.format.refuses?.(cell, nowMs) ?? null)
      if (refusal !== null) progress.drop(refusal, LOSSES[refusal], items)
      else if (cell === null) outcomes.contained++
      else {
        outcomes.sent++
        outcomes.joined += items - 1
      }
    }
    for (const [outcome, count] of Object.entries(outcomes)) if (count > 0) this.points.add(count, { exporter: this.host.name, outcome })
    const changes = entries.flatMap((entry) => entry.changes)
    const seconds = entries.filter(({ slot }) => slot !== '').map(({ slot, second }) => [slot, second] as const)
    this.rest = this.rest.slice(entries.length)
    await this.state.commit(changes, seconds, nowMs)
  }

  private note(progress: Progress, response: HttpResponse): void {
    const { rejected, message } = this.format.rejected?.(response) ?? { rejected: 0, message: '' }
    progress.reject(rejected, foreignText(message, this.host.redactText))
  }
}

/** Points differ in size: the first guess leaves so much room. */
const SPARE = 1.15

function itemsOf(entries: readonly Entry[]): number {
  let items = 0
  for (const each of entries) items += each.items
  return items
}
