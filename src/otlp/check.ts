import { isUtf8 } from 'node:buffer'
import { type Field, MESSAGES, type MessageName, WIRE_TYPE } from './schema.ts'
import { type OtlpSignal, SHAPES } from './signal.ts'
import { BYTES, FIXED32, FIXED64, Fields, VARINT, WireError } from './wire.ts'

/** Messages inside messages, at most; protobuf decoders stop at the same depth. */
export const DEPTH_MAX = 100

/**
 * Checks a whole request once, so that everyone after may trust it: framing down to the last field, wire types of known fields, lengths of
 * ids, UTF-8 of strings, depth. Unknown fields are checked for framing alone. Returns the number of items: spans, log records, data points,
 * profiles. Throws WireError that names the place, what came and what was expected.
 */
export function checkRequest(signal: OtlpSignal, request: Uint8Array): number {
  const layout = layoutOf(SHAPES[signal].request)
  bytes = request
  firstWord = request.byteOffset
  words = new Int32Array(request.buffer, 0, request.buffer.byteLength >>> 2)
  items = 0
  try {
    checkMessage(layout, 0, request.length, 0)
    return items
  } catch (error) {
    if (!(error instanceof Fault)) throw error
    throw new WireError(`${placeOf(SHAPES[signal].request, request, error.offset)}: ${error.message}`)
  } finally {
    bytes = NOTHING
    words = NO_WORDS
  }
}

// What to do with a field, by its number. One byte each, so that the loop below reads a table and not an object.
const UNKNOWN = 0
const SCALAR_VARINT = 1
const SCALAR_64 = 2
const SCALAR_32 = 3
const STRING = 4
const ANY_BYTES = 5
const ID16 = 6
const ID8 = 7
const MESSAGE = 8
const MANY_64 = 9 // repeated: packed, or one by one
const MANY_VARINT = 10
const ATTRIBUTE = 11 // a KeyValue, of which most requests mostly consist
const KIND_WIRE_TYPE = [-1, VARINT, FIXED64, FIXED32, BYTES, BYTES, BYTES, BYTES, BYTES, FIXED64, VARINT, BYTES]
const WIRE_NAME = ['varint', 'fixed64', 'length-delimited', 'group', 'group end', 'fixed32', 'reserved', 'reserved']

const FIELD_NUMBERS = 32 // OTLP's known fields are below

class Layout {
  readonly kinds = new Uint8Array(FIELD_NUMBERS)
  readonly children: (Layout | undefined)[] = new Array(FIELD_NUMBERS).fill(undefined)
  /** The field whose every occurrence is an item, or 0. */
  counted = 0
}

const COUNTED: ReadonlySet<string> = new Set([
  'Span',
  'LogRecord',
  'NumberDataPoint',
  'HistogramDataPoint',
  'ExponentialHistogramDataPoint',
  'SummaryDataPoint'
])

const layouts = new Map<MessageName, Layout>()

function layoutOf(name: MessageName): Layout {
  const known = layouts.get(name)
  if (known !== undefined) return known
  const layout = new Layout()
  layouts.set(name, layout)
  for (const field of Object.values(MESSAGES[name])) {
    layout.kinds[field.number] = kindOf(field)
    if (field.message === undefined) continue
    layout.children[field.number] = layoutOf(field.message)
    if (COUNTED.has(field.message) || (name === 'ScopeProfiles' && field.message === 'Opaque')) layout.counted = field.number
  }
  return layout
}

function kindOf({ scalar, repeated, message }: Field): number {
  if (scalar === undefined) return message === 'KeyValue' ? ATTRIBUTE : MESSAGE
  if (scalar === 'string') return STRING
  if (scalar === 'id16') return ID16
  if (scalar === 'id8') return ID8
  const type = WIRE_TYPE[scalar]
  if (type === BYTES) return ANY_BYTES
  if (type === FIXED64) return repeated ? MANY_64 : SCALAR_64
  if (type === VARINT) return repeated ? MANY_VARINT : SCALAR_VARINT
  return SCALAR_32
}

/** What is wrong, and where; turned into a WireError with the path when the walk has ended. */
class Fault extends Error {
  readonly offset: number
  constructor(offset: number, message: string) {
    super(message)
    this.offset = offset
  }
}

const NOTHING = new Uint8Array(0)
const NO_WORDS = new Int32Array(0)

// The request under check. Kept outside of the functions, so that the recursion passes three numbers and a table.
let bytes: Uint8Array = NOTHING
let words: Int32Array = NO_WORDS
let firstWord = 0
let items = 0
let varintEnd = 0

