import { readFile } from 'node:fs/promises'
import { messageOf, type RefusalCode, RefusedError } from '../errors.ts'
import { HttpClient } from '../net/http-client.ts'

export interface KubernetesOptions {
  /** The API server; undefined: what the environment of every pod says. */
  readonly url: string | undefined
  readonly tokenFile: string
  readonly caFile: string
  readonly timeoutMs: number
  readonly env: Readonly<Record<string, string | undefined>>
  /** Told of each request when it is over; status 0: no answer. */
  count?(verb: string, resource: string, status: number): void
}

/** A Kubernetes object as the API writes it: nothing is known of it but what is looked at. */
export type KubernetesObject = Readonly<Record<string, unknown>>

/** What a patch is, by its media type: https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply */
const STRATEGIC_MERGE = 'application/strategic-merge-patch+json'
const MERGE = 'application/merge-patch+json'
/** Objects without all but their metadata: https://kubernetes.io/docs/reference/using-api/api-concepts/#metadata-only-fetches */
const METADATA = 'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1'
const METADATA_LIST = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
const ANSWER_BYTES_MAX = 3 * 1024 * 1024
/** One that follows changes, and those that ask. */
const CONNECTIONS_MAX = 3
/** What is shown of the API server's own words. */
const WORDS_MAX = 300

/** An answer that is not what was asked for: `PUT /api/v1/…: answered 409`. */
export class KubernetesRefusal extends RefusedError {
  readonly status: number

  constructor(place: string, status: number, words: string) {
    super(CODES[status] ?? (status >= 500 || status === 429 ? 'unavailable' : 'invalid'), `${place}: answered ${status}${words}`)
    this.status = status
  }
}

const CODES: Readonly<Record<number, RefusalCode>> = { 401: 'unauthenticated', 403: 'forbidden', 404: 'not-found' }

/**
 * The little of the API server that the injector needs, by the rights of its service account. Everything throws RefusedError, with verb, path
 * and status and never a token; KubernetesRefusal where there was an answer.
 */
export class KubernetesApi {
  private readonly options: KubernetesOptions
  private readonly base: string
  private client: HttpClient | undefined
  private ca = ''

  constructor(options: KubernetesOptions) {
    this.options = options
    this.base = options.url ?? urlOf(options.env)
  }

  get(path: string): Promise<KubernetesObject> {
    return this.ask('GET', path)
  }

  create(path: string, object: KubernetesObject): Promise<KubernetesObject> {
    return this.ask('POST', path, object)
  }

  /** Replaces an object. It says the resourceVersion that it was made of, so that a newer one is not overwritten: that is answered by 409. */
  replace(path: string, object: KubernetesObject): Promise<KubernetesObject> {
    return this.ask('PUT', path, object)
  }

  /** Merges a strategic merge patch into an object, under the same rule where the patch says a resourceVersion. */
  merge(path: string, patch: KubernetesObject): Promise<KubernetesObject> {
    return this.ask('PATCH', path, patch, STRATEGIC_MERGE)
  }

  /** Puts these fields in place of the object's own, lists as a whole, under the same rule. */
  set(path: string, fields: KubernetesObject): Promise<KubernetesObject> {
    return this.ask('PATCH', path, fields, MERGE)
  }

  /** A list, or a page of it, of the metadata of objects. */
  listMetadata(path: string, query: Query): Promise<KubernetesObject> {
    return this.ask('GET', path, undefined, undefined, { verb: 'list', query, accept: METADATA_LIST })
  }

  /** Follows changes of metadata for a while. */
  async watchMetadata(path: string, { query, forSeconds, signal, onData }: Following): Promise<void> {
    const following = { ...query, watch: 'true', timeoutSeconds: String(forSeconds) }
    const timeoutMs = forSeconds * 1000 + this.options.timeoutMs
    await this.ask('GET', path, undefined, undefined, { verb: 'watch', query: following, accept: METADATA, timeoutMs, signal, onData })
  }

  /** What runs there, as `v1.33.2`. */
  async version(): Promise<string> {
    const { gitVersion } = await this.get('/version')
    if (typeof gitVersion !== 'string' || !/^v\d+\.\d+/.test(gitVersion))
      throw new RefusedError('invalid', 'GET /version: the answer says no version')
    return gitVersion
  }

  async close(): Promise<void> {
    await this.client?.close()
  }

