import type { JsonField } from './json-layout.ts'
import { integerHigh, integerLow, readDouble, readDoubleName, readInteger, readWholeNumber } from './json-number.ts'
import { HEX_VALUE, type JsonScanner, MINUS, QUOTE, unescapeInto } from './json-scanner.ts'
import { FIELD_BYTES_MAX, type MessageWriter } from './message-writer.ts'

/**
 * Reads the scalar that is next and writes its field, or its value alone if it is one of a packed list. A zero is written if `writeZero`. Throws
 * JsonFault on what the field cannot hold.
 */
export function readScalar(scanner: JsonScanner, out: MessageWriter, field: JsonField, writeZero: boolean): void {
  out.reserve(FIELD_BYTES_MAX)
  switch (field.kind) {
    case 'string':
      readString(scanner, out, field, writeZero)
      return
    case 'id16':
      readId(scanner, out, field, 16, writeZero)
      return
    case 'id8':
      readId(scanner, out, field, 8, writeZero)
      return
    case 'bytes':
      readBytes(scanner, out, field, writeZero)
      return
    case 'bool': {
      const value = scanner.peek() === 0x74
      if (!value && scanner.peek() !== 0x66) throw scanner.unexpected('true or false')
      scanner.word(value ? 'true' : 'false')
      if (value || writeZero) writeVarint(out, field, value ? 1 : 0)
      return
    }
    case 'double': {
      const value = doubleNext(scanner)
      // Minus zero is not the zero that goes without saying.
      if (!writeZero && Object.is(value, 0)) return
      writeTag(out, field)
      out.double(value)
      return
    }
    case 'uint64':
    case 'fixed64':
      integerNext(scanner, false, 'an integer from 0 to 2^64-1')
      break
    case 'int64':
    case 'sfixed64':
      integerNext(scanner, true, 'an integer from -2^63 to 2^63-1')
      break
    case 'uint32':
    case 'fixed32':
      integerNext(scanner, false, UINT32)
      if (integerHigh() !== 0) throw scanner.mismatch(UINT32)
      break
    case 'enum':
      if (field.names !== undefined && scanner.peek() === QUOTE && readEnumName(scanner, out, field, writeZero)) return
      readInt32(scanner, 'an enum number or name')
      break
    default:
      readInt32(scanner, 'an integer from -2^31 to 2^31-1')
  }
  const low = integerLow()
  const high = integerHigh()
  if (low === 0 && high === 0 && !writeZero) return
  switch (field.kind) {
    case 'fixed64':
    case 'sfixed64':
      writeTag(out, field)
      out.fixed32(low)
      out.fixed32(high)
      return
    case 'fixed32':
      writeTag(out, field)
      out.fixed32(low)
      return
    case 'sint32':
      // Zigzag: the sign goes to the lowest bit, so that small negatives stay short.
      writeVarint(out, field, ((low << 1) ^ (low >> 31)) >>> 0)
      return
    default:
      writeTag(out, field)
      out.varint64(low, high)
  }
}

const UINT32 = 'an integer from 0 to 2^32-1'

function readInt32(scanner: JsonScanner, expected: string): void {
  integerNext(scanner, true, expected)
  const low = integerLow()
  if (integerHigh() !== (low > 0x7fff_ffff ? 0xffff_ffff : 0)) throw scanner.mismatch(expected)
}

// Reads an integer, as a number or in a string, into integerLow and integerHigh.
function integerNext(scanner: JsonScanner, signed: boolean, expected: string): void {
  const first = scanner.peek()
  if (first === QUOTE) scanner.string()
  else if (first === MINUS || (first >= 0x30 && first <= 0x39)) scanner.number()
  else throw scanner.unexpected(expected)
  if (!scanner.escaped && readInteger(scanner.text, scanner.start, scanner.end, signed)) return
  if (readWholeNumber(scanner.token(), signed)) return
  throw scanner.mismatch(expected)
}

