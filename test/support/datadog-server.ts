import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import type { AddressInfo } from 'node:net'
import { gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'

/** What a double of Datadog does with a request that is in order; after all but `accept`, `silence` and `half` it is as if nothing had come. */
export type DatadogBehaviour =
  | 'accept'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** Takes the data, and answers so late. */
  | { readonly accept: { readonly afterMs: number } }
  /** Resets the connection. */
  | 'reset'
  /** Takes the data and never answers. */
  | 'silence'
  /** Takes the data, announces an answer and closes the connection in the middle of it. */
  | 'half'

/** What may come at a path. */
export interface Route<Kind extends string> {
  readonly kind: Kind
  readonly methods: readonly string[]
  readonly types: readonly string[]
  readonly encodings: readonly string[]
  /** As it comes over the wire, and after its encoding was undone. */
  readonly wireBytesMax: number
  readonly bytesMax: number
  /** The status of an empty, sound answer. */
  readonly status: number
}

export interface DatadogRequest {
  readonly method: string
  readonly url: URL
  readonly headers: IncomingMessage['headers']
  readonly wireBytes: number
  readonly bytes: Buffer
  readonly atMs: number
}

/** What was made of a request that is in order. */
export interface Judged {
  take(): void
  readonly body?: string
}

const INFLATED_BYTES_MAX = 200 * 1024 * 1024
/** What was under way when a limit was told is no fault of the sender. */
const UNDER_WAY_MS = 500

const INFLATERS: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  identity: (body) => body,
  gzip: (body) => gunzipSync(body, { maxOutputLength: INFLATED_BYTES_MAX }),
  deflate: (body) => inflateSync(body, { maxOutputLength: INFLATED_BYTES_MAX }),
  zstd: (body) => zstdDecompressSync(body, { maxOutputLength: INFLATED_BYTES_MAX })
}

/** What the doubles of Datadog have in common: paths, methods, media types, encodings, sizes, keys and faults on command. */
export abstract class DatadogServer<Kind extends string> {
  /** What was not by the protocol, and therefore refused. */
  readonly violations: string[] = []
  /** All requests that came, by kind, whatever became of them; and those whose data was taken. */
  readonly came = new Map<Kind, number>()
  readonly taken = new Map<Kind, number>()
  /** How often each status was answered, as `kind status`. */
  readonly answers = new Map<string, number>()
  /** What is done with all requests that nothing else is said of. */
  otherwise: DatadogBehaviour | ((kind: Kind) => DatadogBehaviour) = 'accept'
  protected abstract readonly routes: Readonly<Record<string, Route<Kind>>>
  private readonly planned: { readonly behaviour: DatadogBehaviour; readonly kind: Kind | undefined }[] = []
  private readonly limits = new Map<Kind, { readonly untilMs: number; toldAtMs: number | undefined }>()
  private readonly server: Server
  private readonly scheme: string

  protected constructor(tls?: ServerOptions) {
    const listener = (request: IncomingMessage, response: ServerResponse): void => void this.handle(request, response)
    this.server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
    this.scheme = tls === undefined ? 'http' : 'https'
  }

