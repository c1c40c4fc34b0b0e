import { setTimeout as sleep } from 'node:timers/promises'
import type { Account } from './account.ts'
import { formOf, parseBatch, type RedactedBatch, type Signal } from './batch.ts'
import type { Exporter, Log, Outcome } from './component.ts'
import { decodeEntry } from './entry.ts'
import { messageOf, type RefusalCode, RefusedError } from './errors.ts'
import { concatenate, splitRequest } from './otlp/request.ts'
import { SHAPES } from './otlp/signal.ts'
import type { Cursor, Entry } from './queue/queue.ts'
import { Rarely } from './telemetry/rarely.ts'
import type { Tracer } from './telemetry/tracer.ts'

/** A process that has ended so often while it sent the same entry is taken to have ended by it. */
const CRASHES_MAX = 3
/** A sending that takes this long is waiting for the other side: what ends the process then is not the entry. */
const SURVIVED_AFTER_MS = 1_000

/** A destination that refuses so many batches in a row for what is in them does not take telemetry at all. */
const REFUSED_MAX = 3
/** What is said of one batch, and of no other. */
const OF_THE_BATCH: ReadonlySet<RefusalCode> = new Set(['invalid', 'too-large', 'internal'])

export interface DeliveryOptions {
  readonly name: string
  readonly signal: Signal
  readonly exporter: Exporter
  readonly cursor: Cursor
  readonly account: Account
  readonly log: Log
  readonly tracer: Tracer
  /** Neighbours in the queue are merged up to this many bytes. */
  readonly batchBytesMax: number
  /** What could not be delivered for so long, counted from its receipt, is given up. */
  readonly ageMaxMs: number
}

/** What is sent at once. */
interface Head {
  /** The queue's last entry in it. */
  last: Entry
  readonly enqueuedBefore: number
  /** Why items before it are missing, if any are. */
  readonly skipped: string
  readonly batches: RedactedBatch[]
}

/** Sends one exporter everything that its cursor holds of one signal. A batch that may be tried again simply stays at the head. */
export class Delivery {
  /** Since when every attempt has failed, and why; null while it goes well, or but a batch or two were refused for what is in them. */
  failing: { readonly sinceMs: number; readonly message: string } | null = null
  private readonly options: DeliveryOptions
  private readonly backoff = new Backoff()
  private refusedInARow = 0
  private readonly rarely = new Rarely()

  constructor(options: DeliveryOptions) {
    this.options = options
  }

  /** Resolves when `stop` aborts; what has not been acknowledged then stays in the queue. */
  async run(stop: AbortSignal): Promise<void> {
    const { cursor, account, signal, batchBytesMax } = this.options
    while (!stop.aborted) {
      const entries = await cursor.peek(batchBytesMax, stop)
      if (entries === null) return
      const poisonous = cursor.starts > CRASHES_MAX
      for (const head of headsOf(signal, entries)) {
        account.reach(head.enqueuedBefore, head.skipped)
        account.take(head.batches.reduce((sum, { items }) => sum + items, 0))
        if (poisonous)
          for (const batch of head.batches)
            await this.giveUp(batch, 'poison', `the process ended ${cursor.starts - 1} times while it was sent`)
        else if (!(await this.send(head.batches, stop))) return
        cursor.ack(head.last, account.snapshot())
      }
    }
  }

  // Sends until every item is delivered or given up; false when stopped before. Goes as one request, and in smaller parts where the destination
  // finds it too large, or refuses it for good: then only the part that it minds is lost. Parts that went through are not sent again.
  private async send(batches: readonly RedactedBatch[], stop: AbortSignal): Promise<boolean> {
    const { ageMaxMs } = this.options
    const parts = batches.length === 0 ? [] : [batches]
    while (parts.length > 0) {
      const part = parts[0]
      const batch = merge(part)
      const failure = await this.attempt(batch, stop)
      if (stop.aborted && failure !== null) return false
      const smaller = failure === null || failure.retryable ? [] : partsOf(part, failure)
      if (smaller.length > 1) {
        parts.splice(0, 1, ...smaller)
        continue
      }
      if (failure?.retryable) {
        if (Date.now() - batch.receivedAtMs < ageMaxMs) {
          if (await this.backoff.wait(failure.retryAfterMs, stop)) continue
          return false
        }
        await this.expire(batch)
      } else if (failure !== null) {
        await this.giveUp(batch, failure.code, failure.message)
        // With nothing to send after it, nothing else would end this: a wrong record would look like an outage.
        if (OF_THE_BATCH.has(failure.code) && ++this.refusedInARow < REFUSED_MAX) this.failing = null
      }
      this.backoff.reset()
      parts.shift()
    }
    return true
  }

