import type { Batch, RedactedBatch, Signal } from './batch.ts'
import type { Folder, Processor, Redactor } from './component.ts'
import { encodeEntry } from './entry.ts'
import { RefusedError } from './errors.ts'
import { enqueuedLine, type Ledger, type Line } from './ledger.ts'
import { free } from './memory.ts'
import { type Queue, QueueFullError } from './queue/queue.ts'

/** One processor in its place, and how the items that it takes out are counted. */
export interface Step {
  readonly name: string
  readonly outcome: string
  readonly processor: Processor
}

/** What a configuration makes of the pipeline; replaced as a whole by a reload. */
export interface Plan {
  readonly steps: readonly Step[]
  readonly redactor: Redactor
  readonly folders: readonly { readonly signals: readonly Signal[]; readonly folder: Folder }[]
  /** Signals that some exporter takes from the queue. */
  readonly queued: ReadonlySet<Signal>
}

/** How long a sender is asked to wait when the queue is full. */
const RETRY_AFTER_MS = 5_000
/** Room that the queue must have for a processor to be asked what it holds back. */
const HELD_BYTES = 256 * 1024
/** More than an entry takes in the queue beside its batch. */
const BOOKS_BYTES_MAX = 4_096

/**
 * The way of every batch: processors, redact, queue. What comes in is either refused before anything has seen it, or is counted, processed and
 * durable when `push` resolves. Between the look at the queue's room and the append nothing waits, so no other batch can take the room.
 */
export class Pipeline {
  private readonly queue: Queue
  private readonly ledger: Ledger
  private plan: Plan

  constructor(queue: Queue, ledger: Ledger, plan: Plan) {
    this.queue = queue
    this.ledger = ledger
    this.plan = plan
  }

  /** The next batch goes another way; those inside have already passed. */
  replan(plan: Plan): void {
    this.plan = plan
  }

  async push(source: string, batch: Batch): Promise<void> {
    if (!this.queue.fits(batch.bytes.length)) throw this.refused(source, batch, full())
    let passed: Passed[]
    try {
      passed = this.pass(source, batch, 0)
    } catch (error) {
      // A processor takes any batch; that it could not take this one is a fault of ours, and costs no more than this batch.
      throw this.refused(source, batch, error)
    }
    await this.store(passed)
  }

  /** Sends on what the processors have made themselves, from each one's place, to where telemetry is queued for. */
  async pushCollected(): Promise<void> {
    const { queued } = this.plan
    for (const [place, name, batch] of this.collected()) {
      if (queued.has(batch.signal) && this.queue.fits(batch.bytes.length)) await this.store(this.pass(name, batch, place + 1))
    }
  }

  /** Sends on what the processors hold back and find due. While the queue has no room they keep it. */
  async pushHeld(): Promise<void> {
    const { steps } = this.plan
    for (let place = 0; place < steps.length; place++) {
      while (this.queue.fits(HELD_BYTES)) {
        const batch = steps[place].processor.flush?.() ?? null
        if (batch === null) break
        await this.store(this.pass(steps[place].name, batch, place + 1))
      }
    }
  }

  /**
   * Both, for the last time, of processors that are about to leave; all of them when the gateway stops. What the queue has no room for is refused, and
   * thrown when all have been asked.
   */
  async pushLast(isLeaving: (processor: Processor) => boolean = () => true): Promise<void> {
    const { steps, queued } = this.plan
    let failure: unknown = null
    for (let place = 0; place < steps.length; place++) {
      const { name, processor } = steps[place]
      if (!isLeaving(processor)) continue
      for (const batch of lastOf(processor, queued)) {
        await this.store(this.pass(name, batch, place + 1)).catch((error) => {
          failure = error
        })
      }
    }
    if (failure !== null) throw failure
  }

  /** Shows the folders what the processors have made up to now. It is cumulative, so showing it twice counts nothing twice. */
  foldCollected(): void {
    for (const [place, , batch] of this.collected()) {
      for (const { left } of this.pass('', batch, place + 1)) if (left !== null) this.fold(left)
    }
  }

