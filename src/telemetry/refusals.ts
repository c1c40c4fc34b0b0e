import { RefusedError } from '../errors.ts'
import { faultOf } from './fault.ts'
import type { Metrics } from './metrics.ts'
import { Rarely } from './rarely.ts'

/** When a sender may try again and nobody said when. */
const RETRY_MS = 1000

/** The receiver that refuses. */
interface Refuser {
  readonly name: string
  readonly log: { error(fields: object, message: string): void }
  readonly metrics: Metrics
}

/** Everything that one transport of a receiver did not accept: counted by reason, and faults of ours logged. */
export class Refusals {
  private readonly host: Refuser
  private readonly transport: string
  private readonly rarely = new Rarely()

  constructor(host: Refuser, transport: string) {
    this.host = host
    this.transport = transport
  }

  count(reason: string): void {
    const counter = this.host.metrics.counter(
      'sluice_receiver_refused_requests_total',
      'Requests and connections that a receiver did not accept, by reason.'
    )
    counter.add(1, { receiver: this.host.name, transport: this.transport, reason })
  }

  /** What to tell the sender of a request that ended with `error`. What may be tried again carries a time. */
  of(error: unknown): RefusedError {
    const refused = error instanceof RefusedError ? error : this.fault(error)
    this.count(refused.code)
    const { code, message, retryable, retryAfterMs } = refused
    if (!retryable || retryAfterMs !== undefined) return refused
    return new RefusedError(code, message, { retryAfterMs: RETRY_MS })
  }

  private fault(error: unknown): RefusedError {
    const fault = faultOf(error, 3)
    const { transport } = this
    if (this.rarely.isDue(fault.place))
      this.host.log.error({ receiver: this.host.name, transport, ...fault }, 'a request failed by a fault of the gateway')
    return new RefusedError('internal', 'a fault of the gateway')
  }
}
