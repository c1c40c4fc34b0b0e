import { stringify } from 'yaml'
import { readPromql } from '../../src/monitoring/promql.ts'
import type { Group } from '../../src/monitoring/rule.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'
import { type Case, GATEWAY, type Series } from './case.ts'

/** The gateway of scenes that do not name it is there from the start, and never goes. */
const BASE: Series = { [GATEWAY]: '1x20000' }

/** Groups as files without annotations, by name; what annotations say is looked at apart. */
export function bareRules(groups: readonly Group[] = GROUPS): Map<string, string> {
  return new Map(
    groups.map(({ name, recordings = [], alerts = [] }) => {
      const rules = [
        ...recordings.map(({ record, expr }) => ({ record, expr })),
        ...alerts.map(({ alert, expr, for: lasts, severity, component }) => ({ alert, expr, for: lasts, labels: { severity, component } }))
      ]
      return [`${name}.yaml`, stringify({ groups: [{ name, rules }] })]
    })
  )
}

/** Cases as files for `promtool test rules`, by name: those together that need the same groups, so that no rule is evaluated in vain. */
export function promtoolTests(cases: readonly Case[]): Map<string, string> {
  const files = new Map<string, { groups: readonly string[]; tests: object[] }>()
  for (const each of cases) {
    const groups = groupsOf(each.alert)
    const key = `test-${groups.join('-')}.yaml`
    const file = files.get(key) ?? { groups, tests: [] }
    files.set(key, file)
    file.tests.push(...testsOf(each))
  }
  return new Map(
    Array.from(files, ([key, { groups, tests }]) => [
      key,
      // Without an order promtool takes any, so that an alert sees the recordings of this minute or of the last.
      stringify({ rule_files: groups.map((name) => `${name}.yaml`), group_eval_order: groups, evaluation_interval: '1m', tests })
    ])
  )
}

function testsOf({ alert, interval = '1m', fires, silent }: Case): object[] {
  const { severity, component } = GROUPS.flatMap(({ alerts = [] }) => alerts).find((each) => each.alert === alert) ?? {}
  const expected = fires.labels.map((labels) => ({ exp_labels: { severity, component, ...labels } }))
  const scene = { interval }
  // A minute earlier nothing fires, so that what is waited for is waited for.
  const early = minutesOf(fires.at) === 0 ? [] : [look(`${minutesOf(fires.at) - 1}m`, alert, [])]
  return [
    test({ ...scene, name: `${alert} fires` }, fires.series, [...early, look(fires.at, alert, expected)]),
    test({ ...scene, name: `${alert} does not fire` }, silent.series, [look(silent.at, alert, [])])
  ]
}

const look = (eval_time: string, alertname: string, exp_alerts: object[]): object => ({ eval_time, alertname, exp_alerts })

const minutesOf = (at: string): number => Number(at.slice(0, -1)) * (at.endsWith('h') ? 60 : 1)

interface Scene {
  readonly name: string
  readonly interval: string
}

function test({ name, interval }: Scene, series: Series, alert_rule_test: object[]): object {
  return {
    name,
    interval,
    input_series: Object.entries({ ...BASE, ...series }).map(([each, values]) => ({ series: each, values })),
    alert_rule_test
  }
}

// The group of the alert, and those whose recordings it asks for, by whatever ways.
function groupsOf(alert: string): string[] {
  const needed = new Set<string>()
  const visit = (group: Group, expr: string): void => {
    needed.add(group.name)
    for (const { name } of readPromql(expr).selectors)
      for (const other of GROUPS) for (const { record, expr: inner } of other.recordings ?? []) if (record === name) visit(other, inner)
  }
  for (const group of GROUPS) for (const each of group.alerts ?? []) if (each.alert === alert) visit(group, each.expr)
  return GROUPS.map(({ name }) => name).filter((name) => needed.has(name))
}
