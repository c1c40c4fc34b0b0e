import { FIELD_BYTES_MAX, MessageWriter } from '../../otlp/message-writer.ts'
import { lengthDelimited, varintSize } from '../../otlp/wire.ts'

// The wire: KeyValue { key = 1, value = 2 }, AnyValue { string_value = 1, int_value = 3, double_value = 4, array_value = 5 },
// ArrayValue { values = 1 }
const VALUE = 0x12
const STRING = 0x0a
const INT = 0x18
const DOUBLE = 0x21
const ARRAY = 0x2a
const ELEMENT = 0x0a

/** A KeyValue's `key` field as it stands on the wire, made once. */
export function keyField(key: string): Buffer {
  return lengthDelimited(1, Buffer.from(key))
}

/** Writes attributes of one record after the other, without objects. What was written stays in place until the next `begin`. */
export class AttributeWriter {
  private readonly out = new MessageWriter()
  private tag = 0
  /** Where the attributes of the record that was opened last begin in `bytes`; they go to `end`. */
  start = 0

  /** Forgets what was written. */
  begin(): void {
    this.out.release()
    this.out.open()
  }

  /** Begins the attributes of a message in which they have this field number, of one byte with its type. */
  open(number: number): void {
    this.start = this.out.length
    this.tag = (number << 3) | 2
  }

  get bytes(): Buffer {
    return this.out.bytes
  }

  get end(): number {
    return this.out.length
  }

  /** Whether there are any. */
  get hasSome(): boolean {
    return this.out.length > this.start
  }

  /** A copy of them. */
  copy(): Buffer {
    return Buffer.from(this.out.bytes.subarray(this.start, this.out.length))
  }

  double(key: Buffer, value: number): void {
    this.head(key, 11)
    const { out } = this
    const { bytes } = out
    let at = out.length
    bytes[at++] = VALUE
    bytes[at++] = 9
    bytes[at++] = DOUBLE
    out.length = at
    out.double(value)
  }

  /** A whole number from 0 to 2^53. */
  int(key: Buffer, value: number): void {
    const size = varintSize(value)
    this.head(key, 3 + size)
    const { out } = this
    const { bytes } = out
    let at = out.length
    bytes[at++] = VALUE
    bytes[at++] = 1 + size
    bytes[at++] = INT
    out.length = at
    out.varint(value)
  }

  text(key: Buffer, value: string): void {
    const start = this.openLong(key)
    this.string(VALUE, value)
    this.out.closeLength(start)
  }

  texts(key: Buffer, values: readonly string[]): void {
    const { out } = this
    const start = this.openLong(key)
    const value = out.openLength(VALUE)
    const array = out.openLength(ARRAY)
    for (let i = 0; i < values.length; i++) this.string(ELEMENT, values[i])
    out.closeLength(array)
    out.closeLength(value)
    out.closeLength(start)
  }

  // Up to the value, whose size is known.
  private head(key: Buffer, valueBytes: number): void {
    const { out } = this
    out.reserve(key.length + FIELD_BYTES_MAX)
    out.varint(this.tag)
    out.varint(key.length + valueBytes)
    out.copy(key, 0, key.length)
  }

  private openLong(key: Buffer): number {
    const { out } = this
    out.reserve(key.length + 2 * FIELD_BYTES_MAX)
    const start = out.openLength(this.tag)
    out.copy(key, 0, key.length)
    return start
  }

  // An AnyValue that is a string, as the field `tag`.
  private string(tag: number, value: string): void {
    const { out } = this
    const size = Buffer.byteLength(value)
    out.reserve(size + 3 * FIELD_BYTES_MAX)
    const start = out.openLength(tag)
    const inner = out.openLength(STRING)
    out.length += out.bytes.write(value, out.length)
    out.closeLength(inner)
    out.closeLength(start)
  }
}
