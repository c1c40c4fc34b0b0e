export type Severity = 'critical' | 'warning' | 'info'

export type Part = 'api' | 'database' | 'redis' | 'queue' | 'worker' | 'gpu' | 'business' | 'gateway'

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
 * What a counter grew by, with the first event of a series that is new. `increase` alone misses it, because there is nothing to compare with. A series
 * is new when it was not there before the window and the hour before that; while no gateway was scraped yet, none is, because then all of them are.
 */
export function growth(selector: string, window: string): string {
  const before = `last_over_time(${selector}[1h] offset ${window})`
  const watched = `last_over_time(sluice_build_info[1h] offset ${window})`
  return `((increase(${selector}[${window}]) and ${before}) or ((${selector} unless ${before}) and on () ${watched}))`
}
