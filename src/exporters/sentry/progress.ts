import type { RedactedBatch } from '../../batch.ts'
import type { Dropped, Outcome } from '../../component.ts'
import { editRecords, walkRecords } from '../../otlp/request.ts'

interface Given {
  readonly message: string
  readonly records: number[]
  readonly isKept: boolean
}

/**
 * What has become of each record of a batch. A batch leaves as many envelopes, and when one of them must be sent again, those that arrived must
 * not: so this outlives the attempt, until every record is settled.
 */
export class Progress {
  private readonly batch: RedactedBatch
  private readonly settled: Uint8Array
  private readonly given = new Map<string, Given>()
  /** Records that are neither delivered nor given up. */
  open: number
  /** Since when the destination has failed on it in a way that may be the batch's fault. */
  faultSinceMs: number | null = null

  constructor(batch: RedactedBatch) {
    this.batch = batch
    this.settled = new Uint8Array(batch.items)
    this.open = batch.items
  }

  /** Whether this is the batch, be it another object. */
  isOf({ signal, items, bytes }: RedactedBatch): boolean {
    const { batch } = this
    if (bytes === batch.bytes) return true
    return signal === batch.signal && items === batch.items && Buffer.compare(bytes, batch.bytes) === 0
  }

  isOpen(record: number): boolean {
    return this.settled[record] === 0
  }

  settle(records: readonly number[]): void {
    for (const record of records) {
      if (this.settled[record] !== 0) continue
      this.settled[record] = 1
      this.open--
    }
  }

  /** Gives records up. `isKept`: they are to become a dead letter. */
  drop(records: readonly number[], reason: string, message: string, isKept: boolean): void {
    const open = records.filter((record) => this.isOpen(record))
    if (open.length === 0) return
    const given = this.given.get(reason)
    if (given === undefined) this.given.set(reason, { message, records: open, isKept })
    else given.records.push(...open)
    this.settle(open)
  }

  dropRest(reason: string, message: string): void {
    this.drop(
      Array.from(this.settled, (_, record) => record).filter((record) => this.isOpen(record)),
      reason,
      message,
      false
    )
  }

  outcome(): Outcome | undefined {
    const dropped = Array.from(
      this.given,
      ([reason, { message, records, isKept }]): Dropped => ({
        reason,
        message,
        items: records.length,
        batch: isKept ? partOf(this.batch, records) : undefined
      })
    )
    return dropped.length === 0 ? undefined : { rejected: 0, reason: '', dropped }
  }
}

/** The batch of these records alone; the same where that is all of them. */
export function partOf(batch: RedactedBatch, records: readonly number[]): RedactedBatch {
  if (records.length === batch.items) return batch
  const wanted = new Set(records)
  let record = 0
  const { bytes, records: items } = editRecords(batch.bytes, { record: () => wanted.has(record++) })
  return { ...batch, bytes, items }
}

/** The numbers of a batch's records, in runs of so many bytes each: what is made of a batch is larger than the batch, and need not all be there at once. */
export function runsOf({ bytes }: RedactedBatch, bytesMax: number): number[][] {
  const runs: number[][] = []
  let run: number[] = []
  let inRun = 0
  let number = 0
  walkRecords(bytes, {
    record(_, start, end) {
      if (inRun + end - start > bytesMax && run.length > 0) {
        runs.push(run)
        run = []
        inRun = 0
      }
      run.push(number++)
      inRun += end - start
    }
  })
  if (run.length > 0) runs.push(run)
  return runs
}
