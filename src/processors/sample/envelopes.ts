import { type Batch, parseBatch } from '../../batch.ts'
import { encode } from '../../otlp/encode.ts'
import type { Draft, KeyValue } from '../../otlp/objects.ts'
import type { Patch } from '../../otlp/patch.ts'
import type { RecordEditor } from '../../otlp/request.ts'
import { AttributeView, equals } from '../../otlp/views.ts'
import { BYTES, Fields, lengthDelimited } from '../../otlp/wire.ts'
import { Discarded } from '../../sentry/discarded.ts'
import * as names from '../../sentry/record.ts'
import { Bits56 } from './bits.ts'
import { type Decider, DROP, type Share, UNDECIDABLE } from './decision.ts'
import type { ByService } from './services.ts'

// The wire: LogRecord { severity_number = 2, attributes = 6, trace_id = 9 }, AnyValue { string_value = 1 }
const SEVERITY_NUMBER = 2
const ATTRIBUTES = 6
const TRACE_ID = 9
const SEVERITY_ERROR = 17

const QUANTITIES = Buffer.from(names.SAMPLED_QUANTITIES)
const PROJECT = Buffer.from(names.PROJECT)
const PUBLIC_KEY = Buffer.from(names.PUBLIC_KEY)

/** Sentry sums up what it is told, so that it need not be told often. */
const REPORT_INTERVAL_MS = 15_000
/** Projects whose losses are counted apart; those of more are told to none. */
const PROJECTS_MAX = 256

interface Loss {
  readonly project: string
  readonly publicKey: string
  readonly discarded: Discarded
}

/**
 * Keeps or cuts each item of a Sentry envelope that goes with a trace as the spans of that trace, and tells all others of the same trace by which
 * threshold. What was cut is counted, for Sentry wants to be told.
 */
export class EnvelopeSampler implements RecordEditor {
  private readonly decider: Decider
  private readonly shares: ByService<Share>
  private readonly fields = new Fields()
  private readonly attribute = new AttributeView()
  private readonly value = new Fields()
  private readonly arrived = { threshold: new Bits56(), random: new Bits56() }
  private readonly losses = new Map<string, Loss>()
  private reportedAtMs = 0
  private bytes: Uint8Array = new Uint8Array(0)
  // Where the trace id stands, and the values of attributes; start = end where there is none.
  private idStart = 0
  private idEnd = 0
  private severity = 0
  private quantities = ''
  private project = ''
  private publicKey = ''

  constructor(decider: Decider, shares: ByService<Share>) {
    this.decider = decider
    this.shares = shares
  }

  resourceEntry(): void {
    this.shares.resourceEntry()
  }

  resource(bytes: Uint8Array, start: number, end: number): void {
    this.shares.resource(bytes, start, end)
  }

  record(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean {
    const { decider } = this
    this.read(bytes, start, end)
    if (this.idStart === this.idEnd) return true
    const { usual, ofErrors } = this.shares.current
    const isSampled = this.quantities !== ''
    const threshold = isSampled && this.severity >= SEVERITY_ERROR ? ofErrors : usual
    const decision = decider.decide(bytes, this.idStart, this.idEnd, threshold, this.arrived)
    if (decision === UNDECIDABLE) return true
    if (isSampled && decision === DROP) {
      this.lose()
      return false
    }
    patch.replace(end, end, attributeField(names.THRESHOLD, threshold.text === '' ? names.NEVER : threshold.text))
    if (decider.hashed) patch.replace(end, end, attributeField(names.RANDOMNESS, decider.random.hex()))
    return true
  }

  /** What was cut since the last report, as an item for each project; null where that is nothing, or there was a report just now. */
  flush(nowMs: number, isLast: boolean): Batch | null {
    if (this.losses.size === 0 || (!isLast && Math.abs(nowMs - this.reportedAtMs) < REPORT_INTERVAL_MS)) return null
    this.reportedAtMs = nowMs
    const logRecords = Array.from(this.losses.values(), ({ project, publicKey, discarded }) => ({
      timeUnixNano: BigInt(nowMs) * 1_000_000n,
      severityNumber: 9,
      body: { stringValue: discarded.take(nowMs) },
      attributes: [
        text(names.ITEM_TYPE, 'client_report'),
        text(names.ITEM_HEADER, '{"type":"client_report"}'),
        text(names.ENVELOPE_HEADER, '{}'),
        text(names.ENVELOPE_ID, `${project}/${publicKey}`),
        text(names.PROJECT, project),
        text(names.PUBLIC_KEY, publicKey)
      ]
    }))
    this.losses.clear()
    return parseBatch('envelopes', encode('ExportLogsServiceRequest', { resourceLogs: [{ scopeLogs: [{ logRecords }] }] }), nowMs)
  }

  private lose(): void {
    const { project, publicKey, losses } = this
    const key = `${project}/${publicKey}`
    let loss = losses.get(key)
    if (loss === undefined) {
      if (losses.size === PROJECTS_MAX) return
      loss = { project, publicKey, discarded: new Discarded() }
      losses.set(key, loss)
    }
    loss.discarded.addText('sample_rate', this.quantities)
  }

  private read(bytes: Uint8Array, start: number, end: number): void {
    const { fields, attribute } = this
    this.bytes = bytes
    this.idStart = this.idEnd = this.severity = 0
    this.quantities = this.project = this.publicKey = ''
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === SEVERITY_NUMBER) this.severity = fields.low
      else if (fields.number === TRACE_ID) {
        this.idStart = fields.start
        this.idEnd = fields.end
      } else if (fields.number === ATTRIBUTES) {
        attribute.open(bytes, fields.start, fields.end)
        if (equals(bytes, attribute.keyStart, attribute.keyEnd, QUANTITIES)) this.quantities = this.text()
        else if (equals(bytes, attribute.keyStart, attribute.keyEnd, PROJECT)) this.project = this.text()
        else if (equals(bytes, attribute.keyStart, attribute.keyEnd, PUBLIC_KEY)) this.publicKey = this.text()
      }
    }
  }

  private text(): string {
    const { value, attribute, bytes } = this
    value.open(bytes, attribute.valueStart, attribute.valueEnd)
    if (!value.next() || value.number !== 1 || value.type !== BYTES) return ''
    return Buffer.from(bytes.buffer, bytes.byteOffset + value.start, value.end - value.start).toString()
  }
}

function attributeField(key: string, value: string): Uint8Array {
  const content = Buffer.concat([lengthDelimited(1, Buffer.from(key)), lengthDelimited(2, lengthDelimited(1, Buffer.from(value)))])
  return lengthDelimited(ATTRIBUTES, content)
}

function text(key: string, value: string): Draft<KeyValue> {
  return { key, value: { stringValue: value } }
}
