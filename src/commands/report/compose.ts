import { neededOf } from '../../monitoring/catalogue.ts'
import {
  COVERAGE,
  exprOf,
  type Measure,
  type Part,
  type Prices,
  type ReportPlan,
  type Source,
  type Unit
} from '../../monitoring/reports/report.ts'
import type { PrometheusApi, Sample } from './prometheus.ts'
import { hoursOf, type Span } from './span.ts'

/** A number of the period, and of the one before; null where there is no data. */
export interface Cell {
  readonly value: number | null
  readonly before: number | null
}

export interface Row {
  readonly labels: Readonly<Record<string, string>>
  /** One for each column. */
  readonly cells: readonly Cell[]
}

export interface Table {
  readonly title: string
  readonly by: readonly string[]
  readonly columns: readonly { readonly title: string; readonly unit: Unit }[]
  readonly rows: readonly Row[]
  /** Rows that there was no room for: those that are least in the first column. */
  readonly omitted: number
}

export interface Report {
  readonly title: string
  readonly span: Span
  readonly before: Span
  readonly tables: readonly Table[]
  /** What is to be known of the numbers: what they lack. */
  readonly notes: readonly string[]
}

export interface ComposeOptions {
  readonly plan: ReportPlan
  readonly span: Span
  readonly before: Span
  readonly clusters: readonly string[]
  readonly namespaces: readonly string[]
  readonly prices: Prices
  readonly currency: string
}

const ROWS_MAX = 20
const COVERAGE_STEPS = 96
/** With less of a period, its totals are no measure for others. */
const COVERAGE_COMPARED = 0.9
/** A scrape or an evaluation that was missed is not worth a note. */
const COVERAGE_WHOLE = 0.97
const SOURCES: readonly Source[] = ['kept', 'scraped']

/** Shares of the period and of the one before that a source has. */
interface Coverage {
  readonly now: number
  readonly before: number
}

/** Asks all that a report tells. Throws RefusedError when Prometheus does not answer. */
export async function composeReport(api: PrometheusApi, options: ComposeOptions): Promise<Report> {
  const { plan, span, before } = options
  const covered = await coverageOf(api, span, before)
  const asked = await Promise.all(
    plan.parts.map(async (part) => ({
      part,
      columns: await Promise.all(part.measures.map((measure) => columnOf(api, measure, part, options, covered)))
    }))
  )
  const tables = asked.map(({ part, columns }) => tableOf(part, columns))
  const notes = [...circumstances(options), ...coverageNotes(options, covered, asked), ...absences(asked)]
  for (const warning of api.warnings) notes.push(`Prometheus says: ${warning}`)
  return { title: plan.title, span, before, tables, notes }
}

async function coverageOf(api: PrometheusApi, span: Span, before: Span): Promise<Record<Source, Coverage>> {
  const shareOf = async (source: Source, asked: Span): Promise<number> => {
    const seconds = hoursOf(asked) * 3600
    const step = Math.round(seconds / COVERAGE_STEPS)
    const [found] = await api.ask(COVERAGE[source](`${seconds}s`, `${step}s`), asked.toMs)
    return Math.min(1, ((found?.value ?? 0) * step) / seconds)
  }
  const of = async (source: Source): Promise<Coverage> => {
    const [now, then] = await Promise.all([shareOf(source, span), shareOf(source, before)])
    return { now, before: then }
  }
  const [kept, scraped] = await Promise.all(SOURCES.map(of))
  return { kept, scraped }
}

interface Column {
  readonly source: Source
  readonly expr: string
  readonly now: readonly Sample[]
  readonly before: readonly Sample[]
}

async function columnOf(
  api: PrometheusApi,
  measure: Measure,
  { by }: Part,
  { span, before, prices, clusters, namespaces }: ComposeOptions,
  covered: Record<Source, Coverage>
): Promise<Column> {
  const exprIn = (source: Source, asked: Span): string | null =>
    exprOf(measure, by, source, { hours: hoursOf(asked), prices, clusters, namespaces })
  const reach = ({ now, before: then }: Coverage): number => now + then
  const kept = exprIn('kept', span)
  const source = kept !== null && covered.kept.now > 0 && reach(covered.kept) >= reach(covered.scraped) ? 'kept' : 'scraped'
  const expr = exprIn(source, span)!
  const isComparable = covered[source].before >= COVERAGE_COMPARED
  const [now, then] = await Promise.all([api.ask(expr, span.toMs), isComparable ? api.ask(exprIn(source, before)!, before.toMs) : []])
  return { source, expr, now, before: then }
}

