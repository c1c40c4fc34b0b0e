import type { RedactedBatch } from '../../batch.ts'
import type { Outcome } from '../../component.ts'

/** How one signal goes to Datadog. The exporter has one for each signal that is on. */
export interface Lane {
  /** Reads what it keeps over restarts. */
  start?(): Promise<void>
  /** As Exporter.send. */
  send(batch: RedactedBatch, stop: AbortSignal): Promise<Outcome | undefined>
  /** As Exporter.abandon: what became of the parts of a batch that will not be sent again. */
  abandon(batch: RedactedBatch, reason: string): Outcome
  stop?(): Promise<void>
}
