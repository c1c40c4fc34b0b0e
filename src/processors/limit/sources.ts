import { encode } from '../../otlp/encode.ts'
import { AttributeView, equals } from '../../otlp/views.ts'
import { Fields } from '../../otlp/wire.ts'
import { Bucket } from './bucket.ts'
import { RANGES } from './severity.ts'

/** A larger resource is not kept for the summary, which then names what tells the source apart. */
const RESOURCE_BYTES_MAX = 4096
/** Of a longer value, only the beginning tells sources apart. */
const VALUE_BYTES_MAX = 256
/** A source that has said nothing for so long is forgotten. */
const IDLE_MS = 60_000

const NOTHING = new Uint8Array(0)

/** What is known of one source of log records. */
export class Source {
  /** What tells it apart, by attribute. */
  readonly names: Readonly<Record<string, string>>
  readonly usual: Bucket
  readonly errors: Bucket
  seenAtMs: number
  /** Records that were taken out since the last summary, by range of severity; null where there were none. */
  suppressed: number[] | null = null
  /** Its Resource, copied when the first of them was taken out. */
  resource: Uint8Array = NOTHING

  constructor(names: Readonly<Record<string, string>>, burst: number, errorBurst: number, nowMs: number) {
    this.names = names
    this.usual = new Bucket(burst, nowMs)
    this.errors = new Bucket(errorBurst, nowMs)
    this.seenAtMs = nowMs
  }

  suppress(range: number, bytes: Uint8Array, resourceStart: number, resourceEnd: number): void {
    if (this.suppressed === null) {
      this.suppressed = RANGES.map(() => 0)
      this.resource = resourceOf(this.names, bytes, resourceStart, resourceEnd)
    }
    this.suppressed[range]++
  }
}

/** A copy of the Resource in [start, end), or where that is too large, one of the names alone. */
export function resourceOf(names: Readonly<Record<string, string>>, bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start <= RESOURCE_BYTES_MAX) return new Uint8Array(bytes.subarray(start, end))
  return encode('Resource', { attributes: Object.entries(names).map(([key, stringValue]) => ({ key, value: { stringValue } })) })
}

const SERVICE = Buffer.from('service.name')
const ENVIRONMENT = Buffer.from('deployment.environment.name')
const FORMER_ENVIRONMENT = Buffer.from('deployment.environment')
const attributes = new Fields()
const attribute = new AttributeView()
const value = new Fields()

/** The sources that were heard of lately, told apart by attributes of their resource. */
export class Sources {
  private readonly keys: readonly { readonly name: string; readonly bytes: Uint8Array }[]
  private readonly known = new Map<string, Source>()
  private readonly sourcesMax: number
  private readonly burst: number
  private readonly errorBurst: number
  /** Those that found no room share this one. */
  readonly others: Source
  /** Of the resource that was read last. */
  service = ''
  environment = ''
  /** The address that the batch came from, where it came over a network: senders that name nothing are told apart by it. */
  sender = ''
  /** Of the source that was asked for last. */
  id = ''
  private names: Record<string, string> = {}

  constructor(by: readonly string[], { sourcesMax, burst, errorBurst }: { sourcesMax: number; burst: number; errorBurst: number }) {
    this.keys = by.map((name) => ({ name, bytes: Buffer.from(name) }))
    this.sourcesMax = sourcesMax
    this.burst = burst
    this.errorBurst = errorBurst
    this.others = new Source({}, burst, errorBurst, 0)
  }

  /** Another resource begins. */
  resourceEntry(): void {
    this.service = this.environment = ''
    this.names = {}
  }

  // The wire: Resource { repeated KeyValue attributes = 1 }
  resource(bytes: Uint8Array, start: number, end: number): void {
    const { keys } = this
    attributes.open(bytes, start, end)
    while (attributes.next()) {
      if (attributes.number !== 1) continue
      const { keyStart, keyEnd, valueStart, valueEnd } = attribute.open(bytes, attributes.start, attributes.end)
      if (equals(bytes, keyStart, keyEnd, SERVICE)) this.service = textOf(bytes, valueStart, valueEnd)
      else this.environment = environmentIn(bytes, this.environment)
      for (let i = 0; i < keys.length; i++)
        if (equals(bytes, keyStart, keyEnd, keys[i].bytes)) this.names[keys[i].name] = textOf(bytes, valueStart, valueEnd)
    }
  }

  /** The source that the resource names. */
  current(nowMs: number): Source {
    let id = this.sender
    for (const { name } of this.keys) id += `\n${this.names[name] ?? ''}`
    this.id = id
    let source = this.known.get(id)
    if (source === undefined) {
      if (this.known.size >= this.sourcesMax) return this.others
      source = new Source(this.names, this.burst, this.errorBurst, nowMs)
      this.known.set(id, source)
    }
    source.seenAtMs = nowMs
    return source
  }

  get size(): number {
    return this.known.size
  }

  /** Sources of which records were taken out, from the first such record on; forgets those that are silent. */
  takeSuppressed(nowMs: number): Source[] {
    const found: Source[] = []
    if (this.others.suppressed !== null) found.push(this.others)
    for (const [id, source] of this.known) {
      if (source.suppressed !== null) found.push(source)
      else if (nowMs - source.seenAtMs > IDLE_MS) this.known.delete(id)
    }
    return found
  }
}

/** The environment that the attribute in [start, end) names; else the one that was found before it. */
export function environmentOf(bytes: Uint8Array, start: number, end: number, before: string): string {
  attribute.open(bytes, start, end)
  return environmentIn(bytes, before)
}

// Of the attribute that is open. The newer spelling wins.
function environmentIn(bytes: Uint8Array, before: string): string {
  const { keyStart, keyEnd, valueStart, valueEnd } = attribute
  if (equals(bytes, keyStart, keyEnd, ENVIRONMENT) || (before === '' && equals(bytes, keyStart, keyEnd, FORMER_ENVIRONMENT)))
    return textOf(bytes, valueStart, valueEnd)
  return before
}

// AnyValue { string_value = 1 }: other values are told apart by nobody.
function textOf(bytes: Uint8Array, start: number, end: number): string {
  let text = ''
  value.open(bytes, start, end)
  while (value.next()) {
    if (value.number !== 1) continue
    const length = Math.min(value.end - value.start, VALUE_BYTES_MAX)
    text = Buffer.from(bytes.buffer, bytes.byteOffset + value.start, length).toString()
  }
  return text
}