function doubleNext(scanner: JsonScanner): number {
  const first = scanner.peek()
  if (first === QUOTE) {
    scanner.string()
    const value = readDoubleName(scanner.token())
    if (value === undefined) throw scanner.mismatch('a number, "NaN", "Infinity" or "-Infinity"')
    return value
  }
  if (first !== MINUS && (first < 0x30 || first > 0x39)) throw scanner.unexpected('a number')
  scanner.number()
  const value = readDouble(scanner.text, scanner.start, scanner.end)
  if (!Number.isFinite(value)) throw scanner.mismatch('a number that fits 64 bits')
  return value
}

function readEnumName(scanner: JsonScanner, out: MessageWriter, field: JsonField, writeZero: boolean): boolean {
  const before = scanner.pos
  scanner.string()
  const value = field.names?.get(scanner.token())
  if (value === undefined) {
    scanner.pos = before
    return false
  }
  if (value !== 0 || writeZero) writeVarint(out, field, value)
  return true
}

function stringNext(scanner: JsonScanner, expected: string): void {
  if (scanner.peek() !== QUOTE) throw scanner.unexpected(expected)
  scanner.string()
}

function readString(scanner: JsonScanner, out: MessageWriter, field: JsonField, writeZero: boolean): void {
  stringNext(scanner, 'a string')
  const { text, start, end } = scanner
  const size = end - start
  if (size === 0 && !writeZero) return
  out.reserve(size + FIELD_BYTES_MAX)
  if (scanner.escaped) {
    const at = out.openLength(field.tag)
    out.length = unescapeInto(out.bytes, out.length, text, start, end)
    out.closeLength(at)
    return
  }
  out.varint(field.tag)
  out.varint(size)
  out.copy(text, start, end)
}

function readId(scanner: JsonScanner, out: MessageWriter, field: JsonField, size: number, writeZero: boolean): void {
  stringNext(scanner, `${size * 2} hex digits`)
  const { text, start, end } = scanner
  if (start === end && !writeZero) return
  if (end - start === size * 2 && !scanner.escaped) {
    out.varint(field.tag)
    out.varint(size)
    for (let i = start; i < end; i += 2) {
      const upper = HEX_VALUE[text[i]]
      const lower = HEX_VALUE[text[i + 1]]
      if ((upper | lower) > 15) throw scanner.mismatch(`${size * 2} hex digits`)
      out.bytes[out.length++] = (upper << 4) | lower
    }
    return
  }
  // Senders that print protobuf with a general JSON printer write ids as base64; the length tells.
  const token = scanner.token()
  const id = BASE64.test(token) && token.length > size ? Buffer.from(token, token.length === size * 2 ? 'hex' : 'base64') : Buffer.alloc(0)
  if (id.length !== size && token !== '') throw scanner.mismatch(`${size * 2} hex digits`, `a string of ${token.length} characters`)
  writeContent(out, field, id)
}

function readBytes(scanner: JsonScanner, out: MessageWriter, field: JsonField, writeZero: boolean): void {
  stringNext(scanner, 'a string of base64')
  const token = scanner.token()
  if (token === '' && !writeZero) return
  const content = Buffer.from(token, 'base64')
  // The decoder skips what it does not know; what is whole base64 has a length that follows from the text's.
  const digits = token.length - (token.endsWith('==') ? 2 : token.endsWith('=') ? 1 : 0)
  if (digits % 4 === 1 || !BASE64.test(token)) throw scanner.mismatch('base64')
  writeContent(out, field, content)
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/

function writeContent(out: MessageWriter, field: JsonField, content: Buffer): void {
  out.reserve(content.length + FIELD_BYTES_MAX)
  out.varint(field.tag)
  out.varint(content.length)
  out.copy(content, 0, content.length)
}

function writeTag(out: MessageWriter, field: JsonField): void {
  if (!field.repeated) out.varint(field.tag)
}

function writeVarint(out: MessageWriter, field: JsonField, value: number): void {
  writeTag(out, field)
  out.varint(value)
}
