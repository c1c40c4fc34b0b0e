import { AttributeList, KEY_CHARACTERS_MAX } from './attribute-list.ts'
import { ErrorFields } from './error-fields.ts'
import { isDeeper, jsonText } from './json-text.ts'
import { isLevel, setLevel } from './level.ts'
import type { LogEntry, LogValue } from './log-entry.ts'
import { filledTemplate } from './message-template.ts'
import { KNOWN, type Known } from './names.ts'
import { memberOf, membersOf } from './paths.ts'
import { Slot } from './slot.ts'
import { TimeReader } from './timestamp.ts'
import { TraceFields } from './trace-fields.ts'
import { describeText, type Exception, putException } from './traceback.ts'

/** Maps inside one another that become keys with dots; what is deeper becomes JSON text. */
const DEPTH_MAX = 8
/** Scopes of .NET that are looked at for ids. */
const SCOPES_MAX = 32
const ID_CHARACTERS_MAX = 128
const SERVICE_CHARACTERS_MAX = 255
/** Serilog leaves its usual level out. */
const SERILOG_LEVEL = 'Information'
/** What stands inside of a context ranks below what stands outside. */
const INSIDE_RANK = 100

/** Names of properties that are looked up once for lines that have them at the same place. */
const REMEMBERED = 32

const PRINTABLE = /^[^\u0000-\u001f\u007f]+$/
const PLACE = /^([^\n]{1,512}):(\d{1,9})$/

type Fields = Readonly<Record<string, LogValue>>

/**
 * Takes the fields of one structured record one by one and fills an entry from them: `open`, `field` for each, `close`. One for all records, filled
 * again, so not to be used inside of itself.
 */
export class FieldReader {
  readonly attributes = new AttributeList()
  private entry!: LogEntry
  private line = ''
  private properties = 0
  private readonly lastKeys = new Array<string>(REMEMBERED).fill('')
  private readonly lastKnown = new Array<Known | undefined>(REMEMBERED).fill(undefined)
  private namedOnly = false
  private readonly time = new TimeReader()
  private whenMs = 0
  private whenNanos = 0
  private readonly message: Slot
  private readonly formatted: Slot
  private readonly name: Slot
  private readonly level: Slot
  private readonly when: Slot
  private readonly service: Slot
  private readonly verbosity: Slot
  private readonly file: Slot
  private readonly errors: ErrorFields
  private readonly trace: TraceFields

  constructor() {
    const plain = (key: string, value: LogValue, depth: number): void => this.plain(key, value, depth)
    this.message = new Slot(plain)
    this.formatted = new Slot(plain)
    this.name = new Slot(plain)
    this.level = new Slot(plain)
    this.when = new Slot(plain)
    this.service = new Slot(plain)
    this.verbosity = new Slot(plain)
    this.file = new Slot(plain)
    this.errors = new ErrorFields(plain)
    this.trace = new TraceFields(plain, (key, value) => this.attributes.put(key, value))
  }

  /** `line`: what the fields were read from, if anything. `namedOnly`: fields whose name says nothing do not become attributes. */
  open(entry: LogEntry, line: string, namedOnly = false): void {
    this.entry = entry
    this.line = line
    this.properties = 0
    this.namedOnly = namedOnly
    this.attributes.open(entry)
    this.message.clear()
    this.formatted.clear()
    this.name.clear()
    this.level.clear()
    this.when.clear()
    this.service.clear()
    this.verbosity.clear()
    this.file.clear()
    this.errors.clear()
    this.trace.clear()
  }

  /** Forgets all fields, and takes them again for their known names alone. */
  reopen(): void {
    this.attributes.reopen()
    this.open(this.entry, this.line, true)
  }

  /** Whether a message was among the fields, or an error to tell of instead. */
  get hasBody(): boolean {
    return this.message.filled || this.formatted.filled || this.errors.filled
  }

  /** The name of the field that became the body. */
  get messageKey(): string {
    return this.message.filled ? this.message.key : ''
  }

  field(key: string, value: LogValue): void {
    const known = KNOWN.get(key)
    if (known === undefined) this.plain(key, value, 1)
    else this.known(known, known.rank, key, value, 1)
  }

