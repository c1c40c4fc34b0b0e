import { stringify } from 'yaml'
import type { Group } from '../../src/monitoring/rule.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'

/** With this factor a minute is a second. */
export const FACTOR = 60

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/**
 * The rules with all times shortened by FACTOR, so that an incident takes seconds: windows, offsets, `for`, and what is counted a minute. Thresholds
 * stay, also those that are seconds themselves, as the age of samples.
 */
export function scaledRules(): string {
  return stringify({ groups: GROUPS.map(scaledGroup) })
}

function scaledGroup({ name, recordings = [], alerts = [] }: Group): object {
  const rules = [
    ...recordings.map(({ record, expr }) => ({ record, expr: scaledExpr(expr) })),
    ...alerts.map(({ alert, expr, for: lasts, keepFiringFor, severity, component, summary }) => ({
      alert,
      expr: scaledExpr(expr),
      for: scaled(lasts),
      ...(keepFiringFor === undefined ? {} : { keep_firing_for: scaled(keepFiringFor) }),
      labels: { severity, component },
      annotations: { summary }
    }))
  ]
  return { name, interval: '500ms', rules }
}

export function scaledExpr(expr: string): string {
  return expr
    .replace(/(\[|offset )(\d+[smhd])/g, (_, before: string, duration: string) => before + scaled(duration))
    .replace(/\* 60 > /, `* ${60 / FACTOR} > `)
}

function scaled(duration: string): string {
  return `${(Number(duration.slice(0, -1)) * SECONDS[duration.slice(-1)] * 1000) / FACTOR}ms`
}
