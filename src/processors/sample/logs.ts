import type { Patch } from '../../otlp/patch.ts'
import type { RecordEditor } from '../../otlp/request.ts'
import { AttributeView, equals } from '../../otlp/views.ts'
import { BYTES, Fields, lengthDelimited } from '../../otlp/wire.ts'
import { Bits56 } from './bits.ts'
import { CONTRADICT, type Decider, DROP, KEEP, MARK, type Share, UNDECIDABLE } from './decision.ts'
import type { Oddities } from './oddities.ts'

// The wire: LogRecord { severity_number = 2, attributes = 6, trace_id = 9 }, KeyValue { key = 1, value = 2 }, AnyValue { string_value = 1 }
const SEVERITY_NUMBER = 2
const ATTRIBUTES = 6
const TRACE_ID = 9
const SEVERITY_ERROR = 17
const RANDOM_DIGITS = 14

// Log records have no tracestate; these attributes are what the Collector's sampler reads and writes instead.
const THRESHOLD = Buffer.from('sampling.threshold')
const RANDOMNESS = Buffer.from('sampling.randomness')
const NOTHING = new Uint8Array(0)

/** Keeps or cuts each log record as the spans of its trace. Records outside of any trace are kept. */
export class LogSampler implements RecordEditor {
  private readonly decider: Decider
  private readonly share: Share
  private readonly oddities: Oddities
  private readonly fields = new Fields()
  private readonly attribute = new AttributeView()
  private readonly value = new Fields()
  private readonly threshold = new Bits56()
  private readonly random = new Bits56()
  private readonly arrived = { threshold: this.threshold, random: this.random }
  // Where the attribute sampling.threshold stands; both 0 when it is absent.
  private markStart = 0
  private markEnd = 0
  private traceIdStart = 0
  private traceIdEnd = 0
  private severity = 0

  constructor(decider: Decider, share: Share, oddities: Oddities) {
    this.decider = decider
    this.share = share
    this.oddities = oddities
  }

  record(bytes: Uint8Array, start: number, end: number, patch: Patch): boolean {
    const { decider, share, oddities } = this
    this.read(bytes, start, end)
    const threshold = this.severity >= SEVERITY_ERROR ? share.ofErrors : share.usual
    switch (decider.decide(bytes, this.traceIdStart, this.traceIdEnd, threshold, this.arrived)) {
      case DROP:
        return false
      case KEEP:
      case UNDECIDABLE:
        return true
      case MARK: {
        const mark = attributeField(THRESHOLD, threshold.text)
        if (this.markEnd > 0) patch.replace(this.markStart, this.markEnd, mark)
        else patch.replace(end, end, mark)
        if (decider.hashed && this.random.isAbsent()) patch.replace(end, end, attributeField(RANDOMNESS, decider.random.hex()))
        return true
      }
      case CONTRADICT:
        oddities.contradictory++
        break
    }
    if (this.markEnd > 0) patch.replace(this.markStart, this.markEnd, NOTHING)
    return true
  }

  private read(bytes: Uint8Array, start: number, end: number): void {
    const { fields, attribute } = this
    this.threshold.clear()
    this.random.clear()
    this.markStart = this.markEnd = this.traceIdStart = this.traceIdEnd = this.severity = 0
    fields.open(bytes, start, end)
    while (fields.next()) {
      if (fields.number === SEVERITY_NUMBER) this.severity = fields.low
      else if (fields.number === TRACE_ID) {
        this.traceIdStart = fields.start
        this.traceIdEnd = fields.end
      } else if (fields.number === ATTRIBUTES && fields.end - fields.start > THRESHOLD.length) {
        attribute.open(bytes, fields.start, fields.end)
        if (equals(bytes, attribute.keyStart, attribute.keyEnd, THRESHOLD)) {
          this.markStart = fields.tagStart
          this.markEnd = fields.end
          this.readDigits(bytes, attribute, this.threshold, 1)
        } else if (equals(bytes, attribute.keyStart, attribute.keyEnd, RANDOMNESS))
          this.readDigits(bytes, attribute, this.random, RANDOM_DIGITS)
      }
    }
  }

  private readDigits(bytes: Uint8Array, { valueStart, valueEnd }: AttributeView, out: Bits56, digitsMin: number): void {
    const { value } = this
    out.clear()
    value.open(bytes, valueStart, valueEnd)
    while (value.next()) {
      if (value.number !== 1 || value.type !== BYTES || value.end - value.start < digitsMin) out.clear()
      else out.readHex(bytes, value.start, value.end)
    }
    if (out.isAbsent()) this.oddities.malformed++
  }
}

function attributeField(key: Uint8Array, text: string): Uint8Array {
  const value = lengthDelimited(1, Buffer.from(text))
  return lengthDelimited(ATTRIBUTES, Buffer.concat([lengthDelimited(1, key), lengthDelimited(2, value)]))
}
