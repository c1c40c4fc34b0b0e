import type { Draft, Objects } from './objects.ts'
import { type Field, MESSAGES, type MessageName, type Scalar, WIRE_TYPE } from './schema.ts'
import { BYTES, varintSize, writeVarint } from './wire.ts'

/**
 * Turns an object into the bytes of a message. 64-bit integers may be numbers or bigints, ids are hex; what is undefined, and the zero of a field
 * that does not tell zero from nothing, go unwritten; half surrogates become U+FFFD. Throws RangeError when a number does not fit its field, or
 * an id has another length: a fault of ours, because objects come from our own code.
 */
export function encode<N extends MessageName>(message: N, object: Draft<Objects[N]>): Buffer {
  start = out.length
  if (object instanceof Uint8Array) return Buffer.from(object)
  writeMessage(encoderOf(message), object as Values)
  const bytes = Buffer.from(out.subarray(start))
  if (out.length > SCRATCH_BYTES_MAX) allocate(SCRATCH_BYTES_MIN)
  return bytes
}

type Values = Readonly<Record<string, unknown>>

interface FieldEncoder {
  readonly name: string
  readonly tag: number
  readonly kind: Scalar | 'message'
  readonly inner: readonly FieldEncoder[]
  readonly repeated: boolean
  /** Repeated numbers stand side by side in one length-delimited field. */
  readonly packed: boolean
  readonly presence: boolean
  /** The message holds one field at most: when this one is there, the others are not. */
  readonly alone: boolean
  /** What an integer may be: from `lowest`, and below `beyond`. */
  readonly lowest: number
  readonly beyond: number
}

const encoders = new Map<MessageName, FieldEncoder[]>()

function encoderOf(name: MessageName): FieldEncoder[] {
  const known = encoders.get(name)
  if (known !== undefined) return known
  const fields: FieldEncoder[] = []
  encoders.set(name, fields)
  const all = Object.entries(MESSAGES[name])
  const alone = all.length > 1 && all.every(([, { oneof }]) => oneof !== undefined)
  for (const [key, field] of all) fields.push(fieldEncoder(key, field, alone))
  // Last number first, because the bytes are written from the back; where there is only one, the first is the likeliest.
  fields.sort((a, b) => (alone ? a.tag - b.tag : b.tag - a.tag))
  return fields
}

function fieldEncoder(name: string, { number, scalar, message, repeated, optional }: Field, alone: boolean): FieldEncoder {
  const packed = repeated && scalar !== undefined && WIRE_TYPE[scalar] !== BYTES
  return {
    name,
    tag: (number << 3) | (scalar === undefined || packed ? BYTES : WIRE_TYPE[scalar]),
    kind: scalar ?? 'message',
    inner: message === undefined ? [] : encoderOf(message),
    repeated,
    packed,
    presence: optional === true || repeated,
    alone,
    lowest: scalar === undefined ? 0 : (LOWEST[scalar] ?? 0),
    beyond: scalar === undefined ? 0 : (BEYOND[scalar] ?? 2 ** 32)
  }
}

const LOWEST: Partial<Record<Scalar, number>> = {
  int64: -(2 ** 63),
  sfixed64: -(2 ** 63),
  int32: -(2 ** 31),
  sint32: -(2 ** 31),
  enum: -(2 ** 31)
}
const BEYOND: Partial<Record<Scalar, number>> = {
  uint64: 2 ** 64,
  fixed64: 2 ** 64,
  int64: 2 ** 63,
  sfixed64: 2 ** 63,
  int32: 2 ** 31,
  sint32: 2 ** 31,
  enum: 2 ** 31
}

const SCRATCH_BYTES_MIN = 64 * 1024
const SCRATCH_BYTES_MAX = 1024 * 1024

// Written from the back: when a message's length is due, its content stands, so nothing is measured first and nothing moves after. `start` is
// where the bytes so far begin. Kept from call to call.
let out = Buffer.alloc(0)
let view = new DataView(out.buffer)
let start = 0
allocate(SCRATCH_BYTES_MIN)

function allocate(size: number): void {
  out = Buffer.allocUnsafeSlow(size)
  view = new DataView(out.buffer)
}

function reserve(size: number): void {
  if (start >= size) return
  const old = out
  const used = old.length - start
  allocate(Math.max(old.length * 2, used + size))
  old.copy(out, out.length - used, start)
  start = out.length - used
}

function writeMessage(fields: readonly FieldEncoder[], values: Values): void {
  // Fields come last number first, because the bytes do.
  for (const field of fields) {
    const value = values[field.name]
    if (value === undefined || value === null) continue
    if (!field.repeated) {
      writeField(field, value, field.presence)
      if (field.alone) return
      continue
    }
    const list = value as readonly unknown[]
    if (!field.packed) for (let i = list.length - 1; i >= 0; i--) writeField(field, list[i], true)
    else if (list.length > 0) {
      const end = out.length - start
      for (let i = list.length - 1; i >= 0; i--) writeScalar(field, list[i], true)
      writeLength(field.tag, out.length - start - end)
    }
  }
}

