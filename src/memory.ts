// Smaller buffers are cheap to collect, and below half a pool they share their memory with others.
const FREED_BYTES_MIN = 16 * 1024

/**
 * Gives the memory of a buffer back at once; the buffer is empty afterwards. The collector would do so too, but it takes the size of buffers as
 * pressure and then walks the whole heap: with 170 KiB a request that costs two thirds of all time spent on receiving. Only for a buffer that
 * nobody else looks at and that no native code is reading. Does nothing where the buffer is a small part of its memory.
 */
export function free(bytes: Uint8Array): void {
  const memory = bytes.buffer
  if (bytes.length < FREED_BYTES_MIN || bytes.length * 2 <= memory.byteLength || !(memory instanceof ArrayBuffer)) return
  memory.transfer(0)
}
