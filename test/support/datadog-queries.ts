import { DATADOG_METRICS } from '../../src/monitoring/datadog/metrics.ts'

/** Tags that every point has, whatever it measures: what the gateway knows of its sender, and what Datadog adds. */
const COMMON_TAGS = ['service', 'env', 'version', 'host', 'pod_name', 'kube_namespace']
const METRICS = new Map(DATADOG_METRICS.map((metric) => [metric.name, metric]))
/** How each kind may be added up, over series and over time. */
const WAYS: Readonly<Record<string, readonly string[]>> = {
  count: ['sum .as_count()', 'sum .as_rate()'],
  gauge: ['sum ', 'avg ', 'min ', 'max '],
  distribution: ['count .as_count()', 'count .as_rate()', 'p50 ', 'p95 ', 'p99 ']
}
const TERM = /^([a-z]\w*):([a-zA-Z][\w.]*)\{([^{}]+)\}(?: by \{([^{}]+)\})?(\.as_\w+\(\))?$/
const WINDOWS = ['1m', '5m', '10m', '15m', '30m', '1h', '2h', '4h', '1d']

export interface DatadogQuery {
  readonly window: string
  readonly by: readonly string[]
  readonly comparator: string
  readonly threshold: number
}

/** Reads the query of a metric monitor; throws where Datadog would refuse it, or where it would never have data. */
export function readMonitorQuery(query: string): DatadogQuery {
  const [, , window, expression, comparator, threshold] =
    /^(sum|avg|min|max)\(last_(\w+)\):(.+) (>=?|<=?) (-?\d+(?:\.\d+)?)$/.exec(query) ?? refuse(`no query of a monitor: ${query}`)
  if (!WINDOWS.includes(window)) refuse(`no window: ${window}`)
  return { window, by: readExpression(expression), comparator, threshold: Number(threshold) }
}

/** Reads terms joined by `*` and `/`, and says by which tags they are grouped. */
export function readExpression(expression: string): readonly string[] {
  const terms = expression.split(/ [*/] /).filter((part) => !/^\d+$/.test(part))
  const groups = terms.map(readTerm)
  for (const by of groups) if (by.join() !== groups[0].join()) refuse(`grouped differently: ${expression}`)
  return groups[0]
}

function readTerm(term: string): readonly string[] {
  const [, aggregation, name, filter, by, rollup = ''] = TERM.exec(term) ?? refuse(`no term: ${term}`)
  const metric = METRICS.get(name) ?? refuse(`no metric: ${name}`)
  if (!WAYS[metric.kind].includes(`${aggregation} ${rollup}`)) refuse(`${aggregation}${rollup} of a ${metric.kind}: ${term}`)
  const groups = by?.split(',') ?? []
  const filters = filter.split(',').filter((part) => part !== '*' && !part.startsWith('$'))
  for (const part of filters) if (!/^!?[a-z][\w.]*:[^\s:]+$/.test(part)) refuse(`no filter: ${part}`)
  const tags = [...groups, ...filters.map((part) => part.replace('!', '').split(':')[0])]
  for (const tag of tags) if (!metric.tags.includes(tag) && !COMMON_TAGS.includes(tag)) refuse(`${name} has no tag ${tag}`)
  return groups
}

function refuse(message: string): never {
  throw new Error(message)
}
