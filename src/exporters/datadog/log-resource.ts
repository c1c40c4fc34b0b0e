import { decode } from '../../otlp/decode.ts'
import type { AnyValue, KeyValue } from '../../otlp/objects.ts'
import { FIXED, sourceOfLanguage } from './log-names.ts'
import { senderOf, textOf } from './tags.ts'

/** What all logs of one resource have in common, as JSON. */
export interface LogResource {
  /** `,"service":…,"hostname":…` */
  readonly head: Buffer
  readonly source: string
  /** Without the tags that a log has itself. */
  readonly tags: string
  /** The attributes, each as `,"key":value`, and all of them together. */
  readonly attributes: readonly Buffer[]
  readonly all: Buffer
  /** Their names, in the same order: what a log says itself goes before. */
  readonly names: readonly string[]
}

const DEPTH_MAX = 10
const REMEMBERED_MAX = 256
const REMEMBERED_CHARACTERS_MAX = 2 * 1024 * 1024
/** Of a resource, so much is on each log of it. */
const ATTRIBUTES_BYTES_MAX = 64 * 1024
const FIXED_NAMES: ReadonlySet<string> = new Set(FIXED)

/** Reads resources, each once for as long as it comes again. */
export class LogResources {
  private readonly hostname: string | undefined
  private readonly known = new Map<string, LogResource>()
  private charactersUsed = 0

  /** `hostname` is that of resources that do not say theirs. */
  constructor(hostname: string | undefined) {
    this.hostname = hostname
  }

  /** `key` holds the bytes of a Resource, one character each. */
  of(key: string): LogResource {
    let found = this.known.get(key)
    if (found === undefined) {
      found = resourceOf(decode('Resource', Buffer.from(key, 'latin1')).attributes ?? [], this.hostname)
      this.charactersUsed += key.length + 2 * found.all.length
      if (this.known.size >= REMEMBERED_MAX || this.charactersUsed > REMEMBERED_CHARACTERS_MAX) {
        this.known.clear()
        this.charactersUsed = 0
      }
      this.known.set(key, found)
    }
    return found
  }
}

function resourceOf(attributes: readonly KeyValue[], hostname: string | undefined): LogResource {
  const { service, host, tags } = senderOf(attributes, hostname)
  const flat = new Map<string, string>()
  let source: string | undefined
  let language: string | undefined
  for (const { key = '', value } of attributes) {
    if (value === undefined || key === '') continue
    if (key === 'datadog.log.source') source = textOf(value)
    if (key === 'telemetry.sdk.language') language = textOf(value)
    flatten(FIXED_NAMES.has(key) ? `otel.${key}` : key, value, flat, 0)
  }
  const parts: Buffer[] = []
  const names: string[] = []
  let size = 0
  for (const [name, json] of flat) {
    if (FIXED_NAMES.has(name)) continue
    const part = Buffer.from(`,${JSON.stringify(name)}:${json}`)
    if (size + part.length > ATTRIBUTES_BYTES_MAX) continue
    size += part.length
    parts.push(part)
    names.push(name)
  }
  const head = `${service === undefined ? '' : `,"service":${JSON.stringify(service)}`}${host === undefined ? '' : `,"hostname":${JSON.stringify(host)}`}`
  return {
    head: Buffer.from(head),
    source: source || sourceOfLanguage(language),
    tags: tags.join(','),
    attributes: parts,
    all: Buffer.concat(parts),
    names
  }
}

// Maps become names with dots between; what is deeper stays an object.
function flatten(name: string, value: AnyValue, flat: Map<string, string>, depth: number): void {
  const inner = value.kvlistValue?.values
  if (inner !== undefined && depth < DEPTH_MAX) {
    for (const { key = '', value: each } of inner) if (each !== undefined) flatten(`${name}.${key}`, each, flat, depth + 1)
    return
  }
  const json = jsonOf(value)
  if (json !== undefined) flat.set(name, json)
}

function jsonOf(value: AnyValue): string | undefined {
  if (value.stringValue !== undefined) return JSON.stringify(value.stringValue)
  if (value.boolValue !== undefined) return String(value.boolValue)
  if (value.intValue !== undefined) return Number.isSafeInteger(Number(value.intValue)) ? String(value.intValue) : `"${value.intValue}"`
  if (value.doubleValue !== undefined) return Number.isFinite(value.doubleValue) ? String(value.doubleValue) : `"${value.doubleValue}"`
  if (value.bytesValue !== undefined) return JSON.stringify(Buffer.from(value.bytesValue).toString('base64'))
  if (value.arrayValue !== undefined) return `[${(value.arrayValue.values ?? []).map((each) => jsonOf(each) ?? 'null').join(',')}]`
  if (value.kvlistValue === undefined) return undefined
  const entries = new Map<string, string>()
  for (const { key = '', value: each } of value.kvlistValue.values ?? []) entries.set(key, (each && jsonOf(each)) ?? 'null')
  return `{${Array.from(entries, ([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')}}`
}
