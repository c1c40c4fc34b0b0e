// Goes through a request to the places where the engine sees something, and nowhere else. One pass of the automaton over the raw bytes tells
// where that is; a message without such a place is stepped over as a whole.
import { Patch } from '../../otlp/patch.ts'
import { type Field, MESSAGES, type MessageName } from '../../otlp/schema.ts'
import { type OtlpSignal, SHAPES } from '../../otlp/signal.ts'
import { BYTES, Fields, lengthDelimited, VARINT } from '../../otlp/wire.ts'
import type { Engine } from './engine.ts'
import type { KeyKind } from './keys.ts'
import { type ProfileTables, profileTables } from './profiles.ts'

// What to do with a length-delimited field, by its number.
const UNKNOWN = 0
const SKIP = 1
const TEXT = 2
const TRACE_STATE = 3
const MESSAGE = 4
const ATTRIBUTE = 5
const PAYLOAD = 6

class Layout {
  readonly actions: number[] = []
  readonly children: (Layout | undefined)[] = []

  action(number: number): number {
    return this.actions[number] ?? UNKNOWN
  }
}

const layouts = new Map<MessageName, Layout>()

function layoutOf(name: MessageName): Layout {
  const known = layouts.get(name)
  if (known !== undefined) return known
  const layout = new Layout()
  layouts.set(name, layout)
  for (const [jsonName, field] of Object.entries(MESSAGES[name])) {
    layout.actions[field.number] = actionOf(jsonName, field)
    if (field.message !== undefined) layout.children[field.number] = childOf(name, field.message)
  }
  return layout
}

function actionOf(jsonName: string, { scalar, message }: Field): number {
  if (message !== undefined) return message === 'KeyValue' ? ATTRIBUTE : MESSAGE
  if (jsonName === 'traceState') return TRACE_STATE
  return scalar === 'string' || scalar === 'bytes' ? TEXT : SKIP
}

function childOf(parent: MessageName, message: MessageName): Layout {
  if (message !== 'Opaque') return layoutOf(message)
  return parent === 'ScopeProfiles' ? PROFILE : DICTIONARY
}

const ANY_VALUE = layoutOf('AnyValue')

// The wire (v1development, whose numbers still move): ProfilesDictionary { mapping, location, function, link tables = 1 to 4, repeated string
// string_table = 5, repeated attribute attribute_table = 6, stack_table or attribute_units = 7 }. The first four and the last hold numbers.
const DICTIONARY = new Layout()
DICTIONARY.actions.push(UNKNOWN, SKIP, SKIP, SKIP, SKIP, TEXT, ATTRIBUTE, SKIP)
// Profile: everything is numbers and indices, but for original_payload and its format, which have stood at 9 to 13.
const PROFILE = new Layout()
PROFILE.actions.push(UNKNOWN, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, SKIP, PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD, PAYLOAD)
/** An original payload is in a format of its own, mostly compressed: nobody can tell what is in it, so from this size on it is taken out. */
const PAYLOAD_BYTES_MIN = 256

const NOTHING = new Uint8Array(0)
const NEVER = Number.POSITIVE_INFINITY
const SMALL_NUMBER = 10_000

/** Redacts requests, one after the other. */
export class Walk {
  private readonly engine: Engine
  private readonly patch = new Patch()
  // One reader per depth.
  private readonly readers: Fields[] = []
  private readonly values = new Map<KeyKind, Buffer>()
  private bytes: Uint8Array = NOTHING
  /** Behind the start of the next place that deserves a look. */
  private hit = NEVER
  private tables: ProfileTables | null = null
  private stringIndex = 0

  constructor(engine: Engine) {
    this.engine = engine
  }

  /** The request with all secrets replaced; the very same bytes when there are none. */
  redact(signal: OtlpSignal, bytes: Uint8Array): Uint8Array {
    this.bytes = bytes
    this.tables = signal === 'profiles' ? profileTables(bytes, this.engine) : null
    this.stringIndex = 0
    this.seek(0)
    if (this.hit === NEVER && this.tables === null) return bytes
    this.patch.open(bytes)
    try {
      this.message(layoutOf(SHAPES[signal].request), 0, bytes.length, 0)
      return this.patch.finish()
    } finally {
      this.bytes = NOTHING
    }
  }

  private seek(from: number): void {
    const hit = this.engine.next(this.bytes, from, this.bytes.length)
    this.hit = hit < 0 ? NEVER : hit
  }

  // True when there may be something in [start, end). A hit in what was stepped over (tags, lengths, numbers) is passed first.
  private deservesLook(start: number, end: number): boolean {
    if (this.tables !== null) return true
    if (this.hit <= start) this.seek(start)
    return this.hit <= end
  }

  private reader(depth: number): Fields {
    this.readers[depth] ??= new Fields()
    return this.readers[depth]
  }

  private message(layout: Layout, start: number, end: number, depth: number): void {
    const fields = this.reader(depth).open(this.bytes, start, end)
    while (fields.next()) {
      if (fields.type !== BYTES) continue
      const action = layout.action(fields.number)
      if (action === SKIP || (action !== PAYLOAD && !this.deservesLook(fields.start, fields.end))) continue
      switch (action) {
        case TEXT:
          this.string(layout, fields)
          break
        case TRACE_STATE:
          this.traceState(fields)
          break
        case MESSAGE:
          this.patch.enter(fields.tagStart, fields.start, fields.end)
          this.message(layout.children[fields.number]!, fields.start, fields.end, depth + 1)
          this.patch.leave()
          break
        case ATTRIBUTE:
          if (this.isHitInDouble(fields.start, fields.end)) break
          this.patch.enter(fields.tagStart, fields.start, fields.end)
          this.attribute(fields.start, fields.end, depth + 1)
          this.patch.leave()
          break
        case PAYLOAD:
          if (fields.end - fields.start >= PAYLOAD_BYTES_MIN) this.cut(fields, 'original-payload')
          else this.unknown(fields)
          break
        default:
          this.unknown(fields)
      }
    }
  }

