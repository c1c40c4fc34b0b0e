// Goes through a request to the places where the engine sees something, and nowhere else. One pass of the automaton over the raw bytes tells
// where that is; a message without such a place is stepped over as a whole.
import { Patch } from '../../otlp/patch.ts'
import { type OtlpSignal, SHAPES } from '../../otlp/signal.ts'
import { BYTES, Fields, lengthDelimited, VARINT } from '../../otlp/wire.ts'
import { latin1 } from './bytes.ts'
import type { Engine } from './engine.ts'
import { isOption, isValueKey, kindOfOption, kindOfPair, plainValue } from './key-values.ts'
import type { KeyKind } from './key-words.ts'
import {
  ANY_VALUE,
  ARRAY,
  ATTRIBUTE,
  DICTIONARY,
  KEY_VALUES,
  type Layout,
  layoutOf,
  MESSAGE,
  PAYLOAD,
  RESOURCE_LOGS,
  SCOPE_LOGS,
  SKIP,
  TEXT,
  TRACE_STATE
} from './layout.ts'
import { isCardNumber } from './people.ts'
import type { Policies, SignalPolicy } from './policy.ts'
import { type ProfileTables, profileTables } from './profiles.ts'
import type { RecordKeys } from './record-keys.ts'
import { Seeker } from './seeker.ts'
import { redactTraceState } from './trace-state.ts'

/** An original payload is in a format of its own, mostly compressed: nobody can tell what is in it, so from this size on it is taken out. */
const PAYLOAD_BYTES_MIN = 256
const NOTHING = new Uint8Array(0)
const SMALL_NUMBER = 10_000
/** What a walk into an attribute costs, in bytes looked at. */
const WORK_PER_ATTRIBUTE = 80
const WORK_PER_HIDDEN = 360

/** Redacts requests, one after the other. */
export class Walk {
  private readonly engine: Engine
  private readonly policies: Policies
  private readonly recordKeys: RecordKeys
  private readonly seeker: Seeker
  private readonly patch = new Patch()
  // One reader per depth.
  private readonly readers: Fields[] = []
  private bytes: Uint8Array = NOTHING
  private policy: SignalPolicy
  /** What takes the place of any value under a key of its kind, where nothing of the value is told. */
  private readonly masks = new Map<KeyKind, Buffer>()
  /** Names of the attributes around, with a dot behind; kept only where some attribute has a policy of its own. */
  private path = ''
  private tables: ProfileTables | null = null
  private stringIndex = 0
  /** There is nothing to be taken out of the keys that `kindOfKey` read. */
  private isKeyClean = false
  /** The text that was replaced last is gone without a trace. */
  private isEmptied = false

  constructor(engine: Engine, policies: Policies, recordKeys: RecordKeys) {
    this.engine = engine
    this.policies = policies
    this.recordKeys = recordKeys
    this.policy = policies.of('traces')
    this.seeker = new Seeker(engine.heads, true)
  }

  /** The request with all secrets replaced; the very same bytes when there are none. `signal` names the policy, `form` the shape of the request. */
  redact(signal: string, form: OtlpSignal, bytes: Uint8Array): Uint8Array {
    const { engine, seeker, recordKeys } = this
    this.policy = this.policies.of(signal)
    engine.begin(signal, this.policy.everywhere, bytes.length)
    if (engine.treatment.allowsAll && !this.policy.hasAttributes) return bytes
    this.tables = form === 'profiles' ? profileTables(bytes, engine) : null
    const isClean = !seeker.open(bytes)
    recordKeys.begin(signal, bytes)
    if (isClean && this.tables === null && !recordKeys.wants) return bytes
    this.bytes = bytes
    this.stringIndex = 0
    this.path = ''
    this.patch.open(bytes)
    try {
      this.message(layoutOf(SHAPES[form].request), 0, bytes.length, 0, null)
      return this.patch.finish()
    } finally {
      this.bytes = NOTHING
      seeker.close()
      recordKeys.end()
    }
  }

  private deservesLook(start: number, end: number): boolean {
    return this.tables !== null || this.recordKeys.wants || this.seeker.deservesLook(start, end)
  }

  private reader(depth: number): Fields {
    this.readers[depth] ??= new Fields()
    return this.readers[depth]
  }

