import protobuf from 'protobufjs'
import { DEPTH_MAX } from '../../src/otlp/check.ts'
import { type OtlpSignal, SHAPES } from '../../src/otlp/signal.ts'
import { judge } from './proto.ts'
import type { Tape } from './tape.ts'

/** Any valid request of a signal, as strange as the wire format allows: fields in any order and repeated, padded varints, unknown fields. */
export function wireRequest(signal: OtlpSignal, tape: Tape): Buffer {
  return message(judge(SHAPES[signal].request), tape, 0)
}

// The way down to the records, which a fair choice among fields would rarely take.
const TRUNK = new Set(['resourceSpans', 'resourceMetrics', 'resourceLogs', 'resourceProfiles', 'scopeSpans', 'scopeMetrics', 'scopeLogs'])
for (const name of ['scopeProfiles', 'spans', 'metrics', 'logRecords', 'profiles', 'dataPoints']) TRUNK.add(name)

function message(type: protobuf.Type, tape: Tape, depth: number): Buffer {
  if (depth >= DEPTH_MAX) return Buffer.alloc(0)
  const parts: Buffer[] = []
  let fields = type.fieldsArray
  const trunk = fields.find(({ name }) => TRUNK.has(name))
  // An empty message has its place, but more of them would leave little to look at.
  if (trunk !== undefined && !tape.oneIn(8)) parts.push(knownField(trunk, tape, depth))
  for (let count = tape.below(trunk === undefined ? 7 : 4); count > 0; count--) {
    if (tape.oneIn(12) || fields.length === 0) parts.push(unknownField(tape))
    else {
      const field = (tape.oneIn(2) ? trunk : undefined) ?? tape.pick(fields)
      parts.push(knownField(field, tape, depth))
      // Points of another kind would count on the wire and vanish in the decoder.
      if (type.name === 'Metric' && field.partOf !== null) fields = fields.filter(({ partOf }) => partOf === null).concat(field)
    }
  }
  return Buffer.concat(parts)
}

function knownField(field: protobuf.Field, tape: Tape, depth: number): Buffer {
  const { resolvedType } = field.resolve()
  if (resolvedType instanceof protobuf.Type) {
    const content = resolvedType.name === 'AnyValue' && tape.oneIn(40) ? tower(tape, depth + 1) : message(resolvedType, tape, depth + 1)
    return delimited(field.id, content, tape)
  }
  const type = resolvedType instanceof protobuf.Enum ? 'int32' : field.type
  if (type === 'string') return delimited(field.id, Buffer.from(text(tape)), tape)
  if (type === 'bytes') return delimited(field.id, content(field.name, tape), tape)
  if (field.repeated && !tape.oneIn(3)) {
    return delimited(field.id, Buffer.concat(Array.from({ length: tape.below(6) }, () => scalar(type, tape))), tape)
  }
  return Buffer.concat([tag(field.id, WIRE_TYPES[type] ?? 0, tape), scalar(type, tape)])
}

const WIRE_TYPES: Record<string, number> = { fixed64: 1, sfixed64: 1, double: 1, fixed32: 5 }

function scalar(type: string, tape: Tape): Buffer {
  const wireType = WIRE_TYPES[type] ?? 0
  if (type === 'double' && tape.oneIn(2)) {
    const out = Buffer.alloc(8)
    out.writeDoubleLE(tape.pick(DOUBLES))
    return out
  }
  if (wireType !== 0) {
    const out = fixed(integer(tape), wireType === 1 ? 8 : 4)
    // JSON has one NaN, so there is one here.
    if (type === 'double' && Number.isNaN(out.readDoubleLE())) out.writeDoubleLE(Number.NaN)
    return out
  }
  const value = integer(tape)
  if (type === 'bool') return varint(value & 1n, tape)
  // 32-bit kinds come as the 64 bits of a negative number, or as 32 bits; more would mean different things to different decoders.
  if (type === 'int32') return varint(BigInt.asUintN(64, BigInt.asIntN(32, value)), tape)
  return varint(type.endsWith('32') ? BigInt.asUintN(32, value) : value, tape)
}

