import { Generations } from './generations.ts'

/** Groups that are told apart; with more, those that were quiet for longest are forgotten. */
const GROUPS_MAX = 4096
/** Errors over the limit that are kept to be sent when their group is quiet, all together. */
const HELD_BYTES_MAX = 4 * 1024 * 1024
/** Making what is held costs as much as making what is sent, so that a storm of groups is counted and no more. */
const HOLDS_PER_SECOND = 1000

/** An error over the limit, to be sent when there is room. */
export interface Held {
  /** Who sent it: what is known of it is found by this. */
  readonly sender: string | undefined
  readonly resource: Uint8Array
  readonly scope: Uint8Array
  readonly record: Uint8Array
}

export interface LimitOptions {
  /** Errors of one group in a minute, and at once. */
  readonly perGroup: number
  readonly burst: number
  /** Errors of all groups in a second. */
  readonly overall: number
}

/** So many at once, and so many again in time. */
class Bucket {
  private tokens: number
  private sinceMs: number

  constructor(burst: number, nowMs: number) {
    this.tokens = burst
    this.sinceMs = nowMs
  }

  hasOne(perMs: number, burst: number, nowMs: number): boolean {
    if (nowMs > this.sinceMs) this.tokens = Math.min(burst, this.tokens + (nowMs - this.sinceMs) * perMs)
    this.sinceMs = nowMs
    return this.tokens >= 1
  }

  take(): void {
    this.tokens--
  }
}

/** What is known of one group of errors. */
export class GroupState {
  readonly bucket: Bucket
  /** Errors over the limit that none which was sent has told of. */
  untold = 0
  held: Held | null = null

  constructor(bucket: Bucket) {
    this.bucket = bucket
  }
}

/** Lets so many errors of a group pass, and so many of all groups. Of those over it one is held back, and the others are counted. */
export class Limits {
  heldErrors = 0
  heldBytes = 0
  forgotten = 0
  /** Held errors whose group was forgotten. */
  limitedLate = 0
  private readonly options: LimitOptions
  private readonly all: Bucket
  private readonly holds: Bucket
  private readonly groups = new Generations<GroupState>(GROUPS_MAX, (group) => this.forget(group))

  constructor(options: LimitOptions, nowMs: number) {
    this.options = options
    this.all = new Bucket(options.overall, nowMs)
    this.holds = new Bucket(HOLDS_PER_SECOND, nowMs)
  }

  get size(): number {
    return this.groups.size
  }

  group(key: string, nowMs: number): GroupState {
    const known = this.groups.get(key)
    if (known !== undefined) return known
    const group = new GroupState(new Bucket(this.options.burst, nowMs))
    this.groups.set(key, group)
    return group
  }

  /** Whether one more may be sent; if so, it is counted as sent. */
  take({ bucket }: GroupState, nowMs: number): boolean {
    const { perGroup, burst, overall } = this.options
    const fits = bucket.hasOne(perGroup / 60_000, burst, nowMs) && this.all.hasOne(overall / 1000, overall, nowMs)
    if (!fits) return false
    bucket.take()
    this.all.take()
    return true
  }

  /** Whether the group holds none yet, and there is room for one of that size. */
  mayHold({ held }: GroupState, bytes: number, nowMs: number): boolean {
    if (held !== null || this.heldBytes + bytes > HELD_BYTES_MAX) return false
    if (!this.holds.hasOne(HOLDS_PER_SECOND / 1000, HOLDS_PER_SECOND, nowMs)) return false
    this.holds.take()
    return true
  }

  hold(group: GroupState, held: Held): void {
    group.held = held
    this.heldErrors++
    this.heldBytes += sizeOf(held)
  }

  /** Lets go of what the group holds. */
  release(group: GroupState): Held | null {
    const { held } = group
    if (held === null) return null
    group.held = null
    this.heldErrors--
    this.heldBytes -= sizeOf(held)
    return held
  }

  /** The groups that hold one. */
  *holding(): Generator<GroupState> {
    for (const group of this.groups.values()) if (group.held !== null) yield group
  }

  private forget(group: GroupState): void {
    if (this.release(group) !== null) this.limitedLate++
    this.forgotten++
  }
}

function sizeOf({ resource, scope, record }: Held): number {
  return resource.length + scope.length + record.length
}
