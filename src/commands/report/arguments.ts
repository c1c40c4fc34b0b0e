import { readFile } from 'node:fs/promises'
import { type ParseArgsConfig, parseArgs } from 'node:util'
import { parseDuration } from '../../config/units.ts'
import { messageOf, RefusedError } from '../../errors.ts'
import { PERIODS, type Period, type Prices } from '../../monitoring/reports/report.ts'
import { isLocal, type MailServer } from './deliver.ts'
import { FORMATS } from './formats.ts'

export const USAGE = `sluice report --period day|week|month --prometheus URL
    [--until TIME]               a day, a week or 30 days until then, as 2026-11-01T06:00Z, or now; without it the last whole day, week from
                                 Monday on, or month, in UTC
    [--format FORM]              markdown, html, slack or json; markdown otherwise
    [--cluster NAME]             only what was scraped in this cluster, by the label of that name; several are possible
    [--namespace NAME]           only what was scraped in this namespace; several are possible
    [--gpu-price 2.49]           what an hour of a GPU costs
    [--energy-price 0.15]        what a kWh costs
    [--currency USD]             of both
    [--token-file FILE]          a bearer token for Prometheus
    [--ca-file FILE]             PEM file with the authorities that Prometheus’ certificate may be of, in place of the public ones
    [--timeout 2m]               how long all of it may take
    [--slack-webhook-file FILE]  post the report to the incoming webhook of Slack whose URL is in that file
    [--mail-to ADDRESS]          send the report there by mail; several are possible, with
       --mail-from ADDRESS          the sender
       --smtp URL                   the server: smtp://host:587 with STARTTLS, or smtps://host:465
       [--smtp-user NAME]           the user
       [--smtp-password-file FILE]  and the password of it
`

const OPTIONS = {
  period: { type: 'string' },
  prometheus: { type: 'string' },
  until: { type: 'string' },
  format: { type: 'string', default: 'markdown' },
  cluster: { type: 'string', multiple: true },
  namespace: { type: 'string', multiple: true },
  'gpu-price': { type: 'string', default: '2.49' },
  'energy-price': { type: 'string', default: '0.15' },
  currency: { type: 'string', default: 'USD' },
  'token-file': { type: 'string' },
  'ca-file': { type: 'string' },
  timeout: { type: 'string', default: '2m' },
  'slack-webhook-file': { type: 'string' },
  'mail-to': { type: 'string', multiple: true },
  'mail-from': { type: 'string' },
  smtp: { type: 'string' },
  'smtp-user': { type: 'string' },
  'smtp-password-file': { type: 'string' },
  help: { type: 'boolean', short: 'h' }
} as const satisfies ParseArgsConfig['options']

export interface Asked {
  readonly period: Period
  readonly prometheus: URL
  /** When the period ends; null for the last whole one. */
  readonly untilMs: number | null
  readonly format: string
  readonly clusters: readonly string[]
  readonly namespaces: readonly string[]
  readonly prices: Prices
  readonly currency: string
  readonly token: string | null
  readonly ca: Buffer | undefined
  readonly timeoutMs: number
  readonly slack: URL | null
  readonly mail: { readonly server: MailServer; readonly from: string; readonly to: readonly string[] } | null
}

/** What was asked for by the arguments and the files that they name; `help`, or in a text what is wrong with the arguments. Throws RefusedError for a file. */
export async function readArguments(args: readonly string[], nowMs: number): Promise<Asked | 'help' | Misuse> {
  const { values } = parseArgs({ args: [...args], options: OPTIONS })
  if (values.help) return 'help'
  try {
    return await askedOf(values, nowMs)
  } catch (error) {
    if (error instanceof Misuse) return error
    throw error
  }
}

/** What is wrong with an argument. */
export class Misuse extends Error {}

type Values = ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values']

