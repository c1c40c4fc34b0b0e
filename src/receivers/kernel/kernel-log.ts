import { constants } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'

/** The kernel writes no longer record than 8 KiB, and reads into less room than a record needs fail. */
const READ_BYTES = 16 * 1024
/** Longer lines are cut. */
const LINE_CHARACTERS_MAX = 8 * 1024
/** Reads of one look; what is left waits for the next. */
const READS_MAX = 4096
/** Reads that pass over what a device had before it was opened: more than any kernel keeps. */
const OLD_READS_MAX = 65_536

/**
 * Follows /dev/kmsg, a file that grows, or a FIFO. Reads do not wait, so that no thread hangs in the kernel. What is there when it is first opened
 * is passed over.
 */
export class KernelLog {
  private readonly path: string
  private readonly buffer = Buffer.allocUnsafeSlow(READ_BYTES)
  private file: FileHandle | null = null
  private kind: 'device' | 'file' | 'pipe' = 'file'
  private inode = 0
  private position = 0
  private rest = ''
  private isCut = false
  private isOld = true

  constructor(path: string) {
    this.path = path
  }

  /**
   * Calls `line` with each line that is new, and returns whether all have been read. Throws what the system says when the log cannot be read, and
   * opens it again at the next call.
   */
  async read(line: (text: string) => void): Promise<boolean> {
    try {
      const file = this.file ?? (await this.open())
      const readsMax = this.isOld ? OLD_READS_MAX : READS_MAX
      for (let reads = 0; reads < readsMax; reads++) {
        const length = await this.readSome(file)
        if (length === 0) return await this.atEnd()
        if (length > 0) this.lines(this.buffer.toString('utf8', 0, length), line)
      }
      this.isOld = false
      return false
    } catch (error) {
      await this.close()
      // What appears later is new.
      this.isOld = false
      throw error
    }
  }

  async close(): Promise<void> {
    const { file } = this
    this.file = null
    this.rest = ''
    this.isCut = false
    await file?.close().catch(() => undefined)
  }

  private async open(): Promise<FileHandle> {
    const file = await open(this.path, constants.O_RDONLY | constants.O_NONBLOCK)
    this.file = file
    const stats = await file.stat()
    this.kind = stats.isCharacterDevice() ? 'device' : stats.isFile() ? 'file' : 'pipe'
    if (this.isOld) this.position = stats.size
    else if (stats.ino !== this.inode || stats.size < this.position) this.position = 0
    this.inode = stats.ino
    // A device has no end that one could go to: it is read up to there. Again each time, since it begins with all it still has.
    this.isOld = this.kind === 'device'
    return file
  }

  // Bytes read; 0 at the end for now; -1 when records were overwritten before they were read, after which reading goes on.
  private async readSome(file: FileHandle): Promise<number> {
    try {
      const { bytesRead } = await file.read(this.buffer, 0, READ_BYTES, this.kind === 'file' ? this.position : null)
      this.position += bytesRead
      return bytesRead
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EAGAIN') return 0
      if (code === 'EPIPE') return -1
      throw error
    }
  }

  private lines(text: string, line: (text: string) => void): void {
    if (this.kind === 'device') {
      // One read is one record, and its first line the message.
      if (!this.isOld) line(text.split('\n', 1)[0])
      return
    }
    let start = 0
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n', start)) {
      this.grow(text.slice(start, end))
      line(this.rest)
      this.rest = ''
      this.isCut = false
      start = end + 1
    }
    this.grow(text.slice(start))
  }

  private grow(part: string): void {
    if (this.isCut) return
    this.rest += part
    this.isCut = this.rest.length > LINE_CHARACTERS_MAX
    if (this.isCut) this.rest = this.rest.slice(0, LINE_CHARACTERS_MAX)
  }

  // All is read: what comes from here on is new. A file that was replaced or emptied is begun anew.
  private async atEnd(): Promise<boolean> {
    this.isOld = false
    if (this.kind !== 'file') return true
    const { ino, size } = await stat(this.path)
    if (ino !== this.inode) await this.close()
    else if (size < this.position) this.position = 0
    return true
  }
}
