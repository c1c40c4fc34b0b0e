/**
 * What happened to a queue beside its work, for counters and the log.
 * - `damaged`: records could not be read and were passed over
 * - `torn`: bytes at the end of a log are no whole record, as a crash leaves them; nothing that was answered for
 * - `evicted`: records gave way to newer ones before every reader had them
 * - `degraded`, `recovered`: the disk refuses writes, and takes them again
 * - `unreadable`: the disk refused a read, which is tried again
 * - `lost`: at the end, records were still in memory alone
 * - `cursors-lost`: no list of cursors could be read; readers begin at the oldest record
 * - `dead-lettered`, `dead-letters-dropped`: a record was set aside for good; the oldest of those gave way, or a new one found no room
 */
export type QueueEventKind =
  | 'damaged'
  | 'torn'
  | 'evicted'
  | 'degraded'
  | 'recovered'
  | 'unreadable'
  | 'lost'
  | 'cursors-lost'
  | 'dead-lettered'
  | 'dead-letters-dropped'

export interface QueueEvent {
  readonly kind: QueueEventKind
  /** Empty for what concerns all lanes. */
  readonly lane: string
  readonly records: number
  readonly bytes: number
  readonly message: string
  /** For `evicted`: the owner's state of the lane as of just before its oldest record now. Empty where it is not known, and for other kinds. */
  readonly checkpoint: Uint8Array
}

export const NO_BYTES = new Uint8Array(0)

/** Why an append was not accepted. `record`: this one is larger than the cap and never fits. */
export class QueueFullError extends Error {
  override readonly name = 'QueueFullError'
  readonly reason: 'cap' | 'memory' | 'record' | 'closed'

  constructor(reason: QueueFullError['reason'], message: string) {
    super(message)
    this.reason = reason
  }
}

/** An event without a checkpoint. */
export function eventOf(kind: QueueEventKind, lane: string, message: string, records = 0, bytes = 0): QueueEvent {
  return { kind, lane, records, bytes, message, checkpoint: NO_BYTES }
}
