import { RefusedError } from '../../errors.ts'
import { MsgpackFault } from '../../msgpack/frame.ts'
import { MsgpackReader } from '../../msgpack/reader.ts'
import type { Lease } from '../../net/limits.ts'
import { encode } from '../../otlp/encode.ts'
import { lengthDelimited, varintSize, writeVarint } from '../../otlp/wire.ts'
import { ChunkFacts } from './chunk-facts.ts'
import { resourceOf, type Sender } from './sender.ts'
import { readSpanMap, SpanFields, TextTable } from './span-fields.ts'
import { SpanWriter } from './span-writer.ts'

export type TraceVersion = 'v0.4' | 'v0.5'

/** What became of one request. */
export interface TraceRequest {
  /** One OTLP request; empty where no span is left. */
  readonly bytes: Uint8Array
  /** Spans without a trace or without an id of their own: nobody could place them. */
  readonly nameless: number
}

export interface TraceLimits {
  /** The request as OTLP. */
  readonly bytesMax: number
  /** What the request holds while it is inside. */
  readonly lease: Lease
}

/** Spans of different services, or of one service's versions, are collected up to so many; then what is there is laid down. */
const GROUPS_MAX = 256
/** Spans, and traces, of one request. */
const SPANS_MAX = 500_000
/** What is written is there twice for a moment. */
const COPIES = 2

// The wire: request { repeated ResourceSpans = 1 }, ResourceSpans { resource = 1, repeated ScopeSpans = 2 }, ScopeSpans { scope = 1, spans = 2 }
const FIRST = 0x0a
const SECOND = 0x12
const SCOPE = lengthDelimited(1, encode('Scope', { name: 'sluice.datadog' }))

/** The spans of one resource: where they lie in what the writer has written. */
interface Group {
  readonly resource: Buffer
  readonly ranges: number[]
  size: number
}

// Kept from request to request: no request waits while it is read.
let spans: SpanWriter | undefined
const span = new SpanFields()
const reader = new MsgpackReader()
const table = new TextTable()

// The wire: v0.4, a list of traces, each a list of spans; v0.5, a list of a table of texts and of the same list.
/**
 * Makes one OTLP request of what a tracer sends. Throws RefusedError `invalid` where it is no msgpack, or not of this version, and `too-large` where
 * it would be larger than it may.
 */
export function readTraces(version: TraceVersion, body: Buffer, sender: Sender, limits: TraceLimits, nowMs: number): TraceRequest {
  spans ??= new SpanWriter()
  spans.open(body)
  try {
    return new Reading(version, body, sender, limits, spans).read(nowMs)
  } catch (error) {
    if (error instanceof MsgpackFault) throw new RefusedError('invalid', `the body is no list of traces of ${version}: ${error.message}`)
    throw error
  } finally {
    spans.open(NOTHING)
    reader.open(NOTHING, 0, 0)
  }
}

const NOTHING = Buffer.alloc(0)

class Reading {
  private readonly version: TraceVersion
  private readonly body: Buffer
  private readonly sender: Sender
  private readonly limits: TraceLimits
  private readonly spans: SpanWriter
  private readonly chunk = new ChunkFacts()
  private readonly groups = new Map<string, Group>()
  private readonly parts: Uint8Array[] = []
  private heldBytes = 0
  private laidBytes = 0
  private nameless = 0
  private spansSeen = 0
  // The last span's, which mostly is the next one's too.
  private lastService = ''
  private lastGroup: Group | undefined

  constructor(version: TraceVersion, body: Buffer, sender: Sender, limits: TraceLimits, spans: SpanWriter) {
    this.version = version
    this.body = body
    this.sender = sender
    this.limits = limits
    this.spans = spans
  }

  read(nowMs: number): TraceRequest {
    reader.open(this.body, 0, this.body.length)
    if (this.version === 'v0.5') {
      if (reader.array() !== 2) throw new MsgpackFault('expected a list of two')
      table.read(reader)
    }
    const traces = reader.array()
    if (traces < 0 && !reader.nil()) throw new MsgpackFault('expected a list')
    limit(traces)
    for (let left = traces; left > 0; left--) this.readChunk(nowMs)
    this.layDown()
    const bytes = this.parts.length === 1 ? this.parts[0] : Buffer.concat(this.parts)
    return { bytes, nameless: this.nameless }
  }

