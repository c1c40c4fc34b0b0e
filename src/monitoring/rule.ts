export type Severity = 'critical' | 'warning' | 'info'

export type Part = 'api' | 'database' | 'redis' | 'queue' | 'worker' | 'gpu' | 'business' | 'gateway' | 'injector'

/** What people are told when a state has lasted. */
export interface Alert {
  readonly alert: string
  readonly severity: Severity
  readonly component: Part
  readonly expr: string
  /** How long the state must last; `0s` tells at once. */
  readonly for: string
  /** How long it is told after it has ended, where it comes and goes. */
  readonly keepFiringFor?: string
  /** One line, and what to know of it. Both may name labels as Prometheus' templates do. */
  readonly summary: string
  readonly description: string
}

/** A number that Prometheus keeps beside what it scrapes. */
export interface Recording {
  /** Level, metric and operation, with colons between them. */
  readonly record: string
  /** Labels of what is recorded. */
  readonly labels: readonly string[]
  readonly expr: string
  readonly help: string
}

export interface Group {
  readonly name: string
  /** How often it is evaluated, where it matters; else as often as Prometheus does. */
  readonly interval?: string
  readonly recordings?: readonly Recording[]
  readonly alerts?: readonly Alert[]
}

/** Fills in what the alerts of one part of the platform share. */
export function alertsOf(component: Part): (severity: Severity, alert: Omit<Alert, 'component' | 'severity'>) => Alert {
  return (severity, alert) => ({ ...alert, severity, component })
}

/** The file of an alert's runbook, under docs/runbooks/. */
export function runbookOf(alert: string): string {
  return `${alert.replace(/([a-z0-9])(?=[A-Z])/g, '$1-').toLowerCase()}.md`
}

/**
 * Whose scrape it was: the cluster, where one Prometheus knows several and tells them apart, and in Kubernetes the labels that its operator and the
 * chart's monitors give a target. Elsewhere series have none of them.
 */
export const SCRAPED = 'cluster, namespace, pod, k8s_node_name'

/** File systems that programs fill, as a matcher of node_exporter's series. */
export const DISKS = 'fstype!~"tmpfs|ramfs|overlay|squashfs|iso9660|fuse.*|nsfs"'

/** What every gateway shows; the injector is Sluice, too, but none. */
export const GATEWAYS = 'sluice_build_info{command!="inject"}'
export const INJECTORS = 'sluice_build_info{command="inject"}'

/**
 * What a counter grew by, with the first event of a series that is new. `increase` alone misses it, because there is nothing to compare with. A series
 * is new when it was not there as the window began, but what else its process shows was (`target_info` beside what is made from spans, GATEWAYS or
 * INJECTORS beside their own, `up` beside what others show); and when nothing was, because the process is new or could not be scraped, when the series
 * was not there in the hour before either. While no process of its kind was scraped yet, none is new, because then all of them are.
 */
export function growth(
  selector: string,
  window: string,
  beside: 'target_info' | 'up' | typeof GATEWAYS | typeof INJECTORS = 'target_info'
): string {
  const there = beside === 'up' ? `(up offset ${window} == 1)` : `${beside} offset ${window}`
  const before = `(${selector} offset ${window} or (last_over_time(${selector}[1h] offset ${window}) unless on (job, instance, ${SCRAPED}) ${there}))`
  const watched = `last_over_time(${beside === 'target_info' ? GATEWAYS : beside}[1h] offset ${window})`
  return `(((${selector} unless ${before}) and on (cluster) ${watched}) or increase(${selector}[${window}]))`
}
