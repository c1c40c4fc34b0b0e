import type { Section } from './dashboard.ts'
import type { Panel } from './panel.ts'

/** How wide Grafana's grid is. */
export const COLUMNS = 24

export interface Place {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

export type Placed =
  | { readonly id: number; readonly place: Place; readonly title: string }
  | { readonly id: number; readonly place: Place; readonly panel: Panel }

/** Sections, lines and panels in order, each below the one before. Numbers are given in order, so that a link to a panel holds until one is put before it. */
export function placed(sections: readonly Section[]): Placed[] {
  const all: Placed[] = []
  let y = 0
  for (const { title, lines } of sections) {
    all.push({ id: all.length + 1, place: { x: 0, y, w: COLUMNS, h: 1 }, title })
    y++
    for (const { height, panels } of lines) {
      const widths = widthsOf(panels)
      let x = 0
      for (const [i, panel] of panels.entries()) {
        all.push({ id: all.length + 1, place: { x, y, w: widths[i], h: height }, panel })
        x += widths[i]
      }
      y += height
    }
  }
  return all
}

/** Panels without a width share what the others leave; the first ones take what does not divide. */
function widthsOf(panels: readonly Panel[]): number[] {
  const given = panels.reduce((sum, { width = 0 }) => sum + width, 0)
  const sharing = panels.filter(({ width }) => width === undefined).length
  const each = sharing === 0 ? 0 : Math.floor((COLUMNS - given) / sharing)
  let rest = sharing === 0 ? 0 : COLUMNS - given - each * sharing
  return panels.map(({ width }) => width ?? each + (rest-- > 0 ? 1 : 0))
}
