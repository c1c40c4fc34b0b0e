import type { Metric } from '../metric.ts'
import { METRICS } from '../metrics.ts'

/**
 * A metric as Datadog names it. What comes through the gateway keeps the name that OTLP gives it; the gateway's own are scraped by an Agent, as
 * `openmetrics.json` tells it to.
 */
export interface DatadogMetric {
  readonly name: string
  readonly kind: 'count' | 'distribution' | 'gauge'
  readonly tags: readonly string[]
  /** The metric of the catalogue that it is; undefined for what Datadog's own Agent sends. */
  readonly is: Metric | undefined
}

const KINDS = { counter: 'count', gauge: 'gauge', histogram: 'distribution' } as const
const BY_NAME = new Map(METRICS.map((metric) => [metric.name, metric]))

/** Of the catalogue, under the same name. */
const same = (name: string): DatadogMetric => {
  const is = BY_NAME.get(name)
  if (is === undefined) throw new Error(`the catalogue has no ${name}`)
  return { name, kind: KINDS[is.type], tags: is.labels, is }
}

/** Of a GPU: with dots, and without the unit that Prometheus adds. */
const gpu = (name: string, prometheus: string, ...tags: string[]): DatadogMetric => ({
  ...same(prometheus),
  name,
  tags: ['hw.id', 'hw.model', 'gpu.index', ...tags]
})

/** Of the gateway itself, as the Agent's OpenMetrics check writes it. */
const scraped = (prometheus: string): DatadogMetric => {
  const metric = same(prometheus)
  const name = prometheus.replace(/^sluice_/, 'sluice.')
  return { ...metric, name: metric.kind === 'count' ? name.replace(/_total$/, '.count') : name, tags: [...metric.tags, 'pod_name'] }
}

/** Everything that monitors and boards of Datadog ask for. */
export const DATADOG_METRICS: readonly DatadogMetric[] = [
  same('http_requests_total'),
  same('http_request_duration_seconds'),
  same('job_processing_duration_seconds'),
  same('model_inference_duration_seconds'),
  same('db_query_duration_seconds'),
  same('gpu_seconds_total'),
  same('gpu_energy_joules_total'),
  same('queue_depth'),
  same('active_websocket_connections'),
  same('worker_busy'),
  same('worker_count'),
  gpu('hw.gpu.utilization', 'hw_gpu_utilization_ratio', 'hw.gpu.task'),
  gpu('hw.gpu.memory.utilization', 'hw_gpu_memory_utilization_ratio'),
  gpu('hw.power', 'hw_power_watts', 'hw.type'),
  gpu('hw.status', 'hw_status', 'hw.state'),
  gpu('hw.errors', 'hw_errors_total', 'error.type'),
  gpu('gpu.recovery_action', 'gpu_recovery_action'),
  gpu('gpu.throttled', 'gpu_throttled', 'gpu.throttle.reason'),
  scraped('sluice_errors_grouped_total'),
  scraped('sluice_gpu_xid_total'),
  scraped('sluice_gpu_sample_age_seconds'),
  scraped('sluice_exporter_failing'),
  scraped('sluice_queue_bytes'),
  scraped('sluice_queue_bytes_max'),
  scraped('sluice_queue_oldest_seconds'),
  scraped('sluice_items_total'),
  scraped('sluice_ledger_residue'),
  scraped('sluice_redact_canary_failures_total'),
  scraped('sluice_inject_requests_total'),
  scraped('sluice_inject_refused_requests_total'),
  // Of Datadog's own Agent.
  { name: 'system.disk.in_use', kind: 'gauge', tags: ['host', 'device'], is: undefined }
]
