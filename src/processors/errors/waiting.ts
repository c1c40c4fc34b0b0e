import type { Group } from './grouping.ts'

/** Errors that wait, and their bytes; more do not wait. */
export const WAITING_MAX = 1024
const WAITING_BYTES_MAX = 4 * 1024 * 1024

/** An error in the logs, whose span may tell more of it. Holds copies. */
export interface Waiting {
  readonly untilMs: number
  /** Who sent it: what is known of it is found by this. */
  readonly sender: string | undefined
  readonly traceId: string
  readonly correlationId: string
  readonly atNano: number
  /** The log record as it came. */
  readonly log: Uint8Array
  /** What is sent if no span comes. */
  readonly record: Uint8Array
  readonly resource: Uint8Array
  readonly scope: Uint8Array
  readonly group: Group | null
  /** What its limits are kept under. */
  readonly likeness: string
}

/** Errors that wait, in the order in which they came; all wait equally long. */
export class WaitingRoom {
  private readonly waiting = new Set<Waiting>()
  private bytes = 0

  get size(): number {
    return this.waiting.size
  }

  hasRoom(bytes: number): boolean {
    return this.waiting.size < WAITING_MAX && this.bytes + bytes <= WAITING_BYTES_MAX
  }

  enter(one: Waiting): void {
    this.waiting.add(one)
    this.bytes += sizeOf(one)
  }

  /** False where it has left already. */
  leave(one: Waiting): boolean {
    const was = this.waiting.delete(one)
    if (was) this.bytes -= sizeOf(one)
    return was
  }

  /** The senders of those whose time is over. */
  *dueSenders(nowMs: number): Generator<string | undefined> {
    for (const one of this.waiting) {
      if (nowMs < one.untilMs) return
      yield one.sender
    }
  }

  /** Takes out those of the sender whose time is over. */
  *take(nowMs: number, sender: string | undefined): Generator<Waiting> {
    for (const one of this.waiting) {
      if (nowMs < one.untilMs) return
      if (one.sender !== sender) continue
      this.leave(one)
      yield one
    }
  }
}

function sizeOf({ log, record, resource, scope }: Waiting): number {
  return log.length + record.length + resource.length + scope.length
}
