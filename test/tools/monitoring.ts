// Writes what is made from src/monitoring/: rules for the chart, and the block of each runbook.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { monitoringFiles } from './monitoring-files.ts'

const root = new URL('../../', import.meta.url)
for (const [path, text] of monitoringFiles()) {
  const file = new URL(path, root)
  mkdirSync(dirname(file.pathname), { recursive: true })
  writeFileSync(file, text)
}
