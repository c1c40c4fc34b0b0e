import { deepStrictEqual, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import type { Push } from '../../../src/component.ts'
import { RefusedError } from '../../../src/errors.ts'
import { post } from './posting.ts'
import { type Started, started } from './started.ts'

const AT = { httpAddress: '127.0.0.1:0' }
const open = (t: TestContext, options = {}, push?: Push): Promise<Started> => started(t, { ...AT, ...options }, push)

const JSON_TYPE = 'application/json'
const NDJSON = 'application/x-ndjson'
const line = (message: string): string => JSON.stringify({ level: 'warn', message, userId: 'u1' })

test('lines come as NDJSON, as an array, as an object, one after the other, or as text', async (t) => {
  const receiver = await open(t)
  const f = async (type: string | undefined, body: string | Uint8Array, expected: unknown[], more = {}): Promise<void> => {
    const answer = await post(receiver, '/logs', type, body, more)
    deepStrictEqual([answer.status, JSON.parse(answer.body).lines], [200, expected.length])
    deepStrictEqual(
      receiver.records.splice(0).map((record) => record.body),
      expected
    )
  }
  const two = ['a', 'b']
  const ndjson = two.map(line).join('\n')
  await f(NDJSON, `${ndjson}\n`, two)
  await f(NDJSON, ndjson.replace('\n', '\r\n\r\n'), two)
  await f('application/jsonl', `\ufeff${ndjson}`, two)
  await f(JSON_TYPE, ndjson, two)
  await f(JSON_TYPE, two.map(line).join(''), two)
  await f(JSON_TYPE, `[${two.map(line).join(' ,\n ')}]`, two)
  await f(JSON_TYPE, JSON.stringify(JSON.parse(line('a')), null, 2), ['a'])
  await f(JSON_TYPE, '[]', [])
  await f(JSON_TYPE, '', [])
  await f(JSON_TYPE, '["just text", 7]', ['just text', '7'])
  await f('application/json; charset=utf-8', line('}"]\\{['), ['}"]\\{['])
  await f('text/plain', 'one\ntwo {\n', ['one', 'two {'])
  await f('text/plain; charset=utf-8', ndjson, two)
  await f(undefined, `[${two.map(line).join()}]`, two)
  await f('application/x-www-form-urlencoded', ndjson, two)
  await f('text/plain', '[2026-01-01] text that begins as a list does', ['[2026-01-01] text that begins as a list does'])
  await f(NDJSON, zlib.gzipSync(ndjson), two, { 'content-encoding': 'gzip' })
  await f(NDJSON, zlib.zstdCompressSync(Buffer.from(ndjson)), two, { 'content-encoding': 'zstd' })
})

test('a line is understood, and known to come over HTTP', async (t) => {
  const receiver = await open(t)
  await post(
    receiver,
    '/',
    JSON_TYPE,
    '{"level":"error","message":"no","timestamp":"2026-01-02T03:04:05.678Z","correlationId":"c-1","service":"tts"}'
  )
  deepStrictEqual(receiver.records, [
    {
      body: 'no',
      time: '1767323045678000000',
      severity: 17,
      service: 'tts',
      attributes: { 'correlation.id': 'c-1' },
      scope: 'sluice.logs.http'
    }
  ])
  deepStrictEqual(receiver.senders, ['127.0.0.1'])
})

test('a bad line does not spoil the others: it is kept as text, and counted', async (t) => {
  const receiver = await open(t)
  const f = async (type: string, body: string | Uint8Array, expected: string[], malformed: number): Promise<void> => {
    const answer = await post(receiver, '/logs', type, body)
    deepStrictEqual([answer.status, JSON.parse(answer.body).malformed ?? 0], [200, malformed])
    deepStrictEqual(
      receiver.records.splice(0).map((record) => record.body),
      expected
    )
  }
  await f(NDJSON, `${line('a')}\n{"broken": tru\n${line('b')}`, ['a', '{"broken": tru', 'b'], 1)
  await f(NDJSON, `not at all\n${line('b')}`, ['not at all', 'b'], 1)
  await f(JSON_TYPE, `not at all\n${line('b')}\n]\n`, ['not at all', 'b', ']'], 2)
  await f(JSON_TYPE, `[${line('a')}, {"x": nope}, ${line('b')}]`, ['a', '{"x": nope}', 'b'], 1)
  await f(JSON_TYPE, `{"never": "closed\n${line('b')}`, ['{"never": "closed', 'b'], 1)
  await f('text/plain', Buffer.from([0x68, 0xc3, 0x0a, 0xff, 0xfe]), ['h\ufffd', '\ufffd\ufffd'], 0)
  deepStrictEqual(receiver.counted('sluice_log_malformed_total', 'transport'), { http: 6 })
})

test('what is hostile costs no more than it sends', async (t) => {
  const receiver = await open(t, { httpRequestMax: '1MiB', httpInFlightMax: '2MiB' })
  const f = async (body: string | Uint8Array, status: number, type = JSON_TYPE, more = {}): Promise<void> =>
    strictEqual((await post(receiver, '/logs', type, body, more)).status, status)
  await f('['.repeat(500_000), 200)
  await f(`${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`, 200)
  await f('{'.repeat(500_000), 200)
  await f('{\n'.repeat(10_000), 200)
  await f('"'.repeat(500_000), 200)
  await f(`{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"message":"m"}`, 200)
  strictEqual(({} as { polluted?: number }).polluted, undefined)
  // A line each, which would weigh many times more as records.
  await f('1\n'.repeat(400_000), 413, NDJSON)
  await f('x'.repeat(2_000_000), 413)
  await f(zlib.gzipSync(Buffer.alloc(50_000_000)), 413, NDJSON, { 'content-encoding': 'gzip' })
  await f(line('fine'), 200)
  strictEqual(receiver.records.at(-1)?.body, 'fine')
})

test('a line that is too long is cut and marked', async (t) => {
  const receiver = await open(t, { lineMax: '1KiB' })
  await post(receiver, '/logs', 'text/plain', `${'é'.repeat(5000)}\nshort`)
  const [cut, short] = receiver.records
  deepStrictEqual([cut.attributes['log.truncated'], String(cut.body).length, short.body], [true, 1024, 'short'])
  deepStrictEqual(receiver.counted('sluice_log_lines_total', 'outcome'), { accepted: 1, truncated: 1 })
})

test('a media type that is not spoken is refused before the body comes', async (t) => {
  const receiver = await open(t)
  const f = async (type: string): Promise<void> => strictEqual((await post(receiver, '/logs', type, 'x')).status, 415)
  await f('application/x-protobuf')
  await f('image/png')
  await f('multipart/form-data; boundary=x')
  await f('__proto__')
})

test('the pipeline decides the answer', async (t) => {
  const f = async (error: unknown, status: number, retryAfter: string | null, body: string): Promise<void> => {
    const receiver = await open(t, {}, () => Promise.reject(error))
    const answer = await post(receiver, '/logs', NDJSON, line('a'))
    deepStrictEqual([answer.status, answer.retryAfter, answer.body], [status, retryAfter, body])
  }
  await f(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 4000 }), 503, '4', '{"error":"the queue is full"}')
  await f(new RefusedError('busy', 'later'), 429, '1', '{"error":"later"}')
  await f(new TypeError('secret'), 500, null, '{"error":"a fault of the gateway"}')
})

