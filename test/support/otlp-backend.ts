import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import protobuf from 'protobufjs'
import { type OtlpSignal, SHAPES } from '../../src/otlp/signal.ts'
import { judge } from '../fuzz/proto.ts'

/** What the backend does with a request that is in order. The first kind takes the data; after the others it is as if nothing had come. */
export type Behaviour =
  | 'accept'
  | { readonly accept: { readonly status?: number; readonly body?: Uint8Array; readonly type?: string; readonly afterMs?: number } }
  | { readonly rejected: number; readonly message?: string }
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string | Uint8Array }
  /** Resets the connection when the request has come. */
  | 'reset'
  /** Announces an answer and closes the connection half way. */
  | 'half'
  /** Takes the data and never answers. */
  | 'silence'

export interface Received {
  readonly signal: OtlpSignal
  readonly headers: IncomingMessage['headers']
  readonly bytes: Buffer
  /** As protobufjs decodes it: enums and 64-bit integers as numbers or strings, bytes as Buffers. */
  // biome-ignore lint/suspicious/noExplicitAny: a tree without types, for tests to look into
  readonly message: any
}

const SIGNALS: Readonly<Record<string, OtlpSignal>> = {
  '/v1/traces': 'traces',
  '/v1/metrics': 'metrics',
  '/v1/logs': 'logs',
  '/v1development/profiles': 'profiles'
}
const MAX_BYTES = 20 * 1024 * 1024

/**
 * An OTLP/HTTP backend that takes nothing which is not by the protocol: path, method, media type, encoding, framing and ids are checked, with a full
 * protobuf decoder that is not ours. What was wrong stands in `violations`.
 */
export class OtlpBackend {
  /** What is done with the next requests, in turn; `otherwise` when there is nothing left. */
  readonly next: Behaviour[] = []
  otherwise: Behaviour = 'accept'
  /** Requests whose data was taken, in order. */
  readonly received: Received[] = []
  readonly violations: string[] = []
  /** All requests that came, taken or not. */
  requests = 0
  connections = 0
  /** The span ids of taken spans, and how often each was taken. */
  readonly spanCounts = new Map<string, number>()
  /** Is shown each request with logs that was taken. */
  onLogs: (message: Received['message']) => void = () => undefined
  /** Whether all of a request's data is dropped after it was counted, for long runs. */
  readonly countOnly: boolean
  private readonly server: Server
  private readonly scheme: 'http' | 'https'

