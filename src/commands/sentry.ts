// The command `sluice sentry`: what a project in Sentry needs beside the telemetry.
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import shipped from '../../config/sentry-alerts.json' with { type: 'json' }
import { messageOf, RefusedError } from '../errors.ts'
import { type AlertRule, type AlertStep, planAlerts } from '../sentry/alert-plan.ts'
import { AlertsApi, type SentryProject } from '../sentry/alerts-api.ts'
import { objectOf } from '../sentry/envelope.ts'

const OK = 0
const MISUSED = 2

const KINDS = ['issueAlerts', 'metricAlerts'] as const
type Rules = Readonly<Record<(typeof KINDS)[number], readonly AlertRule[]>>

const USAGE = `sluice sentry apply --org ORG --project PROJECT
    [--dry-run]          only say what would be created or changed
    [--rules FILE]       a file like config/sentry-alerts.json, which is taken otherwise
    [--url URL]          where Sentry is served, https://sentry.io otherwise
    [--token-file FILE]  the token, SENTRY_AUTH_TOKEN otherwise; scopes project:read, alerts:read, alerts:write
`

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly say: (text: string) => void
}

/** Makes the alert rules of a project be those of a file, and says what changed. Resolves to the exit code. Throws RefusedError with Sentry's answer. */
export async function sentryCommand([verb, ...args]: string[], { env, say }: Surroundings): Promise<number> {
  if (verb !== 'apply') {
    say(USAGE)
    return verb === undefined || verb === 'help' ? OK : MISUSED
  }
  const { values } = parseArgs({
    args,
    options: {
      org: { type: 'string' },
      project: { type: 'string' },
      'dry-run': { type: 'boolean' },
      rules: { type: 'string' },
      url: { type: 'string' },
      'token-file': { type: 'string' }
    }
  })
  const { org = env.SENTRY_ORG, project = env.SENTRY_PROJECT, url = env.SENTRY_URL } = values
  if (!org || !project) {
    say(`--org and --project are missing\n\n${USAGE}`)
    return MISUSED
  }
  const rules = await rulesIn(values.rules)
  const token = values['token-file'] === undefined ? (env.SENTRY_AUTH_TOKEN ?? '') : (await read(values['token-file'])).trim()
  if (token === '') {
    say('there is no token: name its file by --token-file, or set SENTRY_AUTH_TOKEN\n')
    return MISUSED
  }
  const target: SentryProject = { url: urlOf(url || 'https://sentry.io'), organisation: org, project, token }
  for (const kind of KINDS) {
    const api = new AlertsApi(kind, target)
    for (const step of planAlerts(rules[kind], await api.list())) {
      say(inWords(step))
      if (values['dry-run']) continue
      if (step.action === 'create') await api.create(step.rule)
      if (step.action === 'change') await api.change(step.id!, step.rule)
    }
  }
  if (values['dry-run']) say('nothing was changed: this was a dry run\n')
  return OK
}

function inWords({ rule, action, changes }: AlertStep): string {
  const sign = { create: '+ create', change: '~ change', keep: '= keep  ' }[action]
  const lines = changes.map(({ place, from, to }) => `    ${place}: ${JSON.stringify(from) ?? 'nothing'} -> ${JSON.stringify(to)}\n`)
  return `${sign}  ${rule.name}\n${lines.join('')}`
}

async function rulesIn(file: string | undefined): Promise<Rules> {
  const rules: unknown = file === undefined ? shipped : objectOf(await read(file))
  if (rules === null) throw new RefusedError('invalid', `${file}: expected a JSON object with the lists ${KINDS.join(' and ')}`)
  for (const [key, list] of Object.entries(rules as object)) {
    if (!KINDS.includes(key as never))
      throw new RefusedError('invalid', `${file}: ${JSON.stringify(key)} is not known, expected ${KINDS.join(' or ')}`)
    if (!Array.isArray(list) || list.some((rule) => typeof (rule as { name?: unknown } | null)?.name !== 'string'))
      throw new RefusedError('invalid', `${file}: ${key}: expected a list of rules, each with a name`)
  }
  return { issueAlerts: [], metricAlerts: [], ...(rules as Partial<Rules>) }
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw new RefusedError('invalid', `${file}: ${messageOf(error)}`)
  }
}

// The token is not sent where others can read it.
function urlOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  const isLocal = url !== null && ['127.0.0.1', '[::1]', 'localhost'].includes(url.hostname)
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLocal)))
    throw new RefusedError('invalid', '--url: expected an https URL, or http on this machine')
  return url
}
