import zlib from 'node:zlib'
import { messageOf, RefusedError } from '../errors.ts'
import { tooLarge } from './arrival.ts'
import type { Lease } from './limits.ts'

export type Coding = 'identity' | 'gzip' | 'deflate' | 'br' | 'zstd'

/** What `inflate` understands, as a header lists it. */
export const CODINGS = 'gzip, deflate, br, zstd'

/** The coding that a Content-Encoding or grpc-encoding header names. Throws RefusedError `unsupported` for others, and for one upon another. */
export function codingOf(header: string | undefined): Coding {
  if (header === undefined || header === '' || header === 'identity') return 'identity'
  if (header === 'gzip' || header === 'deflate' || header === 'br' || header === 'zstd') return header
  const name = header.trim().toLowerCase()
  if (name === 'x-gzip') return 'gzip'
  if (name !== header) return codingOf(name)
  const what = name.includes(',') ? 'more than one encoding' : 'this encoding'
  throw new RefusedError('unsupported', `${what} is not spoken here, expected one of ${CODINGS}, identity`)
}

// Up to this much is inflated at once, on the loop: about a millisecond, and a third of what the same costs through the thread pool.
const AT_ONCE_BYTES_MAX = 1024 * 1024
// Where the size is not declared: what came is not larger than this, or it goes to the thread pool without a try.
const AT_ONCE_SENT_BYTES_MAX = 64 * 1024
const CHUNK_BYTES = 256 * 1024
const CHUNK_BYTES_MIN = 1024

// RFC 9659: a zstd window on the web is at most 8 MiB. The decoder allocates the window that the sender names.
const ZSTD_PARAMS = { [zlib.constants.ZSTD_d_windowLogMax]: 23 }

/**
 * Undoes a coding. Stops while inflating as soon as the result is over `bytesMax` or does not fit the lease, so that a bomb costs no more than
 * an honest request. Throws, or rejects with, RefusedError: `too-large`, `busy`, or `invalid` for what is damaged or cut off.
 */
export function inflate(bytes: Buffer, coding: Coding, bytesMax: number, lease: Lease): Buffer | Promise<Buffer> {
  if (coding === 'identity' || bytes.length === 0) return bytes
  const declared = declaredSize(bytes, coding)
  if (declared > AT_ONCE_BYTES_MAX || (declared === 0 && bytes.length > AT_ONCE_SENT_BYTES_MAX))
    return inflateAside(bytes, coding, bytesMax, lease)
  // One byte more than declared, so that the end is seen without a second buffer. A declaration is a hint; the limit holds without it.
  const chunkSize = Math.max(CHUNK_BYTES_MIN, declared === 0 ? Math.min(bytes.length * 8, CHUNK_BYTES) : declared + 1)
  const maxOutputLength = Math.min(bytesMax, AT_ONCE_BYTES_MAX)
  let inflated: Buffer
  try {
    inflated = inflateNow(bytes, coding, { chunkSize, maxOutputLength })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw damaged(coding, error)
    if (maxOutputLength === bytesMax) throw tooLarge(bytesMax)
    return inflateAside(bytes, coding, bytesMax, lease)
  }
  lease.take(inflated.length)
  // A result that fills little of its buffer would keep all of it alive.
  return inflated.length * 2 < inflated.buffer.byteLength ? Buffer.from(inflated) : inflated
}

function inflateNow(bytes: Buffer, coding: Coding, options: { chunkSize: number; maxOutputLength: number }): Buffer {
  if (coding === 'gzip') return zlib.gunzipSync(bytes, options)
  if (coding === 'zstd') return zlib.zstdDecompressSync(bytes, { ...options, params: ZSTD_PARAMS })
  if (coding === 'br') return zlib.brotliDecompressSync(bytes, options)
  return isZlib(bytes) ? zlib.inflateSync(bytes, options) : zlib.inflateRawSync(bytes, options)
}

// In the thread pool, piece by piece, so that the loop stays free for others.
function inflateAside(bytes: Buffer, coding: Coding, bytesMax: number, lease: Lease): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { chunkSize: CHUNK_BYTES }
    const inflater =
      coding === 'gzip'
        ? zlib.createGunzip(options)
        : coding === 'zstd'
          ? zlib.createZstdDecompress({ ...options, params: ZSTD_PARAMS })
          : coding === 'br'
            ? zlib.createBrotliDecompress(options)
            : isZlib(bytes)
              ? zlib.createInflate(options)
              : zlib.createInflateRaw(options)
    const chunks: Buffer[] = []
    let size = 0
    const stop = (error: unknown): void => {
      inflater.destroy()
      reject(error)
    }
    inflater.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size > bytesMax) return stop(tooLarge(bytesMax))
      try {
        lease.take(chunk.length)
      } catch (error) {
        return stop(error)
      }
      chunks.push(chunk)
    })
    inflater.on('error', (error) => reject(damaged(coding, error)))
    inflater.on('end', () => resolve(Buffer.concat(chunks, size)))
    inflater.end(bytes)
  })
}

function damaged(coding: Coding, error: unknown): RefusedError {
  return new RefusedError('invalid', `the ${coding} body is damaged or cut off: ${messageOf(error)}`)
}

// RFC 1950: CMF, FLG; the low half of CMF is 8, and both as one number divide by 31. Some senders of `deflate` leave the two bytes out.
function isZlib(bytes: Buffer): boolean {
  return bytes.length >= 2 && (bytes[0] & 15) === 8 && ((bytes[0] << 8) | bytes[1]) % 31 === 0
}

// How large the content says it is, or 0 when it does not say, or says what cannot be.
// gzip, RFC 1952: the last four bytes are the size modulo 2^32. Deflate makes at most 1032 bytes of one.
// zstd, RFC 8878: magic (4), descriptor (1) { size flag 7..6, single segment 5, dictionary flag 1..0 }, window (0 or 1), dictionary id, size.
function declaredSize(bytes: Buffer, coding: Coding): number {
  if (coding === 'gzip') {
    const size = bytes.length < 18 ? 0 : bytes.readUInt32LE(bytes.length - 4)
    return size > bytes.length * 1032 ? 0 : size
  }
  if (coding !== 'zstd' || bytes.length < 18 || bytes.readUInt32LE(0) !== 0xfd2fb528) return 0
  const descriptor = bytes[4]
  const single = (descriptor >> 5) & 1
  const at = 5 + (1 - single) + [0, 1, 2, 4][descriptor & 3]
  switch (descriptor >> 6) {
    case 0:
      return single === 1 ? bytes[at] : 0
    case 1:
      return bytes.readUInt16LE(at) + 256
    case 2:
      return bytes.readUInt32LE(at)
    default:
      return AT_ONCE_BYTES_MAX + 1
  }
}
