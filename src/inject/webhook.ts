import { REFUSALS, RefusedError } from '../errors.ts'
import { type HttpAnswer, type HttpEvent, type HttpListener, type HttpRoute, listenHttp } from '../net/http-server.ts'
import { ByteBudget } from '../net/limits.ts'
import type { SocketAddress, Sockets } from '../net/sockets.ts'
import { writeStatus } from './admission-review.ts'
import type { Entry } from './admit.ts'
import type { Signed } from './certificates/make.ts'
import { ENTRY_PATH } from './namespaces/entry.ts'
import type { InjectSettings } from './settings.ts'

export interface WebhookHost {
  /** Answers an AdmissionReview. Throws RefusedError. */
  admit(body: Buffer, entry: Entry): string
  /** Told of each request that was not answered with a review, and why. */
  refused(reason: RefusedError['code']): void
  /** Told what befell connections and requests that belong to no path. */
  befell(event: HttpEvent): void
  /** Told of a fault of ours outside of an answer. */
  failed(error: unknown): void
}

/** The paths, by the entry of the webhook configuration that is to call them. */
const PATHS: Readonly<Record<string, Entry>> = {
  '/mutate': 'any',
  '/mutate/labelled-pods': 'pods',
  '/mutate/labelled-namespaces': 'namespaces',
  [ENTRY_PATH]: 'annotated-namespaces'
}

const STATUS_TYPE = { 'content-type': 'application/json' }
/** When a request that found no room may come again. */
const RETRY_SECONDS = '1'

/** The HTTPS side of the injector. It opens with its first certificate, and takes each further one without closing anything. */
export class Webhook {
  private readonly settings: InjectSettings['webhook']
  private readonly sockets: Sockets
  private readonly listen: SocketAddress
  private readonly host: WebhookHost
  private readonly routes: readonly HttpRoute[]
  private listener: HttpListener | null = null
  private closed = false

  constructor(settings: InjectSettings['webhook'], listen: SocketAddress, sockets: Sockets, host: WebhookHost) {
    this.settings = settings
    this.listen = listen
    this.sockets = sockets
    this.host = host
    const { requestMax, inFlightMax, bodyTimeout } = settings
    const limits = { bodyBytesMax: requestMax, stallMs: bodyTimeout, bodyMs: bodyTimeout, budget: new ByteBudget(inFlightMax) }
    this.routes = Object.entries(PATHS).map(([path, entry]) => ({
      method: 'POST',
      path,
      limits,
      admit: ({ 'content-type': type = '' }) => {
        if (/^application\/json *(;|$)/i.test(type)) return
        throw new RefusedError('unsupported', 'the content type is another one, expected application/json')
      },
      handle: ({ body }) => ({ status: 200, headers: STATUS_TYPE, body: host.admit(body, entry) }),
      refuse: (error) => this.refuse(error)
    }))
  }

  /** Where it listens, once it does. */
  get address(): SocketAddress | null {
    return this.listener?.address ?? null
  }

  /** Serves this certificate to connections from now on. Not to be called again before it has settled. Throws RefusedError where it cannot listen. */
  async serve({ certificate, key }: Signed): Promise<void> {
    if (this.closed) return
    const { connectionsMax, headerTimeout, idleTimeout, shutdownTimeout } = this.settings
    const before = this.listener
    // Who joins the address takes over its settings, and with them the certificate; the socket and its connections stay.
    this.listener = await listenHttp(this.sockets, before?.address ?? this.listen, 'webhook.listen', this.routes, {
      connectionsMax,
      headerMs: headerTimeout,
      idleMs: idleTimeout,
      tls: { cert: certificate, key, minVersion: 'TLSv1.2', handshakeTimeout: headerTimeout },
      count: (event) => this.host.befell(event)
    })
    if (before !== null) await before.close(shutdownTimeout)
  }

  /** Accepts no more, and waits for what is inside for as long as the settings say. */
  async close(): Promise<void> {
    this.closed = true
    await this.listener?.close(this.settings.shutdownTimeout)
  }

  // The API server logs what a Status says; then it goes by the failurePolicy of the webhook, which is for the cluster to decide.
  private refuse(error: unknown): HttpAnswer {
    if (!(error instanceof RefusedError)) this.host.failed(error)
    const refused = error instanceof RefusedError ? error : new RefusedError('internal', 'a fault of the injector; its log says where')
    this.host.refused(refused.code)
    const { http, retryable } = REFUSALS[refused.code]
    const headers = retryable ? { ...STATUS_TYPE, 'retry-after': RETRY_SECONDS } : STATUS_TYPE
    return { status: http, headers, body: writeStatus(refused, http) }
  }
}
