import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { temporaryDirectory } from '../support/gateway-process.ts'
import { isHere } from './clients.ts'
import { addressOf } from './prometheus.ts'

/** The program, under the name that Debian gives it or its own; null where it is not here. */
export const ALERTMANAGER = ['prometheus-alertmanager', 'alertmanager'].find((name) => isHere(name, '--version')) ?? null

/** Starts a real Alertmanager; host:port. The configuration may be JSON, which is YAML. */
export async function startAlertmanager(t: TestContext, configuration: string): Promise<string> {
  const dir = temporaryDirectory(t)
  const file = join(dir, 'alertmanager.yaml')
  writeFileSync(file, configuration)
  const args = [`--config.file=${file}`, `--storage.path=${dir}`, '--web.listen-address=127.0.0.1:0', '--cluster.listen-address=']
  const child = spawn(ALERTMANAGER ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  return addressOf(child)
}