test('the answer waits until all is durable', async (t) => {
  let finish = (): void => undefined
  let began = (): void => undefined
  const inside = new Promise<void>((resolve) => (began = resolve))
  const push = (): Promise<void> => {
    began()
    return new Promise((resolve) => (finish = resolve))
  }
  const receiver = await open(t, {}, push)
  let isAnswered = false
  const answer = post(receiver, '/logs', NDJSON, line('a')).finally(() => (isAnswered = true))
  await inside
  await post(receiver, '/logs', NDJSON, '')
  strictEqual(isAnswered, false)
  finish()
  strictEqual((await answer).status, 200)
})

test('a text in another character set is read in it', async (t) => {
  const receiver = await started(t, { httpAddress: '127.0.0.1:0' })
  const f = async (type: string, body: Buffer, status: number, bodies: string[]): Promise<void> => {
    strictEqual((await post(receiver, '/logs', type, body)).status, status)
    deepStrictEqual(
      receiver.records.splice(0).map((record) => record.body),
      bodies
    )
  }
  await f('text/plain; charset=utf-16le', Buffer.from('voilà\nça', 'utf16le'), 200, ['voilà', 'ça'])
  await f('text/plain;charset="ISO-8859-1"', Buffer.from('voilà', 'latin1'), 200, ['voilà'])
  await f('application/json; charset=latin1', Buffer.from('{"message":"voilà"}', 'latin1'), 200, ['voilà'])
  await f('text/plain; charset=UTF-8', Buffer.from('voilà'), 200, ['voilà'])
  await f('text/plain; charset=klingon', Buffer.from('x'), 415, [])
})
