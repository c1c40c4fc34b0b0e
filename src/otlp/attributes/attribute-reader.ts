import { Fields } from '../wire.ts'
import { Interner } from './interner.ts'
import type { KeyTable } from './key-table.ts'
import { scalarText, utf8 } from './label-text.ts'

/** In a list of sources: the span's name, which is a plain string and no AnyValue. */
export const SPAN_NAME = -1

/** Of a longer value, only the first bytes tell series apart. */
export const VALUE_BYTES_MAX = 4096

/** More attributes with keys that somebody asks for are on no ordinary span. */
export const FOUND_MAX = 64

const STAMP_MAX = 2 ** 30
const NOTHING = new Uint8Array(0)
const NO_VIEW = new DataView(NOTHING.buffer)

/** In `bits`, what is always there: the span's name. */
export const NAME_BIT = 1 << 31

/** The bit in `bits` of a key. */
export function bitOf(key: number): number {
  return 1 << (key % 31)
}

const fields = new Fields()

/**
 * Where the values of the attributes in `keys` lie, of a span and of its resource. Offsets are into the bytes that were opened last. `resourceEntry`,
 * then `resource` for each piece, come before the spans of a resource.
 */
export class AttributeReader {
  bytes: Uint8Array = NOTHING
  view: DataView = NO_VIEW
  /** A bit for each key that span or resource may have, shared by every 31st key: without its bit, a key is certainly absent. */
  bits = 0
  /** By what `resolve` returns: where the AnyValue (or the span's name) lies. */
  readonly valueStarts: Int32Array
  readonly valueEnds: Int32Array
  /** Of each key's value in the resource: its number among the values of all resources, good for as long as their epoch stays. */
  readonly resourceValues: Int32Array
  readonly interner = new Interner()
  /** The number of what all keys together have in the resource; 0 for nothing. */
  resourceNumber = 0
  /** The keys of the span in the order they came, repeated ones too, and how many; more than FOUND_MAX are not listed. */
  readonly foundKeys = new Int32Array(FOUND_MAX)
  readonly foundStarts = new Int32Array(FOUND_MAX)
  readonly foundEnds = new Int32Array(FOUND_MAX)
  found = 0
  /** What `resolve` returns for the span's name. */
  readonly nameIndex: number

  private readonly keys: KeyTable
  // A value counts when its stamp is that of this span, or of this resource; so nothing has to be cleared between spans.
  private readonly stamps: Int32Array
  private spanStamp = 0
  private resourceStamp = 1
  protected resourceBits = 0
  protected after = 0
  // So many of the found keys have been put where `resolve` looks.
  private settled = 0

  // The arrays hold the span's attributes, then the resource's, then the name.
  constructor(keys: KeyTable) {
    this.keys = keys
    this.nameIndex = 2 * keys.size
    this.valueStarts = new Int32Array(this.nameIndex + 1)
    this.valueEnds = new Int32Array(this.nameIndex + 1)
    this.resourceValues = new Int32Array(keys.size)
    this.stamps = new Int32Array(this.nameIndex)
  }

  /** Makes `bits` and `resolve` speak of the span that was read last. */
  settle(): void {
    const listed = Math.min(this.found, FOUND_MAX)
    for (let i = this.settled; i < listed; i++) this.put(this.foundKeys[i], this.foundStarts[i], this.foundEnds[i])
    this.settled = listed
  }

  /** Whether the record that was read last has this key itself, with or without a value; true when it has too many to tell. */
  isOwn(key: number): boolean {
    const { found, foundKeys } = this
    if (found > FOUND_MAX) return true
    for (let i = 0; i < found; i++) if (foundKeys[i] === key) return true
    return false
  }

  /** The text of the first present one of `sources`; undefined when there is none, or it is no string, number or flag. */
  text(sources: Int32Array): string | undefined {
    const index = this.resolve(sources)
    if (index < 0) return undefined
    const [start, end] = [this.valueStarts[index], this.valueEnds[index]]
    if (index === this.nameIndex) return utf8(this.bytes, start, Math.min(end, start + VALUE_BYTES_MAX))
    return scalarText(this.bytes, start, end, VALUE_BYTES_MAX)
  }

  /** The same, of what the record has itself. */
  ownText(sources: Int32Array): string | undefined {
    return this.textOf(sources, 0, this.spanStamp)
  }

  /** The same, of what its resource has. */
  resourceText(sources: Int32Array): string | undefined {
    return this.textOf(sources, this.keys.size, this.resourceStamp)
  }

  /** The time in nanoseconds at `at`, as milliseconds since 1970, to the microsecond. */
  timeMs(at: number): number {
    const nanos = this.view.getUint32(at + 4, true) * 0x1_0000_0000 + this.view.getUint32(at, true)
    return Math.round(nanos / 1000) / 1000
  }

  /** Where the first present one of `sources` lies, as an index into valueStarts and valueEnds; -1 when none is. Span before resource. */
  resolve(sources: Int32Array): number {
    const { stamps, spanStamp, resourceStamp } = this
    const { size } = this.keys
    for (let i = 0; i < sources.length; i++) {
      const source = sources[i]
      if (source === SPAN_NAME) return this.nameIndex
      if (stamps[source] === spanStamp) return source
      if (stamps[source + size] === resourceStamp) return source + size
    }
    return -1
  }

