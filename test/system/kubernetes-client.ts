import { type Agent, request as httpsRequest } from 'node:https'

// biome-ignore lint/suspicious/noExplicitAny: trees of manifests, for tests to look into
export type Manifest = any

export interface KubernetesAnswer {
  readonly status: number
  /** The object; text where the API server answers with text. */
  readonly body: Manifest
  /** Texts of the warnings that a client such as kubectl prints. */
  readonly warnings: readonly string[]
}

export interface WriteOptions {
  readonly dryRun?: boolean
}

const TIMEOUT_MS = 60_000

/** Talks to an API server as one user. Objects are checked strictly: an unknown or repeated field is refused. */
export class KubernetesClient {
  private readonly url: string
  private readonly agent: Agent
  private readonly token: string
  private readonly resources = new Map<string, Promise<readonly { name: string; kind: string; namespaced: boolean }[]>>()

  constructor(url: string, agent: Agent, token: string) {
    this.url = url
    this.agent = agent
    this.token = token
  }

  request(method: string, path: string, body?: unknown, contentType = 'application/json'): Promise<KubernetesAnswer> {
    return new Promise((resolve, reject) => {
      const text = body === undefined ? '' : JSON.stringify(body)
      // Node leaves the length out of a DELETE.
      const about = body === undefined ? {} : { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }
      const headers = { authorization: `Bearer ${this.token}`, accept: 'application/json', ...about }
      const request = httpsRequest(`${this.url}${path}`, { method, agent: this.agent, headers, timeout: TIMEOUT_MS }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const said = Buffer.concat(chunks).toString()
          const json = /json/.test(response.headers['content-type'] ?? '')
          const warnings = warningTexts(Buffer.from((response.headersDistinct.warning ?? []).join(', '), 'latin1').toString())
          resolve({ status: response.statusCode!, body: json ? JSON.parse(said) : said, warnings })
        })
      })
      request.on('timeout', () => request.destroy(new Error(`${method} ${path}: no answer`)))
      request.on('error', reject)
      request.end(text)
    })
  }

  /** The body of the answer; throws when it is not one of success. */
  async ok(method: string, path: string, body?: unknown, contentType?: string): Promise<Manifest> {
    const answer = await this.request(method, path, body, contentType)
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.body.message ?? JSON.stringify(answer.body)}`)
    return answer.body
  }

  /** Creates an object, whatever comes of it. */
  async tryCreate(object: Manifest, { dryRun = false }: WriteOptions = {}): Promise<KubernetesAnswer> {
    return this.request('POST', `${await this.pathOf(object, false)}?fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`, object)
  }

  async create(object: Manifest, options: WriteOptions = {}): Promise<Manifest> {
    return bodyOf(`create ${object.kind}`, await this.tryCreate(object, options))
  }

  /** Server-side apply, as of a tool that owns all the fields it names. */
  async tryApply(object: Manifest, { dryRun = false }: WriteOptions = {}): Promise<KubernetesAnswer> {
    const query = `fieldManager=test&force=true&fieldValidation=Strict${dryRun ? '&dryRun=All' : ''}`
    return this.request('PATCH', `${await this.pathOf(object, true)}?${query}`, object, 'application/apply-patch+yaml')
  }

  async apply(object: Manifest, options: WriteOptions = {}): Promise<Manifest> {
    return bodyOf(`apply ${object.kind} ${object.metadata.name}`, await this.tryApply(object, options))
  }

  /** The object as it is stored; null when there is none. */
  async get(reference: Manifest): Promise<Manifest | null> {
    const answer = await this.request('GET', await this.pathOf(reference, true))
    return answer.status === 404 ? null : bodyOf(`get ${reference.kind} ${reference.metadata.name}`, answer)
  }

  async delete(reference: Manifest): Promise<void> {
    const answer = await this.request('DELETE', await this.pathOf(reference, true), { gracePeriodSeconds: 0 })
    if (answer.status !== 404) bodyOf(`delete ${reference.kind} ${reference.metadata.name}`, answer)
  }

  async pathOf({ apiVersion, kind, metadata = {} }: Manifest, named: boolean): Promise<string> {
    const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`
    const found = (await this.resourcesOf(root)).find((resource) => resource.kind === kind && !resource.name.includes('/'))
    if (found === undefined) throw new Error(`the API server knows no ${kind} of ${apiVersion}`)
    const namespace = found.namespaced ? `/namespaces/${metadata.namespace ?? 'default'}` : ''
    return `${root}${namespace}/${found.name}${named ? `/${metadata.name}` : ''}`
  }

  private resourcesOf(root: string): Promise<readonly { name: string; kind: string; namespaced: boolean }[]> {
    let found = this.resources.get(root)
    if (found === undefined) {
      found = this.ok('GET', root).then(({ resources }) => resources)
      this.resources.set(root, found)
      found.catch(() => this.resources.delete(root))
    }
    return found
  }
}

function bodyOf(what: string, { status, body }: KubernetesAnswer): Manifest {
  if (status >= 300) throw new Error(`${what}: ${status} ${body.message ?? JSON.stringify(body)}`)
  return body
}

// Warning: 299 - "text", and quotes in the text with a backslash before them.
function warningTexts(header: string): string[] {
  return Array.from(header.matchAll(/\b299 \S+ ("(?:[^"\\]|\\.)*")/g), ([, quoted]) => JSON.parse(quoted) as string)
}
