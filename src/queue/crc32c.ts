// CRC-32C (Castagnoli), reflected polynomial 0x82f63b78, as in RFC 3720 B.4. Sixteen bytes a step: table n tells what a byte does to the
// checksum when n more bytes follow it in the same step.
const STEP = 16
const TABLE = new Int32Array(256 * STEP)
for (let byte = 0; byte < 256; byte++) {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1
  TABLE[byte] = crc
}
for (let at = 0; at < 256 * (STEP - 1); at++) TABLE[at + 256] = (TABLE[at] >>> 8) ^ TABLE[TABLE[at] & 255]

/** CRC-32C of `bytes` from `start` to `end`. `before` is the checksum of what precedes them, so that parts can be summed one after another. */
export function crc32c(bytes: Uint8Array, start = 0, end = bytes.length, before = 0): number {
  const table = TABLE
  let crc = ~before
  let at = start
  for (const last = end - STEP; at <= last; at += STEP) {
    const word = crc ^ (bytes[at] | (bytes[at + 1] << 8) | (bytes[at + 2] << 16) | (bytes[at + 3] << 24))
    crc =
      table[3840 + (word & 255)] ^
      table[3584 + ((word >>> 8) & 255)] ^
      table[3328 + ((word >>> 16) & 255)] ^
      table[3072 + (word >>> 24)] ^
      table[2816 + bytes[at + 4]] ^
      table[2560 + bytes[at + 5]] ^
      table[2304 + bytes[at + 6]] ^
      table[2048 + bytes[at + 7]] ^
      table[1792 + bytes[at + 8]] ^
      table[1536 + bytes[at + 9]] ^
      table[1280 + bytes[at + 10]] ^
      table[1024 + bytes[at + 11]] ^
      table[768 + bytes[at + 12]] ^
      table[512 + bytes[at + 13]] ^
      table[256 + bytes[at + 14]] ^
      table[bytes[at + 15]]
  }
  while (at < end) crc = table[(crc ^ bytes[at++]) & 255] ^ (crc >>> 8)
  return ~crc >>> 0
}