  // One attempt; books what was delivered. What is thrown besides RefusedError is a fault of ours, and not tried again.
  private async attempt(batch: RedactedBatch, stop: AbortSignal): Promise<RefusedError | null> {
    const { exporter, cursor, log, tracer, name, signal } = this.options
    const survived = setTimeout(() => cursor.survived(), SURVIVED_AFTER_MS)
    let outcome: Outcome | undefined
    try {
      outcome = await tracer.trace('export', { exporter: name, signal, items: batch.items }, () => exporter.send(batch, stop))
    } catch (error) {
      const failure = error instanceof RefusedError ? error : new RefusedError('internal', messageOf(error), { cause: error })
      if (stop.aborted) return failure
      if (this.failing === null)
        log.warn({ exporter: name, signal, code: failure.code, retryable: failure.retryable }, `delivery failed: ${failure.message}`)
      this.failing = { sinceMs: this.failing?.sinceMs ?? Date.now(), message: failure.message }
      return failure
    } finally {
      clearTimeout(survived)
      cursor.survived()
    }
    if (this.failing !== null) log.info({ exporter: name, signal, failedForMs: Date.now() - this.failing.sinceMs }, 'delivery works again')
    this.failing = null
    this.refusedInARow = 0
    await this.book(batch, outcome)
    return null
  }

  private async expire(batch: RedactedBatch): Promise<void> {
    const { account, exporter } = this.options
    const outcome = exporter.abandon?.(batch, 'expired')
    if (outcome === undefined) account.drop('expired', batch.items)
    else await this.book(batch, outcome)
  }

  private async book(batch: RedactedBatch, outcome: Outcome | undefined): Promise<void> {
    const { account, log, name, signal } = this.options
    const rejected = Math.min(outcome?.rejected ?? 0, batch.items)
    if (rejected > 0 && this.rarely.isDue('rejected'))
      log.warn({ exporter: name, signal, rejected, reason: outcome?.reason }, 'the destination rejected a part of a batch')
    let lost = rejected
    for (const { reason, message, items, batch: part } of outcome?.dropped ?? []) {
      const counted = Math.min(items, batch.items - lost)
      lost += counted
      if (part !== undefined) await this.giveUp({ ...part, items: counted }, reason, message)
      else {
        account.drop(reason, counted)
        if (this.rarely.isDue(reason))
          log.warn({ exporter: name, signal, reason, items: counted }, `a part of a batch was dropped: ${message}`)
      }
    }
    account.deliver(batch.items - lost)
    account.drop('rejected', rejected)
  }

  private async giveUp(batch: RedactedBatch, reason: string, message: string): Promise<void> {
    const { cursor, account, name, signal, log } = this.options
    const at = new Date().toISOString()
    await cursor.deadLetter(batch.bytes, Buffer.from(JSON.stringify({ exporter: name, signal, reason, message, items: batch.items, at })))
    account.drop(reason, batch.items)
    if (this.rarely.isDue(reason))
      log.error({ exporter: name, signal, reason, items: batch.items }, `a batch went to the dead letters: ${message}`)
  }
}

// Merges neighbours as far as their signal allows it, and never over a gap.
function headsOf(signal: Signal, entries: readonly Entry[]): Head[] {
  const heads: Head[] = []
  let end = -1
  for (const entry of entries) {
    const { batch, enqueuedBefore } = decodeEntry(signal, entry.payload)
    let head = heads.at(-1)
    const joins = batch === null || head?.batches.length === 0 || SHAPES[formOf(signal)].concatenates
    if (head === undefined || enqueuedBefore !== end || !joins) {
      head = { last: entry, enqueuedBefore, skipped: entry.skipped ?? 'damaged', batches: [] }
      heads.push(head)
    }
    head.last = entry
    if (batch !== null) head.batches.push(batch)
    end = enqueuedBefore + (batch?.items ?? 0)
  }
  return heads
}

function merge(batches: readonly RedactedBatch[]): RedactedBatch {
  if (batches.length === 1) return batches[0]
  const items = batches.reduce((sum, batch) => sum + batch.items, 0)
  return { ...batches[0], items, bytes: concatenate(batches.map(({ bytes }) => bytes)) }
}

/** What to send one by one in place of what was refused; fewer than two where that cannot help. */
function partsOf(batches: readonly RedactedBatch[], { code }: RefusedError): RedactedBatch[][] {
  if (batches.length > 1 && (code === 'invalid' || code === 'too-large')) {
    const middle = Math.ceil(batches.length / 2)
    return [batches.slice(0, middle), batches.slice(middle)]
  }
  if (code !== 'too-large') return []
  const [batch] = batches
  const requests = splitRequest(formOf(batch.signal), batch.bytes, Math.ceil(batch.bytes.length / 2))
  return requests.map((bytes) => [{ ...batch, ...parseBatch(batch.signal, bytes, batch.receivedAtMs) }])
}

const FIRST_WAIT_MS = 250
const WAIT_MAX_MS = 30_000

/** Waits twice as long from failure to failure, with a jitter of a half, unless the other side names a time. */
class Backoff {
  private failures = 0

  /** False when stopped while waiting. */
  async wait(retryAfterMs: number | undefined, stop: AbortSignal): Promise<boolean> {
    const grownMs = Math.min(WAIT_MAX_MS, FIRST_WAIT_MS * 2 ** Math.min(this.failures++, 16)) * (0.5 + Math.random() / 2)
    try {
      await sleep(retryAfterMs ?? grownMs, undefined, { signal: stop })
      return true
    } catch {
      return false
    }
  }

  reset(): void {
    this.failures = 0
  }
}