async function askedOf(values: Values, nowMs: number): Promise<Asked> {
  const { period, format, cluster: clusters = [], namespace: namespaces = [], currency } = values
  if (!PERIODS.includes(period as Period)) throw new Misuse(`--period: ${came(period)}, expected ${PERIODS.join(', ')}`)
  if (!Object.hasOwn(FORMATS, format)) throw new Misuse(`--format: ${came(format)}, expected ${Object.keys(FORMATS).join(', ')}`)
  if (clusters.includes('')) throw new Misuse('--cluster: came nothing, expected the name of a cluster')
  for (const name of namespaces)
    if (!/^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/.test(name)) throw new Misuse(`--namespace: ${came(name)}, expected the name of a namespace`)
  if (!/^[\p{L}\p{Sc}]{1,8}$/u.test(currency)) throw new Misuse(`--currency: ${came(currency)}, expected a sign or code, as USD`)
  const prometheus = prometheusOf(values.prometheus)
  const timeoutMs = parseDuration(values.timeout)
  if (timeoutMs instanceof Error || timeoutMs < 1) throw new Misuse(`--timeout: ${came(values.timeout)}, expected a duration, as 2m`)
  const tokenFile = values['token-file']
  if (tokenFile !== undefined && prometheus.protocol !== 'https:' && !isLocal(prometheus))
    throw new Misuse('--prometheus: expected an https URL beside --token-file, since anybody on the way could read the token')
  return {
    period: period as Period,
    prometheus,
    untilMs: values.until === undefined ? null : momentOf(values.until, nowMs),
    format,
    clusters,
    namespaces,
    prices: { gpuHour: priceOf(values['gpu-price'], '--gpu-price'), kwh: priceOf(values['energy-price'], '--energy-price') },
    currency,
    token: tokenFile === undefined ? null : await secretIn(tokenFile, '--token-file'),
    ca: values['ca-file'] === undefined ? undefined : await read(values['ca-file'], '--ca-file'),
    timeoutMs,
    slack: values['slack-webhook-file'] === undefined ? null : await webhookIn(values['slack-webhook-file']),
    mail: await mailOf(values)
  }
}

const came = (given: string | undefined): string => (given === undefined ? 'it is missing' : `came ${JSON.stringify(given.slice(0, 80))}`)

function prometheusOf(text: string | undefined): URL {
  const url = text !== undefined && URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new Misuse('--prometheus: expected the URL of Prometheus, as http://prometheus:9090')
  if (url.username !== '' || url.password !== '') throw new Misuse('--prometheus: expected no user and no password in it: use --token-file')
  url.search = ''
  url.hash = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

// A time without a zone would be that of this machine.
const MOMENT = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/

function momentOf(text: string, nowMs: number): number {
  if (text === 'now') return nowMs
  const ms = MOMENT.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new Misuse(`--until: ${came(text)}, expected now, a date, or a time as 2026-11-01T06:00Z`)
  return ms
}

function priceOf(text: string, option: string): number {
  if (!/^\d{1,9}(\.\d{1,9})?$/.test(text)) throw new Misuse(`${option}: ${came(text)}, expected a number, as 2.49`)
  return Number(text)
}

async function webhookIn(file: string): Promise<URL> {
  const text = await secretIn(file, '--slack-webhook-file')
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !(url.protocol === 'https:' || (url.protocol === 'http:' && isLocal(url))))
    throw new RefusedError('invalid', '--slack-webhook-file: expected an https URL in it')
  return url
}

async function mailOf(values: Values): Promise<Asked['mail']> {
  const to = values['mail-to'] ?? []
  const [from, smtp, user, passwordFile] = [values['mail-from'], values.smtp, values['smtp-user'], values['smtp-password-file']]
  if (to.length === 0) {
    if (from ?? smtp ?? user ?? passwordFile)
      throw new Misuse('--mail-to: it is missing, expected an address beside the other options of mail')
    return null
  }
  for (const address of [...to, from ?? ''])
    if (!/^[^\s@<>,;:"()]+@[^\s@<>,;:"()]+$/.test(address))
      throw new Misuse(
        `${address === from || address === '' ? '--mail-from' : '--mail-to'}: ${came(address || undefined)}, expected an address, as ops@example.com`
      )
  const url = smtp !== undefined && URL.canParse(smtp) ? new URL(smtp) : null
  if (url === null || !/^smtps?:$/.test(url.protocol) || url.hostname === '' || url.username !== '' || url.password !== '')
    throw new Misuse('--smtp: expected smtp://host:587 or smtps://host:465, without a user')
  if ((user === undefined) !== (passwordFile === undefined))
    throw new Misuse('--smtp-user: expected it and --smtp-password-file, or neither')
  const password = passwordFile === undefined ? undefined : await secretIn(passwordFile, '--smtp-password-file')
  return { server: { url, user, password }, from: from!, to }
}

async function secretIn(file: string, option: string): Promise<string> {
  const text = (await read(file, option)).toString().trim()
  if (text === '' || /[\p{C}]/u.test(text)) throw new RefusedError('invalid', `${option}: expected one line in ${file}`)
  return text
}

async function read(file: string, option: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (error) {
    throw new RefusedError('invalid', `${option}: ${messageOf(error)}`)
  }
}
