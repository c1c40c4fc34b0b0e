import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

interface Ends {
  after(done: () => unknown): void
}

/** What somebody was told: of a page the summary, of a message its title, of a mail its subject. */
export interface Told {
  readonly by: 'pagerduty' | 'slack' | 'mail'
  readonly text: string
  readonly resolved: boolean
  /** What stands below it. */
  readonly body: string
  /** Where it leads to. */
  readonly links: readonly string[]
  /** Of a mail, the address that it was sent to. */
  readonly to?: string
}

/** Those whom alerts reach, in strict: what their protocol does not allow is refused, and stands in `violations`. */
export interface AlertDoubles {
  readonly told: Told[]
  readonly violations: string[]
  /** PagerDuty's Events API v2, and an incoming webhook of Slack. */
  readonly pagerDutyUrl: string
  readonly slackUrl: string
  /** host:port of SMTP. */
  readonly smtp: string
}

export const ROUTING_KEY = '0123456789abcdef0123456789abcdef'
export const SLACK_PATH = '/services/T0/B0/secret'
export const MAIL_USER = { username: 'alerts@example.com', password: 'pass word' }
const TITLE_MAX = 1024

/** Listens on loopback until the test ends. */
export async function startAlertDoubles(t: Ends): Promise<AlertDoubles> {
  const told: Told[] = []
  const violations: string[] = []
  const http = createServer(async (request, response) => {
    const take = { '/v2/enqueue': takePage, [SLACK_PATH]: takeMessage }[request.url ?? '']
    const wrong = take === undefined ? `nobody is at ${request.url}` : take(await jsonOf(request), told)
    if (wrong !== null) violations.push(wrong)
    const accepted = take === takePage ? 202 : 200
    response.writeHead(wrong === null ? accepted : 400).end(wrong ?? 'ok')
  })
  const mail = createTcpServer((socket) => void takeMails(socket, told, violations).catch(() => socket.destroy()))
  for (const server of [http, mail]) {
    await once(server.listen(0, '127.0.0.1'), 'listening')
    t.after(() => server.close())
  }
  t.after(() => http.closeAllConnections())
  const at = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const smtp = `127.0.0.1:${(mail.address() as AddressInfo).port}`
  return { told, violations, pagerDutyUrl: `${at}/v2/enqueue`, slackUrl: `${at}${SLACK_PATH}`, smtp }
}

// biome-ignore lint/suspicious/noExplicitAny: what came, to be looked into
async function jsonOf(request: IncomingMessage): Promise<any> {
  let body = ''
  for await (const chunk of request) body += chunk
  return JSON.parse(body)
}

// https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
// biome-ignore lint/suspicious/noExplicitAny: what came, to be looked into
function takePage({ routing_key, event_action, dedup_key, payload, links = [] }: any, told: Told[]): string | null {
  if (routing_key !== ROUTING_KEY) return 'PagerDuty: unknown routing key'
  if (!['trigger', 'resolve'].includes(event_action)) return `PagerDuty: action ${event_action}`
  if (typeof dedup_key !== 'string' || dedup_key === '' || dedup_key.length > 255) return 'PagerDuty: no key to join a resolve with'
  if (event_action === 'trigger') {
    if (typeof payload?.summary !== 'string' || payload.summary === '' || payload.summary.length > 1024) return 'PagerDuty: no summary'
    if (typeof payload.source !== 'string' || payload.source === '') return 'PagerDuty: no source'
    if (!['critical', 'error', 'warning', 'info'].includes(payload.severity)) return `PagerDuty: severity ${payload.severity}`
  }
  if (!links.every((link: { href?: string }) => URL.canParse(link.href ?? ''))) return 'PagerDuty: a link that leads nowhere'
  const body = Object.values(payload?.custom_details ?? {}).join('\n')
  const hrefs = links.map(({ href }: { href: string }) => href)
  told.push({ by: 'pagerduty', text: payload?.summary ?? '', resolved: event_action === 'resolve', body, links: hrefs })
  return null
}

// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
// biome-ignore lint/suspicious/noExplicitAny: what came, to be looked into
function takeMessage({ text, attachments }: any, told: Told[]): string | null {
  const first = attachments?.[0]
  if (typeof text !== 'string' && typeof first?.title !== 'string') return 'Slack: no_text'
  if (first !== undefined && typeof first.fallback !== 'string') return 'Slack: an attachment without fallback'
  const said = `${text ?? ''} ${first?.title ?? ''} ${first?.text ?? ''} ${first?.fallback ?? ''}`
  if (/<[!@#]/.test(said)) return 'Slack: somebody is called by it'
  if ((first?.title ?? '').length > TITLE_MAX) return 'Slack: the title is too long'
  const actions: { type: string; text: string; url: string }[] = first?.actions ?? []
  if (!actions.every((each) => each.type === 'button' && each.text !== '' && URL.canParse(each.url)))
    return 'Slack: a button without a link'
  const links = [first?.title_link, ...actions.map(({ url }) => url)].filter((link) => link !== undefined && link !== '')
  told.push({ by: 'slack', text: first?.title ?? text, resolved: first?.color === 'good', body: first?.text ?? '', links })
  return null
}

// RFC 5321 and 4954, as far as a client needs them that does not encrypt, which it may on loopback.
async function takeMails(socket: Socket, told: Told[], violations: string[]): Promise<void> {
  const say = (line: string): void => void socket.write(`${line}\r\n`)
  const mail: { isKnown: boolean; from: string | null; to: string[]; data: string[] | null } = {
    ...{ isKnown: false, from: null, to: [], data: null }
  }
  const wrong = (what: string, answer: string): void => {
    violations.push(`SMTP: ${what}`)
    say(answer)
  }
  say('220 double ESMTP')
  for await (const line of createInterface({ input: socket })) {
    if (mail.data !== null) {
      if (line !== '.') {
        mail.data.push(line.replace(/^\.\./, '.'))
        continue
      }
      const problem = takeMail(mail.data, mail.to, told)
      Object.assign(mail, { from: null, to: [], data: null })
      if (problem === null) say('250 taken')
      else wrong(problem, '554 no')
    } else if (/^EHLO \S/i.test(line)) socket.write('250-double\r\n250-AUTH PLAIN\r\n250 8BITMIME\r\n')
    else if (/^AUTH PLAIN \S/i.test(line)) {
      const given = Buffer.from(line.split(' ')[2], 'base64').toString().split('\0').slice(1)
      mail.isKnown = given[0] === MAIL_USER.username && given[1] === MAIL_USER.password
      if (mail.isKnown) say('235 known')
      else wrong('an unknown user', '535 unknown')
    } else if (/^MAIL FROM:<\S+>/i.test(line) && mail.isKnown) {
      mail.from = line
      say('250 go on')
    } else if (/^RCPT TO:<\S+>/i.test(line) && mail.from !== null) {
      mail.to.push(/<(\S+)>/.exec(line)?.[1] ?? '')
      say('250 go on')
    } else if (/^DATA$/i.test(line) && mail.to.length > 0) {
      mail.data = []
      say('354 until a dot')
    } else if (/^QUIT$/i.test(line)) {
      say('221 bye')
      socket.end()
    } else wrong(line, '503 not now')
  }
}

function takeMail(data: readonly string[], to: readonly string[], told: Told[]): string | null {
  const end = data.indexOf('')
  const header = (name: string): string | undefined =>
    data
      .slice(0, end)
      .find((line) => line.toLowerCase().startsWith(`${name}:`))
      ?.slice(name.length + 1)
      .trim()
  const [subject, from] = [header('subject'), header('from')]
  if (end === -1 || subject === undefined || from === undefined || header('to') === undefined)
    return 'a mail without subject, sender or receiver'
  if (header('date') === undefined || header('message-id') === undefined) return 'a mail without date or id'
  const body = unquoted(data.slice(end + 1))
  const links = body.match(/https?:\/\/\S+/g) ?? []
  for (const each of to) told.push({ by: 'mail', text: subject, resolved: subject.startsWith('[ended]'), body, links, to: each })
  return null
}

/** The text of parts that are quoted-printable (RFC 2045, 6.7). */
function unquoted(lines: readonly string[]): string {
  const text = lines.join('\n').replace(/=\n/g, '')
  const bytes = text.replace(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString()
}
