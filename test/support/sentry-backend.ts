import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliDecompressSync, gunzipSync, inflateSync, zstdDecompressSync } from 'node:zlib'
import { type OtlpSignal, SHAPES } from '../../src/otlp/signal.ts'
import { judge } from '../fuzz/proto.ts'
import { type ReadItem, readStrictly } from './sentry-envelope.ts'
import { type Json, parse } from './sentry-json.ts'

/** What the double does with a request that is in order; after all but `accept` it is as if nothing had come. */
export type SentryBehaviour =
  | 'accept'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string }
  /** Takes the data, and answers with these headers beside. */
  | { readonly accept: { readonly headers?: Record<string, string>; readonly afterMs?: number } }
  /** Resets the connection. */
  | 'reset'
  /** Takes the data and never answers. */
  | 'silence'

export interface ReceivedItem extends ReadItem {
  readonly project: string
  /** The header of its envelope. */
  readonly envelope: Json
  readonly category: string
}

export interface ReceivedEnvelope {
  readonly project: string
  readonly headers: IncomingMessage['headers']
  readonly header: Json
  readonly items: readonly ReceivedItem[]
  readonly bytes: Buffer
  readonly atMs: number
}

const BODY_BYTES_MAX = 200 * 1024 * 1024
const KEY = 'a'.repeat(31)

const INFLATERS: Readonly<Record<string, (body: Buffer) => Buffer>> = {
  identity: (body) => body,
  gzip: (body) => gunzipSync(body, { maxOutputLength: BODY_BYTES_MAX }),
  deflate: (body) => inflateSync(body, { maxOutputLength: BODY_BYTES_MAX }),
  br: (body) => brotliDecompressSync(body, { maxOutputLength: BODY_BYTES_MAX }),
  zstd: (body) => zstdDecompressSync(body, { maxOutputLength: BODY_BYTES_MAX })
}

const CATEGORY_OF: Readonly<Record<string, string>> = {
  transaction: 'transaction',
  span: 'span',
  log: 'log_item',
  otel_log: 'log_item',
  trace_metric: 'trace_metric',
  attachment: 'attachment',
  check_in: 'monitor',
  client_report: 'internal',
  session: 'session',
  sessions: 'session',
  profile: 'profile',
  profile_chunk: 'profile_chunk',
  replay_event: 'replay',
  replay_recording: 'replay',
  feedback: 'feedback'
}

/**
 * Sentry's intake, in strict: envelopes and OTLP of known projects and keys, checked by the letter. What was not by the protocol stands in
 * `violations` and is refused; what was taken stands in `envelopes` and `items`, counted in `outcomes`.
 */
export class SentryBackend {
  /** Project number to public key; another key is answered with 403. */
  readonly projects = new Map<string, string>()
  readonly envelopes: ReceivedEnvelope[] = []
  readonly otlp: { readonly project: string; readonly signal: OtlpSignal; readonly message: Json }[] = []
  readonly violations: string[] = []
  /** All requests that came. */
  requests = 0
  /** `project/category/outcome` to a number of items; outcomes are accepted, rate_limited, and of client reports the reason. */
  readonly outcomes = new Map<string, number>()
  /** How often each event was taken, by its id, and each span. */
  readonly taken = new Map<string, number>()
  /** What is done with all requests that nothing else is said of. */
  otherwise: SentryBehaviour = 'accept'
  private readonly planned: {
    readonly behaviour: SentryBehaviour
    readonly category: string | undefined
    readonly project: string | undefined
  }[] = []
  private readonly limits = new Map<string, { readonly untilMs: number; toldAtMs: number | undefined }>()
  private readonly server: Server

  private constructor() {
    this.server = createServer((request, response) => void this.handle(request, response))
  }

  /** Listens on loopback until the test ends. */
  static async start(
    t: { after(done: () => unknown): void },
    { projects = ['1'], port = 0 }: { projects?: readonly string[]; port?: number } = {}
  ): Promise<SentryBackend> {
    const backend = new SentryBackend()
    for (const project of projects) backend.projects.set(project, `${KEY}${project.slice(-1)}`)
    backend.server.listen(port, '127.0.0.1')
    await once(backend.server, 'listening')
    t.after(() => backend.stop())
    return backend
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port
  }

  dsn(project = '1', key = this.projects.get(project)): string {
    return `http://${key}@127.0.0.1:${this.port}/${project}`
  }

  async stop(): Promise<void> {
    if (!this.server.listening) return
    this.server.close()
    this.server.closeAllConnections()
    await once(this.server, 'close')
  }

