import { crc32c } from './crc32c.ts'

// A record on disk, little-endian:
//    0  u32  magic
//    4  u32  length of the payload
//    8  u64  sequence, one more than the record before
//   16  f64  accepted at, ms since 1970
//   24  u32  CRC-32C of the payload
//   28  u32  CRC-32C of the 28 bytes before, begun from the queue's salt
//   32       payload
// The salt is secret to the queue: without it nobody can plant bytes in a payload that pass for a record when a reader searches damaged ground.
export const RECORD_HEADER_BYTES = 32
const MAGIC = Buffer.from([0xc5, 0x53, 0x4c, 0x9d])
const MAGIC_NUMBER = MAGIC.readUInt32LE(0)
const WORD = 2 ** 32

/** One record, header and payload in memory of its own: it is kept, and would keep all else that Node's pool of small buffers has put beside it. */
export function encodeRecord(seq: number, acceptedAtMs: number, parts: readonly Uint8Array[], length: number, salt: number): Buffer {
  const record = Buffer.allocUnsafeSlow(RECORD_HEADER_BYTES + length)
  let at = RECORD_HEADER_BYTES
  for (const part of parts) {
    record.set(part, at)
    at += part.length
  }
  record.writeUInt32LE(MAGIC_NUMBER, 0)
  record.writeUInt32LE(length, 4)
  record.writeUInt32LE(seq % WORD, 8)
  record.writeUInt32LE(Math.floor(seq / WORD), 12)
  record.writeDoubleLE(acceptedAtMs, 16)
  record.writeUInt32LE(crc32c(record, RECORD_HEADER_BYTES), 24)
  record.writeUInt32LE(crc32c(record, 0, 28, salt), 28)
  return record
}

/** Length of the payload of the record at `at`, or -1 when there is no sound header. The 32 bytes must be there. */
export function payloadLength(bytes: Buffer, at: number, salt: number): number {
  if (bytes.readUInt32LE(at) !== MAGIC_NUMBER || crc32c(bytes, at, at + 28, salt) !== bytes.readUInt32LE(at + 28)) return -1
  return bytes.readUInt32LE(at + 4)
}

export function isPayloadSound(bytes: Buffer, at: number, length: number): boolean {
  const start = at + RECORD_HEADER_BYTES
  return crc32c(bytes, start, start + length) === bytes.readUInt32LE(at + 24)
}

export const sequenceOf = (bytes: Buffer, at: number): number => bytes.readUInt32LE(at + 8) + bytes.readUInt32LE(at + 12) * WORD

export const acceptedAtMsOf = (bytes: Buffer, at: number): number => bytes.readDoubleLE(at + 16)

/** Where the next sound header begins at or after `from`; else the last place where one might begin when more bytes come. */
export function findRecord(bytes: Buffer, from: number, salt: number): number {
  const last = bytes.length - RECORD_HEADER_BYTES
  for (let at = bytes.indexOf(MAGIC, from); at !== -1 && at <= last; at = bytes.indexOf(MAGIC, at + 1)) {
    if (payloadLength(bytes, at, salt) !== -1) return at
  }
  return Math.max(from, last + 1)
}
