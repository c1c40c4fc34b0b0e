import { BYTES, FIXED64, Fields, VARINT } from '../wire.ts'

/** A label value that is longer is cut. */
export const LABEL_CHARACTERS_MAX = 256

const fields = new Fields()

/**
 * The text of an AnyValue, of which a string is read up to `bytesMax`: strings as they are, booleans and numbers as written in JSON. Lists, maps
 * and bytes make no label: undefined.
 */
export function scalarText(bytes: Uint8Array, start: number, end: number, bytesMax: number): string | undefined {
  let text: string | undefined
  fields.open(bytes, start, end)
  // AnyValue { string_value = 1, bool_value = 2, int_value = 3, double_value = 4, array_value = 5, kvlist_value = 6, bytes_value = 7 }: a oneof,
  // of which the last on the wire counts.
  while (fields.next()) {
    if (fields.number === 1 && fields.type === BYTES) text = utf8(bytes, fields.start, Math.min(fields.end, fields.start + bytesMax))
    else if (fields.number === 2 && fields.type === VARINT) text = (fields.low | fields.high) === 0 ? 'false' : 'true'
    else if (fields.number === 3 && fields.type === VARINT)
      text = BigInt.asIntN(64, (BigInt(fields.high) << 32n) | BigInt(fields.low)).toString()
    else if (fields.number === 4 && fields.type === FIXED64)
      text = String(new DataView(bytes.buffer, bytes.byteOffset + fields.start, 8).getFloat64(0, true))
    else if (fields.number >= 5 && fields.number <= 7) text = undefined
  }
  return text
}

/** The bytes as text; a character that was cut in half at the end becomes U+FFFD. */
export function utf8(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('utf8')
}

const REMEMBERED_MAX = 4096

/** The same function, with a memory of its last answers: values such as a service's name come back in the labels of every new series. */
export function remembering(redact: (text: string) => string): (text: string) => string {
  const known = new Map<string, string>()
  return (text) => {
    let answer = known.get(text)
    if (answer === undefined) {
      answer = redact(text)
      if (known.size >= REMEMBERED_MAX) known.clear()
      if (text.length <= LABEL_CHARACTERS_MAX) known.set(text, answer)
    }
    return answer
  }
}