  /** All items that were taken, or those of one type. */
  items(type?: string, project?: string): ReceivedItem[] {
    return this.envelopes
      .filter((envelope) => project === undefined || envelope.project === project)
      .flatMap(({ items }) => items)
      .filter((item) => type === undefined || item.type === type)
  }

  /** What is inside of all containers of a type: spans, logs. */
  contents(type: 'span' | 'log' | 'trace_metric', project?: string): Json[] {
    return this.items(type, project).flatMap(({ json }) => json.items)
  }

  /** What is done with the next request, or the next one that holds such a category or is for that project. */
  next(behaviour: SentryBehaviour, { category, project }: { category?: string; project?: string } = {}): void {
    this.planned.push({ behaviour, category, project })
  }

  /** From now on, and for so long, items of these categories are over their quota, as a real project's would be. */
  limit(categories: readonly string[], seconds: number, project = '1'): void {
    for (const category of categories)
      this.limits.set(`${project}/${category}`, { untilMs: Date.now() + seconds * 1000, toldAtMs: undefined })
  }

  count(category: string, outcome: string, project = '1'): number {
    return this.outcomes.get(`${project}/${category}/${outcome}`) ?? 0
  }

  private async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    this.requests++
    const chunks: Buffer[] = []
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer)
    } catch {
      return // the sender went away half way, as it may
    }
    const refuse = (status: number, problem: string): void => {
      this.violations.push(problem)
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify({ detail: problem }))
    }
    const url = new URL(request.url ?? '', 'http://sentry')
    const [, project, what] = /^\/api\/(\d+)\/(envelope|integration\/otlp\/v1\/(?:traces|logs))\/?$/.exec(url.pathname) ?? []
    if (project === undefined) return refuse(404, `path ${url.pathname}`)
    if (request.method !== 'POST') return refuse(405, `method ${request.method}`)
    const inflate = INFLATERS[request.headers['content-encoding'] ?? 'identity']
    if (inflate === undefined) return refuse(415, `content-encoding ${request.headers['content-encoding']}`)
    let bytes: Buffer
    try {
      bytes = inflate(Buffer.concat(chunks))
    } catch (error) {
      return refuse(400, `body: ${error}`)
    }
    const type = (request.headers['content-type'] ?? '').split(';')[0]
    if (what !== 'envelope') return this.handleOtlp(what.slice(20) as OtlpSignal, project, type, bytes, request, response, refuse)
    if (!CONTENT_TYPES.has(type)) return refuse(415, `content-type ${type}`)
    const { header, items, problems } = readStrictly(bytes, String(request.headers['user-agent']).startsWith('sluice'))
    const keys = keysOf(request, url, header)
    if (keys.length > 1) return refuse(400, `several keys: ${keys.length}`)
    // What a wrong key is answered with is nothing that the sender did against the protocol.
    if (keys.length === 0 || keys[0] !== this.projects.get(project))
      return void response.writeHead(403).end('{"detail":"bad sentry DSN public key"}')
    const received: ReceivedItem[] = items.map((item) => ({ ...item, project, envelope: header, category: categoryOf(item) }))
    const behaviour = this.planFor(project, received)
    if (behaviour !== 'accept' && !(typeof behaviour === 'object' && 'accept' in behaviour)) {
      if (behaviour === 'reset') request.socket.resetAndDestroy()
      else if (behaviour !== 'silence') response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
      if (behaviour !== 'silence') return
    }
    if (problems.length > 0) return refuse(400, `${problems.join('; ')}`)
    const within = received.filter((item) => !this.isLimited(item))
    if (within.length > 0) this.take({ project, headers: request.headers, header, items: within, bytes, atMs: Date.now() })
    if (behaviour === 'silence') return
    const { headers = {}, afterMs = 0 } = behaviour === 'accept' ? {} : behaviour.accept
    const limits = this.limitsHeader(project)
    const status = within.length === 0 && received.length > 0 ? 429 : 200
    const answer = (): void =>
      void response
        .writeHead(status, { 'content-type': 'application/json', ...(limits !== '' && { 'x-sentry-rate-limits': limits }), ...headers })
        .end(JSON.stringify(header.event_id === undefined ? {} : { id: header.event_id }))
    if (afterMs === 0) answer()
    else setTimeout(answer, afterMs)
  }

  private handleOtlp(
    signal: OtlpSignal,
    project: string,
    type: string,
    bytes: Buffer,
    request: IncomingMessage,
    response: ServerResponse,
    refuse: (status: number, problem: string) => void
  ): void {
    if (type !== 'application/x-protobuf') {
      refuse(415, `content-type ${type}`)
      return
    }
    const key = /^sentry .*\bsentry_key=([^,\s]+)/i.exec(String(request.headers['x-sentry-auth']))?.[1]
    if (key !== this.projects.get(project)) return void response.writeHead(403).end()
    const category = signal === 'traces' ? 'span' : 'log_item'
    const behaviour = this.planFor(project, [{ category } as ReceivedItem])
    if (typeof behaviour === 'object' && 'status' in behaviour)
      return void response.writeHead(behaviour.status, behaviour.headers).end(behaviour.body)
    try {
      const judged = judge(SHAPES[signal].request)
      this.otlp.push({ project, signal, message: judged.toObject(judged.decode(bytes), { longs: String, arrays: true, bytes: String }) })
    } catch (error) {
      refuse(400, String(error))
      return
    }
    response.writeHead(202).end()
  }

  private planFor(project: string, items: readonly ReceivedItem[]): SentryBehaviour {
    const at = this.planned.findIndex(
      (plan) =>
        (plan.project === undefined || plan.project === project) &&
        (plan.category === undefined || items.some(({ category }) => category === plan.category))
    )
    return at < 0 ? this.otherwise : this.planned.splice(at, 1)[0].behaviour
  }

  private isLimited(item: ReceivedItem): boolean {
    const limit = this.limits.get(`${item.project}/${item.category}`)
    if (limit === undefined || limit.untilMs <= Date.now()) return false
    // What was under way when the limit was told is no fault of the sender.
    if (limit.toldAtMs !== undefined && Date.now() - limit.toldAtMs > 500)
      this.violations.push(`${item.category} was sent to project ${item.project} against a limit`)
    this.add(item, 'rate_limited')
    return true
  }

  private limitsHeader(project: string): string {
    const nowMs = Date.now()
    const told: string[] = []
    for (const [key, limit] of this.limits) {
      const [of, category] = key.split('/')
      if (of !== project || limit.untilMs <= nowMs) continue
      limit.toldAtMs ??= nowMs
      told.push(`${Math.ceil((limit.untilMs - nowMs) / 1000)}:${category}:organization:usage_exceeded`)
    }
    return told.join(', ')
  }

  private take(envelope: ReceivedEnvelope): void {
    this.envelopes.push(envelope)
    for (const item of envelope.items) {
      this.add(item, 'accepted')
      if (item.type === 'event' || item.type === 'transaction') this.sawId(item.json.event_id)
      if (item.type === 'span') for (const { span_id } of item.json.items) this.sawId(span_id)
      if (item.type === 'client_report')
        for (const { reason, category, quantity } of item.json.discarded_events)
          this.bump(`${item.project}/${category}/${reason}`, quantity)
    }
  }

  private add(item: ReceivedItem, outcome: string): void {
    this.bump(`${item.project}/${item.category}/${outcome}`, Array.isArray(item.json?.items) ? item.json.items.length : 1)
  }

  private bump(key: string, by: number): void {
    this.outcomes.set(key, (this.outcomes.get(key) ?? 0) + by)
  }

  private sawId(id: string): void {
    this.taken.set(id, (this.taken.get(id) ?? 0) + 1)
  }
}

// SDKs for Node name none.
const CONTENT_TYPES = new Set([
  'application/x-sentry-envelope',
  'text/plain',
  'multipart/form-data',
  'application/x-www-form-urlencoded',
  ''
])

// The key of every form that the request carries, each once. Throws nothing: what cannot be read is none.
function keysOf(request: IncomingMessage, url: URL, header: Json): string[] {
  const auth = /^sentry\s(.*)$/i.exec(String(request.headers['x-sentry-auth'] ?? ''))?.[1] ?? ''
  const fields = new Map(auth.split(',').map((part) => part.trim().split('=') as [string, string]))
  const version = fields.get('sentry_version') ?? url.searchParams.get('sentry_version')
  const keys = [fields.get('sentry_key'), url.searchParams.get('sentry_key')].filter((key) => key != null && version === '7')
  const dsn = typeof header.dsn === 'string' && URL.canParse(header.dsn) ? new URL(header.dsn).username : undefined
  return [...new Set([...keys, ...(dsn === undefined ? [] : [dsn])])] as string[]
}

function categoryOf({ type, payload }: ReadItem): string {
  if (type !== 'event') return CATEGORY_OF[type] ?? 'default'
  return parse(payload)?.exception === undefined ? 'default' : 'error'
}
