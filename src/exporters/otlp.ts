import type { RedactedBatch } from '../batch.ts'
import { defineExporter, type Exporter, type Host, type Outcome } from '../component.ts'
import { clientTls, proxyChoice, requestTimeout } from '../config/client-options.ts'
import { choice, list, map, maybe, secret, size, url } from '../config/schema.ts'
import { messageOf, RefusedError } from '../errors.ts'
import { type ClientTlsFiles, readTls } from '../net/client-tls.ts'
import { compress } from '../net/compress.ts'
import { foreignText } from '../net/foreign-text.ts'
import { HttpClient, type HttpResponse } from '../net/http-client.ts'
import { partialSuccessOf } from '../otlp/partial-success.ts'
import { type OtlpSignal, SIGNALS } from '../otlp/signal.ts'
import { ExporterRequests } from '../telemetry/exporter-requests.ts'
import { refusalOf } from './otlp/answer.ts'
import { type Destination, type Target, targetsOf } from './otlp/targets.ts'

/** Sends to an OTLP backend. One request at a time per signal; what the answer means is decided as the protocol says. */
export const otlp = defineExporter({
  type: 'otlp',
  summary: 'Send traces, metrics, logs and profiles to an OTLP backend, over HTTP.',
  options: {
    endpoint: url({ doc: 'The backend; v1/traces, v1/metrics, v1/logs and v1development/profiles are appended to its path.' }),
    tracesEndpoint: maybe(url({ doc: 'Where traces go instead, as it stands.' })),
    metricsEndpoint: maybe(url({ doc: 'Where metrics go instead, as it stands.' })),
    logsEndpoint: maybe(url({ doc: 'Where logs go instead, as it stands.' })),
    profilesEndpoint: maybe(url({ doc: 'Where profiles go instead, as it stands.' })),
    signals: list(choice(['traces', 'metrics', 'logs', 'profiles'], { default: 'traces', doc: 'A signal.' }), {
      default: [...SIGNALS],
      doc: 'What is sent there.'
    }),
    headers: map(secret({ doc: 'The value.' }), { doc: 'Headers of every request, as Authorization or an API key.' }),
    compression: choice(['gzip', 'zstd', 'none'], {
      default: 'gzip',
      doc: 'How bodies are compressed. Every OTLP backend takes gzip; zstd is smaller at half of the CPU time where the backend takes it.'
    }),
    timeout: requestTimeout('10s'),
    batchMax: size({
      default: '4MiB',
      min: '1KiB',
      max: '64MiB',
      doc: 'Neighbours in the queue are sent together up to this size, uncompressed.'
    }),
    proxy: proxyChoice(),
    tls: clientTls({ doc: 'For https endpoints.', asker: 'the backend', exposed: 'the telemetry and the headers' })
  },
  signals: ({ signals }) => [...new Set(signals)],
  batchBytesMax: ({ batchMax }) => batchMax,
  create: (options, host) => new OtlpExporter(options, host)
})

interface Options extends Destination {
  readonly timeout: number
  readonly proxy: string
  readonly tls: ClientTlsFiles
}

class OtlpExporter implements Exporter {
  private readonly options: Options
  private readonly host: Host
  private readonly targets: Record<OtlpSignal, Target>
  private readonly requests: ExporterRequests
  private client: HttpClient | undefined
  private credentialsRefused = false
  private hasWarned = false

  constructor(options: Options, host: Host) {
    this.options = options
    this.host = host
    this.targets = targetsOf(options)
    this.requests = new ExporterRequests(host.name, host.metrics)
  }

  /** Throws RefusedError when a header, a file or the proxy cannot be used. */
  async start(): Promise<void> {
    const { headers, proxy, tls } = this.options
    const place = `exporters.${this.host.name}`
    for (const [name, value] of Object.entries(headers)) {
      if (!HEADER_NAME.test(name))
        throw new RefusedError('invalid', `${place}.headers: a name that HTTP does not allow: ${JSON.stringify(name)}`)
      if (!HEADER_VALUE.test(value))
        throw new RefusedError('invalid', `${place}.headers.${name}: the value has characters that HTTP does not allow`)
    }
    const options = { tls: await readTls(tls, `${place}.tls`), proxy }
    try {
      this.client = new HttpClient(options)
    } catch (error) {
      throw new RefusedError('invalid', `${place}: ${messageOf(error)}`)
    }
  }

  async stop(): Promise<void> {
    await this.client?.close()
  }

  async send(batch: RedactedBatch, signal: AbortSignal): Promise<Outcome | undefined> {
    const { compression, timeout } = this.options
    const { url, headers } = this.targets[batch.signal as OtlpSignal]
    const body = compression === 'none' ? batch.bytes : await compress(batch.bytes, compression)
    const request = this.client!.request({ method: 'POST', url, headers, body, timeoutMs: timeout, signal })
    const response = await this.requests.counted(batch.signal, body.length, request)
    if (response.status < 200 || response.status > 299) throw this.refused(url, response)
    this.credentialsRefused = false
    return this.outcomeOf(batch, url, response)
  }

  private refused(url: URL, response: HttpResponse): RefusedError {
    const error = refusalOf(url.host, response, Date.now(), this.host.redactText)
    if ((error.code === 'unauthenticated' || error.code === 'forbidden') && !this.credentialsRefused) {
      this.credentialsRefused = true
      const { name, log } = this.host
      log.error(
        { exporter: name, status: response.status },
        `the destination refuses our credentials, and nothing that is sent there arrives: check exporters.${name}.headers, then reload`
      )
    }
    return error
  }

  private outcomeOf(batch: RedactedBatch, url: URL, response: HttpResponse): Outcome | undefined {
    const { rejected, message } = partialSuccessOf(response.body, response.headers['content-type'])
    const reason = foreignText(message, this.host.redactText)
    if (rejected > 0) return { rejected: Math.min(rejected, batch.items), reason: reason || 'the destination gave no reason' }
    const warning = isPage(response) ? 'answers with a web page: is the endpoint the one for OTLP?' : reason
    if (warning !== '' && !this.hasWarned) this.host.log.warn({ exporter: this.host.name, signal: batch.signal }, `${url.host}: ${warning}`)
    this.hasWarned ||= warning !== ''
    return undefined
  }
}

const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

function isPage({ headers }: HttpResponse): boolean {
  return headers['content-type']?.startsWith('text/html') === true
}
