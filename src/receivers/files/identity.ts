import { hash } from 'node:crypto'
import { readSync } from 'node:fs'

/** The first bytes of a file tell it from another that was given its inode; so many of them are looked at. */
export const HEAD_BYTES = 1024
/** Fewer do not tell a copy from another file that begins alike, nor what is in a file from what was. */
export const HEAD_BYTES_MIN = 32
/** The last bytes before the place that was read up to, which tell that what lies before is still the same. */
export const TRAIL_BYTES = 256

/** A stretch of a file's bytes, by where it ends, its length, and its hash. */
export interface Mark {
  readonly end: number
  readonly length: number
  readonly hash: string
}

/** What is remembered of a file: which it was, and up to where all of it is durable. */
export interface Position {
  readonly dev: number
  readonly ino: number
  /** Where it was found; a rotated file has another name by now. */
  readonly path: string
  readonly offset: number
  /** As it was last seen: what is behind `offset` is lost if the file is found no more. */
  readonly size: number
  readonly head: Mark
  readonly trail: Mark
  readonly bornMs: number
  /** All of it is durable, and another file has its place. */
  readonly isDone: boolean
}

const scratch = Buffer.alloc(HEAD_BYTES)

export function keyOf({ dev, ino }: { readonly dev: number; readonly ino: number }): string {
  return `${dev}:${ino}`
}

export function markOf(bytes: Uint8Array, end: number): Mark {
  return { end, length: bytes.length, hash: bytes.length === 0 ? '' : hash('sha256', bytes, 'hex').slice(0, 24) }
}

/** The mark of an open file's first bytes, as many as there are or are wanted. */
export function headOf(fd: number, lengthMax = HEAD_BYTES): Mark {
  const length = readSync(fd, scratch, 0, lengthMax, 0)
  return markOf(scratch.subarray(0, length), length)
}

/** Whether an open file still has what was remembered of it. */
export function isSame(fd: number, { offset, head, trail }: Pick<Position, 'offset' | 'head' | 'trail'>, size: number): boolean {
  return size >= offset && has(fd, head) && has(fd, trail)
}

function has(fd: number, mark: Mark): boolean {
  if (mark.length === 0) return true
  const length = readSync(fd, scratch, 0, mark.length, mark.end - mark.length)
  return length === mark.length && markOf(scratch.subarray(0, length), mark.end).hash === mark.hash
}
