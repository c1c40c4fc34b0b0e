// Smaller buffers are cheap to collect, and below half a pool they share their memory with others.
const FREED_BYTES_MIN = 16 * 1024
/** From here on, the allocator takes memory from the system and gives it back, page by page: for the next buffer it is worth keeping. */
const SPARE_BYTES_MIN = 128 * 1024
/** Batches of log lines are half a MiB, and a pipeline works on two copies of one while others wait to be durable. */
const SPARE_BYTES_MAX = 2 * 1024 * 1024
/** Sizes are rounded up to this, so that a batch fits where the one before it was a little smaller. */
const STEP_BYTES = 64 * 1024
/** Memory is taken for a buffer of at least so small a part of it that it will be freed. */
const ROOM = 1.5
/** Under load this costs a few buffers a second; without it, nothing is kept. */
const SPARE_MS = 1_000

const spares: ArrayBuffer[] = []
let spareBytes = 0
let isTimed = false

/** A buffer of this size, with anything in it; a large one takes over memory that was freed, where there is some. To be given to `free`. */
export function allocate(size: number): Buffer {
  if (size < SPARE_BYTES_MIN) return Buffer.allocUnsafe(size)
  for (let i = spares.length - 1; i >= 0; i--) {
    const { byteLength } = spares[i]
    if (byteLength < size || byteLength > ROOM * size) continue
    const [memory] = spares.splice(i, 1)
    spareBytes -= byteLength
    return Buffer.from(memory, 0, size)
  }
  return Buffer.allocUnsafeSlow(Math.ceil(size / STEP_BYTES) * STEP_BYTES).subarray(0, size)
}

/**
 * Gives the memory of a buffer back at once; the buffer is empty afterwards. The collector would do so too, but it takes the size of buffers as
 * pressure and then walks the whole heap: with 170 KiB a request that costs two thirds of all time spent on receiving. Only for a buffer that
 * nobody else looks at and that no native code is reading. Does nothing where the buffer is a small part of its memory.
 */
export function free(bytes: Uint8Array): void {
  const memory = bytes.buffer
  if (bytes.length < FREED_BYTES_MIN || bytes.length * 2 <= memory.byteLength || !(memory instanceof ArrayBuffer)) return
  const { byteLength } = memory
  if (byteLength < SPARE_BYTES_MIN || spareBytes + byteLength > SPARE_BYTES_MAX) {
    memory.transfer(0)
    return
  }
  // Moved and not copied: whoever looks at the buffer in spite of all finds it empty, and not what others write there.
  spares.push(memory.transfer())
  spareBytes += byteLength
  if (isTimed) return
  isTimed = true
  setTimeout(giveBack, SPARE_MS).unref()
}

function giveBack(): void {
  isTimed = false
  spareBytes = 0
  for (const spare of spares.splice(0)) spare.transfer(0)
}