  // KeyValue { key = 1, value = 2 } of an AnyValue { double_value = 4 }, in the form that encoders write. The last byte of most doubles is an at sign,
  // and the first hit being among their eight bytes, there is none in the key.
  private isHitInDouble(start: number, end: number): boolean {
    const { bytes } = this
    if (this.hit <= end - 8 || this.tables !== null || bytes[start] !== 0x0a || bytes[start + 1] > 127) return false
    return end - start === 13 + bytes[start + 1] && bytes[end - 11] === 0x12 && bytes[end - 10] === 9 && bytes[end - 9] === 0x21
  }

  private string(layout: Layout, fields: Fields): void {
    if (layout === DICTIONARY && this.tables?.hiddenStrings.has(this.stringIndex++)) {
      if (this.engine.isHarmless(this.bytes, fields.start, fields.end)) return
      this.engine.counted('profile-attribute')
      this.content(fields, this.engine.marker('profile-attribute'))
      return
    }
    const redacted = this.engine.redact(this.bytes, fields.start, fields.end)
    if (redacted !== null) this.content(fields, redacted)
  }

  private content(fields: Fields, by: Uint8Array): void {
    this.patch.enter(fields.tagStart, fields.start, fields.end)
    this.patch.replace(fields.start, fields.end, by)
    this.patch.leave()
  }

  private cut(fields: Fields, rule: string): void {
    this.patch.replace(fields.tagStart, fields.end, NOTHING)
    this.engine.counted(rule)
  }

  // A field that OTLP does not know may be text or a message; so it stays as a whole or goes as a whole.
  private unknown(fields: Fields): void {
    if (this.engine.redact(this.bytes, fields.start, fields.end) !== null) this.cut(fields, 'unknown-field')
  }

  // KeyValue { key = 1, value = 2; in profiles also key_strindex = 1 or 3 }. The key may come after the value.
  private attribute(start: number, end: number, depth: number): void {
    const kind = this.kindOfKey(start, end, depth)
    const fields = this.reader(depth).open(this.bytes, start, end)
    while (fields.next()) {
      if (fields.type !== BYTES) continue
      if (fields.number === 2 && kind !== null) {
        if (this.isHarmlessValue(fields.start, fields.end, depth + 1)) continue
        this.engine.counted(kind)
        this.patch.replace(fields.tagStart, fields.end, this.hiddenValue(kind))
      } else if (this.deservesLook(fields.start, fields.end)) {
        if (fields.number === 1) this.string(ANY_VALUE, fields)
        else if (fields.number === 2) {
          this.patch.enter(fields.tagStart, fields.start, fields.end)
          this.message(ANY_VALUE, fields.start, fields.end, depth + 1)
          this.patch.leave()
        } else this.unknown(fields)
      }
    }
  }

  private kindOfKey(start: number, end: number, depth: number): KeyKind | null {
    const fields = this.reader(depth).open(this.bytes, start, end)
    let kind: KeyKind | null = null
    while (fields.next()) {
      if (fields.number === 1 && fields.type === BYTES) kind = this.engine.judgeKey(this.bytes, fields.start, fields.end) ?? kind
      else if (this.tables !== null && fields.type === VARINT && (fields.number === 1 || fields.number === 3)) {
        kind = this.tables.sensitiveKeys.get(fields.uint()) ?? kind
      }
    }
    return kind
  }

  // An AnyValue that tells nothing although its key is sensitive: empty, a flag, a small number, a placeholder, or masked already.
  private isHarmlessValue(start: number, end: number, depth: number): boolean {
    const fields = this.reader(depth).open(this.bytes, start, end)
    while (fields.next()) {
      if (fields.type === VARINT && (fields.number === 2 || (fields.number === 3 && fields.uint() < SMALL_NUMBER))) continue
      if (fields.type === BYTES && (fields.start === fields.end || this.engine.isHarmless(this.bytes, fields.start, fields.end))) continue
      if (fields.type === VARINT && fields.number === 8 && this.tables !== null) continue
      return false
    }
    return true
  }

  private hiddenValue(kind: KeyKind): Buffer {
    let value = this.values.get(kind)
    if (value === undefined) {
      value = lengthDelimited(2, lengthDelimited(1, this.engine.marker(kind)))
      this.values.set(kind, value)
    }
    return value
  }

  // tracestate: key=value,key=value. A marker may stand in a value; a member with a secret in its key is left out.
  private traceState(fields: Fields): void {
    const { bytes, engine } = this
    const members: Uint8Array[] = []
    let changed = false
    for (let at = fields.start; at <= fields.end; ) {
      const comma = bytes.indexOf(44, at)
      const end = comma < 0 || comma > fields.end ? fields.end : comma
      const redacted = engine.redact(bytes, at, end)
      if (redacted === null) members.push(bytes.subarray(at, end))
      else {
        changed = true
        const equals = bytes.indexOf(61, at) + 1 - at
        if (equals > 0 && at + equals <= end && Buffer.compare(bytes.subarray(at, at + equals), redacted.subarray(0, equals)) === 0) {
          members.push(redacted)
        }
      }
      at = end + 1
    }
    if (changed) this.content(fields, joined(members))
  }
}

function joined(members: readonly Uint8Array[]): Buffer {
  const comma = Buffer.from(',')
  return Buffer.concat(members.flatMap((member, i) => (i === 0 ? [member] : [comma, member])))
}
