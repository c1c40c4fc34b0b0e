import { describeError, isReadOfErrors, stackText } from './exception.ts'
import { jsonText } from './json-text.ts'
import type { LogEntry, LogValue } from './log-entry.ts'
import { CONTEXTS, HEADERS, KNOWN, type Known } from './names.ts'
import { plainWord, SYSLOG_CRITICAL, severityOf, severityOfNumber } from './severity.ts'
import { TimeReader } from './timestamp.ts'
import { contextOf, datadogIdOf, flagsOf, spanIdOf, type TraceContext, traceIdOf } from './trace-context.ts'
import { describeText, type Exception } from './traceback.ts'

/** Attributes of one record. What there are more are counted as dropped, and the line is kept. */
export const ATTRIBUTES_MAX = 128
/** Maps inside one another that become keys with dots; what is deeper becomes JSON text. */
const DEPTH_MAX = 8
const KEY_CHARACTERS_MAX = 256
const ID_CHARACTERS_MAX = 128
const SERVICE_CHARACTERS_MAX = 255
const WORD_CHARACTERS_MAX = 32
/** What stands inside of a context ranks below what stands outside. */
const INSIDE_RANK = 100
const NO_RANK = 1000

const PRINTABLE = /^[^\u0000-\u001f\u007f]+$/
const PLACE = /^([^\n]{1,512}):(\d{1,9})$/
const TYPED = /^[\w.$]{1,256}(?:Error|Exception)\b/

type Fields = Readonly<Record<string, LogValue>>

/** The best field up to now for one purpose. */
class Slot {
  key = ''
  value: LogValue = null
  rank = NO_RANK

  clear(): void {
    this.rank = NO_RANK
  }
  get filled(): boolean {
    return this.rank !== NO_RANK
  }
}

/**
 * Takes the fields of one structured record one by one and fills an entry from them: `open`, `field` for each, `close`. One for all records, filled
 * again, so not to be used inside of itself.
 */
export class FieldReader {
  /** Not all that the fields said is in the entry. */
  lossy = false
  /** Fields taken, those of maps and lists not counted. */
  private entry!: LogEntry
  private line = ''
  private given = 0
  private namedOnly = false
  private readonly time = new TimeReader()
  private readonly message = new Slot()
  private readonly level = new Slot()
  private readonly when = new Slot()
  private whenMs = 0
  private whenNanos = 0
  private readonly error = new Slot()
  private readonly stack = new Slot()
  private readonly errorType = new Slot()
  private readonly errorMessage = new Slot()
  private readonly service = new Slot()
  private readonly traceId = new Slot()
  private readonly spanId = new Slot()
  private readonly flags = new Slot()
  private readonly context = new Slot()
  private contextRead: TraceContext | null = null
  private readonly datadogTrace = new Slot()
  private readonly datadogSpan = new Slot()
  private readonly verbosity = new Slot()
  private readonly slots = [
    this.message,
    this.level,
    this.when,
    this.error,
    this.stack,
    this.errorType,
    this.errorMessage,
    this.service,
    this.traceId,
    this.spanId,
    this.flags,
    this.context,
    this.datadogTrace,
    this.datadogSpan,
    this.verbosity
  ]

  /** `line`: what the fields were read from, if anything. `namedOnly`: fields whose name says nothing do not become attributes. */
  open(entry: LogEntry, line: string, namedOnly = false): void {
    this.entry = entry
    this.line = line
    this.given = entry.keys.length
    this.namedOnly = namedOnly
    this.lossy = false
    for (const slot of this.slots) slot.clear()
  }

  /** Forgets all fields, and takes them again for their known names alone. */
  reopen(): void {
    const { entry, given } = this
    entry.keys.length = given
    entry.values.length = given
    entry.droppedAttributes = 0
    this.open(entry, this.line, true)
  }

  /** Whether a message was among the fields, or an error to tell of instead. */
  get hasBody(): boolean {
    return this.message.filled || this.errorMessage.filled || this.error.filled || this.stack.filled
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
    const error = this.exception()
    if (this.message.filled) entry.body = this.message.value
    else entry.body = error !== null && error.message !== '' ? error.message : whole
    this.closeLevel(error !== null)
    this.closeTrace()
  }

