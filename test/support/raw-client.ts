import { connect, type Socket } from 'node:net'
import type { SocketAddress } from '../../src/net/sockets.ts'

/** A client that writes what it is told, byte for byte, and shows what came back. */
export class RawClient {
  readonly socket: Socket
  received = Buffer.alloc(0)
  /** Resolves when the connection is gone, in whichever way. */
  readonly closed: Promise<void>
  private wake = (): void => undefined

  constructor(address: SocketAddress) {
    this.socket = connect('path' in address ? { path: address.path } : { host: address.host, port: address.port })
    this.socket.on('data', (chunk) => {
      this.received = Buffer.concat([this.received, chunk])
      this.wake()
    })
    this.socket.on('error', () => undefined)
    this.closed = new Promise((resolve) => {
      this.socket.once('close', () => {
        resolve()
        this.wake()
      })
    })
  }

  send(bytes: string | Uint8Array): this {
    this.socket.write(bytes)
    return this
  }

  get text(): string {
    return this.received.toString('latin1')
  }

  /** Resolves when what came matches; rejects when the connection closes without. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.socket.destroyed) throw new Error(`closed after ${JSON.stringify(this.text)}, expected ${pattern}`)
      await new Promise<void>((resolve) => {
        this.wake = resolve
      })
    }
    return this.text
  }

  /** Forgets what came so far. */
  forget(): void {
    this.received = Buffer.alloc(0)
  }
}

/** Resolves when `condition` holds. For what has no event of its own; the test runner's time limit ends a wait in vain. */
export async function eventually(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}
