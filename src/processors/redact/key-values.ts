// What the values of OTLP say to each other: names beside values in maps, options before values in lists, and how a value reads as text.
import { BYTES, FIXED64, Fields, VARINT } from '../../otlp/wire.ts'
import { CLASS, IDENTIFIER, latin1 } from './bytes.ts'
import type { Engine } from './engine.ts'
import type { KeyKind } from './key-words.ts'

const NAMES = new Set(['name', 'key', 'header', 'field', 'param', 'variable'])
const VALUES = new Set(['value', 'val', 'v'])
const NAME_BYTES_MAX = 8
const OPTION_BYTES_MAX = 64
// AnyValue { string_value = 1 }
const STRING_TAG = 0x0a
const DASH = 45

const outer = new Fields()
const inner = new Fields()

/** True for the key that stands beside a name: {name: KEY, value: v}. */
export function isValueKey(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start <= NAME_BYTES_MAX && VALUES.has(latin1(bytes, start, end).toLowerCase())
}

/** {name: KEY, value: v} as a KeyValueList in [start, end): what KEY says of the value beside it, or null. */
export function kindOfPair(bytes: Uint8Array, start: number, end: number, engine: Engine): KeyKind | null {
  outer.open(bytes, start, end)
  while (outer.next()) {
    if (outer.number !== 1 || outer.type !== BYTES) continue
    let isName = false
    inner.open(bytes, outer.start, outer.end)
    while (inner.next()) {
      if (inner.type !== BYTES) continue
      if (inner.number === 1)
        isName = inner.end - inner.start <= NAME_BYTES_MAX && NAMES.has(latin1(bytes, inner.start, inner.end).toLowerCase())
      else if (inner.number === 2 && isName && bytes[inner.start] === STRING_TAG) {
        const from = textStart(bytes, inner.start)
        const kind = engine.judgeKey(bytes, Math.min(from, inner.end), inner.end)
        if (kind !== null) return kind
      }
    }
  }
  return null
}

/** True for an AnyValue in [start, end) that is an option of a command line. */
export function isOption(bytes: Uint8Array, start: number, end: number): boolean {
  return end - start > 2 && bytes[start] === STRING_TAG && bytes[textStart(bytes, start)] === DASH
}

/** ["--password", "v"]: what an AnyValue in [start, end) that is an option says of the one behind it, or null. */
export function kindOfOption(bytes: Uint8Array, start: number, end: number, engine: Engine): KeyKind | null {
  if (end - start > OPTION_BYTES_MAX || !isOption(bytes, start, end)) return null
  let from = textStart(bytes, start)
  while (from < end && bytes[from] === DASH) from++
  // A marker is no option either, though it may be shorter than what it stands for.
  for (let at = from; at < end; at++) if ((CLASS[bytes[at]] & IDENTIFIER) === 0 && bytes[at] < 128) return null
  return engine.judgeKey(bytes, from, end)
}

// Behind tag and length.
function textStart(bytes: Uint8Array, start: number): number {
  let at = start + 1
  while (bytes[at] > 127) at++
  return at + 1
}

/** The AnyValue in [start, end) as the bytes that it would be in a text; lists and maps of more than one element as they are. */
export function plainValue(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const fields = new Fields().open(bytes, start, end)
  if (!fields.next()) return bytes.subarray(start, end)
  const { number, type, start: from, end: to } = fields
  if (fields.next()) return bytes.subarray(start, end)
  if (type === BYTES && (number === 1 || number === 7)) return bytes.subarray(from, to)
  if (type === VARINT && number === 3) return Buffer.from(signed(fields.high, fields.low).toString())
  if (type === FIXED64 && number === 4) return Buffer.from(String(Buffer.from(bytes.subarray(from, to)).readDoubleLE()))
  if (type !== BYTES || number !== 5) return bytes.subarray(start, end)
  fields.open(bytes, from, to)
  if (!fields.next() || fields.end !== to || fields.number !== 1 || fields.type !== BYTES) return bytes.subarray(start, end)
  return plainValue(bytes, fields.start, fields.end)
}

function signed(high: number, low: number): bigint {
  return BigInt.asIntN(64, (BigInt(high) << 32n) | BigInt(low))
}
