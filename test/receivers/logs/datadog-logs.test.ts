import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import type { Push } from '../../../src/component.ts'
import { RefusedError } from '../../../src/errors.ts'
import { post } from './posting.ts'
import { type Started, started } from './started.ts'

const open = (t: TestContext, options = {}, push?: Push, parts = {}): Promise<Started> =>
  started(t, { httpAddress: '127.0.0.1:0', ...options }, push, parts)

const PATH = '/api/v2/logs'
const JSON_TYPE = 'application/json'
const KEY = { 'DD-API-KEY': '0123456789abcdef0123456789abcdef' }

const LOG = {
  message: 'cannot speak',
  ddsource: 'nodejs',
  ddtags: 'env:prod,version:1.2.3,team:voice,canary',
  hostname: 'worker-1',
  service: 'tts',
  status: 'error',
  timestamp: 1767323045678,
  'dd.trace_id': '1234567890123456789',
  'dd.span_id': '42',
  userId: 'u1'
}
const EXPECTED = {
  body: 'cannot speak',
  time: '1767323045678000000',
  severity: 17,
  service: 'tts',
  attributes: {
    'datadog.log.source': 'nodejs',
    'deployment.environment.name': 'prod',
    'service.version': '1.2.3',
    team: 'voice',
    canary: true,
    'host.name': 'worker-1',
    'dd.trace_id': '1234567890123456789',
    'dd.span_id': '42',
    'user.id': 'u1'
  },
  scope: 'sluice.logs.datadog'
}

test('a log is taken in whichever way Datadog’s clients send it', async (t) => {
  const receiver = await open(t)
  const f = async (path: string, body: string | Uint8Array, count: number, more = {}): Promise<void> => {
    const answer = await post(receiver, path, JSON_TYPE, body, { ...KEY, ...more })
    deepStrictEqual([answer.status, answer.type, answer.body], [202, JSON_TYPE, '{}'])
    deepStrictEqual(receiver.records.splice(0), new Array(count).fill(EXPECTED))
  }
  const one = JSON.stringify(LOG)
  await f(PATH, `[${one}]`, 1)
  await f(PATH, `[${one},${one}]`, 2)
  await f(PATH, one, 1)
  await f(PATH, '[]', 0)
  await f('/v1/input', `[${one}]`, 1)
  await f('/v1/input/0123456789abcdef0123456789abcdef', `[${one}]`, 1)
  await f(PATH, zlib.gzipSync(`[${one}]`), 1, { 'content-encoding': 'gzip' })
  await f(PATH, zlib.deflateSync(`[${one}]`), 1, { 'content-encoding': 'deflate' })
  await f(PATH, zlib.zstdCompressSync(Buffer.from(`[${one}]`)), 1, { 'content-encoding': 'zstd' })
  const { ddsource, ddtags, hostname, service, ...bare } = LOG
  const query = new URLSearchParams({ ddsource, ddtags, hostname, service, 'dd-api-key': 'x' })
  await f(`${PATH}?${query}`, JSON.stringify([bare]), 1)
})

test('a message that an agent has read is a line of its own', async (t) => {
  const receiver = await open(t)
  const message = JSON.stringify({ level: 'warn', msg: 'inner', trace_id: '0af7651916cd43dd8448eb211c80319c' })
  await post(receiver, PATH, JSON_TYPE, JSON.stringify([{ message, service: 'tts', status: 'info', ddtags: 'env:prod' }]))
  const [{ body, severity, service, traceId, attributes }] = receiver.records
  deepStrictEqual(
    [body, severity, service, traceId, attributes['deployment.environment.name']],
    ['inner', 13, 'tts', '0af7651916cd43dd8448eb211c80319c', 'prod']
  )
})

