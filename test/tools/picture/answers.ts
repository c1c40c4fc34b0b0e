import type { PanelModel } from '../../support/dashboards.ts'

/** What Prometheus answered to the queries of one panel, and about which time. */
export interface PanelData {
  readonly range: { readonly start: number; readonly end: number; readonly step: number }
  readonly answers: readonly {
    readonly refId: string
    readonly legend: string
    readonly series: readonly {
      readonly metric: Readonly<Record<string, string>>
      readonly value?: readonly [number, string]
      readonly values?: readonly (readonly [number, string])[]
    }[]
  }[]
}

/** A series under its name in the legend; points in seconds, without those that are no number. */
export interface Drawn {
  readonly name: string
  readonly points: readonly (readonly [atS: number, value: number])[]
  readonly last: number
}

/** The series of a panel in the order of their queries; those without a number are left out. */
export function drawnOf({ answers }: PanelData): Drawn[] {
  return answers.flatMap(({ legend, series }) =>
    series.flatMap(({ metric, value, values = value === undefined ? [] : [value] }) => {
      const points = values.map(([atS, text]) => [atS, Number(text)] as const).filter(([, each]) => Number.isFinite(each))
      return points.length === 0 ? [] : [{ name: nameOf(legend, metric), points, last: points.at(-1)![1] }]
    })
  )
}

const nameOf = (legend: string, metric: Readonly<Record<string, string>>): string =>
  legend.replace(/\{\{\s*(\w+)\s*\}\}/g, (_, label: string) => metric[label] ?? '').replace(/^\/$/, '(no pod known)')

/** The colour of a value by the panel's thresholds, by its name. */
export function colourOf(value: number, { fieldConfig }: PanelModel): string {
  const { thresholds, mappings = [] } = fieldConfig!.defaults
  const word = mappings[0]?.options[String(value)]
  if (word !== undefined) return word.color
  return thresholds.steps.findLast((step) => step.value === null || step.value <= value)?.color ?? 'green'
}
