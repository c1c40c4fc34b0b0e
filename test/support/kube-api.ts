import { writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { makeAuthority, makeServing } from '../../src/inject/certificates/make.ts'
import { temporaryDirectory } from './temporary-directory.ts'

interface Meta {
  name: string
  namespace?: string
  resourceVersion?: string
  annotations?: Record<string, string>
}
// Written by us and by what is under test: anything may stand in it.
// biome-ignore lint/suspicious/noExplicitAny: see above
export type KubeObject = { kind?: string; metadata: Meta; [key: string]: any }

/** What an account may do: verbs on a resource, of these names only where they are given. */
export interface Rule {
  readonly verbs: readonly string[]
  readonly resource: string
  readonly names?: readonly string[]
}

export const NAMESPACE = 'sluice'
export const SECRET = 'sluice-injector-tls'
export const CONFIGURATION = 'sluice-injector'
export const SECRETS_PATH = `/api/v1/namespaces/${NAMESPACE}/secrets`
export const SECRET_PATH = `${SECRETS_PATH}/${SECRET}`
export const CONFIGURATION_PATH = `/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/${CONFIGURATION}`

/** The rights that the chart gives to the injector, and no other. */
export const LEAST_RIGHTS: readonly Rule[] = [
  { verbs: ['get', 'update'], resource: 'secrets', names: [SECRET] },
  { verbs: ['get', 'patch'], resource: 'mutatingwebhookconfigurations', names: [CONFIGURATION] }
]

/** What the chart adds to them, so that the annotations of namespaces count. */
export const NAMESPACE_RIGHTS: readonly Rule[] = [{ verbs: ['list', 'watch'], resource: 'namespaces' }]

export const NAMESPACES_PATH = '/api/v1/namespaces'

/** A webhook configuration as the chart makes it, without any authority. */
export const configuration = (): KubeObject => ({
  apiVersion: 'admissionregistration.k8s.io/v1',
  kind: 'MutatingWebhookConfiguration',
  metadata: { name: CONFIGURATION },
  webhooks: ['labelled-pods', 'labelled-namespaces'].map((entry) => ({
    name: `${entry}.inject.sluice.dev`,
    admissionReviewVersions: ['v1'],
    sideEffects: 'None',
    failurePolicy: 'Ignore',
    ...(entry === 'labelled-namespaces' ? { namespaceSelector: { matchExpressions: [ASKING, EXCLUDED] } } : {}),
    clientConfig: { service: { namespace: NAMESPACE, name: 'sluice-injector', path: `/mutate/${entry}`, port: 443 } }
  }))
})

const ASKING = { key: 'sluice.dev/inject', operator: 'In', values: ['true'] }
const EXCLUDED = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system', NAMESPACE] }

export const emptySecret = (): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: 'Opaque',
  metadata: { name: SECRET, namespace: NAMESPACE }
})

const METADATA = ';g=meta.k8s.io;v=v1'
const VERBS: Record<string, string> = { GET: 'get', POST: 'create', PUT: 'update', PATCH: 'patch' }

/**
 * A strict double of the API server, over HTTPS with an authority of its own: tokens, rights by resource and name, resourceVersions and their
 * conflicts, the types of patch that are used, pages of namespaces and what follows them. Where the real one is lenient (a replacement without a version), it
 * is not.
 */
export class KubeApi {
  readonly objects = new Map<string, KubeObject>()
  readonly rights = new Map<string, readonly Rule[]>()
  /** Verb, path and status of each request that was answered. */
  readonly asked: string[] = []
  version = 'v1.33.2'
  /** May wait, and answer in the server's stead by a status. */
  intercept: (verb: string, path: string) => Promise<number | undefined> = async () => undefined
  readonly dir: string
  /** What has happened to namespaces; whoever follows from an earlier version is told to list them again. */
  readonly events: { type: string; object: KubeObject }[] = []
  forgottenVersion = 0
  private readonly followers = new Set<ServerResponse>()
  private readonly server: Server
  private versions = 100

