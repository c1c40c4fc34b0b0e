import { RefusedError } from '../../errors.ts'
import type { LogRequest, LogStream } from '../../logs/log-collector.ts'
import type { LogSource } from '../../logs/log-source.ts'
import { MsgpackFault, MsgpackTooLarge } from '../../msgpack/frame.ts'
import { inflate } from '../../net/inflate.ts'
import type { ByteBudget, Lease } from '../../net/limits.ts'
import type { Connection, Reader } from '../../net/stream-server.ts'
import { FluentChunks } from './fluent-chunks.ts'
import { type FluentAuth, Handshake } from './fluent-handshake.ts'
import { type FluentMessage, readHead, readRecords } from './fluent-message.ts'
import { FluentRecords } from './fluent-records.ts'
import type { Intake } from './intake.ts'
import { MessageBuffer } from './message-buffer.ts'
import { msgpack } from './msgpack-writer.ts'

/** What all connections share. */
export interface FluentHub {
  readonly intake: Intake
  readonly chunks: FluentChunks
  readonly auth: FluentAuth | undefined
  readonly messageBytesMax: number
  /** For what is inflated. */
  readonly budget: ByteBudget
  /** Opens the request of one chunk. */
  request(): LogRequest
  /** Counts what is not taken: connections, and chunks that came again. */
  count(reason: FluentEvent): void
}

export type FluentEvent = 'malformed' | 'too-large' | 'busy' | 'unauthenticated' | 'duplicate' | 'not-logs'

/** Tags of one connection whose lines are joined at once; one more, and the longest unused is closed. */
const TAGS_MAX = 64
/** What somebody who has not shown the key may send. */
const HANDSHAKE_BYTES_MAX = 4 * 1024
const LOGS = 0

/** Connections whose handshake is over, by the key that was shown: a reloaded component does not ask again. */
const shown = new WeakMap<Connection, string>()

/** Reads a connection of Fluent Forward messages, one after the other. */
export class FluentReader implements Reader {
  private readonly hub: FluentHub
  private readonly connection: Connection
  private readonly buffer: MessageBuffer
  private handshake: Handshake | undefined
  /** By tag; the longest unused first. */
  private readonly streams = new Map<string, LogStream>()
  private readonly records: FluentRecords
  /** Answers that are still to be given. */
  private readonly waiting = new Set<Promise<void>>()
  /** A message is being inflated; what comes behind it waits. */
  private isBusy = false
  private isClosed = false
  private idle: (() => void) | undefined

  constructor(hub: FluentHub, connection: Connection) {
    const { intake, auth, messageBytesMax } = hub
    this.hub = hub
    this.connection = connection
    this.records = new FluentRecords(intake.lineBytesMax)
    const isKnown = auth === undefined || shown.get(connection) === auth.sharedKey
    this.handshake = isKnown ? undefined : new Handshake(auth)
    this.buffer = new MessageBuffer(isKnown ? messageBytesMax : HANDSHAKE_BYTES_MAX, intake.parts)
    if (this.handshake !== undefined) connection.write(this.handshake.hello())
  }

  read(chunk: Buffer): void {
    this.hub.intake.read(chunk.length)
    if (this.isClosed) return
    this.buffer.add(chunk)
    this.proceed()
  }

  end(_isComplete: boolean): Promise<void> | undefined {
    const finished = this.finish()
    if (!this.isBusy && this.waiting.size === 0) {
      this.letGo()
      return undefined
    }
    return finished
  }

  leave(): Uint8Array | undefined {
    // What is being inflated is still this reader's; what comes behind it is not.
    const rest = this.buffer.leave()
    this.isClosed = true
    void this.finish()
    return rest
  }

  private async finish(): Promise<void> {
    if (this.isBusy)
      await new Promise<void>((resolve) => {
        this.idle = resolve
      })
    this.letGo()
    await Promise.all(this.waiting)
  }

  private letGo(): void {
    this.isClosed = true
    this.buffer.clear()
    this.records.flush()
    for (const stream of this.streams.values()) stream.close()
    this.streams.clear()
  }

  // Takes every message that is there as a whole.
  private proceed(): void {
    const { buffer, hub, connection } = this
    try {
      while (!this.isBusy && !this.isClosed && buffer.next()) this.take(buffer.bytes, buffer.start, buffer.end)
      if (!this.isClosed && !buffer.keepRest()) this.close('busy')
    } catch (error) {
      if (!(error instanceof MsgpackFault)) throw error
      this.close(this.handshake === undefined ? reasonOf(error) : 'unauthenticated')
      return
    }
    hub.intake.throttle(connection)
    if (!hub.chunks.isFull) return
    connection.pause()
    void hub.chunks.room().then(() => connection.resume())
  }

  private close(reason: FluentEvent): void {
    this.hub.count(reason)
    this.isClosed = true
    this.buffer.clear()
    this.connection.close()
  }

