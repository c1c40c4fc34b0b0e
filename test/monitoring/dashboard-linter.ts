// What a board of ours must be like, checked on the JSON as it is delivered.
import { metricOf, unknownIn } from '../../src/monitoring/catalogue.ts'
import { readPromql } from '../../src/monitoring/promql.ts'
import { GROUPS } from '../../src/monitoring/rules.ts'
import { type DashboardModel, type GridPos, labelsOf, type PanelModel, type Target } from '../support/dashboards.ts'

const COLUMNS = 24
const SCHEMA_VERSION = 42
const DATASOURCE = '$' + '{datasource}'
/** Units that Grafana knows by these names. */
const UNITS = new Set('short none percentunit s dtdurations bytes Bps reqps ops watt celsius joule kwatth currencyUSD'.split(' '))
const COLOURS = new Set(['green', 'yellow', 'orange', 'red', 'blue', 'transparent'])
/** What Grafana fills in by itself. */
const BUILT_IN = new Set(['__rate_interval', '__range', '__interval', '__url_time_range', '__field', 'datasource'])
const TITLE_MAX = 40
const ALERTS = new Set(GROUPS.flatMap(({ alerts = [] }) => alerts.map(({ alert }) => alert)))

/** All that is wrong with a board, in words. `boards` are all of them, for links from one to another. */
export function lint(board: DashboardModel, boards: readonly DashboardModel[]): string[] {
  return [
    ...lintBoard(board, boards),
    ...lintGrid(board.panels),
    ...board.panels
      .filter(({ type }) => type !== 'row')
      .flatMap((panel) => lintPanel(panel, board, boards).map((each) => `${panel.title}: ${each}`))
  ]
}

function lintBoard(board: DashboardModel, boards: readonly DashboardModel[]): string[] {
  const { id, uid, title, description, tags, schemaVersion, editable, templating, annotations, panels } = board
  const problems: string[] = []
  const must = (holds: boolean, problem: string): void => void (holds || problems.push(problem))
  must(id === null, 'its id is not null')
  must(/^sluice-[a-z]+(?:-[a-z]+)*$/.test(uid) && uid.length <= 40, `its uid is ${uid}`)
  must(boards.filter((other) => other.uid === uid).length === 1, `another board has the uid ${uid}`)
  must(boards.filter((other) => other.title === title).length === 1, `another board is called ${title}`)
  must(/\.$/.test(description), 'it has no description')
  must(tags.includes('sluice'), 'it has not the tag that links the boards')
  must(schemaVersion === SCHEMA_VERSION, `its schemaVersion is ${schemaVersion}`)
  must(!editable, 'it can be edited, and the edits would be lost')
  must(templating.list[0]?.type === 'datasource', 'its first variable is not the data source')
  const chosen = templating.list.slice(1, 3).map(({ name }) => name)
  must(chosen.join() === 'cluster,namespace', 'its second and third variable are not cluster and namespace')
  const texts = queriesOf(board)
  for (const { name, type, datasource } of templating.list.slice(1)) {
    must(
      texts.some((text) => mentions(text, name)),
      `the variable ${name} is used nowhere`
    )
    must(type !== 'query' || datasource?.uid === DATASOURCE, `the variable ${name} names a data source`)
  }
  for (const { expr, datasource } of annotations.list)
    must(expr === undefined || datasource.uid === DATASOURCE, 'an annotation names a data source')
  const known = new Set([...BUILT_IN, ...templating.list.map(({ name }) => name)])
  for (const text of texts) {
    for (const [, name] of text.matchAll(/\$\{?(\w+)/g)) must(known.has(name), `there is no variable ${name}`)
    for (const [matcher] of text.matchAll(/\bnamespace\s*(?:=~|!~|!=|=)\s*"[^"]*"/g))
      must(matcher === 'namespace=~"$namespace"', `a namespace is named: ${matcher}`)
    must(
      occurrences(text, /namespace=~/g) === occurrences(text, /cluster=~"\$cluster",namespace=~/g),
      'it chooses a namespace, and no cluster'
    )
  }
  must(new Set(panels.map((panel) => panel.id)).size === panels.length, 'two panels have one id')
  must(panels[0]?.type === 'row', 'it does not begin with a heading')
  return problems
}

const queriesOf = ({ templating, panels }: DashboardModel): string[] => [
  ...templating.list.flatMap(({ definition }) => definition ?? []),
  ...panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr))
]