const DOUBLES = [0, -0, 1, 0.1, -1.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 5e-324, Number.MAX_VALUE, 2 ** 53]

function integer(tape: Tape): bigint {
  const size = tape.pick([0, 1, 2, 4, 5, 8])
  let value = 0n
  for (const byte of tape.take(size)) value = (value << 8n) | BigInt(byte)
  return tape.oneIn(8) ? BigInt.asUintN(64, -value) : value
}

/** A text of any kind of character and, now and then, of a length whose varint has more bytes. */
export function text(tape: Tape): string {
  const words = ['', 'a', 'GET /', 'service.name', 'ä€', '😀', '\0', '"\\\n\u2028\ufeff', 'x'.repeat(40), 'yz'.repeat(70)]
  const word = tape.pick(words) + (tape.oneIn(3) ? tape.pick(words) : '')
  return tape.oneIn(100) ? word.repeat(120) : word
}

function content(name: string, tape: Tape): Buffer {
  if (name === 'traceId') return tape.take(tape.oneIn(6) ? 0 : 16)
  if (name.endsWith('panId')) return tape.take(tape.oneIn(6) ? 0 : 8)
  return tape.take(tape.below(10))
}

// Values in values, down to the depth that is allowed.
function tower(tape: Tape, depth: number): Buffer {
  return nested(DEPTH_MAX - depth - (tape.oneIn(2) ? 0 : tape.below(DEPTH_MAX)), tape).content
}

// An AnyValue with at most `levels` messages inside of each other. ArrayValue { values = 1 } and KeyValueList { KeyValue { value = 2 } } in turns.
function nested(levels: number, tape: Tape): { content: Buffer; depth: number } {
  let content: Buffer = Buffer.alloc(0)
  let depth = 0
  while (levels - depth >= 2) {
    if (tape.oneIn(2) && levels - depth >= 3) {
      content = delimited(6, delimited(1, delimited(2, content, tape), tape), tape)
      depth += 3
    } else {
      content = delimited(5, delimited(1, content, tape), tape)
      depth += 2
    }
  }
  return { content, depth }
}

/** A request of one log record around the allowed depth, and how deep it is. */
export function deepLog(tape: Tape): [Buffer, number] {
  const { content, depth } = nested(DEPTH_MAX - 12 + tape.below(16), tape)
  const entry = [5, 2, 2].reduce((inner, number) => delimited(number, inner, tape), content)
  return [delimited(1, entry, tape), depth + 4]
}

// Of a number that OTLP does not use in any message.
function unknownField(tape: Tape): Buffer {
  const number = tape.pick([17, 31, 32, 99, 1000, 2047, 2048, 18_999, 2 ** 29 - 1])
  const wireType = tape.pick([0, 1, 2, 5])
  if (wireType === 2) return delimited(number, tape.take(tape.below(20)), tape)
  const value = integer(tape)
  return Buffer.concat([tag(number, wireType, tape), wireType === 0 ? varint(value, tape) : fixed(value, wireType === 1 ? 8 : 4)])
}

function delimited(number: number, content: Uint8Array, tape: Tape): Buffer {
  return Buffer.concat([tag(number, 2, tape), varint(BigInt(content.length), tape, 5), content])
}

const tag = (number: number, wireType: number, tape: Tape): Buffer => varint(BigInt(number * 8 + wireType), tape, 5)

function fixed(value: bigint, size: number): Buffer {
  const out = Buffer.alloc(8)
  out.writeBigUInt64LE(value)
  return out.subarray(0, size)
}

// Now and then longer than it need be, which every decoder has to take: up to five bytes for tags and lengths, ten for values.
function varint(value: bigint, tape: Tape, sizeMax = 10): Buffer {
  const bytes: number[] = []
  do {
    bytes.push(Number(value & 127n) | 128)
    value >>= 7n
  } while (value > 0n)
  if (tape.oneIn(30)) while (bytes.length < sizeMax) bytes.push(128)
  bytes[bytes.length - 1] &= 127
  return Buffer.from(bytes)
}