function writeField(field: FieldEncoder, value: unknown, writeZero: boolean): void {
  if (field.kind === 'message') {
    const end = out.length - start
    if (value instanceof Uint8Array) writeContent(value)
    else writeMessage(field.inner, value as Values)
    writeLength(field.tag, out.length - start - end)
  } else if (writeScalar(field, value, writeZero)) writeTag(field.tag)
}

function writeTag(tag: number): void {
  if (tag < 128) out[--start] = tag
  else {
    start -= varintSize(tag)
    writeVarint(out, start, tag)
  }
}

const SCALAR_BYTES_MAX = 32 // a tag and a number, or a tag and a length, with room to spare

function writeLength(tag: number, length: number): void {
  reserve(SCALAR_BYTES_MAX)
  start -= varintSize(length)
  writeVarint(out, start, length)
  writeTag(tag)
}

// Writes the value without its tag; false when it is a zero that goes without saying.
function writeScalar(field: FieldEncoder, value: unknown, writeZero: boolean): boolean {
  reserve(SCALAR_BYTES_MAX)
  const { kind } = field
  switch (kind) {
    case 'string':
      if (value === '' && !writeZero) return false
      writeText(value as string)
      return true
    case 'id16':
    case 'id8':
      if (value === '' && !writeZero) return false
      writeId(value as string, kind === 'id16' ? 16 : 8)
      return true
    case 'bytes': {
      const content = value as Uint8Array
      if (content.length === 0 && !writeZero) return false
      writeContent(content)
      start -= varintSize(content.length)
      writeVarint(out, start, content.length)
      return true
    }
    case 'bool':
      if (value === false && !writeZero) return false
      out[--start] = value === true ? 1 : 0
      return true
    case 'double':
      // Minus zero is a value of its own.
      if (Object.is(value, 0) && !writeZero) return false
      start -= 8
      view.setFloat64(start, value as number, true)
      return true
    default:
      return writeInteger(field, value as number | bigint, writeZero)
  }
}

function writeInteger({ name, kind, lowest, beyond }: FieldEncoder, value: number | bigint, writeZero: boolean): boolean {
  if (!(value >= lowest && value < beyond)) throw new RangeError(`${name}: a number out of range for ${kind}`)
  let low: number
  let high: number
  if (typeof value === 'bigint') {
    low = Number(BigInt.asUintN(32, value))
    high = Number(BigInt.asUintN(32, value >> 32n))
  } else {
    if (!Number.isInteger(value)) throw new RangeError(`${name}: a number that is not whole`)
    low = value >>> 0
    high = Math.floor(value / 0x1_0000_0000) >>> 0
  }
  if (low === 0 && high === 0 && !writeZero) return false
  if (kind === 'fixed64' || kind === 'sfixed64') {
    start -= 8
    view.setUint32(start, low, true)
    view.setUint32(start + 4, high, true)
  } else if (kind === 'fixed32') {
    start -= 4
    view.setUint32(start, low, true)
  } else if (kind === 'sint32') {
    // Zigzag: the sign goes to the lowest bit, so that small negatives stay short.
    writeVarint64(((low << 1) ^ (low >> 31)) >>> 0, 0)
  } else writeVarint64(low, high)
  return true
}

function writeVarint64(low: number, high: number): void {
  if (high === 0) {
    start -= varintSize(low)
    writeVarint(out, start, low)
    return
  }
  let at = start - Math.ceil((64 - Math.clz32(high)) / 7)
  start = at
  while (high !== 0) {
    out[at++] = (low & 127) | 128
    low = ((low >>> 7) | (high << 25)) >>> 0
    high >>>= 7
  }
  writeVarint(out, at, low)
}

function writeContent(content: Uint8Array): void {
  reserve(content.length + SCALAR_BYTES_MAX)
  start -= content.length
  out.set(content, start)
}

function writeText(text: string): void {
  const { length } = text
  let size = length
  let at = start
  if (length <= LOOP_CHARACTERS_MAX && at > LOOP_CHARACTERS_MAX + SCALAR_BYTES_MAX) {
    let i = length - 1
    for (; i >= 0; i--) {
      const unit = text.charCodeAt(i)
      if (unit > 127) break
      out[--at] = unit
    }
    if (i < 0) {
      start = at - 1
      out[start] = length
      return
    }
  }
  size = Buffer.byteLength(text)
  reserve(size + SCALAR_BYTES_MAX)
  start -= size
  out.write(text, start, size, size === length ? 'latin1' : 'utf8')
  start -= varintSize(size)
  writeVarint(out, start, size)
}

// Shorter ones are ASCII more often than not, and a loop is then faster than two calls into the engine.
const LOOP_CHARACTERS_MAX = 48

function writeId(id: string, size: number): void {
  if (id.length !== size * 2 && id !== '') throw new RangeError(`an id of ${id.length} characters, expected ${size * 2} hex digits`)
  start -= id.length / 2
  if (out.write(id, start, 'hex') !== id.length / 2) throw new RangeError('an id with other characters than hex digits')
  out[--start] = id.length / 2
}