const mentions = (text: string, variable: string): boolean => new RegExp(`\\$\\{?${variable}\\b`).test(text)

function lintGrid(panels: readonly PanelModel[]): string[] {
  const problems: string[] = []
  for (const { title, type, gridPos } of panels) {
    const { x, y, w, h } = gridPos
    if (x < 0 || y < 0 || x + w > COLUMNS) problems.push(`${title}: is outside of the grid`)
    if (type !== 'row' && (w < 4 || h < 4)) problems.push(`${title}: is too small to read`)
    for (const other of panels)
      if (other.gridPos !== gridPos && overlap(gridPos, other.gridPos)) problems.push(`${title}: overlaps ${other.title}`)
  }
  const cells = panels.reduce((sum, { gridPos }) => sum + gridPos.w * gridPos.h, 0)
  const bottom = Math.max(...panels.map(({ gridPos }) => gridPos.y + gridPos.h))
  if (cells !== bottom * COLUMNS) problems.push('the grid has holes')
  return problems
}

const overlap = (a: GridPos, b: GridPos): boolean => a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h

function lintPanel(panel: PanelModel, board: DashboardModel, boards: readonly DashboardModel[]): string[] {
  const { title, description = '', datasource, targets = [], fieldConfig } = panel
  const { unit, thresholds, mappings = [], links = [] } = fieldConfig?.defaults ?? { thresholds: { steps: [] } }
  const problems: string[] = []
  const must = (holds: boolean, problem: string): void => void (holds || problems.push(problem))
  must(title !== '' && title.length <= TITLE_MAX, 'its title is empty or too long')
  must(
    board.panels.filter((other) => other.type !== 'row' && other.title === title && headingOf(other, board) === headingOf(panel, board))
      .length === 1,
    'two panels under one heading have this title'
  )
  must(/^[A-Z0-9].{15,}\.$/s.test(description), 'it has no description')
  for (const [, alert] of description.matchAll(/Runbook: (\w+)/g)) must(ALERTS.has(alert), `there is no alert ${alert}`)
  must(unit !== undefined && (UNITS.has(unit) || unit.startsWith('suffix:')), `its unit is ${unit}`)
  must(datasource?.uid === DATASOURCE, 'it names a data source')
  must(targets.length > 0, 'it asks for nothing')
  must(new Set(targets.map(({ refId }) => refId)).size === targets.length, 'two queries have one refId')
  const [first, ...rest] = thresholds.steps
  must(first?.value === null, 'its first threshold has a value')
  for (const [i, { value }] of rest.entries()) must(i === 0 || value! > rest[i - 1].value!, 'its thresholds do not rise')
  for (const { color } of thresholds.steps) must(COLOURS.has(color), `there is no colour ${color}`)
  if (panel.type === 'state-timeline') must(mappings.length > 0, 'its states have no words')
  for (const { url } of links) problems.push(...lintLink(url, targets, boards))
  for (const target of targets) problems.push(...lintTarget(target, panel))
  return problems
}

function headingOf({ gridPos }: PanelModel, { panels }: DashboardModel): string | undefined {
  return panels.findLast(({ type, gridPos: { y } }) => type === 'row' && y < gridPos.y)?.title
}

function lintLink(url: string, targets: readonly Target[], boards: readonly DashboardModel[]): string[] {
  const [, uid] = /^\/d\/([\w-]+)\?/.exec(url) ?? []
  const there = boards.find((board) => board.uid === uid)
  if (there === undefined) return [`it leads to ${url}, which is no board`]
  const problems: string[] = []
  for (const [, variable, label] of url.matchAll(/var-(\w+)=\$\{__field\.labels\.(\w+)\}/g)) {
    if (!there.templating.list.some(({ name }) => name === variable)) problems.push(`${there.title} has no variable ${variable}`)
    if (!targets.some(({ legendFormat }) => labelsOf(legendFormat).includes(label))) problems.push(`its link needs the label ${label}`)
  }
  return problems
}

