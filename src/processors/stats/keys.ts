import { CLIENT, CONSUMER, NAME_SOURCES, type NameSource, namesOf, PRODUCER, type ReadText, SERVER } from '../../datadog/naming.ts'
import { BLOCKED, KINDS, RESOURCE_SOURCES, ROW, SPAN_SOURCES, STATUS_ERROR, STATUS_OK } from '../../datadog/statistics.ts'
import { FOUND_MAX, VALUE_BYTES_MAX } from '../../otlp/attributes/attribute-reader.ts'
import { ByteKeys } from '../../otlp/attributes/byte-keys.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { remembering, utf8 } from '../../otlp/attributes/label-text.ts'
import { SpanReader } from '../../otlp/attributes/span-reader.ts'
import type { KeyValue } from '../../otlp/objects.ts'
import type { Period } from './period.ts'
import type { Row } from './row.ts'

const ERROR = 2
const ARENA_BYTES_MAX = 2 ** 20
const LENGTH_BITS = 13 // enough for VALUE_BYTES_MAX
const FACT_BITS = 5

/** Whose statistics they are. */
interface Origin {
  readonly text: string
  readonly attributes: readonly KeyValue[]
}

const NO_ORIGIN: Origin = { text: '', attributes: [] }

/** Under what spans are counted: spans that Datadog tells apart have different keys. */
export interface Key {
  readonly origin: Origin
  /** The name of what was done. */
  readonly resource: string
  readonly attributes: readonly KeyValue[]
  /** The row that it was counted in last, and as which period's own. */
  row: Row | null
  period: Period | null
}

/** Finds the key of a span. Spans that are alike in all that a key is made of, byte for byte, have the key that was found for the first of them. */
export class Keys {
  readonly reader: SpanReader
  private readonly sources: Readonly<Record<string, Int32Array>>
  private readonly measured: Int32Array
  private readonly topLevel: Int32Array
  // Null: spans of which no statistics are kept.
  private readonly found = new ByteKeys<Key | null>(FOUND_MAX + 1, ARENA_BYTES_MAX)
  private readonly known = new Map<string, Key>()
  private readonly origins = new Map<number, Origin>()
  private readonly keysMax: number
  private readonly hasRoom: (resource: string) => boolean
  private readonly redact: (text: string) => string
  private epoch = 0

  /**
   * Knows so many keys, at most. `hasRoom` tells whether a resource may have a name of its own. Names that redaction makes alike are one, or they would
   * be points of one series at one time.
   */
  constructor(keysMax: number, hasRoom: (resource: string) => boolean, redact: (text: string) => string) {
    this.keysMax = keysMax
    this.hasRoom = hasRoom
    this.redact = remembering(redact)
    const names = [...NAME_SOURCES, ...SPAN_SOURCES, ...RESOURCE_SOURCES]
    const table = new KeyTable(names)
    this.reader = new SpanReader(table)
    this.sources = Object.fromEntries(names.map((name) => [name, Int32Array.of(table.numberOf(name))]))
    this.measured = this.sources['_dd.measured']
    this.topLevel = this.sources['_dd.top_level']
  }

  /** The key of the span that was read last; null where no statistics are kept of it. */
  find(): Key | null {
    const { reader, found } = this
    const { interner } = reader
    if (this.epoch !== interner.epoch) {
      this.epoch = interner.epoch
      found.clear()
      this.origins.clear()
    }
    const isRoot = !hasParent(reader)
    if (reader.found > FOUND_MAX) return this.make(isRoot).key
    this.ask(isRoot)
    const answer = found.find()
    if (answer !== undefined) return answer
    const { key, isOften } = this.make(isRoot)
    if (isOften) found.remember(key)
    return key
  }

  /** Lets go of the bytes. */
  close(): void {
    this.reader.close()
    this.found.close()
  }

  private ask(isRoot: boolean): void {
    const { found, reader } = this
    const { foundKeys, foundStarts, foundEnds, valueStarts, valueEnds, nameIndex } = reader
    const facts = reader.kind | (reader.status === ERROR ? 8 : 0) | (isRoot ? 16 : 0)
    found.begin(reader.view, facts | (reader.resourceNumber << FACT_BITS))
    const name = valueStarts[nameIndex]
    const nameLength = Math.min(valueEnds[nameIndex] - name, VALUE_BYTES_MAX)
    found.part(nameLength, name, nameLength)
    for (let i = 0; i < reader.found; i++) {
      const length = Math.min(foundEnds[i] - foundStarts[i], VALUE_BYTES_MAX)
      found.part((foundKeys[i] << LENGTH_BITS) | length, foundStarts[i], length)
    }
  }

