import { deepStrictEqual, match, ok, rejects } from 'node:assert/strict'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { createServer as createSecureServer, getCACertificates, setDefaultCACertificates } from 'node:tls'
import { sendMail } from '../../../src/commands/report/deliver.ts'
import { makeCertificates, readPem } from '../../support/certificates.ts'

const MAIL = { from: 'sluice@example.com', to: ['a@example.com', 'b@example.com'], subject: 'Report', text: 'text', html: '<p>text</p>' }

type Answers = (line: string) => string | undefined

/** A mail server that says 250 to all that `answers` leaves to it, and keeps what it was told. */
async function startMail(
  t: TestContext,
  host: string,
  answers: Answers = () => undefined,
  tls?: { cert: Buffer; key: Buffer }
): Promise<{ url: URL; heard: string[] }> {
  const heard: string[] = []
  const talk = async (socket: Socket): Promise<void> => {
    socket.on('error', () => undefined)
    socket.write('220 double ESMTP\r\n')
    let isData = false
    for await (const line of createInterface({ input: socket })) {
      if (isData && line !== '.') continue
      isData = line === 'DATA'
      if (line !== '.') heard.push(line.split(/[: ]/)[0])
      const answer = answers(line) ?? (isData ? '354 go on' : '250 ok')
      if (answer !== '') socket.write(`${answer}\r\n`)
    }
  }
  const server = tls === undefined ? createServer(talk) : createSecureServer(tls, talk)
  await once(server.listen(0, host), 'listening')
  t.after(() => server.close())
  return { url: new URL(`${tls === undefined ? 'smtp' : 'smtps'}://${host}:${(server.address() as AddressInfo).port}`), heard }
}

const send = (url: URL, timeoutMs = 60_000, password?: string): Promise<void> =>
  sendMail({ url, user: password === undefined ? undefined : 'me', password }, MAIL, timeoutMs)

test('a mail goes to all who get it', async (t) => {
  const { url, heard } = await startMail(t, '127.0.0.1')
  await send(url)
  deepStrictEqual(
    heard.filter((verb) => verb !== 'QUIT'),
    ['EHLO', 'MAIL', 'RCPT', 'RCPT', 'DATA']
  )
})

test('to another machine nothing is told in clear: neither a password nor a mail', async (t) => {
  const { url, heard } = await startMail(t, '127.0.0.2', (line) => (line === 'STARTTLS' ? '502 not here' : undefined))
  await rejects(send(url, 60_000, 'hunter2'), { name: 'RefusedError', message: /^127\.0\.0\.2:\d+: the mail was not taken: .*STARTTLS/ })
  ok(!heard.some((verb) => /AUTH|MAIL|RCPT|DATA/.test(verb)), heard.join())
})

test('one who is refused is named', async (t) => {
  const { url } = await startMail(t, '127.0.0.1', (line) => (line.startsWith('RCPT TO:<b@') ? '550 unknown' : undefined))
  await rejects(send(url), { name: 'RefusedError', message: /the mail was not taken: these were refused: b@example\.com$/ })
})

test('a refusal does not repeat the password', async (t) => {
  const { url } = await startMail(t, '127.0.0.1', (line) =>
    line.startsWith('EHLO') ? '250-double\r\n250 AUTH PLAIN' : line.startsWith('AUTH') ? '535 hunter2 is wrong' : undefined
  )
  await rejects(send(url, 60_000, 'hunter2'), (error: Error) => {
    match(error.message, /535 … is wrong/)
    return !error.message.includes('hunter2')
  })
})

test('a server that is silent costs as much time as it may', async (t) => {
  const { url } = await startMail(t, '127.0.0.1', (line) => (line.startsWith('MAIL') ? '' : undefined))
  const startedMs = Date.now()
  await rejects(send(url, 400), { name: 'RefusedError' })
  ok(Date.now() - startedMs < 60_000)
})

test('over TLS the server must be the one that was named', async (t) => {
  const certificates = makeCertificates()
  if (certificates === null) return t.skip('SKIPPED: there is no openssl here')
  const [cert, key, otherCert, otherKey, ca] = readPem(
    ...[certificates.serverCertFile, certificates.serverKeyFile, certificates.otherCertFile, certificates.otherKeyFile, certificates.caFile]
  )
  const { url, heard } = await startMail(t, '127.0.0.1', undefined, { cert, key })
  await rejects(send(url), { name: 'RefusedError', message: /certificate/ })
  const trusted = getCACertificates('default')
  t.after(() => setDefaultCACertificates(trusted))
  setDefaultCACertificates([...trusted, ca.toString()])
  await send(url)
  ok(heard.includes('DATA'))
  const impostor = await startMail(t, '127.0.0.1', undefined, { cert: otherCert, key: otherKey })
  await rejects(send(impostor.url), { name: 'RefusedError', message: /altnames/ })
  deepStrictEqual(impostor.heard, [])
})
