// What the gateway writes into the queue's opaque records, all numbers little-endian:
//   u8 version = 1 | u8 0 | u16 0 | u32 items | f64 items enqueued before this entry | f64 receivedAtMs | u32 length of lines | lines | OTLP request
// `lines` is the JSON of the ledger lines that this entry books. An entry without items books what was consumed; there is nothing to deliver.
// Since each entry says how many items went before it, a reader that lost entries to damage or eviction knows exactly how many.
import type { Batch, RedactedBatch, Signal } from './batch.ts'
import type { Line } from './ledger.ts'

const VERSION = 1
const HEAD_BYTES = 28

/** The parts of one record, to be written back to back. `batch` is null where the entry books only. */
export function encodeEntry(
  enqueuedBefore: number,
  receivedAtMs: number,
  lines: readonly Line[],
  batch: RedactedBatch | null
): Uint8Array[] {
  const text = Buffer.from(JSON.stringify(lines))
  const head = Buffer.alloc(HEAD_BYTES)
  head[0] = VERSION
  head.writeUInt32LE(batch?.items ?? 0, 4)
  head.writeDoubleLE(enqueuedBefore, 8)
  head.writeDoubleLE(receivedAtMs, 16)
  head.writeUInt32LE(text.length, 24)
  return batch === null ? [head, text] : [head, text, batch.bytes]
}

/** What an entry holds for delivery. Throws RangeError on bytes that encodeEntry did not make. */
export function decodeEntry(signal: Signal, record: Uint8Array): { enqueuedBefore: number; batch: RedactedBatch | null } {
  const buffer = bufferOf(record)
  const items = buffer.readUInt32LE(4)
  // What is in the queue has passed redact before it was written.
  const batch: Batch = { signal, bytes: buffer.subarray(linesEnd(buffer)), items, receivedAtMs: buffer.readDoubleLE(16) }
  return { enqueuedBefore: buffer.readDoubleLE(8), batch: items === 0 ? null : (batch as RedactedBatch) }
}

/** What an entry books. Throws RangeError or SyntaxError on bytes that encodeEntry did not make. */
export function decodeLines(record: Uint8Array): Line[] {
  const buffer = bufferOf(record)
  return JSON.parse(buffer.toString('utf8', HEAD_BYTES, linesEnd(buffer))) as Line[]
}

function linesEnd(buffer: Buffer): number {
  return HEAD_BYTES + buffer.readUInt32LE(24)
}

function bufferOf(record: Uint8Array): Buffer {
  const buffer = Buffer.from(record.buffer, record.byteOffset, record.length)
  if (buffer[0] !== VERSION) throw new RangeError(`queue entry of version ${buffer[0]}, expected ${VERSION}`)
  return buffer
}
