// Forward protocol v1, https://github.com/fluent/fluentd/wiki/Forward-Protocol-Specification-v1. A message is one of
// [tag, time, record, option?], [tag, [[time, record], …], option?] and [tag, packed, option?], where `packed` holds [time, record] one after the
// other, compressed if the option says so. A time is seconds, an extension of type 0 with seconds and nanoseconds in 32 bits each, or either of
// these in a list with metadata. nil alone is a heartbeat.
import type { LogValue } from '../../logs/log-entry.ts'
import { MsgpackFault } from '../../msgpack/frame.ts'
import { MsgpackReader } from '../../msgpack/reader.ts'

/** What a message says before its records are read. */
export interface FluentMessage {
  readonly tag: string
  /** Empty where the sender does not wait for an answer. */
  readonly chunk: string
  readonly compressed: string
  /** What it carries: 0 for logs. */
  readonly signal: number
  /** One record; a list of them; or bytes, packed. */
  readonly mode: 'message' | 'forward' | 'packed'
  /** Where the record, the list, or the bytes lie. */
  readonly start: number
  readonly end: number
}

/** Takes one record. */
export type TakeRecord = (timeMs: number, timeNanos: number, record: LogValue, metadata: LogValue) => void

const CHUNK_CHARACTERS_MAX = 256
const TAG_CHARACTERS_MAX = 1024

const head = new MsgpackReader()
const entries = new MsgpackReader()

/** Reads a whole message up to its records; null for a heartbeat. Throws MsgpackFault. */
export function readHead(bytes: Buffer, start: number, end: number): FluentMessage | null {
  head.open(bytes, start, end)
  if (head.nil()) return null
  const count = head.array()
  if (count < 2) throw new MsgpackFault('a message that is no list of a tag and records')
  const tag = head.text()
  if (tag === undefined || tag.length > TAG_CHARACTERS_MAX) throw new MsgpackFault('a message without a tag')
  const first = head.pos
  const isPacked = head.content()
  let mode: FluentMessage['mode'] = 'packed'
  let recordsStart = head.start
  let recordsEnd = head.stop
  if (!isPacked) {
    mode = isListOfLists() ? 'forward' : 'message'
    head.pos = first
    head.skip()
    if (mode === 'message') {
      if (count < 3) throw new MsgpackFault('a message without a record')
      head.skip()
    }
    recordsStart = first
    recordsEnd = head.pos
  }
  const rest = count - (mode === 'message' ? 3 : 2)
  const option = rest > 0 ? head.value() : null
  const { chunk, compressed, fluent_signal: signal } = isMap(option) ? option : NO_OPTION
  return {
    tag,
    chunk: typeof chunk === 'string' && chunk.length <= CHUNK_CHARACTERS_MAX ? chunk : '',
    compressed: typeof compressed === 'string' ? compressed : '',
    signal: typeof signal === 'number' ? signal : 0,
    mode,
    start: recordsStart,
    end: recordsEnd
  }
}

const NO_OPTION: Readonly<Record<string, LogValue>> = {}

// A list of records, which may be empty, and not a time with its metadata.
function isListOfLists(): boolean {
  const count = head.array()
  return count === 0 || (count > 0 && head.array() >= 0)
}

/** Reads the records of a message out of its bytes, which are those of the packed ones where it is packed. Throws MsgpackFault. */
export function readRecords(mode: FluentMessage['mode'], bytes: Buffer, start: number, end: number, take: TakeRecord): void {
  entries.open(bytes, start, end)
  if (mode === 'message') {
    readRecord(take)
    return
  }
  if (mode === 'packed') {
    while (!entries.isAtEnd) readPair(take)
    return
  }
  for (let left = entries.array(); left > 0; left--) readPair(take)
}

function readPair(take: TakeRecord): void {
  const count = entries.array()
  if (count < 2) throw new MsgpackFault('a record that is no list of a time and a map')
  readRecord(take)
  for (let left = count - 2; left > 0; left--) entries.skip()
}

function readRecord(take: TakeRecord): void {
  let metadata: LogValue = null
  const parts = entries.array()
  readTime()
  if (parts > 1) metadata = entries.value()
  for (let left = parts - 2; left > 0; left--) entries.skip()
  take(timeMs, timeNanos, entries.value(), metadata)
}

let timeMs = 0
let timeNanos = 0

function readTime(): void {
  timeNanos = 0
  if (entries.extension(0)) {
    const time = entries.slice()
    if (time.length !== 8) throw new MsgpackFault('a time that is not eight bytes long')
    const nanos = time.readUInt32BE(4) % 1e9
    timeMs = time.readUInt32BE(0) * 1000 + Math.floor(nanos / 1e6)
    timeNanos = nanos % 1e6
    return
  }
  const value = entries.value()
  if (typeof value !== 'number' && typeof value !== 'bigint') throw new MsgpackFault('a time that is no number')
  const seconds = Number(value)
  timeMs = seconds > 0 && seconds < 1e11 ? Math.floor(seconds * 1000) : 0
}

export function isMap(value: LogValue): value is { readonly [key: string]: LogValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
}
