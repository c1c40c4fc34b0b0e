// Monitors for `POST /api/v1/monitor`: https://docs.datadoghq.com/api/latest/monitors/#create-a-monitor

import { type Alert, runbookOf, type Severity } from '../rule.ts'
import { RUNBOOKS } from '../rule-files.ts'
import { GROUPS } from '../rules.ts'

/** An alert of Prometheus' rules, asked of Datadog. */
interface Watch {
  /** Whose severity, component and runbook it has. */
  readonly alert: string
  /** What is said; `{{stage.name}}` stands for a tag that the query groups by, `{{value}}` for the value. */
  readonly title: string
  /** Up to the comparison. */
  readonly query: string
  readonly is?: '>' | '<'
  readonly than: number
  /** Where it warns before that. */
  readonly warnsAt?: number
  /** Minutes without any data after which that is told. */
  readonly silentForMinutes?: number
}

const WATCHES: readonly Watch[] = [
  {
    alert: 'ApiDown',
    title: 'No request has come to {{service.name}}',
    query: 'sum(last_5m):sum:http_requests_total{service:api} by {service}.as_count()',
    is: '<',
    than: 1,
    silentForMinutes: 10
  },
  {
    alert: 'HighErrorRate',
    title: '{{value}} of the requests to {{service.name}} fail',
    query: 'sum(last_5m):sum:http_requests_total{status:5*} by {service}.as_count() / sum:http_requests_total{*} by {service}.as_count()',
    than: 0.01
  },
  {
    alert: 'SlowPerformance',
    title: 'Requests to {{service.name}} take {{value}} s',
    query: 'avg(last_5m):p95:http_request_duration_seconds{*} by {service}',
    than: 2
  },
  {
    alert: 'DatabaseConnectionFailing',
    title: 'Every second call of {{system.name}} by {{service.name}} fails',
    query: [
      'sum(last_5m):count:db_query_duration_seconds{outcome:error,!system:redis} by {service,system}.as_count()',
      'count:db_query_duration_seconds{!system:redis} by {service,system}.as_count()'
    ].join(' / '),
    than: 0.5
  },
  {
    alert: 'RedisConnectionFailing',
    title: 'Every second call of Redis by {{service.name}} fails',
    query: [
      'sum(last_5m):count:db_query_duration_seconds{outcome:error,system:redis} by {service}.as_count()',
      'count:db_query_duration_seconds{system:redis} by {service}.as_count()'
    ].join(' / '),
    than: 0.5
  },
  {
    alert: 'DatabaseSlow',
    title: '{{system.name}} takes {{value}} s for calls of {{service.name}}',
    query: 'avg(last_10m):p95:db_query_duration_seconds{!system:redis} by {service,system}',
    than: 1
  },
  {
    alert: 'QueueDepthHigh',
    title: '{{value}} jobs wait for the stage {{stage.name}}',
    query: 'min(last_5m):sum:queue_depth{*} by {stage}',
    than: 100
  },
  {
    alert: 'JobFailuresCritical',
    title: '{{value}} of the jobs of the stage {{stage.name}} fail',
    query: [
      'sum(last_30m):count:job_processing_duration_seconds{outcome:error} by {stage}.as_count()',
      'count:job_processing_duration_seconds{*} by {stage}.as_count()'
    ].join(' / '),
    than: 0.1,
    warnsAt: 0.05
  },
  {
    alert: 'InferenceSlow',
    title: 'The model {{model.name}} takes {{value}} s',
    query: 'avg(last_5m):p95:model_inference_duration_seconds{*} by {model}',
    than: 10
  },
  {
    alert: 'ModelErrorRateHigh',
    title: '{{value}} of the calls of the model {{model.name}} fail',
    query: [
      'sum(last_10m):count:model_inference_duration_seconds{outcome:error} by {model}.as_count()',
      'count:model_inference_duration_seconds{*} by {model}.as_count()'
    ].join(' / '),
    than: 0.01
  },
  {
    alert: 'DiskUsageHigh',
    title: '{{device.name}} of {{host.name}} is {{value}} full',
    query: 'min(last_5m):max:system.disk.in_use{*} by {host,device}',
    than: 0.8
  },
  {
    alert: 'GpuOutOfMemory',
    title: 'A GPU ran out of memory; seen by {{pod_name.name}}',
    query: 'sum(last_10m):sum:sluice.errors_grouped.count{kind:out-of-memory/device} by {pod_name}.as_count()',
    than: 0
  },
  {
    alert: 'GpuUtilizationHigh',
    title: 'GPU {{[hw.id].name}} is at {{value}}',
    query: 'avg(last_10m):avg:hw.gpu.utilization{hw.gpu.task:general} by {hw.id}',
    than: 0.9
  },
  {
    alert: 'GpuMemoryNearlyFull',
    title: 'The memory of GPU {{[hw.id].name}} is {{value}} full',
    query: 'min(last_10m):max:hw.gpu.memory.utilization{*} by {hw.id}',
    than: 0.95
  },
  {
    alert: 'GpuLost',
    title: 'GPU {{[hw.id].name}} no longer answers',
    query: 'max(last_5m):max:hw.status{hw.state:failed} by {hw.id}',
    than: 0
  },
  {
    alert: 'GpuRecoveryActionNeeded',
    title: 'GPU {{[hw.id].name}} needs its driver’s recovery action {{value}}',
    query: 'max(last_5m):max:gpu.recovery_action{*} by {hw.id}',
    than: 0
  },
  {
    alert: 'GpuUncorrectedEcc',
    title: 'GPU {{[hw.id].name}} has memory errors that could not be corrected',
    query: 'sum(last_5m):sum:hw.errors{error.type:uncorrected} by {hw.id}.as_count()',
    than: 0
  },
  {
    alert: 'GpuThermalSlowdown',
    title: 'GPU {{[hw.id].name}} is slowed down by its heat',
    query: 'min(last_5m):max:gpu.throttled{gpu.throttle.reason:hw_thermal_slowdown} by {hw.id}',
    than: 0
  },
  {
    alert: 'GpuSamplesStale',
    title: 'What {{pod_name.name}} knows of its GPUs is {{value}} s old',
    query: 'min(last_5m):max:sluice.gpu_sample_age_seconds{*} by {pod_name}',
    than: 120
  },
  {
    alert: 'SluiceExporterFailing',
    title: '{{exporter.name}} of {{pod_name.name}} cannot deliver {{signal.name}}',
    query: 'min(last_5m):max:sluice.exporter_failing{*} by {pod_name,exporter,signal}',
    than: 0
  },
  {
    alert: 'SluiceQueueFull',
    title: 'The queue of {{pod_name.name}} is {{value}} full',
    query: 'min(last_5m):max:sluice.queue_bytes{*} by {pod_name} / max:sluice.queue_bytes_max{*} by {pod_name}',
    than: 0.9,
    warnsAt: 0.7
  },
  {
    alert: 'SluiceDropping',
    title: '{{pod_name.name}} drops {{signal.name}}: {{reason.name}}',
    query: 'sum(last_5m):sum:sluice.items.count{stage:process,outcome:dropped,!component:limit} by {pod_name,signal,reason}.as_count()',
    than: 0
  },
  {
    alert: 'SluiceLedgerResidue',
    title: 'The books of {{pod_name.name}} do not balance',
    query: 'min(last_5m):max:sluice.ledger_residue{*} by {pod_name,signal}',
    than: 0
  },
  {
    alert: 'SluiceRedactionCanaryFailed',
    title: 'Redaction in {{pod_name.name}} lets made-up secrets pass',
    query: 'sum(last_5m):sum:sluice.redact_canary_failures.count{*} by {pod_name,rule}.as_count()',
    than: 0
  },
  {
    alert: 'SluiceInjectionFailing',
    title: 'The injector {{pod_name.name}} fails on pods',
    query: 'sum(last_10m):sum:sluice.inject_requests.count{result:failed} by {pod_name}.as_count()',
    than: 0
  },
  {
    alert: 'SluiceInjectorRefusing',
    title: 'The injector {{pod_name.name}} refuses requests: {{reason.name}}',
    query: 'sum(last_10m):sum:sluice.inject_refused_requests.count{*} by {pod_name,reason}.as_count()',
    than: 0
  }
]

