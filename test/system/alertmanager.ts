import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { alertmanagerConfig, CHANNELS, SECRET_FILES } from '../../src/monitoring/alertmanager.ts'
import { type AlertDoubles, MAIL_USER, ROUTING_KEY } from '../support/alert-doubles.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'
import { isHere } from './clients.ts'
import { addressOf } from './prometheus.ts'

/** The program, under the name that Debian gives it or its own; null where it is not here. */
export const ALERTMANAGER = ['prometheus-alertmanager', 'alertmanager'].find((name) => isHere(name, '--version')) ?? null

export const TEMPLATES = join(import.meta.dirname, '..', '..', 'config', 'monitoring', 'alertmanager.tmpl')

/** Starts a real Alertmanager; host:port. The configuration may be JSON, which is YAML. */
export async function startAlertmanager(t: TestContext, configuration: string): Promise<string> {
  const dir = temporaryDirectory()
  const file = join(dir, 'alertmanager.yaml')
  writeFileSync(file, configuration)
  const args = [`--config.file=${file}`, `--storage.path=${dir}`, '--web.listen-address=127.0.0.1:0', '--cluster.listen-address=']
  const child = spawn(ALERTMANAGER ?? '', args, { stdio: ['ignore', 'ignore', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  return addressOf(child)
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 }

/** The configuration as it is in the repository, but that it reaches the doubles, and that its times are shorter by `factor`. */
export function configurationFor(doubles: AlertDoubles, factor: number): string {
  const secrets = temporaryDirectory()
  writeFileSync(join(secrets, SECRET_FILES.pagerDuty), `${ROUTING_KEY}\n`)
  writeFileSync(join(secrets, SECRET_FILES.slack), `${doubles.slackUrl}\n`)
  writeFileSync(join(secrets, SECRET_FILES.mail), MAIL_USER.password)
  const configuration = alertmanagerConfig({
    ...{ secrets, templates: TEMPLATES, pagerDutyUrl: doubles.pagerDutyUrl },
    mail: { ...CHANNELS.mail, smarthost: doubles.smtp, username: MAIL_USER.username, isEncrypted: false }
  })
  const times = new Set(['group_wait', 'group_interval', 'repeat_interval'])
  return JSON.stringify(configuration, (key, value) =>
    times.has(key) ? `${Math.round((Number(value.slice(0, -1)) * SECONDS[value.slice(-1)] * 1000) / factor)}ms` : value
  )
}
