import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { readDashboards } from '../support/dashboards.ts'
import { drawDashboard, frameOf, type PanelData } from '../tools/dashboard-picture.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const PICTURES = join(ROOT, 'docs', 'dashboards')
const SIZE_MAX = 80_000

test('each board has a picture of its layout as it is: SLUICE_PICTURES=144 npm run test:system', () => {
  const boards = readDashboards()
  deepStrictEqual(readdirSync(PICTURES).sort(), [...boards.keys()].map((name) => `${name}.svg`).sort())
  const page = readFileSync(join(ROOT, 'docs', 'monitoring.md'), 'utf8')
  for (const [name, { title, panels }] of boards) {
    const picture = readFileSync(join(PICTURES, `${name}.svg`), 'utf8')
    const frames = picture.match(/<g data-panel="[^"]*"><title>[^<]*<\/title>/g) ?? []
    deepStrictEqual(frames, panels.map(frameOf), `${title} was drawn with other panels`)
    strictEqual(picture.includes('no data'), false, `${title} has a panel without data`)
    ok(picture.length < SIZE_MAX, `${title} is drawn in ${picture.length} characters`)
    ok(page.includes(`](dashboards/${name}.svg)`), `docs/monitoring.md shows no picture of ${title}`)
  }
})

test('a picture shows what was answered, in its unit', () => {
  const board = readDashboards().get('job-processing')!
  const panel = (title: string) => board.panels.find((each) => each.title === title && each.type !== 'row')!
  const range = { start: 0, end: 60, step: 30 }
  const one = (metric: Record<string, string>, values: (readonly [number, string])[], legend = '{{stage}}'): PanelData => ({
    range,
    answers: [{ refId: 'A', legend, series: [{ metric, values }] }]
  })
  const data = new Map([
    [
      panel('Longest queue').id,
      one({}, [
        [0, '3'],
        [30, 'NaN'],
        [60, '170']
      ])
    ],
    [
      panel('Mean processing time').id,
      one({ stage: 'stt <1>' }, [
        [0, '0.5'],
        [60, '2.25']
      ])
    ],
    [panel('Busy workers').id, one({ stage: 'tts' }, [[0, 'NaN']])]
  ])
  const picture = drawDashboard(board, data)
  const shown = (title: string): string => picture.split('\n').find((line) => line.includes(frameOf(panel(title))))!
  const f = (title: string, ...parts: RegExp[]): void => {
    for (const part of parts) ok(part.test(shown(title)), `${title}: ${shown(title)}`)
  }
  f('Longest queue', />170</, /fill="#d9730d"/)
  f('Mean processing time', />stt &lt;1&gt; {2}2\.25 s</, />seconds</, /<path d="M\d+ \d+l/)
  f('Busy workers', />no data</)
  strictEqual(picture.match(/no data/g)!.length, board.panels.filter(({ type }) => type !== 'row').length - 2)
})
