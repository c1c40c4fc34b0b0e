import type { RedactedBatch } from '../../batch.ts'
import type { Host } from '../../component.ts'
import { decode } from '../../otlp/decode.ts'
import type { KeyValue, LogRecord, ResourceLogs, ResourceSpans } from '../../otlp/objects.ts'
import type { JsonObject } from '../../sentry/envelope.ts'
import type { Counter } from '../../telemetry/metrics.ts'
import { quantitiesOf } from './categories.ts'
import type { Build, Built, Payloads } from './context.ts'
import type { Destination, Destinations } from './destinations.ts'
import { TraceHeaders } from './dsc.ts'
import { errorItems, type Stacks } from './error-event.ts'
import { forwardedItems } from './forward.ts'
import { Trimmed } from './limits.ts'
import { logItems, severityNumberOf } from './log-items.ts'
import { fixedLogs, fixedTraces } from './otlp-fixes.ts'
import { EnvelopeParcel, OtlpParcel, type Parcel, type Piece } from './parcel.ts'
import { type Progress, partOf } from './progress.ts'
import { SDK_NAME, type Settings } from './settings.ts'
import { spanItems } from './span-items.ts'
import { detectLanguage, parseStack } from './stacks/parse-stack.ts'
import { transactionItems } from './transaction.ts'

export interface PackerOptions {
  readonly spans: 'spans' | 'transactions' | 'otlp' | 'off'
  readonly logs: 'logs' | 'otlp' | 'off'
  /** As OpenTelemetry counts it. */
  readonly minSeverity: number
  readonly environment?: string | undefined
  readonly release?: string | undefined
  readonly sendEmail: boolean
  readonly tags: readonly string[]
  readonly version: string
}

const STACKS: Stacks = { parse: (language, text, trimmed) => parseStack(language, text, {}, trimmed), detect: detectLanguage }

/** What one destination gets of a batch, still under its resources and scopes. */
interface Share<E> {
  readonly entries: E[]
  readonly records: number[]
}

/** Makes parcels of batches: by destination, and as the options say. */
export class Packer {
  private readonly options: PackerOptions
  private readonly destinations: Destinations
  private readonly contexts = new Map<Destination, Omit<Build, 'receivedAtMs' | 'trimmed'>>()
  private readonly trimmed: Counter
  private readonly exporter: string

  constructor(options: PackerOptions, destinations: Destinations, host: Host) {
    this.options = options
    this.destinations = destinations
    this.exporter = host.name
    this.trimmed = host.metrics.counter(
      'sluice_sentry_trimmed_total',
      'Pieces that were cut because Sentry takes no more, by what they were of.'
    )
    const { version, environment, release, sendEmail, tags } = options
    for (const to of destinations.all) {
      const { publicKey, organisation } = to.dsn
      const settings: Settings = { publicKey, organisation, version, environment, release, sendEmail, tags }
      this.contexts.set(to, { settings, headers: new TraceHeaders(settings) })
    }
  }

  /** Everything among these records of the batch that is still open. What cannot be sent is given up at once. */
  pack(batch: RedactedBatch, among: readonly number[], progress: Progress): Parcel[] {
    const open = among.filter((record) => progress.isOpen(record))
    if (open.length === 0) return []
    const numbers = new Map<object, number>()
    const { bytes } = partOf(batch, open)
    const shares = batch.signal === 'traces' ? this.shareSpans(bytes, open, numbers) : this.shareLogs(batch, bytes, open, numbers, progress)
    const parcels: Parcel[] = []
    for (const [to, share] of shares) {
      const change = this.otlpChange(batch)
      if (change !== null) parcels.push(new OtlpParcel(to, batch, share.records, change))
      else parcels.push(...this.build(batch, to, share, numbers, progress))
    }
    return parcels
  }

  private otlpChange({ signal, receivedAtMs }: RedactedBatch): ((bytes: Uint8Array) => Uint8Array) | null {
    const { spans, logs } = this.options
    if (signal === 'traces' && spans === 'otlp') {
      return (bytes) => {
        const trimmed = new Trimmed()
        const fixed = fixedTraces(bytes, trimmed)
        this.count(trimmed)
        return fixed
      }
    }
    return signal === 'logs' && logs === 'otlp' ? (bytes) => fixedLogs(bytes, receivedAtMs) : null
  }

  private count({ counts }: Trimmed): void {
    for (const [part, count] of counts) this.trimmed.add(count, { exporter: this.exporter, part })
  }

