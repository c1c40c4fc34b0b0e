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

const OPENING = '{"version":2,"items":['
const CLOSING = ']}'

/** Collects the JSON of the items of containers, and closes each when it is full. */
export class Containers {
  private readonly type: string
  private readonly contentType: string
  private readonly itemsMax: number
  private readonly bytesMax: number
  private texts: string[] = []
  private records: object[] = []
  private bytes = 0

  constructor(type: 'span' | 'log', itemsMax: number, bytesMax: number) {
    this.type = type
    this.contentType = `application/vnd.sentry.items.${type}${type === 'span' ? '.v2' : ''}+json`
    this.itemsMax = itemsMax
    this.bytesMax = bytesMax
  }

  /** Returns the container that had no room for it, if any. */
  add(text: string, record: object): Container | null {
    // A character is three bytes at most; most are one, so what might be too much is measured.
    const bytes = text.length * 3 > this.bytesMax / this.itemsMax ? Buffer.byteLength(text) : text.length * 3
    const isFull = this.texts.length === this.itemsMax || (this.texts.length > 0 && this.bytes + bytes > this.bytesMax)
    const full = isFull ? this.close() : null
    this.texts.push(text)
    this.records.push(record)
    this.bytes += bytes + 1
    return full
  }

  /** What has been added since, or null where that is nothing. */
  close(): Container | null {
    const { texts, records, type } = this
    if (texts.length === 0) return null
    this.texts = []
    this.records = []
    this.bytes = 0
    const payload = Buffer.from(OPENING + texts.join(',') + CLOSING)
    return { item: { header: { type, item_count: texts.length, content_type: this.contentType }, payload }, records }
  }
}
