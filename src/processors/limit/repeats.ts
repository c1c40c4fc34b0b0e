/** Longer bodies are taken as they come. */
const BODY_BYTES_MAX = 1024
const NOTHING = new Uint8Array(0)

/** Records that were said once and then again, alike to the byte. */
export interface Repeat {
  readonly severity: number
  readonly body: Uint8Array
  readonly resource: Uint8Array
  readonly sinceMs: number
  /** How often it came again and was taken out. */
  count: number
}

/** Remembers what was said lately. */
export class Repeats {
  private readonly withinMs: number
  private readonly entriesMax: number
  /** In the order in which they came first. */
  private readonly known = new Map<string, Repeat>()
  /** Over, with something to say. */
  private readonly over: Repeat[] = []
  /** Records of which no summary was made, since too many waited. */
  unsummed = 0
  // What was asked for last.
  private key = ''
  private body: Uint8Array = NOTHING
  private sinceMs = 0

  constructor(withinMs: number, entriesMax: number) {
    this.withinMs = withinMs
    this.entriesMax = entriesMax
  }

  /**
   * Whether the body in [start, end), an AnyValue, has come lately, from the same source and with the same severity. If so, that is counted; if not,
   * `remember` may follow.
   */
  knows(source: string, severity: number, bytes: Uint8Array, start: number, end: number, nowMs: number): boolean {
    this.key = ''
    if (end - start > BODY_BYTES_MAX || end === start) return false
    this.forget(nowMs)
    const body = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start)
    this.body = body
    this.sinceMs = nowMs
    this.key = `${source}\n${severity}\n${body.toString('latin1')}`
    const known = this.known.get(this.key)
    if (known === undefined) return false
    known.count++
    return true
  }

  /** Remembers what `knows` did not know. */
  remember(resource: Uint8Array, severity: number): void {
    const { key, body, sinceMs } = this
    if (key === '') return
    if (this.known.size >= this.entriesMax) this.forgetOldest()
    this.known.set(key, { severity, body: new Uint8Array(body), resource, sinceMs, count: 0 })
    this.body = NOTHING
  }

  /** What came again and again since it was asked for last. */
  take(nowMs: number): Repeat[] {
    this.forget(nowMs)
    const found = this.over.splice(0)
    for (const repeat of this.known.values()) {
      if (repeat.count === 0) continue
      found.push({ ...repeat })
      repeat.count = 0
    }
    return found
  }

  private forget(nowMs: number): void {
    for (const [key, repeat] of this.known) {
      if (nowMs - repeat.sinceMs < this.withinMs) return
      this.end(key, repeat)
    }
  }

  private forgetOldest(): void {
    for (const [key, repeat] of this.known) {
      this.end(key, repeat)
      return
    }
  }

  private end(key: string, repeat: Repeat): void {
    this.known.delete(key)
    if (repeat.count === 0) return
    if (this.over.length < this.entriesMax) this.over.push(repeat)
    else this.unsummed += repeat.count
  }
}
