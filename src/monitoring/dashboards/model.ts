// Grafana's classic dashboard model, which every version from 10 on reads from a file or a ConfigMap.
import type { Dashboard } from './dashboard.ts'
import { type Place, placed } from './layout.ts'
import type { Drill, Panel, Query, Threshold } from './panel.ts'
import type { Variable } from './variable.ts'

const SCHEMA_VERSION = 42
// biome-ignore lint/suspicious/noTemplateCurlyInString: a variable of Grafana's, not of ours
const DATASOURCE = { type: 'prometheus', uid: '${datasource}' }
const TAG = 'sluice'
/** One crosshair over all panels of a board. */
const SHARED_CROSSHAIR = 1

// biome-ignore lint/suspicious/noExplicitAny: Grafana's model has no types of ours
type Json = any

/** The board as the JSON that Grafana imports: id null, a fixed uid, no data source and no namespace named. */
export function modelOf({ uid, title, description, from, variables, sections }: Dashboard): Json {
  return {
    id: null,
    uid,
    title,
    description,
    tags: [TAG],
    schemaVersion: SCHEMA_VERSION,
    version: 1,
    editable: false,
    graphTooltip: SHARED_CROSSHAIR,
    timezone: 'browser',
    refresh: '30s',
    time: { from, to: 'now' },
    timepicker: {},
    fiscalYearStartMonth: 0,
    liveNow: false,
    links: [
      {
        type: 'dashboards',
        title: 'Boards',
        icon: 'external link',
        tags: [TAG],
        asDropdown: true,
        includeVars: true,
        keepTime: true,
        targetBlank: false,
        tooltip: '',
        url: ''
      }
    ],
    annotations: { list: [ownAnnotations, firingAlerts] },
    templating: { list: [datasourceVariable, ...variables.map(variableOf)] },
    panels: placed(sections).map((each) =>
      'panel' in each ? panelOf(each.id, each.place, each.panel) : rowOf(each.id, each.place, each.title)
    )
  }
}

const ownAnnotations = {
  builtIn: 1,
  datasource: { type: 'grafana', uid: '-- Grafana --' },
  enable: true,
  hide: true,
  iconColor: 'rgba(0, 211, 255, 1)',
  name: 'Annotations & Alerts',
  type: 'dashboard'
}

const firingAlerts = {
  datasource: DATASOURCE,
  enable: true,
  expr: 'ALERTS{alertstate="firing",severity=~"critical|warning"}',
  iconColor: 'red',
  name: 'Alerts that fire',
  step: '60s',
  tagKeys: 'severity,component',
  titleFormat: '{{alertname}}',
  textFormat: '{{component}}'
}

const datasourceVariable = {
  name: 'datasource',
  label: 'Data source',
  type: 'datasource',
  query: 'prometheus',
  regex: '',
  hide: 0,
  includeAll: false,
  multi: false,
  options: [],
  current: { text: '', value: '' },
  refresh: 1,
  skipUrlSync: false
}

function variableOf(variable: Variable): Json {
  const { name, label } = variable
  if (variable.kind === 'number') {
    const text = String(variable.value)
    const current = { selected: true, text, value: text }
    return { name, label, type: 'textbox', query: text, current, options: [current], hide: 0, skipUrlSync: false }
  }
  const query = `label_values(${variable.series}, ${variable.of})`
  return {
    name,
    label,
    type: 'query',
    datasource: DATASOURCE,
    definition: query,
    query: { query, refId: `variable-${name}` },
    regex: '',
    refresh: 2,
    sort: 1,
    hide: 0,
    includeAll: true,
    allValue: '.*',
    multi: true,
    current: { selected: true, text: ['All'], value: ['$__all'] },
    options: [],
    skipUrlSync: false
  }
}

function rowOf(id: number, gridPos: Place, title: string): Json {
  return { id, type: 'row', title, gridPos, collapsed: false, panels: [] }
}

function panelOf(id: number, gridPos: Place, panel: Panel): Json {
  const { kind, title, description, queries } = panel
  const instant = kind === 'bargauge' || kind === 'table' || isOfWholeRange(panel)
  return {
    id,
    type: kind,
    title,
    description,
    gridPos,
    datasource: DATASOURCE,
    targets: queries.map((query, i) => targetOf(query, i, kind, instant)),
    fieldConfig: { defaults: fieldsOf(panel), overrides: overridesOf(panel) },
    options: optionsOf(panel),
    ...(kind === 'table' ? { transformations: columnsOf(panel) } : {})
  }
}

/** A figure of all of the chosen time is one number: as a line, each of its points would be counted over that time again. */
const isOfWholeRange = ({ kind, queries }: Panel): boolean => kind === 'stat' && queries.some(({ expr }) => expr.includes('[$__range]'))

const refId = (i: number): string => String.fromCharCode(65 + i)

function targetOf({ expr, legend, exemplars = false }: Query, i: number, kind: Panel['kind'], instant: boolean): Json {
  return {
    refId: refId(i),
    datasource: DATASOURCE,
    editorMode: 'code',
    expr,
    legendFormat: legend,
    exemplar: exemplars,
    instant,
    range: !instant,
    ...(kind === 'table' || kind === 'heatmap' ? { format: kind } : {})
  }
}

