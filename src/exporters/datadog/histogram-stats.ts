import type { RedactedBatch } from '../../batch.ts'
import type { Outcome } from '../../component.ts'
import { durationOf, ROW, STATISTICS_NAME, STATUS_ERROR, STATUS_OK } from '../../datadog/statistics.ts'
import { encode } from '../../otlp/encode.ts'
import type { Draft, HistogramDataPoint, KeyValue, ResourceMetrics } from '../../otlp/objects.ts'
import type { Intake } from './intake.ts'
import type { Lane } from './lane.ts'
import { Parts } from './parts.ts'
import type { Bins } from './sketch.ts'
import { type Outcomes, type StatGroup, type StatRow, statGroupsOf } from './stat-rows.ts'

// In seconds: those of Datadog's tracers, so that series of all senders have the same ones.
const BOUNDS = [0.002, 0.004, 0.006, 0.008, 0.01, 0.05, 0.1, 0.2, 0.4, 0.8, 1, 1.4, 2, 5, 10, 15]
const NS_PER_S = 1e9
const DELTA = 1
/** Below the intake's limit of 500,000 bytes. */
const REQUEST_BYTES_MAX = 400_000
const ROW_BYTES_MIN = 500
const METRIC_CONFIG = JSON.stringify({ resource_attributes_as_tags: true })
/** Names the gateway, which makes its series its own: of points of two gateways in one second the last would win. */
const INSTANCE = 'sluice.instance.id'

/** Statistics to the OTLP intake, as Datadog's tracers send theirs there: histograms of durations. */
export class HistogramStats implements Lane {
  private readonly url: URL
  private readonly intake: Intake
  private readonly hostname: string | undefined
  private readonly parts = new Parts()

  constructor(url: URL, intake: Intake, hostname: string | undefined) {
    this.url = url
    this.intake = intake
    this.hostname = hostname
  }

  async send(batch: RedactedBatch, stop: AbortSignal): Promise<Outcome | undefined> {
    const headers = { 'dd-otel-metric-config': METRIC_CONFIG }
    const parts = requestsOf(statGroupsOf(batch.bytes, this.hostname)).map(({ items, body }, i) => ({
      key: `${i}`,
      items,
      send: async () => {
        await this.intake.post({ signal: 'stats', url: this.url, contentType: 'application/x-protobuf', headers, body }, stop)
      }
    }))
    return this.parts.send(batch, parts)
  }

  abandon(batch: RedactedBatch, reason: string): Outcome {
    return this.parts.abandon(batch, reason)
  }
}

interface Request {
  readonly items: number
  readonly body: Uint8Array
}

function requestsOf(groups: readonly StatGroup[]): Request[] {
  const requests: Request[] = []
  let entries: Uint8Array[] = []
  let size = 0
  let items = 0
  const close = (): void => {
    if (items > 0) requests.push({ items, body: Buffer.concat(entries) })
    entries = []
    size = items = 0
  }
  for (const group of groups) {
    const rows = [...group.rows.values()]
    const rowsMax = Math.ceil(REQUEST_BYTES_MAX / 4 / ROW_BYTES_MIN)
    for (let i = 0; i < rows.length; i += rowsMax) {
      const some = rows.slice(i, i + rowsMax)
      const entry = encode('ExportMetricsServiceRequest', { resourceMetrics: [entryOf(group, some)] })
      if (size + entry.length > REQUEST_BYTES_MAX) close()
      entries.push(entry)
      size += entry.length
      items += some.reduce((sum, row) => sum + row.items, 0)
    }
  }
  close()
  return requests
}

function entryOf(group: StatGroup, rows: readonly StatRow[]): Draft<ResourceMetrics> {
  const dataPoints = rows.flatMap((row) => [...pointsOf(group, row, row.ok, STATUS_OK), ...pointsOf(group, row, row.error, STATUS_ERROR)])
  return {
    resource: { attributes: resourceOf(group) },
    scopeMetrics: [{ metrics: [{ name: STATISTICS_NAME, unit: 's', histogram: { aggregationTemporality: DELTA, dataPoints } }] }]
  }
}

function resourceOf({ sender, resource, language }: StatGroup): KeyValue[] {
  const instance = resource.find(({ key }) => key === INSTANCE)?.value?.stringValue
  const texts: readonly [string, string | undefined][] = [
    ['deployment.environment.name', sender.env],
    ['service.version', sender.version],
    ['host.name', sender.host],
    ['telemetry.sdk.language', language || undefined],
    ['service.instance.id', instance]
  ]
  return texts.flatMap(([key, text]) => (text === undefined ? [] : [{ key, value: { stringValue: text } }]))
}

function pointsOf({ startNano, timeNano }: StatGroup, row: StatRow, of: Outcomes, status: string): Draft<HistogramDataPoint>[] {
  if (of.hits === 0) return []
  return [
    {
      attributes: [...row.attributes, { key: ROW.status, value: { stringValue: status } }],
      startTimeUnixNano: startNano,
      timeUnixNano: timeNano,
      count: of.hits,
      sum: of.sum / NS_PER_S,
      min: of.min / NS_PER_S,
      max: of.max / NS_PER_S,
      explicitBounds: BOUNDS,
      bucketCounts: bucketsOf(of.bins)
    }
  ]
}

function bucketsOf({ offset, counts, zeros }: Bins): number[] {
  const buckets = new Array<number>(BOUNDS.length + 1).fill(0)
  buckets[0] = zeros
  let bucket = 0
  for (let i = 0; i < counts.length; i++) {
    const seconds = durationOf(offset + i) / NS_PER_S
    while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]) bucket++
    buckets[bucket] += counts[i]
  }
  return buckets
}
