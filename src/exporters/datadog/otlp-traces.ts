// What is made of OTLP requests with spans before an Agent or the OTLP intake gets them, so that they show what the Agent's own API would show.
// https://docs.datadoghq.com/opentelemetry/mapping/semantic_mapping/
import { decode } from '../../otlp/decode.ts'
import { encode } from '../../otlp/encode.ts'
import type { Span } from '../../otlp/objects.ts'
import { type Attributes, attributesOf, errorOf, namesIn } from './span-facts.ts'

export interface OtlpMarks {
  /** Statistics have been made of all spans: the Agent is to make none of these. */
  readonly isCounted: boolean
  /** The spans have been chosen: the Agent is not to choose again. */
  readonly isChosen: boolean
}

/**
 * The same spans with what the Agent does not find by itself: details of exceptions, where Error Tracking looks for them; and the names, so that they
 * are the same by each way, and the same as in the statistics.
 */
export function preparedTraces(bytes: Uint8Array, { isCounted, isChosen }: OtlpMarks): Uint8Array {
  const { resourceSpans = [] } = decode('ExportTraceServiceRequest', bytes)
  for (const entry of resourceSpans) {
    const inherited = attributesOf(entry.resource?.attributes)
    if (isCounted) {
      entry.resource ??= {}
      entry.resource.attributes = [...(entry.resource.attributes ?? []), { key: '_dd.stats_computed', value: { stringValue: 'true' } }]
    }
    for (const { spans = [] } of entry.scopeSpans ?? []) for (const span of spans) prepare(span, inherited, isChosen)
  }
  return encode('ExportTraceServiceRequest', { resourceSpans })
}

function prepare(span: Span, inherited: Attributes, isChosen: boolean): void {
  span.attributes ??= []
  const { attributes } = span
  const own = attributesOf(attributes)
  const set = (key: string, text: string | undefined): void => {
    if (text === undefined || own.get(key)?.stringValue === text) return
    const there = attributes.findLast((each) => each.key === key)
    if (there === undefined) attributes.push({ key, value: { stringValue: text } })
    else there.value = { stringValue: text }
  }
  const { type, message, stack } = errorOf(span, own)
  set('error.type', type)
  set('error.message', message)
  if (message !== undefined && !own.has('error.msg')) set('error.msg', message)
  set('error.stack', stack)
  const names = namesIn(span, own, inherited)
  set('operation.name', names.operation)
  set('resource.name', names.resource)
  set('span.type', names.type)
  if (isChosen && !own.has('sampling.priority')) attributes.push({ key: 'sampling.priority', value: { intValue: 1n } })
}
