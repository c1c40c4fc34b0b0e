// Text as it comes in pieces, redacted line by line: a line in, a line out.
import { JsonFault } from '../../otlp/json-scanner.ts'
import type { Engine } from './engine.ts'
import { JsonLine } from './json-line.ts'
import { KeyLines } from './key-lines.ts'

export interface LineFilterOptions {
  /** Lines are JSON values; those that are none are text. */
  readonly json: boolean
  /** A longer line is replaced by a marker as a whole, so that memory is bounded. */
  readonly lineBytesMax: number
  /** Is told of each line that was too long. */
  readonly tooLong: (line: number) => void
}

const LINE_FEED = 10
const BACKSLASH = 92
const BREAK = Buffer.from('\n')

/** Redacts a stream of lines. */
export class LineFilter {
  private readonly engine: Engine
  private readonly options: LineFilterOptions
  private readonly json: JsonLine
  private readonly key = new KeyLines()
  /** The line that has no end yet, in the pieces in which it came. */
  private parts: Uint8Array[] = []
  private partBytes = 0
  private isTooLong = false
  private isInJson = false
  private out: Uint8Array[] = []
  /** Lines that are done. */
  lines = 0

  constructor(engine: Engine, options: LineFilterOptions) {
    this.engine = engine
    this.options = options
    this.json = new JsonLine(engine)
  }

  /** Where in the line the engine is at work, for people. Names of members go through `shown` first, which is not to use that engine. */
  place(shown: (key: Uint8Array) => string): string {
    return this.isInJson ? this.json.place(shown) : 'text'
  }

  /** What becomes of the lines that `chunk` ends. The result may hold parts of `chunk` itself. */
  write(chunk: Buffer): Uint8Array[] {
    this.out = []
    let start = 0
    if (this.partBytes > 0 || this.isTooLong) {
      const feed = chunk.indexOf(LINE_FEED)
      this.keep(feed < 0 ? chunk : chunk.subarray(0, feed))
      if (feed < 0) return this.out
      this.endLine()
      this.out.push(BREAK)
      start = feed + 1
    }
    const stop = chunk.lastIndexOf(LINE_FEED) + 1
    if (stop > start) this.whole(chunk.subarray(start, stop))
    this.keep(chunk.subarray(Math.max(start, stop)))
    return this.out
  }

  /** What becomes of a last line without an end. */
  end(): Uint8Array[] {
    this.out = []
    if (this.partBytes > 0 || this.isTooLong) this.endLine()
    return this.out
  }

  private keep(part: Buffer): void {
    if (part.length === 0 || this.isTooLong) return
    if (this.partBytes + part.length > this.options.lineBytesMax) {
      this.isTooLong = true
      this.parts = []
      this.partBytes = 0
      return
    }
    // The chunk is its owner's again.
    this.parts.push(Buffer.from(part))
    this.partBytes += part.length
  }

  private endLine(): void {
    if (this.isTooLong) this.hideLine()
    else this.one(this.parts.length === 1 ? (this.parts[0] as Buffer) : Buffer.concat(this.parts))
    this.parts = []
    this.partBytes = 0
    this.isTooLong = false
  }

  private hideLine(): void {
    this.lines++
    this.options.tooLong(this.lines)
    const marker = this.engine.marker('line-too-long')
    this.out.push(this.options.json ? Buffer.concat([QUOTE, marker, QUOTE]) : marker)
  }

  // Lines with their ends.
  private whole(text: Buffer): void {
    const { options } = this
    if (text.length <= options.lineBytesMax && this.isClean(text)) {
      this.lines += linesIn(text)
      this.out.push(text)
      return
    }
    let done = 0
    for (let start = 0; start < text.length; ) {
      const feed = text.indexOf(LINE_FEED, start)
      const line = text.subarray(start, feed)
      const redacted = line.length > options.lineBytesMax ? undefined : this.redacted(line)
      if (redacted !== null) {
        this.out.push(text.subarray(done, start))
        if (redacted === undefined) this.hideLine()
        else this.out.push(redacted)
        done = feed
      }
      start = feed + 1
    }
    this.out.push(text.subarray(done))
  }

  // True when nothing in the text deserves a look. In JSON an escape may hide what does.
  private isClean(text: Buffer): boolean {
    if (this.key.isOpen || this.json.isInKey || (this.options.json && text.includes(BACKSLASH))) return false
    return this.engine.heads.next(text, 0, text.length) < 0
  }

  private one(line: Buffer): void {
    this.out.push(this.redacted(line) ?? line)
  }

  private redacted(line: Buffer): Uint8Array | null {
    this.lines++
    if (this.isClean(line)) return null
    if (this.options.json) {
      try {
        this.isInJson = true
        return this.json.redact(line)
      } catch (error) {
        if (!(error instanceof JsonFault)) throw error
      } finally {
        this.isInJson = false
      }
    }
    return this.text(line)
  }

  // A line that does not fit the key's state is looked at as any other.
  private text(line: Buffer): Uint8Array | null {
    const { engine, key } = this
    if (!key.isOpen) {
      key.begin(line)
      return engine.redact(line, 0, line.length)
    }
    return key.goOn(line, engine) ?? engine.redact(line, 0, line.length)
  }
}

const QUOTE = Buffer.from('"')

function linesIn(text: Buffer): number {
  let lines = 0
  for (let feed = text.indexOf(LINE_FEED); feed >= 0; feed = text.indexOf(LINE_FEED, feed + 1)) lines++
  return lines
}
