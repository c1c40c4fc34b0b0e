import { RefusedError } from '../errors.ts'
import { free } from '../memory.ts'
import type { BodyLimits, Lease } from './limits.ts'

const NOTHING = Buffer.alloc(0)

/** The bytes of one request while they arrive: bounded in size, in time and in the pace at which they come. */
export class Arrival {
  bytes = 0
  private chunks: Buffer[] = []
  private readonly limits: BodyLimits
  private readonly lease: Lease
  private readonly bytesMax: number
  /** What comes shares its memory with nobody. */
  private owned: boolean
  private readonly startedAtMs = performance.now()
  // The last look at it, a quarter of a second ago or so: what was there, and since when nothing more has come.
  private seenBytes = 0
  private seenAtMs = this.startedAtMs

  /** `bytesMax`: what may come over the wire. `owned`: each chunk is alone in its memory. */
  constructor(limits: BodyLimits, lease: Lease, bytesMax: number, owned: boolean) {
    this.limits = limits
    this.lease = lease
    this.bytesMax = bytesMax
    this.owned = owned
  }

  /** Throws RefusedError `too-large` or `busy`; what came before is then forgotten. */
  add(chunk: Buffer): void {
    this.bytes += chunk.length
    this.chunks.push(chunk)
    try {
      if (this.bytes > this.bytesMax) throw tooLarge(this.limits.bodyBytesMax)
      this.lease.take(chunk.length)
    } catch (error) {
      this.forget()
      throw error
    }
  }

  /** Lets go of what came and was not taken: under more load than there is room for, that is most of what comes. */
  forget(): void {
    const { chunks } = this
    this.chunks = []
    if (this.owned) for (const chunk of chunks) free(chunk)
  }

  /** Everything, in one piece. */
  take(): Buffer {
    const { chunks } = this
    this.chunks = []
    if (chunks.length === 1) return chunks[0]
    if (chunks.length === 0) return NOTHING
    const whole = Buffer.concat(chunks, this.bytes)
    if (this.owned) for (const chunk of chunks) free(chunk)
    this.owned = true
    return whole
  }

  /** Gives back the memory of what `take` returned, if nobody shares it. */
  free(taken: Buffer): void {
    if (this.owned) free(taken)
  }

  /** Why the sender is too slow, if it is. */
  late(nowMs: number): RefusedError | undefined {
    const { stallMs, bodyMs } = this.limits
    if (this.bytes !== this.seenBytes) {
      this.seenBytes = this.bytes
      this.seenAtMs = nowMs
    }
    if (nowMs - this.startedAtMs > bodyMs) return new RefusedError('timeout', `the body was not complete after ${bodyMs} ms`)
    if (nowMs - this.seenAtMs > stallMs) return new RefusedError('timeout', `nothing more of the body came for ${stallMs} ms`)
    return undefined
  }
}

export function tooLarge(bytesMax: number): RefusedError {
  return new RefusedError('too-large', `the body is larger than ${bytesMax} bytes`)
}
