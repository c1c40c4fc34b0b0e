import type { PanelModel } from '../../support/dashboards.ts'
import { colourOf, type Drawn, drawnOf, type PanelData } from './answers.ts'
import { formatted } from './format.ts'
import { type Box, COLOURS, GREY, NAMED, PALE, rect, round, widthOf, words } from './svg.ts'

const LEGEND_LINE = 14
const AXIS = 50
const SERIES_MAX = 8
/** In how many steps a heatmap darkens. */
const SHADES = 5

/** Beside an axis is no room for words; the unit stands in the corner. */
const axisUnit = (unit: string): string => (/^(?:reqps|ops|watt|celsius|joule|suffix:.*)$/.test(unit) ? 'short' : unit)

export function lines(panel: PanelModel, data: PanelData, box: Box): string {
  const { unit = 'short', min, max, decimals, thresholds, custom } = panel.fieldConfig!.defaults
  const stacked = custom?.stacking?.mode === 'normal'
  const series = drawnOf(data).slice(0, SERIES_MAX)
  const legend = legendOf(series, unit, decimals, box)
  const plot = { x: box.x + AXIS, y: box.y + 4, w: box.w - AXIS - 4, h: box.h - 10 - legend.height }
  const shown = stacked ? piled(series) : series
  const values = shown.flatMap(({ points }) => points.map(([, value]) => value))
  const low = Math.min(min ?? Infinity, ...values)
  const top = Math.max(...values)
  const roomy = top > low ? low + (top - low) * 1.08 : low + (Math.abs(low) || 1)
  const high = Math.min(roomy, Math.max(max ?? Infinity, top))
  const at = scale(data, plot, low, high)
  let out = ''
  for (const part of [0, 0.5, 1]) {
    const y = plot.y + plot.h * (1 - part)
    out += `<path d="M${plot.x} ${round(y)}h${round(plot.w)}" stroke="#d8dee4"/>`
    out += words(plot.x - 4, y + 3, formatted(low + (high - low) * part, axisUnit(unit), decimals), {
      size: 9,
      fill: GREY,
      anchor: 'end',
      most: AXIS - 4
    })
  }
  for (const { value, color } of thresholds.steps) {
    if (value === null || value <= low || value >= high) continue
    out += `<path d="M${plot.x} ${round(at(0, value)[1])}h${round(plot.w)}" stroke="${NAMED[color]}" stroke-dasharray="4 3"/>`
  }
  // The pile's upper layers are painted first, so that each lower one covers its part of them.
  for (const [i, { points }] of [...shown.entries()].reverse()) {
    const path = pathOf(points.map(([s, value]) => at(s, value)))
    const [x] = at(points[0][0], low)
    const fill = stacked ? PALE[i] : 'none'
    out += `<path d="${path}${stacked ? `V${Math.round(plot.y + plot.h)}H${x}Z` : ''}" fill="${fill}" stroke="${COLOURS[i]}"/>`
  }
  return out + legend.svg
}

function piled(series: readonly Drawn[]): Drawn[] {
  const sums = new Map<number, number>()
  return series.map((each) => ({
    ...each,
    points: each.points.map(([s, value]) => {
      sums.set(s, (sums.get(s) ?? 0) + value)
      return [s, sums.get(s)!] as const
    })
  }))
}

/** A line through points, in whole pixels, each as the way from the one before. */
function pathOf(points: readonly (readonly [x: number, y: number])[]): string {
  let [beforeX, beforeY] = points[0].map(Math.round)
  let path = `M${beforeX} ${beforeY}l`
  for (const [x, y] of points.slice(1)) {
    const [nowX, nowY] = [Math.round(x), Math.round(y)]
    path += `${nowX - beforeX} ${nowY - beforeY} `
    ;[beforeX, beforeY] = [nowX, nowY]
  }
  return points.length > 1 ? path.trimEnd() : `${path}0 0`
}

type Scale = (s: number, value: number) => [x: number, y: number]

const scale =
  ({ range: { start, end } }: PanelData, { x, y, w, h }: Box, low: number, high: number): Scale =>
  (s, value) => [Math.round(x + ((s - start) / (end - start)) * w), round(y + h - ((value - low) / (high - low)) * h)]