  private constructor(dir: string, server: Server) {
    this.dir = dir
    this.server = server
    server.on('request', (request, response) => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'https://double')
      this.answer(request, verbOf(request.method, pathname, searchParams)).then(
        ({ status, body, follow }) => {
          this.asked.push(`${verbOf(request.method, pathname, searchParams)} ${pathname} ${status}`)
          if (follow !== undefined) return follow(response)
          response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
        },
        () => response.destroy()
      )
    })
  }

  static async start(t: { after(done: () => void): void }): Promise<KubeApi> {
    const dir = temporaryDirectory()
    const server = createServer()
    const api = new KubeApi(dir, server)
    await api.renewAuthority()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      server.closeAllConnections()
      server.close()
    })
    writeFileSync(join(dir, 'namespace'), NAMESPACE)
    api.renewToken('token-1', LEAST_RIGHTS)
    return api
  }

  /** Puts another token into the file, and takes the ones before back. */
  renewToken(token: string, rights: readonly Rule[]): void {
    this.rights.clear()
    this.rights.set(token, rights)
    writeFileSync(join(this.dir, 'token'), `${token}\n`)
  }

  /** From now on another authority signs for the server; the file with authorities follows. */
  async renewAuthority(): Promise<void> {
    const validity = { fromMs: Date.now() - 60_000, untilMs: Date.now() + 3_600_000 }
    const authority = await makeAuthority(validity)
    const { certificate, key } = await makeServing(authority, ['127.0.0.1'], validity)
    this.server.setSecureContext({ cert: certificate, key })
    this.server.closeIdleConnections()
    writeFileSync(join(this.dir, 'ca.crt'), authority.certificate)
  }

  get url(): string {
    return `https://127.0.0.1:${(this.server.address() as AddressInfo).port}`
  }

  /** The part `kubernetes` of the injector's settings that leads here. */
  get settings(): { url: string; tokenFile: string; caFile: string; namespaceFile: string } {
    const file = (name: string): string => join(this.dir, name)
    return { url: this.url, tokenFile: file('token'), caFile: file('ca.crt'), namespaceFile: file('namespace') }
  }

  /** Puts an object there, as its owner would. */
  put(path: string, object: KubeObject): void {
    const copy = structuredClone(object)
    copy.metadata.resourceVersion = String(++this.versions)
    this.objects.set(path, copy)
  }

  /** Makes a namespace, or changes what it says. */
  putNamespace(name: string, annotations: Record<string, string> = {}): void {
    const path = `${NAMESPACES_PATH}/${name}`
    const type = this.objects.has(path) ? 'MODIFIED' : 'ADDED'
    this.put(path, { kind: 'Namespace', metadata: { name, annotations }, spec: { finalizers: ['kubernetes'] } })
    this.happen(type, this.objects.get(path)!)
  }

  deleteNamespace(name: string): void {
    const path = `${NAMESPACES_PATH}/${name}`
    const object = structuredClone(this.objects.get(path)!)
    object.metadata.resourceVersion = String(++this.versions)
    this.objects.delete(path)
    this.happen('DELETED', object)
  }

  /** Ends what is being followed, as by a time that is over. */
  endFollowing(): void {
    for (const follower of this.followers) follower.end()
    this.followers.clear()
  }

  /** Whoever follows now is told of nothing more, as over a connection that has died unnoticed. */
  deafen(): void {
    this.followers.clear()
  }

  /** The authorities of one webhook, as PEM. */
  bundle(i = 0): string {
    const bundle: string | undefined = this.objects.get(CONFIGURATION_PATH)?.webhooks[i].clientConfig.caBundle
    return Buffer.from(bundle ?? '', 'base64').toString()
  }

  private async answer(
    request: IncomingMessage,
    verb: string
  ): Promise<{ status: number; body: object; follow?: (response: ServerResponse) => void }> {
    const [path, query = ''] = (request.url ?? '').split('?')
    let text = ''
    for await (const part of request) text += part
    const status = (code: number, reason: string, message = '') => ({
      status: code,
      body: { kind: 'Status', apiVersion: 'v1', status: 'Failure', reason, message, code }
    })
    const forced = await this.intercept(verb, path)
    if (forced !== undefined) return status(forced, 'Told', 'told to')
    if (path === '/version') return { status: 200, body: { major: '1', minor: '33', gitVersion: this.version, platform: 'linux/amd64' } }
    const rights = this.rights.get((request.headers.authorization ?? '').replace(/^Bearer /, ''))
    if (rights === undefined) return status(401, 'Unauthorized', 'Unauthorized')
    const [, resource = '', name = ''] = /\/(secrets|mutatingwebhookconfigurations|namespaces)(?:\/([^/]+))?$/.exec(path) ?? []
    const may = (rule: Rule): boolean =>
      rule.resource === resource && rule.verbs.includes(verb) && (rule.names === undefined || rule.names.includes(name))
    if (!rights.some(may))
      return status(
        403,
        'Forbidden',
        `${resource} "${name}" is forbidden: User "system:serviceaccount:sluice:injector" cannot ${verb} resource`
      )
    if (resource === 'namespaces') return this.namespaces(verb, new URLSearchParams(query), request.headers.accept, status)
    if (verb !== 'get' && query !== 'fieldManager=sluice-injector') return status(400, 'BadRequest', 'no field manager')
    const object = text === '' ? null : (JSON.parse(text) as KubeObject)
    const type = request.headers['content-type']
    if (verb === 'create') return this.create(path, object!, status)
    const found = this.objects.get(path)
    if (found === undefined) return status(404, 'NotFound', `${resource} "${name}" not found`)
    if (verb === 'get') return { status: 200, body: found }
    const version = object?.metadata.resourceVersion
    if (version === undefined) return status(422, 'Invalid', 'metadata.resourceVersion: must be specified for an update')
    if (version !== found.metadata.resourceVersion) return status(409, 'Conflict', 'the object has been modified')
    if (verb === 'update') {
      if (type !== 'application/json') return status(415, 'UnsupportedMediaType')
      if (object!.metadata.name !== found.metadata.name || object!.type !== found.type) return status(422, 'Invalid', 'field is immutable')
      return this.store(path, object!, status)
    }
    if (type === 'application/merge-patch+json') return this.store(path, { ...found, ...object!, metadata: found.metadata }, status)
    if (type !== 'application/strategic-merge-patch+json') return status(415, 'UnsupportedMediaType')
    return this.store(path, merged(found, object!), status)
  }

  // Metadata only, whoever asks for more.
  private namespaces(verb: string, query: URLSearchParams, accept: string | undefined, status: Answer) {
    const kind = verb === 'list' ? 'PartialObjectMetadataList' : 'PartialObjectMetadata'
    if (accept !== `application/json;as=${kind}${METADATA}`) return status(406, 'NotAcceptable')
    if (verb === 'list') {
      const limit = Number(query.get('limit'))
      const from = Number(query.get('continue') ?? 0)
      const all = [...this.objects].filter(([path]) => path.startsWith(`${NAMESPACES_PATH}/`) && path.split('/').length === 5)
      const items = all.slice(from, from + limit).map(([, { metadata }]) => ({ kind: 'PartialObjectMetadata', metadata }))
      const further = from + limit < all.length ? { continue: String(from + limit) } : {}
      return { status: 200, body: { kind, metadata: { resourceVersion: String(this.versions), ...further }, items } }
    }
    const since = Number(query.get('resourceVersion'))
    if (query.get('allowWatchBookmarks') !== 'true' || !(Number(query.get('timeoutSeconds')) > 0)) return status(400, 'BadRequest')
    if (since < this.forgottenVersion) return status(410, 'Expired', 'too old resource version')
    const follow = (response: ServerResponse): void => {
      response.writeHead(200, { 'content-type': 'application/json' })
      this.followers.add(response)
      response.on('close', () => this.followers.delete(response))
      response.flushHeaders()
      for (const event of this.events) if (Number(event.object.metadata.resourceVersion) > since) tell(response, event)
    }
    return { status: 200, body: {}, follow }
  }

  private happen(type: string, { metadata }: KubeObject): void {
    const event = { type, object: structuredClone({ kind: 'PartialObjectMetadata', metadata }) }
    this.events.push(event)
    for (const follower of this.followers) tell(follower, event)
  }

  private create(path: string, object: KubeObject, status: Answer): { status: number; body: object } {
    if (object.metadata.resourceVersion !== undefined)
      return status(400, 'BadRequest', 'resourceVersion should not be set on objects to be created')
    const place = `${path}/${object.metadata.name}`
    if (this.objects.has(place)) return status(409, 'AlreadyExists')
    return this.store(place, object, status, 201)
  }

  private store(path: string, object: KubeObject, status: Answer, code = 200): { status: number; body: object } {
    const texts: unknown[] = Object.values((object.data as object | undefined) ?? {})
    if (!texts.every(isBase64)) return status(400, 'BadRequest', 'illegal base64 data')
    for (const { sideEffects, clientConfig } of object.webhooks ?? []) {
      if (sideEffects === undefined) return status(422, 'Invalid', 'webhooks: sideEffects: Required value')
      if (clientConfig.caBundle !== undefined && !isBase64(clientConfig.caBundle)) return status(400, 'BadRequest', 'illegal base64 data')
    }
    this.put(path, object)
    return { status: code, body: this.objects.get(path)! }
  }
}

type Answer = (code: number, reason: string, message?: string) => { status: number; body: object }

function verbOf(method = '', path: string, query: URLSearchParams): string {
  if (method !== 'GET' || path !== NAMESPACES_PATH) return VERBS[method] ?? 'none'
  return query.get('watch') === 'true' ? 'watch' : 'list'
}

// In two parts, as a network may.
function tell(follower: ServerResponse, event: object): void {
  const line = `${JSON.stringify(event)}\n`
  follower.write(line.slice(0, 20))
  follower.write(line.slice(20))
}

const isBase64 = (value: unknown): boolean => typeof value === 'string' && Buffer.from(value, 'base64').toString('base64') === value

// Lists of webhooks merge by name; everything else by key.
function merged(found: KubeObject, patch: KubeObject): KubeObject {
  const result = structuredClone(found)
  for (const change of patch.webhooks ?? []) {
    const same = result.webhooks.find(({ name }: { name: string }) => name === change.name)
    if (same === undefined) result.webhooks.push(change)
    else Object.assign(same.clientConfig, change.clientConfig)
  }
  return result
}
