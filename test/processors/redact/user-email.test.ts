import { deepStrictEqual, notStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch, type Signal } from '../../../src/batch.ts'
import type { Redactor } from '../../../src/component.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { redactorOf } from '../../support/redactor.ts'
import { Secrets } from '../../support/secrets.ts'

const EMAIL = `ana.maria+dub@${'viewers'}.example`
const MASKED = '[redacted:email]'
const TOKEN = new Secrets(43).tokens()['github-token']

type Options = Parameters<typeof redactorOf>[0]
type Record = { readonly body?: string; readonly attributes?: readonly (readonly [key: string, value: unknown])[] }

function keeping(options: Options = {}, ...signals: readonly Signal[]): Redactor {
  const redactor = redactorOf(options)
  redactor.keepEmail!(new Set(signals))
  return redactor
}

const anyValue = (value: unknown): object =>
  typeof value === 'string'
    ? { stringValue: value }
    : { kvlistValue: { values: Object.entries(value as object).map(([key, each]) => ({ key, value: anyValue(each) })) } }

const requestOf = (records: readonly Record[]): Uint8Array =>
  encode('ExportLogsServiceRequest', {
    resourceLogs: [
      {
        resource: { attributes: [{ key: 'user.email', value: { stringValue: EMAIL } }] },
        scopeLogs: [
          {
            logRecords: records.map(({ body, attributes = [] }) => ({
              ...(body !== undefined && { body: { stringValue: body } }),
              attributes: attributes.map(([key, value]) => ({ key, value: anyValue(value) }))
            }))
          }
        ]
      }
    ]
  } as never)

/** What the redactor leaves of these records, and of the resource around them. */
function after(redactor: Redactor, signal: Signal, ...records: readonly Record[]) {
  const batch = redactor.process(parseBatch(signal, requestOf(records)))!
  strictEqual(redactor.process(batch)?.bytes, batch.bytes, 'the second time nothing changes')
  const [{ resource, scopeLogs }] = decode('ExportLogsServiceRequest', batch.bytes).resourceLogs!
  notStrictEqual(resource?.attributes?.[0]?.value?.stringValue, EMAIL, 'the resource is nobody’s')
  return scopeLogs![0].logRecords!
}

test('user.email of an error passes as it is, all other addresses do not', () => {
  const f = (redactor: Redactor, signal: Signal, attributes: NonNullable<Record['attributes']>, expected: readonly string[]): void =>
    deepStrictEqual(
      after(redactor, signal, { attributes })[0].attributes?.map(({ value }) => value?.stringValue),
      expected
    )
  const own = ['user.email', EMAIL] as const
  f(keeping({}, 'errors'), 'errors', [own, ['note', EMAIL], ['enduser.email', EMAIL]], [EMAIL, MASKED, MASKED])
  f(keeping({}, 'errors'), 'logs', [own], [MASKED])
  f(keeping({}, 'errors'), 'envelopes', [own], [MASKED])
  f(keeping({}), 'errors', [own], [MASKED])
  // Whatever the mode is.
  f(keeping({ mode: 'remove' }, 'errors'), 'errors', [own], [EMAIL])
  // Twice, inside of something, or with something beside it.
  f(keeping({}, 'errors'), 'errors', [own, own], [MASKED, MASKED])
  f(keeping({}, 'errors'), 'errors', [['user.email', `Ana <${EMAIL}>`]], [`Ana <${MASKED}>`])
  f(keeping({}, 'errors'), 'errors', [['user.email', `${TOKEN}@viewers.example`]], ['[redacted:github-token]@viewers.example'])
  // The configuration has the last word.
  f(keeping({ keys: ['user.email'] }, 'errors'), 'errors', [own], ['[redacted:custom-key]'])
  f(keeping({ policies: [{ attributes: ['user.*'], mode: 'remove' }] } as Options, 'errors'), 'errors', [own, ['a', 'b']], ['b'])
  f(keeping({ patterns: [{ name: 'viewer', pattern: 'viewers\\.example' }] }, 'errors'), 'errors', [own], [MASKED])
  deepStrictEqual(
    after(keeping({}, 'errors'), 'errors', {
      attributes: [
        ['error.breadcrumbs', { data: { 'user.email': EMAIL } }],
        ['user', { email: EMAIL }]
      ]
    })[0],
    after(keeping({}), 'errors', {
      attributes: [
        ['error.breadcrumbs', { data: { 'user.email': EMAIL } }],
        ['user', { email: EMAIL }]
      ]
    })[0]
  )
})

test('the user of an event of an SDK keeps the address, all other places do not', () => {
  const f = (body: string, expected: string, type = 'event', redactor = keeping({}, 'envelopes')): void =>
    strictEqual(after(redactor, 'envelopes', { body, attributes: [['sentry.item.type', type]] })[0].body?.stringValue, expected)
  const event = `{"message":"of ${EMAIL}", "user" : {"id":"1","email": "${EMAIL}"},"extra":{"user":{"email":"${EMAIL}"},"n":1.0}}`
  const masked = event.replaceAll(EMAIL, MASKED)
  f(event, masked.replace(`"email": "${MASKED}"`, `"email": "${EMAIL}"`))
  for (const type of ['transaction', 'log', 'feedback']) f(event, masked, type)
  f(event, masked, 'event', keeping({}, 'errors'))
  f(
    event,
    masked.replaceAll(MASKED, '[redacted:custom-key]').replace('of [redacted:custom-key]', `of ${MASKED}`),
    'event',
    keeping({ keys: ['email'] }, 'envelopes')
  )
  // Twice, with escapes, in the wrong place, cut off.
  for (const body of [
    `{"user":{"email":"${EMAIL}"},"user":{"email":"${EMAIL}"}}`,
    `{"user":{"email":"${EMAIL}","email":"${EMAIL}"}}`,
    `[{"user":{"email":"${EMAIL}"}}]`,
    `{"user":[{"email":"${EMAIL}"}]}`,
    `{"user":{"email":["${EMAIL}"]}}`,
    `{"a":{"user":{"email":"${EMAIL}"}}}`,
    `{"user":{"email":"${EMAIL}"}`
  ])
    f(body, body.replaceAll(EMAIL, MASKED))
})

test('each record gets its own address again', () => {
  const records = Array.from({ length: 50 }, (_, i) => ({
    attributes: [
      ['n', `number${i}@viewers.example`],
      ...(i % 3 === 0 ? [['user.email', `number${i}@viewers.example`] as const] : [])
    ] as const
  }))
  const seen = after(keeping({}, 'errors'), 'errors', ...records).map(({ attributes }) =>
    attributes?.map(({ value }) => value?.stringValue)
  )
  deepStrictEqual(
    seen,
    records.map((_, i) => [MASKED, ...(i % 3 === 0 ? [`number${i}@viewers.example`] : [])])
  )
})
