import type { IncomingHttpHeaders } from 'node:http'
import type { Host, Push } from '../../component.ts'
import { REFUSALS, RefusedError } from '../../errors.ts'
import type { CollectorSettings, LogRequest, LogStream } from '../../logs/log-collector.ts'
import { LogEntry, type LogValue } from '../../logs/log-entry.ts'
import type { LogFormat, LogSource } from '../../logs/log-source.ts'
import { openRequest } from '../../logs/request.ts'
import type { HttpAnswer, HttpRequest, HttpRoute } from '../../net/http-server.ts'
import type { BodyLimits, Lease } from '../../net/limits.ts'
import type { Counter } from '../../telemetry/metrics.ts'
import { Refusals } from '../../telemetry/refusals.ts'

/** What all intakes over HTTP work with. */
export interface HttpLogs {
  readonly host: Host
  readonly push: Push
  readonly settings: CollectorSettings
  /** How lines are read, where what came does not say. */
  readonly format: LogFormat
  readonly limits: BodyLimits
}

/** One way to send logs over HTTP: the paths of one kind of sender. */
export interface HttpIntake {
  /** For counters and the scope of the records. */
  readonly transport: string
  readonly paths: readonly string[]
  /** The largest body, where senders have a smaller limit of their own. */
  readonly bodyBytesMax?: number
  /** A content encoding that `read` undoes itself. */
  readonly ownCoding?: string
  admit?(headers: IncomingHttpHeaders): void
  /** Reads a body into records and says how it is answered when all are durable. Throws RefusedError where it cannot be read at all. */
  read(request: HttpRequest, records: Records): HttpAnswer
  /** Words a refusal as the senders know it. */
  refuse(error: RefusedError, status: number, headers: Readonly<Record<string, string>>): HttpAnswer
}

/** What a record takes beside its text until it is durable, about. */
const RECORD_BYTES = 64
/** Records are charged to the budget so many at a time. */
const CHARGED_RECORDS = 1024

const NOTHING = {}

/** The records of one request, on their way in. */
export class Records {
  /** Filled anew for each record. */
  readonly entry = new LogEntry()
  readonly receivedMs = Date.now()
  lines = 0
  /** Of these, lines that were to be JSON and are not. */
  malformed = 0
  readonly bodyBytesMax: number
  private readonly request: LogRequest
  private readonly lease: Lease
  private readonly heldBytesMax: number
  /** With the body, which has a lease of its own. */
  private heldBytes: number
  private readonly source: LogSource
  private stream: LogStream

  constructor({ host, settings, push, limits, format }: HttpLogs, transport: string, { body, remoteAddress: sender }: HttpRequest) {
    this.request = openRequest(host, transport, settings, push)
    this.bodyBytesMax = limits.bodyBytesMax
    this.lease = limits.budget.lease()
    this.heldBytesMax = limits.budget.maxBytes
    this.heldBytes = body.length
    this.source = { resource: NOTHING, attributes: NOTHING, scope: `sluice.logs.${transport}`, format, sender }
    this.stream = this.request.stream(this.source)
  }

  /** A record whose body is a line that has not been understood yet. */
  line(entry: LogEntry): void {
    this.charge()
    this.stream.entry(entry)
  }

  /** A record that says all already. */
  record(entry: LogEntry): void {
    this.charge()
    this.stream.record(entry)
  }

  /** What comes next has nothing to do with what came: lines are not joined across. */
  next(): void {
    this.stream.close()
    this.stream = this.request.stream(this.source)
  }

  /** Takes memory from the budget of all requests, until this one is answered. */
  hold(bytes: number): void {
    this.heldBytes += bytes
    if (this.heldBytes > this.heldBytesMax)
      throw new RefusedError('too-large', `the records take more than the ${this.heldBytesMax} bytes that all requests may hold at once`)
    this.lease.take(bytes)
  }

  async send(): Promise<void> {
    await this.request.send()
  }

  release(): void {
    this.lease.release()
  }

