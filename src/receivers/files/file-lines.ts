import type { LogCollector, LogStream } from '../../logs/log-collector.ts'
import { LogEntry } from '../../logs/log-entry.ts'
import type { LogSource } from '../../logs/log-source.ts'
import { TRUNCATED } from '../../logs/stream.ts'
import { ContainerLine, PLAIN } from './container-line.ts'
import type { Wrapping } from './options.ts'

export interface LineSettings {
  readonly collector: LogCollector
  readonly wrapping: Wrapping
  readonly lineBytesMax: number
  /** What the unfinished lines of all files may hold together. */
  readonly parts: { left: number }
  sourceOf(stream: number): LogSource
}

/** A line that goes on is waited for so long; then it is one as it is. */
const PART_WAIT_MS = 5_000
const RETURN = 13
const OPEN_BRACE = 123

/** A line of which only the beginning has come, or what comes together in several parts. */
interface Part {
  text: string
  /** Where its first part begins. */
  readonly start: number
  readonly timeMs: number
  readonly timeNanos: number
  touchedMs: number
  isCut: boolean
}

/** One of the streams that share a file. */
interface Lane {
  readonly stream: LogStream
  /** The last position that it was given, and the one before its first line. */
  given: number
  readonly floor: number
  part: Part | null
}

// One of each is enough: a line is taken before the next one is read.
const wrapped = new ContainerLine()
const entry = new LogEntry()

/** Makes log lines of the bytes of a file, and knows how far they have come. Positions are those of the file's bytes, and only grow. */
export class FileLines {
  private readonly settings: LineSettings
  private readonly lanes: (Lane | undefined)[] = [undefined, undefined, undefined]
  private safe = 0

  constructor(settings: LineSettings, position: number) {
    this.settings = settings
    this.safe = position
  }

  /**
   * One line without its end, from bytes that are the caller's again when this returns. It began at `from`; the next begins at `to`, or lies behind it
   * where the line is cut and its end not known.
   */
  take(bytes: Buffer, start: number, end: number, isCut: boolean, from: number, to: number, nowMs: number): void {
    const { wrapping } = this.settings
    if (wrapping !== 'plain') {
      if (wrapping !== 'docker' && wrapped.cri(bytes, start, end)) {
        let last = end
        if (last > wrapped.contentStart && bytes[last - 1] === RETURN) last--
        this.content(bytes.toString('utf8', wrapped.contentStart, last), isCut, from, to, nowMs)
        return
      }
      if (wrapping !== 'cri' && bytes[start] === OPEN_BRACE && !isCut && isDockerLike(bytes, start, end)) {
        if (wrapped.docker(bytes.toString('utf8', start, end))) {
          this.content(wrapped.text, false, from, to, nowMs)
          return
        }
      }
    }
    this.plain(bytes.toString('utf8', start, end), isCut, from, to, nowMs)
  }

  /** The position up to which all is durable, given that all lines up to `position` have been taken. */
  durable(position: number): number {
    let limit = position
    for (const lane of this.lanes) {
      if (lane === undefined) continue
      const { stream, given, floor, part } = lane
      if (part !== null && part.start < limit) limit = part.start
      if (stream.durable < given) limit = Math.min(limit, Math.max(floor, stream.durable))
    }
    if (limit > this.safe) this.safe = limit
    return this.safe
  }

  /** Lets go of lines whose next part does not come. */
  releaseIdle(position: number, nowMs: number): void {
    for (const lane of this.lanes) {
      if (lane?.part != null && nowMs - lane.part.touchedMs >= PART_WAIT_MS) this.release(lane, position, nowMs)
    }
  }

  /** Nothing has come for long: lets go of the memory that lines take, if all up to `position` is durable. */
  rest(position: number): void {
    if (this.isWaiting || this.durable(position) < position) return
    for (let stream = 0; stream < this.lanes.length; stream++) {
      this.lanes[stream]?.stream.close()
      this.lanes[stream] = undefined
    }
  }

  /** Whether some line waits for its next part. */
  get isWaiting(): boolean {
    return this.lanes.some((lane) => lane?.part != null)
  }

  /** No more lines come. What waits for its next part goes on as it is, or is left to be read again. */
  close(position: number, nowMs: number, keepsParts: boolean): void {
    for (const lane of this.lanes) {
      if (lane === undefined) continue
      if (keepsParts) this.release(lane, position, nowMs)
      else this.drop(lane)
      lane.stream.close()
    }
  }

  private plain(text: string, isCut: boolean, from: number, to: number, nowMs: number): void {
    const lane = this.lane(PLAIN, from)
    if (!isCut) {
      lane.given = to
      lane.stream.line(text, nowMs, to)
      return
    }
    entry.reset(nowMs)
    entry.body = text
    entry.add(TRUNCATED, true)
    this.give(lane, to)
  }

  // A line, or part of one, of a container.
  private content(text: string, isCut: boolean, from: number, to: number, nowMs: number): void {
    const { stream, isPartial, timeMs, timeNanos, attributes } = wrapped
    const lane = this.lane(stream, from)
    const { part } = lane
    if (part === null && !isPartial) {
      entry.reset(nowMs)
      entry.timeMs = timeMs
      entry.timeNanos = timeNanos
      entry.body = text
      if (isCut) entry.add(TRUNCATED, true)
      if (attributes !== null) for (const key in attributes) entry.add(key, attributes[key])
      this.give(lane, to)
      return
    }
    if (part === null) {
      lane.part = { text: '', start: from, timeMs, timeNanos, touchedMs: nowMs, isCut: false }
      this.append(lane.part, text, isCut, nowMs)
      return
    }
    this.append(part, text, isCut, nowMs)
    if (!isPartial) this.release(lane, to, nowMs, attributes)
  }

  private append(part: Part, text: string, isCut: boolean, nowMs: number): void {
    const { lineBytesMax, parts } = this.settings
    const room = Math.min(lineBytesMax - part.text.length, parts.left)
    part.touchedMs = nowMs
    if (part.isCut) return
    const fits = text.length <= room ? text : text.slice(0, Math.max(0, room))
    part.isCut = isCut || fits.length < text.length
    part.text += fits
    parts.left -= fits.length
  }

  private release(lane: Lane, position: number, nowMs: number, attributes: typeof wrapped.attributes = null): void {
    const { part } = lane
    if (part === null) return
    this.drop(lane)
    entry.reset(nowMs)
    entry.timeMs = part.timeMs
    entry.timeNanos = part.timeNanos
    entry.body = part.text
    if (part.isCut) entry.add(TRUNCATED, true)
    if (attributes !== null) for (const key in attributes) entry.add(key, attributes[key])
    this.give(lane, position)
  }

  private drop(lane: Lane): void {
    this.settings.parts.left += lane.part?.text.length ?? 0
    lane.part = null
  }

  private give(lane: Lane, position: number): void {
    lane.given = position
    lane.stream.entry(entry, position)
  }

  private lane(stream: number, from: number): Lane {
    const known = this.lanes[stream]
    if (known !== undefined) return known
    const { collector, sourceOf } = this.settings
    const lane = { stream: collector.open(sourceOf(stream)), given: -1, floor: from, part: null }
    this.lanes[stream] = lane
    return lane
  }
}

// `{"log":` is how Docker begins; JSON of programs that begins so too is told apart by the rest.
function isDockerLike(bytes: Buffer, start: number, end: number): boolean {
  return end - start > 20 && bytes[start + 1] === 34 && bytes[start + 2] === 108 && bytes[start + 3] === 111 && bytes[start + 4] === 103
}