  private constructor(tls: ServerOptions | undefined, countOnly: boolean) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.handle(request, response)
    this.server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
    this.server.on(tls === undefined ? 'connection' : 'secureConnection', () => this.connections++)
    this.scheme = tls === undefined ? 'http' : 'https'
    this.countOnly = countOnly
  }

  /** Listens on loopback until the test ends. `port` is for one that comes back where it was. */
  static async start(
    t: { after(done: () => unknown): void },
    {
      tls,
      countOnly = false,
      host = '127.0.0.1',
      port = 0
    }: { tls?: ServerOptions; countOnly?: boolean; host?: string; port?: number } = {}
  ): Promise<OtlpBackend> {
    const backend = new OtlpBackend(tls, countOnly)
    backend.server.listen(port, host)
    await once(backend.server, 'listening')
    t.after(() => backend.stop())
    return backend
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${this.port}`
  }

  /** Closes the socket and every connection. */
  async stop(): Promise<void> {
    if (!this.server.listening) return
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }

  /** Taken records of a signal, over all requests: spans, metrics, log records. */
  // biome-ignore lint/suspicious/noExplicitAny: see Received
  records(signal: OtlpSignal): any[] {
    return this.received.filter((request) => request.signal === signal).flatMap(({ message }) => recordsOf(signal, message))
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return // the sender went away half way, as it may
    }
    const checked = this.check(request, Buffer.concat(chunks))
    if ('status' in checked) {
      this.violations.push(checked.problem)
      response.writeHead(checked.status, { 'content-type': 'text/plain' }).end(checked.problem)
      return
    }
    this.behave(this.next.shift() ?? this.otherwise, checked, request, response)
  }

  private behave(behaviour: Behaviour, received: Received, request: IncomingMessage, response: ServerResponse): void {
    if (behaviour === 'reset') {
      request.socket.resetAndDestroy()
    } else if (behaviour === 'half') {
      response.writeHead(200, { 'content-type': 'application/x-protobuf', 'content-length': '100' }).write('half')
      setImmediate(() => request.socket.destroy())
    } else if (behaviour === 'silence') {
      this.take(received, 0)
    } else if (behaviour === 'accept') {
      this.take(received, 0)
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
    } else if ('rejected' in behaviour) {
      this.take(received, behaviour.rejected)
      const body = partialSuccess(behaviour.rejected, behaviour.message ?? '')
      response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end(body)
    } else if ('accept' in behaviour) {
      const { status = 200, body = '', type = 'application/x-protobuf', afterMs = 0 } = behaviour.accept
      this.take(received, 0)
      setTimeout(() => response.writeHead(status, { 'content-type': type }).end(body), afterMs)
    } else {
      response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
    }
  }

  // The first `rejected` records of a request are refused.
  private take(received: Received, rejected: number): void {
    if (received.signal === 'traces') {
      for (const { spanId } of recordsOf('traces', received.message).slice(rejected)) {
        const id = spanId.toString('hex')
        this.spanCounts.set(id, (this.spanCounts.get(id) ?? 0) + 1)
      }
    }
    if (received.signal === 'logs') this.onLogs(received.message)
    if (!this.countOnly) this.received.push(received)
  }

  private check(request: IncomingMessage, body: Buffer): Received | { readonly status: number; readonly problem: string } {
    const { method, url = '', headers } = request
    const signal = SIGNALS[url]
    if (signal === undefined) return { status: 404, problem: `path ${url}` }
    if (method !== 'POST') return { status: 405, problem: `method ${method}` }
    if (headers['content-type'] !== 'application/x-protobuf') return { status: 415, problem: `content-type ${headers['content-type']}` }
    const inflate = INFLATERS[headers['content-encoding'] ?? 'identity']
    if (inflate === undefined) return { status: 415, problem: `content-encoding ${headers['content-encoding']}` }
    try {
      const bytes = inflate(body)
      const type = judge(SHAPES[signal].request)
      const message = type.toObject(type.decode(bytes), { longs: String, arrays: true })
      if (signal === 'traces') for (const span of recordsOf(signal, message)) checkIds(span)
      return { signal, headers, bytes, message }
    } catch (error) {
      return { status: 400, problem: String(error) }
    }
  }
}

// The four responses of OTLP are alike, and so is the error of all.
const { root } = protobuf.parse(
  `syntax = "proto3";
  message ExportResponse { PartialSuccess partialSuccess = 1; }
  message PartialSuccess { int64 rejected = 1; string errorMessage = 2; }
  message Status { int32 code = 1; string message = 2; }`,
  { keepCase: true }
)

export function partialSuccess(rejected: number, errorMessage: string): Uint8Array {
  const type = root.lookupType('ExportResponse')
  return type.encode(type.fromObject({ partialSuccess: { rejected, errorMessage } })).finish()
}

export function statusBody(message: string): Uint8Array {
  const type = root.lookupType('Status')
  return type.encode(type.fromObject({ code: 3, message })).finish()
}

const INFLATERS: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  identity: (body) => body,
  gzip: (body) => gunzipSync(body, { maxOutputLength: MAX_BYTES }),
  zstd: (body) => zstdDecompressSync(body, { maxOutputLength: MAX_BYTES })
}

const LISTS: Record<OtlpSignal, readonly [string, string, string]> = {
  traces: ['resourceSpans', 'scopeSpans', 'spans'],
  metrics: ['resourceMetrics', 'scopeMetrics', 'metrics'],
  logs: ['resourceLogs', 'scopeLogs', 'logRecords'],
  profiles: ['resourceProfiles', 'scopeProfiles', 'profiles']
}

// biome-ignore lint/suspicious/noExplicitAny: see Received
function recordsOf(signal: OtlpSignal, message: any): any[] {
  const [entries, scopes, records] = LISTS[signal]
  const found = []
  for (const entry of message[entries]) for (const scope of entry[scopes]) found.push(...scope[records])
  return found
}

function checkIds({ traceId, spanId }: { traceId?: Buffer; spanId?: Buffer }): void {
  if (traceId?.length !== 16) throw new Error(`trace id of ${traceId?.length} bytes`)
  if (spanId?.length !== 8) throw new Error(`span id of ${spanId?.length} bytes`)
}
