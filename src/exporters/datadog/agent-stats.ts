import { randomUUID } from 'node:crypto'
import type { RedactedBatch } from '../../batch.ts'
import type { Host, Outcome } from '../../component.ts'
import { KINDS, PERIOD_NANO, ROW } from '../../datadog/statistics.ts'
import { MsgpackWriter } from '../../msgpack/writer.ts'
import type { Intake } from './intake.ts'
import type { Lane } from './lane.ts'
import { MSGPACK, tracerHeaders } from './native-traces.ts'
import { Parts } from './parts.ts'
import { sketchOf } from './sketch.ts'
import { type StatGroup, type StatRow, statGroupsOf } from './stat-rows.ts'

/** Statistics to an Agent, as Datadog's tracers send theirs: https://github.com/DataDog/datadog-agent/blob/main/pkg/proto/datadog/trace/stats.proto */
export class AgentStats implements Lane {
  private readonly url: URL
  private readonly intake: Intake
  private readonly host: Host
  private readonly hostname: string | undefined
  private readonly parts = new Parts()
  private readonly out = new MsgpackWriter()
  private readonly runtimeId = randomUUID()
  private sequence = 0

  constructor(url: URL, intake: Intake, host: Host, hostname: string | undefined) {
    this.url = url
    this.intake = intake
    this.host = host
    this.hostname = hostname
  }

  async send(batch: RedactedBatch, stop: AbortSignal): Promise<Outcome | undefined> {
    const parts = statGroupsOf(batch.bytes, this.hostname).map((group) => ({
      key: group.key,
      items: group.items,
      send: () => this.post(group, stop)
    }))
    return this.parts.send(batch, parts)
  }

  abandon(batch: RedactedBatch, reason: string): Outcome {
    return this.parts.abandon(batch, reason)
  }

  private async post(group: StatGroup, stop: AbortSignal): Promise<void> {
    const language = group.language || 'otel'
    const headers = tracerHeaders(language, this.host.version)
    const body = this.payloadOf(group, language)
    const { url, intake } = this
    await intake.post({ signal: 'stats', url, ...MSGPACK, headers, body }, stop)
  }

  // The wire: a map { Hostname, Env, Version, Lang, TracerVersion, RuntimeID, Sequence, Stats: [{ Start, Duration (ns), Stats: [row] }] }
  private payloadOf({ sender, startNano, rows }: StatGroup, language: string): Buffer {
    const { out } = this
    const texts: readonly [string, string][] = [
      ['Hostname', sender.host ?? ''],
      ['Env', sender.env ?? ''],
      ['Version', sender.version ?? ''],
      ['Lang', language],
      ['TracerVersion', `sluice-${this.host.version}`],
      ['RuntimeID', this.runtimeId]
    ]
    out.map(texts.length + 2)
    for (const [key, value] of texts) {
      out.text(key)
      out.text(value)
    }
    out.text('Sequence')
    out.unsigned(++this.sequence)
    out.text('Stats')
    out.array(1)
    out.map(3)
    out.text('Start')
    out.unsigned(startNano)
    out.text('Duration')
    out.unsigned(PERIOD_NANO)
    out.text('Stats')
    out.array(rows.size)
    for (const row of rows.values()) writeRow(out, row)
    return out.finish()
  }
}

const KIND_PREFIX = KINDS[0].slice(0, 'SPAN_KIND_'.length)

// IsTraceRoot is one of three: 0 not told, 1 yes, 2 no.
function writeRow(out: MsgpackWriter, { texts, ok, error }: StatRow): void {
  const text = (key: string): string => texts.get(key) ?? ''
  const hits = ok.hits + error.hits
  const strings: readonly [string, string][] = [
    ['Service', text(ROW.service)],
    ['Name', text(ROW.operation)],
    ['Resource', text(ROW.resource)],
    ['Type', text(ROW.type)],
    ['SpanKind', text(ROW.kind).replace(KIND_PREFIX, '').toLowerCase()],
    ['HTTPMethod', text(ROW.httpMethod)],
    ['HTTPEndpoint', text(ROW.httpRoute)],
    ['GRPCStatusCode', text(ROW.rpcStatus)]
  ]
  const numbers: readonly [string, number][] = [
    ['HTTPStatusCode', Number(text(ROW.httpStatus))],
    ['Hits', hits],
    ['Errors', error.hits],
    ['TopLevelHits', text(ROW.topLevel) === 'true' ? hits : 0],
    ['Duration', Math.min(Math.round(ok.sum + error.sum), Number.MAX_SAFE_INTEGER)],
    ['IsTraceRoot', { true: 1, false: 2 }[text(ROW.traceRoot)] ?? 0]
  ]
  out.map(strings.length + numbers.length + 3)
  for (const [key, value] of strings) {
    out.text(key)
    out.text(value)
  }
  for (const [key, value] of numbers) {
    out.text(key)
    out.unsigned(value)
  }
  out.text('Synthetics')
  out.boolean(text(ROW.origin).startsWith('synthetics'))
  out.text('OkSummary')
  out.binary(sketchOf(ok.bins))
  out.text('ErrorSummary')
  out.binary(sketchOf(error.bins))
}
