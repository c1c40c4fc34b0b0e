import { close, closeSync, constants, createReadStream, fstatSync, openSync, read, readSync, type Stats } from 'node:fs'
import { promisify } from 'node:util'
import { createGunzip } from 'node:zlib'
import type { Mark, Position } from './identity.ts'

/** Where the bytes of a file come from. */
export interface ByteSource {
  /** Reads up to `length` bytes from `position` on into `buffer` at 0; fewer only at the end. */
  read(buffer: Buffer, length: number, position: number): Promise<number>
  /** What lies before the place that was read up to can be read again, and more may be written behind it. */
  readonly isLive: boolean
  /** `isNamed`: it is in a directory, so that closing it takes no time. */
  close(isNamed?: boolean): void
}

/** An open file. */
export interface OpenFile {
  readonly fd: number
  readonly stats: Stats
  /** How it began when somebody first wanted to know. */
  head?: Mark
  /** What was remembered of it then. */
  remembered?: Position | undefined
}

/** How many files somebody has open. */
export interface OpenCount {
  count: number
}

const readAsync = promisify(read)

/** Opens a regular file. Null for anything else, which is not touched. Throws what the system says. */
export function openFile(path: string): OpenFile | null {
  // A FIFO would wait for its writer.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = fstatSync(fd)
    if (stats.isFile()) return { fd, stats }
  } catch (error) {
    closeSync(fd)
    throw error
  }
  closeSync(fd)
  return null
}

/** The same; null too for what cannot be opened. That the process has too many open says nothing of the file, and is thrown. */
export function openOrNone(path: string): OpenFile | null {
  try {
    return openFile(path)
  } catch (error) {
    if (isExhausted(error)) throw error
    return null
  }
}

/** Whether the system said that too many files are open. */
export function isExhausted(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EMFILE' || code === 'ENFILE'
}

/** An open file as it is. */
export class PlainBytes implements ByteSource {
  readonly isLive = true
  readonly fd: number
  private readonly opened: OpenCount

  constructor(fd: number, opened: OpenCount) {
    this.fd = fd
    this.opened = opened
    opened.count++
  }

  async read(buffer: Buffer, length: number, position: number): Promise<number> {
    let have = 0
    while (have < length) {
      const { bytesRead } = await readAsync(this.fd, buffer, have, length - have, position + have)
      if (bytesRead === 0) break
      have += bytesRead
    }
    return have
  }

  close(isNamed = false): void {
    this.opened.count--
    // The last to close a deleted file waits until its blocks are free.
    if (isNamed) closeSync(this.fd)
    else close(this.fd, () => undefined)
  }
}

/** How large a compressed file was, as it says itself in its last 4 bytes: modulo 2^32, and of its last part if there are several. */
export function inflatedSize({ fd, stats }: OpenFile): number {
  const bytes = Buffer.alloc(4)
  return stats.size >= 18 && readSync(fd, bytes, 0, 4, stats.size - 4) === 4 ? bytes.readUInt32LE(0) : 0
}

/** So much of one compressed file is inflated, and no more. */
export const INFLATED_BYTES_MAX = 4 * 1024 ** 3

/**
 * A file as it was before gzip: inflated from its beginning, in pieces, and only forwards. What was read and may be read again is kept, so the
 * caller moves `position` on by nearly as much as it reads. Throws where the file is damaged; what came before that has been read.
 */
export class InflatedBytes implements ByteSource {
  readonly isLive = false
  /** Of the inflated bytes, where `kept` begins. */
  private start = 0
  private kept: Buffer = Buffer.alloc(0)
  private isEnded = false
  private readonly pieces: AsyncIterator<Buffer>
  private readonly finish: () => void

  constructor(fd: number, opened: OpenCount) {
    opened.count++
    const file = createReadStream('', { fd })
    const gunzip = createGunzip()
    file.on('error', (error) => gunzip.destroy(error))
    this.pieces = file.pipe(gunzip)[Symbol.asyncIterator]()
    this.finish = () => {
      opened.count--
      file.destroy()
      gunzip.destroy()
    }
  }

  async read(buffer: Buffer, length: number, position: number): Promise<number> {
    while (!this.isEnded && this.start + this.kept.length < position + length) {
      const { value, done } = await this.pieces.next()
      this.isEnded = done === true || this.start > INFLATED_BYTES_MAX
      if (done) break
      const from = Math.max(0, Math.min(this.kept.length, position - this.start))
      this.start += from
      this.kept = Buffer.concat([this.kept.subarray(from), value])
    }
    const from = position - this.start
    if (from < 0 || from >= this.kept.length) return 0
    return this.kept.copy(buffer, 0, from, Math.min(this.kept.length, from + length))
  }

  close(): void {
    this.finish()
  }
}