  // Twice: what spans have in common is told by any of them.
  private readChunk(nowMs: number): void {
    const count = reader.array()
    if (count < 0) {
      if (!reader.nil()) throw new MsgpackFault('a trace that is no list of spans')
      return
    }
    this.spansSeen += count
    limit(this.spansSeen)
    const { chunk, body } = this
    const start = reader.pos
    chunk.begin()
    this.lastGroup = undefined
    for (let left = count; left > 0; left--) {
      this.readSpan()
      chunk.add(body, this.spans.out.view, span, this.serviceOf())
    }
    reader.pos = start
    for (let left = count; left > 0; left--) {
      this.readSpan()
      if (span.traceId.isZero || span.spanId.isZero) this.nameless++
      else this.writeSpan(nowMs)
    }
  }

  private readSpan(): void {
    if (this.version === 'v0.5') table.readSpan(reader, span)
    else readSpanMap(reader, this.spans.out.view, span)
  }

  private serviceOf(): string {
    const { out, texts } = this.spans
    return texts.of(out.from, out.view, span.service)
  }

  private writeSpan(nowMs: number): void {
    const { spans, chunk, sender } = this
    const { out } = spans
    const service = this.serviceOf()
    const group = this.groupOf(service)
    const start = out.length
    spans.write(span, chunk, chunk.isTopLevel(span, service), !sender.tellsTopLevel, nowMs)
    const { ranges } = group
    if (ranges.length > 0 && ranges[ranges.length - 1] === start) ranges[ranges.length - 1] = out.length
    else ranges.push(start, out.length)
    group.size += out.length - start
    this.hold()
  }

  private groupOf(service: string): Group {
    const { groups, chunk } = this
    if (this.lastGroup !== undefined && this.lastService === service) return this.lastGroup
    const identity = `${service}\n${chunk.versionOf(service)}\n${chunk.env}\n${chunk.runtimeId}\n${chunk.hostName}`
    let group = groups.get(identity)
    if (group === undefined) {
      if (groups.size >= GROUPS_MAX) this.layDown()
      group = { resource: resourceOf(this.sender, chunk, service), ranges: [], size: 0 }
      groups.set(identity, group)
    }
    this.lastService = service
    this.lastGroup = group
    return group
  }

  private hold(): void {
    const bytes = this.laidBytes + this.spans.out.length + this.spans.listBytes
    if (bytes > this.limits.bytesMax)
      throw new RefusedError('too-large', `the request is larger than ${this.limits.bytesMax} bytes as OTLP`)
    if (bytes <= this.heldBytes) return
    // Asked for in steps, not for each span.
    const step = Math.max(64 * 1024, bytes - this.heldBytes)
    this.limits.lease.take(COPIES * step)
    this.heldBytes += step
  }

  private layDown(): void {
    const { groups, spans, parts } = this
    if (groups.size === 0) return
    let size = 0
    for (const group of groups.values()) size += 1 + varintSize(sizeOf(group)) + sizeOf(group)
    const laid = Buffer.allocUnsafeSlow(size)
    let at = 0
    for (const group of groups.values()) {
      const { resource, ranges, size } = group
      laid[at++] = FIRST
      at = writeVarint(laid, at, sizeOf(group))
      laid[at++] = FIRST
      at = writeVarint(laid, at, resource.length)
      at += resource.copy(laid, at)
      laid[at++] = SECOND
      at = writeVarint(laid, at, SCOPE.length + size)
      at += SCOPE.copy(laid, at)
      for (let i = 0; i < ranges.length; i += 2) at += spans.out.bytes.copy(laid, at, ranges[i], ranges[i + 1])
    }
    parts.push(laid)
    this.laidBytes += size
    groups.clear()
    this.lastGroup = undefined
    spans.out.open()
  }
}

function limit(count: number): void {
  if (count > SPANS_MAX) throw new RefusedError('too-large', `more than ${SPANS_MAX} spans, or traces, in one request`)
}

// Of a ResourceSpans, without its own tag and length.
function sizeOf({ resource, size }: Group): number {
  const scopeSpans = SCOPE.length + size
  return 1 + varintSize(resource.length) + resource.length + 1 + varintSize(scopeSpans) + scopeSpans
}
