import { setFlagsFromString } from 'node:v8'

/** How much the heap may grow between two full collections, in per cent of what lives. */
const GROWTH_PERCENT = 80

/**
 * Lets V8 collect less often. It takes the bytes of requests and of what is being sent for growth of the heap; the heap is small, a few megabytes of
 * them are many per cent, and so it would collect ten times a second under load and spend a quarter of the CPU time on it. Twice as much room would
 * save another tenth, and take the memory under a steady load above 150 MB.
 */
export function collectSeldom(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`)
}

/** As much memory small buffers share, with each other and with nothing that is larger than half of it. */
const POOL_BYTES = 8 * 1024

/**
 * Has small buffers share less memory than the 64 KiB that Node takes at a time: a few bytes that are kept keep all that stands beside them, and what
 * is bounded by its own bytes would take many times as much.
 */
export function shareLittle(): void {
  Buffer.poolSize = POOL_BYTES
}