  /** `field` for the next property of an object, from the first one on. */
  property(key: string, value: LogValue): void {
    const known = this.knownOf(key)
    if (known === undefined) this.plain(key, value, 1)
    else this.known(known, known.rank, key, value, 1)
  }

  // The lines of a program have the same properties in the same order, and V8 has the name of a property once: it is the one of the line before, or not.
  private knownOf(key: string): Known | undefined {
    const at = this.properties++ % REMEMBERED
    if (this.lastKeys[at] === key) return this.lastKnown[at]
    const known = KNOWN.get(key)
    this.lastKeys[at] = key
    this.lastKnown[at] = known
    return known
  }

  /** Takes what a text says under a name that identifies a trace or a request, in any case; other names are passed over. */
  identify(name: string, value: string): void {
    const known = KNOWN.get(name) ?? KNOWN.get(name.toLowerCase())
    if (known?.anywhere === true) this.known(known, known.rank, name, value, 1)
  }

  /** `whole` is the body where no message was among the fields. */
  close(whole: LogValue): void {
    const { entry } = this
    if (this.when.filled) {
      entry.timeMs = this.whenMs
      entry.timeNanos = this.whenNanos
    }
    if (this.service.filled) entry.serviceName = this.service.value as string
    const error = this.describe()
    if (this.message.filled) entry.body = this.message.key === '@mt' ? this.filled(whole) : this.message.value
    else if (this.formatted.filled) entry.body = this.formatted.value
    else entry.body = error !== null && error.message !== '' ? error.message : whole
    const { name } = this
    if (name.filled && this.level.key === 'levelname' && this.level.filled) this.attributes.rename('logger.name', name.key, name.value)
    else if (name.filled) this.plain(name.key, name.value, 1)
    if (this.file.filled) {
      // Programs have files of their own to tell of; with a line, it is the one that the record was written in.
      if (this.attributes.has('code.line.number')) this.attributes.rename('code.file.path', this.file.key, this.file.value)
      else this.plain(this.file.key, this.file.value, 1)
    }
    this.closeLevel(error !== null)
    this.trace.close(entry)
  }

  // Serilog may send the template of a message alone.
  private filled(properties: LogValue): LogValue {
    const { key, text: template } = this.message
    const text = filledTemplate(template, properties)
    if (text !== template) this.plain(key, template, 1)
    return text
  }

  /** The last step of `close`, for those who have taken ids alone. */
  closeIds(): void {
    this.trace.close(this.entry)
  }

  /** `close`, where the message is known already: a field that might be one is an attribute. */
  keepBody(body: string): void {
    const { message } = this
    if (message.filled) this.plain(message.key, message.value, 1)
    message.clear()
    this.close(body)
    this.entry.body = body
  }

  private plain(key: string, value: LogValue, depth: number): void {
    if (value === null || typeof value !== 'object' || value instanceof Uint8Array) {
      if (!this.namedOnly) this.attributes.putPlain(key, value)
    } else if (Array.isArray(value)) {
      if (!this.namedOnly) this.attributes.putPlain(key, isDeeper(value, DEPTH_MAX - depth + 1) ? jsonText(value) : value)
    } else this.nested(key, value as Fields, depth)
  }

  private nested(path: string, fields: Fields, depth: number): void {
    if (path.length > KEY_CHARACTERS_MAX || depth > DEPTH_MAX) {
      if (!this.namedOnly) this.attributes.putPlain(path, jsonText(fields))
      return
    }
    const members = membersOf(path)
    let any = false
    for (const name in fields) {
      any = true
      const { key, known, meant } = memberOf(members, path, name)
      const value = fields[name]
      if (known !== undefined) this.known(known, known.rank, key, value, depth + 1)
      else if (meant !== undefined) this.known(meant, meant.rank + INSIDE_RANK, key, value, depth + 1)
      else this.plain(key, value, depth + 1)
    }
    if (!any && !this.namedOnly) this.attributes.putPlain(path, {})
  }

