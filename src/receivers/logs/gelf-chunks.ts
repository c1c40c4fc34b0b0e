// A GELF message in several datagrams: each is 1e 0f, the message's id of 8 bytes, its number from 0, the count from 1 to 128, and its part.
const HEAD_BYTES = 12
const CHUNKS_MAX = 128
/** Messages of which some chunks are missing, at most, */
const OPEN_MAX = 1024
/** and the bytes of their chunks. */
const OPEN_BYTES_MAX = 8 * 1024 * 1024
/** The other chunks of a message come within this time, says the protocol. */
const COMPLETE_WITHIN_MS = 5000

interface Open {
  readonly sinceMs: number
  readonly parts: (Buffer | undefined)[]
  missing: number
  bytes: number
}

/** Puts the chunks of messages together. */
export class GelfChunks {
  private readonly messages = new Map<string, Open>()
  private readonly drop: (messages: number, reason: string) => void
  private bytes = 0
  private timer: NodeJS.Timeout | undefined

  /** `drop` is told of messages that will not be complete. */
  constructor(drop: (messages: number, reason: string) => void) {
    this.drop = drop
  }

  /** Takes one datagram that begins with 1e 0f; returns the message that it completes, if it does. */
  take(chunk: Buffer, sender: string): Buffer | undefined {
    const count = chunk[11]
    const number = chunk[10]
    if (chunk.length < HEAD_BYTES || count === 0 || count > CHUNKS_MAX || number >= count) {
      this.drop(1, 'malformed')
      return undefined
    }
    const nowMs = performance.now()
    this.expire(nowMs)
    // The id of one sender says nothing of another's.
    const key = `${chunk.toString('latin1', 2, 10)}${sender}`
    const open = this.messages.get(key) ?? this.open(key, count, nowMs)
    if (open === undefined) return undefined
    if (open.parts.length !== count || open.parts[number] !== undefined) return undefined
    if (this.bytes + chunk.length > OPEN_BYTES_MAX) {
      this.close(key, open)
      this.drop(1, 'chunks')
      return undefined
    }
    open.parts[number] = chunk.subarray(HEAD_BYTES)
    open.bytes += chunk.length
    this.bytes += chunk.length
    if (--open.missing > 0) return undefined
    this.close(key, open)
    return Buffer.concat(open.parts as Buffer[])
  }

  /** Gives up what is not complete. */
  stop(): void {
    this.expire(Number.POSITIVE_INFINITY)
  }

  private open(key: string, count: number, nowMs: number): Open | undefined {
    if (this.messages.size >= OPEN_MAX) {
      this.drop(1, 'chunks')
      return undefined
    }
    const open: Open = { sinceMs: nowMs, parts: new Array<Buffer | undefined>(count).fill(undefined), missing: count, bytes: 0 }
    this.messages.set(key, open)
    this.timer ??= setInterval(() => this.expire(performance.now()), 1000).unref()
    return open
  }

  private close(key: string, open: Open): void {
    this.messages.delete(key)
    this.bytes -= open.bytes
    if (this.messages.size > 0) return
    clearInterval(this.timer)
    this.timer = undefined
  }

  // The oldest come first.
  private expire(nowMs: number): void {
    for (const [key, open] of this.messages) {
      if (nowMs - open.sinceMs < COMPLETE_WITHIN_MS) return
      this.close(key, open)
      this.drop(1, 'incomplete')
    }
  }
}