const PRIORITIES: Record<Severity, number> = { critical: 1, warning: 3, info: 5 }
/** Handles of Datadog's integrations and people, to be replaced by one's own. */
const TOLD: Record<Severity, string> = {
  critical: '@pagerduty-sluice @slack-sluice-alerts',
  warning: '@slack-sluice-alerts @on-call@example.com',
  info: '@on-call@example.com'
}
/** Minutes after which a monitor that still alerts says so again. */
const AGAIN_MINUTES: Record<Severity, number> = { critical: 240, warning: 720, info: 0 }

/** The body of a request that makes a monitor. */
export interface Monitor {
  readonly name: string
  readonly type: 'query alert'
  readonly query: string
  readonly message: string
  readonly tags: readonly string[]
  readonly priority: number
  readonly options: {
    readonly thresholds: { readonly critical: number; readonly warning?: number }
    readonly notify_no_data: boolean
    readonly no_data_timeframe?: number
    readonly require_full_window: boolean
    readonly include_tags: boolean
    readonly renotify_interval: number
  }
}

/** Those of the alerts whose data Datadog has, in its own words. */
export function monitors(): Monitor[] {
  const alerts = new Map<string, Alert>(GROUPS.flatMap(({ alerts = [] }) => alerts).map((alert) => [alert.alert, alert]))
  return WATCHES.map((watch) => {
    const alert = alerts.get(watch.alert)
    if (alert === undefined) throw new Error(`there is no alert ${watch.alert}`)
    return monitorOf(watch, alert)
  })
}

function monitorOf({ alert, title, query, is = '>', than, warnsAt, silentForMinutes }: Watch, { severity, component }: Alert): Monitor {
  return {
    name: title,
    type: 'query alert',
    query: `${query} ${is} ${than}`,
    message: `${title}.\n\nWhat to do: ${RUNBOOKS}${runbookOf(alert)}\n\n${TOLD[severity]}`,
    tags: ['managed-by:sluice', `alert:${alert}`, `component:${component}`, `severity:${severity}`],
    priority: PRIORITIES[severity],
    options: {
      thresholds: { critical: than, ...(warnsAt !== undefined && { warning: warnsAt }) },
      notify_no_data: silentForMinutes !== undefined,
      ...(silentForMinutes !== undefined && { no_data_timeframe: silentForMinutes }),
      require_full_window: false,
      include_tags: true,
      renotify_interval: AGAIN_MINUTES[severity]
    }
  }
}
