import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogCollector } from '../../logs/log-collector.ts'
import type { LogFormat } from '../../logs/log-source.ts'
import { Admission, type Admitted } from './admission.ts'
import { Archive } from './archive.ts'
import { isExhausted } from './byte-source.ts'
import { STREAM_NAMES } from './container-line.ts'
import type { FileCounts, FileState } from './counts.ts'
import { Discovery, type DiscoverySettings, realPathOf } from './discovery.ts'
import { FileLines, type LineSettings } from './file-lines.ts'
import { Finder } from './finder.ts'
import { type Generation, type ReadBuffer, readBuffer } from './generation.ts'
import { Lingering } from './lingering.ts'
import { type Holder, OpenFiles } from './open-files.ts'
import type { Wrapping } from './options.ts'
import { containerOf, fileAttributes } from './origin.ts'
import type { Positions } from './positions.ts'
import { Tail } from './tail.ts'

/** So much is read of a file before it is the next one's turn. */
const QUANTUM_BYTES = 256 * 1024
const SETTLE_MS = 1_000
const FORGET_INTERVAL_MS = 60_000

export interface FollowerSettings extends DiscoverySettings {
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  readonly wrapping: Wrapping
  readonly formatOf: (path: string) => LogFormat
  readonly pollIntervalMs: number
  readonly filesMax: number
  readonly openMax: number
  readonly lineBytesMax: number
  /** What unfinished lines of all files may hold together. */
  readonly partCharactersMax: number
}

/** Follows the files that globs match: reads them in turn, and has remembered how far each is durable. */
export class Follower {
  private readonly settings: FollowerSettings
  private readonly collector: LogCollector
  private readonly counts: FileCounts
  private readonly archive: Archive
  private readonly discovery: Discovery
  private readonly finder: Finder
  private readonly admission: Admission
  private readonly lingering: Lingering
  private readonly buffer: ReadBuffer
  private readonly parts: { left: number }
  private readonly save: () => Promise<void>
  /** By path. */
  private readonly tails = new Map<string, Tail>()
  /** Files that have left their path: written on nevertheless, or read and not durable. */
  private readonly strays = new Set<Tail>()
  /** Those with something to read, in turn. */
  private readonly ready: Tail[] = []
  private room: Promise<void> | null = null
  private wake: () => void = () => undefined
  private isStopping = false
  private settledMs = 0
  private forgottenMs = 0
  private running: Promise<void> = Promise.resolve()

  /** `save` is called after positions have been settled, once a second; it never throws. */
  constructor(settings: FollowerSettings, collector: LogCollector, positions: Positions, counts: FileCounts, save: Follower['save']) {
    const { include, exclude, pollIntervalMs, lineBytesMax, partCharactersMax } = settings
    this.settings = settings
    this.collector = collector
    this.counts = counts
    this.save = save
    const found = (path: string): void => this.admission.find(path)
    this.finder = new Finder(include, exclude, pollIntervalMs, found, (code) => counts.failed('look at a directory', code, undefined))
    const files = new OpenFiles(
      settings.openMax,
      () => this.holders(),
      (files) => counts.shut(files)
    )
    this.archive = new Archive(positions, counts, files, (path) => this.finder.excludes(path))
    this.discovery = new Discovery(settings, this.archive, clock())
    const followed = (path: string): Generation | undefined => this.tails.get(path)?.generations.at(-1)
    this.admission = new Admission(settings.filesMax, this.archive, this.finder, this.discovery, counts, followed)
    this.lingering = new Lingering(this.archive)
    this.buffer = readBuffer(QUANTUM_BYTES, lineBytesMax)
    this.parts = { left: partCharactersMax }
  }

  /** Resolves when what is there has been found; what comes from then on is new. */
  async start(): Promise<void> {
    this.finder.look(clock())
    // What finds no room comes later.
    for (let left = -1; this.admission.foundFiles !== left && !this.isStopping; ) {
      left = this.admission.foundFiles
      this.admit(this.admission.admit(() => this.tails.size, clock()))
      await nextTurn()
    }
    this.admit(this.admission.admitGone(() => this.tails.size))
    this.admitWrittenOn(clock())
    this.discovery.isStarted = true
    this.settle(clock())
    await this.save()
    this.running = this.run()
  }

  /** Reads no more. What waits for the rest of its line goes on as it is if `keepsParts`; else it is read again, another time. */
  async stop(keepsParts: boolean): Promise<void> {
    this.isStopping = true
    this.wake()
    await this.running
    for (const tail of [...this.tails.values(), ...this.strays]) tail.lines.close(tail.position, Date.now(), keepsParts)
  }

  /** After everything that was read is durable, or given up: has it remembered, and closes all files. */
  close(): void {
    this.settle(clock())
    for (const tail of [...this.tails.values(), ...this.strays]) tail.leave()
    this.lingering.close()
  }

  state(): Omit<FileState, 'checkpointAgeMs'> {
    let { lagBytes } = this.admission
    for (const tails of [this.tails.values(), this.strays]) for (const tail of tails) lagBytes += tail.lagBytes
    return { watched: this.tails.size, open: this.archive.files.count, waiting: this.admission.waitingFiles, lagBytes }
  }

  private async run(): Promise<void> {
    let pollMs = 0
    while (!this.isStopping) {
      const nowMs = clock()
      if (nowMs >= pollMs) {
        this.look(nowMs)
        pollMs = nowMs + this.settings.pollIntervalMs
      }
      const tail = this.collector.isFull ? undefined : this.ready.shift()
      if (tail === undefined) await this.rest(pollMs - nowMs)
      else await this.read(tail)
    }
  }

