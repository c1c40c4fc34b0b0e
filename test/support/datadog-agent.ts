import type { ServerOptions } from 'node:https'
import { IntakeSeries } from './datadog-metrics.ts'
import { decodeOtlp, type OtlpSpan, readPoints, readSpans, type Tree } from './datadog-otlp.ts'
import { type DatadogRequest, DatadogServer, type Judged, type Route } from './datadog-server.ts'
import { Statistics, type StatisticsRow } from './datadog-statistics.ts'
import { readStats } from './datadog-stats-payload.ts'
import { type DatadogSpan, fromOtlp, readTraces, statisticsOf } from './datadog-traces.ts'

export type AgentKind = 'info' | 'traces' | 'stats' | 'otlp-traces' | 'otlp-metrics' | 'otlp-logs'

const BODY_BYTES_MAX = 50 * 1024 * 1024
const limits = { wireBytesMax: BODY_BYTES_MAX, bytesMax: BODY_BYTES_MAX, status: 200 }
const native = { ...limits, methods: ['PUT', 'POST'], types: ['application/msgpack'], encodings: ['identity'] }
const otlp = { ...limits, methods: ['POST'], types: ['application/x-protobuf'], encodings: ['identity', 'gzip', 'zstd'] }

const ROUTES: Readonly<Record<string, Route<AgentKind>>> = {
  '/info': { ...limits, kind: 'info', methods: ['GET'], types: [], encodings: ['identity'] },
  '/v0.4/traces': { ...native, kind: 'traces' },
  '/v0.6/stats': { ...native, kind: 'stats' },
  '/v1/traces': { ...otlp, kind: 'otlp-traces' },
  '/v1/metrics': { ...otlp, kind: 'otlp-metrics' },
  '/v1/logs': { ...otlp, kind: 'otlp-logs' }
}

const INFO = {
  version: '7.70.0',
  endpoints: ['/v0.3/traces', '/v0.4/traces', '/v0.5/traces', '/v0.6/stats'],
  feature_flags: [],
  client_drop_p0s: true,
  span_meta_structs: true,
  long_running_spans: true,
  span_events: true,
  config: { default_env: 'none' },
  peer_tags: [],
  span_kinds_stats_computed: ['server', 'client', 'producer', 'consumer'],
  obfuscation_version: 1
}

/**
 * A Datadog Agent, in strict: its own API and its OTLP receiver, at one address. It samples away what its sender has not marked as kept, and makes
 * statistics of spans whose sender has not made them.
 */
export class DatadogAgent extends DatadogServer<AgentKind> {
  readonly spans: DatadogSpan[] = []
  readonly otlpSpans: OtlpSpan[] = []
  readonly otlpLogs: Tree[] = []
  readonly series = new IntakeSeries()
  readonly statistics = new Statistics()
  /** Traces that came without the mark that they were chosen: the Agent samples them, which is told here and not done. */
  unprotected = 0
  /** Where the buckets of statistics start that came, in order. */
  readonly bucketStarts: bigint[] = []
  readonly headers: Partial<Record<AgentKind, DatadogRequest['headers'][]>> = {}
  /** Whether it reads of a span how many it stands for, as Agents from the middle of 2026 do. */
  readonly isWeighing: boolean
  protected readonly routes = ROUTES
  private statisticsBy: 'agent' | 'client' | undefined

  private constructor(tls: ServerOptions | undefined, isWeighing: boolean) {
    super(tls)
    this.isWeighing = isWeighing
  }

  /** Listens on loopback until the test ends. */
  static start(
    t: { after(done: () => unknown): void },
    { port = 0, tls, isWeighing = true }: { port?: number; tls?: ServerOptions; isWeighing?: boolean } = {}
  ): Promise<DatadogAgent> {
    return new DatadogAgent(tls, isWeighing).listen(t, port)
  }

  protected admit(): undefined {
    return undefined
  }

  protected judge(kind: AgentKind, request: DatadogRequest, problems: string[]): Judged {
    const judged = this.read(kind, request, problems)
    return {
      ...judged,
      take: () => {
        judged.take()
        this.headers[kind] ??= []
        this.headers[kind].push(request.headers)
      }
    }
  }

  private read(kind: AgentKind, { bytes, headers }: DatadogRequest, problems: string[]): Judged {
    switch (kind) {
      case 'info':
        return { take: () => undefined, body: JSON.stringify(INFO) }
      case 'traces':
        return this.readTraces(bytes, headers, problems)
      case 'stats': {
        checkLanguage(headers, problems)
        const { rows, starts } = readStats(bytes, problems)
        this.checkOneSource(rows, 'client', problems)
        return {
          take: () => {
            this.statistics.rows.push(...rows)
            this.bucketStarts.push(...starts)
          }
        }
      }
      case 'otlp-traces': {
        const spans = readSpans(decodeOtlp('traces', bytes), problems)
        const kept = problems.length === 0 ? fromOtlp(spans) : []
        // So says who has made statistics of the spans of a resource.
        const uncounted = kept.filter(({ meta }) => meta['_dd.stats_computed'] === undefined)
        const rows = statisticsOf(uncounted, this.isWeighing)
        this.checkOneSource(rows, 'agent', problems)
        return {
          take: () => {
            this.otlpSpans.push(...spans)
            this.spans.push(...kept)
            this.statistics.rows.push(...rows)
          },
          body: ''
        }
      }
      case 'otlp-metrics': {
        const points = readPoints(decodeOtlp('metrics', bytes), {}, problems, true)
        return { take: () => this.series.add(points), body: '' }
      }
      case 'otlp-logs': {
        const message = decodeOtlp('logs', bytes)
        const logs = message.resourceLogs.flatMap((entry: Tree) => entry.scopeLogs.flatMap((scope: Tree) => scope.logRecords))
        return { take: () => void this.otlpLogs.push(...logs), body: '' }
      }
    }
  }

  private readTraces(bytes: Buffer, headers: DatadogRequest['headers'], problems: string[]): Judged {
    checkLanguage(headers, problems)
    const { spans, traces, unprotected } = readTraces(bytes, problems)
    const count = headers['x-datadog-trace-count']
    if (count !== String(traces)) problems.push(`x-datadog-trace-count ${count} of ${traces} traces`)
    const isComputed = /^(yes|true|1)$/i.test(String(headers['datadog-client-computed-stats'] ?? ''))
    const rows = isComputed ? [] : statisticsOf(spans, this.isWeighing)
    this.checkOneSource(rows, 'agent', problems)
    return {
      take: () => {
        this.spans.push(...spans)
        this.unprotected += unprotected
        this.statistics.rows.push(...rows)
      },
      body: '{"rate_by_service":{"service:,env:":1}}'
    }
  }

  // Statistics from both sides would count every span twice.
  private checkOneSource(rows: readonly StatisticsRow[], source: 'agent' | 'client', problems: string[]): void {
    if (rows.length === 0) return
    this.statisticsBy ??= source
    if (this.statisticsBy !== source) problems.push('statistics come from the client, and the Agent has to make them too')
  }
}

function checkLanguage(headers: DatadogRequest['headers'], problems: string[]): void {
  for (const name of ['datadog-meta-lang', 'datadog-meta-tracer-version']) if (!headers[name]) problems.push(`no ${name}`)
}