  protected async listen(t: { after(done: () => unknown): void }, port: number): Promise<this> {
    this.server.listen(port, '127.0.0.1')
    await once(this.server, 'listening')
    t.after(() => this.stop())
    return this
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  get url(): string {
    return `${this.scheme}://127.0.0.1:${this.port}`
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }

  /** What is done with the next request, or the next one of a kind. */
  next(behaviour: DatadogBehaviour, kind?: Kind): void {
    this.planned.push({ behaviour, kind })
  }

  /** For so long requests of a kind are answered with 429 and the seconds that are left; who comes before they are over, violates. */
  limit(kind: Kind, seconds: number): void {
    this.limits.set(kind, { untilMs: Date.now() + seconds * 1000, toldAtMs: undefined })
  }

  /** Whether who sends may: a status and the reason when not. `isFault` says that it is against the protocol, not merely a wrong key. */
  protected abstract admit(
    kind: Kind,
    request: DatadogRequest
  ): { readonly status: number; readonly problem: string; readonly isFault: boolean } | undefined

  /** Reads a request by the letter. Whatever is wrong goes to `problems`, or is thrown. */
  protected abstract judge(kind: Kind, request: DatadogRequest, problems: string[]): Judged

  private async handle(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of incoming) chunks.push(chunk as Buffer)
    } catch {
      return // the sender went away half way, as it may
    }
    const { method = '', headers } = incoming
    const url = new URL(incoming.url ?? '', 'http://datadog')
    const route = this.routes[url.pathname]
    const answer = (status: number, body: string, more: Record<string, string> = {}): void => {
      add(this.answers, `${route?.kind} ${status}`)
      response.writeHead(status, { 'content-type': 'application/json', ...more }).end(body)
    }
    const refuse = (status: number, problem: string): void => {
      this.violations.push(`${url.pathname}: ${problem}`)
      answer(status, JSON.stringify({ errors: [problem] }))
    }
    if (route === undefined) return refuse(404, 'no such path')
    const { kind } = route
    add(this.came, kind)
    if (!route.methods.includes(method)) return refuse(405, `method ${method}`)
    const wire = Buffer.concat(chunks)
    const type = headers['content-type'] ?? ''
    if (method !== 'GET' && !route.types.includes(type.split(';')[0])) return refuse(415, `content-type ${type}`)
    const encoding = headers['content-encoding'] ?? 'identity'
    if (!route.encodings.includes(encoding)) return refuse(415, `content-encoding ${encoding}`)
    if (wire.length > route.wireBytesMax) return refuse(413, `${wire.length} bytes, at most ${route.wireBytesMax}`)
    let bytes: Buffer
    try {
      bytes = INFLATERS[encoding](wire)
    } catch (error) {
      return refuse(400, `body: ${error}`)
    }
    if (bytes.length > route.bytesMax) return refuse(413, `${bytes.length} bytes without encoding, at most ${route.bytesMax}`)
    const request: DatadogRequest = { method, url, headers, wireBytes: wire.length, bytes, atMs: Date.now() }
    const refusal = this.admit(kind, request)
    if (refusal !== undefined)
      return refusal.isFault
        ? refuse(refusal.status, refusal.problem)
        : answer(refusal.status, JSON.stringify({ errors: [{ status: String(refusal.status), title: refusal.problem }] }))
    const waitSeconds = this.limitOf(kind)
    if (waitSeconds > 0)
      return answer(429, '{"errors":["rate limited"]}', { 'retry-after': String(waitSeconds), 'x-ratelimit-reset': String(waitSeconds) })

    const behaviour = this.planFor(kind)
    if (behaviour === 'reset') return void incoming.socket.resetAndDestroy()
    if (typeof behaviour === 'object' && 'status' in behaviour) return answer(behaviour.status, behaviour.body ?? '', behaviour.headers)
    const problems: string[] = []
    let judged: Judged
    try {
      judged = this.judge(kind, request, problems)
    } catch (error) {
      return refuse(400, String(error))
    }
    if (problems.length > 0) return refuse(400, problems.slice(0, 5).join('; '))
    judged.take()
    add(this.taken, kind)
    if (behaviour === 'silence') return
    if (behaviour === 'half') {
      response.writeHead(route.status, { 'content-length': '100' }).write('half')
      setImmediate(() => incoming.socket.destroy())
    } else if (behaviour === 'accept') answer(route.status, judged.body ?? '{}')
    else setTimeout(() => answer(route.status, judged.body ?? '{}'), behaviour.accept.afterMs)
  }

  private planFor(kind: Kind): DatadogBehaviour {
    const at = this.planned.findIndex((plan) => plan.kind === undefined || plan.kind === kind)
    if (at >= 0) return this.planned.splice(at, 1)[0].behaviour
    return typeof this.otherwise === 'function' ? this.otherwise(kind) : this.otherwise
  }

  private limitOf(kind: Kind): number {
    const limit = this.limits.get(kind)
    const leftMs = (limit?.untilMs ?? 0) - Date.now()
    if (limit === undefined || leftMs <= 0) return 0
    if (limit.toldAtMs !== undefined && Date.now() - limit.toldAtMs > UNDER_WAY_MS)
      this.violations.push(`${kind} came ${leftMs} ms before the limit was over`)
    limit.toldAtMs ??= Date.now()
    return Math.ceil(leftMs / 1000)
  }
}

/** Adds to the number that is counted under a key. */
export function add<Key>(counts: Map<Key, number>, key: Key, by = 1): void {
  counts.set(key, (counts.get(key) ?? 0) + by)
}
