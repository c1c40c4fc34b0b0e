import type { ServerOptions } from 'node:https'
import { type IntakeLog, readLogs } from './datadog-logs.ts'
import { checkUnique, IntakeSeries, readDistributions, readSeries } from './datadog-metrics.ts'
import { checkSpanMapping, decodeOtlp, type OtlpSpan, plain, readMetricConfig, readPoints, readSpans, type Tree } from './datadog-otlp.ts'
import { type DatadogRequest, DatadogServer, type Judged, type Route } from './datadog-server.ts'
import { Statistics, type StatisticsRow } from './datadog-statistics.ts'
import { readSpanMetric, SPAN_METRIC } from './datadog-stats-payload.ts'
import { type DatadogSpan, fromOtlp, statisticsOf } from './datadog-traces.ts'

export type IntakeKind = 'logs' | 'series' | 'distributions' | 'otlp-traces' | 'otlp-metrics' | 'otlp-logs'

const MEGABYTE = 1_000_000
const json = { methods: ['POST'], types: ['application/json'], status: 202 }
const protobuf = { methods: ['POST'], types: ['application/x-protobuf'], encodings: ['identity', 'gzip', 'zstd'], status: 202 }
const LOGS_MAX = 1000

const ROUTES: Readonly<Record<string, Route<IntakeKind>>> = {
  '/api/v2/logs': {
    ...json,
    kind: 'logs',
    encodings: ['identity', 'gzip', 'deflate'],
    wireBytesMax: 5 * MEGABYTE,
    bytesMax: 5 * MEGABYTE
  },
  '/api/v2/series': {
    ...json,
    kind: 'series',
    encodings: ['identity', 'gzip', 'deflate', 'zstd'],
    wireBytesMax: 512_000,
    bytesMax: 5_242_880
  },
  '/api/v1/distribution_points': {
    ...json,
    kind: 'distributions',
    encodings: ['identity', 'deflate'],
    wireBytesMax: 512_000,
    bytesMax: 5_242_880
  },
  '/v1/traces': { ...protobuf, kind: 'otlp-traces', wireBytesMax: 3.2 * MEGABYTE, bytesMax: 3.2 * MEGABYTE },
  '/v1/metrics': { ...protobuf, kind: 'otlp-metrics', wireBytesMax: 0.5 * MEGABYTE, bytesMax: 5 * MEGABYTE },
  '/v1/logs': { ...protobuf, kind: 'otlp-logs', wireBytesMax: 5 * MEGABYTE, bytesMax: 5 * MEGABYTE }
}

/**
 * Datadog's intakes, in strict, all at one address: logs v2, series v2, distribution points and OTLP. What was not by the protocol stands in
 * `violations` and is refused; what was taken can be looked at as Datadog would show it.
 */
export class DatadogBackend extends DatadogServer<IntakeKind> {
  /** Another key is answered with 403. */
  key = 'd'.repeat(32)
  readonly logs: IntakeLog[] = []
  /** Logs that were taken and not kept because of their age, and logs that were kept in part. */
  logsTooOld = 0
  logsTruncated = 0
  readonly series = new IntakeSeries()
  readonly otlpSpans: OtlpSpan[] = []
  /** The same as Datadog keeps them. */
  readonly spans: DatadogSpan[] = []
  readonly otlpLogs: Tree[] = []
  readonly statistics = new Statistics()
  /** Headers of each request that was taken, by kind. */
  readonly headers: Partial<Record<IntakeKind, DatadogRequest['headers'][]>> = {}
  protected readonly routes = ROUTES
  private statisticsBy: 'intake' | 'sender' | undefined

  /** Listens on loopback until the test ends. */
  static start(
    t: { after(done: () => unknown): void },
    { port = 0, tls }: { port?: number; tls?: ServerOptions } = {}
  ): Promise<DatadogBackend> {
    return new DatadogBackend(tls).listen(t, port)
  }

  /** The logs that are shown beside a trace, by the id of the trace in hexadecimal; of a span, when that is given. */
  logsOf(traceIdHex: string, spanIdHex?: string): IntakeLog[] {
    const traceId = String(BigInt(`0x${traceIdHex.slice(-16)}`))
    const spanId = spanIdHex === undefined ? undefined : String(BigInt(`0x${spanIdHex}`))
    return this.logs.filter((log) => log.traceId === traceId && (spanId === undefined || log.spanId === spanId))
  }

