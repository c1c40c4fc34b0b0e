import { BYTES, FIXED64, Fields, VARINT } from '../../otlp/wire.ts'

/** What kind of data point a metric holds. */
export type Shape = 'number' | 'histogram' | 'exponential' | 'summary'

/** Buckets of one histogram point, or quantiles of one summary, at most. SDKs stop at 160. */
export const BUCKETS_MAX = 512

const NO_RECORDED_VALUE = 1
const NOTHING: Buffer = Buffer.from(new ArrayBuffer(0))

/**
 * Reads data points in place, one after the other; what it holds is gone with the next `read`. Bounds and counts beyond BUCKETS_MAX are not
 * kept, only their number is.
 */
export class Point {
  bytes: Buffer = NOTHING
  /** The attributes as they stand on the wire: the name of a series among those of its metric. */
  key = ''
  /** 0 when the sender did not say. Nanoseconds, to the nearest that a number can hold. */
  startNs = 0
  timeNs = 0
  absent = false
  value = 0
  count = 0
  /** NaN when the sender did not say. */
  sum = 0
  readonly counts: number[] = []
  readonly bounds: number[] = []
  scale = 0
  zeroCount = 0
  readonly positive = new Buckets()
  readonly negative = new Buckets()
  readonly quantiles: number[] = []
  readonly quantileValues: number[] = []
  exemplars = 0
  readonly exemplarStarts: number[] = []
  readonly exemplarEnds: number[] = []
  tooLarge = false
  private view = new DataView(NOTHING.buffer)
  private readonly fields = new Fields()
  private readonly inner = new Fields()

  open(bytes: Buffer): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  read(shape: Shape, start: number, end: number): void {
    this.startNs = 0
    this.timeNs = 0
    this.absent = false
    this.exemplars = 0
    this.tooLarge = false
    if (shape === 'number') this.readNumber(start, end)
    else if (shape === 'histogram') this.readHistogram(start, end)
    else if (shape === 'exponential') this.readExponential(start, end)
    else this.readSummary(start, end)
  }

  // The wire: NumberDataPoint { start = 2 fixed64, time = 3 fixed64, as_double = 4, exemplars = 5, as_int = 6 sfixed64, attributes = 7, flags = 8 }
  private readNumber(start: number, end: number): void {
    const fields = this.fields.open(this.bytes, start, end)
    this.openKey()
    this.value = 0
    while (fields.next()) {
      const { number } = fields
      if (fields.type === BYTES) {
        if (number === 7) this.addToKey(fields)
        else if (number === 5) this.addExemplar(fields)
      } else if (fields.type === FIXED64) {
        if (number === 3) this.timeNs = this.unsigned(fields.start)
        else if (number === 2) this.startNs = this.unsigned(fields.start)
        else if (number === 4) this.value = this.view.getFloat64(fields.start, true)
        else if (number === 6) this.value = this.signed(fields.start)
      } else if (number === 8 && fields.type === VARINT) this.setFlags(fields.low)
    }
    this.closeKey()
  }

  // The wire: HistogramDataPoint { start = 2, time = 3, count = 4 fixed64, sum = 5 double, bucket_counts = 6 fixed64 packed,
  // explicit_bounds = 7 double packed, exemplars = 8, attributes = 9, flags = 10, min = 11, max = 12 }
  private readHistogram(start: number, end: number): void {
    const fields = this.fields.open(this.bytes, start, end)
    this.openKey()
    this.count = 0
    this.sum = Number.NaN
    this.counts.length = 0
    this.bounds.length = 0
    while (fields.next()) {
      const { number } = fields
      if (fields.type === BYTES) {
        if (number === 9) this.addToKey(fields)
        else if (number === 6) this.addFixed(this.counts, fields.start, fields.end, false)
        else if (number === 7) this.addFixed(this.bounds, fields.start, fields.end, true)
        else if (number === 8) this.addExemplar(fields)
      } else if (fields.type === FIXED64) {
        if (number === 6) this.addFixed(this.counts, fields.start, fields.end, false)
        else if (number === 7) this.addFixed(this.bounds, fields.start, fields.end, true)
        else this.setCommon(number, fields.start)
      } else if (number === 10 && fields.type === VARINT) this.setFlags(fields.low)
    }
    this.closeKey()
  }

  // The wire: ExponentialHistogramDataPoint { attributes = 1, start = 2, time = 3, count = 4 fixed64, sum = 5 double, scale = 6 sint32,
  // zero_count = 7 fixed64, positive = 8, negative = 9, flags = 10, exemplars = 11, min = 12, max = 13, zero_threshold = 14 }
  private readExponential(start: number, end: number): void {
    const fields = this.fields.open(this.bytes, start, end)
    this.openKey()
    this.count = 0
    this.sum = Number.NaN
    this.scale = 0
    this.zeroCount = 0
    this.positive.clear()
    this.negative.clear()
    while (fields.next()) {
      const { number } = fields
      if (fields.type === BYTES) {
        if (number === 1) this.addToKey(fields)
        else if (number === 8) this.readBuckets(this.positive, fields.start, fields.end)
        else if (number === 9) this.readBuckets(this.negative, fields.start, fields.end)
        else if (number === 11) this.addExemplar(fields)
      } else if (fields.type === FIXED64) {
        if (number === 7) this.zeroCount = this.unsigned(fields.start)
        else this.setCommon(number, fields.start)
      } else if (fields.type === VARINT) {
        if (number === 6) this.scale = zigzag(fields.low)
        else if (number === 10) this.setFlags(fields.low)
      }
    }
    this.closeKey()
  }

