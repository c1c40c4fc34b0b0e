import { KeyTable } from '../../otlp/attributes/key-table.ts'
import { type SpanFields, Wide } from './span-fields.ts'

const NAMES = new KeyTable([
  ...['env', 'version', 'runtime-id', '_dd.p.tid', '_dd.hostname'],
  ...['_sampling_priority_v1', '_dd.rule_psr', 'process_id']
])
const ENV = NAMES.numberOf('env')
const VERSION = NAMES.numberOf('version')
const RUNTIME_ID = NAMES.numberOf('runtime-id')
const TRACE_ID_HIGH = NAMES.numberOf('_dd.p.tid')
const HOST_NAME = NAMES.numberOf('_dd.hostname')
const PRIORITY = NAMES.numberOf('_sampling_priority_v1')
const RULE_RATE = NAMES.numberOf('_dd.rule_psr')
const PROCESS_ID = NAMES.numberOf('process_id')

/** The sampler of a tracer, or of its user: dropped, and kept, by a user's word. */
const USER_REJECTS = -1
const USER_KEEPS = 2

/**
 * What the spans of one chunk have in common. Tracers tell much of it on one span only, mostly the first, so all are looked at before the first is
 * written. What concerns the process stays for the chunks after.
 */
export class ChunkFacts {
  /** The upper half of the trace’s id. */
  readonly traceIdHigh = new Wide()
  env = ''
  runtimeId = ''
  hostName = ''
  processId = 0
  private readonly versions = new Map<string, string>()
  private readonly services = new Map<number, string>()
  private priority = 0
  private ruleRate = 0
  private hasTraceId = false

  begin(): void {
    this.traceIdHigh.set(0, 0)
    this.services.clear()
    this.priority = 0
    this.ruleRate = 0
    this.hasTraceId = false
  }

  add(bytes: Buffer, view: DataView, span: SpanFields, service: string): void {
    this.services.set(numberOf(span.spanId), service)
    const { meta, metrics } = span
    for (let i = 0; i < meta.length; i += 4) {
      const name = NAMES.find(view, meta[i], meta[i + 1] - meta[i])
      if (name >= 0) this.tag(name, bytes, meta[i + 2], meta[i + 3], service)
    }
    for (let i = 0; i < metrics.length; i += 3) {
      const name = NAMES.find(view, metrics[i], metrics[i + 1] - metrics[i])
      if (name >= 0) this.metric(name, metrics[i + 2])
    }
  }

  private tag(name: number, bytes: Buffer, start: number, end: number, service: string): void {
    switch (name) {
      case ENV:
        this.env ||= textOf(bytes, start, end)
        break
      case VERSION:
        if (!this.versions.has(service) && this.versions.size < VERSIONS_MAX) this.versions.set(service, textOf(bytes, start, end))
        break
      case TRACE_ID_HIGH:
        if (!this.hasTraceId && end - start === 16) this.readTraceId(bytes.toString('latin1', start, end))
        break
      case RUNTIME_ID:
        this.runtimeId ||= textOf(bytes, start, end)
        break
      case HOST_NAME:
        this.hostName ||= textOf(bytes, start, end)
        break
    }
  }

  private metric(name: number, value: number): void {
    if (name === PRIORITY) this.priority ||= value
    else if (name === RULE_RATE) this.ruleRate ||= value
    else if (name === PROCESS_ID && this.processId === 0 && Number.isSafeInteger(value) && value > 0) this.processId = value
  }

  private readTraceId(digits: string): void {
    if (!/^[0-9a-fA-F]{16}$/.test(digits)) return
    this.hasTraceId = true
    this.traceIdHigh.set(Number.parseInt(digits.slice(0, 8), 16), Number.parseInt(digits.slice(8), 16))
  }

  versionOf(service: string): string {
    return this.versions.get(service) ?? ''
  }

  /** Where a service is entered, by the Agent's rule: a span without a parent here, or with a parent of another service. */
  isTopLevel(span: SpanFields, service: string): boolean {
    return span.parentId.isZero || this.services.get(numberOf(span.parentId)) !== service
  }

  /**
   * What the sampler is told of the trace; undefined where it may decide by itself. A rule of the tracer that keeps everything is no wish: the rate is
   * then left to the gateway.
   */
  get wish(): number | undefined {
    if (this.priority <= USER_REJECTS) return 0
    return this.priority >= USER_KEEPS && this.ruleRate < 1 ? USER_KEEPS : undefined
  }
}

/** Services of one process whose versions are told apart. */
const VERSIONS_MAX = 1024
const VALUE_BYTES_MAX = 256

function textOf(bytes: Buffer, start: number, end: number): string {
  return bytes.toString('utf8', start, Math.min(end, start + VALUE_BYTES_MAX))
}

// Two ids of one chunk that agree in 53 bits are not worth a text for each.
function numberOf({ high, low }: Wide): number {
  return high * 0x1_0000_0000 + low
}
