import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { booksOf } from '../support/books.ts'
import { startGateway, until } from '../support/gateway-process.ts'
import { Secrets } from '../support/secrets.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { pythonPackages } from './python-packages.ts'

const SOURCES = join(import.meta.dirname, 'sentry-python')
const TRACES = 60

const { skip, bin } = pythonPackages('sentry-python', SOURCES, 'the Sentry SDK for Python')

test('the Sentry SDK for Python, told where by SENTRY_DSN alone', { skip, timeout: 120_000 }, async (t) => {
  const backend = await SentryBackend.start(t)
  const gateway = await startGateway(t, {
    env: { SENTRY_DSN: backend.dsn(), POD_NAME: 'tts-0' },
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 30% } }
`
  })
  const secret = new Secrets(11).password()
  const dsn = `http://abcdef0123456789abcdef0123456789@${gateway.http.slice('http://'.length)}/42`
  await promisify(execFile)(join(bin, 'python'), [join(SOURCES, 'client.py')], {
    env: { PATH: process.env.PATH, SENTRY_DSN: dsn, SECRET: secret, TRACES: String(TRACES) }
  })
  const { received, sampledOut } = await until(
    () => booksOf(gateway, 'envelopes'),
    (books) => books.received > TRACES && books.held === 0 && books.delivered + books.sampledOut === books.received
  )
  await gateway.end('SIGTERM')
  ok(received > sampledOut && sampledOut > 20)
  deepStrictEqual(backend.violations, [])
  strictEqual(backend.count('transaction', 'accepted') + backend.count('transaction', 'sample_rate'), TRACES + 1)
  strictEqual(backend.count('monitor', 'accepted'), 2)
  const [{ json: event, envelope }] = backend.items('event').filter(({ json }) => json.exception !== undefined)
  match(envelope.sdk.name, /^sentry\.python/)
  deepStrictEqual(
    event.exception.values.map(({ type, value }: { type: string; value: string }) => [type, value]),
    [
      ['ConnectionError', 'cannot log in with password=[redacted:password]'],
      ['RuntimeError', 'xtts failed']
    ]
  )
  const { vars } = event.exception.values[1].stacktrace.frames.at(-1)
  strictEqual(vars.login, "'user=worker password=[redacted:password]'")
  deepStrictEqual([event.user.id, event.user.email, event.contexts.pod.name], ['user-42', 'someone@example.com', 'tts-0'])
  ok(backend.contents('log').some(({ body }) => /^retrying with token=\[redacted/.test(body)))
  ok(backend.envelopes.every(({ bytes }) => !bytes.includes(secret)))
})