function legendOf(series: readonly Drawn[], unit: string, decimals: number | undefined, box: Box): { height: number; svg: string } {
  const entries = series.map(({ name, last }) => `${name}  ${formatted(last, unit, decimals)}`)
  const columns = entries.length > 3 ? 2 : 1
  const rows = Math.ceil(entries.length / columns)
  const height = rows * LEGEND_LINE
  const svg = entries.map((entry, i) => {
    const x = box.x + 8 + (i % columns) * (box.w / columns)
    const y = box.y + box.h - height + Math.floor(i / columns) * LEGEND_LINE + 9
    return rect({ x, y: y - 5, w: 10, h: 3 }, COLOURS[i]) + words(x + 15, y, entry, { size: 10, fill: GREY, most: box.w / columns - 26 })
  })
  return { height, svg: svg.join('') }
}

export function figures(panel: PanelModel, data: PanelData, box: Box): string {
  const { unit = 'short', decimals, mappings = [] } = panel.fieldConfig!.defaults
  const series = drawnOf(data)
  const w = box.w / series.length
  let out = ''
  for (const [i, { name, points, last }] of series.entries()) {
    const x = box.x + i * w
    const fill = NAMED[colourOf(last, panel)]
    if (mappings.length === 0)
      out += spark(
        points.map(([, value]) => value),
        { x, y: box.y + box.h * 0.55, w, h: box.h * 0.45 },
        fill
      )
    const said = mappings[0]?.options[String(last)]?.text ?? formatted(last, unit, decimals)
    out += words(x + w / 2, box.y + box.h * 0.5, said, { size: Math.min(26, w / (said.length * 0.6)), fill, anchor: 'middle', bold: true })
    if (series.length > 1) out += words(x + w / 2, box.y + box.h * 0.5 + 16, name, { size: 11, fill: GREY, anchor: 'middle' })
  }
  return out
}

function spark(values: readonly number[], { x, y, w, h }: Box, colour: string): string {
  const [low, high] = [Math.min(...values), Math.max(...values)]
  const points = values.map((value, i): [number, number] => {
    const part = high > low ? (value - low) / (high - low) : 0.5
    return [x + (i / Math.max(1, values.length - 1)) * w, y + h - part * h * 0.9]
  })
  return `<path d="${pathOf(points)}V${Math.round(y + h)}H${Math.round(x)}Z" fill="${colour}" fill-opacity=".15"/>`
}

export function bars(panel: PanelModel, data: PanelData, box: Box): string {
  const { unit = 'short', decimals } = panel.fieldConfig!.defaults
  const room = Math.floor(box.h / 17)
  const series = drawnOf(data).slice(0, room)
  const most = Math.max(...series.map(({ last }) => last)) || 1
  const names = Math.min(box.w * 0.5, Math.max(...series.map(({ name }) => widthOf(name, 11))) + 10)
  const space = box.w - names - 90
  const height = Math.min(26, box.h / series.length)
  return series
    .map(({ name, last }, i) => {
      const y = box.y + i * height
      const colour = NAMED[colourOf(last, panel)]
      const bar = { x: box.x + names + 8, y: y + 2, w: Math.max(1, (last / most) * space), h: height - 5 }
      return (
        words(box.x + names, y + height / 2 + 3, name, { anchor: 'end', most: names }) +
        rect({ ...bar, w: space }, '#eaeef2') +
        rect(bar, colour, ' fill-opacity=".75"') +
        words(bar.x + space + 6, y + height / 2 + 3, formatted(last, unit, decimals), { fill: colour })
      )
    })
    .join('')
}

export function rows(panel: PanelModel, { answers }: PanelData, box: Box): string {
  const { unit = 'none', decimals } = panel.fieldConfig!.defaults
  const names = panel.transformations!.find(({ id }) => id === 'organize')!.options.renameByName!
  const labels = Object.keys(names).filter((name) => !name.startsWith('Value'))
  const lines = answers[0].series.map(({ metric }) => [
    ...labels.map((label) => metric[label] ?? ''),
    ...answers.map(({ series }) => {
      const same = series.find((other) => labels.every((label) => other.metric[label] === metric[label]))
      return same?.value === undefined ? '' : formatted(Number(same.value[1]), unit, decimals)
    })
  ])
  lines.sort((a, b) => Number(b[labels.length]) - Number(a[labels.length]))
  const w = box.w / Object.keys(names).length
  const room = Math.floor(box.h / 18) - 1
  const lineAt = (cells: readonly string[], i: number, bold: boolean): string =>
    cells.map((cell, column) => words(box.x + 8 + column * w, box.y + 14 + i * 18, cell, { bold, most: w - 10 })).join('')
  const grid = lines
    .slice(0, room)
    .map((cells, i) => `<path d="M${box.x} ${box.y + 20 + i * 18}h${box.w}" stroke="#d8dee4"/>${lineAt(cells, i + 1, false)}`)
  return lineAt(Object.values(names), 0, true) + grid.join('')
}

