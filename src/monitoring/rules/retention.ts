import { GATEWAYS, type Group, growth } from '../rule.ts'

/**
 * The interval of the group and the window of its rules are the same, so that `sum_over_time` over a month is what was counted in it, with what pods
 * counted that ran for a while only.
 */
const STEP = '5m'

const ownOf = (metric: string) => (metric.startsWith('sluice_') ? GATEWAYS : 'target_info')

const counted = (name: string, labels: readonly string[], metric: string, help: string) => ({
  record: `${name}:increase${STEP}`,
  labels,
  expr: `sum by (${labels.join(', ')}) (${growth(metric, STEP, ownOf(metric))})`,
  help
})

/**
 * A few hundred series that say in a year what is asked of a year, where the raw ones are thousands of each gateway. Keep these alone for long, and
 * the rest for two weeks.
 */
export const RETENTION_RULES: Group = {
  name: 'sluice-retention',
  interval: STEP,
  recordings: [
    counted('retained:http_requests', ['cluster', 'service', 'status'], 'http_requests_total', 'Requests, by status.'),
    counted(
      'retained:http_duration_bucket',
      ['cluster', 'service', 'le'],
      'http_request_duration_seconds_bucket',
      'Requests, by duration.'
    ),
    counted('retained:jobs', ['cluster', 'stage', 'outcome'], 'job_processing_duration_seconds_count', 'Jobs, by outcome.'),
    counted('retained:job_seconds', ['cluster', 'stage'], 'job_processing_duration_seconds_sum', 'Time that jobs took.'),
    counted(
      'retained:inferences',
      ['cluster', 'model', 'outcome'],
      'model_inference_duration_seconds_count',
      'Calls of models, by outcome.'
    ),
    counted(
      'retained:inference_duration_bucket',
      ['cluster', 'model', 'le'],
      'model_inference_duration_seconds_bucket',
      'Calls, by duration.'
    ),
    counted('retained:gpu_seconds', ['cluster', 'model', 'stage', 'tier'], 'gpu_seconds_total', 'GPU time, by what it was spent on.'),
    counted(
      'retained:gpu_joules',
      ['cluster', 'model', 'stage', 'tier'],
      'gpu_energy_joules_total',
      'GPU energy, by what it was spent on.'
    ),
    counted('retained:errors', ['cluster', 'kind'], 'sluice_errors_grouped_total', 'Errors, by kind.'),
    counted('retained:items', ['cluster', 'signal', 'stage', 'outcome'], 'sluice_items_total', 'Telemetry, by what became of it.'),
    {
      record: 'retained:gpu_utilization:mean5m',
      labels: ['cluster', 'hw_model'],
      expr: 'avg by (cluster, hw_model) (avg_over_time(hw_gpu_utilization_ratio{hw_gpu_task="general"}[5m]))',
      help: 'How busy GPUs are, by model.'
    },
    {
      record: 'retained:gpus:count',
      labels: ['cluster', 'hw_model'],
      expr: 'count by (cluster, hw_model) (max by (cluster, hw_id, hw_model) (gpu_info{hw_parent=""}))',
      help: 'Whole GPUs, by model.'
    }
  ]
}
