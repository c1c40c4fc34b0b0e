import { deepStrictEqual, match, notStrictEqual, ok, strictEqual, throws } from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseBatch } from '../../../src/batch.ts'
import { decode } from '../../../src/otlp/decode.ts'
import { encode } from '../../../src/otlp/encode.ts'
import { redactorOf } from '../../support/redactor.ts'
import { Secrets } from '../../support/secrets.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const S = new Secrets(41)
const KEY = 'k'.repeat(32)
const TOKEN = S.tokens()['github-token']
const CARD = `4111${'1'.repeat(12)}`
const EMAIL = `ana@${'viewers'}.example`

type Options = Parameters<typeof redactorOf>[0]

const textBy = (options: Options, text: string): string => redactorOf(options).text(text)

// Attributes of one log record, and what is left of them.
function attributesBy(options: Options, attributes: readonly object[], signal: 'logs' | 'errors' = 'logs'): unknown {
  const bytes = encode('ExportLogsServiceRequest', { resourceLogs: [{ scopeLogs: [{ logRecords: [{ attributes }] }] }] } as never)
  const redactor = redactorOf(options)
  const batch = redactor.process(parseBatch(signal, bytes))
  strictEqual(batch?.items, 1)
  strictEqual(redactor.process(batch)?.bytes, batch.bytes, 'the second time nothing changes')
  return decode('ExportLogsServiceRequest', batch.bytes).resourceLogs?.[0].scopeLogs?.[0].logRecords?.[0].attributes ?? []
}

const textOf = (key: string, stringValue: string): object => ({ key, value: { stringValue } })

test('mask names the rule and nothing else', () => {
  const f = (text: string, expected: string): void => strictEqual(textBy({ mode: 'mask' }, text), expected)
  f(`sent ${TOKEN}.`, 'sent [redacted:github-token].')
  f(`mail ${EMAIL} and ${CARD}`, 'mail [redacted:email] and [redacted:card]')
})

test('remove leaves nothing in a text, and a marker where the next word would be taken for the value', () => {
  const f = (text: string, expected: string): void => {
    const redacted = textBy({ mode: 'remove' }, text)
    strictEqual(redacted, expected)
    strictEqual(textBy({ mode: 'remove' }, redacted), redacted)
  }
  f(`sent ${TOKEN} there`, 'sent  there')
  f(TOKEN, '')
  f(`{"a":"${EMAIL}","password":"hunter2"}`, '{"a":"","password":""}')
  f('{"password":123456789}', '{"password":""}')
  f('password=hunter2 next', 'password=[redacted:password] next')
  f('password=hunter2', 'password=')
  f('https://u:hunter2@h/x', 'https://u:@h/x')
})

test('remove cuts an attribute whose whole value is a secret, with its key', () => {
  const kept = textOf('kept', 'as it is')
  const f = (attribute: object, ...expected: object[]): void =>
    deepStrictEqual(attributesBy({ mode: 'remove' }, [attribute, kept]), [...expected, kept])
  f(textOf('db.password', 'hunter2'))
  f(textOf('note', TOKEN))
  f({ key: 'card', value: { intValue: BigInt(CARD) } })
  f({ key: 'raw', value: { bytesValue: Buffer.from(TOKEN) } })
  f(textOf('note', `x ${TOKEN}`), textOf('note', 'x '))
  const list = (...values: string[]): object => ({
    key: 'list',
    value: { arrayValue: { values: values.map((stringValue) => ({ stringValue })) } }
  })
  f(list('a', TOKEN, 'b'), list('a', '', 'b'))
})

test('hash gives equal values equal markers: in texts and attributes, escaped or not, in every signal and gateway with the key', () => {
  const options = { mode: 'hash', hashKey: KEY } as const
  const digestIn = (text: unknown): string => /\[redacted:[a-z-]+:hmac:([0-9a-f]{16})\]/.exec(String(text))?.[1] ?? `none in ${text}`
  const value = 'p%4/"w\\é 1'
  const own = digestIn(textBy(options, JSON.stringify({ password: value })))
  const f = (text: string): void => strictEqual(digestIn(textBy(options, text)), own)
  f(`password='${value}'`)
  f(`{"password":${JSON.stringify(value).replaceAll('/', '\\/').replaceAll('é', '\\u00e9')}}`)
  f(`https://u:${encodeURIComponent(value)}@h/`)
  f(JSON.stringify({ inner: JSON.stringify({ password: value }) }))
  for (const signal of ['logs', 'errors'] as const) {
    const [attribute] = attributesBy(options, [textOf('user.password', value)], signal) as [{ value: { stringValue: string } }]
    strictEqual(digestIn(attribute.value.stringValue), own)
  }
  strictEqual(digestIn(redactorOf(options).text(value, 'errors/user.password')), own)
  notStrictEqual(digestIn(textBy({ ...options, hashKey: KEY.toUpperCase() }, `password='${value}'`)), own)
  const same = (one: string, other: string): void => strictEqual(digestIn(textBy(options, one)), digestIn(textBy(options, other)))
  same(`to ${EMAIL}`, `?to=${EMAIL.replace('@', '%40').replace('ana', 'Ana')}&x`)
  same(CARD, CARD.replace(/(\d{4})(?=\d)/g, '$1 '))
  const [number] = attributesBy(options, [{ key: 'n', value: { intValue: BigInt(CARD) } }]) as [{ value: { stringValue: string } }]
  strictEqual(digestIn(number.value.stringValue), digestIn(textBy(options, CARD)))
  same(`Authorization: Bearer ${TOKEN}`, `see ${TOKEN}`)
})

