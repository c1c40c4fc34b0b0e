// Measures that several reports have.
import { byOf, type Measure, type Scope, type Unit } from './report.ts'

/** What a counter grew by. */
export const total = (title: string, counter: string, unit: Unit = 'count'): Measure => ({
  title,
  unit,
  expr: ({ total }, by) => total(counter, by)
})

/** The part of what a counter counted that has these labels; 0 where it counted, but none of them. */
export const share = (title: string, counter: string, matchers: string): Measure => ({
  title,
  unit: 'share',
  expr: ({ total }, by) => {
    const all = total(counter, by)
    return `(${total(counter, by, matchers)} or 0 * ${all}) / (${all} > 0)`
  }
})

/** The duration within which this share of all ended. */
export const quantile = (title: string, q: number, histogram: string): Measure => ({
  title,
  unit: 'seconds',
  expr: ({ total }, by) => `histogram_quantile(${q}, ${total(`${histogram}_bucket`, ['le', ...by])})`
})

export const mean = (title: string, histogram: string): Measure => ({
  title,
  unit: 'seconds',
  expr: ({ total }, by) => `${total(`${histogram}_sum`, by)} / (${total(`${histogram}_count`, by)} > 0)`
})

/** Over the period, the mean or the most of what replicas report, added up. */
export const gauge = (title: string, over: 'avg' | 'max', metric: string, matchers = '', unit: Unit = 'number'): Measure => ({
  title,
  unit,
  expr: ({ of, window }, by) => `${over}_over_time((sum${byOf(by)}(${of(metric, matchers)}))[${window}:5m])`
})

const HOUR_SECONDS = 3600
const KWH_JOULES = 3_600_000

export const GPU_HOURS: Measure = {
  title: 'GPU hours',
  unit: 'hours',
  expr: ({ total }, by) => `${total('gpu_seconds_total', by)} / ${HOUR_SECONDS}`
}

export const KWH: Measure = {
  title: 'Energy',
  unit: 'kWh',
  expr: ({ total }, by) => `${total('gpu_energy_joules_total', by)} / ${KWH_JOULES}`
}

/** What the GPU time cost; energy has its own price, and is not part of it. */
export const GPU_COST: Measure = { title: 'GPU cost', unit: 'money', expr: (scope, by) => costOf(scope, by) }

export const ENERGY_COST: Measure = {
  title: 'Energy cost',
  unit: 'money',
  expr: ({ total, prices }, by) => `${total('gpu_energy_joules_total', by)} / ${KWH_JOULES} * ${prices.kwh}`
}

/** The GPU cost of one of what a counter counted. */
export const costPer = (title: string, counter: string): Measure => ({
  title,
  unit: 'money',
  expr: (scope, by) => `${costOf(scope, by)} / (${scope.total(counter, by)} > 0)`
})

function costOf({ total, prices }: Scope, by: readonly string[]): string {
  return `${total('gpu_seconds_total', by)} / ${HOUR_SECONDS} * ${prices.gpuHour}`
}

const gpuCount = ({ gpus, window }: Scope): string => `avg_over_time((${gpus})[${window}:5m])`

export const GPUS: Measure = { title: 'GPUs that there were', unit: 'number', expr: gpuCount }

/** Of whole GPUs; the rest is paid for and idle, or does work that nobody told of. */
export const GPUS_USED: Measure = {
  title: 'Of their time, used by jobs',
  unit: 'share',
  expr: (scope) => `${scope.total('gpu_seconds_total', [])} / ${HOUR_SECONDS * scope.hours} / ${gpuCount(scope)}`
}

export const GPUS_COST: Measure = {
  title: 'All GPUs at that price, idle ones too',
  unit: 'money',
  expr: (scope) => `${gpuCount(scope)} * ${scope.hours} * ${scope.prices.gpuHour}`
}

export const GPU_LOAD: Measure = {
  title: 'How busy GPUs were',
  unit: 'share',
  expr: ({ of, window }) => `avg_over_time((avg(${of('hw_gpu_utilization_ratio', 'hw_gpu_task="general"')}))[${window}:5m])`
}

export const JOBS = 'job_processing_duration_seconds'
export const CALLS = 'model_inference_duration_seconds'
export const FAILED = 'outcome="error"'
