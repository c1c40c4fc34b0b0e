import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { stringify } from 'yaml'
import { readPromql } from '../../src/monitoring/promql.ts'
import { ruleFiles } from '../../src/monitoring/rule-files.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'
import { CASES } from '../monitoring/cases.ts'
import { bareRules, promtoolTests } from '../monitoring/promtool-files.ts'
import { queriesOf, RUNBOOKS } from '../monitoring/runbook-queries.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { isHere } from './clients.ts'

const skip = isHere('promtool', '--version') ? false : 'SKIPPED: there is no promtool here'

/** Files in a directory of their own; the paths of those whose name begins so. */
function put(files: ReadonlyMap<string, string>, begin = ''): string[] {
  const dir = temporaryDirectory()
  for (const [name, text] of files) writeFileSync(join(dir, name), text)
  return [...files.keys()].filter((name) => name.startsWith(begin)).map((name) => join(dir, name))
}

const promtool = (...args: string[]) => spawnSync('promtool', args, { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })

test('promtool check rules has nothing to say about any file', { skip }, () => {
  const { status, stdout, stderr } = promtool('check', 'rules', ...put(ruleFiles()))
  strictEqual(status, 0, stdout + stderr)
  const found = Array.from(stdout.matchAll(/SUCCESS: (\d+) rules found/g), ([, count]) => Number(count))
  deepStrictEqual(
    found,
    GROUPS.map(({ recordings = [], alerts = [] }) => recordings.length + alerts.length)
  )
  strictEqual(stderr, '')
})

test('promtool reads every query of the runbooks', { skip }, () => {
  const pages = readdirSync(RUNBOOKS).filter((name) => name.endsWith('.md'))
  const rules = pages.flatMap((page) => queriesOf(page).map((expr, i) => ({ record: `${page.replace(/\W/g, '_')}:${i}`, expr })))
  const [file] = put(new Map([['queries.yaml', stringify({ groups: [{ name: 'queries', rules }] })]]))
  const { status, stdout, stderr } = promtool('check', 'rules', file)
  strictEqual(status, 0, stdout + stderr)
})

test('promtool test rules: every alert fires when it should, and not when it should not', { skip }, () => {
  const tests = put(new Map([...bareRules(), ...promtoolTests(CASES)]), 'test-')
  ok(tests.length > 5)
  const { status, stdout, stderr } = promtool('test', 'rules', ...tests)
  strictEqual(status, 0, stdout + stderr)
})

test('what is found as the name of a metric is one for promtool, too: another name in its place can be read', { skip }, () => {
  const rules = GROUPS.flatMap(({ recordings = [], alerts = [] }) => [...recordings, ...alerts]).map(({ expr }, i) => {
    const names = new Set(readPromql(expr).selectors.map(({ name }) => name))
    const renamed = expr.replace(/"[^"]*"|[a-zA-Z_:][\w:]*/g, (word) => (names.has(word) ? 'another:name' : word))
    return { record: `renamed:${i}`, expr: renamed }
  })
  const [file] = put(new Map([['renamed.yaml', stringify({ groups: [{ name: 'renamed', rules }] })]]))
  const { status, stdout, stderr } = promtool('check', 'rules', file)
  strictEqual(status, 0, stdout + stderr)
})

test('what is retained for long adds up to what was counted', { skip }, () => {
  const dir = temporaryDirectory()
  for (const [name, text] of ruleFiles()) writeFileSync(join(dir, name), text)
  const job = (outcome: string): string => `job_processing_duration_seconds_count{service="w",stage="tts",outcome="${outcome}"}`
  const scene = {
    interval: '1m',
    input_series: [
      { series: job('ok'), values: '0+4x600' },
      { series: job('error'), values: '0+1x600' }
    ],
    promql_expr_test: [
      {
        expr: 'round(sum by (outcome) (sum_over_time(retained:jobs:increase5m[8h])))',
        eval_time: '8h',
        // 97 of them, from 0 to 8 h; the first sees nothing yet.
        exp_samples: [
          { labels: '{outcome="ok"}', value: 1920 },
          { labels: '{outcome="error"}', value: 480 }
        ]
      }
    ]
  }
  const file = join(dir, 'test.yaml')
  writeFileSync(file, stringify({ rule_files: ['sluice-retention.yaml'], evaluation_interval: '5m', tests: [scene] }))
  const { status, stdout, stderr } = promtool('test', 'rules', file)
  strictEqual(status, 0, stdout + stderr)
})

test('a rule that never fires, and one that always does, are found', { skip }, () => {
  const [{ alert }] = CASES
  for (const expr of ['vector(1) == 2', 'vector(1)']) {
    const broken = GROUPS.map((group) => ({
      ...group,
      alerts: (group.alerts ?? []).map((each) => (each.alert === alert ? { ...each, expr } : each))
    }))
    const tests = put(new Map([...bareRules(broken), ...promtoolTests(CASES.slice(0, 1))]), 'test-')
    strictEqual(promtool('test', 'rules', ...tests).status, 1, expr)
  }
})
