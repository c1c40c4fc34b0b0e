// E-mail addresses of users go around redaction where an exporter shows them: in the one place of an error that says whom it happened to.
import type { Signal } from '../../batch.ts'
import { CLOSE_OBJECT, COMMA, JsonFault, JsonScanner, OPEN_OBJECT, QUOTE } from '../../otlp/json-scanner.ts'
import { Patch } from '../../otlp/patch.ts'
import { BYTES, Fields } from '../../otlp/wire.ts'
import { latin1 } from './bytes.ts'

// LogRecord { body = 5, attributes = 6 }, KeyValue { key = 1, value = 2 }, AnyValue { string_value = 1 }
const RESOURCE_LOGS = 1
const SCOPE_LOGS = 2
const LOG_RECORDS = 2
const BODY = 5
const ATTRIBUTES = 6

const ATTRIBUTE = 'user.email'
const ITEM_TYPE = 'sentry.item.type'
/** Names by which a configuration may have said that it is hidden. */
export const EMAIL_KEYS: readonly string[] = [ATTRIBUTE, 'user', 'email']

/** Nothing but an address: no name before it, no URL around it. */
const ADDRESS = /^[^\s@:/\\"'<>()[\]{},;=]{1,64}@[^\s@:/\\"'<>()[\]{},;=]{1,255}$/u
const ADDRESS_BYTES_MAX = 512
const AT_SIGN = 64
const DEPTH_MAX = 256
const NOTHING = new Uint8Array(0)

/**
 * Takes addresses out before redaction and puts them back behind it. The attribute `user.email` of an error, and `user.email` in the JSON of an
 * event of a Sentry SDK; each as a text of its own, once. All others stay to be redacted.
 */
export class UserEmails {
  /** Whether an address holds nothing that another rule would take out. */
  private readonly isClean: (signal: Signal, address: Buffer) => boolean
  private readonly patch = new Patch()
  private readonly scanner = new JsonScanner()
  private readonly readers = Array.from({ length: 6 }, () => new Fields())
  private signals: ReadonlySet<Signal> = new Set()
  private signal: Signal = 'errors'
  /** What was taken out, by the number of the record. */
  private readonly taken = new Map<number, Buffer>()
  private isTaking = true
  private record = 0
  /** Where the text is that `find` has found: in a field of bytes, in a field of the record. */
  private readonly place = { start: 0, end: 0 }

  constructor(isClean: (signal: Signal, address: Buffer) => boolean) {
    this.isClean = isClean
  }

  /** From now on those of these signals go around; of others, none. */
  keep(signals: ReadonlySet<Signal>): void {
    this.signals = signals
  }

  /** The request without the addresses that may stay; the very same bytes where there are none. */
  take(signal: Signal, bytes: Uint8Array): Uint8Array {
    this.taken.clear()
    if (!this.signals.has(signal) || bytes.indexOf(AT_SIGN) < 0) return bytes
    this.signal = signal
    this.isTaking = true
    return this.walk(bytes)
  }

  /** What redaction has made of such a request, with the addresses in their places again where these are still there. */
  restore(bytes: Uint8Array): Uint8Array {
    if (this.taken.size === 0) return bytes
    this.isTaking = false
    return this.walk(bytes)
  }

  private walk(bytes: Uint8Array): Uint8Array {
    this.patch.open(bytes)
    this.record = 0
    this.into(bytes, 0, bytes.length, [RESOURCE_LOGS, SCOPE_LOGS, LOG_RECORDS], 0)
    return this.patch.finish()
  }

  private into(bytes: Uint8Array, start: number, end: number, path: readonly number[], depth: number): void {
    const fields = this.readers[depth].open(bytes, start, end)
    while (fields.next()) {
      if (fields.number !== path[depth] || fields.type !== BYTES) continue
      this.patch.enter(fields.tagStart, fields.start, fields.end)
      if (depth + 1 < path.length) this.into(bytes, fields.start, fields.end, path, depth + 1)
      else {
        if (this.isTaking || this.taken.has(this.record)) this.inRecord(bytes, fields.start, fields.end)
        this.record++
      }
      this.patch.leave()
    }
  }

  private inRecord(bytes: Uint8Array, start: number, end: number): void {
    const isError = this.signal === 'errors'
    const fields = this.readers[3].open(bytes, start, end)
    let at = -1
    let isEvent = isError
    while (fields.next()) {
      if (fields.type !== BYTES) continue
      if (!isError && fields.number === BODY) at = fields.tagStart
      if (fields.number !== ATTRIBUTES) continue
      const key = this.keyOf(bytes, fields.start, fields.end)
      if (!isError && key === ITEM_TYPE) isEvent = this.isEventType(bytes, fields.start, fields.end)
      if (!isError || key !== ATTRIBUTE) continue
      // Two of them: who knows which one is read.
      if (at >= 0) return
      at = fields.tagStart
    }
    if (at < 0 || !isEvent) return
    const path = isError ? [ATTRIBUTES, 2, 1] : [BODY, 1]
    this.inField(bytes, at, end, path, 0)
  }

  // Goes down to the text, whose field begins at `at` or behind it.
  private inField(bytes: Uint8Array, at: number, end: number, path: readonly number[], depth: number): void {
    const fields = this.readers[3 + depth].open(bytes, at, end)
    while (fields.next()) {
      if (fields.number !== path[depth] || fields.type !== BYTES) continue
      this.patch.enter(fields.tagStart, fields.start, fields.end)
      if (depth + 1 < path.length) this.inField(bytes, fields.start, fields.end, path, depth + 1)
      else this.exchange(bytes, fields.start, fields.end)
      this.patch.leave()
      return
    }
  }

  private exchange(bytes: Uint8Array, start: number, end: number): void {
    const { place } = this
    place.start = start
    place.end = end
    if (this.signal !== 'errors' && !this.findInJson(bytes, start, end)) return
    if (!this.isTaking) {
      if (place.start === place.end) this.patch.replace(place.start, place.end, this.taken.get(this.record)!)
      return
    }
    if (place.end - place.start > ADDRESS_BYTES_MAX) return
    // A copy: the bytes may be gone before it goes back.
    const address = Buffer.from(bytes.subarray(place.start, place.end))
    if (!ADDRESS.test(address.toString()) || !this.isClean(this.signal, address)) return
    this.taken.set(this.record, address)
    this.patch.replace(place.start, place.end, NOTHING)
  }

  // { "user": { "email": … } } at the top of an event, both once, and without escapes.
  private findInJson(bytes: Uint8Array, start: number, end: number): boolean {
    const { scanner, place } = this
    try {
      scanner.open(bytes.subarray(start, end))
      if (scanner.peek() !== OPEN_OBJECT) return false
      const user = this.member('user')
      if (user < 0) return false
      scanner.pos = user
      if (scanner.peek() !== OPEN_OBJECT) return false
      const email = this.member('email')
      if (email < 0) return false
      scanner.pos = email
      if (scanner.peek() !== QUOTE) return false
      scanner.string()
      if (scanner.escaped) return false
      place.start = start + scanner.start
      place.end = start + scanner.end
      return true
    } catch (error) {
      if (error instanceof JsonFault) return false
      throw error
    } finally {
      scanner.close()
    }
  }

  // Where the value of a member begins; -1 where there is none, or more than one.
  private member(name: string): number {
    const { scanner } = this
    let found = -1
    let isOnce = true
    scanner.pos++
    if (scanner.take(CLOSE_OBJECT)) return -1
    do {
      scanner.key()
      if (scanner.token() === name) {
        isOnce = found < 0
        found = scanner.pos
      }
      scanner.skip(DEPTH_MAX)
    } while (scanner.take(COMMA))
    scanner.expect(CLOSE_OBJECT)
    return isOnce ? found : -1
  }

  private keyOf(bytes: Uint8Array, start: number, end: number): string {
    const fields = this.readers[4].open(bytes, start, end)
    while (fields.next())
      if (fields.number === 1 && fields.type === BYTES)
        return fields.end - fields.start <= ITEM_TYPE.length ? latin1(bytes, fields.start, fields.end) : ''
    return ''
  }

  private isEventType(bytes: Uint8Array, start: number, end: number): boolean {
    const fields = this.readers[4].open(bytes, start, end)
    while (fields.next()) {
      if (fields.number !== 2 || fields.type !== BYTES) continue
      const value = this.readers[5].open(bytes, fields.start, fields.end)
      while (value.next()) if (value.number === 1 && value.type === BYTES) return latin1(bytes, value.start, value.end) === 'event'
    }
    return false
  }
}
