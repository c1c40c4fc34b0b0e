/** What an attribute, or a body, may hold: what JSON can say, bytes, and integers of 64 bits. */
export type LogValue = string | number | boolean | bigint | null | Uint8Array | readonly LogValue[] | { readonly [key: string]: LogValue }

/**
 * One log record on its way to OTLP. Made once and filled again for the next record, since there are a hundred thousand a second: whoever keeps
 * one keeps a copy.
 */
export class LogEntry {
  /** When the program says that it happened: whole milliseconds since 1970, and nanoseconds below them. 0 where it does not say. */
  timeMs = 0
  timeNanos = 0
  /** When the gateway received it. */
  observedMs = 0
  /** OpenTelemetry's number, 1 to 24; 0 where none is known. */
  severityNumber = 0
  /** The source's own word. */
  severityText = ''
  body: LogValue = ''
  eventName = ''
  /** The service that the record names as its writer, or empty: the source's own. Goes to the resource. */
  serviceName = ''
  /** 32 and 16 small hexadecimal digits, or empty. */
  traceId = ''
  spanId = ''
  traceFlags = 0
  /** Attributes: a key and its value at the same index. A key may stand here once. */
  readonly keys: string[] = []
  readonly values: LogValue[] = []
  /** Attributes that were there and are not here, since a record has only so many. */
  droppedAttributes = 0

  /** Empties it for the next record. */
  reset(observedMs: number): void {
    this.timeMs = 0
    this.timeNanos = 0
    this.observedMs = observedMs
    this.severityNumber = 0
    this.severityText = ''
    this.body = ''
    this.eventName = ''
    this.serviceName = ''
    this.traceId = ''
    this.spanId = ''
    this.traceFlags = 0
    // One by one: a length of 0 gives the memory away that the next record needs, and takes the slow way through the engine.
    while (this.keys.length > 0) this.keys.pop()
    while (this.values.length > 0) this.values.pop()
    this.droppedAttributes = 0
  }

  add(key: string, value: LogValue): void {
    this.keys.push(key)
    this.values.push(value)
  }
}