test('last4 keeps the last four characters of 12 or more, if these are letters and digits', () => {
  const f = (text: string, expected: string): void => {
    const redacted = textBy({ mode: 'last4' }, text)
    strictEqual(redacted, expected)
    strictEqual(textBy({ mode: 'last4' }, redacted), redacted)
  }
  f(`card ${CARD}`, 'card [redacted:card:last4:1111]')
  f(`card ${CARD.replace(/(\d{4})(?=\d)/g, '$1-')}`, 'card [redacted:card:last4:1111]')
  f("password='elevenchars'", "password='[redacted:password]'")
  f("password='twelve chars'", "password='[redacted:password:last4:hars]'")
  f("password='long enough, with marks!'", "password='[redacted:password]'")
  f(EMAIL, '[redacted:email:last4:mple]')
})

test('a rule may have a mode of its own, and markers of every mode are left alone under every other', () => {
  const options = { mode: 'mask', modes: { card: 'last4', email: 'hash' }, hashKey: KEY } as const
  const text = textBy(options, `${CARD} ${EMAIL} ${TOKEN}`)
  match(text, /^\[redacted:card:last4:1111\] \[redacted:email:hmac:[0-9a-f]{16}\] \[redacted:github-token\]$/)
  for (const mode of ['mask', 'remove', 'hash', 'last4'] as const) {
    strictEqual(textBy({ mode, hashKey: KEY }, text), text)
    strictEqual(textBy({ mode, hashKey: KEY }, `{"password":"${text.slice(0, 28)}"}`), `{"password":"${text.slice(0, 28)}"}`)
  }
})

test('a marker is no user and no password of its own', () => {
  const f = (text: string, expected: string): void => {
    strictEqual(textBy({}, text), expected)
    strictEqual(textBy({}, expected), expected)
  }
  f(`https://${TOKEN}@h/x`, 'https://[redacted:url-password]@h/x')
  f(`https://x:${TOKEN}@h/x`, 'https://x:[redacted:url-password]@h/x')
  f(`["-u",${CARD}]`, '["-u","[redacted:card]"]')
})

test('a hash of digits alone, which may be those of a card, stays', () => {
  const options = { mode: 'hash', hashKey: KEY } as const
  for (const rule of ['pypi-token', 'card', 'password']) {
    const marker = `[redacted:${rule}:hmac:4515500772900006]`
    for (const text of [marker, `x ${marker} y`, `{"a":"${marker}"}`]) {
      strictEqual(textBy(options, text), text)
      strictEqual(textBy({}, text), text)
    }
  }
  for (const text of ['hmac:4515500772900006]', '[redacted card:hmac:4515500772900006]']) notStrictEqual(textBy({}, text), text)
})

test('hash needs a key, given or in a file, and says so without showing it', () => {
  const file = join(temporaryDirectory(), 'key')
  writeFileSync(file, `${KEY}\n`)
  strictEqual(textBy({ mode: 'hash', hashKeyFile: file }, TOKEN), textBy({ mode: 'hash', hashKey: KEY }, TOKEN))
  const f = (options: Options, message: RegExp): void => {
    throws(
      () => redactorOf(options),
      (error: Error) => {
        match(error.message, message)
        ok(!error.message.includes('short'))
        return true
      }
    )
  }
  f({ mode: 'hash' }, /processors\.redact: the mode hash needs a key, got 0 characters, expected 16 or more/)
  f({ modes: { email: 'hash' }, hashKey: 'short' }, /got 5 characters/)
  f({ policies: [{ mode: 'hash' }] }, /needs a key/)
  f({ mode: 'hash', hashKeyFile: join(file, 'nowhere') }, /hashKeyFile: ENOTDIR/)
  f({ mode: 'hash', hashKey: KEY, hashKeyFile: file }, /both set/)
})
