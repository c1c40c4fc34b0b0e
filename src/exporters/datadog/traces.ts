import type { RedactedBatch } from '../../batch.ts'
import type { Outcome } from '../../component.ts'
import { RefusedError } from '../../errors.ts'
import type { Intake } from './intake.ts'
import type { Lane } from './lane.ts'
import { type OtlpMarks, preparedTraces } from './otlp-traces.ts'
import { Parts } from './parts.ts'

export interface OtlpTracesOptions extends OtlpMarks {
  readonly url: URL
  /** The intake itself, and no Agent: it wants the key. */
  readonly isIntake: boolean
  /** The intake is to make statistics of these spans. */
  readonly isCountedThere: boolean
}

/** https://docs.datadoghq.com/opentelemetry/setup/otlp_ingest/traces/ */
const INTAKE_BYTES_MAX = 3_200_000
// The names stand in attributes; this keeps the intake from making others where they are missing.
const SPAN_MAPPING = JSON.stringify({ span_name_as_resource_name: false })

/** Traces by OTLP: to an Agent on the node, or to the intake. */
export class OtlpTraces implements Lane {
  private readonly options: OtlpTracesOptions
  private readonly intake: Intake
  private readonly parts = new Parts()

  constructor(options: OtlpTracesOptions, intake: Intake) {
    this.options = options
    this.intake = intake
  }

  async send(batch: RedactedBatch, stop: AbortSignal): Promise<Outcome | undefined> {
    const { url, isIntake, isCountedThere } = this.options
    const body = preparedTraces(batch.bytes, this.options)
    if (isIntake && body.length > INTAKE_BYTES_MAX)
      throw new RefusedError('too-large', `${body.length} bytes of spans, the intake takes ${INTAKE_BYTES_MAX}`)
    const headers: Record<string, string> = !isIntake
      ? {}
      : { 'dd-otel-span-mapping': SPAN_MAPPING, ...(isCountedThere && { compute_stats: 'true' }) }
    await this.intake.post({ signal: 'traces', url, contentType: 'application/x-protobuf', headers, body, withKey: isIntake }, stop)
    return undefined
  }

  abandon(batch: RedactedBatch, reason: string): Outcome {
    return this.parts.abandon(batch, reason)
  }
}
