/** What went wrong, in the words that decide who may try again. */
export type RefusalCode =
  | 'invalid' // what came can never be accepted
  | 'too-large' // over a size limit; a smaller request may pass
  | 'unsupported' // a media type or encoding that is not spoken here
  | 'unauthenticated'
  | 'forbidden'
  | 'not-found'
  | 'timeout' // the sender took longer than it may
  | 'busy' // too many requests at once; the queue is fine
  | 'overloaded' // no room to keep what came
  | 'unavailable' // the other side, or a part of ours, is not there now
  | 'internal' // our own fault

/** One row per code: the answer of an HTTP receiver, of a gRPC receiver, and whether the same request may be sent again. */
export const REFUSALS: Record<RefusalCode, { http: number; grpc: number; retryable: boolean }> = {
  invalid: { http: 400, grpc: 3, retryable: false },
  'too-large': { http: 413, grpc: 8, retryable: false },
  unsupported: { http: 415, grpc: 12, retryable: false },
  unauthenticated: { http: 401, grpc: 16, retryable: false },
  forbidden: { http: 403, grpc: 7, retryable: false },
  'not-found': { http: 404, grpc: 12, retryable: false },
  timeout: { http: 408, grpc: 4, retryable: false },
  busy: { http: 429, grpc: 8, retryable: true },
  overloaded: { http: 503, grpc: 14, retryable: true },
  unavailable: { http: 503, grpc: 14, retryable: true },
  internal: { http: 500, grpc: 13, retryable: false }
}

/**
 * The one error of the data path. Thrown by receivers' decoders, by the pipeline and by exporters; `message` names the thing, what came and
 * what was expected, and never quotes payload or secrets. Any other error is a fault of ours.
 */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly code: RefusalCode
  /** How long to wait before the next try, in ms; undefined leaves it to the sender's own back-off. */
  readonly retryAfterMs: number | undefined

  constructor(code: RefusalCode, message: string, { retryAfterMs, cause }: { retryAfterMs?: number | undefined; cause?: unknown } = {}) {
    super(message, cause === undefined ? undefined : { cause })
    this.code = code
    this.retryAfterMs = retryAfterMs
  }

  get retryable(): boolean {
    return REFUSALS[this.code].retryable
  }
}

/** The message of anything that was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