  // The wire: SummaryDataPoint { start = 2, time = 3, count = 4 fixed64, sum = 5 double, quantile_values = 6, attributes = 7, flags = 8 }
  private readSummary(start: number, end: number): void {
    const fields = this.fields.open(this.bytes, start, end)
    this.openKey()
    this.count = 0
    this.sum = 0
    this.quantiles.length = 0
    this.quantileValues.length = 0
    while (fields.next()) {
      const { number } = fields
      if (fields.type === BYTES) {
        if (number === 7) this.addToKey(fields)
        else if (number === 6) this.readQuantile(fields.start, fields.end)
      } else if (fields.type === FIXED64) this.setCommon(number, fields.start)
      else if (number === 8 && fields.type === VARINT) this.setFlags(fields.low)
    }
    this.closeKey()
  }

  // The wire: Buckets { offset = 1 sint32, bucket_counts = 2 uint64 packed }
  private readBuckets(into: Buckets, start: number, end: number): void {
    const fields = this.inner.open(this.bytes, start, end)
    while (fields.next()) {
      if (fields.number === 1 && fields.type === VARINT) into.offset = zigzag(fields.low)
      else if (fields.number === 2 && fields.type === VARINT) this.addCount(into.counts, fields.uint())
      else if (fields.number === 2 && fields.type === BYTES) this.addVarints(into.counts, fields.start, fields.end)
    }
  }

  // The wire: QuantileValue { quantile = 1 double, value = 2 double }
  private readQuantile(start: number, end: number): void {
    const fields = this.inner.open(this.bytes, start, end)
    let quantile = 0
    let value = 0
    while (fields.next()) {
      if (fields.type !== FIXED64) continue
      if (fields.number === 1) quantile = this.view.getFloat64(fields.start, true)
      else if (fields.number === 2) value = this.view.getFloat64(fields.start, true)
    }
    this.addCount(this.quantiles, quantile)
    this.addCount(this.quantileValues, value)
  }

  private setCommon(number: number, at: number): void {
    if (number === 3) this.timeNs = this.unsigned(at)
    else if (number === 2) this.startNs = this.unsigned(at)
    else if (number === 4) this.count = this.unsigned(at)
    else if (number === 5) this.sum = this.view.getFloat64(at, true)
  }

  private setFlags(flags: number): void {
    this.absent = (flags & NO_RECORDED_VALUE) !== 0
  }

  private addExemplar(fields: Fields): void {
    this.exemplarStarts[this.exemplars] = fields.start
    this.exemplarEnds[this.exemplars++] = fields.end
    // So that one large request does not leave large arrays behind.
    if (this.exemplars > BUCKETS_MAX) this.exemplars = BUCKETS_MAX
  }

  private addCount(into: number[], value: number): void {
    if (into.length < BUCKETS_MAX) into.push(value)
    else this.tooLarge = true
  }

  private addFixed(into: number[], start: number, end: number, float: boolean): void {
    for (let at = start; at < end; at += 8) this.addCount(into, float ? this.view.getFloat64(at, true) : this.unsigned(at))
  }

  private addVarints(into: number[], start: number, end: number): void {
    const { bytes } = this
    let value = 0
    let factor = 1
    for (let at = start; at < end; at++) {
      const byte = bytes[at]
      value += (byte & 127) * factor
      factor *= 128
      if (byte > 127) continue
      this.addCount(into, value)
      value = 0
      factor = 1
    }
  }

  unsigned(at: number): number {
    return this.view.getUint32(at + 4, true) * 0x1_0000_0000 + this.view.getUint32(at, true)
  }

  private signed(at: number): number {
    return this.view.getInt32(at + 4, true) * 0x1_0000_0000 + this.view.getUint32(at, true)
  }

  // Attributes stand side by side in what SDKs write. Where they do not, the pieces are laid together.
  private keyStart = -1
  private keyEnd = -1
  private keyBefore = ''

  private openKey(): void {
    this.keyStart = -1
    this.keyEnd = -1
    this.keyBefore = ''
  }

  private addToKey(fields: Fields): void {
    if (this.keyEnd !== fields.tagStart) {
      if (this.keyStart >= 0) this.keyBefore += this.bytes.toString('latin1', this.keyStart, this.keyEnd)
      this.keyStart = fields.tagStart
    }
    this.keyEnd = fields.end
  }

  private closeKey(): void {
    this.key = this.keyStart < 0 ? '' : this.keyBefore + this.bytes.toString('latin1', this.keyStart, this.keyEnd)
  }
}

/** One side of an exponential histogram: `counts[i]` values lie in (base^(offset+i), base^(offset+i+1)]. */
export class Buckets {
  offset = 0
  readonly counts: number[] = []

  clear(): void {
    this.offset = 0
    this.counts.length = 0
  }
}

const zigzag = (low: number): number => (low >>> 1) ^ -(low & 1)
