import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'

interface Ends {
  after(done: () => unknown): void
}

/** What somebody was told: of a page the action and the summary, of a message its title, of a mail its subject. */
export interface Told {
  readonly by: 'pagerduty' | 'slack' | 'mail'
  readonly text: string
  readonly resolved: boolean
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

/** Listens on loopback until the test ends. */
export async function startAlertDoubles(t: Ends): Promise<AlertDoubles> {
  const told: Told[] = []
  const violations: string[] = []
  const http = createServer(async (request, response) => {
    const wrong = request.url === '/v2/enqueue' ? takePage(await jsonOf(request), told) : takeMessage(await jsonOf(request), told)
    if (wrong !== null) violations.push(wrong)
    const accepted = request.url === '/v2/enqueue' ? 202 : 200
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
  return { told, violations, pagerDutyUrl: `${at}/v2/enqueue`, slackUrl: `${at}/services/T0/B0/secret`, smtp }
}

// biome-ignore lint/suspicious/noExplicitAny: what came, to be looked into
async function jsonOf(request: IncomingMessage): Promise<any> {
  let body = ''
  for await (const chunk of request) body += chunk
  return JSON.parse(body)
}

// https://developer.pagerduty.com/docs/events-api-v2/trigger-events/
// biome-ignore lint/suspicious/noExplicitAny: what came, to be looked into
function takePage({ routing_key, event_action, dedup_key, payload }: any, told: Told[]): string | null {
  if (routing_key !== ROUTING_KEY) return 'PagerDuty: unknown routing key'
  if (!['trigger', 'resolve'].includes(event_action)) return `PagerDuty: action ${event_action}`
  if (typeof dedup_key !== 'string' || dedup_key === '' || dedup_key.length > 255) return 'PagerDuty: no key to join a resolve with'
  if (event_action === 'trigger') {
    if (typeof payload?.summary !== 'string' || payload.summary === '' || payload.summary.length > 1024) return 'PagerDuty: no summary'
    if (typeof payload.source !== 'string' || payload.source === '') return 'PagerDuty: no source'
    if (!['critical', 'error', 'warning', 'info'].includes(payload.severity)) return `PagerDuty: severity ${payload.severity}`
  }
  told.push({ by: 'pagerduty', text: payload?.summary ?? '', resolved: event_action === 'resolve' })
  return null
}

// https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks
// biome-ignore lint/suspicious/noExplicitAny: what came, to be looked into
function takeMessage({ text, attachments }: any, told: Told[]): string | null {
  const first = attachments?.[0]
  if (typeof text !== 'string' && typeof first?.title !== 'string') return 'Slack: no_text'
  if (first !== undefined && typeof first.fallback !== 'string') return 'Slack: an attachment without fallback'
  told.push({ by: 'slack', text: first?.title ?? text, resolved: first?.color === 'good' })
  return null
}

// RFC 5321, as far as a client needs it that neither signs in nor encrypts.
async function takeMails(socket: Socket, told: Told[], violations: string[]): Promise<void> {
  const say = (line: string): void => void socket.write(`${line}\r\n`)
  const mail: { from: string | null; to: string[]; data: string[] | null } = { from: null, to: [], data: null }
  say('220 double ESMTP')
  for await (const line of createInterface({ input: socket })) {
    if (mail.data !== null) {
      if (line !== '.') {
        mail.data.push(line)
        continue
      }
      const subject = mail.data.find((each) => /^subject:/i.test(each))
      if (subject === undefined || !mail.data.some((each) => /^to:/i.test(each)))
        violations.push('SMTP: a mail without subject or receiver')
      else told.push({ by: 'mail', text: subject.replace(/^subject:\s*/i, ''), resolved: false })
      Object.assign(mail, { from: null, to: [], data: null })
      say('250 taken')
    } else if (/^EHLO \S/i.test(line)) socket.write('250-double\r\n250 8BITMIME\r\n')
    else if (/^HELO \S/i.test(line)) say('250 double')
    else if (/^MAIL FROM:<\S+>/i.test(line)) {
      mail.from = line
      say('250 go on')
    } else if (/^RCPT TO:<\S+>/i.test(line) && mail.from !== null) {
      mail.to.push(line)
      say('250 go on')
    } else if (/^DATA$/i.test(line) && mail.to.length > 0) {
      mail.data = []
      say('354 until a dot')
    } else if (/^QUIT$/i.test(line)) {
      say('221 bye')
      socket.end()
    } else {
      violations.push(`SMTP: ${line}`)
      say('503 not now')
    }
  }
}
