import { ByteKeys } from '../../otlp/attributes/byte-keys.ts'

const PARTS = 1
const WORD = 0

export interface Limits {
  /** Answers that are held. */
  readonly answersMax: number
  readonly keyBytesMax: number
  /** An answer that nobody asks for is forgotten after this long at the earliest, and twice as long at the latest. */
  readonly forgetAfterMs: number
}

// What an entry of ByteKeys takes beside its key.
const ENTRY_BYTES = 12

/**
 * Remembers answers by keys of bytes, within limits: in two generations, of which the older one is forgotten as a whole when the younger one is full or
 * has come of age. What is asked for moves to the younger one.
 */
export class Generations<T> {
  readonly forgotten = { full: 0, age: 0 }
  /** How often the younger one has become the older one. */
  turns = 0
  private readonly limits: Limits
  private readonly perGeneration: number
  private young: ByteKeys<T>
  private old: ByteKeys<T>
  private youngSize = 0
  private oldSize = 0
  private bornMs: number
  private view: DataView = NO_VIEW

  constructor(limits: Limits, nowMs: number) {
    const { answersMax, keyBytesMax } = limits
    this.limits = limits
    this.perGeneration = Math.max(1, answersMax >> 1)
    this.young = new ByteKeys(PARTS, this.perGeneration * (keyBytesMax + ENTRY_BYTES))
    this.old = new ByteKeys(PARTS, this.perGeneration * (keyBytesMax + ENTRY_BYTES))
    this.bornMs = nowMs
  }

  get size(): number {
    return this.youngSize + this.oldSize
  }

  /** Keys lie in this view until `close`. */
  open(view: DataView, nowMs: number): void {
    this.view = view
    if (nowMs - this.bornMs < this.limits.forgetAfterMs) return
    this.forgotten.age += this.oldSize
    this.turn()
    // After a long silence both are of age.
    if (nowMs - this.bornMs >= 2 * this.limits.forgetAfterMs) {
      this.forgotten.age += this.oldSize
      this.turn()
    }
    this.bornMs = nowMs
  }

  /** Lets go of the bytes. */
  close(): void {
    this.view = NO_VIEW
    this.young.close()
    this.old.close()
  }

  find(start: number, length: number): T | undefined {
    const { young, old, view } = this
    if (this.youngSize > 0) {
      young.begin(view, WORD)
      young.part(0, start, length)
      const answer = young.find()
      if (answer !== undefined) return answer
    }
    if (this.oldSize === 0) return undefined
    old.begin(view, WORD)
    old.part(0, start, length)
    const answer = old.find()
    if (answer !== undefined) this.remember(start, length, answer)
    return answer
  }

  /** Remembers an answer for a key for which `find` had none. */
  remember(start: number, length: number, answer: T): void {
    if (this.youngSize >= this.perGeneration) {
      this.forgotten.full += this.oldSize
      this.turn()
    }
    const { young } = this
    young.begin(this.view, WORD)
    young.part(0, start, length)
    if (young.find() !== undefined) return
    young.remember(answer)
    this.youngSize++
  }

  private turn(): void {
    this.turns++
    const forgotten = this.old
    forgotten.clear()
    this.old = this.young
    this.oldSize = this.youngSize
    this.young = forgotten
    this.youngSize = 0
  }
}

const NO_VIEW = new DataView(new ArrayBuffer(0))