test('text and texts are messages alone', async (t) => {
  const receiver = await open(t)
  await post(receiver, `${PATH}?service=tts`, 'text/plain', 'one\ntwo\r\n')
  await post(receiver, PATH, JSON_TYPE, '["three"]')
  deepStrictEqual(
    receiver.records.map(({ body, service }) => [body, service]),
    [
      ['one', 'tts'],
      ['two', 'tts'],
      ['three', undefined]
    ]
  )
})

test('tags that disagree with each other and with the log do no harm', async (t) => {
  const receiver = await open(t)
  const f = async (ddtags: unknown, expected: Record<string, unknown>): Promise<void> => {
    await post(receiver, PATH, JSON_TYPE, JSON.stringify([{ message: 'm', ddtags }]))
    deepStrictEqual(receiver.records.pop()?.attributes, expected)
  }
  await f('a:1,a:2,a:2', { a: ['1', '2'] })
  await f(['a:1', 7, 'b'], { a: '1', b: true })
  await f('url:http://x/y:z, spaced : v', { url: 'http://x/y:z', 'spaced ': ' v' })
  await f(',,:x,', {})
  await f(7, {})
  await f(`__proto__:x,${'t:1,'.repeat(500)}`, { ['__proto__' as string]: 'x', t: '1' })
})

test('errors are worded as Datadog words them', async (t) => {
  const receiver = await open(t, { httpRequestMax: '20MiB' })
  const f = async (body: string | Uint8Array, status: number, more = {}): Promise<void> => {
    const answer = await post(receiver, PATH, JSON_TYPE, body, more)
    strictEqual(answer.status, status)
    const { errors } = JSON.parse(answer.body)
    deepStrictEqual([errors.length, errors[0].status, typeof errors[0].detail], [1, String(status), 'string'])
  }
  await f('not json', 400)
  await f('[7]', 400)
  await f(JSON.stringify(new Array(1001).fill({ message: 'm' })), 413)
  await f(JSON.stringify([{ message: 'm'.repeat(5 * 1024 * 1024) }]), 413)
  await f(zlib.gzipSync(Buffer.alloc(100_000_000)), 413, { 'content-encoding': 'gzip' })
  await f('x', 415, { 'content-encoding': 'compress' })
  strictEqual(receiver.records.length, 0)
})

test('one bad log does not spoil the others', async (t) => {
  const receiver = await open(t)
  const body = `[{"message":"a"}, 7, {"message":"b"}, {"x": nope}, {"deep":${'['.repeat(500)}${']'.repeat(500)}}]`
  strictEqual((await post(receiver, PATH, JSON_TYPE, body)).status, 202)
  deepStrictEqual(
    receiver.records.slice(0, 4).map((record) => record.body),
    ['a', '7', 'b', '{"x": nope}']
  )
  strictEqual(receiver.records.length, 5)
})

test('a log of a megabyte is cut', async (t) => {
  const receiver = await open(t)
  strictEqual((await post(receiver, PATH, JSON_TYPE, JSON.stringify([{ ...LOG, message: 'm'.repeat(1_100_000) }]))).status, 202)
  const [{ body, service, attributes }] = receiver.records
  deepStrictEqual([String(body).length, service, attributes['log.truncated']], [256 * 1024, 'tts', true])
})

test('a sender that is to come back is told so, and the key is told to nobody', async (t) => {
  const said: string[] = []
  const say = (fields: object, message: string): number => said.push(JSON.stringify(fields) + message)
  const log = { debug: say, info: say, warn: say, error: say }
  let error: Error = new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 3000 })
  const receiver = await open(t, {}, () => Promise.reject(error), { log })
  const send = () => post(receiver, `/v1/input/${KEY['DD-API-KEY']}?dd-api-key=${KEY['DD-API-KEY']}`, JSON_TYPE, '[{"message":"m"}]', KEY)
  const answer = await send()
  deepStrictEqual([answer.status, answer.retryAfter], [503, '3'])
  error = new TypeError('a fault')
  strictEqual((await send()).status, 500)
  ok(said.length > 0)
  ok(![...said, answer.body].some((text) => text.includes(KEY['DD-API-KEY'])))
})
