// Four bytes a step, wherever they lie: getInt32 is one instruction. The last step overlaps the one before it; what is shorter than a step is read
// with the bytes before it, which are shifted out. So at least four bytes must lie before or in what is given.

/** Whether `length` bytes at `a` of one view are those at `b` of the other. */
export function sameBytes(left: DataView, a: number, right: DataView, b: number, length: number): boolean {
  const last = length - 4
  if (last < 0) return length === 0 || shortWord(left, a, length) === shortWord(right, b, length)
  for (let i = 0; i < last; i += 4) if (left.getInt32(a + i, true) !== right.getInt32(b + i, true)) return false
  return left.getInt32(a + last, true) === right.getInt32(b + last, true)
}

/** Mixes `length` bytes at `start` into `hash`. */
export function hashBytes(view: DataView, start: number, length: number, hash: number): number {
  const last = length - 4
  if (last < 0) return length === 0 ? hash : mix(hash, shortWord(view, start, length))
  for (let i = 0; i < last; i += 4) hash = mix(hash, view.getInt32(start + i, true))
  return mix(hash, view.getInt32(start + last, true))
}

/** Mixes one word into `hash`. A bit reaches only those to its left: `spread` the hash before use. */
export function mix(hash: number, word: number): number {
  return Math.imul(hash ^ word, 0x9e3779b1)
}

/** Lets every bit of a hash change every other; the finish of MurmurHash3 (public domain, Austin Appleby). */
export function spread(hash: number): number {
  const half = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  const whole = Math.imul(half ^ (half >>> 13), 0xc2b2ae35)
  return whole ^ (whole >>> 16)
}

/** One to three bytes as a number. */
export function shortWord(view: DataView, start: number, length: number): number {
  return view.getInt32(start + length - 4, true) >>> (32 - 8 * length)
}
