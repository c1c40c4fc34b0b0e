import { RefusedError } from '../../errors.ts'
import { foreignText } from '../../net/foreign-text.ts'
import type { HttpClient } from '../../net/http-client.ts'

/** One series of an instant answer. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>
  /** What is no number, as the quantile of nothing, is not here. */
  readonly value: number
}

export interface PrometheusOptions {
  readonly client: HttpClient
  /** Under which `api/v1` is, with a slash at its end. */
  readonly url: URL
  readonly token: string | null
  /** Of everything that is asked. */
  readonly deadlineMs: number
}

/** As much as HttpClient reads. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024

/** Prometheus, or what has its API: https://prometheus.io/docs/prometheus/latest/querying/api/. */
export class PrometheusApi {
  /** What it says beside its answers: that a part of the data was not at hand, for example. */
  readonly warnings = new Set<string>()
  private readonly options: PrometheusOptions

  constructor(options: PrometheusOptions) {
    this.options = options
  }

  /** Asks at one moment. Throws RefusedError with what it answers when that is no result. */
  async ask(query: string, atMs: number): Promise<Sample[]> {
    const { client, url, token, deadlineMs } = this.options
    const timeoutMs = deadlineMs - Date.now()
    if (timeoutMs <= 0) throw new RefusedError('unavailable', `${url.host}: the time for the report is over`)
    const form = new URLSearchParams({ query, time: String(atMs / 1000), timeout: `${timeoutMs}ms` })
    const { status, body } = await client.request({
      method: 'POST',
      url: new URL('api/v1/query', url),
      headers: {
        accept: 'application/json',
        'content-type': 'application/x-www-form-urlencoded',
        ...(token === null ? {} : { authorization: `Bearer ${token}` })
      },
      body: Buffer.from(form.toString()),
      timeoutMs,
      responseBytesMax: ANSWER_BYTES_MAX
    })
    return this.samplesOf(answerIn(body), status, query)
  }

  private samplesOf(answer: Answer | null, status: number, query: string): Sample[] {
    const { host } = this.options.url
    const said = (text: string): string =>
      foreignText(text, (value) => (this.options.token ? value.replaceAll(this.options.token, '…') : value))
    if (status === 401 || status === 403)
      throw new RefusedError('unauthenticated', `${host}: answered ${status}: it wants a token (--token-file), or another one`)
    if (answer?.status === 'error')
      throw new RefusedError('unavailable', `${host}: ${said(`${answer.errorType}: ${answer.error}`)}, asked for ${query}`)
    if (status !== 200 || answer === null)
      throw new RefusedError('unavailable', `${host}: answered ${status}, but not as Prometheus does: is /api/v1/query there?`)
    for (const warning of listOf(answer.warnings)) this.warnings.add(said(String(warning)))
    const { resultType, result } = answer.data ?? {}
    if (resultType !== 'vector' || !Array.isArray(result))
      throw new RefusedError('unavailable', `${host}: expected a vector, asked for ${query}`)
    return result
      .map(({ metric = {}, value }: Series): Sample => ({ labels: metric, value: Number(value?.[1]) }))
      .filter(({ value }) => Number.isFinite(value))
  }
}

interface Series {
  readonly metric?: Readonly<Record<string, string>>
  readonly value?: readonly [number, string]
}

interface Answer {
  readonly status: string
  readonly data?: { readonly resultType?: string; readonly result?: Series[] }
  readonly errorType?: string
  readonly error?: string
  readonly warnings?: unknown
}

const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

function answerIn(body: Buffer): Answer | null {
  try {
    const answer = JSON.parse(body.toString()) as Answer | null
    return typeof answer === 'object' && answer !== null && typeof answer.status === 'string' ? answer : null
  } catch {
    return null
  }
}
