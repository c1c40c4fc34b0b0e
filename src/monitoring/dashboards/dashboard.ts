import type { Line } from './panel.ts'
import type { Variable } from './variable.ts'

/** Lines under a heading that folds them away. */
export interface Section {
  readonly title: string
  readonly lines: readonly Line[]
}

export interface Dashboard {
  /** Never changes: links and bookmarks name it. */
  readonly uid: string
  readonly title: string
  readonly description: string
  /** File name under helm/files/dashboards/ and of its picture, without ending. */
  readonly file: string
  /** As Grafana writes it: how far back a reader looks at first. */
  readonly from: `now-${string}`
  readonly variables: readonly Variable[]
  readonly sections: readonly Section[]
}

export const section = (title: string, ...lines: Line[]): Section => ({ title, lines })

/** Checks the shape of a board and gives it back. */
export const dashboard = (board: Dashboard): Dashboard => board