  /** An attribute of the line. It replaces what the way it came said under the same key. */
  put(key: string, value: LogValue): void {
    const { entry, given } = this
    const { keys, values } = entry
    if (keys.length >= ATTRIBUTES_MAX || key === '') {
      entry.droppedAttributes++
      this.lossy = true
      return
    }
    if (key.length > KEY_CHARACTERS_MAX) {
      key = key.slice(0, KEY_CHARACTERS_MAX)
      this.lossy = true
    }
    const at = keys.indexOf(key)
    if (at < 0) {
      keys.push(key)
      values.push(value)
      return
    }
    if (values[at] === value) return
    if (at >= given) this.lossy = true
    values[at] = value
  }

  private plain(key: string, value: LogValue, depth: number): void {
    if (value === null || typeof value !== 'object' || value instanceof Uint8Array) {
      if (!this.namedOnly) this.put(key, value)
    } else if (Array.isArray(value)) {
      if (!this.namedOnly) this.put(key, isDeeper(value, DEPTH_MAX - depth + 1) ? this.asText(value) : value)
    } else this.nested(key, value as Fields, depth)
  }

  private nested(path: string, fields: Fields, depth: number): void {
    if (path.length > KEY_CHARACTERS_MAX || depth > DEPTH_MAX) {
      if (!this.namedOnly) this.put(path, this.asText(fields))
      return
    }
    const isHeaders = HEADERS.has(path)
    const isContext = isHeaders || CONTEXTS.has(path)
    let any = false
    for (const key in fields) {
      any = true
      const inside = `${path}.${key}`
      const value = fields[key]
      const known = KNOWN.get(inside)
      if (known !== undefined) {
        this.known(known, known.rank, inside, value, depth + 1)
        continue
      }
      const meant = isContext ? KNOWN.get(isHeaders ? key.toLowerCase() : key) : undefined
      if (meant?.anywhere === true) this.known(meant, meant.rank + INSIDE_RANK, inside, value, depth + 1)
      else this.plain(inside, value, depth + 1)
    }
    if (!any && !this.namedOnly) this.put(path, {})
  }

  private asText(value: LogValue): string {
    if (isDeeper(value, 64)) this.lossy = true
    return jsonText(value)
  }

