import { dashboardFiles } from '../../src/monitoring/dashboard-files.ts'
import { ruleFiles } from '../../src/monitoring/rule-files.ts'
import { runbookPages } from './runbook-pages.ts'

/** Everything that is made from src/monitoring/, by its path in the repository. */
export function monitoringFiles(): Map<string, string> {
  const files = new Map<string, string>()
  for (const [name, text] of ruleFiles()) files.set(`helm/files/rules/${name}`, text)
  for (const [name, text] of dashboardFiles()) files.set(`helm/files/dashboards/${name}`, text)
  for (const [name, text] of runbookPages()) files.set(`docs/runbooks/${name}`, text)
  return files
}
