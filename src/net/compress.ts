import { promisify } from 'node:util'
import { constants, gzip, gzipSync, type ZlibOptions, type ZstdOptions, zstdCompress, zstdCompressSync } from 'node:zlib'

export type Compression = 'gzip' | 'zstd'

/** What fits into one packet need not be compressed: it would be the same one packet. */
export const COMPRESSED_FROM_BYTES = 1400

/** Up to here the detour through a thread costs more than the wait of some 400 µs. */
const SYNC_BYTES_MAX = 128 * 1024

// Telemetry repeats itself so much that the lowest levels lose a few per cent of size against the usual ones and cost half of the time. On spans of
// 410 bytes: gzip 1: 350 MB/s, a fifth left; gzip 6: 165 MB/s; zstd 1: 1,000 MB/s, a sixth left. Output in larger pieces and a larger table than zlib's
// defaults take another fifth off the time for log lines.
const LEVEL = 1
const CHUNK_BYTES_MAX = 64 * 1024
const MEMORY_LEVEL_MAX = 9
const WINDOW_BITS_MIN = 9
const WINDOW_BITS_MAX = 15
/** What zlib keeps free in its window. */
const WINDOW_MARGIN_BYTES = 262

const gzipLater = promisify<Uint8Array, ZlibOptions, Buffer>(gzip)
const zstdLater = promisify<Uint8Array, ZstdOptions, Buffer>(zstdCompress)

/** Compresses the body of a request; a large one on another thread. */
export async function compress(body: Uint8Array, compression: Compression): Promise<Buffer> {
  const isSmall = body.length <= SYNC_BYTES_MAX
  if (compression === 'gzip') {
    const options = gzipOptions(body.length)
    return isSmall ? gzipSync(body, options) : gzipLater(body, options)
  }
  const options = zstdOptions(body.length)
  return isSmall ? zstdCompressSync(body, options) : zstdLater(body, options)
}

// Set up for the largest bodies, zlib takes some 400 KiB for a small one too, and twice the time, since most of it goes into clearing them. With a window
// that holds the body as a whole, and tables in proportion, what comes out is as small.
function gzipOptions(length: number): ZlibOptions {
  const bits = Math.ceil(Math.log2(length + WINDOW_MARGIN_BYTES))
  const windowBits = Math.min(Math.max(bits, WINDOW_BITS_MIN), WINDOW_BITS_MAX)
  return { level: LEVEL, windowBits, memLevel: Math.min(windowBits - 5, MEMORY_LEVEL_MAX), chunkSize: chunkBytes(length) }
}

function zstdOptions(length: number): ZstdOptions {
  return { params: { [constants.ZSTD_c_compressionLevel]: LEVEL }, pledgedSrcSize: length, chunkSize: chunkBytes(length) }
}

// With room for what compression adds to what cannot be compressed.
const chunkBytes = (length: number): number => Math.min(length + 64, CHUNK_BYTES_MAX)
