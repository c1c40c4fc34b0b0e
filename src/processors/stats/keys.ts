import { CLIENT, CONSUMER, NAME_SOURCES, type NameSource, namesOf, PRODUCER, type ReadText, SERVER } from '../../datadog/naming.ts'
import { BLOCKED, KINDS, RESOURCE_SOURCES, ROW, SPAN_SOURCES, STATUS_ERROR, STATUS_OK } from '../../datadog/statistics.ts'
import { FOUND_MAX, VALUE_BYTES_MAX } from '../../otlp/attributes/attribute-reader.ts'
import { ByteKeys } from '../../otlp/attributes/byte-keys.ts'
import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { utf8 } from '../../otlp/attributes/label-text.ts'
import { SpanReader } from '../../otlp/attributes/span-reader.ts'
import type { KeyValue } from '../../otlp/objects.ts'
import type { Period } from './period.ts'
import type { Row } from './row.ts'

const ERROR = 2
const ARENA_BYTES_MAX = 2 ** 20
/** Known at once; beyond that all are forgotten, and found anew. */
const KEYS_KNOWN_MAX = 10_000
const LENGTH_BITS = 13 // enough for VALUE_BYTES_MAX
const FACT_BITS = 5

/** Under what spans are counted: spans that Datadog tells apart have different keys. */
export interface Key {
  /** The resource that they are of, as text and as attributes. */
  readonly origin: string
  readonly originAttributes: readonly KeyValue[]
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
  private epoch = 0

  constructor() {
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
    const attributes: KeyValue[] = []
    const text = (key: string, value: string | undefined): void => {
      if (value !== undefined && value !== '') attributes.push({ key, value: { stringValue: value } })
    }
    // Without a name yet, it may be given one on the way, as the spans are.
    if (read('service.name') !== undefined) text(ROW.service, names.service)
    text(ROW.operation, names.operation)
    text(ROW.resource, names.resource)
    text(ROW.type, names.type)
    text(ROW.kind, KINDS[kind])
    text(ROW.status, reader.status === ERROR ? STATUS_ERROR : STATUS_OK)
    attributes.push({ key: ROW.topLevel, value: { boolValue: isTop } }, { key: ROW.traceRoot, value: { boolValue: isRoot } })
    const status = Number(this.first(['http.response.status_code', 'http.status_code']))
    if (Number.isInteger(status) && status > 0 && status < 1000) {
      attributes.push({ key: ROW.httpStatus, value: { intValue: BigInt(status) } })
    }
    text(ROW.httpMethod, read('http.request.method', 'http.method'))
    text(ROW.httpRoute, read('http.route'))
    text(ROW.rpcStatus, this.first(['rpc.response.status_code', 'rpc.grpc.status_code'])?.toUpperCase())
    text(ROW.origin, this.first(['_dd.origin']))
    const statement = read('db.statement', 'db.query.text')
    return { key: this.keyOf(names.resource, attributes), isOften: statement === undefined || statement === names.resource }
  }

  private keyOf(resource: string, attributes: KeyValue[]): Key {
    const { reader, known, sources } = this
    const originAttributes: KeyValue[] = []
    for (const key of RESOURCE_SOURCES) {
      const stringValue = reader.resourceText(sources[key])
      if (stringValue !== undefined) originAttributes.push({ key, value: { stringValue } })
    }
    const origin = textOf(originAttributes)
    const id = `${origin}\n${textOf(attributes)}`
    let key = known.get(id)
    if (key === undefined) {
      if (known.size >= KEYS_KNOWN_MAX) this.forget()
      key = { origin, originAttributes, resource, attributes, row: null, period: null }
      known.set(id, key)
    }
    return key
  }

  /** The same key for a span whose resource has no room, or that finds none itself. */
  blocked(key: Key, whole: boolean): Key {
    const { known } = this
    const attributes = whole
      ? blockedAttributes(key)
      : key.attributes.map((each) => (each.key === ROW.resource ? { ...each, value: NAMELESS } : each))
    const id = `${whole ? '' : key.origin}\n${textOf(attributes)}`
    let other = known.get(id)
    if (other === undefined) {
      const origin = whole ? { origin: '', originAttributes: [] } : { origin: key.origin, originAttributes: key.originAttributes }
      other = { ...origin, resource: BLOCKED, attributes, row: null, period: null }
      known.set(id, other)
    }
    return other
  }

  private forget(): void {
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

// All that finds no room in one row for each outcome.
function blockedAttributes(key: Key): KeyValue[] {
  const kept: readonly string[] = [ROW.status, ROW.topLevel]
  const named: readonly string[] = [ROW.service, ROW.operation, ROW.resource]
  return key.attributes.flatMap((each) => {
    if (kept.includes(each.key!)) return [each]
    return named.includes(each.key!) ? [{ key: each.key!, value: NAMELESS }] : []
  })
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