  private look(nowMs: number): void {
    this.finder.look(nowMs)
    this.admit(this.admission.admit(() => this.tails.size, nowMs))
    this.lookAt(this.due(nowMs), nowMs)
    if (nowMs - this.settledMs < SETTLE_MS) return
    for (const { generation, tail } of this.lingering.look(nowMs)) {
      const { path, realPath } = tail.place
      this.strays.add(this.tail(path, realPath, [generation], 0, nowMs))
    }
    this.admission.retry(nowMs)
    this.settle(nowMs)
  }

  private due(nowMs: number): Tail[] {
    const due: Tail[] = []
    for (const tails of [this.tails.values(), this.strays]) for (const tail of tails) if (tail.dueMs <= nowMs) due.push(tail)
    return due
  }

  // All look before the first seeks, so that a directory is listed once for all that is sought there.
  private lookAt(tails: readonly Tail[], nowMs: number): void {
    const looked: Tail[] = []
    for (const tail of tails) {
      try {
        tail.look(nowMs)
        looked.push(tail)
      } catch (error) {
        this.failed(tail, error, nowMs)
      }
    }
    for (const tail of looked) {
      try {
        if (tail.seek(nowMs)) this.enqueue(tail)
      } catch (error) {
        this.failed(tail, error, nowMs)
      }
    }
    this.archive.listings.clear()
  }

  private async read(tail: Tail): Promise<void> {
    tail.isQueued = false
    try {
      const { bytes, hasMore } = await tail.read(this.buffer, Date.now())
      this.counts.read(bytes)
      if (tail.isEnded) this.end(tail)
      else if (hasMore) this.enqueue(tail)
    } catch (error) {
      this.failed(tail, error, clock())
    }
  }

  private enqueue(tail: Tail): void {
    if (tail.isQueued || tail.isEnded) return
    tail.isQueued = true
    this.ready.push(tail)
  }

  // Nothing more comes of it; what has been read may not be durable yet.
  private end(tail: Tail): void {
    tail.lines.close(tail.position, Date.now(), true)
    tail.dueMs = Number.POSITIVE_INFINITY
    this.strays.add(tail)
    if (this.tails.get(tail.path) !== tail) return
    this.tails.delete(tail.path)
    this.admission.find(tail.path)
  }

  private failed(tail: Tail, error: unknown, nowMs: number): void {
    if (isExhausted(error)) this.archive.files.exhausted()
    this.counts.broke('read a file', error, tail.path)
    tail.setAside(nowMs)
  }

  private settle(nowMs: number): void {
    this.settledMs = nowMs
    for (const tails of [this.tails.values(), this.strays]) {
      for (const tail of tails) {
        if (!tail.isDirty) continue
        const done = tail.settle(nowMs)
        if (!tail.isEnded) for (const generation of done) this.lingering.add(generation, tail, nowMs)
        else if (!tail.isDirty) {
          tail.leave()
          this.strays.delete(tail)
        }
      }
    }
    if (nowMs - this.forgottenMs >= FORGET_INTERVAL_MS) {
      this.forgottenMs = nowMs
      this.archive.positions.forget(nowMs, (key) => this.archive.live.has(key))
    }
    void this.save()
  }

  private admit(admitted: Iterable<Admitted>): void {
    const tails: Tail[] = []
    for (const { path, generations, knownMs } of admitted) {
      const tail = this.tail(path, realPathOf(path), generations, knownMs)
      this.tails.set(path, tail)
      tails.push(tail)
    }
    this.lookAt(tails, clock())
  }

  private admitWrittenOn(nowMs: number): void {
    const found = this.discovery.writtenOn(this.archive.ask(null))
    for (const { path, generation } of found) this.strays.add(this.tail(path, realPathOf(path), [generation], 0, nowMs))
  }

  // `strayMs`: since when it has been at its path no more.
  private tail(path: string, realPath: string, generations: Generation[], knownMs: number, strayMs = 0): Tail {
    const lines = this.linesOf(path, realPath, generations[0])
    return new Tail(path, realPath, generations, lines, this.archive, this.settings.pollIntervalMs, knownMs, strayMs)
  }

  // Who has files open.
  private *holders(): Generator<Holder> {
    yield* this.tails.values()
    yield* this.strays
    yield this.lingering
  }

  private linesOf(path: string, realPath: string, first: Generation): FileLines {
    const { wrapping, lineBytesMax, formatOf } = this.settings
    const resource = containerOf(path, realPath)
    const settings: LineSettings = {
      collector: this.collector,
      wrapping,
      lineBytesMax,
      parts: this.parts,
      sourceOf: (stream) => ({
        resource,
        attributes: fileAttributes(path, STREAM_NAMES[stream], resource),
        scope: 'sluice.logs.files',
        format: formatOf(path)
      })
    }
    return new FileLines(settings, first.offset)
  }

  // Until it is time to look again, there is room, or the end has come.
  private async rest(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, Math.max(1, ms))
      this.wake = () => {
        clearTimeout(timer)
        resolve()
      }
      if (!this.collector.isFull) return
      this.room ??= this.collector.room().then(() => {
        this.room = null
        this.wake()
      })
    })
  }
}

/** Milliseconds since 1970 that never go back. */
function clock(): number {
  return performance.timeOrigin + performance.now()
}
