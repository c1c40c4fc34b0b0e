// What the rows measure, and how it is shown.

export interface Budget {
  /** What is held against the limit: the median of the ratios or of the values, or the worst of the values. */
  readonly of: 'ratio' | 'value' | 'worst'
  readonly bound: 'at least' | 'at most'
  readonly limit: number
}

/** One line of the table. */
export interface Line {
  readonly row: string
  readonly subject: string
  readonly unit: string
  /** One figure for each round. */
  readonly values: readonly number[]
  /** Against what it is held, and the quotient of each round. */
  readonly against?: { readonly subject: string; readonly ratios: readonly number[] }
  readonly budget?: Budget
  readonly note?: string
}

/** A row, or a part of one, that could not be measured here. */
export interface Skipped {
  readonly row: string
  readonly skipped: string
}

export type Report = Line | Skipped

export interface Settings {
  readonly rounds: number
  readonly seconds: number
  /** Length of the steady load in the memory row. */
  readonly soakSeconds: number
}

export interface Row {
  readonly name: string
  measure(settings: Settings): Promise<readonly Report[]>
}

/** The quotients of two lines' rounds, pair by pair. */
export function ratios(values: readonly number[], others: readonly number[]): number[] {
  return values.map((value, i) => value / others[i])
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/** Whether a line keeps to its budget; undefined without one. */
export function isMet({ values, against, budget }: Line): boolean | undefined {
  if (budget === undefined) return undefined
  const worst = budget.bound === 'at least' ? Math.min : Math.max
  const figure = budget.of === 'worst' ? worst(...values) : median(budget.of === 'value' ? values : (against?.ratios ?? []))
  return budget.bound === 'at least' ? figure >= budget.limit : figure <= budget.limit
}

const HEADINGS = ['row', 'subject', 'min – median – max', 'unit', 'ratio', 'to', 'budget', '', 'note']

/** All lines as one table of text. */
export function tableOf(reports: readonly Report[]): string {
  const rows = reports.map((report): string[] => {
    if ('skipped' in report) return [report.row, `skipped: ${report.skipped}`]
    const { row, subject, unit, values, against, budget, note = '' } = report
    const met = isMet(report)
    return [
      row,
      subject,
      spread(values),
      unit,
      against === undefined ? '' : spread(against.ratios),
      against?.subject ?? '',
      budget === undefined ? '' : `${budget.bound === 'at least' ? '≥' : '≤'} ${budget.limit}`,
      met === undefined ? '' : met ? 'met' : 'NOT MET',
      note
    ]
  })
  const widths = HEADINGS.map((heading, i) => Math.max(heading.length, ...rows.filter((row) => row.length > 2).map((row) => row[i].length)))
  const lineOf = (cells: readonly string[]): string =>
    cells
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd()
  return [lineOf(HEADINGS), ...rows.map(lineOf)].join('\n')
}

function spread(values: readonly number[]): string {
  const ends = [Math.min(...values), median(values), Math.max(...values)]
  return values.length === 1 ? short(values[0]) : ends.map(short).join(' – ')
}

// Three digits, so that the noise is not shown.
function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3)
}
