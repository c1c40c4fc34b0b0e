import { stringify } from 'yaml'
import { neededOf } from './catalogue.ts'
import { type Alert, type Group, type Recording, runbookOf } from './rule.ts'
import { GROUPS } from './rules.ts'

/** Where the runbooks can be read. */
export const RUNBOOKS = 'https://github.com/sluice-telemetry/sluice/blob/main/docs/runbooks/'

const HEAD = '# Made by `npm run monitoring` from src/monitoring/rules/. Change it there.\n'

/** A group of rules as Prometheus reads it. */
export function ruleFile(group: Group): string {
  const { name, interval, recordings = [], alerts = [] } = group
  const rules = [...recordings.map(recording), ...alerts.map(alert)]
  return HEAD + stringify({ groups: [{ name, ...(interval === undefined ? {} : { interval }), rules }] }, { lineWidth: 140 })
}

/** Every file of rules, by its name under helm/files/rules/. */
export function ruleFiles(): Map<string, string> {
  return new Map(GROUPS.map((group) => [`${group.name}.yaml`, ruleFile(group)]))
}

function recording({ record, expr }: Recording): object {
  return { record, expr }
}

function alert({ alert: name, expr, for: lasts, keepFiringFor, severity, component, summary, description }: Alert): object {
  const needed = neededOf(expr)
  const needs = needed.length === 0 ? '' : ` Needs ${needed.join(', ')} from the platform.`
  return {
    alert: name,
    expr,
    for: lasts,
    ...(keepFiringFor === undefined ? {} : { keep_firing_for: keepFiringFor }),
    labels: { severity, component },
    annotations: { summary, description: description + needs, runbook_url: RUNBOOKS + runbookOf(name) }
  }
}