  private async ask(
    method: Method,
    path: string,
    body?: KubernetesObject,
    type = 'application/json',
    { verb = VERBS[method], query = {}, accept = 'application/json', timeoutMs = this.options.timeoutMs, signal, onData }: Asking = {}
  ): Promise<KubernetesObject> {
    const place = `${method} ${path}`
    const client = await this.clientNow()
    // A token is not sent where others can read it.
    const token = this.base.startsWith('https:') ? (await read(this.options.tokenFile)).trim() : ''
    const url = new URL(`${this.base.replace(/\/$/, '')}${path}`)
    for (const [name, value] of Object.entries(method === 'GET' ? query : WRITER)) url.searchParams.set(name, value)
    let status = 0
    try {
      const answer = await client.request({
        method,
        url,
        headers: {
          accept,
          'user-agent': 'sluice-injector',
          ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': type })
        },
        ...(body === undefined ? {} : { body: Buffer.from(JSON.stringify(body)) }),
        timeoutMs,
        responseBytesMax: ANSWER_BYTES_MAX,
        ...(signal === undefined ? {} : { signal }),
        ...(onData === undefined ? {} : { onData })
      })
      status = answer.status
      const object = onData !== undefined && status < 300 ? {} : objectOf(answer.body)
      if (status < 200 || status > 299) throw new KubernetesRefusal(place, status, wordsOf(status, object))
      if (object === null)
        throw new RefusedError('invalid', `${place}: the answer is not a JSON object of at most ${ANSWER_BYTES_MAX} bytes`)
      return object
    } catch (error) {
      if (error instanceof KubernetesRefusal || status !== 0) throw error
      throw new RefusedError('unavailable', `${place}: ${messageOf(error)}`, { cause: error })
    } finally {
      this.options.count?.(verb, resourceOf(path), status)
    }
  }

  // The authorities of a cluster change seldom; a client is made of those that it starts with.
  private async clientNow(): Promise<HttpClient> {
    const ca = await read(this.options.caFile)
    if (this.client !== undefined && ca === this.ca) return this.client
    const old = this.client
    this.ca = ca
    this.client = new HttpClient({
      proxy: 'off',
      connectionsMax: CONNECTIONS_MAX,
      connectTimeoutMs: this.options.timeoutMs,
      tls: ca === '' ? {} : { ca: Buffer.from(ca) }
    })
    // What is under way there fails, and is asked again by whoever asked.
    await old?.close()
    return this.client
  }
}

type Query = Readonly<Record<string, string>>

export interface Following {
  /** From which version on, and so on. */
  readonly query: Query
  readonly forSeconds: number
  /** Ends it, by an error. */
  readonly signal: AbortSignal
  /** Gets what comes: JSON of one event a line, cut anywhere. Must not throw. */
  onData(chunk: Buffer): void
}

/** How a question differs from others. */
interface Asking {
  /** As rights name it. */
  readonly verb?: string
  readonly query?: Query
  readonly accept?: string
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
  onData?(chunk: Buffer): void
}

type Method = 'GET' | 'POST' | 'PUT' | 'PATCH'
/** Who has written a field, for those who ask. */
const WRITER: Query = { fieldManager: 'sluice-injector' }
const VERBS: Readonly<Record<Method, string>> = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch' }

function urlOf({ KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port = '443' }: KubernetesOptions['env']): string {
  if (host === undefined || host === '')
    throw new RefusedError(
      'unavailable',
      'webhook.kubernetes.url: KUBERNETES_SERVICE_HOST is not set, so this is no pod; name the API server, or serve with tls.source: files'
    )
  return `https://${host.includes(':') ? `[${host}]` : host}:${port}`
}

// A missing file is no token, or no authorities of one's own: the answer then says what is missing.
async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch {
    return ''
  }
}

function objectOf(body: Buffer): KubernetesObject | null {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as KubernetesObject) : null
  } catch {
    return null
  }
}

// What is said to be forbidden names the account and the verb. Other messages may quote what was sent.
function wordsOf(status: number, object: KubernetesObject | null): string {
  const { reason, message } = object ?? {}
  if (status === 403 && typeof message === 'string') return `: ${clean(message)}`
  return typeof reason === 'string' && reason !== '' ? ` (${clean(reason)})` : ''
}

const clean = (text: string): string =>
  text
    .slice(0, WORDS_MAX)
    .replace(/[\x00-\x1f\x7f]/g, ' ')
    .toWellFormed()

/** `secrets` of `/api/v1/namespaces/sluice/secrets/tls`. */
function resourceOf(path: string): string {
  const parts = path.replace(/^\/(api\/[^/]+|apis\/[^/]+\/[^/]+)\/(namespaces\/[^/]+\/)?/, '').split('/')
  return parts.find((part) => part !== '') ?? path
}
