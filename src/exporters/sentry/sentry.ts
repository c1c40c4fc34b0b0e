import type { z } from 'zod'
import type { RedactedBatch, Signal } from '../../batch.ts'
import { defineExporter, type Exporter, type Host, type Outcome } from '../../component.ts'
import { choice, duration, flag, group, list, maybe, secret, size, text } from '../../config/schema.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { readTls } from '../../net/client-tls.ts'
import { HttpClient } from '../../net/http-client.ts'
import { type Dsn, parseDsn } from '../../sentry/dsn.ts'
import { Destinations } from './destinations.ts'
import { Packer } from './packer.ts'
import { Progress } from './progress.ts'
import { Reporter } from './reporter.ts'
import { Sender } from './sender.ts'
import { StateFile } from './state-file.ts'

const SEVERITIES = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const

const options = {
  dsn: secret({ doc: 'The DSN of the project that everything goes to which no rule of `dsns` sends elsewhere.' }),
  dsns: list(
    group(
      {
        services: list(text({ default: '', doc: 'A service by service.name; `*` stands for any characters.' }), {
          doc: 'Whose telemetry goes there.'
        }),
        projects: list(text({ default: '', doc: 'A number, or a public key.' }), {
          doc: 'Projects to whose DSN Sentry SDKs send at this gateway, and whose envelopes go there.'
        }),
        dsn: secret({ doc: 'The DSN of the project.' })
      },
      { doc: 'One project.' }
    ),
    { doc: 'Other projects; the first that fits is taken.' }
  ),
  errors: flag({ default: true, doc: 'Send every error as an event, with its trail.' }),
  envelopes: flag({ default: true, doc: 'Send on what Sentry SDKs send to this gateway.' }),
  spans: choice(['spans', 'transactions', 'otlp', 'off'], {
    default: 'spans',
    doc: 'How kept traces are sent: as spans, as transactions for Sentry before spans, or as OTLP, from which Sentry cannot tell the sample rate.'
  }),
  logs: choice(['logs', 'otlp', 'off'], { default: 'logs', doc: 'How log records are sent: as logs of Sentry, or as OTLP.' }),
  minSeverity: choice(SEVERITIES, {
    default: 'trace',
    doc: 'The least severe log records to send. Those that do not say their severity are sent.'
  }),
  environment: maybe(text({ doc: 'The environment in place of what deployment.environment.name says; without either it is production.' })),
  release: maybe(text({ doc: 'The release in place of service.name@service.version.' })),
  sendEmail: flag({ default: true, doc: 'Leave a user’s e-mail address in the user of an error, where redaction has left it.' }),
  tags: list(text({ default: '', doc: 'An attribute by its name.' }), {
    doc: 'Attributes that become tags of errors, beside those that always do.'
  }),
  clientReports: flag({ default: true, doc: 'Tell Sentry what was sampled away or dropped, so that its statistics are right.' }),
  limitWaitMax: duration({
    default: '10m',
    doc: 'How long items wait while Sentry takes no more of their category; after that they are dropped until it does.'
  }),
  holdMax: duration({
    default: '1m',
    doc: 'With several DSNs: how long one that is limited or cannot be reached may hold up the others; then its items are given up.'
  }),
  compression: choice(['gzip', 'zstd', 'none'], { default: 'gzip', doc: 'How bodies are compressed.' }),
  timeout: duration({ default: '15s', min: '1ms', doc: 'How long a request may take, its answer included.' }),
  batchMax: size({ default: '1MiB', min: '1KiB', max: '16MiB', doc: 'Neighbours in the queue are taken together up to this size.' }),
  proxy: text({
    default: 'environment',
    doc: 'The URL of an HTTP proxy, off, or environment for what HTTPS_PROXY, HTTP_PROXY and NO_PROXY say; hosts on this machine are then direct.'
  }),
  tls: group(
    {
      caFile: maybe(text({ doc: 'PEM file with the authorities that are trusted, in place of the public ones.' })),
      certFile: maybe(text({ doc: 'PEM file with the gateway’s own certificate, where a proxy or a Relay asks for one.' })),
      keyFile: maybe(text({ doc: 'PEM file with the key of that certificate.' })),
      insecure: flag({ default: false, doc: 'Takes any certificate. Whoever is on the way then reads the telemetry.' })
    },
    { doc: 'For https DSNs.' }
  )
}

/**
 * Sends to Sentry: errors as events, spans and logs as items, and the envelopes of Sentry SDKs. Each batch leaves as many small envelopes, and each
 * arrives once: what was taken is not sent again when another must be.
 */
export const sentry = defineExporter({
  type: 'sentry',
  summary: 'Send errors, kept traces, logs and the envelopes of Sentry SDKs to Sentry.',
  options,
  signals: (given) => signalsOf(given),
  batchBytesMax: ({ batchMax }) => batchMax,
  create: (given, host) => new SentryExporter(given, host)
})

export type SentryOptions = z.output<z.ZodObject<typeof options>>

function signalsOf({ errors, envelopes, spans, logs }: SentryOptions): Signal[] {
  const signals: [Signal, boolean][] = [
    ['errors', errors],
    ['envelopes', envelopes],
    ['traces', spans !== 'off'],
    ['logs', logs !== 'off']
  ]
  return signals.filter(([, isOn]) => isOn).map(([signal]) => signal)
}

/** At the stop, what is left to report may take this long. */
const LAST_REPORT_MS = 2_000

class SentryExporter implements Exporter {
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

  /** Throws RefusedError when a DSN, a file or the proxy cannot be used. */
  async start(): Promise<void> {
    const { host, options: given } = this
    const place = `exporters.${host.name}`
    const rules = given.dsns.map((rule, i) => ({ ...rule, dsn: dsnOf(rule.dsn, `${place}.dsns[${i}].dsn`) }))
    this.destinations = new Destinations(dsnOf(given.dsn, `${place}.dsn`), rules)
    const tls = await readTls(given.tls, `${place}.tls`)
    try {
      this.client = new HttpClient({ tls, proxy: given.proxy })
    } catch (error) {
      throw new RefusedError('invalid', `${place}: ${messageOf(error)}`)
    }
    this.restoreLimits()
    const version = host.version ?? '0.0.0'
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

  async stop(): Promise<void> {
    if (this.options.clientReports && this.reporter !== undefined) {
      const tooLong = setTimeout(() => void this.client.close(), LAST_REPORT_MS)
      await this.reporter.stop()
      clearTimeout(tooLong)
    }
    await this.client?.close()
  }

  async send(batch: RedactedBatch, signal: AbortSignal): Promise<Outcome | undefined> {
    const progress = this.progressOf(batch)
    const parcels = this.packer.pack(batch, progress)
    await this.sender.send(batch, parcels, progress, signal)
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

function dsnOf(given: string, option: string): Dsn {
  try {
    return parseDsn(given)
  } catch (error) {
    throw new RefusedError('invalid', `${option}: ${messageOf(error)}`)
  }
}

/** The first number of a level, as OpenTelemetry counts them. */
function severityNumber(level: (typeof SEVERITIES)[number]): number {
  return SEVERITIES.indexOf(level) * 4 + 1
}

function isLoopback(host: string): boolean {
  return /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/.test(host)
}
