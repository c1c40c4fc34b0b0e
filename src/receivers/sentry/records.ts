import { isUtf8 } from 'node:buffer'
import { randomUUID } from 'node:crypto'
import { type Batch, parseBatch } from '../../batch.ts'
import { encode } from '../../otlp/encode.ts'
import type { AnyValue, Draft, KeyValue, LogRecord } from '../../otlp/objects.ts'
import { Discarded, quantitiesText } from '../../sentry/discarded.ts'
import { type Envelope, type EnvelopeItem, type JsonObject, objectOf } from '../../sentry/envelope.ts'
import * as names from '../../sentry/record.ts'
import type { Address } from './auth.ts'
import { itemTypeOf } from './item-types.ts'
import { hideInPairs } from './pairs.ts'
import { hideParameters } from './parameters.ts'
import {
  hasFailed,
  idOf,
  isObject,
  languageOf,
  type Sdk,
  SEVERITY_ERROR,
  SEVERITY_INFO,
  sdkOf,
  serviceOf,
  severityOf,
  timeMsOf,
  traceOf
} from './payload.ts'
import { splitSpans } from './split-spans.ts'

export interface ItemSettings {
  /** Which attachments and other payloads pass that are not JSON: those that redaction can look into, all, or none. */
  readonly attachments: 'text' | 'all' | 'off'
  readonly attachmentBytesMax: number
  /** As redaction does with any text. */
  readonly redact: (text: string) => string
}

export type DropReason = 'invalid' | 'too-large' | 'policy'

/** What Sentry calls the reasons for which items are left out. */
const REPORTED: Readonly<Record<DropReason, string>> = { invalid: 'invalid', 'too-large': 'invalid', policy: 'before_send' }

/** A clock that is as far off as this is wrong, and the message was not just under way. */
const CLOCK_AHEAD_MIN_MS = 60_000

/** One item, and what was found out about it. */
interface Read {
  readonly item: EnvelopeItem
  readonly content: JsonObject | null
  readonly body: Draft<AnyValue>
}

/** Makes log records of the items of one envelope, each of its own; what is wrong with one costs that one alone. */
export class EnvelopeReader {
  /** Items that were left out, by type and reason. */
  readonly dropped: { readonly type: string; readonly reason: DropReason }[] = []
  /** Types of the items that were not. */
  readonly taken: readonly string[]
  /** The id of the envelope, as its sender is told it; undefined where it has none. */
  readonly eventId: string | undefined
  private readonly header: JsonObject
  private readonly sdk: Sdk | undefined
  private readonly settings: ItemSettings
  private readonly nowMs: number
  private readonly records: Draft<LogRecord>[] = []
  private readonly discarded = new Discarded()
  private readonly items: readonly Read[]
  private readonly shared: Draft<KeyValue>[]

  constructor({ header, items }: Envelope, address: Address, settings: ItemSettings, nowMs: number) {
    const { dsn: _dsn, sent_at: sentAt, ...rest } = header
    this.settings = settings
    this.nowMs = nowMs
    this.items = items.flatMap((item) => this.read(item) ?? [])
    this.taken = this.items.map(({ item }) => item.header.type)
    const ofEvent = this.items.find(({ item }) => item.header.type === 'event' || item.header.type === 'transaction')
    const told = idOf(header.event_id, 32) ?? idOf(ofEvent?.content?.event_id, 32)
    const id = told ?? randomUUID().replaceAll('-', '')
    this.eventId = told ?? (ofEvent === undefined ? undefined : id)
    this.sdk = sdkOf({ sdk: header.sdk }) ?? this.firstOf(sdkOf)
    this.header = { ...rest, ...(this.sdk && !isObject(rest.sdk) && { sdk: this.sdk }), ...(this.eventId && { event_id: this.eventId }) }
    const sentAtMs = timeMsOf(sentAt)
    const aheadMs = sentAtMs === undefined ? 0 : Math.round(sentAtMs - nowMs)
    this.shared = [
      text(names.ENVELOPE_HEADER, JSON.stringify(this.header)),
      text(names.ENVELOPE_ID, id),
      text(names.PROJECT, address.project),
      text(names.PUBLIC_KEY, address.publicKey),
      ...(Math.abs(aheadMs) < CLOCK_AHEAD_MIN_MS ? [] : [{ key: names.CLOCK_AHEAD_MS, value: { intValue: aheadMs } }])
    ]
  }

  /** Null where nothing is left of the envelope. */
  batch(sender: string | undefined): Batch | null {
    const transaction = this.items.find(({ item }) => item.header.type === 'transaction')
    for (const read of this.items) this.add(read, transaction)
    if (!this.discarded.isEmpty) this.record(reportItem(this.discarded.take(this.nowMs)), {})
    if (this.records.length === 0) return null
    const resource = { attributes: this.resource() }
    const scopeLogs = [{ scope: { name: 'sluice.sentry' }, logRecords: this.records }]
    return parseBatch('envelopes', encode('ExportLogsServiceRequest', { resourceLogs: [{ resource, scopeLogs }] }), this.nowMs, sender)
  }

  private read(item: EnvelopeItem): Read | null {
    const { type } = item.header
    const { bytesMax, isObject: mustBeObject } = itemTypeOf(type)
    const { length } = item.payload
    const payload = Buffer.from(item.payload.buffer, item.payload.byteOffset, length)
    if (length > bytesMax) return this.drop(item, 'too-large')
    const isText = isUtf8(payload)
    const content = isText && payload[0] !== ZERO ? objectOf(payload.toString()) : null
    if (mustBeObject && content === null) return this.drop(item, 'invalid')
    if (content === null) {
      const { attachments, attachmentBytesMax } = this.settings
      if (attachments === 'off' || (attachments === 'text' && !isText)) return this.drop(item, 'policy')
      if (length > attachmentBytesMax) return this.drop(item, 'too-large')
    }
    if (content !== null && this.hideApart(type, content)) {
      const rewritten = jsonOf(content)
      return rewritten === undefined ? this.drop(item, 'invalid') : { item, content, body: { stringValue: rewritten } }
    }
    return { item, content, body: isText ? { stringValue: payload.toString() } : { bytesValue: payload } }
  }

