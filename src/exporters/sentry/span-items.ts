// Spans as items of containers: {trace_id, span_id, parent_span_id?, name, status, is_segment, start_timestamp, end_timestamp, attributes, links?}.
// https://develop.sentry.dev/sdk/telemetry/spans/span-protocol/
import type { ResourceSpans, SpanLink } from '../../otlp/objects.ts'
import type { JsonObject } from '../../sentry/envelope.ts'
import { AttributeWriter, Keys, textAttribute } from './attributes.ts'
import { type Build, type Built, type Container, Containers, type Payloads } from './context.ts'
import { isId } from './ids.ts'
import { CONTAINER_BYTES_MAX, cut, LINKS_MAX, NAME_CHARACTERS_MAX, SPANS_MAX } from './limits.ts'
import { KIND_NAMES, nameSourceOf, opOf, STATUS_ERROR, Traits } from './operation.ts'
import { eventsText } from './span-events.ts'
import { type Group, type Held, segmentOf, sortSpans, type Trace } from './spans.ts'
import { secondsOf, secondsText } from './time.ts'

/** All spans as containers, each of one trace. Spans without ids are rejected. */
export function spanItems(entries: readonly ResourceSpans[], build: Build): Payloads {
  const keys = new Keys()
  const { traces, withoutIds } = sortSpans(entries, keys, build)
  const writer = new SpanWriter(keys, build)
  const containers = new Containers('span', SPANS_MAX, CONTAINER_BYTES_MAX)
  const built: Built[] = []
  for (const trace of traces.values()) {
    for (const group of trace.groups.values()) {
      const header = headerOf(trace, group, build)
      for (const held of group.spans) push(built, header, containers.add(writer.write(held, trace, group), held.span))
      push(built, header, containers.close())
    }
  }
  return { built, rejected: new Map(withoutIds.length === 0 ? [] : [['no trace id or span id', withoutIds]]) }
}

function push(built: Built[], trace: JsonObject, container: Container | null): void {
  if (container !== null) built.push({ trace, eventId: undefined, items: [container.item], records: container.records })
}

/** The dynamic sampling context of some spans of a trace. */
export function headerOf({ id, byId }: Trace, { sampling, spans }: Group, { headers }: Build): JsonObject {
  let first: Held | undefined
  for (const held of byId.values()) if (!isId(held.span.parentSpanId)) first = held
  const { sender } = first ?? spans[0]
  return headers.of(id, sampling, sender.source, first === undefined ? undefined : transactionOf(first))
}

function transactionOf({ span }: Held): string | undefined {
  const source = nameSourceOf(span.kind ?? 0, new Traits().readAll(span.attributes))
  return source === 'url' || !span.name ? undefined : cut(span.name, NAME_CHARACTERS_MAX)
}

/** The name of a span that has none. */
export const UNNAMED = 'unnamed'

class SpanWriter {
  private readonly build: Build
  private readonly attributes: AttributeWriter
  private readonly traits = new Traits()
  // One string for each rate, since all spans of a batch have the same few.
  private rate: number | undefined
  private rateText = ''

  constructor(keys: Keys, build: Build) {
    this.build = build
    this.attributes = new AttributeWriter(keys, build.trimmed)
  }

  write(held: Held, trace: Trace, { sampling }: Group): string {
    const { span } = held
    const segment = segmentOf(held, trace)
    const isSegment = segment === held
    const start = secondsOf(span.startTimeUnixNano, span.endTimeUnixNano, this.build.receivedAtMs)
    const end = Math.max(start, secondsOf(span.endTimeUnixNano, span.startTimeUnixNano, this.build.receivedAtMs))
    const parent = isId(span.parentSpanId) ? `"parent_span_id":"${span.parentSpanId}",` : ''
    const links = span.links === undefined ? '' : this.linksText(span.links)
    const name = cut(span.name || UNNAMED, SPAN_NAME_CHARACTERS_MAX)
    const status = span.status?.code === STATUS_ERROR ? 'error' : 'ok'
    const attributes = this.attributesText(held, segment, isSegment, sampling.rate)
    return (
      `{"trace_id":"${span.traceId}","span_id":"${span.spanId}",${parent}"name":${JSON.stringify(name)},"status":"${status}",` +
      `"is_segment":${isSegment},"start_timestamp":${secondsText(start)},"end_timestamp":${secondsText(end)},"attributes":${attributes}${links}}`
    )
  }

  private attributesText({ span, sender }: Held, segment: Held | null, isSegment: boolean, rate: number | undefined): string {
    const { attributes } = this
    const traits = this.traits.readAll(span.attributes)
    const kind = span.kind ?? 0
    attributes.begin(sender.inherited)
    // What a span says of itself for Sentry goes before what is told here, so it comes first.
    attributes.putAll(span.attributes)
    attributes.put('sentry.op', textAttribute(opOf(kind, traits)))
    attributes.put('sentry.kind', KIND_TEXTS[kind] ?? KIND_TEXTS[0])
    attributes.put('sentry.origin', ORIGIN)
    if (rate !== undefined) attributes.put('sentry.client_sample_rate', this.rateAttribute(rate))
    if (segment !== null) {
      attributes.put('sentry.segment.id', `{"value":"${segment.span.spanId}","type":"string"}`)
      attributes.putText('sentry.segment.name', cut(segment.span.name || UNNAMED, SPAN_NAME_CHARACTERS_MAX))
    }
    if (isSegment) {
      const source = textAttribute(nameSourceOf(kind, traits))
      attributes.put('sentry.segment.name.source', source)
      attributes.put('sentry.span.source', source)
    }
    attributes.putText('sentry.status.message', span.status?.message)
    if (span.events !== undefined && span.events.length > 0) attributes.putText('span.events', eventsText(span.events, this.build.trimmed))
    return attributes.end()
  }

  private rateAttribute(rate: number): string {
    if (rate !== this.rate) {
      this.rate = rate
      this.rateText = `{"value":${rate},"type":"double"}`
    }
    return this.rateText
  }

  private linksText(links: readonly SpanLink[]): string {
    const texts: string[] = []
    let characters = 0
    for (const { traceId, spanId, flags = 0, attributes } of links) {
      if (!isId(traceId) || !isId(spanId)) continue
      this.attributes.begin()
      this.attributes.putAll(attributes)
      const of = this.attributes.end()
      characters += of.length
      if (texts.length === LINKS_MAX || characters > LINKS_CHARACTERS_MAX) {
        this.build.trimmed.add('span links')
        continue
      }
      const more = of === '{}' ? '' : `,"attributes":${of}`
      texts.push(`{"trace_id":"${traceId}","span_id":"${spanId}","sampled":${(flags & 1) === 1}${more}}`)
    }
    return texts.length === 0 ? '' : `,"links":[${texts.join(',')}]`
  }
}

const SPAN_NAME_CHARACTERS_MAX = 1024
const LINKS_CHARACTERS_MAX = 64 * 1024
const ORIGIN = textAttribute('auto.otlp.span')
const KIND_TEXTS = KIND_NAMES.map(textAttribute)
