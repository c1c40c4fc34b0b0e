import type { Bits56 } from './bits.ts'

/** Sets `out` to the 56 random bits of a trace id, its last seven bytes. False where there is no valid id: 16 bytes, not all of them zero. */
export function readTraceId(bytes: Uint8Array, start: number, end: number, out: Bits56): boolean {
  if (!isTraceId(bytes, start, end)) return false
  const at = start + 9
  out.high = (bytes[at] << 20) | (bytes[at + 1] << 12) | (bytes[at + 2] << 4) | (bytes[at + 3] >>> 4)
  out.low = ((bytes[at + 3] & 15) << 24) | (bytes[at + 4] << 16) | (bytes[at + 5] << 8) | bytes[at + 6]
  return true
}

const FNV_PRIME = 0x0100_0193

/** The state of FNV-1a after the four bytes of a seed, least significant first. */
export function hashSeedState(seed: number): number {
  let state = 0x811c_9dc5
  for (let shift = 0; shift < 32; shift += 8) state = Math.imul(state ^ ((seed >>> shift) & 0xff), FNV_PRIME)
  return state
}

/**
 * Sets `out` to what the Collector's hash_seed mode makes of a trace id: FNV-1a over the seed and the id, of which the last 14 bits decide. They
 * come first and turned round, so that the comparison is the one of consistent sampling; the other bits only tell ids apart. `low64` hashes the
 * last eight bytes and zeros for the rest, as the Datadog Agent does where it knows no more of an id.
 */
export function hashTraceId(bytes: Uint8Array, start: number, end: number, seedState: number, low64: boolean, out: Bits56): boolean {
  if (!isTraceId(bytes, start, end)) return false
  let hash = seedState
  for (let at = low64 ? start + 8 : start; at < end; at++) hash = Math.imul(hash ^ bytes[at], FNV_PRIME)
  if (low64) for (let i = 0; i < 8; i++) hash = Math.imul(hash, FNV_PRIME)
  const bucket = hash & 0x3fff
  const rest = hash >>> 18
  // 56 bits, first to last: 14 of the bucket turned round, 28 of rest ^ rest << 10 (it has 24), 14 of the bucket.
  const middle = rest ^ (rest << 10)
  out.high = ((0x3fff - bucket) << 14) | (middle >>> 14)
  out.low = ((middle & 0x3fff) << 14) | bucket
  return true
}

/** Sets `out` to a hash of the content, for records without an id. The same bytes are decided alike everywhere. */
export function hashContent(bytes: Uint8Array, start: number, end: number, seedState: number, out: Bits56): void {
  let hash = seedState
  for (let at = start; at < end; at++) hash = Math.imul(hash ^ bytes[at], FNV_PRIME)
  out.high = spread(hash) >>> 4
  out.low = spread(hash ^ 0x5bd1_e995) >>> 4
}

// Lets every bit bear on all others; FNV by itself hardly moves the high bits of short inputs.
function spread(hash: number): number {
  let mixed = Math.imul(hash ^ (hash >>> 16), 0x7feb_352d)
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846c_a68b)
  return (mixed ^ (mixed >>> 16)) >>> 0
}

function isTraceId(bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 16) return false
  let any = 0
  for (let at = start; at < end; at++) any |= bytes[at]
  return any !== 0
}
