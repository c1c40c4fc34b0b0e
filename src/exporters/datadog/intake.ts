// Requests to Datadog, and what their answers mean.
// https://docs.datadoghq.com/api/latest/logs/#send-logs and https://docs.datadoghq.com/api/latest/metrics/#submit-metrics
import type { Signal } from '../../batch.ts'
import type { Host } from '../../component.ts'
import { type RefusalCode, RefusedError } from '../../errors.ts'
import { COMPRESSED_FROM_BYTES, compress } from '../../net/compress.ts'
import { foreignText } from '../../net/foreign-text.ts'
import type { HttpClient, HttpResponse } from '../../net/http-client.ts'
import { RETRY_AFTER_MAX_MS, retryAfterMs } from '../../net/retry-after.ts'
import { ExporterRequests } from '../../telemetry/exporter-requests.ts'
import { mayCarryKey } from './endpoints.ts'
import type { ApiKey } from './keys.ts'

export interface Post {
  readonly signal: Signal
  readonly url: URL
  readonly contentType: string
  /** Beside those that every request has. */
  readonly headers?: Readonly<Record<string, string>>
  readonly body: Uint8Array
  readonly method?: 'POST' | 'PUT'
  /** False for an Agent, which has its own key and must not be told ours. */
  readonly withKey?: boolean
  /** The API of an Agent reads no compressed bodies. */
  readonly isPlain?: boolean
}

export interface IntakeOptions {
  readonly compression: 'gzip' | 'none'
  readonly timeoutMs: number
  readonly site: string
}

/** A destination that refuses the key is asked again this often: keys are put right, and read again. */
export const REFUSED_RETRY_MS = 60_000
const TEXT_BYTES_READ = 2048

/** Sends requests and tells what the answers mean, alike for all intakes. */
export class Intake {
  private readonly options: IntakeOptions
  private readonly host: Host
  private readonly client: HttpClient
  private readonly direct: HttpClient
  private readonly key: ApiKey
  private readonly requests: ExporterRequests
  /** By URL: until when it wants nothing. What was told to one signal holds for another that goes to the same place. */
  private readonly pauses = new Map<string, number>()
  /** By URL: an intake that takes nothing, whatever is sent, and since when. */
  private readonly refusals = new Map<string, { readonly sinceMs: number; readonly message: string }>()

  /** `direct` asks without a proxy. */
  constructor(options: IntakeOptions, host: Host, client: HttpClient, key: ApiKey, direct = client) {
    this.options = options
    this.host = host
    this.client = client
    this.direct = direct
    this.key = key
    this.requests = new ExporterRequests(host.name, host.metrics)
  }

  /** Since when an intake takes nothing, and why; null while all is well. */
  get trouble(): { readonly sinceMs: number; readonly message: string } | null {
    return this.refusals.values().next().value ?? null
  }

  /**
   * Resolves when it was taken. Else throws RefusedError: `unavailable` or `busy` for what is to be sent again, `too-large` for what is to be sent in
   * smaller parts, `invalid` for what will never be taken. A refused key is no fault of what is sent: it waits, with everything behind it.
   */
  async post(post: Post, stop: AbortSignal): Promise<HttpResponse> {
    const leftMs = (this.pauses.get(post.url.href) ?? 0) - Date.now()
    if (leftMs > 0) throw new RefusedError('busy', `${post.url.host} has asked to wait`, { retryAfterMs: leftMs })
    let response = await this.request(post, stop)
    if (isKeyRefused(response.status) && post.withKey !== false && (await this.key.renew())) response = await this.request(post, stop)
    if (response.status >= 200 && response.status <= 299) {
      this.refusals.delete(post.url.href)
      return response
    }
    throw this.refusalOf(post, response)
  }

  private async request(post: Post, stop: AbortSignal): Promise<HttpResponse> {
    const { method = 'POST', url, signal } = post
    // What goes to this machine in clear, with the key, goes to no other first.
    const client = mayCarryKey(url) && url.protocol === 'http:' ? this.direct : this.client
    const { timeoutMs } = this.options
    const compression = post.isPlain || post.body.length < COMPRESSED_FROM_BYTES ? 'none' : this.options.compression
    const body = compression === 'none' ? post.body : await compress(post.body, compression)
    const request = client.request({ method, url, headers: this.headersOf(post, compression), body, timeoutMs, signal: stop })
    return this.requests.counted(signal, body.length, request)
  }

  private headersOf({ contentType, headers, withKey = true }: Post, compression: string): Record<string, string> {
    return {
      'user-agent': `sluice/${this.host.version}`,
      ...headers,
      'content-type': contentType,
      ...(compression !== 'none' && { 'content-encoding': compression }),
      ...(withKey && { 'dd-api-key': this.key.value })
    }
  }

  private refusalOf({ url, signal, withKey = true }: Post, { status, headers, body }: HttpResponse): RefusedError {
    const { host } = this
    const said = foreignText(headers['content-type']?.includes('html') ? '' : body.toString('utf8', 0, TEXT_BYTES_READ), host.redactText)
    const answered = `${url.host} answered ${status}${said === '' ? '' : `: ${said}`}`
    const nowMs = Date.now()
    const askedMs = retryAfterMs(headers['retry-after'], nowMs, RETRY_AFTER_MAX_MS)
    if (status === 429 && askedMs !== undefined) this.pauses.set(url.href, nowMs + askedMs)
    const remedy = isKeyRefused(status) && withKey ? this.keyRemedy() : REMEDIES[status]
    if (!isKeyRefused(status) && remedy === undefined && status >= 400)
      return new RefusedError(codeOf(status), answered, { retryAfterMs: askedMs })
    const message = `${answered} (${remedy ?? 'redirects are not followed: set the endpoint to the final URL'})`
    if (!this.refusals.has(url.href)) {
      host.log.error({ exporter: host.name, signal, status }, `${message}: nothing that is sent there arrives, and waits in the queue`)
      this.refusals.set(url.href, { sinceMs: nowMs, message })
    }
    return new RefusedError('unavailable', message, { retryAfterMs: Math.max(askedMs ?? 0, REFUSED_RETRY_MS) })
  }

  private keyRemedy(): string {
    return `wrong key or wrong site: check DD_API_KEY or exporters.${this.host.name}.apiKey, and that ${this.options.site} is the site of the organisation`
  }
}

function isKeyRefused(status: number): boolean {
  return status === 401 || status === 403
}

// What is there is not the intake: nothing that is sent arrives, and all of it may once the configuration is right.
const REMEDIES: Readonly<Record<number, string>> = {
  401: 'check what an Agent stands behind, which takes no key of ours',
  403: 'check what an Agent stands behind, which takes no key of ours',
  404: 'check the site, and the path of the endpoint',
  405: 'check the path of the endpoint',
  407: 'check the credentials in the URL of the proxy'
}

function codeOf(status: number): RefusalCode {
  if (status === 429) return 'busy'
  if (status === 413) return 'too-large'
  return status === 408 || status >= 500 ? 'unavailable' : 'invalid'
}
