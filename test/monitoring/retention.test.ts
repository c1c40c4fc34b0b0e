import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { retentionFiles } from '../../src/monitoring/retention.ts'

const files = retentionFiles()
// biome-ignore lint/suspicious/noExplicitAny: trees as three APIs take them
const read = (name: string): any => JSON.parse(files.get(name)!)
const DAYS = { logs: 30, errors: 90 } as const
const KINDS = Object.keys(DAYS) as (keyof typeof DAYS)[]

test('each kind of logs is kept for its days, everywhere', () => {
  for (const kind of KINDS) {
    const days = DAYS[kind]
    const { hot, delete: end } = read(`elasticsearch/lifecycle-${kind}.json`).policy.phases
    deepStrictEqual([hot.actions.rollover.max_age, end], ['1d', { min_age: `${days}d`, actions: { delete: {} } }])
    const { states, default_state: first, ism_template: takes } = read(`opensearch/policy-${kind}.json`).policy
    // biome-ignore lint/suspicious/noExplicitAny: as above
    const byName = new Map<string, any>(states.map((state: any) => [state.name, state]))
    const [{ state_name: next, conditions }] = byName.get(first).transitions
    deepStrictEqual([conditions, byName.get(next).actions], [{ min_rollover_age: `${days}d` }, [{ delete: {} }]])
    deepStrictEqual(takes[0].index_patterns, read(`opensearch/template-${kind}.json`).index_patterns)
    strictEqual(read(`datadog/index-${kind}.json`).num_retention_days, days)
  }
})

test('templates name the policy of their kind, and that of errors comes first', () => {
  for (const system of ['elasticsearch', 'opensearch']) {
    const [logs, errors] = KINDS.map((kind) => read(`${system}/template-${kind}.json`))
    ok(errors.priority > logs.priority)
    ok(logs.data_stream !== undefined && errors.data_stream !== undefined)
    // What is put into the other stream must not be put there again.
    deepStrictEqual(
      [logs, errors].map(({ template }) => template.settings['index.default_pipeline']),
      ['sluice-errors', undefined]
    )
  }
  for (const kind of KINDS)
    strictEqual(read(`elasticsearch/template-${kind}.json`).template.settings['index.lifecycle.name'], `sluice-${kind}`)
})

test('errors go to the stream that is kept longer', () => {
  const within = (name: string, pattern: string): boolean => name.startsWith(pattern.slice(0, -1))
  const [{ reroute }] = read('elasticsearch/pipeline.json').processors
  ok(within(`logs-${reroute.dataset}-default`, read('elasticsearch/template-errors.json').index_patterns[0]))
  ok(!within(`logs-${reroute.dataset}-default`, read('elasticsearch/template-logs.json').index_patterns[0]))
  const [{ set }] = read('opensearch/pipeline.json').processors
  ok(within(set.value, read('opensearch/template-errors.json').index_patterns[0]))
  // The condition is of Java's family, and here of JavaScript's, too.
  const isError = (condition: string, severity: unknown): boolean =>
    new Function('ctx', `return ${condition}`)({ severity_number: severity })
  for (const condition of [reroute.if, set.if])
    deepStrictEqual(
      [undefined, 9, 13, 17, 21].map((severity) => isError(condition, severity)),
      [false, false, false, true, true]
    )
  deepStrictEqual(read('datadog/order.json').index_names, ['sluice-errors', 'sluice-logs'])
})

test('the page on retention names each file, and where it is sent', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'retention.md'), 'utf8')
  for (const name of files.keys()) ok(page.includes(name.replace(/^[a-z]+\//, '')), name)
})
