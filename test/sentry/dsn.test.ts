import { deepStrictEqual, strictEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { envelopeUrl, otlpUrl, parseDsn } from '../../src/sentry/dsn.ts'

test('a DSN tells where envelopes and OTLP go', () => {
  const f = (text: string, envelopes: string, traces: string): void => {
    const dsn = parseDsn(text)
    deepStrictEqual([`${envelopeUrl(dsn)}`, `${otlpUrl(dsn, 'traces')}`, dsn.publicKey], [envelopes, traces, 'key'])
  }
  f('https://key@sentry.io/42', 'https://sentry.io/api/42/envelope/', 'https://sentry.io/api/42/integration/otlp/v1/traces')
  f('http://key@127.0.0.1:9/42', 'http://127.0.0.1:9/api/42/envelope/', 'http://127.0.0.1:9/api/42/integration/otlp/v1/traces')
  f('https://key:secret@h/a/b/7', 'https://h/a/b/api/7/envelope/', 'https://h/a/b/api/7/integration/otlp/v1/traces')
  strictEqual(parseDsn('https://key@o123.ingest.us.sentry.io/1').organisation, '123')
  strictEqual(parseDsn('https://key@sentry.io/1').organisation, undefined)
})

test('what is no DSN is refused without being shown', () => {
  const f = (text: string, message: RegExp): void =>
    throws(
      () => parseDsn(text),
      (error: Error) => message.test(error.message) && !error.message.includes('hunter2')
    )
  f('hunter2', /not an http or https URL/)
  f('ftp://hunter2@h/1', /not an http or https URL/)
  f('https://h/1', /has no key/)
  f('https://hunter2@h/', /number of a project/)
  f('https://hunter2@h/name', /number of a project/)
})
