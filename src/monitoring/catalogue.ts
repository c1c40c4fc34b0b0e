import type { Metric } from './metric.ts'
import { METRICS } from './metrics.ts'
import { readPromql } from './promql.ts'
import { SCRAPED } from './rule.ts'
import { GROUPS } from './rules.ts'

const RECORDED = GROUPS.flatMap(({ recordings = [] }) => recordings).map(
  ({ record, labels, help }): Metric => ({ name: record, type: 'gauge', labels, from: 'recorded', help })
)

const BY_NAME = new Map([...METRICS, ...RECORDED].map((metric) => [metric.name, metric]))

/** The metric that a name in an expression belongs to: its own, or that of the histogram whose part it is. */
export function metricOf(name: string): Metric | undefined {
  const known = BY_NAME.get(name)
  if (known !== undefined) return known
  const histogram = BY_NAME.get(name.replace(/_(?:bucket|sum|count)$/, ''))
  return histogram?.type === 'histogram' ? histogram : undefined
}

/** Labels that any series may have from its scrape. */
const OF_THE_SCRAPE = ['job', 'instance', ...SCRAPED.split(', ')]

/** What is wrong with the names in an expression, in words; empty when all is well. `also` are labels that it may have besides. */
export function unknownIn(expr: string, also: readonly string[] = []): string[] {
  const { selectors, grouping, texts } = readPromql(expr)
  const problems: string[] = []
  const known = new Set([...OF_THE_SCRAPE, 'le', '__name__', ...texts, ...also])
  for (const { name, labels } of selectors) {
    const metric = metricOf(name)
    if (metric === undefined) {
      problems.push(`no metric ${name}`)
      continue
    }
    for (const label of metric.labels) known.add(label)
    const own = new Set([...metric.labels, ...OF_THE_SCRAPE, ...(name.endsWith('_bucket') ? ['le'] : [])])
    for (const label of labels) if (!own.has(label)) problems.push(`${name} has no label ${label}`)
  }
  for (const label of grouping) if (!known.has(label)) problems.push(`no metric in it has the label ${label}`)
  return problems
}

/** What an expression needs of the platform, through recording rules too. */
export function neededOf(expr: string): string[] {
  const names = new Set<string>()
  for (const { name } of readPromql(expr).selectors) {
    const metric = metricOf(name)
    if (metric?.from === 'platform' && metric.name !== 'up') names.add(metric.name)
    if (metric?.from === 'recorded') for (const needed of neededOf(recordingOf(metric.name))) names.add(needed)
  }
  return [...names]
}

function recordingOf(record: string): string {
  return GROUPS.flatMap(({ recordings = [] }) => recordings).find((each) => each.record === record)?.expr ?? ''
}
