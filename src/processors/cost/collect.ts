import { encode } from '../../otlp/encode.ts'
import type { Draft, KeyValue, Metric } from '../../otlp/objects.ts'
import type { LabelledAccount } from './accounts.ts'

const CUMULATIVE = 2
const SCOPE = 'sluice.cost'
const OVERFLOW: Draft<KeyValue> = { key: 'otel.metric.overflow', value: { boolValue: true } }

/** All accounts as one ExportMetricsServiceRequest, cumulative up to `nowMs`, or null when there are none. */
export function collectMetrics(
  names: readonly string[],
  accounts: readonly LabelledAccount[],
  resource: Readonly<Record<string, string>>,
  nowMs: number
): Uint8Array | null {
  const used = accounts.filter(({ seconds }) => seconds > 0)
  if (used.length === 0) return null
  const measured = used.filter(({ joules }) => joules > 0)
  const metric = (name: string, unit: string, description: string, of: readonly LabelledAccount[], read: 'seconds' | 'joules') => ({
    name,
    unit,
    description,
    sum: {
      aggregationTemporality: CUMULATIVE,
      isMonotonic: true,
      dataPoints: of.map((account) => ({
        attributes: attributesOf(names, account),
        startTimeUnixNano: nanos(account.startMs),
        timeUnixNano: nanos(nowMs),
        asDouble: account[read]
      }))
    }
  })
  const metrics: Draft<Metric>[] = [metric('gpu_seconds_total', 's', 'Time on GPUs, shared among the spans that ran.', used, 'seconds')]
  if (measured.length > 0)
    metrics.push(metric('gpu_energy_joules_total', 'J', 'Energy of GPUs, shared among the spans that ran.', measured, 'joules'))
  const attributes = Object.entries(resource).map(([key, stringValue]) => ({ key, value: { stringValue } }))
  return encode('ExportMetricsServiceRequest', {
    resourceMetrics: [{ resource: { attributes }, scopeMetrics: [{ scope: { name: SCOPE }, metrics }] }]
  })
}

function attributesOf(names: readonly string[], { values }: LabelledAccount): Draft<KeyValue>[] {
  if (values === null) return [OVERFLOW]
  return names.flatMap((key, i) => {
    const stringValue = values[i]
    return stringValue === undefined ? [] : [{ key, value: { stringValue } }]
  })
}

function nanos(ms: number): bigint {
  return BigInt(ms) * 1_000_000n
}
