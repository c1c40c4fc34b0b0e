import type { DashboardModel, PanelModel } from '../support/dashboards.ts'
import { drawnOf, type PanelData } from './picture/answers.ts'
import { bars, figures, heat, lines, rows, states } from './picture/charts.ts'
import { formatted, unitName } from './picture/format.ts'
import { type Box, escaped, GREY, INK, rect, widthOf, words } from './picture/svg.ts'

export type { PanelData } from './picture/answers.ts'

/** Of one of Grafana's columns, and of one of its rows. */
const COLUMN = 50
const ROW = 30
const HEADER = 64
const GAP = 4
const TITLE = 22

const KINDS: Readonly<Record<string, (panel: PanelModel, data: PanelData, box: Box) => string>> = {
  timeseries: lines,
  stat: figures,
  bargauge: bars,
  table: rows,
  'state-timeline': states,
  heatmap: heat
}

/** A board as a picture: its layout as Grafana has it, and in each panel what was asked for it. */
export function drawDashboard(board: DashboardModel, data: ReadonlyMap<number, PanelData>): string {
  const height = HEADER + Math.max(...board.panels.map(({ gridPos: { y, h } }) => y + h)) * ROW
  const names = board.templating.list.map(({ name, type, current }) => (type === 'textbox' ? `${name}: ${current.value}` : `${name} ▾`))
  const [first] = data.values()
  const length = first === undefined ? '' : `${formatted(first.range.end - first.range.start, 's')} of a scripted load`
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${24 * COLUMN} ${height}" font-family="Helvetica,Arial,sans-serif">`,
    `<title>${escaped(board.title)}</title>`,
    rect({ x: 0, y: 0, w: 24 * COLUMN, h: height }, '#f6f8fa'),
    words(12, 28, board.title, { size: 20, bold: true }),
    words(12, 50, names.join('    '), { size: 12, fill: GREY }),
    words(24 * COLUMN - 12, 28, length, { size: 12, fill: GREY, anchor: 'end' }),
    ...board.panels.map((panel) => (panel.type === 'row' ? drawHeading(panel) : drawPanel(panel, data.get(panel.id)))),
    '</svg>',
    ''
  ].join('\n')
}

/** What a picture must say of a panel, so that it can be told from one of another layout. */
export function frameOf({ id, type, title, gridPos: { x, y, w, h }, fieldConfig }: PanelModel): string {
  return `<g data-panel="${[id, type, x, y, w, h].join(' ')}"><title>${escaped(title)}, ${escaped(fieldConfig?.defaults.unit ?? 'heading')}</title>`
}

function boxOf({ gridPos: { x, y, w, h } }: PanelModel): Box {
  return { x: x * COLUMN + GAP, y: HEADER + y * ROW + GAP, w: w * COLUMN - 2 * GAP, h: h * ROW - 2 * GAP }
}

function drawHeading(panel: PanelModel): string {
  const { x, y } = boxOf(panel)
  return `${frameOf(panel)}${words(x + 6, y + 16, `⌄ ${panel.title}`, { size: 14, bold: true })}</g>`
}

function drawPanel(panel: PanelModel, data: PanelData | undefined): string {
  const box = boxOf(panel)
  const inner = { x: box.x + 6, y: box.y + TITLE, w: box.w - 12, h: box.h - TITLE - 4 }
  const unit = unitName(panel.fieldConfig?.defaults.unit ?? '')
  const body =
    data === undefined || drawnOf(data).length === 0
      ? words(box.x + box.w / 2, box.y + box.h / 2 + 6, 'no data', { fill: GREY, anchor: 'middle' })
      : KINDS[panel.type](panel, data, inner)
  return [
    frameOf(panel),
    rect(box, '#fff', ' stroke="#d0d7de" rx="3"'),
    words(box.x + 8, box.y + 15, panel.title, { size: 12, fill: INK, bold: true, most: box.w - 20 - widthOf(unit, 10) }),
    words(box.x + box.w - 8, box.y + 15, unit, { size: 10, fill: GREY, anchor: 'end' }),
    body,
    '</g>'
  ].join('')
}
