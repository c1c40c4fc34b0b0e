import type { Attributes, Meter } from '@opentelemetry/api'
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-proto'
import { resourceFromAttributes } from '@opentelemetry/resources'
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics'
import type { Metric } from '../../src/monitoring/metric.ts'
import { PLATFORM_METRICS } from '../../src/monitoring/metrics/platform.ts'
import { STAGES, TIERS } from './dubbing-load.ts'

const EVERY_MS = 1000
const BUCKETS = [0.005, 0.01, 0.02, 0.04, 0.08, 0.2, 1, 2, 4, 8, 16, 32]
const MIB = 2 ** 20
const GIB = 2 ** 30

/** What labels may be; one that is not here has one value. */
const VALUES: Readonly<Record<string, readonly string[]>> = {
  stage: STAGES.map(({ stage }) => stage),
  tier: TIERS,
  model: STAGES.flatMap(({ model }) => model ?? []),
  period: ['day', 'week', 'month'],
  reason: ['timeout', 'protocol'],
  namespace: ['dubbing'],
  pod: ['backend-0', 'worker-0'],
  container: ['main'],
  fstype: ['ext4'],
  mountpoint: ['/'],
  phase: ['Running'],
  resource: ['memory'],
  db_client_connection_state: ['used', 'idle'],
  name: ['pods.inject.sluice.dev'],
  error_type: ['calling_webhook_error']
}

/** About what a gauge shows, or a counter grows by in a second; a histogram measures the value of its name. */
const USUAL: Readonly<Record<string, number | Readonly<Record<string, number>>>> = {
  active_users: { day: 420, week: 1300, month: 3900 },
  active_websocket_connections: 180,
  container_memory_working_set_bytes: 900 * MIB,
  db_client_connection_count: { used: 14, idle: 6 },
  db_client_connection_max: 30,
  kube_pod_container_resource_limits: 2 * GIB,
  kube_pod_init_container_resource_limits: 512 * MIB,
  kubelet_volume_stats_available_bytes: 60 * GIB,
  kubelet_volume_stats_capacity_bytes: 100 * GIB,
  model_batch_size: 6,
  model_memory_bytes: 9 * GIB,
  node_filesystem_avail_bytes: 300 * GIB,
  node_filesystem_size_bytes: 500 * GIB,
  pg_stat_database_xact_commit: 40,
  pg_stat_database_xact_rollback: 0.4,
  processing_minutes_total: { free: 0.5, pro: 2, business: 4 },
  projects_created_total: 0.3,
  queue_depth: { stt: 12, translation: 4, tts: 18, 'lip-sync': 70, mux: 3 },
  subscriptions_active: { free: 0, pro: 240, business: 60 },
  subscription_conversions_total: 0.05,
  subscription_cancellations_total: 0.02,
  videos_processed_total: 0.4,
  websocket_message_duration_seconds: 0.03,
  websocket_errors_total: 0.2,
  websocket_reconnects_total: 0.5,
  worker_busy: 3,
  worker_count: 4
}
/** What is up, or limited, does not move. */
const STEADY = /^(?:pg_up|redis_up|probe_success|worker_count|.*_(?:max|limits|size_bytes|capacity_bytes|ready|phase))$/
/** What Prometheus makes itself. */
const NOT_SENT = new Set(['up'])

/**
 * Sends, through an unmodified SDK, what the platform is to provide, under exactly the names that the catalogue asks for. Resolves with how to stop it.
 */
export function sendPlatformMetrics(http: string): () => Promise<void> {
  const providers = ['dubbing-backend', 'storage'].map((service) => {
    const exporter = new OTLPMetricExporter({ url: `${http}/v1/metrics` })
    const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: EVERY_MS, exportTimeoutMillis: EVERY_MS })
    const resource = resourceFromAttributes({ 'service.name': service, 'service.instance.id': `${service}-0` })
    return new MeterProvider({ resource, readers: [reader] })
  })
  const [backend, storage] = providers.map((provider) => provider.getMeter('platform'))
  const histograms: (() => void)[] = []
  for (const metric of PLATFORM_METRICS) {
    if (NOT_SENT.has(metric.name)) continue
    observe(metric.name === 'probe_success' ? storage : backend, metric, histograms)
  }
  const timer = setInterval(() => {
    for (const measure of histograms) measure()
  }, EVERY_MS / 10)
  return async () => {
    clearInterval(timer)
    for (const provider of providers) await provider.shutdown()
  }
}

function observe(meter: Meter, { name, type, labels }: Metric, histograms: (() => void)[]): void {
  const series = seriesOf(labels)
  const now = (attributes: Attributes): number => {
    const value = usualOf(name, attributes) * (STEADY.test(name) ? 1 : wave(name, attributes))
    return value < 1 ? value : Math.round(value)
  }
  if (type === 'histogram') {
    const histogram = meter.createHistogram(name, { advice: { explicitBucketBoundaries: BUCKETS } })
    histograms.push(() => {
      for (const attributes of series) histogram.record(now(attributes) * (0.5 + Math.random()), attributes)
    })
    return
  }
  // An exporter that is older than the rule for names has counters without _total, which the page would add.
  const isCounter = type === 'counter' && name.endsWith('_total')
  const instrument = isCounter ? meter.createObservableCounter(name) : meter.createObservableGauge(name)
  const startMs = Date.now()
  instrument.addCallback((result) => {
    const seconds = (Date.now() - startMs) / 1000
    for (const attributes of series) result.observe(type === 'counter' ? usualOf(name, attributes) * seconds : now(attributes), attributes)
  })
}

function seriesOf(labels: readonly string[]): Attributes[] {
  let all: Attributes[] = [{}]
  for (const label of labels) all = all.flatMap((each) => (VALUES[label] ?? ['main']).map((value) => ({ ...each, [label]: value })))
  return all
}

function usualOf(name: string, attributes: Attributes): number {
  const usual = USUAL[name] ?? 1
  if (typeof usual === 'number') return usual
  for (const value of Object.values(attributes)) if (usual[String(value)] !== undefined) return usual[String(value)]
  return 1
}

/** Between 0.7 and 1.3, at its own time for each series. */
function wave(name: string, attributes: Attributes): number {
  const phase = [...`${name}${Object.values(attributes).join('')}`].reduce((sum, letter) => sum + letter.charCodeAt(0), 0)
  return 1 + 0.3 * Math.sin(Date.now() / 9000 + phase)
}
