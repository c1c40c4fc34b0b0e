import type { Host, Push } from '../../component.ts'
import { openCollector } from '../../logs/collector.ts'
import { LineCounts } from '../../logs/counts.ts'
import type { CollectorSettings, LogCollector } from '../../logs/log-collector.ts'
import type { LogFormat, LogSource } from '../../logs/log-source.ts'
import type { Connection, StreamEvent } from '../../net/stream-server.ts'
import { faultOf } from '../../telemetry/fault.ts'
import type { Counter } from '../../telemetry/metrics.ts'
import { Rarely } from '../../telemetry/rarely.ts'
import type { FluentEvent } from './fluent-reader.ts'
import type { PartBudget } from './part-budget.ts'

/** What all ways in of a receiver have in common. */
export interface IntakeSettings {
  readonly collector: CollectorSettings
  readonly format: LogFormat
  readonly parts: PartBudget
}

/** What one way in, as `tcp`, does with what it reads, whichever address it comes from. */
export class Intake {
  readonly transport: string
  readonly collector: LogCollector
  readonly lineBytesMax: number
  readonly parts: PartBudget
  private readonly format: LogFormat
  private readonly host: Host
  private readonly counts: LineCounts
  private readonly bytes: Counter
  private readonly labels: { readonly receiver: string; readonly transport: string }
  private readonly rarely = new Rarely()

  constructor(transport: string, { collector, format, parts }: IntakeSettings, push: Push, host: Host) {
    this.transport = transport
    this.collector = openCollector(host, transport, collector, push)
    this.lineBytesMax = collector.lineBytesMax
    this.parts = parts
    this.format = format
    this.host = host
    this.counts = new LineCounts(host, transport)
    this.labels = { receiver: host.name, transport }
    this.bytes = host.metrics.counter('sluice_log_bytes_total', 'Bytes of log streams that were read, by receiver and transport.')
  }

  source(sender: string | undefined): LogSource {
    return { resource: {}, attributes: {}, scope: `sluice.logs.${this.transport}`, format: this.format, sender }
  }

  /** Counts what was read. */
  read(bytes: number): void {
    this.bytes.add(bytes, this.labels)
  }

  /** Counts what is not taken. */
  drop(lines: number, reason: string): void {
    this.counts.drop(lines, reason)
  }

  /** Makes the other side wait while there is no room for more. */
  throttle(connection: Pick<Connection, 'pause' | 'resume'>): void {
    const { collector } = this
    if (!collector.isFull) return
    connection.pause()
    void collector.room().then(() => connection.resume())
  }

  /** Counts what befell a connection. */
  event(reason: StreamEvent | FluentEvent): void {
    this.count(reason)
  }

  /** What was not taken, though it might have been: counted, and told now and then. `message` quotes nothing of it. */
  refused(reason: string, message: string): void {
    this.count(reason)
    if (this.rarely.isDue(reason)) this.host.log.warn({ ...this.labels, reason, error: message }, 'log lines were not taken')
  }

  fault(error: unknown): void {
    const fault = faultOf(error, 3)
    if (this.rarely.isDue(fault.place)) this.host.log.error({ ...this.labels, ...fault }, 'log lines were lost by a fault of the gateway')
  }

  private count(reason: string): void {
    const counter = this.host.metrics.counter(
      'sluice_receiver_refused_requests_total',
      'Requests and connections that a receiver did not accept, by reason.'
    )
    counter.add(1, { ...this.labels, reason })
  }
}