  private *collected(): Generator<[place: number, name: string, batch: Batch]> {
    const { steps } = this.plan
    for (let place = 0; place < steps.length; place++) {
      const batch = steps[place].processor.collect?.() ?? null
      if (batch !== null) yield [place, steps[place].name, batch]
    }
  }

  // Takes a batch through the processors from `place` on, and books what each one took out. What they spawned goes the rest of the way first.
  private pass(source: string, batch: Batch, place: number): Passed[] {
    const { steps, redactor } = this.plan
    const lines: Line[] = [['receive', source, 'accepted', '', batch.items]]
    const all: Passed[] = []
    let left: Batch | null = batch
    for (let i = place; i < steps.length && left !== null; i++) {
      const { name, outcome, processor } = steps[i]
      const before: Batch = left
      left = processor.process(left)
      letGo(before, batch, left)
      const taken = before.items - (left?.items ?? 0)
      if (taken !== 0) lines.push(['process', name, outcome, name, taken])
      const spawned = processor.spawn?.() ?? null
      if (spawned !== null) all.push(...this.pass(name, spawned, i + 1))
    }
    const redacted = left === null ? null : redactor.process(left)
    if (left !== null) letGo(left, batch, redacted)
    const taken = (left?.items ?? 0) - (redacted?.items ?? 0)
    if (taken !== 0) lines.push(['process', 'redact', 'dropped', 'redact', taken])
    if (redacted !== null) for (let i = place; i < steps.length; i++) steps[i].processor.kept?.(redacted)
    all.push({ source, batch, left: redacted, lines })
    return all
  }

  // All of them, or none: nothing waits between the look at the room and the last append.
  private async store(all: readonly Passed[]): Promise<void> {
    if (all.length > 1 && !this.queue.fits(all.reduce((sum, { left }) => sum + (left?.bytes.length ?? 0) + BOOKS_BYTES_MAX, 0))) {
      const { source, batch } = all[all.length - 1]
      throw this.refused(source, batch, full())
    }
    await Promise.all(all.map((passed) => this.append(passed)))
  }

  private append({ source, batch, left, lines }: Passed): Promise<void> {
    const { signal, receivedAtMs } = batch
    const queued = left !== null && this.plan.queued.has(signal)
    if (left !== null) lines.push(queued ? enqueuedLine(left.items) : ['queue', '', 'consumed', '', left.items])
    let durable: Promise<void>
    try {
      durable = this.queue.append(signal, encodeEntry(this.ledger.enqueued(signal), receivedAtMs, lines, queued ? left : null))
    } catch (error) {
      if (error instanceof QueueFullError) throw this.refused(source, batch, full())
      throw error
    }
    this.ledger.add(signal, lines)
    if (left !== null) {
      this.fold(left)
      letGo(left, batch, null)
    }
    return durable
  }

  private fold(batch: RedactedBatch): void {
    for (const { signals, folder } of this.plan.folders) if (signals.includes(batch.signal)) folder.fold(batch)
  }

  private refused<E>(source: string, { signal, items }: Batch, error: E): E {
    const reason = error instanceof RefusedError ? error.code : 'internal'
    this.ledger.add(signal, [['receive', source, 'refused', reason, items]])
    return error
  }
}

/** What became of a batch on its way to the queue. */
interface Passed {
  readonly source: string
  readonly batch: Batch
  readonly left: RedactedBatch | null
  readonly lines: Line[]
}

function* lastOf(processor: Processor, queued: ReadonlySet<Signal>): Generator<Batch> {
  const collected = processor.collect?.(true) ?? null
  if (collected !== null && queued.has(collected.signal)) yield collected
  for (let held = processor.flush?.(true); held; held = processor.flush?.(true)) yield held
}

// Gives back at once what a processor has made and the next one has replaced, or the queue has copied, unless it is still part of another batch.
function letGo({ bytes }: Batch, received: Batch, next: Batch | null): void {
  if (bytes.buffer !== received.bytes.buffer && bytes.buffer !== next?.bytes.buffer) free(bytes)
}

function full(): RefusedError {
  return new RefusedError('overloaded', 'the queue is full', { retryAfterMs: RETRY_AFTER_MS })
}