function fieldsOf(panel: Panel): Json {
  const { unit, min, max, decimals, drill, thresholds = [] } = panel
  const steps = [{ color: panel.kind === 'timeseries' ? 'transparent' : 'green', value: null }, ...thresholds.map(stepOf)]
  return {
    unit,
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(decimals === undefined ? {} : { decimals }),
    color: { mode: panel.kind === 'timeseries' ? 'palette-classic' : 'thresholds' },
    thresholds: { mode: 'absolute', steps },
    ...('words' in panel && panel.words !== undefined ? { mappings: [mappingOf(panel.words)] } : {}),
    ...(drill === undefined ? {} : { links: [linkOf(drill)] }),
    ...(panel.kind === 'timeseries' ? { custom: linesOf(panel.stacked === true, thresholds.length > 0) } : {}),
    ...(panel.kind === 'state-timeline' ? { custom: { fillOpacity: 80, lineWidth: 0 } } : {})
  }
}

const stepOf = ([value, color]: Threshold): Json => ({ color, value })

function linesOf(stacked: boolean, hasThresholds: boolean): Json {
  return {
    drawStyle: 'line',
    lineInterpolation: 'linear',
    lineWidth: 1,
    fillOpacity: stacked ? 40 : 8,
    gradientMode: 'none',
    pointSize: 4,
    showPoints: 'never',
    spanNulls: false,
    stacking: { mode: stacked ? 'normal' : 'none', group: 'A' },
    thresholdsStyle: { mode: hasThresholds ? 'line' : 'off' }
  }
}

function mappingOf(words: Readonly<Record<string, readonly [string, string]>>): Json {
  const options = Object.fromEntries(Object.entries(words).map(([value, [text, color]], index) => [value, { text, color, index }]))
  return { type: 'value', options }
}

function linkOf({ title, board, from }: Drill): Json {
  const variables = Object.entries(from).map(([variable, label]) => `var-${variable}=\${__field.labels.${label}}`)
  // Only these pass on as they are: the others may not exist on the board.
  const url = `/d/${board}?\${__url_time_range}&\${datasource:queryparam}&\${cluster:queryparam}&\${namespace:queryparam}&${variables.join('&')}`
  return { title, url, targetBlank: false }
}

function overridesOf(panel: Panel): Json[] {
  if (panel.kind !== 'table') return []
  // Labels are words: a unit would make numbers of those that look like one.
  return panel.columns.map(({ title }) => ({
    matcher: { id: 'byName', options: title },
    properties: [
      { id: 'unit', value: 'string' },
      { id: 'custom.cellOptions', value: { type: 'auto' } }
    ]
  }))
}

function columnsOf({ columns, values, queries }: Extract<Panel, { kind: 'table' }>): Json[] {
  const valueName = (i: number): string => (queries.length === 1 ? 'Value' : `Value #${refId(i)}`)
  const names = columns.map(({ label }) => label)
  return [
    { id: 'merge', options: {} },
    { id: 'filterFieldsByName', options: { include: { names: [...names, ...values.map((_, i) => valueName(i))] } } },
    {
      id: 'organize',
      options: {
        indexByName: Object.fromEntries([...names, ...values.map((_, i) => valueName(i))].map((name, i) => [name, i])),
        renameByName: Object.fromEntries([
          ...columns.map(({ label, title }) => [label, title]),
          ...values.map((title, i) => [valueName(i), title])
        ])
      }
    },
    { id: 'sortBy', options: { sort: [{ field: values[0], desc: true }] } }
  ]
}

const LAST = { calcs: ['lastNotNull'], fields: '', values: false }

function optionsOf(panel: Panel): Json {
  if (panel.kind === 'timeseries') {
    return {
      legend: { displayMode: 'table', placement: 'bottom', showLegend: true, calcs: ['lastNotNull', 'max'] },
      tooltip: { mode: 'multi', sort: 'desc' }
    }
  }
  if (panel.kind === 'stat') {
    const textMode = panel.queries.length > 1 || panel.queries[0].legend.includes('{{') ? 'value_and_name' : 'value'
    return {
      colorMode: 'value',
      graphMode: panel.words === undefined && !isOfWholeRange(panel) ? 'area' : 'none',
      justifyMode: 'auto',
      orientation: 'auto',
      textMode,
      reduceOptions: LAST
    }
  }
  if (panel.kind === 'bargauge') {
    return {
      displayMode: 'basic',
      orientation: 'horizontal',
      valueMode: 'color',
      showUnfilled: true,
      namePlacement: 'left',
      reduceOptions: LAST
    }
  }
  if (panel.kind === 'table') return { cellHeight: 'sm', showHeader: true }
  if (panel.kind === 'state-timeline') {
    return {
      mergeValues: true,
      rowHeight: 0.8,
      showValue: 'auto',
      legend: { displayMode: 'list', placement: 'bottom', showLegend: true, calcs: [] },
      tooltip: { mode: 'single', sort: 'none' }
    }
  }
  return {
    calculate: false,
    cellGap: 1,
    color: { mode: 'scheme', scheme: 'Oranges', steps: 64, exponent: 0.5, fill: 'dark-orange', reverse: false },
    exemplars: { color: 'rgba(255,0,255,0.7)' },
    filterValues: { le: 1e-9 },
    legend: { show: true },
    rowsFrame: { layout: 'auto' },
    tooltip: { mode: 'single', showColorScale: false, yHistogram: false },
    yAxis: { axisPlacement: 'left', reverse: false, unit: panel.unit }
  }
}