function checkMessage(layout: Layout, start: number, end: number, depth: number): void {
  if (depth > DEPTH_MAX) throw new Fault(start, `nested deeper than ${DEPTH_MAX} messages`)
  const { kinds, counted } = layout
  let pos = start
  let mixedEnd = 0
  while (pos < end) {
    const tagStart = pos
    let tag = bytes[pos++]
    if (tag > 127) {
      tag = readVarint(tagStart, end)
      pos = varintEnd
    }
    const number = tag >>> 3
    const type = tag & 7
    const kind = number < FIELD_NUMBERS ? kinds[number] : UNKNOWN
    if (type === BYTES) {
      if (pos >= end) throw new Fault(tagStart, 'truncated: a length was expected')
      let length = bytes[pos++]
      if (length > 127) {
        length = readVarint(pos - 1, end)
        pos = varintEnd
      }
      let stop = pos + length
      if (stop > end) throw new Fault(tagStart, `truncated: ${length} bytes announced, ${end - pos} left`)
      switch (kind) {
        case STRING:
          if (!isText(pos, stop)) throw new Fault(tagStart, 'not UTF-8, which every string must be')
          break
        case ATTRIBUTE:
          if (pos >= mixedEnd) {
            const runEnd = plainRunEnd(tagStart, end, tag)
            if (runEnd > tagStart && isAscii(tagStart, runEnd)) {
              stop = runEnd
              break
            }
            mixedEnd = runEnd
          }
          if (!isPlainNumber(pos, stop) && !isPlainText(tagStart, stop, tag)) checkMessage(layout.children[number]!, pos, stop, depth + 1)
          break
        case MESSAGE:
          if (number === counted) items++
          checkMessage(layout.children[number]!, pos, stop, depth + 1)
          break
        case ID16:
          if (length !== 16 && length !== 0) throw new Fault(tagStart, `${length} bytes long, expected 16`)
          break
        case ID8:
          if (length !== 8 && length !== 0) throw new Fault(tagStart, `${length} bytes long, expected 8`)
          break
        case UNKNOWN:
          if (number === 0) throw new Fault(tagStart, 'field number 0, expected 1 or more')
          break
        case ANY_BYTES:
          break
        case MANY_64:
          if (length % 8 !== 0) throw new Fault(tagStart, `${length} bytes of packed 64-bit values, expected a multiple of 8`)
          break
        case MANY_VARINT:
          for (let at = pos; at < stop; at = varintEnd) readVarint(at, stop, true)
          break
        default:
          throw mistyped(tagStart, kind, type)
      }
      pos = stop
      continue
    }
    if (number === 0) throw new Fault(tagStart, 'field number 0, expected 1 or more')
    if (kind !== UNKNOWN && KIND_WIRE_TYPE[kind] !== type) throw mistyped(tagStart, kind, type)
    if (type === VARINT) {
      if (pos >= end) throw new Fault(tagStart, 'truncated: a varint was expected')
      if (bytes[pos] < 128) pos++
      else {
        readVarint(pos, end, true)
        pos = varintEnd
      }
    } else if (type === FIXED64 || type === FIXED32) {
      pos += type === FIXED64 ? 8 : 4
      if (pos > end) throw new Fault(tagStart, `truncated: ${type === FIXED64 ? 8 : 4} bytes were expected`)
    } else {
      throw new Fault(tagStart, type === 3 || type === 4 ? 'a group, which OTLP does not use' : `wire type ${type}, which does not exist`)
    }
  }
}

function mistyped(offset: number, kind: number, type: number): Fault {
  return new Fault(offset, `came as ${WIRE_NAME[type]}, expected ${WIRE_NAME[KIND_WIRE_TYPE[kind]]}`)
}

// Reads the varint at `at` and leaves varintEnd behind it. The value is for tags and lengths: more than 32 bits, or the five bytes that they take,
// is refused unless `wide`.
function readVarint(at: number, end: number, wide = false): number {
  let value = 0
  for (let i = 0; i < 10; i++) {
    const pos = at + i
    if (pos >= end) throw new Fault(at, 'truncated varint')
    const byte = bytes[pos]
    const bits = byte & 127
    if (i < 4) value += bits << (7 * i)
    else if (i === 4) {
      if (!wide && bits > 15) throw new Fault(at, 'a tag or length of more than 32 bits')
      value += bits * 0x1000_0000
    } else if (!wide) throw new Fault(at, 'a tag or length of more than 32 bits')
    if (i === 9 && byte > 1) break
    if (byte < 128) {
      varintEnd = pos + 1
      return value
    }
  }
  throw new Fault(at, 'a varint of more than 64 bits')
}

