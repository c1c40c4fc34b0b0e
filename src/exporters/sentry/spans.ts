import type { ResourceSpans, Scope, Span } from '../../otlp/objects.ts'
import { Inherited, type Keys } from './attributes.ts'
import type { Build } from './context.ts'
import { isId } from './ids.ts'
import { CONSUMER, SERVER } from './operation.ts'
import { type Sampling, samplingOf, thresholdOf } from './sampling.ts'
import { SDK_NAME } from './settings.ts'
import { type Source, sourceOf } from './source.ts'

/** Who sent a run of spans: a resource and a scope. */
export interface Sender {
  readonly source: Source
  readonly scope: Scope | undefined
  readonly inherited: Inherited
}

/** A span and where it belongs. */
export interface Held {
  readonly span: Span
  readonly sender: Sender
  /** The span that its service began this work with; null where that is not here, undefined where it has not been looked for. */
  segment: Held | null | undefined
}

/** The spans of one trace that were kept at one rate. */
export interface Group {
  readonly sampling: Sampling
  readonly spans: Held[]
}

export interface Trace {
  readonly id: string
  /** By the span's id. */
  readonly byId: Map<string, Held>
  /** By threshold. */
  readonly groups: Map<string, Group>
}

/** Sorts spans by trace, in the order that the traces came. Spans without ids cannot be sent. */
export function sortSpans(entries: readonly ResourceSpans[], keys: Keys, build: Build): { traces: Map<string, Trace>; withoutIds: Span[] } {
  const traces = new Map<string, Trace>()
  const withoutIds: Span[] = []
  // Of all spans of a batch the tracestates are the same few.
  let state: string | undefined
  let threshold = ''
  for (const { resource, scopeSpans = [] } of entries) {
    const source = sourceOf(resource, build.settings)
    for (const { scope, spans = [] } of scopeSpans) {
      const sender = { source, scope, inherited: inheritedOf(source, scope, resource?.attributes, keys, build) }
      for (const span of spans) {
        const { traceId, spanId, traceState } = span
        if (traceState !== state) {
          state = traceState
          threshold = thresholdOf(state)
        }
        if (isId(traceId) && isId(spanId)) place(traces, traceId, spanId, { span, sender, segment: undefined }, threshold)
        else withoutIds.push(span)
      }
    }
  }
  return { traces, withoutIds }
}

function place(traces: Map<string, Trace>, traceId: string, spanId: string, held: Held, threshold: string): void {
  let trace = traces.get(traceId)
  if (trace === undefined) {
    trace = { id: traceId, byId: new Map(), groups: new Map() }
    traces.set(traceId, trace)
  }
  trace.byId.set(spanId, held)
  const group = trace.groups.get(threshold)
  if (group === undefined) trace.groups.set(threshold, { sampling: samplingOf(held.span.traceState, traceId), spans: [held] })
  else group.spans.push(held)
}

/** What all records of a resource and scope carry. */
export function inheritedOf(
  source: Source,
  scope: Scope | undefined,
  attributes: Parameters<Inherited['putAll']>[0],
  keys: Keys,
  { settings, trimmed }: Build
): Inherited {
  const inherited = new Inherited(keys, trimmed)
  inherited.putText('sentry.sdk.name', SDK_NAME)
  inherited.putText('sentry.sdk.version', settings.version)
  inherited.putText('sentry.release', source.release)
  inherited.putText('sentry.environment', source.environment)
  inherited.putText('sentry.platform', source.platform)
  inherited.putText('server.address', source.serverName)
  inherited.putText('otel.scope.name', scope?.name)
  inherited.putText('otel.scope.version', scope?.version)
  inherited.putAll(attributes)
  inherited.putAll(scope?.attributes)
  return inherited
}

/** The segment that a span belongs to, where it is among the spans of its trace: the first one up the line of parents that is a segment. */
export function segmentOf(held: Held, { byId }: Trace): Held | null {
  const passed: Held[] = []
  let at = held
  while (at.segment === undefined) {
    if (isSegment(at, byId)) {
      at.segment = at
      break
    }
    // For now: who comes here again goes in a circle.
    at.segment = null
    passed.push(at)
    const parent = byId.get(at.span.parentSpanId!)
    if (parent === undefined) break
    at = parent
  }
  const found = at.segment!
  for (const each of passed) each.segment = found
  return found
}

const HAS_IS_REMOTE = 0x100
const IS_REMOTE = 0x200

// A span without a parent, or with one in another process. SDKs of old do not tell which; then the kind does.
function isSegment({ span, sender }: Held, byId: ReadonlyMap<string, Held>): boolean {
  if (!isId(span.parentSpanId)) return true
  const flags = span.flags ?? 0
  if ((flags & HAS_IS_REMOTE) !== 0) return (flags & IS_REMOTE) !== 0
  if (span.kind !== SERVER && span.kind !== CONSUMER) return false
  return byId.get(span.parentSpanId)?.sender.source !== sender.source
}
