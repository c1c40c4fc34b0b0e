import { MsgpackFrame } from '../../msgpack/frame.ts'
import type { PartBudget } from './part-budget.ts'

const NOTHING = Buffer.alloc(0)

/** The bytes of a connection that are not read yet, and the msgpack messages among them. What is not whole counts against the budget. */
export class MessageBuffer {
  bytes: Buffer = NOTHING
  /** The message that was found last. */
  start = 0
  end = 0
  private length = 0
  private isOwn = false
  private heldBytes = 0
  private readonly frame: MsgpackFrame
  private readonly parts: PartBudget

  constructor(bytesMax: number, parts: PartBudget) {
    this.frame = new MsgpackFrame(bytesMax)
    this.parts = parts
  }

  /** The largest message. */
  set bytesMax(bytesMax: number) {
    this.frame.bytesMax = bytesMax
  }

  add(chunk: Buffer): void {
    const unread = this.length - this.end
    if (unread === 0) {
      this.bytes = chunk
      this.length = chunk.length
      this.end = 0
      this.isOwn = false
      return
    }
    const size = unread + chunk.length
    if (!this.isOwn || this.length + chunk.length > this.bytes.length) {
      // Grows by halves, so that a long message is copied a few times only. What was found before is left as it is: somebody may be reading it.
      const bytes = Buffer.allocUnsafeSlow(Math.max(size, Math.min(2 * unread, unread + GROWTH_BYTES_MAX)))
      this.bytes.copy(bytes, 0, this.end, this.length)
      this.bytes = bytes
      this.isOwn = true
      this.end = 0
      this.length = unread
    }
    chunk.copy(this.bytes, this.length)
    this.length += chunk.length
  }

  /** Finds the next message, between `start` and `end`. Throws MsgpackFault. */
  next(): boolean {
    if (this.end >= this.length || !this.frame.scan(this.bytes, this.end, this.length)) return false
    this.start = this.end
    this.end += this.frame.size
    this.frame.reset()
    return true
  }

  /** Keeps what is not whole for the next time; false where there is no room for it. */
  keepRest(): boolean {
    const unread = this.length - this.end
    if (unread > this.heldBytes && !this.parts.take(unread - this.heldBytes)) return false
    if (unread < this.heldBytes) this.parts.give(this.heldBytes - unread)
    this.heldBytes = unread
    return true
  }

  /** Hands over what is not read. */
  leave(): Uint8Array | undefined {
    const rest = this.end < this.length ? Uint8Array.from(this.bytes.subarray(this.end, this.length)) : undefined
    this.clear()
    return rest
  }

  clear(): void {
    this.parts.give(this.heldBytes)
    this.heldBytes = 0
    this.bytes = NOTHING
    this.start = 0
    this.end = 0
    this.length = 0
    this.frame.reset()
  }
}

const GROWTH_BYTES_MAX = 4 * 1024 * 1024