  // Hides what redaction would not see, since what tells that it is a secret stands elsewhere.
  private hideApart(type: string, content: JsonObject): boolean {
    const { redact } = this.settings
    const inParameters = hideParameters(type, content, redact)
    return ((type === 'event' || type === 'transaction') && hideInPairs(content, redact)) || inParameters
  }

  private drop({ header: { type }, payload }: EnvelopeItem, reason: DropReason): null {
    const { category } = itemTypeOf(type)
    this.dropped.push({ type, reason })
    // There are no reports of reports.
    if (category !== 'internal') this.discarded.add(REPORTED[reason], category, category === 'attachment' ? Math.max(1, payload.length) : 1)
    return null
  }

  private add(read: Read, transaction: Read | undefined): void {
    const { item, content } = read
    switch (item.header.type) {
      case 'event':
        this.record(read, { ...traceOf(content!), severityNumber: severityOf(content!), timeMs: timeMsOf(content!.timestamp) })
        break
      case 'transaction':
        this.record(read, { ...this.ofTransaction(content!), quantities: transactionQuantities(content!) })
        break
      case 'span':
        for (const part of splitSpans(item, content!)) {
          const body = { stringValue: part.payload.toString() }
          const severityNumber = part.haveFailed ? SEVERITY_ERROR : SEVERITY_INFO
          const quantities = part.traceId === undefined ? undefined : quantitiesText([['span', part.count]])
          this.record({ item: part, body }, { traceId: part.traceId, severityNumber, quantities })
        }
        break
      default:
        // What came with a transaction goes or stays with it.
        if (transaction === undefined || !GOES_ALONG.has(item.header.type)) this.record(read, content === null ? {} : traceOf(content))
        else this.record(read, { ...this.ofTransaction(transaction.content!), quantities: quantitiesText([categoryAndQuantity(item)]) })
    }
  }

  private ofTransaction(content: JsonObject): Told {
    const severityNumber = hasFailed(content) ? SEVERITY_ERROR : SEVERITY_INFO
    return { ...traceOf(content), severityNumber, timeMs: timeMsOf(content.timestamp) }
  }

  private record({ item, body }: Pick<Read, 'item' | 'body'>, told: Told): void {
    const { trace } = this.header
    const { timeMs = this.nowMs, severityNumber = SEVERITY_INFO, spanId, quantities } = told
    const traceId = told.traceId ?? (isObject(trace) ? idOf(trace.trace_id, 32) : undefined)
    const { length: _length, ...header } = item.header
    this.records.push({
      timeUnixNano: nanoseconds(timeMs),
      observedTimeUnixNano: nanoseconds(this.nowMs),
      severityNumber,
      body,
      attributes: [
        text(names.ITEM_TYPE, item.header.type),
        text(names.ITEM_HEADER, JSON.stringify(header)),
        ...(quantities !== undefined && traceId !== undefined ? [text(names.SAMPLED_QUANTITIES, quantities)] : []),
        ...this.shared
      ],
      ...(traceId !== undefined && { traceId }),
      ...(spanId !== undefined && { spanId })
    })
  }

  private resource(): Draft<KeyValue>[] {
    const service = this.firstOf(serviceOf)
    const { name, version } = this.sdk ?? {}
    const language = name === undefined ? undefined : languageOf(name)
    return [
      ...(service === undefined ? [] : [text('service.name', service)]),
      ...(name === undefined ? [] : [text('telemetry.sdk.name', name)]),
      ...(version === undefined ? [] : [text('telemetry.sdk.version', version)]),
      ...(language === undefined ? [] : [text('telemetry.sdk.language', language)])
    ]
  }

  private firstOf<T>(read: (content: JsonObject) => T | undefined): T | undefined {
    for (const { content } of this.items) {
      const found = content === null ? undefined : read(content)
      if (found !== undefined) return found
    }
    return undefined
  }
}

interface Told {
  readonly traceId?: string | undefined
  readonly spanId?: string | undefined
  readonly severityNumber?: number
  readonly timeMs?: number | undefined
  readonly quantities?: string | undefined
}

const ZERO = 0
/** What is of no use without the transaction that it came with. */
const GOES_ALONG = new Set(['profile', 'attachment'])

function transactionQuantities({ spans }: JsonObject): string {
  // The transaction is a span too.
  return quantitiesText([
    ['transaction', 1],
    ['span', 1 + (Array.isArray(spans) ? spans.length : 0)]
  ])
}

function categoryAndQuantity({ header: { type }, payload }: EnvelopeItem): readonly [string, number] {
  const { category } = itemTypeOf(type)
  return [category, category === 'attachment' ? Math.max(1, payload.length) : 1]
}

function reportItem(report: string): Pick<Read, 'item' | 'body'> {
  return { item: { header: { type: 'client_report' }, payload: Buffer.from(report) }, body: { stringValue: report } }
}

// Undefined where it is nested too deep to be written anew.
function jsonOf(content: JsonObject): string | undefined {
  try {
    return JSON.stringify(content)
  } catch {
    return undefined
  }
}

function text(key: string, value: string): Draft<KeyValue> {
  return { key, value: { stringValue: value } }
}

function nanoseconds(ms: number): bigint {
  return BigInt(Math.max(0, Math.round(ms * 1000))) * 1000n
}