  // `isOften`: other spans are likely to be the same in every byte; with literals in a statement they are not.
  private make(isRoot: boolean): { key: Key | null; isOften: boolean } {
    const { reader } = this
    const { kind, nameIndex } = reader
    reader.settle()
    const isTop = isRoot || kind === SERVER || kind === CONSUMER || this.isSet(this.topLevel)
    if (!isTop && kind !== CLIENT && kind !== PRODUCER && !this.isSet(this.measured)) return { key: null, isOften: true }
    const read: ReadText = (...names) => this.first(names)
    const nameStart = reader.valueStarts[nameIndex]
    const spanName = utf8(reader.bytes, nameStart, Math.min(reader.valueEnds[nameIndex], nameStart + VALUE_BYTES_MAX))
    const names = namesOf(read, kind, spanName)
    const redacted = this.redact(names.resource)
    const isNamed = this.hasRoom(redacted)
    const resource = isNamed ? redacted : BLOCKED
    const attributes: KeyValue[] = []
    const text = (key: string, value: string | undefined): void => {
      if (value !== undefined && value !== '') attributes.push({ key, value: { stringValue: value } })
    }
    // Without a name yet, it may be given one on the way, as the spans are.
    if (read('service.name') !== undefined) text(ROW.service, names.service)
    text(ROW.operation, names.operation)
    text(ROW.resource, resource)
    text(ROW.type, names.type)
    text(ROW.kind, KINDS[kind])
    text(ROW.status, reader.status === ERROR ? STATUS_ERROR : STATUS_OK)
    attributes.push({ key: ROW.topLevel, value: { boolValue: isTop } }, { key: ROW.traceRoot, value: { boolValue: isRoot } })
    const status = Number(this.first(['http.response.status_code', 'http.status_code']))
    if (Number.isInteger(status) && status > 0 && status < 1000) {
      attributes.push({ key: ROW.httpStatus, value: { intValue: BigInt(status) } })
    }
    text(ROW.httpMethod, read('http.request.method', 'http.method'))
    const route = isNamed ? read('http.route') : undefined
    if (route !== undefined) text(ROW.httpRoute, this.redact(route))
    text(ROW.rpcStatus, this.first(['rpc.response.status_code', 'rpc.grpc.status_code'])?.toUpperCase())
    text(ROW.origin, this.first(['_dd.origin']))
    const statement = read('db.statement', 'db.query.text')
    const isOften = isNamed && (statement === undefined || statement === names.resource)
    return { key: this.keyOf(resource, attributes), isOften }
  }

  private keyOf(resource: string, attributes: KeyValue[]): Key {
    const origin = this.originOf()
    const id = `${origin.text}\n${textOf(attributes)}`
    const known = this.known.get(id)
    if (known !== undefined) return known
    if (this.known.size >= this.keysMax) return this.blocked(attributes)
    const key = { origin, resource, attributes, row: null, period: null }
    this.known.set(id, key)
    return key
  }

  private originOf(): Origin {
    const { reader, sources, origins } = this
    let origin = origins.get(reader.resourceNumber)
    if (origin === undefined) {
      const attributes: KeyValue[] = []
      for (const key of RESOURCE_SOURCES) {
        const stringValue = reader.resourceText(sources[key])
        if (stringValue !== undefined) attributes.push({ key, value: { stringValue } })
      }
      origin = { text: textOf(attributes), attributes }
      origins.set(reader.resourceNumber, origin)
    }
    return origin
  }

  /** What finds no room counts here, by its outcome alone. */
  blocked(all: readonly KeyValue[]): Key {
    const attributes = blockedAttributes(all)
    const id = textOf(attributes)
    let key = this.known.get(id)
    if (key === undefined) {
      key = { origin: NO_ORIGIN, resource: BLOCKED, attributes, row: null, period: null }
      this.known.set(id, key)
    }
    return key
  }

  /** Makes room for other keys. Between two periods: in one period, a key must stay the same. */
  forget(): void {
    if (this.known.size < this.keysMax / 2) return
    this.known.clear()
    this.found.clear()
  }

  private first(names: readonly (NameSource | (typeof SPAN_SOURCES)[number])[]): string | undefined {
    for (const name of names) {
      const text = this.reader.text(this.sources[name])
      if (text !== undefined && text !== '') return text
    }
    return undefined
  }

  private isSet(source: Int32Array): boolean {
    const text = this.reader.ownText(source)
    return text === '1' || text === 'true'
  }
}

const NAMELESS = { stringValue: BLOCKED }

function blockedAttributes(all: readonly KeyValue[]): KeyValue[] {
  const kept: readonly string[] = [ROW.status, ROW.topLevel]
  const named: readonly string[] = [ROW.service, ROW.operation, ROW.resource]
  return [...named.map((key) => ({ key, value: NAMELESS })), ...all.filter(({ key }) => kept.includes(key!))]
}

function textOf(attributes: readonly KeyValue[]): string {
  let text = ''
  for (const { key, value } of attributes) text += `${key}\0${value?.stringValue ?? value?.intValue ?? value?.boolValue}\0`
  return text
}

// An id of zeros is none.
function hasParent({ bytes, parentIdStart, parentIdEnd }: SpanReader): boolean {
  for (let i = parentIdStart; i < parentIdEnd; i++) if (bytes[i] !== 0) return true
  return false
}
