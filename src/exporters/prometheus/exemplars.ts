import { BYTES, FIXED64, Fields } from '../../otlp/wire.ts'
import { type Attribute, readAttributes } from './attributes.ts'
import { Labels } from './labels.ts'
import type { Point, Shape } from './point.ts'

/** OpenMetrics: names and values of an exemplar's labels, in code points. */
const LABEL_CHARS_MAX = 128
/** Exemplars of one series, at most; a classic histogram has no more than its buckets. */
const EXEMPLARS_MAX = 64
/** An exemplar is kept as it came until somebody looks. What is longer loses its place: ids need 30 bytes. */
const EXEMPLAR_BYTES_MAX = 1024

export interface Exemplar {
  readonly value: number
  readonly timeNs: number
  /** The OTLP message, as latin1: a small buffer that is kept would keep all that shares Node's pool with it. */
  readonly message: string
}

/** The latest exemplar of each bucket of one series, by a number that stands for the bucket. */
export type Exemplars = Map<number, Exemplar>

// The wire: Exemplar { time = 2 fixed64, as_double = 3, span_id = 4, trace_id = 5, as_int = 6 sfixed64, filtered_attributes = 7 }
const fields = new Fields()

/** Keeps what a point brings. Returns the map, made with the first exemplar. */
export function keepExemplars(point: Point, shape: Shape, kept: Exemplars | null): Exemplars | null {
  const { bytes } = point
  let exemplars = kept
  for (let i = 0; i < point.exemplars; i++) {
    const start = point.exemplarStarts[i]
    const end = point.exemplarEnds[i]
    if (end - start > EXEMPLAR_BYTES_MAX) continue
    let value = 0
    let timeNs = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.type !== FIXED64) continue
      if (fields.number === 3) value = bytes.readDoubleLE(fields.start)
      else if (fields.number === 6) value = Number(bytes.readBigInt64LE(fields.start))
      else if (fields.number === 2) timeNs = point.unsigned(fields.start)
    }
    if (Number.isNaN(value)) continue
    exemplars ??= new Map()
    const slot = slotOf(value, point, shape)
    const known = exemplars.get(slot)
    // A cumulative point brings the same exemplar again and again.
    if (known === undefined ? exemplars.size >= EXEMPLARS_MAX : timeNs < known.timeNs || (timeNs === known.timeNs && value === known.value))
      continue
    exemplars.set(slot, { value, timeNs, message: bytes.toString('latin1', start, end) })
  }
  return exemplars
}

function slotOf(value: number, { bounds }: Point, shape: Shape): number {
  if (shape === 'exponential') return value === 0 ? 0 : Math.sign(value) * (Math.ceil(Math.log2(Math.abs(value))) + 2000)
  return shape === 'histogram' ? bucketOf(value, bounds) : 0
}

/** The first bucket whose upper bound is not below the value; the one after the last bound is +Inf. */
export function bucketOf(value: number, bounds: readonly number[]): number {
  let low = 0
  let high = bounds.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (value <= bounds[middle]) high = middle
    else low = middle + 1
  }
  return low
}

/** What follows a sample in OpenMetrics: ` # {trace_id="…",span_id="…"} value time`. Attributes are added while there is room. */
export function exemplarText({ message, value, timeNs }: Exemplar): string {
  const bytes = Buffer.from(message, 'latin1')
  let traceId = ''
  let spanId = ''
  fields.open(bytes, 0, bytes.length)
  while (fields.next()) {
    if (fields.type !== BYTES) continue
    if (fields.number === 5) traceId = bytes.toString('hex', fields.start, fields.end)
    else if (fields.number === 4) spanId = bytes.toString('hex', fields.start, fields.end)
  }
  const labels = new Labels('underscores-with-suffixes').set('trace_id', traceId).set('span_id', spanId)
  let chars = labels.chars
  const fitting: Attribute[] = []
  for (const attribute of readAttributes(bytes, 0, bytes.length, 7)) {
    const added = new Labels('underscores-with-suffixes').addAll([attribute]).chars + 'exported_'.length
    if (chars + added > LABEL_CHARS_MAX) continue
    chars += added
    fitting.push(attribute)
  }
  const time = timeNs === 0 ? '' : ` ${(timeNs / 1e9).toFixed(3)}`
  return ` # {${labels.addAll(fitting).text}} ${sampleNumber(value)}${time}`
}

/** A number as Prometheus reads it. */
export function sampleNumber(value: number): string {
  if (Number.isFinite(value)) return String(value)
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf'
}
