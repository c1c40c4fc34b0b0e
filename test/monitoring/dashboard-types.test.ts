import { match, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type DashboardModel, readDashboards } from '../support/dashboards.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const MODULES = join(import.meta.dirname, '..', '..', 'node_modules')
const RAW = join(MODULES, '@grafana', 'schema', 'dist', 'types', 'raw')

/** Grafana's packages of types for the kinds of panels, and whether they have fields of their own. */
const KINDS: Readonly<Record<string, readonly [folder: string, hasFields: boolean]>> = {
  timeseries: ['timeseries', true],
  stat: ['stat', false],
  bargauge: ['bargauge', false],
  table: ['table', false],
  'state-timeline': ['statetimeline', true],
  heatmap: ['heatmap', false]
}

// Its enums are told by their values, as JSON has them; and a part is enough, because it fills in the rest.
const LOOSE = `type Loose<T> =
  T extends readonly (infer U)[] ? Loose<U>[]
  : T extends string ? (string extends T ? string : \`\${T}\`)
  : T extends number ? (number extends T ? number : \`\${T}\` extends \`\${infer N extends number}\` ? N : T)
  : T extends object ? { [K in keyof T]: Loose<T[K]> } : T
`

// What Grafana writes too, and its types do not name: they belong to the data source, or are there for the editor.
const UNNAMED = new Set(['definition', 'expr', 'step', 'tagKeys', 'titleFormat', 'textFormat'])

/** What the compiler says of boards as values of Grafana's types; nothing when they fit. */
function judge(boards: Iterable<DashboardModel>): string {
  const lines = [LOOSE, `import type { Dashboard } from '${RAW}/dashboard/x/types.gen.d.ts'`]
  for (const [folder] of Object.values(KINDS))
    lines.push(`import type * as ${folder} from '${RAW}/composable/${folder}/panelcfg/x/types.gen.d.ts'`)
  let checked = 0
  const check = (type: string, value: unknown): void => {
    const json = JSON.stringify(value, (key, each) => (UNNAMED.has(key) ? undefined : each))
    lines.push(`export const value${checked++}: Loose<Partial<${type}>> = ${json}`)
  }
  for (const board of boards) {
    check('Dashboard', board)
    for (const { type, options, fieldConfig } of board.panels) {
      if (type === 'row') continue
      const [folder, hasFields] = KINDS[type]
      check(`${folder}.Options`, options)
      if (hasFields) check(`${folder}.FieldConfig`, fieldConfig!.defaults.custom)
    }
  }
  const file = join(temporaryDirectory(), 'boards.ts')
  writeFileSync(file, lines.join('\n'))
  const flags =
    '--ignoreConfig --noEmit --strict --skipLibCheck --allowImportingTsExtensions --module esnext --moduleResolution bundler --target esnext --types'
  const { stdout, stderr } = spawnSync(join(MODULES, '.bin', 'tsc'), [...flags.split(' '), '', file], { encoding: 'utf8' })
  return `${stdout}${stderr}`.slice(0, 4000)
}

test('every board, and the options of every panel, are of Grafana’s own types', { timeout: 240_000 }, () => {
  strictEqual(judge(readDashboards().values()), '')
})

test('a word that Grafana does not know is seen', { timeout: 240_000 }, () => {
  const board = readDashboards().get('job-processing')!
  const f = (wrong: object, said: RegExp): void => match(judge([{ ...board, ...wrong }]), said)
  f({ refresh: 30 }, /'number' is not assignable/)
  f(
    {
      panels: board.panels.map((panel) => (panel.type === 'stat' ? { ...panel, options: { ...panel.options, graphMode: 'hills' } } : panel))
    },
    /"hills"/
  )
})
