import type { LogRecord } from '../../otlp/objects.ts'
import { compact, fitted } from './contexts.ts'
import { isId } from './ids.ts'
import type { Trimmed } from './limits.ts'
import { kindOf, opOf, STATUS_ERROR, statusOf, Traits } from './operation.ts'
import type { Taken } from './taken.ts'
import type { Attributes, JsonMap } from './values.ts'

/** Attributes that tell of the work that a span did; they stand with the trace, and not among the rest. */
const FAMILIES = [
  ...['http.', 'url.', 'server.', 'client.', 'network.', 'net.', 'db.', 'rpc.', 'messaging.', 'gen_ai.', 'faas.', 'graphql.'],
  'span.'
]

/**
 * What ties an event to its trace; undefined without a trace id. Sentry wants a span too: where none is known, one is made of the event's id, as
 * SDKs make one up. Takes the attributes that it shows.
 */
export function errorTrace(
  { traceId, spanId }: LogRecord,
  eventId: string,
  attributes: Attributes,
  own: Taken,
  trimmed: Trimmed
): JsonMap | undefined {
  if (!isId(traceId)) return undefined
  const data = own.under(FAMILIES)
  const kind = attributes.get('span.kind')?.stringValue
  const parent = attributes.get('span.parent_id')?.stringValue
  const traits = new Traits().readMap(attributes)
  return compact({
    trace_id: traceId,
    span_id: isId(spanId) ? spanId : eventId.slice(0, 16),
    parent_span_id: parent !== undefined && SPAN_ID.test(parent) && isId(parent) ? parent : undefined,
    op: kind === undefined ? undefined : opOf(kindOf(kind), traits),
    status: kind === undefined ? undefined : statusOf(STATUS_ERROR, traits),
    data: Object.keys(data).length === 0 ? undefined : fitted(data, 'trace', trimmed, DATA_BYTES_MAX)
  })
}

const SPAN_ID = /^[0-9a-f]{16}$/
/** A little less than a context may have. */
export const DATA_BYTES_MAX = 7 * 1024
