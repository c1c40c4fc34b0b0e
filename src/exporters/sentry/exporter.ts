import type { RedactedBatch, Signal } from '../../batch.ts'
import type { Exporter, Host, Outcome } from '../../component.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { readTls } from '../../net/client-tls.ts'
import { HttpClient } from '../../net/http-client.ts'
import { parseDsn } from '../../sentry/dsn.ts'
import { Destinations } from './destinations.ts'
import { SEVERITIES, type SentryOptions, signalsOf } from './options.ts'
import { Packer } from './packer.ts'
import { Progress, runsOf } from './progress.ts'
import { Reporter } from './reporter.ts'
import { Attempt, Sender } from './sender.ts'
import { StateFile } from './state-file.ts'

/** At the stop, what is left to report may take this long. */
const LAST_REPORT_MS = 2_000

/** Each batch leaves as many small envelopes, and each arrives once: what was taken is not sent again when another must be. */
export class SentryExporter implements Exporter {
  private readonly options: SentryOptions
  private readonly host: Host
  private readonly limitsFile: StateFile
  /** The batch of each signal that is not through yet. */
  private readonly unfinished = new Map<Signal, Progress>()
  private client!: HttpClient
  private destinations!: Destinations
  private packer!: Packer
  private sender!: Sender
  private reporter!: Reporter
  private keepsLimits = true

  constructor(given: SentryOptions, host: Host) {
    this.options = given
    this.host = host
    this.limitsFile = new StateFile(host.stateDir, 'rate-limits.json')
  }

  /** Throws RefusedError when a file or the proxy cannot be used. */
  async start(): Promise<void> {
    const { host, options: given } = this
    const place = `exporters.${host.name}`
    const rules = given.dsns.map((rule) => ({ ...rule, dsn: parseDsn(rule.dsn) }))
    this.destinations = new Destinations(parseDsn(given.dsn), rules)
    const tls = await readTls(given.tls, `${place}.tls`)
    try {
      this.client = new HttpClient({ tls, proxy: given.proxy })
    } catch (error) {
      throw new RefusedError('invalid', `${place}: ${messageOf(error)}`)
    }
    this.restoreLimits()
    const { version } = host
    this.packer = new Packer({ ...given, minSeverity: severityNumber(given.minSeverity), version }, this.destinations, host)
    this.sender = new Sender(
      {
        compression: given.compression,
        timeoutMs: given.timeout,
        limitWaitMaxMs: given.limitWaitMax,
        holdMaxMs: given.holdMax,
        version
      },
      host,
      this.client,
      this.destinations,
      () => this.keepLimits()
    )
    this.reporter = new Reporter(host, this.destinations, this.sender, signalsOf(given))
    if (given.clientReports) this.reporter.start()
    for (const { dsn, name } of this.destinations.all)
      if (dsn.base.startsWith('http:') && !isLoopback(dsn.host))
        host.log.warn({ exporter: host.name, destination: name }, 'the DSN says http: telemetry goes to another machine unencrypted')
  }

  async stop(withinMs = LAST_REPORT_MS): Promise<void> {
    if (this.options.clientReports && this.reporter !== undefined) {
      const tooLong = setTimeout(() => void this.client.close(), Math.min(LAST_REPORT_MS, withinMs))
      await this.reporter.stop()
      clearTimeout(tooLong)
    }
    await this.client?.close()
  }

  async send(batch: RedactedBatch, signal: AbortSignal): Promise<Outcome | undefined> {
    const progress = this.progressOf(batch)
    const attempt = new Attempt()
    for (const run of runsOf(batch, this.options.batchMax)) {
      if (signal.aborted) break
      await this.sender.send(batch, this.packer.pack(batch, run, progress), progress, attempt, signal)
    }
    if (progress.open > 0) throw attempt.error()
    this.unfinished.delete(batch.signal)
    return progress.outcome()
  }

  abandon(batch: RedactedBatch, reason: string): Outcome {
    const progress = this.progressOf(batch)
    this.unfinished.delete(batch.signal)
    progress.dropRest(reason, 'it could not be delivered in time')
    return progress.outcome() ?? { rejected: 0, reason: '' }
  }

  trouble(): { sinceMs: number; message: string } | null {
    for (const { refusal } of this.destinations?.all ?? []) if (refusal !== undefined) return refusal
    return this.unreachable()
  }

  private unreachable(): { sinceMs: number; message: string } | null {
    const origin = this.destinations?.origins.find(({ downSinceMs }) => downSinceMs !== null)
    return origin === undefined ? null : { sinceMs: origin.downSinceMs!, message: `${origin.host} cannot be reached` }
  }

  private progressOf(batch: RedactedBatch): Progress {
    const known = this.unfinished.get(batch.signal)
    if (known?.isOf(batch)) return known
    const progress = new Progress(batch)
    this.unfinished.set(batch.signal, progress)
    return progress
  }

  private restoreLimits(): void {
    const saved = this.limitsFile.read()
    for (const { id, limits } of this.destinations.all) limits.restore(saved[id], Date.now())
  }

  private keepLimits(): void {
    const { name, log } = this.host
    try {
      this.limitsFile.write(Object.fromEntries(this.destinations.all.map((to) => [to.id, to.limits.save()])))
      this.keepsLimits = true
    } catch (error) {
      if (this.keepsLimits) log.warn({ exporter: name, error: messageOf(error) }, 'rate limits are not kept over a restart')
      this.keepsLimits = false
    }
  }
}

/** The first number of a level, as OpenTelemetry counts them. */
function severityNumber(level: (typeof SEVERITIES)[number]): number {
  return SEVERITIES.indexOf(level) * 4 + 1
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
}
