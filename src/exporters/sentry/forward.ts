import type { LogRecord, ResourceLogs } from '../../otlp/objects.ts'
import { type EnvelopeItem, type JsonObject, objectOf } from '../../sentry/envelope.ts'
import * as names from '../../sentry/record.ts'
import type { Build, Built, Payloads } from './context.ts'
import { completedContainer, completedEvent, type Sender, senderOf } from './forward-payload.ts'
import { forwardedTrace } from './forward-trace.ts'
import { isId } from './ids.ts'
import { type Attributes, attributesOf, numberOf, textOf } from './values.ts'

/** Reports that go in one envelope. */
const REPORTS_MAX = 100

/** Makes envelopes again of their items: those that came together go together, as far as Sentry takes them so. */
export function forwardedItems(entries: readonly ResourceLogs[], build: Build): Payloads {
  const built: Built[] = []
  const hidden: LogRecord[] = []
  let reports: { items: EnvelopeItem[]; records: LogRecord[] } | undefined
  for (const { resource, scopeLogs = [] } of entries) {
    const sender = senderOf(resource, build.trimmed)
    for (const { logRecords = [] } of scopeLogs) {
      let envelope: Envelope | undefined
      for (const record of logRecords) {
        const came = new Came(record)
        const item = came.item(sender, build)
        if (item === undefined) hidden.push(record)
        else if (came.type === 'client_report') {
          if (reports === undefined || reports.items.length === REPORTS_MAX) {
            reports = { items: [], records: [] }
            built.push({ trace: undefined, eventId: undefined, ...reports })
          }
          reports.items.push(item)
          reports.records.push(record)
        } else {
          if (envelope?.id !== came.envelopeId) {
            if (envelope !== undefined) built.push(...envelope.parts)
            envelope = new Envelope(came.envelopeId)
          }
          envelope.add(came, item, build)
        }
      }
      if (envelope !== undefined) built.push(...envelope.parts)
    }
  }
  return { built, rejected: new Map(hidden.length === 0 ? [] : [['redaction has hidden the item as a whole', hidden]]) }
}

/** Of each of these, an envelope holds one. */
const ONLY_ONE = new Set(['event', 'transaction', 'span', 'log', 'trace_metric'])
/** These go with others of their own type alone. */
const APART = new Set([...ONLY_ONE, 'otel_log', 'check_in', 'profile_chunk', 'feedback', 'session', 'sessions'])
/** These go with an event or a transaction, and with each other, but begin no issue by themselves. */
const EVENTS = new Set(['event', 'transaction', 'feedback'])
/** What has nothing to do with the event of the envelope's header. */
const WITHOUT_EVENT = new Set(['span', 'log', 'otel_log', 'trace_metric', 'check_in', 'profile_chunk', 'session', 'sessions'])

/** An item as it came, by its record. */
class Came {
  readonly record: LogRecord
  readonly type: string
  readonly envelopeId: string
  readonly attributes: Attributes
  /** The header of its envelope. */
  readonly header: JsonObject
  /** The traces that its contents are of; undefined where they say nothing of any. */
  traceIds: ReadonlySet<unknown> | undefined

  constructor(record: LogRecord) {
    this.record = record
    this.attributes = attributesOf(record.attributes)
    this.type = this.text(names.ITEM_TYPE) ?? ''
    this.envelopeId = this.text(names.ENVELOPE_ID) ?? ''
    this.header = objectOf(this.text(names.ENVELOPE_HEADER) ?? '') ?? {}
  }

  text(name: string): string | undefined {
    return textOf(this.attributes.get(name))
  }

  get eventId(): string | undefined {
    const { event_id: id } = this.header
    return typeof id === 'string' && /^[0-9a-f]{32}$/.test(id) ? id : undefined
  }

  get hasEvent(): boolean {
    return this.eventId !== undefined && !WITHOUT_EVENT.has(this.type)
  }

  /** Undefined where redaction has left nothing of it that Sentry would take. */
  item(sender: Sender, build: Build): EnvelopeItem | undefined {
    const payload = this.payload(sender, build)
    const header = objectOf(this.text(names.ITEM_HEADER) ?? '')
    return payload === undefined ? undefined : { header: { ...header, type: this.type }, payload }
  }

  private payload(sender: Sender, { settings: { sendEmail }, trimmed }: Build): Uint8Array | undefined {
    const { record, eventId } = this
    const { stringValue: text, bytesValue: bytes } = record.body ?? {}
    if (text === undefined) return bytes ?? new Uint8Array(0)
    switch (this.type) {
      case 'event':
      case 'transaction':
        return completedEvent(text, record, { eventId, sender, sendEmail, trimmed })
      case 'span':
      case 'log':
      case 'trace_metric': {
        const completed = completedContainer(text, sender, sendEmail)
        this.traceIds = completed?.traceIds
        return completed?.payload
      }
      default:
        return Buffer.from(text)
    }
  }

  /** The sampling context for its envelope; none where the item is not of that one trace. */
  trace({ settings }: Build): JsonObject | undefined {
    const { record, traceIds } = this
    const given = this.header.trace as JsonObject | undefined
    const told = typeof given === 'object' && given !== null
    const isSampled = this.attributes.has(names.SAMPLED_QUANTITIES)
    if (!told && !isSampled) return undefined
    const ofAnother = told && isSampled && given.trace_id !== record.traceId
    const trace = forwardedTrace(
      ofAnother ? { ...given, trace_id: record.traceId } : told ? given : undefined,
      isId(record.traceId) ? record.traceId : undefined,
      { threshold: this.text(names.THRESHOLD), randomness: this.text(names.RANDOMNESS), ownKey: this.text(names.PUBLIC_KEY) },
      settings
    )
    if (traceIds === undefined || trace === undefined) return trace
    return traceIds.size === 1 && traceIds.has(trace.trace_id) ? trace : undefined
  }
}

interface Part extends Built {
  readonly items: EnvelopeItem[]
  readonly records: LogRecord[]
  /** That of its event, or of its first item. */
  type: string
}

/** What came in one envelope, in as many as it takes. */
class Envelope {
  readonly id: string
  readonly parts: Part[] = []

  constructor(id: string) {
    this.id = id
  }

  add(came: Came, item: EnvelopeItem, build: Build): void {
    const part = this.partFor(came.type) ?? this.begin(came, build)
    part.items.push(item)
    part.records.push(came.record)
  }

  private partFor(type: string): Part | undefined {
    if (ONLY_ONE.has(type) && !EVENTS.has(type)) return undefined
    if (EVENTS.has(type)) {
      // Attachments may come before their event.
      const waiting = this.parts.find((part) => !APART.has(part.type))
      if (waiting !== undefined) waiting.type = type
      return waiting
    }
    if (APART.has(type)) return this.parts.find((part) => part.type === type)
    return this.parts.find((part) => EVENTS.has(part.type)) ?? this.parts.find((part) => !APART.has(part.type))
  }

  private begin(came: Came, build: Build): Part {
    const { event_id: _id, trace: _trace, sdk, ...header } = came.header
    const isSdk = typeof sdk === 'object' && sdk !== null && 'name' in sdk && 'version' in sdk
    const part: Part = {
      type: came.type,
      trace: came.trace(build),
      eventId: came.hasEvent ? came.eventId : undefined,
      header: isSdk ? { ...header, sdk } : header,
      clockAheadMs: numberOf(came.attributes.get(names.CLOCK_AHEAD_MS)) ?? 0,
      items: [],
      records: []
    }
    this.parts.push(part)
    return part
  }
}