function tableOf({ title, by, measures }: Part, columns: readonly Column[]): Table {
  const keyOf = ({ labels }: Sample): string => JSON.stringify(by.map((label) => labels[label] ?? ''))
  const values = columns.map(({ now, before }) => ({
    now: new Map(now.map((sample) => [keyOf(sample), sample.value])),
    before: new Map(before.map((sample) => [keyOf(sample), sample.value]))
  }))
  const keys = by.length === 0 ? ['[]'] : [...new Set(values.flatMap(({ now }) => [...now.keys()]))]
  const rows = keys
    .map((key): Row => {
      const names = JSON.parse(key) as string[]
      const cells = values.map(({ now, before }) => ({ value: now.get(key) ?? null, before: before.get(key) ?? null }))
      return { labels: Object.fromEntries(by.map((label, i) => [label, names[i]])), cells }
    })
    .sort((a, b) => (b.cells[0].value ?? -1) - (a.cells[0].value ?? -1))
  const shown = rows.slice(0, ROWS_MAX)
  return { title, by, columns: measures.map(({ title, unit }) => ({ title, unit })), rows: shown, omitted: rows.length - shown.length }
}

interface Asked {
  readonly part: Part
  readonly columns: readonly Column[]
}

function circumstances({ plan, prices, currency, clusters, namespaces }: ComposeOptions): string[] {
  const tellsMoney = plan.parts.some(({ measures }) => measures.some(({ unit }) => unit === 'money'))
  return [
    ...(tellsMoney ? [`Prices: ${prices.gpuHour} ${currency} for an hour of a GPU, ${prices.kwh} ${currency} for a kWh.`] : []),
    ...(clusters.length > 0 ? [`Of the clusters ${clusters.join(', ')} alone.`] : []),
    ...(namespaces.length > 0 ? [`Of the namespaces ${namespaces.join(', ')} alone.`] : [])
  ]
}

const WHAT: Readonly<Record<Source, string>> = { scraped: 'what it scrapes', kept: 'what recording rules keep' }

function coverageNotes({ plan }: ComposeOptions, covered: Record<Source, Coverage>, asked: readonly Asked[]): string[] {
  const used = new Set(asked.flatMap(({ columns }) => columns.map(({ source }) => source)))
  return SOURCES.filter((source) => used.has(source)).flatMap((source) => {
    const { now, before } = covered[source]
    return [
      ...(now < COVERAGE_WHOLE ? [`Prometheus has ${percent(now)} of this ${plan.period} of ${WHAT[source]}: totals are of those.`] : []),
      ...(before < COVERAGE_COMPARED
        ? [`Nothing is compared of ${WHAT[source]}: Prometheus has ${percent(before)} of the ${plan.period} before.`]
        : [])
    ]
  })
}

/** What there is no data for, and what the platform must provide for that. */
function absences(asked: readonly Asked[]): string[] {
  const absent = asked.flatMap(({ part: { title, measures }, columns }) => {
    const names = measures.filter((_, i) => columns[i].now.length === 0).map((measure) => measure.title)
    return names.length === 0 ? [] : [names.length === measures.length ? title : `${title} (${names.join('; ')})`]
  })
  const exprs = asked.flatMap(({ columns }) => columns.filter(({ now }) => now.length === 0).map(({ expr }) => expr))
  const needed = [...new Set(exprs.flatMap(neededOf))]
  return [
    ...(absent.length > 0 ? [`No data for ${absent.join(', ')}.`] : []),
    ...(needed.length > 0 ? [`The platform must provide ${needed.join(', ')} for that.`] : [])
  ]
}

const percent = (share: number): string => `${Math.floor(share * 100)} %`