  private known(known: Known, rank: number, key: string, value: LogValue, depth: number): void {
    if (value === null) return
    switch (known.role) {
      case 'attribute':
        if (typeof value === 'object') this.plain(key, value, depth)
        else this.attributes.rename(known.name, key, value)
        return
      case 'id':
        this.takeId(known.name, rank, key, value, depth)
        return
      case 'message':
        if (typeof value === 'string' || known.rank < 2) this.message.take(rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'formatted':
      case 'name': {
        const slot = known.role === 'name' ? this.name : this.formatted
        if (typeof value === 'string') slot.take(rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      }
      case 'level':
        if (isLevel(value, known.rank)) this.level.take(rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'time':
        this.takeTime(rank, key, value, depth)
        return
      case 'error':
      case 'stack':
      case 'errorType':
      case 'errorMessage':
        this.errors.take(known.role, rank, key, value, depth)
        return
      case 'service':
        if (typeof value === 'string' && value !== '' && value.length <= SERVICE_CHARACTERS_MAX) this.service.take(rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'place':
        this.takePlace(key, value, depth)
        return
      case 'file':
        if (typeof value === 'string') this.file.take(rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'stream':
        if (value === 'stdout' || value === 'stderr') this.attributes.rename('log.iostream', key, value)
        else this.plain(key, value, depth)
        return
      case 'scopes':
        this.takeScopes(value)
        this.plain(key, value, depth)
        return
      case 'verbosity':
        if (typeof value === 'number') this.verbosity.take(rank, key, value, depth)
        this.plain(key, value, depth)
        return
      default:
        this.trace.take(known.role, known, rank, key, value, depth)
    }
  }

  private takeTime(rank: number, key: string, value: LogValue, depth: number): void {
    const { time, when } = this
    if (when.wants(rank) && time.value(value, this.entry.observedMs, this.line)) {
      when.take(rank, key, value, depth)
      this.whenMs = time.ms
      this.whenNanos = time.nanos
    } else this.plain(key, value, depth)
  }

  private takeId(name: string, rank: number, key: string, value: LogValue, depth: number): void {
    const id = typeof value === 'number' || typeof value === 'bigint' ? `${value}` : value
    if (typeof id !== 'string' || id.length > ID_CHARACTERS_MAX || !PRINTABLE.test(id)) {
      this.plain(key, value, depth)
      return
    }
    this.attributes.renameId(name, key, id, rank >= INSIDE_RANK)
  }

  private takePlace(key: string, value: LogValue, depth: number): void {
    const place = typeof value === 'string' ? PLACE.exec(value) : null
    if (place === null) this.plain(key, value, depth)
    else {
      this.attributes.rename('code.file.path', key, place[1])
      this.attributes.rename('code.line.number', key, Number(place[2]))
    }
  }

  // Each is a map, or a text; its ids count, and all of it stays an attribute.
  private takeScopes(scopes: LogValue): void {
    if (!Array.isArray(scopes)) return
    for (const scope of scopes.slice(0, SCOPES_MAX)) {
      if (typeof scope !== 'object' || scope === null) continue
      for (const name in scope as Fields) {
        const known = KNOWN.get(name)
        const value = (scope as Fields)[name]
        if (known?.anywhere === true && typeof value === 'string') this.known(known, known.rank + INSIDE_RANK, `Scopes.${name}`, value, 2)
      }
    }
  }

  private describe(): Exception | null {
    const { message, formatted } = this
    const text = message.text || formatted.text
    let described = this.errors.filled ? this.errors.describe() : text.includes('\n') ? describeText(text) : null
    if (message.filled && formatted.filled) {
      // loguru has the traceback in the text alone, which says nothing else that the fields do not.
      if (message.key !== 'record.message') this.plain(formatted.key, formatted.value, 1)
      else if (described?.stacktrace === '') described = describeText(formatted.text) ?? described
    }
    if (described === null) return null
    putException(described, (key, value) => this.attributes.put(key, value))
    return described
  }

  private closeLevel(isError: boolean): void {
    const { entry, level, when } = this
    if (level.filled) setLevel(level.key, level.value, entry)
    else if (when.filled && when.key === '@t') setLevel('@l', SERILOG_LEVEL, entry)
    else if (this.verbosity.filled && when.filled && when.key === 'ts' && !isError) {
      const verbosity = this.verbosity.value as number
      entry.severityNumber = verbosity >= 5 ? 1 : verbosity >= 1 ? 5 : 9
    } else if (isError && entry.severityNumber === 0) entry.severityNumber = 17
  }
}
