import { BYTES, Fields, VARINT } from '../../otlp/wire.ts'
import { readLabels } from './loki-labels.ts'
import type { LokiRecords } from './loki-records.ts'

// PushRequest { repeated Stream streams = 1 }
// Stream { string labels = 1; repeated Entry entries = 2; uint64 hash = 3 }
// Entry { Timestamp timestamp = 1 { int64 seconds = 1; int32 nanos = 2 }; string line = 2; repeated LabelPair structuredMetadata = 3 }
// LabelPair { string name = 1; string value = 2 }
const request = new Fields()
const stream = new Fields()
const record = new Fields()
const part = new Fields()

/** Reads a push in protobuf. Throws WireError, or LabelFault. */
export function readLokiProtobuf(body: Buffer, records: LokiRecords): void {
  request.open(body, 0, body.length)
  while (request.next()) {
    if (request.number === 1 && request.type === BYTES) readStream(body, request.start, request.end, records)
  }
}

// Fields may come in any order, so the labels are looked for first.
function readStream(body: Buffer, start: number, end: number, records: LokiRecords): void {
  let labels = '{}'
  stream.open(body, start, end)
  while (stream.next()) if (stream.number === 1 && stream.type === BYTES) labels = body.toString('utf8', stream.start, stream.end)
  records.labels.clear()
  readLabels(labels, records.labels)
  records.begin()
  stream.open(body, start, end)
  while (stream.next()) if (stream.number === 2 && stream.type === BYTES) readRecord(body, stream.start, stream.end, records)
}

function readRecord(body: Buffer, start: number, end: number, records: LokiRecords): void {
  let line = ''
  let seconds = 0
  let nanos = 0
  record.open(body, start, end)
  while (record.next()) {
    if (record.type !== BYTES) continue
    if (record.number === 2) line = body.toString('utf8', record.start, record.end)
    else if (record.number === 1) {
      part.open(body, record.start, record.end)
      while (part.next()) {
        if (part.type !== VARINT) continue
        // A negative number is one of 64 bits with the highest set: a time before 1970, which no log has.
        const value = part.high > 0x7fff_ffff ? 0 : part.uint()
        if (part.number === 1) seconds = value
        else if (part.number === 2) nanos = value
      }
    } else if (record.number === 3) {
      let name = ''
      let value = ''
      part.open(body, record.start, record.end)
      while (part.next()) {
        if (part.number === 1 && part.type === BYTES) name = body.toString('utf8', part.start, part.end)
        else if (part.number === 2 && part.type === BYTES) value = body.toString('utf8', part.start, part.end)
      }
      if (name !== '') records.metadata.add(name, value)
    }
  }
  const isTime = seconds > 0 && seconds < SECONDS_MAX && nanos < 1e9
  records.add(line, isTime ? seconds * 1000 + Math.floor(nanos / 1e6) : 0, isTime ? nanos % 1e6 : 0)
}

// 64 bits of nanoseconds end there.
const SECONDS_MAX = 18_446_744_073