  protected admit(kind: IntakeKind, { headers, url }: DatadogRequest) {
    const key = headers['dd-api-key']
    if (url.search.includes(this.key)) return { status: 403, problem: 'the key stands in the URL', isFault: true }
    if (key === undefined) return { status: kind === 'logs' ? 401 : 403, problem: 'no dd-api-key', isFault: true }
    return key === this.key ? undefined : { status: 403, problem: 'Forbidden', isFault: false }
  }

  protected judge(kind: IntakeKind, request: DatadogRequest, problems: string[]): Judged {
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

  private read(kind: IntakeKind, { bytes, headers, atMs }: DatadogRequest, problems: string[]): Judged {
    switch (kind) {
      case 'logs':
        return this.readLogs(bytes, problems, atMs)
      case 'series':
      case 'distributions': {
        const points = (kind === 'series' ? readSeries : readDistributions)(bytes, problems, atMs)
        return { take: () => this.series.add(points), body: kind === 'series' ? '{"errors":[]}' : '{"status":"ok"}' }
      }
      case 'otlp-traces':
        return this.readTraces(bytes, headers, problems)
      case 'otlp-metrics':
        return this.readMetrics(bytes, headers, problems)
      case 'otlp-logs': {
        const message = decodeOtlp('logs', bytes)
        const logs = message.resourceLogs.flatMap((entry: Tree) => entry.scopeLogs.flatMap((scope: Tree) => scope.logRecords))
        if (logs.length > LOGS_MAX) problems.push(`${logs.length} logs, at most ${LOGS_MAX}`)
        return { take: () => void this.otlpLogs.push(...logs), body: '' }
      }
    }
  }

  private readLogs(bytes: Buffer, problems: string[], atMs: number): Judged {
    const { logs, tooOld, truncated } = readLogs(bytes, problems, atMs)
    return {
      take: () => {
        this.logs.push(...logs)
        this.logsTooOld += tooOld
        this.logsTruncated += truncated
      }
    }
  }

  private readTraces(bytes: Buffer, headers: DatadogRequest['headers'], problems: string[]): Judged {
    checkSpanMapping(headers['dd-otel-span-mapping'] as string | undefined, problems)
    const computes = headers.compute_stats
    if (computes !== undefined && computes !== 'true' && computes !== 'false') problems.push(`compute_stats: ${computes}`)
    const spans = readSpans(decodeOtlp('traces', bytes), problems)
    const kept = problems.length === 0 ? fromOtlp(spans) : []
    const rows = computes === 'true' ? statisticsOf(kept, false) : []
    this.checkOneSource(rows, 'intake', problems)
    return {
      take: () => {
        this.otlpSpans.push(...spans)
        this.spans.push(...kept)
        this.statistics.rows.push(...rows)
      },
      body: ''
    }
  }

  private readMetrics(bytes: Buffer, headers: DatadogRequest['headers'], problems: string[]): Judged {
    const config = readMetricConfig(headers['dd-otel-metric-config'] as string | undefined, problems)
    const message = decodeOtlp('metrics', bytes)
    const points = readPoints(message, config, problems)
    checkUnique(points, problems)
    const rows: StatisticsRow[] = []
    for (const entry of message.resourceMetrics ?? [])
      for (const scope of entry.scopeMetrics ?? [])
        for (const metric of scope.metrics ?? [])
          if (metric.name === SPAN_METRIC) rows.push(...readSpanMetric(metric, plain(entry.resource?.attributes), plain, problems))
    this.checkOneSource(rows, 'sender', problems)
    return {
      take: () => {
        this.series.add(points)
        this.statistics.rows.push(...rows)
      },
      body: ''
    }
  }

  // Statistics from both sides would count every span twice.
  private checkOneSource(rows: readonly StatisticsRow[], source: 'intake' | 'sender', problems: string[]): void {
    if (rows.length === 0) return
    this.statisticsBy ??= source
    if (this.statisticsBy !== source) problems.push('statistics come from the sender, and the intake is asked for them too')
  }
}
