import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { dashboardFiles } from '../../src/monitoring/dashboard-files.ts'
import { DASHBOARDS_DIR, type DashboardModel, filled, type PanelModel, readDashboards } from '../support/dashboards.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { lint } from './dashboard-linter.ts'

const boards = [...readDashboards().values()]

test('the boards are those that the source describes: npm run monitoring', () => {
  const made = dashboardFiles()
  deepStrictEqual(readdirSync(DASHBOARDS_DIR).sort(), [...made.keys()].sort())
  for (const [name, text] of made) strictEqual(readFileSync(join(DASHBOARDS_DIR, name), 'utf8'), text, `${name} is stale`)
})

test('there is a board for each thing that operators look at', () => {
  const titles = boards.map(({ title }) => title).sort()
  const expected = [
    'Cost Tracking',
    'Error Rate',
    'Job Processing',
    'Model Performance',
    'Platform Overview',
    'Sluice',
    'System Health',
    'User Activity'
  ]
  deepStrictEqual(titles, expected)
})

test('the linter has nothing to say of any board', () => {
  for (const board of boards) deepStrictEqual(lint(board, boards), [], board.title)
})

type Draft = { -readonly [K in keyof DashboardModel]: DashboardModel[K] }
// biome-ignore lint/suspicious/noExplicitAny: a copy to be spoilt
type Spoilt = any

test('the linter sees what is wrong', () => {
  const f = (spoil: (board: Spoilt, graph: Spoilt, target: Spoilt) => void, said: RegExp): void => {
    const copies = structuredClone(boards) as Draft[]
    const board = copies.find(({ title }) => title === 'Job Processing')!
    const graph = board.panels.find(({ title }) => title === 'Processing time, p95') as PanelModel
    spoil(board, graph, graph.targets![0])
    const problems = lint(board, copies)
    ok(
      problems.some((each) => said.test(each)),
      `${said}: ${JSON.stringify(problems)}`
    )
  }
  f((board) => (board.id = 7), /id is not null/)
  f((board) => (board.uid = 'sluice-error-rate'), /another board has the uid/)
  f((board) => (board.uid = 'Jobs!'), /its uid is/)
  f((board) => (board.title = 'Error Rate'), /another board is called/)
  f((board) => (board.description = ''), /it has no description/)
  f((board) => (board.schemaVersion = 16), /schemaVersion is 16/)
  f((board) => (board.editable = true), /can be edited/)
  f((board) => board.templating.list.shift(), /not the data source/)
  f((board) => board.templating.list.push({ name: 'unused', type: 'textbox', current: {} }), /unused is used nowhere/)
  f((board) => (board.templating.list[1].datasource.uid = 'prom'), /names a data source/)
  f((_, graph) => (graph.datasource.uid = 'prom'), /names a data source/)
  f((_, graph) => (graph.description = 'Time.'), /has no description/)
  f((_, graph) => (graph.description += ' Runbook: NoSuchAlert.'), /no alert NoSuchAlert/)
  f((_, graph) => delete graph.fieldConfig.defaults.unit, /unit is undefined/)
  f((_, graph) => (graph.fieldConfig.defaults.unit = 'seconds'), /unit is seconds/)
  f((_, graph) => (graph.title = ''), /title is empty/)
  f((_, graph) => (graph.title = 'Against the mean of a day'), /two panels under one heading/)
  f((_, graph) => (graph.targets = []), /asks for nothing/)
  f((_, graph) => (graph.gridPos.x += 1), /overlaps/)
  f((_, graph) => (graph.gridPos.x = 20), /outside of the grid/)
  f((_, graph) => (graph.gridPos.w = 3), /too small/)
  f((_, graph) => (graph.gridPos.w -= 1), /holes/)
  f((board, graph) => (graph.id = board.panels[0].id), /two panels have one id/)
  f(
    (_, graph) => graph.fieldConfig.defaults.thresholds.steps.push({ color: 'red', value: 2 }, { color: 'orange', value: 1 }),
    /do not rise/
  )
  f((_, graph) => graph.fieldConfig.defaults.thresholds.steps.push({ color: 'mauve', value: 2 }), /no colour mauve/)
  f((_, __, target) => (target.legendFormat = ''), /no legend/)
  f((_, __, target) => (target.legendFormat = '{{colour}}'), /the legend names colour/)
  f((_, __, target) => (target.instant = true), /where one moment is shown/)
  f((_, __, target) => (target.expr = 'sum(rate(jobs_done_total[$__rate_interval]))'), /no metric jobs_done_total/)
  f((_, __, target) => (target.expr = target.expr.replace('stage=~', 'step=~')), /has no label step/)
  f((_, __, target) => (target.expr = target.expr.replace('$stage', '$step')), /no variable step/)
  f((_, __, target) => (target.expr = target.expr.replace('=~"$namespace"', '="prod"')), /a namespace is named/)
  f((_, __, target) => (target.expr = target.expr.replace('cluster=~"$cluster",', '')), /chooses a namespace, and no cluster/)
  f((_, __, target) => (target.expr = 'sum(worker_busy) / sum(worker_count)'), /divides by what may be 0: sum\(worker_count\)/)
  f((_, __, target) => (target.expr = target.expr.replace(' >= 0', '')), /its quantile is NaN/)
  f((_, __, target) => (target.expr = target.expr.replace('$__rate_interval', '5m')), /rate over 5m/)
  f((_, __, target) => (target.expr = 'sum(http_requests_total{service="api"})'), /http_requests_total counts/)
  f((_, __, target) => (target.expr = 'sum by (stage) (rate(queue_depth[$__rate_interval]))'), /queue_depth does not count/)
  f((_, __, target) => (target.expr = 'sum by (stage) (queue_depth)'), /asks for exemplars/)
  const linked = (url: string) => (_: Spoilt, graph: Spoilt) => (graph.fieldConfig.defaults.links = [{ title: 'x', url }])
  f(linked('/d/sluice-nothing?x'), /is no board/)
  f(linked('/d/sluice-error-rate?var-step=$' + '{__field.labels.stage}'), /has no variable step/)
  f(linked('/d/sluice-error-rate?var-model=$' + '{__field.labels.model}'), /needs the label model/)
})

const promtool = spawnSync('promtool', ['--version']).status === 0

test('promtool can read every query', { skip: promtool ? false : 'SKIPPED: there is no promtool here' }, () => {
  const given = { __rate_interval: '5m', __range: '6h' }
  const rules = boards.flatMap((board) =>
    board.panels.flatMap(({ targets = [] }) =>
      targets.map(({ expr }, i) => ({ record: `query:${i}`, labels: { expr }, expr: filled(expr, board, given) }))
    )
  )
  ok(rules.length > 150, `${rules.length} queries`)
  // JSON is YAML; one group for each, since a name may stand only once in a group.
  const file = join(temporaryDirectory(), 'queries.yaml')
  writeFileSync(file, JSON.stringify({ groups: rules.map((rule, i) => ({ name: `query ${i}`, rules: [{ ...rule, labels: {} }] })) }))
  const { status, stderr, stdout } = spawnSync('promtool', ['check', 'rules', '--lint=none', file], { encoding: 'utf8' })
  strictEqual(status, 0, `${stderr}${stdout}`)
})