export function states(panel: PanelModel, data: PanelData, box: Box): string {
  const { mappings = [] } = panel.fieldConfig!.defaults
  const series = drawnOf(data).slice(0, Math.floor((box.h - 16) / 14))
  const names = Math.min(box.w * 0.45, Math.max(...series.map(({ name }) => widthOf(name, 10))) + 8)
  const plot = { x: box.x + names + 6, y: box.y, w: box.w - names - 10, h: box.h - 18 }
  const height = Math.min(24, plot.h / series.length)
  const at = scale(data, plot, 0, 1)
  const bars = series.map(({ name, points }, i) => {
    let out = words(box.x + names, plot.y + (i + 0.5) * height + 3, name, { size: 10, anchor: 'end', most: names })
    // One piece for each time that it stayed the same.
    for (let from = 0; from < points.length; ) {
      let to = from
      while (to + 1 < points.length && points[to + 1][1] === points[from][1]) to++
      const [x] = at(points[from][0], 0)
      const [end] = at(Math.min(points[to][0] + data.range.step, data.range.end), 0)
      out += rect(
        { x, y: plot.y + i * height + 2, w: Math.max(1, end - x), h: height - 4 },
        NAMED[colourOf(points[from][1], panel)],
        ' fill-opacity=".7"'
      )
      from = to + 1
    }
    return out
  })
  let x = box.x + 8
  const legend = Object.values(mappings[0]?.options ?? {}).map(({ text, color }) => {
    if (x + 20 + widthOf(text, 10) > box.x + box.w) return ''
    const out =
      rect({ x, y: box.y + box.h - 12, w: 10, h: 8 }, NAMED[color], ' fill-opacity=".7"') +
      words(x + 14, box.y + box.h - 4, text, { size: 10, fill: GREY })
    x += 26 + widthOf(text, 10)
    return out
  })
  return bars.join('') + legend.join('')
}

export function heat(panel: PanelModel, data: PanelData, box: Box): string {
  const { unit = 'short' } = panel.fieldConfig!.defaults
  const buckets = drawnOf(data)
    .map((each) => ({ ...each, le: Number(each.name.replace('+Inf', 'Infinity')) }))
    .sort((a, b) => a.le - b.le)
  const plot = { x: box.x + AXIS, y: box.y + 4, w: box.w - AXIS - 4, h: box.h - 10 }
  const height = plot.h / buckets.length
  const at = scale(data, plot, 0, 1)
  const counts = buckets.map(({ points }, i) => {
    const below = new Map(buckets[i - 1]?.points)
    return points.map(([s, value]) => [s, Math.max(0, value - (below.get(s) ?? 0))] as const)
  })
  const most = Math.max(...counts.flat().map(([, count]) => count)) || 1
  const cell = Math.max(2, Math.round((plot.w * data.range.step) / (data.range.end - data.range.start)))
  const shades = Array.from({ length: SHADES }, () => '')
  let labels = ''
  for (const [i, row] of counts.entries()) {
    const y = plot.y + plot.h - (i + 1) * height
    const { le } = buckets[i]
    if (i % 2 === 0 && Number.isFinite(le)) labels += words(plot.x - 4, y + 4, formatted(le, unit), { size: 9, fill: GREY, anchor: 'end' })
    for (const [s, count] of row) {
      const shade = Math.ceil(Math.sqrt(count / most) * SHADES) - 1
      if (shade >= 0) shades[shade] += `M${at(s, 0)[0]} ${Math.round(y)}h${cell}v${Math.ceil(height)}h-${cell}z`
    }
  }
  const paths = shades.map((d, i) => (d === '' ? '' : `<path d="${d}" fill="#d9730d" fill-opacity="${(i + 1) / SHADES}"/>`))
  return labels + paths.join('')
}
