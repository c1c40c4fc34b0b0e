import { type EnvelopeItem, objectOf } from '../../sentry/envelope.ts'
import type { Quantity } from './parcel.ts'
import type { Category } from './rate-limits.ts'

const CATEGORY_OF: Readonly<Record<string, Category>> = {
  check_in: 'monitor',
  client_report: 'internal',
  session: 'session',
  sessions: 'session',
  profile: 'profile',
  profile_chunk: 'profile_chunk',
  replay_event: 'replay',
  replay_recording: 'replay',
  replay_video: 'replay',
  feedback: 'feedback',
  otel_log: 'log_item'
}

/** What Sentry counts an item as. */
export function quantitiesOf({ header, payload }: EnvelopeItem): Quantity[] {
  const count = typeof header.item_count === 'number' && header.item_count > 0 ? header.item_count : 1
  switch (header.type) {
    case 'event':
      return [[contentOf(payload)?.exception === undefined ? 'default' : 'error', 1]]
    case 'transaction': {
      const spans = contentOf(payload)?.spans
      // The transaction is a span too.
      return [
        ['transaction', 1],
        ['span', 1 + (Array.isArray(spans) ? spans.length : 0)]
      ]
    }
    case 'span':
      return [['span', count]]
    case 'log':
      return [
        ['log_item', count],
        ['log_byte', payload.length]
      ]
    case 'trace_metric':
      return [
        ['trace_metric', count],
        ['trace_metric_byte', payload.length]
      ]
    case 'attachment':
      return [['attachment', Math.max(1, payload.length)]]
    default:
      return [[Object.hasOwn(CATEGORY_OF, header.type) ? CATEGORY_OF[header.type] : 'default', 1]]
  }
}

/** The categories whose limits hold for these. A transaction whose spans are over their quota is still taken, without them. */
export function limitedBy(quantities: readonly Quantity[]): Category[] {
  const categories = new Set(quantities.map(([category]) => category))
  if (categories.has('transaction')) categories.delete('span')
  return [...categories]
}

const contentOf = (payload: Uint8Array) => objectOf(Buffer.from(payload.buffer, payload.byteOffset, payload.length).toString())
