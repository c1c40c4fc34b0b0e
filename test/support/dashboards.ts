import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const DASHBOARDS_DIR = join(import.meta.dirname, '..', '..', 'helm', 'files', 'dashboards')

export interface Target {
  readonly refId: string
  readonly expr: string
  readonly legendFormat: string
  readonly instant: boolean
  readonly exemplar: boolean
  readonly datasource: { readonly type: string; readonly uid: string }
}

export interface GridPos {
  readonly x: number
  readonly y: number
  readonly w: number
  readonly h: number
}

/** What our boards use of Grafana's model. */
export interface PanelModel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: GridPos
  readonly datasource?: { readonly type: string; readonly uid: string }
  readonly targets?: readonly Target[]
  readonly options?: object
  readonly fieldConfig?: {
    readonly defaults: {
      readonly unit?: string
      readonly min?: number
      readonly max?: number
      readonly decimals?: number
      readonly thresholds: { readonly steps: readonly { readonly color: string; readonly value: number | null }[] }
      readonly mappings?: readonly { readonly options: Readonly<Record<string, { readonly text: string; readonly color: string }>> }[]
      readonly links?: readonly { readonly title: string; readonly url: string }[]
      readonly custom?: { readonly stacking?: { readonly mode: string } }
    }
  }
  readonly transformations?: readonly {
    readonly id: string
    readonly options: { readonly renameByName?: Readonly<Record<string, string>> }
  }[]
}

export interface VariableModel {
  readonly name: string
  readonly type: string
  readonly allValue?: string
  readonly definition?: string
  readonly current: { readonly value?: string | readonly string[] }
  readonly datasource?: { readonly uid: string }
}

export interface DashboardModel {
  readonly id: number | null
  readonly uid: string
  readonly title: string
  readonly description: string
  readonly tags: readonly string[]
  readonly schemaVersion: number
  readonly editable: boolean
  readonly panels: readonly PanelModel[]
  readonly templating: { readonly list: readonly VariableModel[] }
  readonly annotations: { readonly list: readonly { readonly expr?: string; readonly datasource: { readonly uid: string } }[] }
}

/** The boards as they are delivered, by file name without ending. */
export function readDashboards(): Map<string, DashboardModel> {
  const files = readdirSync(DASHBOARDS_DIR).filter((name) => name.endsWith('.json'))
  return new Map(files.map((name) => [name.slice(0, -'.json'.length), JSON.parse(readFileSync(join(DASHBOARDS_DIR, name), 'utf8'))]))
}

/** A query with all variables filled in, as Grafana does when a reader has chosen nothing. */
export function filled(text: string, { templating }: DashboardModel, given: Readonly<Record<string, string>>): string {
  const values: Record<string, string> = { ...given }
  for (const { name, allValue, current } of templating.list) values[name] = allValue ?? String(current.value ?? '')
  return text.replace(/\$\{?(\w+)\}?/g, (whole, name: string) => values[name] ?? whole)
}

/** The labels that a legend names. */
export const labelsOf = (legend: string): string[] => Array.from(legend.matchAll(/\{\{\s*(\w+)\s*\}\}/g), ([, label]) => label)
