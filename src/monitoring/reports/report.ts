// What reports are made of: measures, each an expression over a period, asked of what there is of the past.

export const PERIODS = ['day', 'week', 'month'] as const
export type Period = (typeof PERIODS)[number]

export type Unit = 'count' | 'share' | 'seconds' | 'minutes' | 'hours' | 'kWh' | 'money' | 'number'

/** What an hour of a GPU and a kWh cost, in one currency. */
export interface Prices {
  readonly gpuHour: number
  readonly kwh: number
}

/** What expressions are made for. */
export interface Scope {
  /** The period, as a range of PromQL. */
  readonly window: string
  readonly hours: number
  readonly prices: Prices
  /** Matchers of a metric as scraped: those of the namespaces that were chosen, and its own. */
  readonly of: (metric: string, matchers?: string) => string
  /** What a counter grew by in the period, added up by labels. */
  readonly total: (counter: string, by: readonly string[], matchers?: string) => string
  /** How many whole GPUs there are, at a moment. */
  readonly gpus: string
}

export interface Measure {
  readonly title: string
  readonly unit: Unit
  /** The expression, with one series for each group of the part's labels. It is asked at the end of the period. */
  readonly expr: (scope: Scope, by: readonly string[]) => string
}

/** A table: a row for each group of labels, or one of the whole; a column for each measure. */
export interface Part {
  readonly title: string
  readonly by: readonly string[]
  readonly measures: readonly Measure[]
}

export interface ReportPlan {
  readonly period: Period
  readonly title: string
  readonly parts: readonly Part[]
}

interface Kept {
  readonly record: string
  readonly labels: readonly string[]
}

const kept = (name: string, labels: string): Kept => ({ record: `retained:${name}:increase5m`, labels: ['cluster', ...labels.split(' ')] })

/** Counters of which recording rules keep what they grew by, and by which labels: those of `rules/retention.ts`. */
export const KEPT: Readonly<Record<string, Kept>> = {
  http_requests_total: kept('http_requests', 'service status'),
  http_request_duration_seconds_bucket: kept('http_duration_bucket', 'service le'),
  job_processing_duration_seconds_count: kept('jobs', 'stage outcome'),
  job_processing_duration_seconds_sum: kept('job_seconds', 'stage'),
  model_inference_duration_seconds_count: kept('inferences', 'model outcome'),
  model_inference_duration_seconds_bucket: kept('inference_duration_bucket', 'model le'),
  gpu_seconds_total: kept('gpu_seconds', 'model stage tier'),
  gpu_energy_joules_total: kept('gpu_joules', 'model stage tier'),
  sluice_errors_grouped_total: kept('errors', 'kind')
}

const KEPT_GPUS = 'retained:gpus:count'

/** Of what there is of the past: metrics as they were scraped, or what recording rules keep of them for long. */
export type Source = 'scraped' | 'kept'

export interface ScopeOptions {
  readonly hours: number
  readonly prices: Prices
  /** Only what was scraped in these; all when empty. Recording rules keep clusters, and no namespaces. */
  readonly clusters: readonly string[]
  readonly namespaces: readonly string[]
}

/** The expression of a measure from a source; null where that has not all of it. */
export function exprOf(
  { expr }: Measure,
  by: readonly string[],
  source: Source,
  { hours, prices, clusters, namespaces }: ScopeOptions
): string | null {
  const window = `${Math.round(hours * 3600)}s`
  const ofClusters = oneOf('cluster', clusters)
  const chosen = [ofClusters, oneOf('namespace', namespaces)]
  let whole = true
  const of = (metric: string, matchers = ''): string => {
    if (source === 'kept') whole = false
    return selectorOf(metric, [...chosen, matchers])
  }
  const total = (counter: string, groups: readonly string[], matchers = ''): string => {
    if (source === 'scraped') return `sum${byOf(groups)}(increase(${of(counter, matchers)}[${window}]))`
    const { record, labels } = KEPT[counter] ?? { record: counter, labels: [] }
    const asked = [...groups, ...Array.from(matchers.matchAll(/(\w+)[=!]/g), ([, label]) => label)]
    whole &&= counter in KEPT && namespaces.length === 0 && asked.every((label) => labels.includes(label))
    return `sum${byOf(groups)}(sum_over_time(${selectorOf(record, [ofClusters, matchers])}[${window}]))`
  }
  const gpus = source === 'kept' && namespaces.length === 0 ? `sum(${selectorOf(KEPT_GPUS, [ofClusters])})` : null
  const scope = {
    ...{ window, hours, prices, of, total },
    get gpus() {
      return gpus ?? `count(count by (hw_id) (${of('gpu_info', 'hw_parent=""')}))`
    }
  }
  const text = expr(scope, by)
  return whole ? text : null
}

export const byOf = (by: readonly string[]): string => (by.length === 0 ? '' : ` by (${by.join(', ')}) `)

// Names are data: no letter of one is a pattern.
const oneOf = (label: string, names: readonly string[]): string =>
  names.length === 0 ? '' : `${label}=~${JSON.stringify(names.map((name) => name.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')).join('|'))}`

function selectorOf(name: string, matchers: readonly string[]): string {
  const all = matchers.filter((each) => each !== '').join(',')
  return all === '' ? name : `${name}{${all}}`
}

/**
 * How much of the period a source has, from 0 to 1. Scraped is what Prometheus could scrape at all; kept is what the rule with the series of every
 * gateway made.
 */
export const COVERAGE: Readonly<Record<Source, (window: string, step: string) => string>> = {
  scraped: (window, step) => `count_over_time(count(up)[${window}:${step}])`,
  kept: (window, step) => `count_over_time(count(retained:items:increase5m)[${window}:${step}])`
}
