import { sameBytes } from '../../otlp/attributes/bytes.ts'
import { Generations } from './generations.ts'
import { ID_BYTES_MAX } from './id-reader.ts'

/** An id that goes with more traces than this names no request. */
export const TRACES_MAX = 16

const TRACE_ID_BYTES = 16

/** What loggers write where they have no id. */
const PLACEHOLDERS = new Set(['null', 'none', 'undefined', 'unknown', 'empty', 'n.a.', '00000000-0000-0000-0000-000000000000'])
/** How they begin, in lower case: most ids begin otherwise, and need not become text to be told from them. */
const PLACEHOLDERS_BEGIN = Array.from(PLACEHOLDERS, (text) => text.charCodeAt(0))
const CASE_BIT = 0x20

/** One id and the trace that it was last met with. */
export interface Pair {
  readonly id: string
  readonly isRequest: boolean
  /** 32 hex digits. */
  trace: string
  /** How many traces it was met with, about. */
  traces: number
  /** In which turn of the generations of ids it was last used. */
  usedInTurn: number
}

/** Which ids go with which traces, as records have said that carry both. Keys are offsets into the bytes that were opened last. */
export class Correlations {
  private readonly byId: Generations<Pair>
  private readonly byTrace: Generations<{ pair: Pair }>
  private bytes: Buffer = NOTHING
  private view: DataView = NO_VIEW
  // What was learned last; a request often writes several records in a row. Its trace is 0 where there is none.
  private lastId = 0
  private lastLength = 0
  private lastTrace = 0

  constructor(idsMax: number, forgetAfterMs: number, nowMs: number) {
    this.byId = new Generations({ answersMax: idsMax, keyBytesMax: ID_BYTES_MAX, forgetAfterMs }, nowMs)
    this.byTrace = new Generations({ answersMax: idsMax, keyBytesMax: TRACE_ID_BYTES, forgetAfterMs }, nowMs)
  }

  get ids(): number {
    return this.byId.size
  }

  /** Ids and traces that were forgotten, by reason. */
  get forgotten(): { full: number; age: number } {
    const { byId, byTrace } = this
    return { full: byId.forgotten.full + byTrace.forgotten.full, age: byId.forgotten.age + byTrace.forgotten.age }
  }

  open(bytes: Uint8Array, view: DataView, nowMs: number): void {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.view = view
    this.lastTrace = 0
    this.byId.open(view, nowMs)
    this.byTrace.open(view, nowMs)
  }

  /** Lets go of the bytes. */
  close(): void {
    this.bytes = NOTHING
    this.view = NO_VIEW
    this.byId.close()
    this.byTrace.close()
  }

  ofId(start: number, end: number): Pair | undefined {
    return this.byId.find(start, end - start)
  }

  ofTrace(start: number): Pair | undefined {
    return this.byTrace.find(start, TRACE_ID_BYTES)?.pair
  }

  /** A record has this id and this trace. Returns whether that is news. */
  learn(idStart: number, idEnd: number, traceStart: number, isRequest: boolean): boolean {
    if (this.isLast(idStart, idEnd, traceStart)) return false
    this.lastId = idStart
    this.lastLength = idEnd - idStart
    this.lastTrace = traceStart
    const held = this.byTrace.find(traceStart, TRACE_ID_BYTES)
    if (held !== undefined && this.isText(held.pair.id, idStart, idEnd)) {
      // The trace's own id, as nearly always: it is to stay as long as the trace does.
      this.touch(held.pair, idStart, idEnd)
      return false
    }
    const known = this.ofId(idStart, idEnd)
    if (known !== undefined && known.traces > TRACES_MAX) return false
    if (known === undefined && !this.isId(idStart, idEnd)) return false
    if (held !== undefined && known !== undefined && !isBetter(known, held.pair)) return false
    const trace = this.hex(traceStart)
    const pair = known ?? { id: this.text(idStart, idEnd), isRequest, trace, traces: 0, usedInTurn: this.byId.turns }
    pair.trace = trace
    pair.traces++
    if (known === undefined) this.byId.remember(idStart, idEnd - idStart, pair)
    if (held === undefined) this.byTrace.remember(traceStart, TRACE_ID_BYTES, { pair })
    else if (isBetter(pair, held.pair)) held.pair = pair
    return true
  }

  private touch(pair: Pair, idStart: number, idEnd: number): void {
    if (pair.usedInTurn === this.byId.turns) return
    if (this.byId.find(idStart, idEnd - idStart) === undefined) this.byId.remember(idStart, idEnd - idStart, pair)
    pair.usedInTurn = this.byId.turns
  }

  private isLast(idStart: number, idEnd: number, traceStart: number): boolean {
    const { view, lastId, lastLength, lastTrace } = this
    if (lastTrace === 0 || idEnd - idStart !== lastLength) return false
    return sameBytes(view, traceStart, view, lastTrace, TRACE_ID_BYTES) && sameBytes(view, idStart, view, lastId, lastLength)
  }

  private isText(text: string, start: number, end: number): boolean {
    const { bytes } = this
    if (text.length !== end - start) return false
    for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) !== bytes[start + i]) return false
    return true
  }

  // Only what is printed as it stands can be told to other records, in other forms.
  private isId(start: number, end: number): boolean {
    const { bytes } = this
    for (let i = start; i < end; i++) if (bytes[i] < 0x21 || bytes[i] > 0x7e) return false
    if (!PLACEHOLDERS_BEGIN.includes(bytes[start] | CASE_BIT)) return true
    return !PLACEHOLDERS.has(this.text(start, end).toLowerCase())
  }

  private text(start: number, end: number): string {
    return this.bytes.toString('latin1', start, end)
  }

  private hex(start: number): string {
    return this.bytes.toString('hex', start, start + TRACE_ID_BYTES)
  }
}

const NOTHING = Buffer.alloc(0)
const NO_VIEW = new DataView(NOTHING.buffer)

// A trace is known by what its user's request is called, if that is known; what was said first stays otherwise.
function isBetter(pair: Pair, held: Pair): boolean {
  return held.isRequest && !pair.isRequest
}
