import type { Connection, Reader } from '../../net/stream-server.ts'

const LENGTH_BYTES = 4
/** The largest packet of a stream, as the largest datagram. */
const PACKET_BYTES_MAX = 65_536
const NONE = Buffer.alloc(0)

/** Told of packets, and of what ends a connection. */
export interface FrameSink {
  /** Is gone when this returns. */
  packet(packet: Buffer): void
  /** A packet that is larger than it may be: the connection is closed. */
  tooLarge(): void
  /** A packet that did not come to its end. */
  unfinished(): void
}

/** Reads packets from a connection. The wire: each behind its length, four bytes, the least significant first. */
export class FrameReader implements Reader {
  private readonly sink: FrameSink
  private readonly connection: Pick<Connection, 'close'>
  private readonly head = Buffer.alloc(LENGTH_BYTES)
  /** A packet that came in pieces. */
  private part = NONE
  private length = 0
  /** Bytes of head and packet that have come. */
  private filled = 0
  private isOver = false

  constructor(sink: FrameSink, connection: Pick<Connection, 'close'>) {
    this.sink = sink
    this.connection = connection
  }

  read(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && !this.isOver; )
      at = this.filled < LENGTH_BYTES ? this.readHead(chunk, at) : this.readPacket(chunk, at)
  }

  end(): undefined {
    if (this.filled > 0) this.sink.unfinished()
    this.filled = 0
    this.part = NONE
  }

  leave(): Uint8Array {
    const body = Math.max(0, this.filled - LENGTH_BYTES)
    return Buffer.concat([this.head.subarray(0, Math.min(this.filled, LENGTH_BYTES)), this.part.subarray(0, body)])
  }

  private readHead(chunk: Buffer, at: number): number {
    this.head[this.filled++] = chunk[at]
    if (this.filled < LENGTH_BYTES) return at + 1
    this.length = this.head.readUInt32LE(0)
    if (this.length === 0) this.filled = 0
    else if (this.length > PACKET_BYTES_MAX) {
      this.isOver = true
      this.filled = 0
      this.sink.tooLarge()
      this.connection.close()
    }
    return at + 1
  }

  private readPacket(chunk: Buffer, at: number): number {
    const { length } = this
    const have = this.filled - LENGTH_BYTES
    const end = Math.min(at + length - have, chunk.length)
    if (have === 0 && end - at === length) {
      this.filled = 0
      this.sink.packet(chunk.subarray(at, end))
      return end
    }
    if (have === 0) this.part = Buffer.allocUnsafe(length)
    chunk.copy(this.part, have, at, end)
    this.filled += end - at
    if (this.filled < LENGTH_BYTES + length) return end
    const packet = this.part
    this.filled = 0
    this.part = NONE
    this.sink.packet(packet)
    return end
  }
}
