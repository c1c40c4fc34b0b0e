import type { RedactedBatch } from '../../batch.ts'
import { type EnvelopeItem, type JsonObject, writeEnvelope } from '../../sentry/envelope.ts'
import type { Destination } from './destinations.ts'
import { partOf } from './progress.ts'
import type { Category } from './rate-limits.ts'

/** So many items of a category, as Sentry counts them. */
export type Quantity = readonly [category: Category, quantity: number]

/** What goes in one request, and whose records are in it. */
export interface Parcel {
  readonly to: Destination
  readonly url: URL
  readonly contentType: string
  readonly records: readonly number[]
  /** What rate limits and statistics know it as. */
  readonly quantities: readonly Quantity[]
  body(nowMs: number): Uint8Array
  /** The same in smaller parcels; none where it cannot be made smaller. */
  halves(): Parcel[]
  /** Two parcels, one of what may go and one of what may not; none where it is all the same. */
  sort(isLimited: (quantities: readonly Quantity[]) => boolean): Parcel[]
}

/** One item of an envelope. Of a container, each record is one of its items, in the same order. */
export interface Piece {
  readonly item: EnvelopeItem
  readonly records: readonly number[]
  readonly quantities: readonly Quantity[]
}

export class EnvelopeParcel implements Parcel {
  readonly to: Destination
  readonly contentType = 'application/x-sentry-envelope'
  private readonly header: JsonObject
  private readonly pieces: readonly Piece[]
  private readonly clockAheadMs: number

  /**
   * The header without `sent_at`, which is the time of each sending: as it was on the clock that the items were timed by, since Sentry sets their times
   * right by it.
   */
  constructor(to: Destination, header: JsonObject, pieces: readonly Piece[], clockAheadMs = 0) {
    this.to = to
    this.header = header
    this.pieces = pieces
    this.clockAheadMs = clockAheadMs
  }

  get url(): URL {
    return this.to.envelopes
  }

  get records(): number[] {
    return this.pieces.flatMap(({ records }) => records)
  }

  get quantities(): Quantity[] {
    return this.pieces.flatMap(({ quantities }) => quantities)
  }

  body(nowMs: number): Uint8Array {
    return writeEnvelope({
      header: { ...this.header, sent_at: new Date(nowMs + this.clockAheadMs).toISOString() },
      items: this.pieces.map(({ item }) => item)
    })
  }

  halves(): EnvelopeParcel[] {
    const { to, header, pieces, clockAheadMs } = this
    const parts = pieces.length > 1 ? [pieces.slice(0, 1), pieces.slice(1)] : halvesOf(pieces[0]).map((piece) => [piece])
    return parts.map((part) => new EnvelopeParcel(to, header, part, clockAheadMs))
  }

  sort(isLimited: (quantities: readonly Quantity[]) => boolean): EnvelopeParcel[] {
    const { to, header, pieces, clockAheadMs } = this
    if (pieces.length < 2) return []
    const limited = pieces.filter(({ quantities }) => isLimited(quantities))
    if (limited.length === 0 || limited.length === pieces.length) return []
    const free = pieces.filter((piece) => !limited.includes(piece))
    return [free, limited].map((part) => new EnvelopeParcel(to, header, part, clockAheadMs))
  }
}

// A container: { version, items: […] }.
function halvesOf({ item, records, quantities }: Piece): Piece[] {
  if (records.length < 2 || item.header.item_count !== records.length) return []
  const { items, ...rest } = JSON.parse(Buffer.from(item.payload).toString()) as { items: unknown[] }
  const middle = Math.ceil(items.length / 2)
  return [
    [0, middle],
    [middle, items.length]
  ].map(([start, end]): Piece => {
    const payload = Buffer.from(JSON.stringify({ ...rest, items: items.slice(start, end) }))
    const share = quantities.map(([category, quantity]): Quantity => [category, Math.round((quantity * (end - start)) / items.length)])
    return { item: { header: { ...item.header, item_count: end - start }, payload }, records: records.slice(start, end), quantities: share }
  })
}

/** Records that go as the OTLP request that they are. */
export class OtlpParcel implements Parcel {
  readonly to: Destination
  readonly contentType = 'application/x-protobuf'
  readonly records: readonly number[]
  private readonly batch: RedactedBatch
  private readonly change: (bytes: Uint8Array) => Uint8Array

  /** `change`: what is made of the request before it is sent. */
  constructor(to: Destination, batch: RedactedBatch, records: readonly number[], change: (bytes: Uint8Array) => Uint8Array) {
    this.to = to
    this.batch = batch
    this.records = records
    this.change = change
  }

  get url(): URL {
    return this.batch.signal === 'traces' ? this.to.otlpTraces : this.to.otlpLogs
  }

  get quantities(): Quantity[] {
    return [[this.batch.signal === 'traces' ? 'span' : 'log_item', this.records.length]]
  }

  body(): Uint8Array {
    return this.change(partOf(this.batch, this.records).bytes)
  }

  halves(): OtlpParcel[] {
    const { to, batch, records, change } = this
    if (records.length < 2) return []
    const middle = Math.ceil(records.length / 2)
    return [records.slice(0, middle), records.slice(middle)].map((part) => new OtlpParcel(to, batch, part, change))
  }

  sort(): OtlpParcel[] {
    return []
  }
}
