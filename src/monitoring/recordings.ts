// Recordings that several parts of the platform keep in the same way.
import type { Recording } from './rule.ts'

interface Counted {
  readonly record: string
  /** What it grew by in the window, a series each. */
  readonly growth: string
  readonly help: string
}

interface Failures {
  readonly level: string
  readonly labels: readonly string[]
  /** As in names: `5m`. */
  readonly window: string
  readonly all: Counted
  readonly failed: Counted
  /** Of the share. */
  readonly help: string
}

/** How often something happened in a window, how often it failed, and the share of that. */
export function failureRecordings({ level, labels, window, all, failed, help }: Failures): Recording[] {
  const nameOf = ({ record }: Counted): string => `${level}:${record}:growth${window}`
  const added = (counted: Counted): Recording => ({
    record: nameOf(counted),
    labels,
    expr: `sum by (${labels.join(', ')}) (${counted.growth})`,
    help: counted.help
  })
  const ratio = `${nameOf(failed)} / (${nameOf(all)} > 0)`
  return [added(all), added(failed), { record: `${level}:${failed.record}:ratio${window}`, labels, expr: ratio, help }]
}

interface Durations {
  readonly level: string
  readonly record: string
  readonly labels: readonly string[]
  readonly window: string
  readonly histogram: string
  /** The last words of `Duration within which 95 % of …`. */
  readonly of: string
}

/** The durations within which these shares of all were done, from the buckets of a histogram. */
export function durationRecordings(shares: readonly number[], { level, record, labels, window, histogram, of }: Durations): Recording[] {
  return shares.map((share) => ({
    record: `${level}:${record}:p${share * 100}_${window}`,
    labels,
    expr: `histogram_quantile(${share}, sum by (${labels.join(', ')}, le) (rate(${histogram}_bucket[${window}])))`,
    help: `Duration within which ${share * 100} % of ${of}.`
  }))
}