  private known(known: Known, rank: number, key: string, value: LogValue, depth: number): void {
    if (value === null) return
    switch (known.role) {
      case 'attribute':
        if (typeof value === 'object') this.plain(key, value, depth)
        else this.rename(known.name, key, value)
        return
      case 'id':
        this.takeId(known.name, key, value, depth)
        return
      case 'message':
        if (typeof value === 'string' || known.rank < 2) this.take(this.message, rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'level':
        if (isLevel(value, known.rank)) this.take(this.level, rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'time':
        this.takeTime(rank, key, value, depth)
        return
      case 'error':
        if (typeof value === 'object' || (typeof value === 'string' && value !== '')) this.take(this.error, rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'stack':
        if (isStack(value)) this.take(this.stack, rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'errorType':
        this.takeText(this.errorType, rank, key, value, depth)
        return
      case 'errorMessage':
        this.takeText(this.errorMessage, rank, key, value, depth)
        return
      case 'service':
        if (typeof value === 'string' && value.length <= SERVICE_CHARACTERS_MAX) this.takeText(this.service, rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'place':
        this.takePlace(key, value, depth)
        return
      case 'verbosity':
        if (typeof value === 'number') this.take(this.verbosity, rank, key, value, depth)
        this.plain(key, value, depth)
        return
      default:
        this.takeTrace(known, rank, key, value, depth)
    }
  }

  private take(slot: Slot, rank: number, key: string, value: LogValue, depth: number): void {
    if (rank >= slot.rank) {
      this.plain(key, value, depth)
      return
    }
    if (slot.filled) this.plain(slot.key, slot.value, depth)
    slot.key = key
    slot.value = value
    slot.rank = rank
  }

  private takeText(slot: Slot, rank: number, key: string, value: LogValue, depth: number): void {
    if (typeof value === 'string' && value !== '') this.take(slot, rank, key, value, depth)
    else this.plain(key, value, depth)
  }

  private takeTime(rank: number, key: string, value: LogValue, depth: number): void {
    const { time, when } = this
    if (rank < when.rank && time.value(value, this.entry.observedMs, this.line)) {
      this.take(when, rank, key, value, depth)
      this.whenMs = time.ms
      this.whenNanos = time.nanos
    } else this.plain(key, value, depth)
  }

  private takeId(name: string, key: string, value: LogValue, depth: number): void {
    const id = typeof value === 'number' || typeof value === 'bigint' ? `${value}` : value
    if (typeof id === 'string' && id.length <= ID_CHARACTERS_MAX && PRINTABLE.test(id)) this.rename(name, key, id)
    else this.plain(key, value, depth)
  }

  // Where two fields mean the same, the first has the name.
  private rename(name: string, key: string, value: LogValue): void {
    const at = this.entry.keys.indexOf(name)
    if (at < this.given) this.put(name, value)
    else if (this.entry.values[at] !== value) this.plain(key, value, 1)
  }

  private takePlace(key: string, value: LogValue, depth: number): void {
    const place = typeof value === 'string' ? PLACE.exec(value) : null
    if (place === null) this.plain(key, value, depth)
    else {
      this.rename('code.file.path', key, place[1])
      this.rename('code.line.number', key, Number(place[2]))
    }
  }

  private takeTrace(known: Known, rank: number, key: string, value: LogValue, depth: number): void {
    switch (known.role) {
      case 'traceId':
      case 'spanId': {
        const isTrace = known.role === 'traceId'
        const id = isTrace ? traceIdOf(value) : spanIdOf(value)
        if (id !== '') this.take(isTrace ? this.traceId : this.spanId, rank, key, id, depth)
        else if (!isNoId(value)) this.plain(key, value, depth)
        return
      }
      case 'flags':
        if (flagsOf(value) >= 0) this.take(this.flags, rank, key, value, depth)
        else this.plain(key, value, depth)
        return
      case 'context': {
        const context = contextOf(known.propagation, value)
        if (context !== null && rank < this.context.rank) {
          this.take(this.context, rank, key, value, depth)
          this.contextRead = context
        } else this.plain(key, value, depth)
        return
      }
      default: {
        const slot = known.role === 'datadogTrace' ? this.datadogTrace : this.datadogSpan
        if (datadogIdOf(value) !== null) this.take(slot, rank, key, value, depth)
        else if (!isNoId(value)) this.plain(key, value, depth)
      }
    }
  }

  private closeLevel(isError: boolean): void {
    const { entry, level } = this
    if (level.filled) {
      const { value } = level
      const number = typeof value === 'number' ? value : /^\d{1,2}$/.test(value as string) ? Number(value) : Number.NaN
      if (Number.isNaN(number)) {
        const word = plainWord(value as string)
        const found = severityOf(word)
        entry.severityText = word
        // Only those who say severity, or status, count as syslog does.
        const isSyslog = found === 21 && (level.key === 'severity' || level.key === 'status') && word.toLowerCase() === 'critical'
        entry.severityNumber = isSyslog ? SYSLOG_CRITICAL : found
        return
      }
      const found = severityOfNumber(number)
      entry.severityNumber = found === undefined ? 0 : found[0]
      entry.severityText = found === undefined ? `${number}` : found[1]
    } else if (this.when.filled && this.when.key === '@t') {
      // Serilog leaves its usual level out.
      entry.severityNumber = 9
      entry.severityText = 'Information'
    } else if (this.verbosity.filled && this.when.filled && this.when.key === 'ts' && !isError) {
      const verbosity = this.verbosity.value as number
      entry.severityNumber = verbosity >= 5 ? 1 : verbosity >= 1 ? 5 : 9
    } else if (isError && entry.severityNumber === 0) entry.severityNumber = 17
  }

  /** The last step of `close`, for those who have taken ids alone. */
  closeTrace(): void {
    const { entry } = this
    const context = this.context.filled ? this.contextRead : null
    if (this.traceId.filled) {
      const traceId = this.traceId.value as string
      const isSame = context?.traceId === traceId
      entry.traceId = traceId
      entry.spanId = this.spanId.filled ? (this.spanId.value as string) : isSame ? context.spanId : ''
      entry.traceFlags = this.flags.filled ? flagsOf(this.flags.value) : isSame ? context.flags : 0
    } else if (context !== null) {
      entry.traceId = context.traceId
      entry.spanId = context.spanId
      entry.traceFlags = context.flags
    }
    if (!this.traceId.filled && this.spanId.filled) this.plain(this.spanId.key, this.spanId.value, 1)
    const trace = this.datadogTrace.filled ? datadogIdOf(this.datadogTrace.value) : null
    const span = this.datadogSpan.filled ? datadogIdOf(this.datadogSpan.value) : null
    if (trace !== null) this.put('dd.trace_id', trace.decimal)
    if (span !== null) this.put('dd.span_id', span.decimal)
    if (trace === null || trace.hex === '' || entry.traceId !== '') return
    entry.traceId = trace.hex
    if (span !== null) entry.spanId = BigInt(span.decimal).toString(16).padStart(16, '0')
  }

  private exception(): Exception | null {
    const described = this.describe()
    if (described === null) return null
    if (described.type !== '') this.put('exception.type', described.type)
    if (described.message !== '') this.put('exception.message', described.message)
    if (described.stacktrace !== '') this.put('exception.stacktrace', described.stacktrace)
    return described
  }

  private describe(): Exception | null {
    const { error, stack, errorType, errorMessage, message } = this
    const stacktrace = stack.filled ? stackText(stack.value) : ''
    const isNamed = errorType.filled || errorMessage.filled
    if (!error.filled && !stack.filled && !isNamed) {
      return typeof message.value === 'string' && message.filled && message.value.includes('\n') ? describeText(message.value) : null
    }
    let described = error.filled ? describeError(error.value) : null
    if (error.filled) this.leftOf(error.key, error.value, described === null)
    const fromStack = stacktrace === '' ? null : describeText(stacktrace)
    // A logger's own stack says where the line was written, and not that anything was thrown.
    if (described === null && !isNamed && fromStack === null && !TYPED.test(stacktrace)) {
      this.put(stack.key === 'stacktrace' ? 'code.stacktrace' : stack.key, stack.value)
      return null
    }
    described ??= fromStack ?? { type: '', message: '', stacktrace: '' }
    if (fromStack === null && stacktrace !== '' && !error.filled && !isNamed) return describeError(stacktrace)
    return {
      type: errorType.filled ? (errorType.value as string) : described.type || (fromStack?.type ?? ''),
      message: errorMessage.filled ? (errorMessage.value as string) : described.message || (fromStack?.message ?? ''),
      stacktrace: described.stacktrace || stacktrace
    }
  }

  // What an error says beside what every error does: a code, a status.
  private leftOf(key: string, error: LogValue, isAll: boolean): void {
    if (isAll) this.plain(key, error, 1)
    else if (typeof error === 'object' && error !== null && !Array.isArray(error) && !(error instanceof Uint8Array)) {
      const fields = error as Fields
      for (const name in fields) if (!isReadOfErrors(name)) this.plain(`${key}.${name}`, fields[name], 2)
    }
  }
}

function isLevel(value: LogValue, rank: number): boolean {
  if (typeof value === 'number') return rank < 3 && severityOfNumber(value) !== undefined
  if (typeof value !== 'string' || value === '') return false
  // Of the first names any word is a level, of the others those that are known.
  return rank < 3 ? value.length <= WORD_CHARACTERS_MAX : severityOf(value) !== 0
}

function isStack(value: LogValue): boolean {
  return typeof value === 'string' ? value.includes('\n') || TYPED.test(value) : Array.isArray(value) && value.length > 0
}

// How instrumentations write that there is no trace.
function isNoId(value: LogValue): boolean {
  return value === '' || value === 0 || (typeof value === 'string' && /^[0-]{1,36}$/.test(value))
}

/** Whether lists and maps lie deeper inside one another than `depth`. */
export function isDeeper(value: LogValue, depth: number): boolean {
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return false
  if (depth <= 0) return true
  if (Array.isArray(value)) {
    for (const member of value) if (isDeeper(member, depth - 1)) return true
    return false
  }
  const fields = value as Fields
  for (const key in fields) if (isDeeper(fields[key], depth - 1)) return true
  return false
}
