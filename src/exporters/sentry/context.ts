import type { EnvelopeItem, JsonObject } from '../../sentry/envelope.ts'
import type { TraceHeaders } from './dsc.ts'
import type { Trimmed } from './limits.ts'
import type { Settings } from './settings.ts'

/** What a builder works with: all of it of one DSN. */
export interface Build {
  readonly settings: Settings
  readonly headers: TraceHeaders
  readonly trimmed: Trimmed
  /** When the batch was received: the time of what has none. */
  readonly receivedAtMs: number
}

/** Items that go in one envelope. */
export interface Built {
  /** Of the envelope's header; undefined where its items are of no single trace. */
  readonly trace: JsonObject | undefined
  /** Of the envelope's header, with events and transactions. */
  readonly eventId: string | undefined
  /** More of the envelope's header, where it came with one: it wins over ours. */
  readonly header?: JsonObject | undefined
  /** How far the clock was ahead that its times are of. */
  readonly clockAheadMs?: number
  readonly items: readonly EnvelopeItem[]
  /** The spans or log records that are in it, as they were given to the builder; of a container, in the order of its items. */
  readonly records: readonly object[]
}

/** What became of a batch. */
export interface Payloads {
  readonly built: readonly Built[]
  /** Records that Sentry cannot take, by the reason. */
  readonly rejected: ReadonlyMap<string, readonly object[]>
}

/** A container that is closed, and what is in it. */
export interface Container {
  readonly item: EnvelopeItem
  readonly records: readonly object[]
}

const OPENING = Buffer.from('{"version":2,"items":[')
const CLOSING = ']}'
const COMMA = 0x2c
const SCRATCH_BYTES_MIN = 64 * 1024
const SCRATCH_BYTES_MAX = 1024 * 1024
/** A character is three bytes of UTF-8 at most; a comma follows. */
const BYTES_PER_CHARACTER_MAX = 3

// What containers are written into; kept from batch to batch, since fresh memory costs more than writing it.
let scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)

/** Collects the JSON of the items of containers, and closes each when it is full. One at a time: all write in the same place. */
export class Containers {
  private readonly type: string
  private readonly contentType: string
  private readonly itemsMax: number
  private readonly bytesMax: number
  private end = 0
  private records: object[] = []

  constructor(type: 'span' | 'log', itemsMax: number, bytesMax: number) {
    this.type = type
    this.contentType = `application/vnd.sentry.items.${type}${type === 'span' ? '.v2' : ''}+json`
    this.itemsMax = itemsMax
    this.bytesMax = bytesMax
    this.begin()
  }

  /** Returns the container that had no room for it, if any. */
  add(text: string, record: object): Container | null {
    let full = this.records.length === this.itemsMax ? this.close() : null
    this.reserve(text.length * BYTES_PER_CHARACTER_MAX + 1)
    const start = this.end
    this.end += scratch.write(text, start)
    if (this.end > this.bytesMax && this.records.length > 0) {
      const last = Buffer.from(scratch.subarray(start, this.end))
      this.end = start
      full = this.close()
      this.reserve(last.length + 1)
      this.end += last.copy(scratch, this.end)
    }
    scratch[this.end++] = COMMA
    this.records.push(record)
    return full
  }

  /** What has been added since, or null where that is nothing. */
  close(): Container | null {
    const { records, type } = this
    if (records.length === 0) return null
    // In place of the last comma.
    this.end--
    this.reserve(CLOSING.length)
    this.end += scratch.write(CLOSING, this.end)
    const payload = Buffer.from(scratch.subarray(0, this.end))
    if (scratch.length > SCRATCH_BYTES_MAX) scratch = Buffer.allocUnsafeSlow(SCRATCH_BYTES_MIN)
    this.begin()
    return { item: { header: { type, item_count: records.length, content_type: this.contentType }, payload }, records }
  }

  private begin(): void {
    this.records = []
    this.end = OPENING.copy(scratch)
  }

  private reserve(bytes: number): void {
    if (this.end + bytes <= scratch.length) return
    const old = scratch
    scratch = Buffer.allocUnsafeSlow(Math.max(old.length * 2, this.end + bytes))
    old.copy(scratch, 0, 0, this.end)
  }
}
