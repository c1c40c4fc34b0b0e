import { AttributeView, equals, type SpanView } from '../../otlp/views.ts'
import { BYTES, FIXED64, Fields, VARINT } from '../../otlp/wire.ts'

// Span { attributes = 9 }, AnyValue { string_value = 1, int_value = 3, double_value = 4 }
const ATTRIBUTES = 9
const KEY = Buffer.from('sampling.priority')
const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

const attributes = new Fields()
const attribute = new AttributeView()
const values = new Fields()

/**
 * The span's wish, its attribute `sampling.priority`, which the Collector's hash_seed mode obeys: above 0 to be kept, 0 to be dropped. -1 where there
 * is none that it would obey.
 */
export function readPriority(span: SpanView): number {
  const { bytes } = span
  let priority = -1
  attributes.open(bytes, span.attributesStart, span.attributesEnd)
  while (attributes.next()) {
    if (attributes.number !== ATTRIBUTES || hasOtherKey(bytes, attributes.start, attributes.end)) continue
    attribute.open(bytes, attributes.start, attributes.end)
    if (equals(bytes, attribute.keyStart, attribute.keyEnd, KEY)) priority = readNumber(bytes, attribute.valueStart, attribute.valueEnd)
  }
  return priority
}

// Says at a glance of most attributes that it is not them: a key of another length, then the value, then nothing more.
// The wire: KeyValue { 0a length key, 12 length value }
function hasOtherKey(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start < KEY.length) return true
  const length = bytes[start + 1]
  const value = start + 2 + length
  return bytes[start] === 0x0a && length < 128 && length !== KEY.length && value + 2 + bytes[value + 1] === end && bytes[value] === 0x12
}

function readNumber(bytes: Uint8Array, start: number, end: number): number {
  let number = -1
  values.open(bytes, start, end)
  while (values.next()) {
    number = -1
    if (values.number === 3 && values.type === VARINT) number = values.high >= 2 ** 31 ? -1 : values.uint()
    else if (values.number === 4 && values.type === FIXED64)
      number = new DataView(bytes.buffer, bytes.byteOffset + values.start).getFloat64(0, true)
    else if (values.number === 1 && values.type === BYTES && values.end - values.start <= 32) {
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + values.start, values.end - values.start).toString('latin1')
      if (NUMBER.test(text)) number = Number(text)
    }
  }
  return number >= 0 ? number : -1
}
