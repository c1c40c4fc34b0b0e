import type { LogStream } from '../../logs/log-collector.ts'
import type { LogValue } from '../../logs/log-entry.ts'

type Fields = { readonly [key: string]: LogValue }

/** A line whose parts have come, or as much of it as there is. */
interface Whole {
  readonly stream: LogStream
  readonly timeMs: number
  readonly timeNanos: number
  readonly fields: Fields
}

/** A line whose parts are still coming. */
interface Open {
  readonly stream: LogStream
  readonly timeMs: number
  readonly timeNanos: number
  readonly fields: Fields
  text: string
  isCut: boolean
}

/** Lines of one connection that are open at once; one more, and the oldest goes on as it is. */
const OPEN_MAX = 64

/**
 * Joins the lines that Docker's log driver has cut: each part has partial_message, the line's partial_id, and on the last one partial_last. The
 * joined line has the time of its first part.
 */
export class PartialLines {
  private readonly open = new Map<string, Open>()
  private readonly charactersMax: number

  constructor(charactersMax: number) {
    this.charactersMax = charactersMax
  }

  static isPart(record: Fields): boolean {
    const { partial_message: marked, partial_id: id, log } = record
    return (marked === 'true' || marked === true) && typeof id === 'string' && typeof log === 'string'
  }

  /** Adds a part; returns the lines that go on now. */
  add(stream: LogStream, record: Fields, timeMs: number, timeNanos: number): Whole[] {
    const { partial_message: _marked, partial_id: id, partial_ordinal: _ordinal, partial_last: last, log, ...fields } = record
    const gone: Whole[] = []
    let line = this.open.get(id as string)
    if (line === undefined) {
      if (this.open.size >= OPEN_MAX)
        for (const [oldest] of this.open) return [this.take(oldest, false), ...this.add(stream, record, timeMs, timeNanos)]
      line = { stream, timeMs, timeNanos, fields, text: '', isCut: false }
      this.open.set(id as string, line)
    }
    const room = this.charactersMax - line.text.length
    const part = log as string
    line.text += part.length > room ? part.slice(0, room) : part
    line.isCut ||= part.length > room
    if (last === 'true' || last === true) gone.push(this.take(id as string, true))
    return gone
  }

  /** What is there of lines that will not become whole. */
  rest(): Whole[] {
    return [...this.open.keys()].map((id) => this.take(id, false))
  }

  private take(id: string, isWhole: boolean): Whole {
    const line = this.open.get(id)!
    this.open.delete(id)
    const { stream, timeMs, timeNanos, text, isCut } = line
    const marks = isWhole && !isCut ? {} : { 'log.truncated': true }
    return { stream, timeMs, timeNanos, fields: { ...line.fields, ...marks, log: text } }
  }
}
