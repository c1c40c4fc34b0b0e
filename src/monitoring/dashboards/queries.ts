// Shapes of queries that several boards share.

/** What the gateways of the chosen namespaces made from spans of the chosen services. */
export const SPANS = 'cluster=~"$cluster",namespace=~"$namespace",service=~"$service"'

/** What GPUs of the chosen namespaces told the chosen gateways. */
export const GPUS = 'cluster=~"$cluster",namespace=~"$namespace",instance=~"$instance"'

const braces = (selector: string): string => (selector === '' ? '' : `{${selector}}`)

/** How often it happens in a second, added up by labels. */
export function perSecond(metric: string, selector: string, ...by: string[]): string {
  return `${total(by)}(rate(${metric}${braces(selector)}[$__rate_interval]))`
}

/** How often it happened in a fixed time, which should be longer than a few scrapes. */
export function inTheLast(window: string, metric: string, selector: string, ...by: string[]): string {
  return `${total(by)}(increase(${metric}${braces(selector)}[${window}]))`
}

const total = (by: readonly string[]): string => (by.length === 0 ? 'sum' : `sum by (${by.join(', ')}) `)

/** Part of a whole, from 0 to 1; 0 where there is no part, nothing where there is no whole. */
export function share(part: string, whole: string): string {
  return `(${part} or 0 * ${whole}) / (${whole} > 0)`
}

/** Which duration that share of all was under, from the buckets of a histogram; nothing, and not NaN, where there was none. */
export function quantile(q: number, histogram: string, selector: string, ...by: string[]): string {
  return `histogram_quantile(${q}, ${perSecond(`${histogram}_bucket`, selector, 'le', ...by)}) >= 0`
}

/** Mean of what a histogram measured. */
export function mean(histogram: string, selector: string, ...by: string[]): string {
  return `${perSecond(`${histogram}_sum`, selector, ...by)} / (${perSecond(`${histogram}_count`, selector, ...by)} > 0)`
}

/** Those that are highest, because there may be as many gateways as pods. */
export function highest(expr: string): string {
  return `topk(20, ${expr})`
}
