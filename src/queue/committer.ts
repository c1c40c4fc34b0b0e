import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Group, Pending } from './pending.ts'
import type { Held, Recent } from './recent.ts'
import type { Segment } from './segment.ts'
import type { Writer } from './writer.ts'

const WRITE_TRIES = 2
/** The longest wait before a disk that refuses is tried again. */
export const RETRY_MAX_MS = 30_000

interface Hooks {
  /** Asked before each try; throws when the disk would be written to in vain. */
  ready(): Promise<void>
  /** The oldest group is on disk. */
  written(group: Group, segment: Segment): void
  /** The oldest group could not be written, and will be tried again. */
  failed(failure: unknown): void
}

/** Brings the groups of one lane to the disk, one after another: what arrives during a write goes with the next one. */
export class Committer {
  private readonly writer: Writer
  private readonly pending: Pending
  private readonly recent: Recent
  private readonly retryFirstMs: number
  private readonly hooks: Hooks
  private running: Promise<void> | null = null
  private isClosing = false
  private endWait: () => void = () => {}

  constructor(writer: Writer, pending: Pending, recent: Recent, retryFirstMs: number, hooks: Hooks) {
    this.writer = writer
    this.pending = pending
    this.recent = recent
    this.retryFirstMs = retryFirstMs
    this.hooks = hooks
  }

  /** Has everything pending written, now or after what is being written. */
  start(): void {
    this.running ??= this.run()
  }

  /** Resolves when nothing is pending, or the disk has refused a last try. */
  async close(): Promise<void> {
    this.isClosing = true
    this.endWait()
    await this.running
  }

  // While the disk refuses it waits longer and longer between tries.
  private async run(): Promise<void> {
    // What else arrives in this turn of the event loop shares the write.
    await nextTurn()
    let waitMs = this.retryFirstMs
    for (let group = this.pending.first; group !== undefined; group = this.pending.first) {
      const isLastTry = this.isClosing
      const failure = await this.write(group)
      if (failure === null) {
        waitMs = this.retryFirstMs
        continue
      }
      this.hooks.failed(failure)
      if (isLastTry) break
      if (!this.isClosing) await this.wait(waitMs)
      waitMs = Math.min(waitMs * 2, RETRY_MAX_MS)
    }
    this.running = null
  }

  private async write(group: Group): Promise<unknown> {
    try {
      await this.hooks.ready()
    } catch (error) {
      return error
    }
    group.isWriting = true
    const records: Held[] = []
    for (let seq = group.firstSeq; seq < group.endSeq; seq++) records.push(this.recent.get(seq) as Held)
    let failure: unknown = null
    for (let tries = 0; tries < WRITE_TRIES; tries++) {
      let segment: Segment
      try {
        segment = await this.writer.write(group, records)
      } catch (error) {
        failure = error
        await this.writer.abandon()
        continue
      }
      this.hooks.written(group, segment)
      return null
    }
    group.isWriting = false
    return failure
  }

  private wait(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.endWait = () => {
        clearTimeout(timer)
        this.endWait = () => {}
        resolve()
      }
      const timer = setTimeout(this.endWait, ms).unref()
    })
  }
}
