import { messageOf, RefusedError } from '../../errors.ts'
import { foreignText } from '../../net/foreign-text.ts'
import { HttpClient } from '../../net/http-client.ts'

/** Posts a message to an incoming webhook of Slack, whose URL is a secret. Throws RefusedError with what Slack answers. */
export async function postToSlack(url: URL, message: object, timeoutMs: number): Promise<void> {
  const client = new HttpClient()
  const headers = { 'content-type': 'application/json' }
  const { status, body } = await client
    .request({ method: 'POST', url, headers, body: Buffer.from(JSON.stringify(message)), timeoutMs })
    .finally(() => client.close())
  if (status === 200) return
  const said = foreignText(body.toString(), (text) => text.replaceAll(url.pathname, '…'))
  throw new RefusedError('unavailable', `${url.host}: answered ${status} to the report${said === '' ? '' : `: ${said}`}`)
}

export interface MailServer {
  /** smtp: with STARTTLS, which is asked for unless the server is on this machine; smtps: with TLS from the start. */
  readonly url: URL
  readonly user: string | undefined
  readonly password: string | undefined
}

export interface Mail {
  readonly from: string
  readonly to: readonly string[]
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** Sends a mail to all who get it. Throws RefusedError when one of them was refused. */
export async function sendMail({ url, user, password }: MailServer, mail: Mail, timeoutMs: number): Promise<void> {
  const { createTransport } = await import('nodemailer')
  const secure = url.protocol === 'smtps:'
  const transport = createTransport({
    host: url.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(url.port || (secure ? 465 : 587)),
    secure,
    requireTLS: !secure && !isLocal(url),
    ...(isLocal(url) ? { ignoreTLS: true } : {}),
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    connectionTimeout: timeoutMs,
    greetingTimeout: timeoutMs,
    socketTimeout: timeoutMs,
    // A mail is made of what stands here alone.
    disableFileAccess: true,
    disableUrlAccess: true
  })
  const clock = setTimeout(() => transport.close(), timeoutMs)
  try {
    const { rejected } = await transport.sendMail({ ...mail, to: [...mail.to] })
    if (rejected.length > 0) throw new Error(`these were refused: ${rejected.map(String).join(', ')}`)
  } catch (error) {
    const said = foreignText(messageOf(error), (text) => (password ? text.replaceAll(password, '…') : text))
    throw new RefusedError('unavailable', `${url.host}: the mail was not taken: ${said}`)
  } finally {
    clearTimeout(clock)
    transport.close()
  }
}

export const isLocal = ({ hostname }: URL): boolean => ['127.0.0.1', '[::1]', 'localhost'].includes(hostname)
