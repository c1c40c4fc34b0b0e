// The file `deltas.jsonl`, a JSON array on each line, of which later ones count:
//   ["since", nanoseconds]                           series that started later were seen from their beginning; the first line of a whole file
//   ["resource", id, [attribute, …]]
//   ["series", key, start, time, total, was?]        in nanoseconds, as texts; `was` is the key that it replaces
import { type FileHandle, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../component.ts'
import { messageOf } from '../../errors.ts'
import type { Total } from './totals.ts'

/** The last point of a cumulative series that Datadog has. */
export interface Known {
  /** Nanoseconds since 1970; a start of 0 was not told. */
  readonly startNano: bigint
  readonly timeNano: bigint
  readonly total: Total
}

/** What is to be remembered of a series once the point that it came from has arrived. */
export interface Change {
  readonly key: string
  readonly known: Known
  /** Where the series was known by another resource until now. */
  readonly was: string | undefined
}

export interface Saved {
  readonly completeSinceNano: bigint
  readonly resources: Iterable<readonly [id: string, texts: readonly string[]]>
  readonly series: ReadonlyMap<string, Known>
}

/** Written before a batch is acknowledged, so that a process that comes after neither counts twice nor leaves anything out. */
export class DeltaJournal {
  /** In the file, as far as written. */
  lines = 0
  private readonly dir: string | undefined
  private readonly log: Log
  private file: FileHandle | undefined
  private waiting: string[] = []
  private hasFailed = false

  /** Without a directory nothing is kept. */
  constructor(dir: string | undefined, log: Log) {
    this.dir = dir
    this.log = log
  }

  /** What was written last; null where there is nothing that can be used. A last line that was cut off is passed over. */
  async read(): Promise<Saved | null> {
    if (this.dir === undefined) return null
    let text: string
    try {
      text = await readFile(this.path(this.dir), 'utf8')
    } catch {
      return null
    }
    let completeSinceNano: bigint | null = null
    const resources = new Map<string, readonly string[]>()
    const series = new Map<string, Known>()
    for (const line of text.split('\n')) {
      const parts = arrayOf(line)
      if (parts === null) continue
      const [type, first, second, third, total, was] = parts as [string, string, string, string, Total, string | undefined]
      if (type === 'since' && NANO.test(first)) completeSinceNano = BigInt(first)
      else if (type === 'resource' && Array.isArray(second)) resources.set(first, second as readonly string[])
      else if (type === 'series' && NANO.test(second) && NANO.test(third) && typeof total === 'object') {
        if (was !== undefined) series.delete(was)
        series.set(first, { startNano: BigInt(second), timeNano: BigInt(third), total })
      }
    }
    return completeSinceNano === null ? null : { completeSinceNano, resources, series }
  }

  /** Something is to be written beside changes. */
  get isWaiting(): boolean {
    return this.waiting.length > 0
  }

  /** Goes out with the next changes. */
  meet(id: string, texts: readonly string[]): void {
    if (this.dir !== undefined) this.waiting.push(JSON.stringify(['resource', id, texts]))
  }

  /** Goes out with the next changes. */
  completeSince(nano: bigint): void {
    if (this.dir !== undefined) this.waiting.push(JSON.stringify(['since', String(nano)]))
  }

  /** False where the file as a whole must be written anew. */
  async append(changes: readonly Change[]): Promise<boolean> {
    if (this.dir === undefined) return true
    if (this.file === undefined) return false
    const lines = this.waiting
    this.waiting = []
    for (const { key, known, was } of changes) lines.push(lineOf(key, known, was))
    try {
      await this.file.appendFile(`${lines.join('\n')}\n`)
      await this.file.datasync()
      this.lines += lines.length
      return true
    } catch (error) {
      await this.fail(error)
      return false
    }
  }

  /** Puts a file of these in place of the one that is there. */
  async rewrite({ completeSinceNano, resources, series }: Saved): Promise<void> {
    if (this.dir === undefined) return
    const lines = [JSON.stringify(['since', String(completeSinceNano)])]
    for (const [id, texts] of resources) lines.push(JSON.stringify(['resource', id, texts]))
    for (const [key, known] of series) lines.push(lineOf(key, known, undefined))
    const path = this.path(this.dir)
    try {
      await mkdir(this.dir, { recursive: true })
      const next = await open(`${path}.new`, 'w')
      try {
        await next.appendFile(`${lines.join('\n')}\n`)
        await next.datasync()
        await rename(`${path}.new`, path)
      } catch (error) {
        await next.close()
        throw error
      }
      await this.file?.close()
      this.file = next
      this.lines = lines.length
      this.waiting = []
      this.hasFailed = false
    } catch (error) {
      await this.fail(error)
    }
  }

  async close(): Promise<void> {
    await this.file?.close()
    this.file = undefined
  }

  // What is old would be taken for the last that arrived, and what came since be counted again: better to have nothing.
  private async fail(error: unknown): Promise<void> {
    if (!this.hasFailed)
      this.log.warn(
        { error: messageOf(error) },
        'what metrics have counted is not kept over a restart, after which first points will be missing'
      )
    this.hasFailed = true
    await this.file?.close().catch(() => undefined)
    this.file = undefined
    await rm(this.path(this.dir!), { force: true }).catch(() => undefined)
  }

  private path(dir: string): string {
    return join(dir, 'deltas.jsonl')
  }
}

const NANO = /^\d{1,20}$/

function lineOf(key: string, { startNano, timeNano, total }: Known, was: string | undefined): string {
  return JSON.stringify(['series', key, String(startNano), String(timeNano), total, ...(was === undefined ? [] : [was])])
}

function arrayOf(line: string): unknown[] | null {
  try {
    const value: unknown = JSON.parse(line)
    return Array.isArray(value) && typeof value[0] === 'string' && typeof value[1] === 'string' ? value : null
  } catch {
    return null
  }
}
