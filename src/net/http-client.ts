import type { Agent, Dispatcher } from 'undici'
import { RefusedError } from '../errors.ts'
import { describeFailure } from './http-failure.ts'
import { type Proxies, type ProxyChoice, proxiesOf } from './proxy.ts'

/** Files are PEM. */
export interface ClientTls {
  /** Authorities that are trusted in place of the ones that Node brings. */
  readonly ca?: Buffer | undefined
  readonly cert?: Buffer | undefined
  readonly key?: Buffer | undefined
  /** Takes any certificate. */
  readonly insecure?: boolean
}

export interface HttpClientOptions {
  readonly tls?: ClientTls
  /** A proxy's URL, `off`, or `environment` for HTTPS_PROXY, HTTP_PROXY and NO_PROXY. */
  readonly proxy?: ProxyChoice
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly connectTimeoutMs?: number
  /** To one origin. */
  readonly connectionsMax?: number
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: Uint8Array
  /** From the call to the last byte of the answer. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
  /** So much of the answer is kept; RESPONSE_BYTES_MAX if nobody says, at most what is read. */
  readonly responseBytesMax?: number
  /** Takes the body of an answer of success as it comes, in place of the response. What is longer than what is read ends there. Must not throw. */
  onData?(chunk: Buffer): void
}

export interface HttpResponse {
  readonly status: number
  /** Names in lower case; of a header that came twice, the first. */
  readonly headers: Readonly<Record<string, string>>
  /** Its first bytes, if it is longer than what is kept. */
  readonly body: Buffer
}

const CONNECT_TIMEOUT_MS = 5_000
const CONNECTIONS_MAX = 16
/** How long an unused connection is kept, unless the server asks for less. */
const IDLE_MS = 30_000
/** So much of an answer is kept unless the request says otherwise; the rest is read and let go. */
export const RESPONSE_BYTES_MAX = 64 * 1024
/** A longer answer is not read to its end: its connection is closed. */
const RESPONSE_BYTES_READ_MAX = 4 * 1024 * 1024
const HEADER_BYTES_MAX = 16 * 1024

/** Plain request in, plain answer out, over kept connections. Any status is an answer; redirects are not followed. */
export class HttpClient {
  private readonly options: HttpClientOptions
  private readonly proxies: Proxies | null
  private agent: Promise<Dispatcher> | undefined

  /** Throws RefusedError when the proxy cannot be used. */
  constructor(options: HttpClientOptions = {}) {
    this.options = options
    this.proxies = proxiesOf(options.proxy ?? 'environment', options.env ?? process.env)
  }

  /** Throws RefusedError `unavailable`, which may be tried again, when no whole answer came, and says why in words. */
  async request(request: HttpRequest): Promise<HttpResponse> {
    if (request.signal?.aborted) throw new RefusedError('unavailable', `request to ${request.url.host} was stopped`)
    this.agent ??= makeAgent(this.options, this.proxies)
    const agent = await this.agent
    return new Promise((resolve, reject) => new Exchange(agent, request, resolve, reject))
  }

  /** Ends all connections, requests on them too. */
  async close(): Promise<void> {
    const agent = await this.agent
    await agent?.destroy(new Error('the client was closed'))
  }
}

// undici is loaded by the first request: a gateway without exporters does not carry it.
async function makeAgent({ tls = {}, ...options }: HttpClientOptions, proxies: Proxies | null): Promise<Dispatcher> {
  const { connectTimeoutMs: timeout = CONNECT_TIMEOUT_MS, connectionsMax: connections = CONNECTIONS_MAX } = options
  const secure = { ca: tls.ca, cert: tls.cert, key: tls.key, rejectUnauthorized: tls.insecure !== true }
  const common: Agent.Options = {
    connections,
    connect: { timeout, ...secure },
    connectTimeout: timeout,
    keepAliveTimeout: IDLE_MS,
    maxHeaderSize: HEADER_BYTES_MAX,
    // Exchange has the one clock that counts.
    headersTimeout: 0,
    bodyTimeout: 0
  }
  if (proxies === null) {
    const { default: Agent } = await import('undici/lib/dispatcher/agent.js')
    return new Agent(common)
  }
  const { EnvHttpProxyAgent } = await import('./proxy-agent.ts')
  // Plain HTTP is asked of the proxy as such; many of them tunnel to port 443 alone.
  return new EnvHttpProxyAgent({
    ...common,
    ...proxies,
    requestTls: { timeout, ...secure },
    proxyTls: { timeout, ...secure },
    proxyTunnel: false
  })
}

/** One request under way. Whatever comes first settles it: the end of the answer, a failure, the clock, or the caller's signal. */
class Exchange implements Dispatcher.DispatchHandler {
  private readonly request: HttpRequest
  private readonly resolve: (response: HttpResponse) => void
  private readonly reject: (error: RefusedError) => void
  private readonly clock: NodeJS.Timeout
  private readonly stop: () => void
  private controller: Dispatcher.DispatchController | undefined
  private settled = false
  private status = 0
  private headers: Record<string, string> = {}
  private chunks: Buffer[] = []
  private bytesKept = 0
  private bytesRead = 0

  constructor(agent: Dispatcher, request: HttpRequest, resolve: (response: HttpResponse) => void, reject: (error: RefusedError) => void) {
    this.request = request
    this.resolve = resolve
    this.reject = reject
    const { method, url, headers, body = null, timeoutMs, signal } = request
    this.stop = () => this.fail(new Error('it was stopped'))
    this.clock = setTimeout(() => this.fail(new TimeoutError(`no answer within ${timeoutMs} ms`)), timeoutMs)
    signal?.addEventListener('abort', this.stop)
    try {
      agent.dispatch({ origin: url.origin, path: url.pathname + url.search, method, headers: { ...headers }, body }, this)
    } catch (error) {
      this.fail(error)
    }
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.controller = controller
    if (this.settled) controller.abort(new Error('the request was given up before it was sent'))
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>
  ): void {
    if (status < 200) return
    this.status = status
    for (const [name, value] of Object.entries(headers)) this.headers[name.toLowerCase()] = (Array.isArray(value) ? value[0] : value) ?? ''
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const { onData, responseBytesMax = RESPONSE_BYTES_MAX } = this.request
    if (onData !== undefined && this.status < 300) onData(chunk)
    else this.keep(chunk.subarray(0, responseBytesMax - this.bytesKept))
    this.bytesRead += chunk.length
    if (this.bytesRead <= RESPONSE_BYTES_READ_MAX) return
    this.succeed()
    controller.abort(new Error('the answer is too long'))
  }

  private keep(chunk: Buffer): void {
    // Copied: undici's chunk is part of a larger buffer, which would be held as a whole.
    if (chunk.length > 0) this.chunks.push(Buffer.from(chunk))
    this.bytesKept += chunk.length
  }

  onResponseEnd(): void {
    this.succeed()
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.fail(error)
  }

  private succeed(): void {
    if (!this.settle()) return
    this.resolve({ status: this.status, headers: this.headers, body: Buffer.concat(this.chunks) })
  }

  private fail(error: unknown): void {
    if (!this.settle()) return
    this.reject(new RefusedError('unavailable', `${this.request.url.host}: ${describeFailure(error)}`))
    if (this.controller !== undefined && !this.controller.aborted) this.controller.abort(new Error('the request was given up'))
  }

  private settle(): boolean {
    if (this.settled) return false
    this.settled = true
    clearTimeout(this.clock)
    this.request.signal?.removeEventListener('abort', this.stop)
    return true
  }
}

/** The clock ran out. */
class TimeoutError extends Error {
  readonly code = 'ETIMEDOUT'
}
