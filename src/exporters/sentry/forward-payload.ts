// What the gateway knows of the sender, put into payloads that SDKs made. What they say themselves stays.
import type { LogRecord, Resource } from '../../otlp/objects.ts'
import { objectOf } from '../../sentry/envelope.ts'
import { attributeOf } from './attributes.ts'
import { environmentContexts } from './contexts.ts'
import { EVENT_BYTES_MAX, type Trimmed } from './limits.ts'
import { nameOf } from './source.ts'
import { Taken } from './taken.ts'
import { type Attributes, attributesOf, firstText, type Json, type JsonMap } from './values.ts'

/** A sender, as its resource tells. */
export interface Sender {
  readonly attributes: Attributes
  /** Of records in containers: attributes in Sentry’s form. */
  readonly entries: readonly (readonly [key: string, attribute: Json])[]
  readonly serverName: string | undefined
  /** Runs where the gateway runs, or near; a browser does not. */
  readonly isNear: boolean
}

const CONTEXTS = new Set(['gpu', 'pod', 'device', 'cloud_resource'])
const SHARED = /^(k8s|container|cloud|hw|gpu)\.|^(host|service)\.name$/

export function senderOf(resource: Resource | undefined, trimmed: Trimmed): Sender {
  const attributes = attributesOf(resource?.attributes)
  const isNear = attributes.get('telemetry.sdk.language')?.stringValue !== 'webjs'
  const serverName = isNear ? nameOf(firstText(attributes, ['k8s.pod.name', 'host.name'])) : undefined
  const entries: [string, Json][] = []
  for (const [key, value] of isNear ? attributes : []) {
    const text = SHARED.test(key) ? attributeOf(value, trimmed) : undefined
    if (text !== undefined) entries.push([key, JSON.parse(text)])
  }
  if (serverName !== undefined) entries.push(['server.address', { value: serverName, type: 'string' }])
  return { attributes, entries, serverName, isNear }
}

/** Adds to an event or a transaction; undefined where the text is no object. */
export function completedEvent(
  text: string,
  record: LogRecord,
  { eventId, sender, sendEmail, trimmed }: { eventId: string | undefined; sender: Sender; sendEmail: boolean; trimmed: Trimmed }
): Buffer | undefined {
  const event = parsed(text)
  if (event === undefined) return undefined
  if (eventId !== undefined) event.event_id = eventId
  completeUser(event, sendEmail)
  const bare = written(event, text)
  if (!sender.isNear) return bare
  if (event.server_name === undefined || event.server_name === null)
    if (sender.serverName !== undefined) event.server_name = sender.serverName
  const known = environmentContexts(new Taken(attributesOf(record.attributes)), new Taken(sender.attributes), trimmed)
  const contexts = mapOf(event.contexts) ?? {}
  for (const [name, context] of Object.entries(known)) if (CONTEXTS.has(name)) contexts[name] = { ...context, ...mapOf(contexts[name]) }
  event.contexts = contexts
  const complete = written(event, text)
  // An event that is as large as it may be goes as it is.
  return complete.length > EVENT_BYTES_MAX ? bare : complete
}

const CONTAINER_BYTES_MAX = 12 * 1024 * 1024

/** A container, and the traces of what is in it. */
export interface Completed {
  readonly payload: Buffer
  readonly traceIds: ReadonlySet<unknown>
}

/** Adds to each span, log record or metric of a container; undefined where the text is no container. */
export function completedContainer(text: string, sender: Sender, sendEmail: boolean): Completed | undefined {
  const container = parsed(text)
  if (container === undefined || !Array.isArray(container.items)) return undefined
  const traceIds = new Set<unknown>()
  for (const item of container.items) {
    const record = mapOf(item)
    if (record === undefined) continue
    traceIds.add(record.trace_id)
    const attributes = mapOf(record.attributes) ?? {}
    correctTypes(attributes)
    if (!sendEmail) delete attributes['user.email']
    for (const [key, attribute] of sender.entries) if (!Object.hasOwn(attributes, key)) attributes[key] = attribute
    record.attributes = attributes
  }
  const payload = written(container, text)
  return { payload: payload.length > CONTAINER_BYTES_MAX ? Buffer.from(text) : payload, traceIds }
}

// Where redaction has hidden a number, a text stands in its place; where a key was that of a secret, its type is hidden, too.
function correctTypes(attributes: JsonMap): void {
  for (const attribute of Object.values(attributes)) {
    const held = mapOf(attribute)
    if (held !== undefined && typeof held.value === 'string') held.type = 'string'
  }
}

// `{{auto}}` asks Sentry to take the address that the request came from, which is now the gateway's.
function completeUser(event: JsonMap, sendEmail: boolean): void {
  const user = mapOf(event.user)
  if (user === undefined) return
  if (!sendEmail) delete user.email
  if (user.ip_address === '{{auto}}') delete user.ip_address
}

function mapOf(value: Json | undefined): JsonMap | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
}

/** Numbers that may be more than a JavaScript number can tell. */
const LONG_NUMBER = /\d{16}|\d[eE]\+?\d{3}/
const { rawJSON } = JSON as unknown as { rawJSON(source: string): Json }

// The object with every number as it was written.
function parsed(text: string): JsonMap | undefined {
  if (!LONG_NUMBER.test(text)) return (objectOf(text) as JsonMap | null) ?? undefined
  try {
    const value = JSON.parse(text, ((_key: string, each: Json, { source }: { source: string }) =>
      typeof each === 'number' && (!Number.isFinite(each) || (Number.isInteger(each) && !Number.isSafeInteger(each)))
        ? rawJSON(source)
        : each) as never) as Json
    return mapOf(value)
  } catch {
    // Nested too deep for that.
    return (objectOf(text) as JsonMap | null) ?? undefined
  }
}

function written(content: JsonMap, text: string): Buffer {
  try {
    return Buffer.from(JSON.stringify(content))
  } catch {
    // Nested too deep to be written anew.
    return Buffer.from(text)
  }
}
