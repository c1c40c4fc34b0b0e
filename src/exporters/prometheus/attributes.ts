import { BYTES, FIXED64, Fields, VARINT } from '../../otlp/wire.ts'

/** An attribute in the form of a label: anything but a string is its JSON. */
export type Attribute = readonly [key: string, value: string]

/** The attributes among the fields of a message, sorted by key. */
export function readAttributes(bytes: Buffer, start: number, end: number, number: number): Attribute[] {
  const found: Attribute[] = []
  const fields = new Fields().open(bytes, start, end)
  while (fields.next()) if (fields.number === number && fields.type === BYTES) found.push(readAttribute(bytes, fields.start, fields.end))
  return found.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
}

// The wire: KeyValue { key = 1, AnyValue value = 2 }
function readAttribute(bytes: Buffer, start: number, end: number): Attribute {
  const fields = new Fields().open(bytes, start, end)
  let key = ''
  let value: unknown = ''
  while (fields.next()) {
    if (fields.type !== BYTES) continue
    if (fields.number === 1) key = bytes.toString('utf8', fields.start, fields.end)
    else if (fields.number === 2) value = readAnyValue(bytes, fields.start, fields.end)
  }
  return [key, typeof value === 'string' ? value : jsonOf(value)]
}

// The wire: AnyValue { oneof: string = 1, bool = 2 varint, int = 3 varint, double = 4 fixed64, array = 5 { values = 1 },
// kvlist = 6 { KeyValue values = 1 }, bytes = 7 }. No deeper than a checked request can be.
function readAnyValue(bytes: Buffer, start: number, end: number): unknown {
  const fields = new Fields().open(bytes, start, end)
  let value: unknown = ''
  while (fields.next()) {
    const { number, type } = fields
    if (type === BYTES) {
      if (number === 1) value = bytes.toString('utf8', fields.start, fields.end)
      else if (number === 5) value = readArray(bytes, fields.start, fields.end)
      else if (number === 6) value = Object.fromEntries(readEntries(bytes, fields.start, fields.end))
      else if (number === 7) value = bytes.toString('base64', fields.start, fields.end)
    } else if (type === VARINT) {
      if (number === 2) value = fields.low !== 0
      else if (number === 3) value = BigInt.asIntN(64, (BigInt(fields.high) << 32n) | BigInt(fields.low))
    } else if (type === FIXED64 && number === 4) value = bytes.readDoubleLE(fields.start)
  }
  return value
}

function readArray(bytes: Buffer, start: number, end: number): unknown[] {
  const fields = new Fields().open(bytes, start, end)
  const values: unknown[] = []
  while (fields.next()) if (fields.number === 1 && fields.type === BYTES) values.push(readAnyValue(bytes, fields.start, fields.end))
  return values
}

function readEntries(bytes: Buffer, start: number, end: number): [string, unknown][] {
  const outer = new Fields().open(bytes, start, end)
  const fields = new Fields()
  const entries: [string, unknown][] = []
  while (outer.next()) {
    if (outer.number !== 1 || outer.type !== BYTES) continue
    const entry: [string, unknown] = ['', '']
    fields.open(bytes, outer.start, outer.end)
    while (fields.next()) {
      if (fields.type !== BYTES) continue
      if (fields.number === 1) entry[0] = bytes.toString('utf8', fields.start, fields.end)
      else if (fields.number === 2) entry[1] = readAnyValue(bytes, fields.start, fields.end)
    }
    entries.push(entry)
  }
  return entries
}

// JSON.stringify knows no bigint, and turns what is not finite into null.
function jsonOf(value: unknown): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value === 'number')
    return Number.isFinite(value) ? String(value) : Number.isNaN(value) ? 'NaN' : value > 0 ? 'Infinity' : '-Infinity'
  if (Array.isArray(value)) return `[${value.map(inner).join(',')}]`
  if (typeof value !== 'object' || value === null) return String(value)
  return `{${Object.entries(value).map(([key, item]) => `${JSON.stringify(key)}:${inner(item)}`)}}`
}

function inner(value: unknown): string {
  return typeof value === 'string' || (typeof value === 'number' && !Number.isFinite(value)) ? JSON.stringify(String(value)) : jsonOf(value)
}