// Where a run of attributes ends that all have the shape nearly every one has: a short key, then a short string, a bool or a small integer. Since
// their tags and short lengths are ASCII, one look over the whole run says that its strings are text, if it is ASCII. `at` is the tag of the first
// attribute; returned where that is of another shape.
// The wire: KeyValue { 0a length key, 12 length AnyValue { 0a length string | 10 bool | 18 int } }
function plainRunEnd(at: number, end: number, tag: number): number {
  while (at + 8 <= end && bytes[at] === tag) {
    const length = bytes[at + 1]
    const stop = at + 2 + length
    const value = at + 4 + bytes[at + 3]
    if (length > 127 || stop > end || bytes[at + 2] !== 0x0a || value + 4 > stop || bytes[value] !== 0x12) break
    const valueLength = bytes[value + 1]
    const kind = bytes[value + 2]
    if (value + 2 + valueLength !== stop) break
    if (kind === 0x0a ? bytes[value + 3] !== valueLength - 2 : valueLength !== 2 || (kind !== 0x18 && kind !== 0x10)) break
    at = stop
  }
  return at
}

// One attribute of such a run, whose strings are text but not ASCII.
function isPlainText(tagStart: number, end: number, tag: number): boolean {
  if (plainRunEnd(tagStart, end, tag) !== end) return false
  const key = tagStart + 4
  const value = key + bytes[tagStart + 3] + 2
  return isText(key, value - 2) && (bytes[value] === 0x0a ? isText(value + 2, end) : bytes[value + 1] < 128)
}

// The other common shape: a short ASCII key, then an integer of any size.
function isPlainNumber(start: number, end: number): boolean {
  const value = start + 2 + bytes[start + 1]
  if (bytes[start] !== 0x0a || value + 4 > end || bytes[value] !== 0x12 || value + 2 + bytes[value + 1] !== end) return false
  if (bytes[value + 2] !== 0x18 || !isAscii(start, value + 3)) return false
  readVarint(value + 3, end, true)
  return varintEnd === end
}

function isText(start: number, end: number): boolean {
  return isAscii(start, end) || isUtf8(bytes.subarray(start, end))
}

// Asks four bytes at a time for a high bit.
function isAscii(start: number, end: number): boolean {
  let pos = start
  let high = 0
  const aligned = start + (-(firstWord + start) & 3)
  if (aligned + 4 <= end) {
    while (pos < aligned) high |= bytes[pos++]
    const lastWord = (firstWord + end) >>> 2
    let bits = 0
    let word = (firstWord + pos) >>> 2
    for (; word + 4 <= lastWord; word += 4) bits |= words[word] | words[word + 1] | words[word + 2] | words[word + 3]
    for (; word < lastWord; word++) bits |= words[word]
    if ((bits & 0x8080_8080) !== 0) return false
    pos = (lastWord << 2) - firstWord
  }
  while (pos < end) high |= bytes[pos++]
  return high < 128
}

/** The path of the field at `offset`, as `resourceSpans[0].scopeSpans[0].spans[3].traceId`. */
function placeOf(message: MessageName, request: Uint8Array, offset: number): string {
  const path: string[] = []
  let name: MessageName | undefined = message
  let start = 0
  let end = request.length
  while (name !== undefined) {
    const seen = new Map<number, number>()
    const fields = new Fields().open(request, start, end)
    let inner: MessageName | undefined
    try {
      while (fields.next() && fields.tagStart <= offset) {
        const index = seen.get(fields.number) ?? 0
        seen.set(fields.number, index + 1)
        if (offset >= fields.end && offset > fields.tagStart) continue
        const [key, field] = Object.entries(MESSAGES[name]).find(([, { number }]) => number === fields.number) ?? [`field ${fields.number}`]
        path.push(field?.repeated === true ? `${key}[${index}]` : key)
        if (offset >= fields.start && fields.type === BYTES) inner = field?.message
        start = fields.start
        end = fields.end
        break
      }
    } catch {
      const [key] = Object.entries(MESSAGES[name]).find(([, { number }]) => number === fields.number) ?? [`field ${fields.number}`]
      if (fields.tagStart === offset && fields.number > 0) path.push(key)
    }
    name = inner
  }
  return [...path, `offset ${offset}`].join(path.length === 0 ? '' : '.').replace(/\.offset (\d+)$/, ' (offset $1)')
}