  private build(
    batch: RedactedBatch,
    to: Destination,
    { entries, records: shared }: Share<ResourceSpans | ResourceLogs>,
    numbers: ReadonlyMap<object, number>,
    progress: Progress
  ): Parcel[] {
    const trimmed = new Trimmed()
    const build: Build = { ...this.contexts.get(to)!, trimmed, receivedAtMs: batch.receivedAtMs }
    const { built, rejected } = this.payloads(batch, entries, build)
    const numbersOf = (objects: readonly object[]): number[] => objects.map((object) => numbers.get(object)!)
    for (const [reason, objects] of rejected) progress.drop(numbersOf(objects), 'unsupported', reason, true)
    this.count(trimmed)
    const parcels = built.map((one) => parcelOf(to, one, numbersOf(one.records), build))
    // Whatever a builder has passed over must not wait for ever.
    const packed = new Set(parcels.flatMap(({ records }) => records))
    progress.drop(
      shared.filter((record) => !packed.has(record)),
      'unsupported',
      'nothing that Sentry takes could be made of it',
      true
    )
    return parcels
  }

  private payloads({ signal }: RedactedBatch, entries: readonly (ResourceSpans | ResourceLogs)[], build: Build): Payloads {
    switch (signal) {
      case 'traces':
        return this.options.spans === 'transactions'
          ? transactionItems(entries as ResourceSpans[], build)
          : spanItems(entries as ResourceSpans[], build)
      case 'errors':
        return errorItems(entries as ResourceLogs[], build, STACKS)
      case 'envelopes':
        return forwardedItems(entries as ResourceLogs[], build)
      default:
        return logItems(entries as ResourceLogs[], build)
    }
  }

  // `open` are the numbers of the records that are in `bytes`.
  private shareSpans(bytes: Uint8Array, open: readonly number[], numbers: Map<object, number>): Map<Destination, Share<ResourceSpans>> {
    const shares = new Map<Destination, Share<ResourceSpans>>()
    let at = 0
    for (const entry of decode('ExportTraceServiceRequest', bytes).resourceSpans ?? []) {
      const share = shareOf(shares, this.destinations.of(textOf(entry.resource?.attributes, 'service.name')))
      share.entries.push(entry)
      for (const { spans = [] } of entry.scopeSpans ?? []) {
        for (const span of spans) {
          numbers.set(span, open[at])
          share.records.push(open[at++])
        }
      }
    }
    return shares
  }

  private shareLogs(
    { signal }: RedactedBatch,
    bytes: Uint8Array,
    open: readonly number[],
    numbers: Map<object, number>,
    progress: Progress
  ): Map<Destination, Share<ResourceLogs>> {
    const shares = new Map<Destination, Share<ResourceLogs>>()
    const minor: number[] = []
    let at = 0
    for (const { resource, scopeLogs = [] } of decode('ExportLogsServiceRequest', bytes).resourceLogs ?? []) {
      const service = textOf(resource?.attributes, 'service.name')
      for (const { scope, logRecords = [] } of scopeLogs) {
        // Neighbours that go to the same place stay together.
        let last: { readonly to: Destination; readonly logRecords: LogRecord[] } | undefined
        for (const log of logRecords) {
          const number = open[at++]
          if (signal === 'logs' && this.isMinor(log)) {
            minor.push(number)
            continue
          }
          const to = signal === 'envelopes' ? this.addressOf(service, log) : this.destinations.of(service)
          const share = shareOf(shares, to)
          if (last?.to !== to) {
            last = { to, logRecords: [] }
            share.entries.push({ ...(resource && { resource }), scopeLogs: [{ ...(scope && { scope }), logRecords: last.logRecords }] })
          }
          last.logRecords.push(log)
          share.records.push(number)
          numbers.set(log, number)
        }
      }
    }
    progress.drop(minor, 'severity', 'below exporters.sentry.minSeverity', false)
    return shares
  }

  private isMinor(log: LogRecord): boolean {
    const severity = severityNumberOf(log)
    return severity !== 0 && severity < this.options.minSeverity
  }

  private addressOf(service: string | undefined, { attributes }: LogRecord): Destination {
    return this.destinations.of(service, textOf(attributes, 'sentry.project'), textOf(attributes, 'sentry.public_key'))
  }
}

function shareOf<E>(shares: Map<Destination, Share<E>>, to: Destination): Share<E> {
  const share = shares.get(to) ?? { entries: [], records: [] }
  shares.set(to, share)
  return share
}

function parcelOf(
  to: Destination,
  { trace, eventId, items, header: given, clockAheadMs }: Built,
  records: readonly number[],
  { settings }: Build
): EnvelopeParcel {
  const header: JsonObject = {
    ...(eventId !== undefined && { event_id: eventId }),
    sdk: { name: SDK_NAME, version: settings.version },
    ...(trace !== undefined && { trace }),
    ...given
  }
  // A record for each item, or all of them in a single one.
  const pieces = items.map((item, i): Piece => {
    const own = items.length > 1 && items.length === records.length ? records.slice(i, i + 1) : records
    return { item, records: own, quantities: quantitiesOf(item) }
  })
  return new EnvelopeParcel(to, header, pieces, clockAheadMs)
}

function textOf(attributes: readonly KeyValue[] | undefined, name: string): string | undefined {
  let text: string | undefined
  for (const { key, value } of attributes ?? []) if (key === name) text = value?.stringValue
  return text
}
