import protobuf from 'protobufjs'
import { type OtlpSignal, SHAPES } from '../../src/otlp/signal.ts'
import type { Plain } from './judge.ts'
import { judge } from './proto.ts'
import type { Tape } from './tape.ts'

/** A request as OTLP/JSON, in one of the many spellings that mean the same and that senders use. */
export function jsonRequest(signal: OtlpSignal, message: Plain, tape: Tape): string {
  return object(judge(SHAPES[signal].request), message, tape)
}

function object(type: protobuf.Type, message: Plain, tape: Tape): string {
  const members: string[] = []
  const add = (key: string, value: string): void => {
    members.push(`${space(tape)}${quoted(key, tape)}${space(tape)}:${space(tape)}${value}${space(tape)}`)
  }
  for (const field of type.fieldsArray) {
    const name = tape.oneIn(4) ? field.name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : field.name
    field.resolve()
    if (tape.oneIn(20)) add(tape.pick(['unknown', '', 'Name', 'toString', '__proto__', `${name}x`]), anything(tape, 0))
    const there = Object.hasOwn(message, field.name) && !(Array.isArray(message[field.name]) && (message[field.name] as []).length === 0)
    if (there) add(name, listOrSingle(field, message[field.name], tape))
    else if (tape.oneIn(10)) add(name, absent(field, tape))
  }
  // The last of two members of a oneof counts, and lists are joined in their order, so only the order between keys is free.
  if (tape.oneIn(3)) members.reverse()
  return `{${members.join(',') || space(tape)}}`
}

// Ways to say that a field is not there. A zero is one where presence does not count.
function absent(field: protobuf.Field, tape: Tape): string {
  if (field.repeated && tape.oneIn(2)) return '[]'
  if (field.repeated || field.hasPresence || field.resolvedType instanceof protobuf.Type || tape.oneIn(2)) return 'null'
  if (field.type === 'string' || field.type === 'bytes') return '""'
  if (field.type === 'bool') return 'false'
  return tape.pick(['0', '"0"', '0.0', '-0e1'].slice(0, field.type === 'double' ? 3 : 4))
}

function listOrSingle(field: protobuf.Field, value: unknown, tape: Tape): string {
  if (!field.repeated) return single(field, value, tape)
  return `[${(value as unknown[]).map((each) => space(tape) + single(field, each, tape)).join(`${space(tape)},`)}]`
}

function single(field: protobuf.Field, value: unknown, tape: Tape): string {
  const { resolvedType, type, name } = field
  if (resolvedType instanceof protobuf.Type) return object(resolvedType, value as Plain, tape)
  if (resolvedType instanceof protobuf.Enum && tape.oneIn(3)) {
    const label = resolvedType.valuesById[value as number]
    if (label !== undefined) return quoted(label, tape)
  }
  if (type === 'string') return quoted(value as string, tape)
  if (type === 'bytes') return quoted(bytesText(name, Buffer.from(value as Uint8Array), tape), tape)
  if (type === 'bool') return String(value)
  const digits = type === 'double' ? double(value as number, tape) : integer(String(value), tape)
  return tape.oneIn(3) || /[IN]/.test(digits) ? quoted(digits, tape) : digits
}

function bytesText(name: string, bytes: Buffer, tape: Tape): string {
  const isId = name === 'traceId' || name.endsWith('panId')
  if (isId && !tape.oneIn(4)) return tape.oneIn(4) ? bytes.toString('hex').toUpperCase() : bytes.toString('hex')
  const base64 = bytes.toString(tape.oneIn(3) ? 'base64url' : 'base64')
  return tape.oneIn(3) ? base64.replace(/=+$/, '') : base64
}

function integer(digits: string, tape: Tape): string {
  if (digits === '0') return digits
  switch (tape.below(12)) {
    case 9:
      return `${digits}.0`
    case 10:
      return `${digits}e0`
    case 11:
      return `${digits}00E-2`
    default:
      return digits
  }
}

function double(value: number, tape: Tape): string {
  if (Object.is(value, -0)) return '-0'
  return tape.oneIn(4) && Number.isFinite(value) ? value.toExponential() : String(value)
}

function quoted(text: string, tape: Tape): string {
  const plain = JSON.stringify(text)
  if (!tape.oneIn(6)) return plain
  // Any character may be escaped; those that must be are.
  let out = ''
  for (const unit of text.split('')) {
    const way = tape.below(3)
    const code = unit.charCodeAt(0).toString(16).padStart(4, '0')
    if (way === 0) out += `\\u${tape.oneIn(2) ? code.toUpperCase() : code}`
    else if (unit === '/' && way === 1) out += '\\/'
    else out += /[\ud800-\udfff]/.test(unit) ? `\\u${code}` : JSON.stringify(unit).slice(1, -1)
  }
  return `"${out}"`
}

const space = (tape: Tape): string => (tape.oneIn(12) ? tape.pick([' ', '\n', '\t\r\n', '  ']) : '')

/** Any JSON value. */
function anything(tape: Tape, depth: number): string {
  const kind = tape.below(depth > 6 ? 6 : 8)
  if (kind < 6) return tape.pick(['null', 'true', 'false', '"\\ud83d\\"x"', '-12.5e+3', '0'])
  const inner = Array.from({ length: tape.below(4) }, () => anything(tape, depth + 1))
  return kind === 6 ? `[${inner.join()}]` : `{${inner.map((value, index) => `"name${index || ''}":${value}`).join()}}`
}
