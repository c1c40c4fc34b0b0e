/**
 * Where a metric comes from: the gateway itself, the injector, spans before sampling, nvidia-smi, the platform, which must provide it under this name, or a
 * recording rule.
 */
export type Origin = 'gateway' | 'injector' | 'derived' | 'gpu' | 'platform' | 'recorded'

export type MetricType = 'counter' | 'gauge' | 'histogram'

export interface Metric {
  /** As on the page; of a histogram without `_bucket`, `_sum` and `_count`. */
  readonly name: string
  readonly type: MetricType
  /** Beside `job`, `instance` and what else a scrape may give all of them, and `le` of histograms. */
  readonly labels: readonly string[]
  readonly from: Origin
  readonly help: string
}

type Make = (name: string, labels: string, help: string) => Metric

/** Makers of metrics of one origin, with the labels that all of them have. Labels are words with spaces between them. */
export function of(from: Origin, common = ''): Record<MetricType, Make> {
  const make =
    (type: MetricType): Make =>
    (name, labels, help) => ({
      name,
      type,
      from,
      help,
      labels: [...new Set(`${common} ${labels}`.split(' '))].filter((label) => label !== '')
    })
  return { counter: make('counter'), gauge: make('gauge'), histogram: make('histogram') }
}