  // `pair` is what a name in this list says of the value beside it.
  private message(layout: Layout, start: number, end: number, depth: number, pair: KeyKind | null): void {
    const { engine } = this
    const outside = engine.place
    const fields = this.reader(depth).open(this.bytes, start, end)
    let option: KeyKind | null = null
    while (fields.next()) {
      const { number } = fields
      if (fields.type !== BYTES) {
        if (layout === ANY_VALUE && number === 3 && fields.type === VARINT) this.integer(fields)
        continue
      }
      const action = layout.action(number)
      if (action === SKIP || (option === null && pair === null && action !== PAYLOAD && !this.deservesLook(fields.start, fields.end)))
        continue
      engine.place = layout.places[number] ?? outside
      if (engine.isSpent) this.unlooked(layout, fields, action, depth)
      else if (action === MESSAGE) option = layout === ARRAY ? this.element(fields, option, depth) : this.child(layout, fields, depth)
      else if (action === ATTRIBUTE) this.attributeIn(fields, depth, pair)
      else if (action === TEXT) this.string(layout, fields)
      else if (action === TRACE_STATE) this.traceState(fields)
      else if (action !== PAYLOAD || fields.end - fields.start < PAYLOAD_BYTES_MIN) this.unknown(fields)
      else this.cut(fields, 'original-payload')
      engine.place = outside
    }
  }

  private child(layout: Layout, fields: Fields, depth: number): null {
    const child = layout.children[fields.number] as Layout
    const { start, end } = fields
    this.patch.enter(fields.tagStart, start, end)
    if (child === RESOURCE_LOGS) this.recordKeys.enterResource(start, end)
    else if (child === SCOPE_LOGS) this.recordKeys.enterScope(start, end)
    if (this.engine.place === 'body' && layout !== ANY_VALUE) this.recordKeys.enterBody()
    const pair = child === KEY_VALUES ? kindOfPair(this.bytes, start, end, this.engine) : null
    this.message(child, start, end, depth + 1, pair)
    if (child === SCOPE_LOGS) this.recordKeys.leaveScope()
    this.patch.leave()
    return null
  }

  // An element of a list; what it says of the next one when it is an option of a command line.
  private element(fields: Fields, option: KeyKind | null, depth: number): KeyKind | null {
    const { bytes, engine } = this
    const { start, end } = fields
    const next = kindOfOption(bytes, start, end, engine)
    if (
      option === null ||
      isOption(bytes, start, end) ||
      engine.treatment.allows(option) ||
      this.isHarmlessValue(option, start, end, depth + 1)
    ) {
      if (this.deservesLook(start, end)) {
        this.patch.enter(fields.tagStart, start, end)
        this.message(ANY_VALUE, start, end, depth + 1, null)
        this.patch.leave()
      }
      return next
    }
    engine.counted(option)
    this.patch.replace(fields.tagStart, end, lengthDelimited(1, this.hiddenValue(option, start, end)))
    return null
  }

  private attributeIn(fields: Fields, depth: number, pair: KeyKind | null): void {
    if (this.isHitInDouble(fields.start, fields.end)) return
    this.patch.enter(fields.tagStart, fields.start, fields.end)
    if (this.attribute(fields.start, fields.end, depth + 1, pair)) this.patch.leaveAndCut()
    else this.patch.leave()
  }

  // KeyValue { key = 1, value = 2 } of an AnyValue { double_value = 4 }, in the form that encoders write. The last byte of most doubles is an at sign,
  // and the first hit being among their eight bytes, there is none in the key.
  private isHitInDouble(start: number, end: number): boolean {
    const { bytes } = this
    if (this.tables !== null || this.recordKeys.wants || this.seeker.hit <= end - 8 || bytes[start] !== 0x0a || bytes[start + 1] > 127)
      return false
    return end - start === 13 + bytes[start + 1] && bytes[end - 11] === 0x12 && bytes[end - 10] === 9 && bytes[end - 9] === 0x21
  }

  private string(layout: Layout, fields: Fields): void {
    const { bytes, engine } = this
    const { start, end } = fields
    if (layout === DICTIONARY && this.tables?.hiddenStrings.has(this.stringIndex++)) {
      if (engine.isHarmless(null, bytes, start, end)) return
      engine.counted('profile-attribute')
      this.content(fields, engine.hiding('profile-attribute', bytes, start, end))
      return
    }
    const redacted = engine.place === 'body' ? this.recordKeys.redact(start, end) : engine.redact(bytes, start, end)
    if (redacted === null) return
    this.isEmptied = redacted.length === 0
    this.content(fields, redacted)
  }

