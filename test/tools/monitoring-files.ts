import { alertmanagerFile } from '../../src/monitoring/alertmanager.ts'
import { dashboardFiles } from '../../src/monitoring/dashboard-files.ts'
import { datadogFiles } from '../../src/monitoring/datadog/files.ts'
import { retentionFiles } from '../../src/monitoring/retention.ts'
import { ruleFiles } from '../../src/monitoring/rule-files.ts'
import { runbookPages } from './runbook-pages.ts'

/** Everything that is made from src/monitoring/, by its path in the repository. */
export function monitoringFiles(): Map<string, string> {
  const files = new Map<string, string>()
  for (const [name, text] of ruleFiles()) files.set(`helm/files/rules/${name}`, text)
  for (const [name, text] of dashboardFiles()) files.set(`helm/files/dashboards/${name}`, text)
  for (const [name, text] of runbookPages()) files.set(`docs/runbooks/${name}`, text)
  for (const [name, text] of datadogFiles()) files.set(`config/monitoring/datadog/${name}`, text)
  for (const [name, text] of retentionFiles()) files.set(`config/monitoring/retention/${name}`, text)
  files.set('config/monitoring/alertmanager.yaml', alertmanagerFile())
  return files
}
