import { deepStrictEqual, ok } from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parse } from 'yaml'
import { neededOf, unknownIn } from '../../src/monitoring/catalogue.ts'
import { METRICS } from '../../src/monitoring/metrics.ts'
import { readPromql } from '../../src/monitoring/promql.ts'
import { SCRAPED } from '../../src/monitoring/rule.ts'
import { RUNBOOKS } from '../../src/monitoring/rule-files.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'
import { monitoringFiles } from '../tools/monitoring-files.ts'
import { CASES } from './cases.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const ALERTS = GROUPS.flatMap(({ alerts = [] }) => alerts)
const RECORDINGS = GROUPS.flatMap(({ recordings = [] }) => recordings)
const DURATION = /^\d+[smhd]$/

const twice = (names: readonly string[]): string[] => names.filter((name, i) => names.indexOf(name) !== i)

test('every alert has a case that fires it and one that does not', () => {
  const named = new Set(CASES.map(({ alert }) => alert))
  deepStrictEqual(
    ALERTS.map(({ alert }) => alert).filter((alert) => !named.has(alert)),
    []
  )
  deepStrictEqual(
    [...named].filter((name) => !ALERTS.some(({ alert }) => alert === name)),
    []
  )
  for (const { alert, fires } of CASES) ok(fires.labels.length > 0, alert)
})

test('names are there once, and no metric is asked for that nobody makes', () => {
  deepStrictEqual(twice(ALERTS.map(({ alert }) => alert)), [])
  deepStrictEqual(twice([...METRICS.map(({ name }) => name), ...RECORDINGS.map(({ record }) => record)]), [])
  const problems = [...ALERTS, ...RECORDINGS].flatMap((rule) =>
    unknownIn(rule.expr).map((problem) => `${'alert' in rule ? rule.alert : rule.record}: ${problem}`)
  )
  deepStrictEqual(problems, [])
})

test('what recordings are said to be labelled with is what they group by', () => {
  for (const { record, labels, expr } of RECORDINGS) {
    const { grouping, selectors } = readPromql(expr)
    const made = new Set([...grouping, ...selectors.flatMap(({ name }) => RECORDINGS.find((each) => each.record === name)?.labels ?? [])])
    for (const label of labels) ok(made.has(label), `${record}: ${label}`)
    ok(/^[a-z_]+(:[a-z0-9_]+){1,2}$/.test(record), record)
  }
})

test('alerts are whole: how long, how grave, and texts with no label that the alert has not', () => {
  for (const { alert, for: lasts, keepFiringFor, summary, description, expr } of ALERTS) {
    ok(DURATION.test(lasts) && (keepFiringFor === undefined || DURATION.test(keepFiringFor)), alert)
    ok(summary.length > 10 && summary.length < 200 && !summary.endsWith('.'), `${alert}: ${summary}`)
    ok(description.length > 10 && description.endsWith('.'), `${alert}: ${description}`)
    const labels = new Set([
      ...SCRAPED.split(', '),
      ...CASES.filter((each) => each.alert === alert).flatMap(({ fires }) => fires.labels.flatMap(Object.keys))
    ])
    for (const [, label] of `${summary} ${description}`.matchAll(/\$labels\.(\w+)/g))
      ok(labels.has(label), `${alert} has no label ${label}`)
    ok(readPromql(expr).selectors.length > 0, alert)
  }
})

test('an alert on what the platform must provide says so', () => {
  const rules = new Map([...monitoringFiles()].filter(([path]) => path.startsWith('helm/files/rules/')))
  const text = [...rules.values()].join('\n').replace(/\s+/g, ' ')
  deepStrictEqual(neededOf('stage:queue_depth:sum > 100'), ['queue_depth'])
  for (const { expr } of ALERTS) for (const name of neededOf(expr)) ok(new RegExp(`Needs [a-z_, ]*\\b${name}\\b`).test(text), name)
})

test('runbooks are where the chart says that the project is', () => {
  const { home } = parse(readFileSync(join(ROOT, 'helm', 'Chart.yaml'), 'utf8')) as { home: string }
  ok(RUNBOOKS.startsWith(`${home}/`), `${RUNBOOKS} is not under ${home}`)
})

test('files are what npm run monitoring makes of the source', () => {
  for (const [path, text] of monitoringFiles()) {
    ok(existsSync(join(ROOT, path)), `${path} is missing; npm run monitoring`)
    ok(readFileSync(join(ROOT, path), 'utf8') === text, `${path} is not up to date; npm run monitoring`)
  }
})
