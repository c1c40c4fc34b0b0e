import { describeText } from '../../logs/traceback.ts'
import type { RecordVisitor } from '../../otlp/request.ts'
import { Fields } from '../../otlp/wire.ts'
import type { Origin, Place, Sighting } from './sighting.ts'

/** Errors that are handed on together, in the order of their times. */
const TOGETHER_MAX = 1024

/** Takes errors that were found, the first ones first. What they say of bytes is gone when it returns. */
export type TakeErrors = (sightings: readonly Sighting[]) => void

/** Gathers the errors of a request as a walk meets them. */
export class Sightings {
  /** Keeps track of where the walk is. */
  readonly head: Omit<RecordVisitor, 'record'>
  private readonly take: TakeErrors
  private readonly fields = new Fields()
  private found: Sighting[] = []
  private receivedNano = 0
  private view: DataView = new DataView(new ArrayBuffer(0))
  private resources: number[] = []
  private scopes: number[] = []
  private place: Place | null = null

  constructor(take: TakeErrors) {
    this.take = take
    this.head = {
      resourceEntry: () => {
        if (this.resources.length > 0) this.resources = []
        this.place = null
      },
      resource: (_bytes, start, end) => void this.resources.push(start, end),
      scopeEntry: () => {
        if (this.scopes.length > 0) this.scopes = []
        this.place = null
      },
      scope: (_bytes, start, end) => void this.scopes.push(start, end)
    }
  }

  /** Begins a request. `view` is of its bytes. */
  open(view: DataView, receivedAtMs: number): void {
    this.view = view
    this.receivedNano = receivedAtMs * 1e6
  }

  see(
    bytes: Uint8Array,
    origin: Origin,
    start: number,
    end: number,
    what: Omit<Sighting, 'origin' | 'place' | 'start' | 'end' | 'traceId'>
  ): void {
    this.place ??= { resources: this.resources, scopes: this.scopes }
    const traceId = idOf(bytes, start, end, origin === 'log' ? 9 : 1, this.fields)
    const atNano = what.atNano || this.receivedNano
    const told = what.stacktrace !== '' && (what.type === '' || what.message === '') ? describeText(what.stacktrace) : null
    const type = what.type || told?.type || ''
    const message = what.message || told?.message || ''
    const isDescribed = what.isDescribed || told !== null
    this.found.push({ ...what, origin, place: this.place, start, end, traceId, atNano, type, message, isDescribed })
    if (this.found.length >= TOGETHER_MAX) this.handOn()
  }

  /** Nanoseconds since 1970, of the time in the field of that number; 0 where it is absent. */
  timeAt(bytes: Uint8Array, start: number, end: number, number: number): number {
    const { fields, view } = this
    let nanos = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === number) nanos = view.getUint32(fields.start + 4, true) * 0x1_0000_0000 + view.getUint32(fields.start, true)
    }
    return nanos
  }
  /** Hands on what is left. */
  handOn(): void {
    const { found } = this
    if (found.length === 0) return
    this.found = []
    // Within a trace the first one is that of the innermost span.
    this.take(found.length === 1 ? found : found.sort((a, b) => a.atNano - b.atNano))
  }
}

// Hex digits; empty where it is absent, or all zeros, which no trace has.
function idOf(bytes: Uint8Array, start: number, end: number, number: number, fields: Fields): string {
  let id = ''
  fields.open(bytes, start, end)
  while (fields.next()) {
    if (fields.number === number) id = Buffer.from(bytes.buffer, bytes.byteOffset + fields.start, fields.end - fields.start).toString('hex')
  }
  return /[1-9a-f]/.test(id) ? id : ''
}
