// Panels as the boards describe them: what a reader should see, without the places and defaults that Grafana's model wants.

/** Grafana's names of the units that the boards use; `suffix:` shows any word behind the number. */
export type Unit =
  | 'short'
  | 'none'
  | 'percentunit'
  | 's'
  | 'dtdurations'
  | 'bytes'
  | 'Bps'
  | 'reqps'
  | 'ops'
  | 'watt'
  | 'celsius'
  | 'joule'
  | 'kwatth'
  | 'currencyUSD'
  | `suffix:${string}`

export interface Query {
  readonly expr: string
  /** Labels in double braces, or a fixed word. */
  readonly legend: string
  /** Ask for the traces behind the numbers. Only buckets of histograms made from spans have them. */
  readonly exemplars?: boolean
}

/** From this value on, in this colour. */
export type Threshold = readonly [from: number, colour: 'green' | 'yellow' | 'orange' | 'red' | 'blue']

/** What a click on a series leads to. */
export interface Drill {
  readonly title: string
  /** The uid of another board. */
  readonly board: string
  /** Variables of that board, and the label of the series that fills each. */
  readonly from: Readonly<Record<string, string>>
}

export interface Column {
  readonly label: string
  readonly title: string
}

/** What values mean, in words. */
export type Words = Readonly<Record<string, readonly [word: string, colour: Threshold[1]]>>

interface Described {
  readonly title: string
  /** What it means, and what to do when it looks wrong. */
  readonly description: string
  readonly unit: Unit
  readonly queries: readonly Query[]
  readonly thresholds?: readonly Threshold[]
  readonly min?: number
  readonly max?: number
  readonly decimals?: number
  readonly drill?: Drill
  /** In columns of 24; without it, a line is shared equally. */
  readonly width?: number
}

/** Lines over time. A threshold is drawn where the alert of the same number stands. */
export interface Graph extends Described {
  readonly kind: 'timeseries'
  readonly stacked?: boolean
}

/** One number for each series, with what it was before behind it. */
export interface Figure extends Described {
  readonly kind: 'stat'
  readonly words?: Words
}

/** A bar for each series, longest first; what it is now. */
export interface Bars extends Described {
  readonly kind: 'bargauge'
}

/** A row for each series, with labels as columns; what it is now. */
export interface Table extends Described {
  readonly kind: 'table'
  readonly columns: readonly Column[]
  /** One for each query. */
  readonly values: readonly string[]
}

/** A line of colours for each series: which state it was in, when. */
export interface Timeline extends Described {
  readonly kind: 'state-timeline'
  readonly words: Words
}

/** How many fell into which bucket, when; the query is a rate of buckets by le. */
export interface Heatmap extends Described {
  readonly kind: 'heatmap'
}

export type Panel = Graph | Figure | Bars | Table | Timeline | Heatmap

export const graph = (panel: Omit<Graph, 'kind'>): Graph => ({ kind: 'timeseries', ...panel })
export const figure = (panel: Omit<Figure, 'kind'>): Figure => ({ kind: 'stat', ...panel })
export const bars = (panel: Omit<Bars, 'kind'>): Bars => ({ kind: 'bargauge', ...panel })
export const table = (panel: Omit<Table, 'kind'>): Table => ({ kind: 'table', ...panel })
export const timeline = (panel: Omit<Timeline, 'kind'>): Timeline => ({ kind: 'state-timeline', ...panel })
export const heatmap = (panel: Omit<Heatmap, 'kind'>): Heatmap => ({ kind: 'heatmap', ...panel })

/** Panels side by side, of one height in Grafana's units of 30 pixels. */
export interface Line {
  readonly height: number
  readonly panels: readonly Panel[]
}

export const line = (height: number, ...panels: Panel[]): Line => ({ height, panels })
