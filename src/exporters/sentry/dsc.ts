// The dynamic sampling context, which goes along in the header of an envelope: all of it texts.
// https://develop.sentry.dev/sdk/telemetry/traces/dynamic-sampling-context/
import type { JsonObject } from '../../sentry/envelope.ts'
import type { Sampling } from './sampling.ts'
import type { Settings } from './settings.ts'
import type { Source } from './source.ts'

/** Traces whose context is remembered. */
const TRACES_MAX = 4096

/**
 * Contexts of traces. The first that is made for a trace stays: Sentry decides by it about each part of a trace, and must decide alike. Only the rate
 * may differ: spans that were kept at another rate, as errors are, go by themselves under theirs, or they would be counted wrong.
 */
export class TraceHeaders {
  private readonly settings: Settings
  private readonly headers = new Map<string, JsonObject>()

  constructor(settings: Settings) {
    this.settings = settings
  }

  /** `transaction`: the name of the trace's first span, where it is known and stands for many. */
  of(traceId: string, sampling: Sampling, source: Source, transaction: string | undefined): JsonObject {
    const { headers } = this
    let frozen = headers.get(traceId)
    if (frozen === undefined) {
      frozen = this.identity(traceId, source, transaction)
      if (headers.size >= TRACES_MAX) headers.delete(headers.keys().next().value!)
      headers.set(traceId, frozen)
    }
    const rand = decimal(sampling.random)
    return sampling.rate === undefined
      ? { ...frozen, sample_rand: rand, sampled: 'true' }
      : { ...frozen, sample_rate: decimal(sampling.rate), sample_rand: rand, sampled: 'true' }
  }

  /** Of an error, which is sent whether its trace was kept or not. */
  ofError(traceId: string, source: Source): JsonObject {
    return this.headers.get(traceId) ?? this.identity(traceId, source, undefined)
  }

  private identity(traceId: string, { release, environment }: Source, transaction: string | undefined): JsonObject {
    const { publicKey, organisation } = this.settings
    const context: Record<string, string> = { trace_id: traceId, public_key: publicKey, environment }
    if (release !== undefined) context.release = release
    if (organisation !== undefined) context.org_id = organisation
    if (transaction !== undefined) context.transaction = transaction
    return context
  }
}

/** A share as a text without an exponent, which not everybody reads. */
export function decimal(share: number): string {
  const [digits, exponent] = String(share).split('e-')
  return exponent === undefined ? digits : `0.${'0'.repeat(Number(exponent) - 1)}${digits.replace('.', '')}`
}
