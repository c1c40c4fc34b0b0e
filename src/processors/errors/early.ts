import type { Group } from './grouping.ts'

/** Errors that wait for their trail, and their bytes; more go without. */
const EARLY_MAX = 1024
const EARLY_BYTES_MAX = 4 * 1024 * 1024

/** An error of a span that came before the log records that led to it. Within its limits already; holds copies. */
export interface Early {
  readonly sender: string | undefined
  readonly traceId: string
  readonly correlationId: string
  readonly atNano: number
  readonly group: Group | null
  /** How many equal errors it stands for beside itself. */
  readonly count: number
  readonly record: Uint8Array
  readonly resource: Uint8Array
  readonly scope: Uint8Array
}

/** Errors that are as good as sent, in the order in which they came; all wait equally long. */
export class EarlyErrors {
  private readonly waiting: { readonly untilMs: number; readonly error: Early }[] = []
  private readonly waitMs: number
  private bytes = 0

  constructor(waitMs: number) {
    this.waitMs = waitMs
  }

  get size(): number {
    return this.waiting.length
  }

  hasRoom(bytes: number): boolean {
    return this.waitMs > 0 && this.waiting.length < EARLY_MAX && this.bytes + bytes <= EARLY_BYTES_MAX
  }

  enter(error: Early, nowMs: number): void {
    this.waiting.push({ untilMs: nowMs + this.waitMs, error })
    this.bytes += sizeOf(error)
  }

  /** The senders of those that have waited until then. */
  senders(untilMs: number): (string | undefined)[] {
    return this.waiting.filter((each) => each.untilMs <= untilMs).map(({ error }) => error.sender)
  }

  /** Takes out those of the sender that have waited until then. */
  take(untilMs: number, sender: string | undefined): Early[] {
    const due = this.waiting.filter((each) => each.untilMs <= untilMs && each.error.sender === sender)
    if (due.length === 0) return []
    const left = this.waiting.filter((each) => !due.includes(each))
    this.waiting.splice(0, this.waiting.length, ...left)
    for (const { error } of due) this.bytes -= sizeOf(error)
    return due.map(({ error }) => error)
  }
}

function sizeOf({ record, resource, scope }: Early): number {
  return record.length + resource.length + scope.length
}
