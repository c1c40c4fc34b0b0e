// One slot: trace id (16 bytes), span id (8), end time as it stands in the span (8, little-endian nanoseconds).
const SLOT_BYTES = 32

export interface Exemplar {
  readonly traceId: string
  readonly spanId: string
  readonly timeUnixNano: bigint
  readonly seconds: number
}

/** The latest kept span of each slot. */
export class Exemplars {
  private readonly ids: Buffer
  private readonly seconds: Float64Array

  constructor(slots: number) {
    this.ids = Buffer.alloc(slots * SLOT_BYTES)
    this.seconds = new Float64Array(slots).fill(Number.NaN)
  }

  /** Offsets are into `bytes`: 16 bytes of trace id, 8 of span id, 8 of time. */
  set(slot: number, seconds: number, bytes: Uint8Array, traceId: number, spanId: number, time: number): void {
    const at = slot * SLOT_BYTES
    for (let i = 0; i < 16; i++) this.ids[at + i] = bytes[traceId + i]
    for (let i = 0; i < 8; i++) this.ids[at + 16 + i] = bytes[spanId + i]
    for (let i = 0; i < 8; i++) this.ids[at + 24 + i] = bytes[time + i]
    this.seconds[slot] = seconds
  }

  list(): Exemplar[] {
    const found: Exemplar[] = []
    for (let slot = 0; slot < this.seconds.length; slot++) {
      if (Number.isNaN(this.seconds[slot])) continue
      const at = slot * SLOT_BYTES
      found.push({
        traceId: this.ids.toString('hex', at, at + 16),
        spanId: this.ids.toString('hex', at + 16, at + 24),
        timeUnixNano: this.ids.readBigUInt64LE(at + 24),
        seconds: this.seconds[slot]
      })
    }
    return found
  }
}
