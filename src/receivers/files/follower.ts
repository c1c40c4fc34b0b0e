import { setImmediate as nextTurn } from 'node:timers/promises'
import type { LogCollector } from '../../logs/log-collector.ts'
import type { LogFormat } from '../../logs/log-source.ts'
import { faultOf } from '../../telemetry/fault.ts'
import { Archive } from './archive.ts'
import { type OpenFile, openFile } from './byte-source.ts'
import { STREAM_NAMES } from './container-line.ts'
import type { FileCounts, FileState } from './counts.ts'
import { Discovery, type DiscoverySettings, realPathOf } from './discovery.ts'
import { FileLines, type LineSettings } from './file-lines.ts'
import { Finder } from './finder.ts'
import { type Generation, type ReadBuffer, readBuffer } from './generation.ts'
import { Lingering } from './lingering.ts'
import type { Wrapping } from './options.ts'
import { containerOf, fileAttributes } from './origin.ts'
import type { Positions } from './positions.ts'
import { Tail } from './tail.ts'

/** So much is read of a file before it is the next one's turn. */
const QUANTUM_BYTES = 256 * 1024
/** Files that cannot be followed now are tried again so often; so many of them are remembered. */
const RETRY_MS = 5_000
const WAITING_MAX = 100_000
/** Files that are opened before others have their turn. */
const OPENED_AT_ONCE = 256
const OPEN_MIN = 16
const SETTLE_MS = 1_000
const FORGET_INTERVAL_MS = 60_000

/** A file at a path where none is followed, open. */
interface Arrival {
  readonly path: string
  readonly file: OpenFile
  readonly askedAt: number
  /** What was at the path before is sought now; what will be, later. */
  readonly knownMs: number
}

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