  private take(bytes: Buffer, start: number, end: number): void {
    const { hub } = this
    if (this.handshake !== undefined) {
      this.shake(this.handshake, bytes, start, end)
      return
    }
    const message = readHead(bytes, start, end)
    if (message === null) return
    const key = message.chunk === '' ? '' : FluentChunks.keyOf(this.connection.remoteAddress, message.chunk, bytes.subarray(start, end))
    const before = key === '' ? undefined : hub.chunks.known(key)
    if (before !== undefined) {
      hub.count('duplicate')
      this.answer(message.chunk, before)
    } else if (message.signal !== LOGS) {
      // It would come again and again, and there is nowhere for it to go.
      hub.count('not-logs')
      if (key !== '') this.answer(message.chunk, Promise.resolve(true))
    } else if (message.compressed === '' || message.compressed === 'text') this.takeRecords(message, key, bytes, message.start, message.end)
    else this.inflate(message, key, bytes.subarray(message.start, message.end))
  }

  private shake(handshake: Handshake, bytes: Buffer, start: number, end: number): void {
    const { may, pong } = handshake.answer(bytes, start, end)
    this.connection.write(pong)
    if (!may) {
      this.close('unauthenticated')
      return
    }
    this.handshake = undefined
    this.buffer.bytesMax = this.hub.messageBytesMax
    shown.set(this.connection, this.hub.auth?.sharedKey ?? '')
  }

  private takeRecords(message: FluentMessage, key: string, bytes: Buffer, start: number, end: number): void {
    const { hub, records } = this
    const { tag, mode, chunk } = message
    if (key === '') {
      const stream = this.streamOf(tag)
      readRecords(mode, bytes, start, end, (timeMs, timeNanos, record, metadata) =>
        records.add(stream, timeMs, timeNanos, record, metadata)
      )
      return
    }
    // What is answered as safe is not kept waiting for the rest of a line.
    const request = hub.request()
    const stream = request.stream(this.sourceOf(tag))
    const own = new FluentRecords(hub.intake.lineBytesMax)
    readRecords(mode, bytes, start, end, (timeMs, timeNanos, record, metadata) => own.add(stream, timeMs, timeNanos, record, metadata))
    own.flush()
    this.answer(chunk, hub.chunks.take(key, request, end - start))
  }

  private inflate(message: FluentMessage, key: string, packed: Buffer): void {
    const { compressed } = message
    if (compressed !== 'gzip' && compressed !== 'zstd')
      throw new MsgpackFault('records that are compressed in a way that is not known here')
    const lease = this.hub.budget.lease()
    const take = (bytes: Buffer): void => this.takeRecords(message, key, bytes, 0, bytes.length)
    let inflated: Buffer | Promise<Buffer>
    try {
      inflated = inflate(packed, compressed, this.hub.messageBytesMax, lease)
    } catch (error) {
      lease.release()
      throw faultOf(error)
    }
    if (!('then' in inflated)) {
      take(inflated)
      lease.release()
      return
    }
    this.isBusy = true
    this.connection.pause()
    void this.inflateAside(inflated, take, lease)
  }

  private async inflateAside(inflated: Promise<Buffer>, take: (bytes: Buffer) => void, lease: Lease): Promise<void> {
    try {
      take(await inflated)
    } catch (error) {
      this.close(reasonOf(error))
    }
    lease.release()
    this.isBusy = false
    this.connection.resume()
    if (!this.isClosed) this.proceed()
    this.idle?.()
  }

  private answer(chunk: string, isSafe: Promise<boolean>): void {
    const answered = isSafe.then((safe) => {
      if (safe) this.connection.write(msgpack({ ack: chunk }))
      this.waiting.delete(answered)
    })
    this.waiting.add(answered)
  }

  private streamOf(tag: string): LogStream {
    const { streams } = this
    let stream = streams.get(tag)
    if (stream !== undefined && streams.size === 1) return stream
    if (stream === undefined) {
      if (streams.size >= TAGS_MAX) this.closeOldest()
      stream = this.hub.intake.collector.open(this.sourceOf(tag))
    } else streams.delete(tag)
    streams.set(tag, stream)
    return stream
  }

  private closeOldest(): void {
    for (const [tag, stream] of this.streams) {
      stream.close()
      this.streams.delete(tag)
      return
    }
  }

  private sourceOf(tag: string): LogSource {
    return { ...this.hub.intake.source(this.connection.remoteAddress), attributes: { 'fluent.tag': tag } }
  }
}

function faultOf(error: unknown): MsgpackFault {
  const reason = reasonOf(error)
  if (reason === 'malformed') return new MsgpackFault('compressed records that are damaged')
  return new MsgpackTooLarge('compressed records that are too large')
}

function reasonOf(error: unknown): FluentEvent {
  const isTooLarge = error instanceof MsgpackTooLarge || (error instanceof RefusedError && error.code === 'too-large')
  return isTooLarge ? 'too-large' : 'malformed'
}
