import type { Patch } from '../../otlp/patch.ts'
import type { RecordEditor } from '../../otlp/request.ts'
import { AttributeView, equals } from '../../otlp/views.ts'
import { BYTES, Fields, lengthDelimited } from '../../otlp/wire.ts'
import { Bits56 } from './bits.ts'
import { type Decider, DROP, type Share, UNDECIDABLE } from './decision.ts'
import type { ByService } from './services.ts'

// The wire: LogRecord { attributes = 6, trace_id = 9 }, KeyValue { key = 1, value = 2 }, AnyValue { string_value = 1, bool_value = 2 }
const ATTRIBUTES = 6
const TRACE_ID = 9
const TRACE_ID_BYTES = 16
const ATTRIBUTE_TAG = (ATTRIBUTES << 3) | BYTES
const KEY_TAG = 0x0a

const SAMPLED = Buffer.from('trace.sampled')
/** A trace that is not the record's own, but goes with its correlation id. */
const FOUND_TRACE = Buffer.from('correlation.trace_id')
const IS_SAMPLED = [flagField(0), flagField(1)]

/** Says on each log record of a trace whether the spans of that trace are kept, so that logs can be found whose trace can be looked at. */
export class LogMarker implements RecordEditor {
  private readonly decider: Decider
  private readonly shares: ByService<Share>
  private readonly fields = new Fields()
  private readonly attribute = new AttributeView()
  private readonly value = new Fields()
  private readonly found = Buffer.alloc(TRACE_ID_BYTES)
  private readonly arrived = { threshold: new Bits56(), random: new Bits56() }

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
    const { fields, attribute, found } = this
    let id = bytes
    let idStart = 0
    let idEnd = 0
    let at = start
    while (at < end) {
      // Most fields are attributes of one byte's tag and length, with other keys.
      while (at < end && bytes[at] === ATTRIBUTE_TAG && bytes[at + 1] < 128 && !this.mayMatter(bytes, at + 2)) at += 2 + bytes[at + 1]
      if (at >= end || !fields.open(bytes, at, end).next()) break
      at = fields.end
      if (fields.number === TRACE_ID) {
        if (fields.end - fields.start !== TRACE_ID_BYTES) continue
        id = bytes
        idStart = fields.start
        idEnd = fields.end
      } else if (fields.number === ATTRIBUTES) {
        attribute.open(bytes, fields.start, fields.end)
        // What was said before stays: whoever said it saw the trace first.
        if (equals(bytes, attribute.keyStart, attribute.keyEnd, SAMPLED)) return true
        if (idEnd === 0 && equals(bytes, attribute.keyStart, attribute.keyEnd, FOUND_TRACE) && this.readFound(bytes)) {
          id = found
          idEnd = TRACE_ID_BYTES
        }
      }
    }
    if (idEnd === 0) return true
    const decision = this.decider.decide(id, idStart, idEnd, this.shares.current.usual, this.arrived)
    if (decision !== UNDECIDABLE) patch.replace(end, end, IS_SAMPLED[decision === DROP ? 0 : 1])
    return true
  }

  // By the length of the key, where that stands first.
  private mayMatter(bytes: Uint8Array, start: number): boolean {
    return bytes[start] !== KEY_TAG || bytes[start + 1] === SAMPLED.length || bytes[start + 1] === FOUND_TRACE.length
  }

  private readFound(bytes: Uint8Array): boolean {
    const { value, attribute, found } = this
    value.open(bytes, attribute.valueStart, attribute.valueEnd)
    if (!value.next() || value.number !== 1 || value.type !== BYTES || value.end - value.start !== 2 * TRACE_ID_BYTES) return false
    const digits = Buffer.from(bytes.buffer, bytes.byteOffset + value.start, 2 * TRACE_ID_BYTES).toString('latin1')
    return found.write(digits, 'hex') === TRACE_ID_BYTES
  }
}

function flagField(flag: number): Uint8Array {
  return lengthDelimited(ATTRIBUTES, Buffer.concat([lengthDelimited(1, SAMPLED), Buffer.from([0x12, 2, 0x10, flag])]))
}
