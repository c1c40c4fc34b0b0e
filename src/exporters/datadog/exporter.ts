import { hostname } from 'node:os'
import type { RedactedBatch, Signal } from '../../batch.ts'
import type { Exporter, Host, Outcome } from '../../component.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { readTls } from '../../net/client-tls.ts'
import { HttpClient } from '../../net/http-client.ts'
import { AgentStats } from './agent-stats.ts'
import { DeltaJournal } from './delta-journal.ts'
import { DeltaState } from './delta-state.ts'
import { Deltas } from './deltas.ts'
import { type Endpoints, endpointsOf } from './endpoints.ts'
import { HistogramStats } from './histogram-stats.ts'
import { Intake } from './intake.ts'
import { ApiKey } from './keys.ts'
import type { Lane } from './lane.ts'
import { LogsLane } from './logs.ts'
import { MetricsLane } from './metrics.ts'
import { NativeTraces } from './native-traces.ts'
import type { DatadogOptions } from './options.ts'
import { otlpMetrics } from './otlp-metrics.ts'
import { Pace } from './pace.ts'
import { seriesMetrics } from './series.ts'
import { checkAgent, statisticsBy, wantsKey } from './statistics-by.ts'
import { OtlpTraces } from './traces.ts'

/** One lane for each signal, over one client and with one key. */
export class DatadogExporter implements Exporter {
  private readonly options: DatadogOptions
  private readonly host: Host
  private readonly lanes = new Map<Signal, Lane>()
  private readonly paces = new Map<Signal, Pace>()
  private client: HttpClient | undefined
  private direct: HttpClient | undefined
  private intake: Intake | undefined

  constructor(given: DatadogOptions, host: Host) {
    this.options = given
    this.host = host
  }

  /** Throws RefusedError when the key, an endpoint, a file or the proxy cannot be used. */
  async start(): Promise<void> {
    const { host, options: given } = this
    const place = `exporters.${host.name}`
    checkAgent(given, place)
    const key = new ApiKey(given.apiKey, given.apiKeyFile, place)
    if (wantsKey(given)) await key.read()
    const endpoints = endpointsOf(given, place)
    const tls = await readTls(given.tls, `${place}.tls`)
    this.direct = new HttpClient({ proxy: 'off' })
    try {
      this.client = new HttpClient({ tls, proxy: given.proxy })
    } catch (error) {
      throw new RefusedError('invalid', `${place}: ${messageOf(error)}`)
    }
    const settings = { compression: given.compression, timeoutMs: given.timeout, site: given.site }
    this.intake = new Intake(settings, host, this.client, key, this.direct)
    this.addTraces(given, endpoints, this.intake)
    if (given.logs !== 'off') this.lanes.set('logs', new LogsLane(endpoints.logs, this.intake, host, given.hostname))
    if (given.metrics !== 'off') this.lanes.set('metrics', this.metricsLane(given, endpoints, this.intake))
    for (const signal of ['logs', 'metrics'] as const) this.paces.set(signal, new Pace(given.batchWait, given.batchMax / 2))
    for (const lane of this.lanes.values()) await lane.start?.()
  }

  private metricsLane(given: DatadogOptions, endpoints: Endpoints, intake: Intake): Lane {
    const { host } = this
    const isOtlp = given.metrics === 'otlp'
    const options = { exporter: host.name, seriesMax: given.seriesMax, expireAfterMs: given.seriesExpireAfter }
    const state = new DeltaState(options, new DeltaJournal(host.stateDir, host.log), host.metrics)
    const summaries = isOtlp ? 'as-they-came' : 'differences'
    const { resourceTags, scopeTags } = given
    const deltas = new Deltas(state, { instance: hostname(), hostname: given.hostname, summaries, resourceTags, scopeTags })
    const format = isOtlp ? otlpMetrics(endpoints.metrics, given) : seriesMetrics(endpoints.series, given)
    return new MetricsLane(format, deltas, state, intake, host)
  }

  private addTraces(given: DatadogOptions, endpoints: Endpoints, intake: Intake): void {
    const { lanes, host } = this
    const { traces, hostname } = given
    if (traces === 'off') return
    const by = statisticsBy(given)
    const isCounted = by !== 'weights'
    if (traces === 'agent') lanes.set('traces', new NativeTraces({ url: endpoints.agentTraces!, isCounted, hostname }, intake, host))
    else {
      const isIntake = traces === 'intake'
      const url = isIntake ? endpoints.traces : endpoints.agentOtlp!
      const marks = { isCounted: isCounted && !isIntake, isChosen: !isIntake, isCountedThere: isIntake && !isCounted }
      lanes.set('traces', new OtlpTraces({ url, isIntake, ...marks }, intake))
    }
    if (by === 'agent') lanes.set('stats', new AgentStats(endpoints.agentStats!, intake, host, hostname))
    if (by === 'histogram') lanes.set('stats', new HistogramStats(endpoints.metrics, intake, hostname))
  }

  async stop(): Promise<void> {
    for (const lane of this.lanes.values()) await lane.stop?.()
    await this.client?.close()
    await this.direct?.close()
  }

  async send(batch: RedactedBatch, signal: AbortSignal): Promise<Outcome | undefined> {
    await this.paces.get(batch.signal)?.wait(batch, signal)
    return this.lanes.get(batch.signal)!.send(batch, signal)
  }

  abandon(batch: RedactedBatch, reason: string): Outcome {
    return this.lanes.get(batch.signal)!.abandon(batch, reason)
  }

  trouble(): { readonly sinceMs: number; readonly message: string } | null {
    return this.intake?.trouble ?? null
  }
}