function lintTarget({ expr, legendFormat, datasource, exemplar, instant }: Target, { type }: PanelModel): string[] {
  const problems: string[] = []
  const must = (holds: boolean, problem: string): void => void (holds || problems.push(problem))
  must(datasource.uid === DATASOURCE, 'a query names a data source')
  must(legendFormat !== '' || type === 'table', 'a query has no legend')
  const isOneMoment = type === 'table' || type === 'bargauge' || (type === 'stat' && expr.includes('[$__range]'))
  must(instant === isOneMoment, 'it asks for a range where one moment is shown, or the other way round')
  // They are the scrape's: no metric of the catalogue has them by itself.
  problems.push(...unknownIn(expr.replace(/cluster=~"\$cluster",namespace=~"\$namespace",?/g, ''), ['cluster', 'namespace']))
  for (const denominator of denominatorsOf(expr)) must(CANNOT_BE_0.test(denominator), `it divides by what may be 0: ${denominator}`)
  must(!/histogram_quantile\(/.test(expr) || expr.includes(') >= 0'), 'where nothing happened, its quantile is NaN')
  const { selectors, grouping } = readPromql(expr)
  const labels = new Set([
    'job',
    'instance',
    'cluster',
    'namespace',
    'le',
    ...grouping,
    ...selectors.flatMap(({ name }) => metricOf(name)?.labels ?? [])
  ])
  for (const label of labelsOf(legendFormat)) must(labels.has(label), `the legend names ${label}, which no metric in it has`)
  for (const { name } of selectors) {
    const metric = metricOf(name)
    const counts = metric?.type === 'counter' || metric?.type === 'histogram'
    const all = occurrences(expr, new RegExp(`(?<![\\w:])${name}(?![\\w:])`, 'g'))
    const rates = occurrences(expr, new RegExp(`(?:rate|increase|count_over_time)\\(${name}(?:\\{[^}]*\\})?\\[`, 'g'))
    must(!counts || all === rates, `${name} counts, and is not under rate or increase`)
    must(counts || rates === 0, `${name} does not count, and is under rate or increase`)
  }
  for (const [, window] of expr.replace(/"[^"]*"/g, '').matchAll(/\brate\([^[]*\[([^\]]*)\]/g)) {
    must(window === '$__rate_interval' || window === '1d', `a rate over ${window} does not follow the zoom`)
  }
  const exemplary = selectors.some(({ name }) => name.endsWith('_bucket') && metricOf(name)?.from === 'derived')
  must(!exemplar || exemplary, 'it asks for exemplars, which only buckets of what is made from spans have')
  return problems
}

/** A number, what the reader gives, what is counted, and what is held above 0. */
const CANNOT_BE_0 = /^(?:\d|\$|count\(|sum\(count_over_time\(|\(.*> 0\)+$)/s

/** What is divided by, up to the end of its parentheses. */
function denominatorsOf(expr: string): string[] {
  return Array.from(expr.replace(/"[^"]*"/g, '""').matchAll(/ \/ /g), ({ index, input }) => {
    const rest = input.slice(index + 3)
    let depth = 0
    for (let i = 0; i < rest.length; i++) {
      if (rest[i] === '(') depth++
      else if (rest[i] === ')') depth--
      const isWhole = depth < 0 || (depth === 0 && (rest[i] === ' ' || (rest[i] === ')' && !/^ ?\(/.test(rest.slice(i + 1)))))
      if (isWhole) return rest.slice(0, depth < 0 ? i : i + 1).trim()
    }
    return rest
  })
}

const occurrences = (text: string, pattern: RegExp): number => Array.from(text.matchAll(pattern)).length
