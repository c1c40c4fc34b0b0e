import { FIELD_BYTES_MAX, MessageWriter } from '../../otlp/message-writer.ts'
import type { Patch } from '../../otlp/patch.ts'
import type { RecordEditor } from '../../otlp/request.ts'
import { BYTES } from '../../otlp/wire.ts'
import { type Correlations, TRACES_MAX } from './correlations.ts'
import { CORRELATION_ID, CORRELATION_TRACE_ID, ID_BYTES_MAX, type IdReader } from './id-reader.ts'

// The wire: Span { trace_id = 1, repeated attributes = 9 }, LogRecord { repeated attributes = 6, trace_id = 9 },
// KeyValue { key = 1, value = 2 }, AnyValue { string_value = 1, bool_value = 2 }
const LAYOUTS = { traces: { traceId: 1, attribute: 9 }, logs: { traceId: 9, attribute: 6 } } as const
const KEY_TAG = 0x0a
const VALUE_TAG = 0x12
const STRING_TAG = 0x0a
const TRUE = Buffer.from([VALUE_TAG, 2, 0x10, 1])

const ID_KEY = Buffer.from(CORRELATION_ID)
const TRACE_KEY = Buffer.from(CORRELATION_TRACE_ID)
const INFERRED_KEY = Buffer.from('correlation.inferred')
/** More than the attributes take that one record is given. */
const WRITTEN_BYTES_MAX = 4 * FIELD_BYTES_MAX + ID_BYTES_MAX + ID_KEY.length + TRACE_KEY.length + INFERRED_KEY.length

export type Correlated = keyof typeof LAYOUTS

/** What was done for records; `unknown` had an id whose trace nobody has said, `ambiguous` one that goes with too many. */
export interface Tally {
  learned: number
  traceFound: number
  idFound: number
  ambiguous: number
  unknown: number
}

/** Learns which ids go with which traces, and tells each record the one that it lacks. */
export class Correlator implements RecordEditor {
  readonly tallies: Readonly<Record<Correlated, Tally>> = { traces: newTally(), logs: newTally() }
  private readonly ids: IdReader
  private readonly known: Correlations
  private readonly tellsSpans: boolean
  private readonly out = new MessageWriter()
  private signal: Correlated = 'logs'
  private tally = this.tallies.logs
  private attributeTag = 0

  constructor(ids: IdReader, known: Correlations, tellsSpans: boolean) {
    this.ids = ids
    this.known = known
    this.tellsSpans = tellsSpans
  }

  open(bytes: Uint8Array, signal: Correlated, nowMs: number): void {
    const { traceId, attribute } = LAYOUTS[signal]
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    this.signal = signal
    this.tally = this.tallies[signal]
    this.attributeTag = (attribute << 3) | BYTES
    this.ids.open(view, bytes, traceId, attribute)
    this.known.open(bytes, view, nowMs)
    this.out.open()
  }

  /** Lets go of the bytes. */
  close(): void {
    this.ids.close()
    this.known.close()
    this.out.release()
  }

  record(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean {
    const { ids, known } = this
    ids.read(start, end)
    const hasTrace = ids.traceIdEnd > 0
    if (ids.idEnd > 0) {
      if (hasTrace) this.learn(bytes, end, patch)
      else if (this.signal === 'logs' && !ids.hasTrace) this.findTrace(bytes, end, patch)
    } else if (hasTrace && known.ids > 0) this.findId(end, patch)
    return true
  }

  private learn(bytes: Uint8Array, end: number, patch: Patch): void {
    const { ids, known, tally } = this
    if (known.learn(ids.idStart, ids.idEnd, ids.traceIdStart, ids.isRequest)) tally.learned++
    this.name(bytes, end, patch)
  }

  // Under one name, what two records have in common can be searched for in any backend, whichever of them came first.
  private name(bytes: Uint8Array, end: number, patch: Patch): void {
    const { ids, out } = this
    if (ids.isNamed || ids.isRequest || !this.tells()) return
    const from = this.begin()
    const id = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.text(ID_KEY, id, ids.idStart, ids.idEnd)
    patch.replace(end, end, out.bytes, from, out.length)
  }

  private findTrace(bytes: Uint8Array, end: number, patch: Patch): void {
    const { ids, tally, out } = this
    this.name(bytes, end, patch)
    const pair = this.known.ofId(ids.idStart, ids.idEnd)
    if (pair === undefined) tally.unknown++
    else if (pair.traces > TRACES_MAX) tally.ambiguous++
    else {
      tally.traceFound++
      const from = this.begin()
      this.asciiText(TRACE_KEY, pair.trace)
      this.inferred()
      patch.replace(end, end, out.bytes, from, out.length)
    }
  }

  private findId(end: number, patch: Patch): void {
    const { ids, tally, out } = this
    if (ids.isNamed || !this.tells()) return
    const pair = this.known.ofTrace(ids.traceIdStart)
    if (pair === undefined) return
    tally.idFound++
    const from = this.begin()
    this.asciiText(ID_KEY, pair.id)
    this.inferred()
    patch.replace(end, end, out.bytes, from, out.length)
  }

  private tells(): boolean {
    return this.tellsSpans || this.signal === 'logs'
  }

  // Where the fields of this record begin. When the writer grows, earlier fields stay where they are.
  private begin(): number {
    this.out.reserve(WRITTEN_BYTES_MAX)
    return this.out.length
  }

  private text(key: Buffer, text: Buffer, start: number, end: number): void {
    const { out } = this
    const field = this.key(key)
    const value = out.openLength(VALUE_TAG)
    const string = out.openLength(STRING_TAG)
    out.copy(text, start, end)
    out.closeLength(string)
    out.closeLength(value)
    out.closeLength(field)
  }

  private asciiText(key: Buffer, text: string): void {
    const { out } = this
    const field = this.key(key)
    const value = out.openLength(VALUE_TAG)
    const string = out.openLength(STRING_TAG)
    out.length += out.bytes.write(text, out.length, 'latin1')
    out.closeLength(string)
    out.closeLength(value)
    out.closeLength(field)
  }

  private inferred(): void {
    const { out } = this
    const field = this.key(INFERRED_KEY)
    out.copy(TRUE, 0, TRUE.length)
    out.closeLength(field)
  }

  private key(key: Buffer): number {
    const { out } = this
    const field = out.openLength(this.attributeTag)
    const name = out.openLength(KEY_TAG)
    out.copy(key, 0, key.length)
    out.closeLength(name)
    return field
  }
}

function newTally(): Tally {
  return { learned: 0, traceFound: 0, idFound: 0, ambiguous: 0, unknown: 0 }
}