/** Follows the files that globs match: finds them, reads them in turn, and has remembered how far each is durable. */
export class Follower {
  private readonly settings: FollowerSettings
  private readonly collector: LogCollector
  private readonly counts: FileCounts
  private readonly archive: Archive
  private readonly discovery: Discovery
  private readonly finder: Finder
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
  /** Found and not followed: when to try again. */
  private readonly waiting = new Map<string, number>()
  private found: string[] = []
  private openMax: number
  private closable: Iterator<Tail> | null = null
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
    this.openMax = settings.openMax
    const queue = (path: string): void => void this.found.push(path)
    this.finder = new Finder(include, exclude, pollIntervalMs, queue, (code) => counts.failed('look at a directory', code, undefined))
    this.archive = new Archive(positions, counts, (path) => this.finder.excludes(path))
    this.discovery = new Discovery(settings, this.archive, clock())
    this.lingering = new Lingering(this.archive)
    this.buffer = readBuffer(QUANTUM_BYTES, lineBytesMax)
    this.parts = { left: partCharactersMax }
  }

  /** Resolves when what is there has been found; what comes from then on is new. */
  async start(): Promise<void> {
    this.finder.look(clock())
    while (this.found.length > 0 && !this.isStopping) {
      this.admitFound(clock())
      await nextTurn()
    }
    this.admitGone(clock())
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
    let lagBytes = 0
    for (const { generations } of this.tails.values())
      for (const each of generations) if (each.source?.isLive !== false) lagBytes += each.unread
    return { watched: this.tails.size, open: this.archive.opened.count, waiting: this.waiting.size, lagBytes }
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
    this.admitFound(nowMs)
    this.lookAt(this.due(nowMs), nowMs)
    if (nowMs - this.settledMs < SETTLE_MS) return
    for (const { generation, tail } of this.lingering.look(nowMs)) {
      const { path, realPath } = tail
      const stray = new Tail(
        path,
        realPath,
        [generation],
        this.linesOf(path, realPath, generation),
        this.archive,
        this.settings.pollIntervalMs,
        0,
        nowMs
      )
      this.strays.add(stray)
    }
    for (const [path, dueMs] of this.waiting) if (dueMs <= nowMs) this.found.push(path)
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
    this.waiting.set(tail.path, 0)
  }

  private failed(tail: Tail, error: unknown, nowMs: number): void {
    this.tell(error, tail.path)
    tail.setAside(nowMs)
  }

  private tell(error: unknown, path: string): void {
    const { code } = error as NodeJS.ErrnoException
    if (typeof code === 'string') this.counts.failed('read a file', code, path)
    else this.counts.fault(faultOf(error, 3))
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

  private admitFound(nowMs: number): void {
    const arrivals: Arrival[] = []
    for (const path of new Set(this.found.splice(0, OPENED_AT_ONCE))) {
      if (this.tails.has(path)) continue
      try {
        this.arrive(path, arrivals, nowMs)
      } catch (error) {
        this.wait(path, nowMs)
        this.tell(error, path)
      }
    }
    const admitted: Tail[] = []
    for (const arrival of arrivals) {
      try {
        this.admit(arrival, admitted, nowMs)
      } catch (error) {
        this.wait(arrival.path, nowMs)
        this.tell(error, arrival.path)
      }
    }
    this.lookAt(admitted, nowMs)
  }

  private arrive(path: string, arrivals: Arrival[], nowMs: number): void {
    this.waiting.delete(path)
    if (this.tails.size + arrivals.length >= this.settings.filesMax) {
      this.counts.full(this.settings.filesMax)
      this.wait(path, nowMs)
      return
    }
    const knownMs = Date.now()
    const file = this.open(path, arrivals.length, nowMs)
    if (file !== null) arrivals.push({ path, file, askedAt: this.archive.ask(file), knownMs })
  }

  private admit({ path, file, askedAt, knownMs }: Arrival, admitted: Tail[], nowMs: number): void {
    const generations = this.discovery.admit(path, file, askedAt, (other) => this.tails.get(other)?.generations.at(-1), nowMs)
    if (generations === null) this.wait(path, nowMs)
    else admitted.push(this.follow(path, generations, knownMs))
  }

  // Files that left their path while nobody looked, and that no other has followed there yet.
  private admitGone(nowMs: number): void {
    const askedAt = this.archive.ask(null)
    const admitted: Tail[] = []
    for (const path of this.archive.positions.unfinished()) {
      if (this.tails.has(path) || this.waiting.has(path) || this.tails.size >= this.settings.filesMax || !this.finder.wants(path)) continue
      const generations = this.discovery.gone(path, askedAt)
      if (generations.length > 0) admitted.push(this.follow(path, generations, Date.now()))
    }
    this.lookAt(admitted, nowMs)
  }

  private follow(path: string, generations: Generation[], knownMs: number): Tail {
    const realPath = realPathOf(path)
    const lines = this.linesOf(path, realPath, generations[0])
    const tail = new Tail(path, realPath, generations, lines, this.archive, this.settings.pollIntervalMs, knownMs)
    this.tails.set(path, tail)
    return tail
  }

  private open(path: string, others: number, nowMs: number): OpenFile | null {
    this.makeRoom(others)
    try {
      return openFile(path)
    } catch (error) {
      const { code = 'unknown' } = error as NodeJS.ErrnoException
      if (code === 'ENOENT') return null
      if (code === 'EMFILE' || code === 'ENFILE') this.openMax = Math.max(OPEN_MIN, this.archive.opened.count - OPEN_MIN)
      this.counts.failed('open a file', code, path)
      this.wait(path, nowMs)
      return null
    }
  }

  private wait(path: string, nowMs: number): void {
    if (this.waiting.size < WAITING_MAX) this.waiting.set(path, nowMs + RETRY_MS)
  }

  // Closes files that are read to their end, one after the other. They are opened again when there is something to read.
  private makeRoom(others: number): void {
    for (let looked = 0; this.archive.opened.count + others >= this.openMax && looked <= this.tails.size; looked++) {
      this.closable ??= this.tails.values()
      const { value: tail, done } = this.closable.next()
      if (done) this.closable = null
      else if (tail.isIdle) tail.generations[0].close()
    }
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
