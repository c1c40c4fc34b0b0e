import type { Disk } from './disk.ts'
import type { QueueEvent } from './event.ts'

export interface QueueOptions {
  /** Undefined keeps everything in memory: the same contract, as long as the process lives. */
  readonly dir: string | undefined
  /** Cap over all lanes; dead letters apart. */
  readonly bytesMax: number
  /** Bound of what is in memory and not on disk, be it because the disk refuses or because it is slow. Without a directory it bounds the cap. */
  readonly memoryBytesMax: number
  readonly whenFull: 'refuse' | 'evict'
  /** Where room is made, the lane with the lowest priority gives way first, and never for a lane below it. */
  readonly lanes: readonly { readonly name: string; readonly priority: number }[]
  /** By default a sixteenth of the cap, between 64 KiB and 16 MiB, and never more than a quarter. */
  readonly segmentBytes?: number
  /** Cap of the dead letters of one lane; by default a segment's bytes. */
  readonly deadLetterBytesMax?: number
  /** First wait before a disk that refuses is tried again; it doubles up to 30 s. */
  readonly retryFirstMs?: number
  readonly disk?: Disk
  /**
   * The owner's state of a lane as of now: with all records whose append has returned, and no others. It is stored with the log, so that counts
   * survive a crash. Called from `append`, before the record is accepted, so the owner counts a record after `append` has returned, in the same tick.
   */
  checkpoint(lane: string): Uint8Array
  /** Called once for each lane while opening, with the newest stored state (empty at first); what it returns gets each record since, in order. */
  recover(lane: string, checkpoint: Uint8Array): (payload: Uint8Array) => void
  onEvent(event: QueueEvent): void
}

export interface LaneState {
  readonly name: string
  readonly bytes: number
  readonly deadLetterBytes: number
  /** Age of the oldest record that some reader has not acknowledged: never too young, and exact within the time that one segment spans. */
  readonly oldestMs: number
  readonly readers: readonly { readonly reader: string; readonly records: number; readonly starts: number }[]
}

export interface QueueState {
  readonly bytes: number
  readonly bytesMax: number
  /** Not on disk. */
  readonly memoryBytes: number
  readonly memoryBytesMax: number
  /** Why records are kept in memory or cursors are not stored, when the disk refuses. */
  readonly degraded: string | null
  readonly oldestMs: number
  readonly lanes: readonly LaneState[]
}
