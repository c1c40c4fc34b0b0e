import type { Readable } from 'node:stream'

/** Keeps what comes out of a pipe, up to a limit, and can be closed whatever holds the other end. */
export class Output {
  /** Resolves when the pipe has ended. */
  readonly ended: Promise<void>
  overflowed = false
  private readonly chunks: Buffer[] = []
  private bytes = 0
  private readonly stream: Readable

  constructor(stream: Readable, bytesMax: number, onOverflow: () => void) {
    this.stream = stream
    this.ended = new Promise((resolve) => {
      stream.once('close', resolve)
      stream.once('end', resolve)
    })
    stream.on('error', () => undefined)
    stream.on('data', (chunk: Buffer) => {
      this.bytes += chunk.length
      if (this.bytes <= bytesMax) this.chunks.push(chunk)
      else if (!this.overflowed) {
        this.overflowed = true
        onOverflow()
      }
    })
  }

  /** What came so far, as text. */
  text(): string {
    return Buffer.concat(this.chunks).toString('utf8')
  }

  close(): void {
    this.stream.destroy()
  }
}
