import type { Objects } from './objects.ts'
import { type Field, MESSAGES, type MessageName, type Scalar, WIRE_TYPE } from './schema.ts'
import { BYTES, Fields } from './wire.ts'

/**
 * Turns checked bytes into an object, for those who need one. What was not on the wire is not in the object; unknown fields are not either. Of
 * a field that comes twice the last counts, messages merge, and of a oneof the last member stays. Copies all it returns, `bytesValue` too.
 */
export function decode<N extends MessageName>(message: N, bytes: Uint8Array, start = 0, end = bytes.length): Objects[N] {
  if (message === 'Opaque') return Uint8Array.from(bytes.subarray(start, end)) as Objects[N]
  text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  depth = 0
  const object: Draft = {}
  readMessage(decoderOf(message), object, false, start, end)
  text = NOTHING
  view = NO_VIEW
  return object as Objects[N]
}

type Draft = Record<string, unknown>

interface FieldDecoder {
  readonly name: string
  readonly kind: Scalar | 'message'
  readonly repeated: boolean
  /** Numbers may also come packed: side by side in one length-delimited field. */
  readonly packs: boolean
  /** By field number; undefined for bytes that stay closed. */
  readonly inner: Decoder | undefined
  /** The other members of its oneof. */
  readonly others: readonly string[]
}
type Decoder = (FieldDecoder | undefined)[]

const decoders = new Map<MessageName, Decoder>()

function decoderOf(name: MessageName): Decoder {
  const known = decoders.get(name)
  if (known !== undefined) return known
  const decoder: Decoder = []
  decoders.set(name, decoder)
  const fields = Object.entries(MESSAGES[name])
  for (const [key, field] of fields) {
    const others = fields.filter(([other, { oneof }]) => oneof !== undefined && oneof === field.oneof && other !== key)
    decoder[field.number] = fieldDecoder(
      key,
      field,
      others.map(([other]) => other)
    )
  }
  return decoder
}

function fieldDecoder(name: string, { scalar, message, repeated }: Field, others: readonly string[]): FieldDecoder {
  return {
    name,
    kind: scalar ?? 'message',
    repeated,
    packs: repeated && scalar !== undefined && WIRE_TYPE[scalar] !== BYTES,
    inner: message === undefined || message === 'Opaque' ? undefined : decoderOf(message),
    others
  }
}

const NOTHING: Buffer = Buffer.alloc(0)
const NO_VIEW: DataView = new DataView(NOTHING.buffer)

// The bytes being decoded, in the two shapes that read strings and numbers.
let text = NOTHING
let view = NO_VIEW

// One reader per depth, kept for the next call. The check at the door bounds the depth.
const readers: Fields[] = []
let depth = 0

// `merging`: the object has been read into before.
function readMessage(decoder: Decoder, object: Draft, merging: boolean, start: number, end: number): void {
  let chosen = merging
  readers[depth] ??= new Fields()
  const fields = readers[depth++].open(text, start, end)
  while (fields.next()) {
    const field = decoder[fields.number]
    if (field === undefined) continue
    const { name } = field
    if (field.repeated) {
      object[name] ??= []
      const list = object[name] as unknown[]
      if (field.packs && fields.type === BYTES) readPacked(field.kind, list, fields.start, fields.end)
      else list.push(readValue(field, fields, undefined))
      continue
    }
    object[name] = readValue(field, fields, field.inner === undefined ? undefined : object[name])
    if (field.others.length > 0) {
      if (chosen) for (const other of field.others) delete object[other]
      chosen = true
    }
  }
  depth--
}

function readValue(field: FieldDecoder, fields: Fields, before: unknown): unknown {
  const { start, end } = fields
  switch (field.kind) {
    case 'message': {
      if (field.inner === undefined) return Uint8Array.from(text.subarray(start, end))
      const object = (before ?? {}) as Draft
      readMessage(field.inner, object, before !== undefined, start, end)
      return object
    }
    case 'string':
      return text.toString('utf8', start, end)
    case 'id16':
    case 'id8':
      return text.toString('hex', start, end)
    case 'bytes':
      return Uint8Array.from(text.subarray(start, end))
    default:
      return readNumber(field.kind, start, fields.low, fields.high)
  }
}

function readPacked(kind: FieldDecoder['kind'], list: unknown[], start: number, end: number): void {
  if (WIRE_TYPE[kind as Scalar] !== 0) {
    for (let at = start; at < end; at += 8) list.push(readNumber(kind, at, 0, 0))
    return
  }
  for (let at = start; at < end; ) {
    let low = 0
    let high = 0
    let shift = 0
    let byte = 0
    do {
      byte = text[at++]
      if (shift < 28) low |= (byte & 127) << shift
      else if (shift === 28) {
        low |= (byte & 127) << 28
        high = (byte & 127) >>> 4
      } else high |= (byte & 127) << (shift - 32)
      shift += 7
    } while (byte > 127)
    list.push(readNumber(kind, 0, low >>> 0, high >>> 0))
  }
}

// A number at `at`, or the varint whose halves are given.
function readNumber(kind: FieldDecoder['kind'], at: number, low: number, high: number): number | bigint | boolean {
  switch (kind) {
    case 'double':
      return view.getFloat64(at, true)
    case 'fixed64':
      return view.getBigUint64(at, true)
    case 'sfixed64':
      return view.getBigInt64(at, true)
    case 'fixed32':
      return view.getUint32(at, true)
    case 'bool':
      return low !== 0 || high !== 0
    case 'uint32':
      return low
    case 'sint32':
      return (low >>> 1) ^ -(low & 1)
    case 'uint64':
    case 'int64':
      if (high === 0) return BigInt(low)
      return (BigInt(kind === 'int64' ? high | 0 : high) << 32n) | BigInt(low)
    default:
      return low | 0
  }
}