  private textOf(sources: Int32Array, offset: number, stamp: number): string | undefined {
    const { stamps } = this
    for (let i = 0; i < sources.length; i++) {
      const at = sources[i] + offset
      if (stamps[at] === stamp) return scalarText(this.bytes, this.valueStarts[at], this.valueEnds[at], VALUE_BYTES_MAX)
    }
    return undefined
  }

  resourceEntry(): void {
    if (this.resourceStamp === STAMP_MAX) {
      this.stamps.fill(0)
      this.resourceStamp = 0
    }
    this.resourceStamp++
    this.resourceBits = 0
    this.resourceNumber = 0
    this.interner.makeRoom()
    this.beginSpan()
  }

  // The wire: Resource { repeated attributes = 1, … }. Read as the attributes of a span are, then copied.
  resource(start: number, end: number): void {
    const { bytes, stamps, valueStarts, valueEnds } = this
    const { size } = this.keys
    const attributes = new Fields().open(bytes, start, end)
    this.bits = this.resourceBits
    while (attributes.next()) if (attributes.number === 1) this.attribute(bytes, attributes.start, attributes.end)
    this.settle()
    this.resourceBits = this.bits
    for (let key = 0; key < size; key++) {
      stamps[key + size] = stamps[key] === this.spanStamp ? this.resourceStamp : 0
      valueStarts[key + size] = valueStarts[key]
      valueEnds[key + size] = valueEnds[key]
    }
    this.numberResourceValues(bytes)
  }

  /** What is read from now on lies in these bytes. */
  open(bytes: Uint8Array): void {
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Lets go of the bytes. */
  close(): void {
    this.bytes = NOTHING
    this.view = NO_VIEW
  }

  /** Reads a tag or a length of more than one byte; both are below 2^32, however long they were written. Leaves `after` behind it. */
  protected longVarint(bytes: Uint8Array, at: number): number {
    let value = 0
    let factor = 1
    for (;;) {
      const byte = bytes[at++]
      value += (byte & 127) * factor
      if (byte < 128) break
      factor *= 128
    }
    this.after = at
    return value
  }

  protected beginSpan(): void {
    if (this.spanStamp === STAMP_MAX) {
      this.stamps.fill(0, 0, this.keys.size)
      this.spanStamp = 0
    }
    this.spanStamp++
    this.found = 0
    this.settled = 0
  }

  // Once for all spans of the resource, so that they need not look at these bytes again.
  private numberResourceValues(bytes: Uint8Array): void {
    const { size } = this.keys
    let all = ''
    for (let key = 0; key < size; key++) {
      if (this.stamps[key + size] !== this.resourceStamp) continue
      const start = this.valueStarts[key + size]
      const end = Math.min(this.valueEnds[key + size], start + VALUE_BYTES_MAX)
      const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1')
      this.resourceValues[key] = this.interner.numberOf(text)
      all += `${key} ${this.resourceValues[key]} `
    }
    this.resourceNumber = all === '' ? 0 : this.interner.numberOf(all)
  }

  protected attribute(bytes: Uint8Array, start: number, end: number): void {
    const valueStart = plainValueStart(bytes, start, end)
    if (valueStart === 0) this.attributeInAnyForm(bytes, start, end)
    else {
      const key = this.keys.find(this.view, start + 2, bytes[start + 1])
      if (key >= 0) this.keep(key, valueStart, end)
    }
  }

  private attributeInAnyForm(bytes: Uint8Array, start: number, end: number): void {
    let key = -1
    let valueStart = 0
    let valueEnd = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === 1) key = this.keys.find(this.view, fields.start, fields.end - fields.start)
      else if (fields.number === 2 && fields.end > fields.start) {
        valueStart = fields.start
        valueEnd = fields.end
      }
    }
    if (key >= 0) this.keep(key, valueStart, valueEnd)
  }

  // The last one of a repeated key counts. An empty AnyValue is no value.
  private keep(key: number, valueStart: number, valueEnd: number): void {
    const found = this.found++
    if (found < FOUND_MAX) {
      this.foundKeys[found] = key
      this.foundStarts[found] = valueStart
      this.foundEnds[found] = valueEnd
    } else {
      if (found === FOUND_MAX) this.settle()
      this.put(key, valueStart, valueEnd)
    }
  }

  private put(key: number, valueStart: number, valueEnd: number): void {
    this.valueStarts[key] = valueStart
    this.valueEnds[key] = valueEnd
    this.stamps[key] = valueEnd > valueStart ? this.spanStamp : 0
    this.bits |= bitOf(key)
  }
}

// KeyValue { key = 1, value = 2 } in the form that encoders write: each once, in order, with the shortest lengths. Returns where the value begins,
// or 0 for another form.
function plainValueStart(bytes: Uint8Array, start: number, end: number): number {
  const keyLength = bytes[start + 1]
  const at = start + 2 + keyLength
  if (bytes[start] !== 0x0a || keyLength > 127 || at + 2 > end || bytes[at] !== 0x12) return 0
  const length = bytes[at + 1]
  if (length < 128) return at + 2 + length === end ? at + 2 : 0
  const more = bytes[at + 2]
  return more < 128 && at + 3 + ((length & 127) | (more << 7)) === end ? at + 3 : 0
}
