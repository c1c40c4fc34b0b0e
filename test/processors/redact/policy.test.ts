import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { parseBatch, type Signal } from '../../../src/batch.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { redactorOf } from '../../support/redactor.ts'
import { Secrets } from '../../support/secrets.ts'

const EMAIL = `ana@${'viewers'}.example`
const TOKEN = new Secrets(43).tokens()['github-token']

type Options = Parameters<typeof redactorOf>[0]

// The texts of all attributes of a log record of `signal`, by their full names.
function after(options: Options, signal: Signal, attributes: object): unknown {
  const bytes = encode('ExportLogsServiceRequest', {
    resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes: listOf(attributes) }] }] }]
  } as never)
  const redactor = redactorOf(options)
  const batch = redactor.process(parseBatch(signal, bytes))
  strictEqual(redactor.process(batch!)?.bytes, batch?.bytes, 'the second time nothing changes')
  const record = decode('ExportLogsServiceRequest', batch!.bytes).resourceLogs?.[0].scopeLogs?.[0].logRecords?.[0]
  return objectOf(record?.attributes ?? [])
}

function listOf(attributes: object): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { kvlistValue: { values: listOf(value) } }
  }))
}

type KeyValue = { readonly key?: string; readonly value?: { stringValue?: string; kvlistValue?: { values?: readonly KeyValue[] } } }

function objectOf(list: readonly KeyValue[]): object {
  return Object.fromEntries(list.map(({ key, value }) => [key, value?.stringValue ?? objectOf(value?.kvlistValue?.values ?? [])]))
}

test('an address may stay in one attribute of one signal, and nowhere else', () => {
  const options = { policies: [{ signals: ['errors'], attributes: ['user.email'], allow: ['email'] }] } as const satisfies Options
  const mine = { 'user.email': EMAIL, note: EMAIL }
  const f = (signal: Signal, expected: object): void => deepStrictEqual(after(options as Options, signal, mine), expected)
  f('errors', { 'user.email': EMAIL, note: '[redacted:email]' })
  f('logs', { 'user.email': '[redacted:email]', note: '[redacted:email]' })
  const by = redactorOf(options as Options)
  strictEqual(by.text(EMAIL, 'errors/user.email'), EMAIL)
  strictEqual(by.text(EMAIL, 'errors/user.name'), '[redacted:email]')
  strictEqual(by.text(EMAIL, 'logs/user.email'), '[redacted:email]')
  strictEqual(by.text(EMAIL), '[redacted:email]')
})

test('what is allowed is the rule, not the text: other secrets of the attribute still go', () => {
  const options: Options = { policies: [{ attributes: ['note'], allow: ['email'] }] }
  deepStrictEqual(after(options, 'logs', { note: `${EMAIL} ${TOKEN}` }), { note: `${EMAIL} [redacted:github-token]` })
  deepStrictEqual(after({ policies: [{ attributes: ['note'], allow: ['*'] }] }, 'logs', { note: TOKEN, other: TOKEN }), {
    note: TOKEN,
    other: '[redacted:github-token]'
  })
})

test('attributes are named with the maps around them, or with a star for the rest, and pass on what holds to all inside', () => {
  const f = (attributes: string[], given: object, expected: object): void =>
    deepStrictEqual(after({ policies: [{ attributes, allow: ['email', 'password'] }] }, 'logs', given), expected)
  const gone = '[redacted:email]'
  f(['user.email'], { user: { email: EMAIL, name: EMAIL } }, { user: { email: EMAIL, name: gone } })
  f(['user'], { user: { email: EMAIL, deep: { er: EMAIL } }, other: EMAIL }, { user: { email: EMAIL, deep: { er: EMAIL } }, other: gone })
  f(['user.*'], { 'user.id': EMAIL, user: { x: EMAIL }, users: EMAIL }, { 'user.id': EMAIL, user: { x: EMAIL }, users: gone })
  f(['a.password'], { 'a.password': 'hunter2', password: 'hunter2' }, { 'a.password': 'hunter2', password: '[redacted:password]' })
})

test('modes hold by signal and attribute, and the last policy that fits counts', () => {
  const options: Options = {
    modes: { email: 'last4' },
    policies: [
      { signals: ['logs'], mode: 'remove' },
      { attributes: ['note'], mode: 'mask' }
    ]
  }
  deepStrictEqual(after(options, 'logs', { note: EMAIL, other: `x ${EMAIL}`, gone: EMAIL }), { note: '[redacted:email]', other: 'x ' })
  deepStrictEqual(after(options, 'errors', { note: EMAIL, other: EMAIL }), {
    note: '[redacted:email]',
    other: '[redacted:email:last4:mple]'
  })
})

test('a text with the name of its attribute is judged by that name too', () => {
  const by = redactorOf()
  strictEqual(by.text('hunter2', 'errors/user.password'), '[redacted:password]')
  strictEqual(by.text('hunter2', 'errors/user.name'), 'hunter2')
  strictEqual(by.text('', 'errors/user.password'), '')
  strictEqual(by.text('true', 'errors/user.password'), 'true')
})
