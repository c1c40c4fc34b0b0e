import type { TestContext } from 'node:test'
import { z } from 'zod'
import type { Host, Push } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import type { AnyValue, KeyValue } from '../../../src/otlp/objects.ts'
import { datadog } from '../../../src/receivers/datadog/datadog.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { host } from '../../support/host.ts'
import { type Packed, writeMsgpack } from '../../support/write-msgpack.ts'

export type Attributes = Readonly<Record<string, unknown>>

/** A span as it came out, with attributes as plain values. */
export interface SpanRead {
  readonly resource: Attributes
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly traceState: string | undefined
  readonly name: string
  readonly kind: number
  readonly start: bigint
  readonly end: bigint
  readonly attributes: Attributes
  readonly dropped: number | undefined
  readonly events: readonly { name: string; time: bigint; attributes: Attributes }[]
  readonly links: readonly { traceId: string; spanId: string; attributes: Attributes }[]
  readonly status: { readonly code: number; readonly message: string | undefined } | undefined
}

/** The spans of an OTLP request. */
export function spansOf(bytes: Uint8Array): SpanRead[] {
  const { resourceSpans = [] } = decode('ExportTraceServiceRequest', bytes)
  return resourceSpans.flatMap(({ resource, scopeSpans = [] }) =>
    scopeSpans.flatMap(({ spans = [] }) =>
      spans.map((span) => ({
        resource: plain(resource?.attributes),
        traceId: span.traceId ?? '',
        spanId: span.spanId ?? '',
        parentSpanId: span.parentSpanId,
        traceState: span.traceState,
        name: span.name ?? '',
        kind: span.kind ?? 0,
        start: span.startTimeUnixNano ?? 0n,
        end: span.endTimeUnixNano ?? 0n,
        attributes: plain(span.attributes),
        dropped: span.droppedAttributesCount,
        events: (span.events ?? []).map((event) => ({
          name: event.name ?? '',
          time: event.timeUnixNano ?? 0n,
          attributes: plain(event.attributes)
        })),
        links: (span.links ?? []).map((link) => ({
          traceId: link.traceId ?? '',
          spanId: link.spanId ?? '',
          attributes: plain(link.attributes)
        })),
        status: span.status === undefined ? undefined : { code: span.status.code ?? 0, message: span.status.message }
      }))
    )
  )
}

function plain(attributes: readonly KeyValue[] = []): Attributes {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plainValue(value)]))
}

function plainValue(value: AnyValue | undefined): unknown {
  if (value?.arrayValue !== undefined) return (value.arrayValue.values ?? []).map(plainValue)
  if (value?.kvlistValue !== undefined) return plain(value.kvlistValue.values)
  if (value?.intValue !== undefined) return Number(value.intValue)
  return value?.stringValue ?? value?.doubleValue ?? value?.boolValue
}

export const NOW = 1_795_456_773_813_763_840n
/** The upper half of the trace’s id, as tracers tell it. */
export const HIGH = '6b047f0500000000'

/** A span as a tracer writes it. */
export function span(fields: { readonly [key: string]: Packed } = {}): { readonly [key: string]: Packed } {
  return {
    service: 'dub',
    name: 'web.request',
    resource: 'GET /jobs/:id',
    type: 'web',
    trace_id: 0x3bb9626321eb5d3bn,
    span_id: 0x4d61273ce1780ad8n,
    parent_id: 0n,
    start: NOW,
    duration: 2_000_000n,
    error: 0,
    meta: { '_dd.p.tid': HIGH, env: 'prod', version: '1.2.3' },
    metrics: { _sampling_priority_v1: 1 },
    ...fields
  }
}

/** A request of version 0.4. */
export const v04 = (...traces: Packed[][]): Buffer => writeMsgpack(traces)

/** The same request in version 0.5. */
export function v05(...traces: { readonly [key: string]: Packed }[][]): Buffer {
  const texts: string[] = ['']
  const number = (text: Packed | undefined): number => {
    const at = texts.indexOf(String(text ?? ''))
    return at === -1 ? texts.push(String(text)) - 1 : at
  }
  // A map whose keys are numbers is written by hand: objects have texts for keys.
  const pairs = (map: Packed | undefined, value: (one: Packed) => Packed): Buffer => {
    const entries = Object.entries((map ?? {}) as Record<string, Packed>)
    const head = Buffer.from([0xde, entries.length >> 8, entries.length & 255])
    return Buffer.concat([head, ...entries.flatMap(([key, one]) => [writeMsgpack(number(key)), writeMsgpack(value(one))])])
  }
  const spans = traces.map((trace) =>
    list(
      trace.map((one) =>
        Buffer.concat([
          Buffer.from([0x9c]),
          ...['service', 'name', 'resource'].map((key) => writeMsgpack(number(one[key]))),
          ...['trace_id', 'span_id', 'parent_id', 'start', 'duration', 'error'].map((key) => writeMsgpack(one[key])),
          pairs(one.meta, number),
          pairs(one.metrics, (value) => value),
          writeMsgpack(number(one.type))
        ])
      )
    )
  )
  return Buffer.concat([Buffer.from([0x92]), writeMsgpack(texts), list(spans)])
}

function list(members: readonly Buffer[]): Buffer {
  return Buffer.concat([Buffer.from([0xdc, members.length >> 8, members.length & 255]), ...members])
}

export interface Started {
  readonly url: string
  readonly addresses: readonly string[]
  readonly spans: SpanRead[]
  readonly senders: (string | undefined)[]
  put(path: string, body: Uint8Array, headers?: Record<string, string>): Promise<Response>
  /** A counter, summed up by one of its labels. */
  counted(name: string, label: string): Record<string, number>
}

/** The receiver by itself, on a port of its own. */
export async function started(
  t: TestContext,
  { push, parts = {}, ...options }: { push?: Push; parts?: Partial<Host>; [option: string]: unknown } = {}
): Promise<Started> {
  const metrics = new Metrics()
  const parsed = z.strictObject(datadog.options).parse({ agent: '127.0.0.1:0', ...quiet(), ...options })
  const receiver = datadog.create(parsed as never, host({ metrics, name: 'datadog', ...parts }))
  const spans: SpanRead[] = []
  const senders: (string | undefined)[] = []
  await receiver.start(async (batch) => {
    await push?.(batch)
    spans.push(...spansOf(batch.bytes))
    senders.push(batch.sender)
  })
  t.after(() => receiver.stop())
  const addresses = receiver.addresses.datadog ?? []
  const url = `http://${addresses[0]}`
  return {
    url,
    addresses,
    spans,
    senders,
    put: (path, body, headers = {}) =>
      fetch(url + path, { method: 'PUT', body: Buffer.from(body), headers: { 'content-type': 'application/msgpack', ...headers } }),
    counted: (name, label) => {
      const sums: Record<string, number> = {}
      for (const { labels, value } of metrics.families().find((family) => family.name === name)?.samples ?? [])
        sums[labels[label]] = (sums[labels[label]] ?? 0) + value
      return sums
    }
  }
}

// Other ways in than the one that is looked at stay shut.
function quiet(): Record<string, string> {
  return 'dogstatsd' in datadog.options ? { dogstatsd: 'off' } : {}
}
