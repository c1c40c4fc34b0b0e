import type { Readable } from 'node:stream'
import type { Connection, Reader } from '../../net/stream-server.ts'

/** When the gateway stops before its input has ended, what the writer says last is waited for: it was told to stop at the same time. */
const LAST_WORDS_MS = 1000

/** A hold on the process's input. */
export interface InputListener {
  /** Resolves when the input has ended and been read. */
  readonly ended: Promise<void>
  /** Reads no more. The input goes to whoever else reads it, or is read for a moment yet. */
  close(): Promise<void>
}

// A process has one input, whoever reads it; a reload hands it on.
const inputs = new WeakMap<Readable, Input>()

/** Reads an input from here on, in place of who read it before. */
export function listenInput(open: (connection: Connection) => Reader, fault: (error: unknown) => void, readable: Readable): InputListener {
  let input = inputs.get(readable)
  if (input === undefined) {
    input = new Input(readable)
    inputs.set(readable, input)
  }
  return input.enter(open, fault)
}

interface Tenant {
  readonly reader: Reader
  readonly fault: (error: unknown) => void
}

class Input implements Connection {
  readonly remoteAddress = undefined
  private readonly readable: Readable
  /** The newest reads. */
  private readonly tenants: Tenant[] = []
  private readonly ended: Promise<void>
  private hasEnded = false

  constructor(readable: Readable) {
    this.readable = readable
    this.ended = new Promise((resolve) => {
      const end = (isComplete: boolean): void => {
        if (this.hasEnded) return
        this.hasEnded = true
        this.guarded((reader) => void reader.end(isComplete))
        resolve()
      }
      readable.on('end', () => end(true))
      readable.on('error', () => end(false))
    })
    readable.on('data', (chunk: Buffer) => this.guarded((reader) => reader.read(chunk)))
    readable.pause()
  }

  enter(open: (connection: Connection) => Reader, fault: (error: unknown) => void): InputListener {
    const tenant = { reader: open(this), fault }
    this.tenants.push(tenant)
    this.resume()
    return { ended: this.ended, close: () => this.leave(tenant) }
  }

  pause(): void {
    this.readable.pause()
  }

  resume(): void {
    this.readable.resume()
  }

  write(): void {}

  close(): void {
    this.readable.destroy()
  }

  private async leave(tenant: Tenant): Promise<void> {
    if (this.hasEnded) return
    if (this.tenants.length === 1) {
      let timer: NodeJS.Timeout | undefined
      await Promise.race([
        this.ended,
        new Promise<void>((resolve) => {
          timer = setTimeout(resolve, LAST_WORDS_MS)
        })
      ])
      clearTimeout(timer)
      if (this.hasEnded) return
    }
    const isReading = this.tenants.at(-1) === tenant
    this.tenants.splice(this.tenants.indexOf(tenant), 1)
    if (this.tenants.length === 0) {
      // An input that nobody reads must not keep the process.
      this.readable.pause()
      tenant.reader.end(false)
      return
    }
    const rest = tenant.reader.leave()
    if (isReading || rest !== undefined) this.guarded((reader) => rest !== undefined && reader.read(Buffer.from(rest)))
  }

  // What comes from outside must not end the process, even where we did not think of it.
  private guarded(work: (reader: Reader) => void): void {
    const tenant = this.tenants.at(-1)
    if (tenant === undefined) return
    try {
      work(tenant.reader)
    } catch (error) {
      tenant.fault(error)
    }
  }
}
