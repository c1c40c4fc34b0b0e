import { durationRecordings, failureRecordings } from '../recordings.ts'
import { alertsOf, DISKS, type Group, growth } from '../rule.ts'

const queue = alertsOf('queue')
const worker = alertsOf('worker')

const STAGE = ['cluster', 'namespace', 'stage']
const MODEL = ['cluster', 'namespace', 'model']

const JOBS = growth('job_processing_duration_seconds_count', '30m')
const FAILED_JOBS = growth('job_processing_duration_seconds_count{outcome="error"}', '30m')
const CALLS = growth('model_inference_duration_seconds_count', '10m')
const FAILED_CALLS = growth('model_inference_duration_seconds_count{outcome="error"}', '10m')

const mean = (window: string): string =>
  [
    `sum by (cluster, namespace, stage) (rate(job_processing_duration_seconds_sum[${window}]))`,
    `/ (sum by (cluster, namespace, stage) (rate(job_processing_duration_seconds_count[${window}])) > 0)`
  ].join(' ')

const failures = (share: string): string => `stage:job_failures:ratio30m > ${share} and stage:job_failures:growth30m > 1.5`

export const QUEUE_RULES: Group = {
  name: 'sluice-queue',
  recordings: [
    {
      record: 'stage:queue_depth:sum',
      labels: ['cluster', 'namespace', 'stage'],
      expr: 'sum by (cluster, namespace, stage) (queue_depth)',
      help: 'Jobs that wait, by stage.'
    }
  ],
  alerts: [
    queue('warning', {
      alert: 'QueueDepthHigh',
      expr: 'stage:queue_depth:sum > 100',
      for: '5m',
      summary: '{{ $value }} jobs wait for the stage {{ $labels.stage }}',
      description: '100 is the limit.'
    }),
    queue('critical', {
      alert: 'QueueNotDraining',
      expr: 'stage:queue_depth:sum > 0 unless on (cluster, stage) (stage:jobs:growth30m > 0)',
      for: '30m',
      summary: '{{ $value }} jobs wait for the stage {{ $labels.stage }} and none is done',
      description: 'Jobs have waited for half an hour in which none of the stage has ended.'
    })
  ]
}

export const WORKER_RULES: Group = {
  name: 'sluice-worker',
  recordings: [
    ...failureRecordings({
      level: 'stage',
      labels: STAGE,
      window: '30m',
      all: { record: 'jobs', growth: JOBS, help: 'Jobs that ended in 30 minutes.' },
      failed: { record: 'job_failures', growth: FAILED_JOBS, help: 'Jobs that failed in 30 minutes; absent where none ever did.' },
      help: 'Share of the jobs of a stage that fail.'
    }),
    { record: 'stage:job_duration_seconds:mean30m', labels: STAGE, expr: mean('30m'), help: 'Mean duration of a job.' },
    ...durationRecordings([0.95], {
      level: 'stage',
      record: 'job_duration_seconds',
      labels: STAGE,
      window: '30m',
      histogram: 'job_processing_duration_seconds',
      of: 'the jobs of a stage end'
    }),
    ...failureRecordings({
      level: 'model',
      labels: MODEL,
      window: '10m',
      all: { record: 'inferences', growth: CALLS, help: 'Calls of a model in 10 minutes.' },
      failed: {
        record: 'inference_failures',
        growth: FAILED_CALLS,
        help: 'Failed calls of a model in 10 minutes; absent where none ever failed.'
      },
      help: 'Share of the calls of a model that fail.'
    }),
    ...durationRecordings([0.5, 0.95, 0.99], {
      level: 'model',
      record: 'inference_duration_seconds',
      labels: MODEL,
      window: '5m',
      histogram: 'model_inference_duration_seconds',
      of: 'the calls of a model end'
    })
  ],
  alerts: [
    worker('warning', {
      alert: 'JobFailures',
      expr: failures('0.05'),
      for: '5m',
      summary: '{{ $value | humanizePercentage }} of the jobs of the stage {{ $labels.stage }} fail',
      description: 'More than 5 % of the jobs that ended in the last half hour, and more than one.'
    }),
    worker('critical', {
      alert: 'JobFailuresCritical',
      expr: failures('0.1'),
      for: '2m',
      summary: '{{ $value | humanizePercentage }} of the jobs of the stage {{ $labels.stage }} fail',
      description: 'More than 10 % of the jobs that ended in the last half hour, and more than one.'
    }),
    worker('warning', {
      alert: 'JobsSlow',
      expr: `stage:job_duration_seconds:mean30m > 2 * (${mean('1d').replaceAll('[1d]', '[1d] offset 30m')}) and stage:jobs:growth30m > 2.5`,
      for: '10m',
      summary: 'Jobs of the stage {{ $labels.stage }} take {{ $value | humanizeDuration }}',
      description: 'More than twice their mean of the last day.'
    }),
    worker('warning', {
      alert: 'InferenceSlow',
      expr: 'model:inference_duration_seconds:p95_5m > 10',
      for: '5m',
      summary: 'The model {{ $labels.model }} takes {{ $value | humanizeDuration }}',
      description: 'One call in twenty takes longer than that; 10 s is the limit.'
    }),
    worker('warning', {
      alert: 'ModelErrorRateHigh',
      expr: 'model:inference_failures:ratio10m > 0.01 and model:inference_failures:growth10m > 1.5',
      for: '5m',
      summary: '{{ $value | humanizePercentage }} of the calls of the model {{ $labels.model }} fail',
      description: 'More than 1 % of the calls of the last 10 minutes, and more than one.'
    }),
    worker('warning', {
      alert: 'StorageErrors',
      expr: 'sum by (cluster, namespace, kind) (increase(sluice_errors_grouped_total{kind=~"storage.*"}[10m])) > 2.5',
      for: '5m',
      summary: 'Storage fails: {{ $labels.kind }}',
      description: '{{ $value | humanize }} errors of this kind in 10 minutes.'
    }),
    worker('warning', {
      alert: 'DiskUsageHigh',
      expr: [
        `1 - max by (job, instance, cluster, device, mountpoint) (node_filesystem_avail_bytes{${DISKS}})`,
        `/ max by (job, instance, cluster, device, mountpoint) (node_filesystem_size_bytes{${DISKS}} > 0) > 0.8`,
        'or 1 - max by (cluster, namespace, persistentvolumeclaim) (kubelet_volume_stats_available_bytes)',
        '/ max by (cluster, namespace, persistentvolumeclaim) (kubelet_volume_stats_capacity_bytes > 0) > 0.8'
      ].join(' '),
      for: '5m',
      summary:
        '{{ $labels.instance }}{{ $labels.mountpoint }} {{ $labels.persistentvolumeclaim }} is {{ $value | humanizePercentage }} full',
      description: '80 % is the limit.'
    })
  ]
}