  // Small records weigh more than the text they came as.
  private charge(): void {
    if (this.lines++ % CHARGED_RECORDS === 0) this.hold(CHARGED_RECORDS * RECORD_BYTES)
  }
}

/** The routes of an intake. A request is answered when all that it brought is durable. */
export function routesOf(http: HttpLogs, intake: HttpIntake): HttpRoute[] {
  const { host, limits } = http
  const { transport, ownCoding } = intake
  const own = { ...limits, bodyBytesMax: Math.min(limits.bodyBytesMax, intake.bodyBytesMax ?? Number.POSITIVE_INFINITY) }
  const refusals = new Refusals(host, transport)
  const bytes = host.metrics.counter('sluice_log_bytes_total', 'Bytes of log streams that were read, by receiver and transport.')
  const malformed = host.metrics.counter(
    'sluice_log_malformed_total',
    'Lines of log streams that were to be JSON and are not, by receiver and transport; they were kept as text.'
  )
  const labels = { receiver: host.name, transport }
  const handle = async (request: HttpRequest): Promise<HttpAnswer> => {
    const records = new Records(http, transport, request)
    try {
      const answer = intake.read(inUtf8(request, records), records)
      await records.send()
      bytes.add(request.body.length, labels)
      count(malformed, records.malformed, labels)
      return answer
    } finally {
      records.release()
    }
  }
  const refuse = (error: unknown): HttpAnswer => {
    const refused = refusals.of(error)
    const { retryAfterMs } = refused
    const headers: Record<string, string> =
      retryAfterMs === undefined ? {} : { 'retry-after': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) }
    return intake.refuse(refused, REFUSALS[refused.code].http, headers)
  }
  return intake.paths.map((path) => ({
    method: 'POST',
    path,
    limits: own,
    ...(ownCoding === undefined ? {} : { ownCoding }),
    ...(intake.admit === undefined ? {} : { admit: intake.admit }),
    handle,
    refuse
  }))
}

function count(counter: Counter, value: number, labels: Readonly<Record<string, string>>): void {
  if (value > 0) counter.add(value, labels)
}

/** The media type of a request, without its parameters, in small letters; empty where it names none. */
export function mediaTypeOf({ 'content-type': header = '' }: IncomingHttpHeaders): string {
  return header.split(';', 1)[0].trim().toLowerCase()
}

const CHARSET = /;\s{0,16}charset\s{0,16}=\s{0,16}"?([^\s;"]{1,64})/i
const UTF8 = /^(?:utf-?8|us-ascii|ascii)$/i

// The request with a body in UTF-8, where its sender names another character set.
function inUtf8(request: HttpRequest, records: Records): HttpRequest {
  const charset = CHARSET.exec(request.headers['content-type'] ?? '')?.[1]
  if (charset === undefined || UTF8.test(charset)) return request
  let decoder: InstanceType<typeof TextDecoder>
  try {
    decoder = new TextDecoder(charset)
  } catch {
    throw new RefusedError('unsupported', 'this charset is not spoken here, expected utf-8, or another of the Encoding Standard')
  }
  // A byte may become three, and is a text in between.
  records.hold(4 * request.body.length)
  return { ...request, body: Buffer.from(decoder.decode(request.body)) }
}

/** Nested deeper, a value is kept as text. */
const DEPTH_MAX = 100

/** The object that a text is, as `values` has found it; undefined where it is none. */
export function objectIn(text: string, { depth }: { readonly depth: number }): Record<string, LogValue> | undefined {
  if (depth === 0 || depth > DEPTH_MAX) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, LogValue>) : undefined
  } catch {
    return undefined
  }
}

/** What a value that is no object says as a line: a text without its quotes, others as they stand. */
export function lineIn(text: string): string {
  if (!text.startsWith('"')) return text
  try {
    return String(JSON.parse(text))
  } catch {
    return text
  }
}

export function jsonAnswer(status: number, value: unknown, headers: Readonly<Record<string, string>> = {}): HttpAnswer {
  return { status, headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(value) }
}
