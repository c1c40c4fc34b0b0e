import { GAMMA } from '../../datadog/statistics.ts'
import { lengthDelimited, varintSize, writeVarint } from '../../otlp/wire.ts'

/** Durations as they were counted: `counts[i]` in the bin `offset + i`, and those of 0. */
export interface Bins {
  readonly offset: number
  readonly counts: readonly number[]
  readonly zeros: number
}

export const NO_BINS: Bins = { offset: 0, counts: [], zeros: 0 }

/** All of both. */
export function sumOf(a: Bins, b: Bins): Bins {
  const zeros = a.zeros + b.zeros
  if (b.counts.length === 0) return { ...a, zeros }
  if (a.counts.length === 0) return { ...b, zeros }
  const offset = Math.min(a.offset, b.offset)
  const counts = new Array<number>(Math.max(a.offset + a.counts.length, b.offset + b.counts.length) - offset).fill(0)
  for (const each of [a, b]) for (let i = 0; i < each.counts.length; i++) counts[each.offset - offset + i] += each.counts[i]
  return { offset, counts, zeros }
}

// The wire: DDSketch { mapping = 1, positive_values = 2, negative_values = 3, double zero_count = 4 },
// IndexMapping { double gamma = 1, double index_offset = 2, interpolation = 3 }, whose zeros go without saying,
// Store { packed double contiguous_bin_counts = 2, sint32 contiguous_bin_index_offset = 3 }
const DOUBLE_1 = (1 << 3) | 1
const DOUBLE_4 = (4 << 3) | 1
const SINT_3 = 3 << 3
const MAPPING = lengthDelimited(1, double(DOUBLE_1, GAMMA))
const NO_VALUES = lengthDelimited(3, Buffer.alloc(0))

/** The sketch that Datadog reads. */
export function sketchOf({ offset, counts, zeros }: Bins): Buffer {
  const packed = Buffer.allocUnsafe(8 * counts.length)
  for (let i = 0; i < counts.length; i++) packed.writeDoubleLE(counts[i], 8 * i)
  const store = Buffer.concat([lengthDelimited(2, packed), zigzag(SINT_3, offset)])
  return Buffer.concat([MAPPING, lengthDelimited(2, store), NO_VALUES, ...(zeros === 0 ? [] : [double(DOUBLE_4, zeros)])])
}

function double(tag: number, value: number): Buffer {
  const out = Buffer.allocUnsafe(9)
  out[0] = tag
  out.writeDoubleLE(value, 1)
  return out
}

function zigzag(tag: number, value: number): Buffer {
  const folded = value < 0 ? -2 * value - 1 : 2 * value
  const out = Buffer.allocUnsafe(1 + varintSize(folded))
  out[0] = tag
  writeVarint(out, 1, folded)
  return out
}
