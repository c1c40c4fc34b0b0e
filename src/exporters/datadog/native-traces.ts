import type { RedactedBatch } from '../../batch.ts'
import type { Dropped, Host, Outcome } from '../../component.ts'
import { MsgpackWriter } from '../../msgpack/writer.ts'
import { decode } from '../../otlp/decode.ts'
import type { Span } from '../../otlp/objects.ts'
import type { Intake } from './intake.ts'
import type { Lane } from './lane.ts'
import { type NativeSpan, type Origin, writeSpan } from './native-span.ts'
import { Parts } from './parts.ts'
import { attributesOf, isId } from './span-facts.ts'
import { senderOf, textOf } from './tags.ts'

export interface NativeOptions {
  readonly url: URL
  /** Statistics have been made of all spans: the Agent is to make none of these. Else each says how many it stands for. */
  readonly isCounted: boolean
  readonly hostname: string | undefined
}

/** Spans that one container sent in one language: the Agent knows of both by the headers of the request. */
interface Tracer {
  readonly language: string
  readonly container: string
  readonly chunks: NativeSpan[][]
  readonly byTrace: Map<string, Chunk>
  spans: number
}

interface Chunk {
  readonly spans: NativeSpan[]
  readonly ids: Set<string>
}

/** Traces to the API that Datadog's own tracers speak with an Agent: https://docs.datadoghq.com/tracing/guide/send_traces_to_agent_by_api/ */
export class NativeTraces implements Lane {
  private readonly options: NativeOptions
  private readonly intake: Intake
  private readonly host: Host
  private readonly parts = new Parts()
  private readonly out = new MsgpackWriter()

  constructor(options: NativeOptions, intake: Intake, host: Host) {
    this.options = options
    this.intake = intake
    this.host = host
  }

  async send(batch: RedactedBatch, stop: AbortSignal): Promise<Outcome | undefined> {
    const { tracers, unusable } = this.read(batch)
    const parts = tracers.map((tracer) => ({
      key: `${tracer.language} ${tracer.container}`,
      items: tracer.spans,
      send: () => this.post(tracer, batch.receivedAtMs, stop)
    }))
    const dropped: Dropped[] = unusable === 0 ? [] : [{ reason: 'invalid', message: 'spans without trace id or span id', items: unusable }]
    return this.parts.send(batch, parts, dropped)
  }

  abandon(batch: RedactedBatch, reason: string): Outcome {
    return this.parts.abandon(batch, reason)
  }

  private read({ bytes }: RedactedBatch): { tracers: Tracer[]; unusable: number } {
    const tracers = new Map<string, Tracer>()
    let unusable = 0
    for (const { resource, scopeSpans = [] } of decode('ExportTraceServiceRequest', bytes).resourceSpans ?? []) {
      const attributes = attributesOf(resource?.attributes)
      const sender = senderOf(resource?.attributes, this.options.hostname)
      const tracer = tracerOf(tracers, textOf(attributes.get('telemetry.sdk.language')), textOf(attributes.get('container.id')))
      for (const { scope, spans = [] } of scopeSpans) {
        const origin: Origin = { sender, resource: attributes, scopeName: scope?.name ?? '', scopeVersion: scope?.version ?? '' }
        for (const span of spans) {
          if (isId(span.spanId) && isId(span.traceId?.slice(16))) add(tracer, span, origin)
          else unusable++
        }
      }
    }
    return { tracers: [...tracers.values()].filter(({ spans }) => spans > 0), unusable }
  }

  private async post({ language, container, chunks }: Tracer, receivedAtMs: number, stop: AbortSignal): Promise<void> {
    const { out, intake } = this
    const { url, isCounted } = this.options
    out.array(chunks.length)
    for (const spans of chunks) {
      out.array(spans.length)
      for (let i = 0; i < spans.length; i++) writeSpan(out, spans[i], { isFirst: i === 0, isWeighed: !isCounted }, receivedAtMs)
    }
    const headers = {
      ...tracerHeaders(language, this.host.version),
      'x-datadog-trace-count': `${chunks.length}`,
      'datadog-client-computed-top-level': 'yes',
      ...(isCounted && { 'datadog-client-computed-stats': 'yes' }),
      ...(container !== '' && { 'datadog-container-id': container })
    }
    const body = out.finish()
    await intake.post({ signal: 'traces', url, ...MSGPACK, headers, body }, stop)
  }
}

/** What requests to the API of an Agent have in common. */
export const MSGPACK = { method: 'PUT', contentType: 'application/msgpack', withKey: false, isPlain: true } as const

/** Who made what an Agent is sent. */
export function tracerHeaders(language: string, version: string): Record<string, string> {
  return { 'datadog-meta-lang': language, 'datadog-meta-tracer-version': `sluice-${version}` }
}

const LANGUAGE = /^[a-z][a-z0-9_-]{0,30}$/
const CONTAINER = /^[\w.:-]{1,128}$/

function tracerOf(tracers: Map<string, Tracer>, saidLanguage = '', saidContainer = ''): Tracer {
  const language = LANGUAGE.test(saidLanguage) ? saidLanguage : 'otel'
  const container = CONTAINER.test(saidContainer) ? saidContainer : ''
  const key = `${language} ${container}`
  let tracer = tracers.get(key)
  if (tracer === undefined) {
    tracer = { language, container, chunks: [], byTrace: new Map(), spans: 0 }
    tracers.set(key, tracer)
  }
  return tracer
}

// A span that comes again, as after an answer that was lost, begins another chunk of its trace.
function add(tracer: Tracer, span: Span, origin: Origin): void {
  const traceId = span.traceId!
  const spanId = span.spanId!
  let chunk = tracer.byTrace.get(traceId)
  if (chunk === undefined || chunk.ids.has(spanId)) {
    chunk = { spans: [], ids: new Set() }
    tracer.byTrace.set(traceId, chunk)
    tracer.chunks.push(chunk.spans)
  }
  chunk.ids.add(spanId)
  chunk.spans.push({ span, origin })
  tracer.spans++
}
