// Bodies of log records, of which several may be the lines of one private key.
import { Fields } from '../../otlp/wire.ts'
import { latin1 } from './bytes.ts'
import type { Engine } from './engine.ts'
import { KeyLines } from './key-lines.ts'
import { type KeyStreams, streamId } from './key-streams.ts'

const NOTHING = new Uint8Array(0)
/** Where in a map the line of a log stands. */
const LINE_KEYS = new Set(['message', 'msg', 'log', 'line', 'text', 'body'])
const LINE_KEY_BYTES_MAX = 8

/** Follows a walk through log records, and redacts their bodies. */
export class RecordKeys {
  private readonly engine: Engine
  private readonly streams: KeyStreams
  private bytes: Uint8Array = NOTHING
  private isLogs = false
  private resource: Uint8Array = NOTHING
  private scope: Uint8Array = NOTHING
  /** The stream of the scope that the walk is in, once it matters. */
  private stream = ''
  private lines: KeyLines | null = null
  private isLine = false
  /** True when each record must be looked at, since the lines of a key have nothing else that tells them. */
  wants = false

  constructor(engine: Engine, streams: KeyStreams) {
    this.engine = engine
    this.streams = streams
  }

  begin(signal: string, bytes: Uint8Array): void {
    this.isLogs = signal === 'logs'
    this.wants = this.isLogs && !this.streams.isIdle
    this.bytes = bytes
  }

  end(): void {
    this.bytes = NOTHING
    this.resource = NOTHING
    this.scope = NOTHING
  }

  enterResource(start: number, end: number): void {
    if (this.isLogs) this.resource = this.first(start, end)
  }

  enterScope(start: number, end: number): void {
    if (!this.isLogs) return
    this.scope = this.first(start, end)
    this.lines = null
    if (this.streams.isIdle) return
    this.stream = streamId(this.resource, this.scope)
    this.lines = this.streams.of(this.stream)
    this.wants = this.lines.isOpen
  }

  leaveScope(): void {
    if (this.lines !== null) this.streams.keep(this.stream, this.lines)
    this.lines = null
    this.wants = this.isLogs && !this.streams.isIdle
  }

  enterBody(): void {
    this.isLine = true
  }

  /** A key of a map in a body. */
  enterKey(start: number, end: number): void {
    this.isLine = end - start <= LINE_KEY_BYTES_MAX && LINE_KEYS.has(latin1(this.bytes, start, end).toLowerCase())
  }

  /** A text of a body with its secrets replaced, or null when there are none. */
  redact(start: number, end: number): Uint8Array | null {
    const { bytes, engine, lines } = this
    if (this.isLogs && this.isLine && lines?.isOpen === true) {
      const withoutPart = lines.goOn(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start), engine)
      this.wants = lines.isOpen
      if (withoutPart !== null) return withoutPart
    }
    const redacted = engine.redact(bytes, start, end)
    if (engine.sawPrivateKey && this.isLogs && this.isLine) this.open(start, end)
    return redacted
  }

  private open(start: number, end: number): void {
    const { bytes } = this
    const lines = this.lines ?? new KeyLines()
    if (!lines.isOpen) lines.begin(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start))
    if (!lines.isOpen || this.lines !== null) {
      this.wants = lines.isOpen
      return
    }
    this.stream = streamId(this.resource, this.scope)
    this.lines = lines
    this.wants = true
  }

  // Resource and scope are both the first field of what holds them.
  private first(start: number, end: number): Uint8Array {
    const fields = new Fields().open(this.bytes, start, end)
    while (fields.next()) if (fields.number === 1) return this.bytes.subarray(fields.start, fields.end)
    return NOTHING
  }
}
