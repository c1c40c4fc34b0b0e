import { LogEntry } from './log-entry.ts'
import { TraceReader } from './trace-reader.ts'

/** So many lines make one record, at most. */
export const JOINED_LINES_MAX = 1000
/** Blank lines in a row that a record may have inside. */
export const BLANK_LINES_MAX = 2

/** A record whose next lines may still come. */
export class Held {
  readonly reader = new TraceReader()
  text = ''
  lines = 0
  /** Blank lines that came last: part of it only when more follows. */
  blanks = 0
  receivedMs = 0
  touchedMs = 0
  /** The position before its first line. */
  before = -1
  isTruncated = false
  /** What the receiver knew of its first line; null where it is a line and nothing more. */
  entry: LogEntry | null = null
  /** What its logger repeats before each line of a message; empty where it does not, null until somebody asks. */
  head: string | null = null

  begin(text: string, receivedMs: number, before: number, given: LogEntry | null): void {
    this.text = text
    this.lines = 1
    this.blanks = 0
    this.receivedMs = receivedMs
    this.touchedMs = performance.now()
    this.before = before
    this.isTruncated = false
    this.head = null
    this.entry = given === null ? null : copyOf(given)
  }

  append(line: string): void {
    this.text += this.blanks === 0 ? `\n${line}` : `${'\n'.repeat(this.blanks + 1)}${line}`
    this.lines += this.blanks + 1
    this.blanks = 0
    this.touchedMs = performance.now()
  }
}

function copyOf(entry: LogEntry): LogEntry {
  const { keys, values, ...fields } = entry
  const copy = new LogEntry()
  Object.assign(copy, fields)
  for (let i = 0; i < keys.length; i++) copy.add(keys[i], values[i])
  return copy
}
