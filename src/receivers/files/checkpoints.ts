import type { Host } from '../../component.ts'
import { messageOf } from '../../errors.ts'
import type { FileCounts } from './counts.ts'
import { Positions } from './positions.ts'
import { PositionsFile } from './positions-file.ts'

/** Saves positions no more often. */
const SAVE_INTERVAL_MS = 1_000

/** Keeps positions from one start to the next: on disk where the queue is on disk. What cannot be saved is saved later. */
export class Checkpoints {
  private readonly host: Host
  private readonly counts: FileCounts
  private readonly include: readonly string[]
  private readonly file: PositionsFile | null
  private positions: Positions | null = null
  private saving: Promise<void> | null = null
  private savedMs = Number.NEGATIVE_INFINITY

  constructor(host: Host, counts: FileCounts, include: readonly string[]) {
    this.host = host
    this.counts = counts
    this.include = include
    this.file = host.stateDir === undefined ? null : new PositionsFile(host.stateDir)
  }

  /** For how long there have been positions that are not on disk. */
  get ageMs(): number {
    const { positions } = this
    return positions?.isDirty ? Math.max(0, Date.now() - positions.dirtySinceMs) : 0
  }

  /** What is remembered: by who went before in this process, or on disk. */
  async load(before: Positions | null, entriesMax: number): Promise<Positions> {
    const positions = before ?? (await this.loadFile(entriesMax))
    this.positions = positions
    return positions
  }

  /** Saves what has changed, if it is time, and the first time in any case: files that come from then on are new. Resolves when that is done. */
  async save(): Promise<void> {
    const { positions } = this
    if (this.saving !== null) return await this.saving
    if (this.file === null || positions === null) return
    const isDue = positions.isDirty && performance.now() - this.savedMs >= SAVE_INTERVAL_MS
    if (!isDue && positions.heading !== null) return
    this.saving = this.write(false).finally(() => {
      this.saving = null
    })
    await this.saving
  }

  /** Saves for the last time, and returns what is remembered. */
  async end(): Promise<Positions | null> {
    await this.saving
    await this.write(true)
    return this.positions
  }

  private async write(isLast: boolean): Promise<void> {
    const { positions, file, include } = this
    if (positions === null) return
    const heading = { atMs: Date.now(), include, isLast }
    if (file === null) {
      positions.heading = heading
      return
    }
    this.savedMs = performance.now()
    try {
      await file.save(positions, heading)
    } catch (error) {
      positions.touch(Date.now())
      this.counts.failed('save positions', (error as NodeJS.ErrnoException).code ?? 'unknown', undefined)
    }
  }

  private async loadFile(entriesMax: number): Promise<Positions> {
    const { file, host } = this
    if (file === null) {
      host.log.warn(
        { receiver: host.name },
        'files: how far files were read is not kept, since the queue is in memory; set queue.dir to go on there after a restart'
      )
      return new Positions(entriesMax)
    }
    try {
      const { positions, damaged } = await file.load(entriesMax)
      if (damaged > 0) this.counts.failed('read some of the saved positions', 'damaged', undefined)
      return positions
    } catch (error) {
      host.log.warn({ receiver: host.name, error: messageOf(error) }, 'files: the saved positions cannot be read')
      this.counts.failed('read the saved positions', (error as NodeJS.ErrnoException).code ?? 'unknown', undefined)
      return new Positions(entriesMax)
    }
  }
}
