import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { encode } from '../../src/otlp/encode.ts'
import { envelopeOf } from '../receivers/sentry/support.ts'
import { booksOf } from '../support/books.ts'
import { startGateway, until } from '../support/gateway-process.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { SentryBackend } from '../support/sentry-backend.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const EMAIL = `ana@${'viewers'}.example`
const KEY = 'abcdef0123456789abcdef0123456789'
const NOW = BigInt(Date.now()) * 1_000_000n

const attributesOf = (attributes: Record<string, string>): object[] =>
  Object.entries(attributes).map(([key, stringValue]) => ({ key, value: { stringValue } }))

/** An address wherever a request of a worker has room for one. */
const PLANTED = {
  'user.id': 'user-7',
  'user.email': EMAIL,
  'enduser.email': EMAIL,
  note: `for ${EMAIL}`,
  'http.url': `https://h/?to=${EMAIL}`
}

test('an e-mail address reaches the user of an error in Sentry, and nothing else', { timeout: 240_000 }, async (t) => {
  const [open, strict] = [await SentryBackend.start(t), await SentryBackend.start(t)]
  const otlp = await OtlpBackend.start(t)
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: off } }
admin: { listen: 127.0.0.1:0 }
processors: { sample: { traces: 100% }, errors: { wait: 0s } }
queue: { dir: ${temporaryDirectory()} }
exporters:
  otlp: { endpoint: ${otlp.url} }
  sentry: { dsn: "${open.dsn()}", tags: [user.email, enduser.email, note] }
  sentry/strict: { dsn: "${strict.dsn()}", sendEmail: false }
`
  })
  const [traceId, spanId] = [randomBytes(16).toString('hex'), randomBytes(8).toString('hex')]
  const resource = { attributes: attributesOf({ 'service.name': 'worker', 'user.email': EMAIL }) }
  const record = (body: string) => ({
    timeUnixNano: NOW,
    severityNumber: 9,
    traceId,
    spanId,
    body: { stringValue: body },
    attributes: attributesOf(PLANTED)
  })
  const logs = encode('ExportLogsServiceRequest', {
    resourceLogs: [{ resource, scopeLogs: [{ logRecords: [record(`sent to ${EMAIL}`)] }] }]
  } as never)
  const exception = attributesOf({
    'exception.type': 'MailError',
    'exception.message': `no mailbox ${EMAIL}`,
    'exception.stacktrace': `Traceback (most recent call last):\n  File "a.py", line 1, in f\n    mail("${EMAIL}")\nMailError: no mailbox ${EMAIL}`
  })
  const traces = encode('ExportTraceServiceRequest', {
    resourceSpans: [
      {
        resource,
        scopeSpans: [
          {
            spans: [
              {
                ...{ traceId, spanId, name: `mail ${EMAIL}`, kind: 2, startTimeUnixNano: NOW, endTimeUnixNano: NOW },
                attributes: attributesOf(PLANTED),
                events: [{ name: 'exception', timeUnixNano: NOW, attributes: exception }]
              }
            ]
          }
        ]
      }
    ]
  } as never)
  const post = async (path: string, body: Uint8Array, headers: Record<string, string>): Promise<void> =>
    strictEqual((await fetch(gateway.http + path, { method: 'POST', body: Uint8Array.from(body), headers })).status, 200)
  await post('/v1/logs', logs, { 'content-type': 'application/x-protobuf' })
  await post('/v1/traces', traces, { 'content-type': 'application/x-protobuf' })

  // The same of a Sentry SDK.
  const [event_id, timestamp] = [randomBytes(16).toString('hex'), Date.now() / 1000]
  const user = { id: 'user-7', email: EMAIL, username: EMAIL }
  const trace = { trace_id: randomBytes(16).toString('hex'), span_id: randomBytes(8).toString('hex') }
  const common = {
    timestamp,
    user,
    tags: { email: EMAIL },
    extra: { user },
    contexts: { trace, user },
    breadcrumbs: [{ timestamp, message: EMAIL }]
  }
  const attributes = { 'user.email': { value: EMAIL, type: 'string' } }
  const auth = { 'x-sentry-auth': `Sentry sentry_version=7, sentry_key=${KEY}` }
  const envelopes = [
    envelopeOf(
      { event_id },
      [{ type: 'event' }, { ...common, event_id, exception: { values: [{ type: 'MailError', value: `no mailbox ${EMAIL}` }] } }],
      [{ type: 'attachment', filename: 'a.txt' }, `{"user":{"email":"${EMAIL}"}}`]
    ),
    envelopeOf({ event_id: trace.trace_id }, [
      { type: 'transaction' },
      { ...common, event_id: trace.trace_id, type: 'transaction', transaction: 'mail', start_timestamp: timestamp - 1 }
    ]),
    envelopeOf({}, [
      { type: 'log', item_count: 1, content_type: 'application/vnd.sentry.items.log+json' },
      { version: 2, items: [{ timestamp, trace_id: trace.trace_id, level: 'info', body: `to ${EMAIL}`, attributes }] }
    ])
  ]
  for (const envelope of envelopes) await post('/api/42/envelope/', envelope, auth)
  for (const [signal, count] of Object.entries({ errors: 2, envelopes: 8, traces: 2, logs: 2 }))
    await until(
      () => booksOf(gateway, signal),
      ({ delivered, held }) => delivered >= count && held === 0
    )
  const metrics = await (await fetch(`${gateway.admin}/metrics`)).text()
  strictEqual(await gateway.end('SIGTERM'), 0)

  for (const backend of [open, strict]) {
    deepStrictEqual(backend.violations, [])
    const events = backend.items('event').map(({ json }) => json)
    deepStrictEqual(
      events.map((event) => event.user.email),
      backend === open ? [EMAIL, EMAIL] : [undefined, undefined]
    )
    deepStrictEqual(new Set(events.map(({ user: { id } }) => id)), new Set(['user-7']))
    ok(events.some(({ breadcrumbs }) => breadcrumbs.length > 0))
    strictEqual(backend.items('transaction').length + backend.items('log').length + backend.items('span').length, 4)
    for (const event of events) delete event.user.email
    for (const { type, json, payload, envelope } of backend.items())
      ok(!JSON.stringify([envelope, type === 'event' ? json : payload.toString()]).includes(EMAIL), type)
  }
  ok(otlp.records('traces').length > 0 && otlp.records('logs').length > 0)
  ok(!JSON.stringify([otlp.records('traces'), otlp.records('logs')]).includes(EMAIL))
  ok(!metrics.includes(EMAIL) && !JSON.stringify(gateway.log).includes(EMAIL))
})
