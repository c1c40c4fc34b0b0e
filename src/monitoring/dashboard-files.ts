import { DASHBOARDS } from './dashboards/dashboards.ts'
import { modelOf } from './dashboards/model.ts'

/** The boards as Grafana reads them, by file name. */
export function dashboardFiles(): Map<string, string> {
  return new Map(DASHBOARDS.map((board) => [`${board.file}.json`, `${JSON.stringify(modelOf(board), null, 1)}\n`]))
}
