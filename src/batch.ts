import { RefusedError } from './errors.ts'
import { checkRequest } from './otlp/check.ts'
import { SIGNALS as OTLP_SIGNALS, type OtlpSignal } from './otlp/signal.ts'
import { WireError } from './otlp/wire.ts'

/**
 * What travels apart: each signal has its own place in the queue, and its own books. Beside those of OTLP there are `errors`, one log record for
 * each error that the gateway has seen, whichever signal it came in; `envelopes`, one log record for each item of a Sentry envelope, with the
 * item as its body; and `stats`, one metric for each row of what was counted of all spans before sampling.
 */
export type Signal = OtlpSignal | 'errors' | 'envelopes' | 'stats'

export const SIGNALS: readonly Signal[] = [...OTLP_SIGNALS, 'errors', 'envelopes', 'stats']

/** The signal whose export request a batch is, to the byte. */
export function formOf(signal: Signal): OtlpSignal {
  if (signal === 'stats') return 'metrics'
  return signal === 'errors' || signal === 'envelopes' ? 'logs' : signal
}

/**
 * What travels through the gateway: one OTLP export request as bytes. Read-only; changing one means making another, and no change means the very
 * same bytes. Foreign bytes become a Batch in `parseBatch` alone, so views and edits may trust them.
 */
export interface Batch {
  readonly signal: Signal
  readonly bytes: Uint8Array
  /** Spans, log records, data points, profiles, errors, envelope items or rows of statistics in `bytes`. */
  readonly items: number
  readonly receivedAtMs: number
  /** The IP address that it came from, where it came over TCP. Not kept in the queue. */
  readonly sender?: string | undefined
}

declare const redacted: unique symbol

/** A batch that has passed `redact`. The queue and the exporters take no other kind. */
export type RedactedBatch = Batch & { readonly [redacted]: true }

/** Checks one OTLP request from the outside and counts its items. Throws RefusedError `invalid` that names the place and what was expected. */
export function parseBatch(signal: Signal, bytes: Uint8Array, receivedAtMs = Date.now(), sender?: string): Batch {
  try {
    const items = checkRequest(formOf(signal), bytes)
    return sender === undefined ? { signal, bytes, items, receivedAtMs } : { signal, bytes, items, receivedAtMs, sender }
  } catch (error) {
    if (error instanceof WireError) throw new RefusedError('invalid', `${signal}: ${error.message}`)
    throw error
  }
}
