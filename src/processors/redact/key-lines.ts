// A private key in PEM of which each line comes as a text of its own: lines of a stream, records of a log, elements of a list.
import { BASE64_RUN, BLANK, CLASS } from './bytes.ts'
import type { Engine } from './engine.ts'

const BEGIN = Buffer.from('-----BEGIN ')
const LABEL = Buffer.from('PRIVATE KEY')
const LABEL_BYTES_MAX = 64
const END = Buffer.from('-----END')
/** The longest key that anyone uses has fewer lines. */
const LINES_MAX = 1_024
/** Lines of others that may stand between those of a key. */
const OTHERS_MAX = 16
/** A line of a key behind a time stamp and other words is told by its length. */
const BODY_BYTES_MIN = 40
const HEADERS = ['Proc-Type:', 'DEK-Info:', 'Version:', 'Comment:', 'Hash:']

/** Knows whether the next text belongs to a key, and which part of it. */
export class KeyLines {
  private linesLeft = 0
  private othersLeft = 0
  /** What of the text that was looked at last belongs to a key. */
  private from = 0
  private to = 0

  /** True after a text that began a key and did not end it. */
  get isOpen(): boolean {
    return this.linesLeft > 0
  }

  close(): void {
    this.linesLeft = 0
  }

  /** To be called with every text while no key is open. */
  begin(text: Buffer): void {
    const begin = text.lastIndexOf(BEGIN)
    if (begin < 0) return
    const label = text.indexOf(LABEL, begin)
    if (label < 0 || label - begin > LABEL_BYTES_MAX || text.indexOf(END, label) >= 0) return
    this.linesLeft = LINES_MAX
    this.othersLeft = OTHERS_MAX
  }

  /** To be called with every text while a key is open: the text with its secrets replaced when a part of the key is in it, else null. */
  goOn(text: Buffer, engine: Engine): Uint8Array | null {
    if (!this.find(text)) return null
    const { from, to } = this
    engine.counted('private-key')
    const changed = Buffer.concat([text.subarray(0, from), engine.hiding('private-key', text, from, to), text.subarray(to)])
    return engine.redact(changed, 0, changed.length) ?? changed
  }

  // True when [from, to) is part of the key.
  private find(text: Buffer): boolean {
    this.linesLeft--
    const end = text.indexOf(END)
    if (end >= 0) this.close()
    this.to = end >= 0 ? end : text.length
    while (this.to > 0 && (CLASS[text[this.to - 1]] & BLANK || text[this.to - 1] === 13)) this.to--
    let from = this.to
    while (from > 0 && CLASS[text[from - 1]] & BASE64_RUN) from--
    this.from = from
    if (from === this.to) {
      // The dashes of the last line alone, an empty line, or a header of the key: neither a part of it nor another's.
      if (this.to > 0 && !HEADERS.some((header) => text.subarray(0, header.length).toString() === header)) this.other()
      return false
    }
    const isAlone = text.subarray(0, from).every((byte) => (CLASS[byte] & BLANK) !== 0)
    if (isAlone || this.to - from >= BODY_BYTES_MIN) return true
    this.other()
    return false
  }

  private other(): void {
    if (--this.othersLeft < 0) this.close()
  }
}