  // A number has no room for a marker, so a text takes its place.
  private integer({ tagStart, end, high, low }: Fields): void {
    const { engine } = this
    if (!engine.heads.findsCards || engine.treatment.allows('card') || !isCardNumber(high, low)) return
    engine.counted('card')
    const digits = Buffer.from(String(high * 2 ** 32 + low))
    const by = engine.hiding('card', digits, 0, digits.length)
    this.isEmptied = by.length === 0
    this.patch.replace(tagStart, end, lengthDelimited(1, by))
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

  // The request has used up its work: what deserves a look goes without one.
  private unlooked(layout: Layout, fields: Fields, action: number, depth: number): void {
    const { engine } = this
    const child = layout.children[fields.number]
    if (action === MESSAGE && child !== ANY_VALUE) {
      this.child(layout, fields, depth)
      return
    }
    engine.ranOut()
    if (action === TEXT) this.content(fields, engine.marker('over-budget'))
    else if (child === ANY_VALUE) this.content(fields, lengthDelimited(1, engine.marker('over-budget')))
    else this.patch.replace(fields.tagStart, fields.end, NOTHING)
  }

  // KeyValue { key = 1, value = 2; in profiles also key_strindex = 1 or 3 }. The key may come after the value. True when nothing is to be left of it.
  private attribute(start: number, end: number, depth: number, pair: KeyKind | null): boolean {
    const { engine, path } = this
    const { treatment } = engine
    engine.spend(WORK_PER_ATTRIBUTE)
    let kind = this.kindOfKey(start, end, depth, pair)
    const { isKeyClean } = this
    if (kind !== null && engine.treatment.allows(kind)) kind = null
    const own = engine.treatment
    const fields = this.reader(depth).open(this.bytes, start, end)
    let isCut = false
    while (fields.next()) {
      if (fields.type !== BYTES) continue
      engine.treatment = fields.number === 2 ? own : treatment.ofKeys
      if (fields.number === 2 && kind !== null) {
        if (this.isHarmlessValue(kind, fields.start, fields.end, depth + 1)) continue
        engine.counted(kind)
        const by = this.hiddenValue(kind, fields.start, fields.end)
        isCut ||= by.length === 0
        this.patch.replace(fields.tagStart, fields.end, lengthDelimited(2, by))
      } else if (this.deservesLook(fields.start, fields.end)) {
        if (fields.number === 1 && !isKeyClean) this.string(ANY_VALUE, fields)
        else if (fields.number === 1) continue
        else if (fields.number === 2) {
          this.patch.enter(fields.tagStart, fields.start, fields.end)
          this.isEmptied = false
          this.message(ANY_VALUE, fields.start, fields.end, depth + 1, null)
          isCut ||= this.isEmptied && this.bytes[fields.start] !== 0x2a && this.bytes[fields.start] !== 0x32
          this.patch.leave()
        } else this.unknown(fields)
      }
    }
    engine.treatment = treatment
    this.path = path
    return isCut
  }

  // What the key says, or the name beside it. Changes treatment and path to those of the value.
  private kindOfKey(start: number, end: number, depth: number, pair: KeyKind | null): KeyKind | null {
    const { bytes, engine, policy, path } = this
    const fields = this.reader(depth).open(bytes, start, end)
    let kind: KeyKind | null = null
    this.isKeyClean = true
    while (fields.next()) {
      if (fields.number === 1 && fields.type === BYTES) {
        kind = engine.judgeKey(bytes, fields.start, fields.end) ?? kind
        this.isKeyClean &&= engine.keyIsClean
        if (pair !== null && isValueKey(bytes, fields.start, fields.end)) kind ??= pair
        if (engine.place === 'body') this.recordKeys.enterKey(fields.start, fields.end)
        if (!policy.hasAttributes) continue
        const key = latin1(bytes, fields.start, fields.end)
        this.path = `${path}${key}.`
        engine.treatment = policy.of(path + key) ?? policy.of(key) ?? engine.treatment
      } else if (this.tables !== null && fields.type === VARINT && (fields.number === 1 || fields.number === 3)) {
        kind = this.tables.sensitiveKeys.get(fields.uint()) ?? kind
      }
    }
    return kind
  }

  // An AnyValue that tells nothing although its key is sensitive: empty, a flag, a small number, a placeholder, or masked already.
  private isHarmlessValue(kind: KeyKind, start: number, end: number, depth: number): boolean {
    const fields = this.reader(depth).open(this.bytes, start, end)
    while (fields.next()) {
      if (fields.type === VARINT && (fields.number === 2 || (fields.number === 3 && fields.uint() < SMALL_NUMBER))) continue
      if (fields.type === BYTES && (fields.start === fields.end || this.engine.isHarmless(kind, this.bytes, fields.start, fields.end)))
        continue
      if (fields.type === VARINT && fields.number === 8 && this.tables !== null) continue
      return false
    }
    return true
  }

  // An AnyValue for the one in [start, end), or nothing where it is to be removed.
  private hiddenValue(kind: KeyKind, start: number, end: number): Uint8Array {
    this.engine.spend(WORK_PER_HIDDEN)
    if (this.engine.treatment.isPlain) return this.mask(kind)
    const plain = plainValue(this.bytes, start, end)
    const by = this.engine.hiding(kind, plain, 0, plain.length)
    return by.length === 0 ? NOTHING : lengthDelimited(1, by)
  }

  private mask(kind: KeyKind): Buffer {
    let mask = this.masks.get(kind)
    if (mask === undefined) {
      mask = lengthDelimited(1, this.engine.marker(kind))
      this.masks.set(kind, mask)
    }
    return mask
  }

  private traceState(fields: Fields): void {
    const redacted = redactTraceState(this.engine, this.bytes, fields.start, fields.end)
    if (redacted !== null) this.content(fields, redacted)
  }
}
