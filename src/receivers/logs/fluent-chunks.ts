import { crc32 } from 'node:zlib'
import type { Push } from '../../component.ts'
import { RefusedError } from '../../errors.ts'
import type { LogRequest } from '../../logs/log-collector.ts'

/** Chunks that are remembered after they became durable. */
const RECENT_MAX = 4096
/** Chunks on their way at once; more make their senders wait. */
const UNDER_WAY_MAX = 256
const RETRY_FIRST_MS = 250
const RETRY_MAX_MS = 5_000

/**
 * Chunks whose senders wait for an answer. One that comes again, because its sender was not told or did not hear, is the same chunk still: it is
 * known by the sender's address, its id and a sum of its bytes, since there are senders that begin to count anew.
 */
export class FluentChunks {
  /** Resolves to whether the chunk is safe. */
  private readonly recent = new Map<string, Promise<boolean>>()
  private readonly underWay = new Set<Promise<boolean>>()
  private readonly bytesMax: number
  private heldBytes = 0
  private waiting: (() => void)[] = []
  private readonly stopping = new AbortController()

  /** `bytesMax`: what chunks on their way may hold. */
  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }

  static keyOf(sender: string | undefined, chunk: string, message: Uint8Array): string {
    return `${sender ?? ''} ${chunk} ${message.length} ${crc32(message)}`
  }

  /** What became, or becomes, of a chunk that has come before; undefined where none has, or where it was not taken. */
  known(key: string): Promise<boolean> | undefined {
    return this.recent.get(key)
  }

  /** Sees a request through that holds the chunk's records. */
  take(key: string, request: LogRequest, bytes: number): Promise<boolean> {
    this.heldBytes += bytes
    const sent = request.send().then(
      () => true,
      () => false
    )
    const settled = sent.then((isSafe) => {
      this.heldBytes -= bytes
      this.underWay.delete(settled)
      if (!isSafe) this.recent.delete(key)
      if (!this.isFull) for (const resolve of this.waiting.splice(0)) resolve()
      return isSafe
    })
    this.underWay.add(settled)
    this.recent.set(key, settled)
    if (this.recent.size > RECENT_MAX + UNDER_WAY_MAX) this.forget()
    return settled
  }

  get isFull(): boolean {
    return this.heldBytes > this.bytesMax || this.underWay.size >= UNDER_WAY_MAX
  }

  room(): Promise<void> {
    return this.isFull ? new Promise((resolve) => this.waiting.push(resolve)) : Promise.resolve()
  }

  /** The same push, but for a batch that finds no room: that is pushed until there is some, or until the end. */
  patient(push: Push): Push {
    return async (batch) => {
      for (let waitMs = RETRY_FIRST_MS; ; waitMs = Math.min(2 * waitMs, RETRY_MAX_MS)) {
        try {
          await push(batch)
          return
        } catch (error) {
          if (!(error instanceof RefusedError && error.retryable && (await this.sleep(error.retryAfterMs ?? waitMs)))) throw error
        }
      }
    }
  }

  /** Waits for what is under way, up to so long. */
  async stop(withinMs: number): Promise<void> {
    const timer = setTimeout(() => this.stopping.abort(), withinMs)
    await Promise.all(this.underWay)
    clearTimeout(timer)
    this.stopping.abort()
  }

  // The oldest that nothing happens to any more.
  private forget(): void {
    for (const [key, fate] of this.recent) {
      if (this.underWay.has(fate)) continue
      this.recent.delete(key)
      return
    }
  }

  // Whether it was slept through.
  private sleep(ms: number): Promise<boolean> {
    const { signal } = this.stopping
    if (signal.aborted) return Promise.resolve(false)
    return new Promise((resolve) => {
      const stop = (): void => {
        clearTimeout(timer)
        resolve(false)
      }
      const wake = (): void => {
        signal.removeEventListener('abort', stop)
        resolve(true)
      }
      const timer = setTimeout(wake, Math.min(ms, RETRY_MAX_MS))
      signal.addEventListener('abort', stop, { once: true })
    })
  }
}
