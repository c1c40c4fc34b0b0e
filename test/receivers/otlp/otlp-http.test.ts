import { deepStrictEqual, match, strictEqual } from 'node:assert/strict'
import { request } from 'node:http'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import type { Push } from '../../../src/component.ts'
import { RefusedError } from '../../../src/errors.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { bytes, empty, logs, type Seen, spans, started } from './support.ts'

interface Answer {
  status: number
  type: string | undefined
  retryAfter: string | undefined
  body: Buffer
}

function post(address: string, path: string, type: string | undefined, body: Uint8Array | string, more = {}): Promise<Answer> {
  const headers = { ...(type === undefined ? {} : { 'content-type': type }), 'content-length': Buffer.byteLength(body), ...more }
  return new Promise((resolve, reject) => {
    const where = address.startsWith('unix:') ? { socketPath: address.slice(5), path } : `http://${address}${path}`
    const asked = request(where as never, { method: 'POST', headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          type: response.headers['content-type'],
          retryAfter: response.headers['retry-after'],
          body: Buffer.concat(chunks)
        })
      )
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

const httpOnly = (t: TestContext, options = {}, push?: Push): Promise<Seen> =>
  started(t, { http: '127.0.0.1:0', grpc: 'off', ...options }, push)

test('each signal is taken at its path, in protobuf and JSON', async (t) => {
  const { http, batches } = await httpOnly(t)
  const f = async (path: string, type: string, body: Uint8Array | string, signal: string, items: number): Promise<void> => {
    const answer = await post(http[0], path, type, body)
    deepStrictEqual(
      [answer.status, answer.type, answer.body.toString()],
      [200, type.startsWith(JSON_TYPE) ? JSON_TYPE : PROTOBUF, type.startsWith(JSON_TYPE) ? '{}' : '']
    )
    const batch = batches.pop()
    deepStrictEqual([batch?.signal, batch?.items, batch?.sender], [signal, items, '127.0.0.1'])
  }
  await f('/v1/traces', PROTOBUF, spans(3), 'traces', 3)
  await f('/v1/logs', PROTOBUF, logs(2), 'logs', 2)
  await f('/v1/metrics', PROTOBUF, bytes.metrics(1), 'metrics', 1)
  await f('/v1development/profiles', PROTOBUF, bytes.profiles(4), 'profiles', 4)
  await f('/v1/traces', 'Application/X-Protobuf; charset=utf-8', spans(1), 'traces', 1)
  await f('/v1/traces', JSON_TYPE, '{"resourceSpans":[{"scopeSpans":[{"spans":[{"name":"a"},{"name":"b"}]}]}]}', 'traces', 2)
  await f('/v1/logs', 'application/json; charset=utf-8', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}', 'logs', 1)
})

test('every coding is taken', async (t) => {
  const { http, batches } = await httpOnly(t)
  const f = async (coding: string, body: Buffer): Promise<void> => {
    const answer = await post(http[0], '/v1/traces', PROTOBUF, body, { 'content-encoding': coding })
    deepStrictEqual([answer.status, batches.pop()?.items], [200, 500])
  }
  await f('gzip', zlib.gzipSync(spans(500)))
  await f('deflate', zlib.deflateSync(spans(500)))
  await f('zstd', zlib.zstdCompressSync(spans(500)))
  await f('identity', Buffer.from(spans(500)))
})

test('an empty request is accepted and goes no further', async (t) => {
  const { http, batches } = await httpOnly(t)
  const f = async (type: string, body: Uint8Array | string): Promise<void> =>
    strictEqual((await post(http[0], '/v1/traces', type, body)).status, 200)
  await f(PROTOBUF, '')
  await f(JSON_TYPE, '{}')
  await f(PROTOBUF, empty())
  await f(JSON_TYPE, '{"resourceSpans":[]}')
  strictEqual(batches.length, 0)
})

test('the answer waits for the push', async (t) => {
  let finish = (): void => undefined
  const { http } = await httpOnly(t, {}, () => new Promise((resolve) => (finish = resolve)))
  let isAnswered = false
  const answer = post(http[0], '/v1/traces', PROTOBUF, spans(1)).finally(() => (isAnswered = true))
  await post(http[0], '/v1/traces', PROTOBUF, '')
  strictEqual(isAnswered, false)
  finish()
  strictEqual((await answer).status, 200)
})

test('a refusal is worded in the encoding of the request', async (t) => {
  const { http, counted } = await httpOnly(t, { requestMax: '10KiB' })
  const f = async (
    type: string | undefined,
    body: Uint8Array | string,
    status: number,
    answered: string,
    message: RegExp,
    more = {}
  ): Promise<void> => {
    const answer = await post(http[0], '/v1/traces', type, body, more)
    deepStrictEqual([answer.status, answer.type, answer.retryAfter], [status, answered, undefined])
    match(answer.body.toString(), message)
  }
  const plain = 'text/plain; charset=utf-8'
  await f(PROTOBUF, spans(1).subarray(0, -1), 400, PROTOBUF, /^\x08\x03\x12.*traces: [\s\S]*google.rpc.BadRequest/)
  await f(JSON_TYPE, '{"resourceSpans":7}', 400, JSON_TYPE, /^{"code":3,"message":"traces: resourceSpans: a number, expected an array/)
  await f(JSON_TYPE, '{"resourceSpans"', 400, JSON_TYPE, /^{"code":3,"message":"traces: /)
  await f(JSON_TYPE, '', 400, JSON_TYPE, /^{"code":3,"message":"traces: /)
  await f(PROTOBUF, spans(2000), 413, PROTOBUF, /^\x08\x08\x12.*larger than 10240 bytes/)
  await f(
    JSON_TYPE,
    `{"x":"${'x'.repeat(11_000)}"}`,
    413,
    JSON_TYPE,
    /^{"code":8,"message":"the body is larger than 10240 bytes","details":\[\]}$/
  )
  await f(PROTOBUF, zlib.gzipSync(Buffer.alloc(1e7)), 413, PROTOBUF, /larger than 10240 bytes/, { 'content-encoding': 'gzip' })
  await f(PROTOBUF, 'x', 415, PROTOBUF, /^\x08\x0c.*this encoding is not spoken here/, { 'content-encoding': 'lz4' })
  await f('text/csv', 'x', 415, plain, /^this content type is not spoken here/)
  await f(undefined, 'x', 415, plain, /^this content type is not spoken here/)
  deepStrictEqual(counted('sluice_receiver_refused_requests_total'), { invalid: 4, 'too-large': 3, unsupported: 3 })
})

test('lists of zeros in JSON may not grow past the limit as protobuf', async (t) => {
  const { http } = await httpOnly(t, { requestMax: '10KiB' })
  const zeros = `{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"histogram":{"dataPoints":[{"explicitBounds":[${'0,'.repeat(4000)}0]}]}}]}]}]}`
  const answer = await post(http[0], '/v1/metrics', JSON_TYPE, zeros)
  deepStrictEqual([answer.status, JSON.parse(answer.body.toString()).message], [413, 'the request is larger than 10240 bytes as protobuf'])
})

test('what the pipeline throws decides the answer', async (t) => {
  const f = async (error: unknown, status: number, retryAfter: string | undefined, message: RegExp): Promise<void> => {
    const { http } = await httpOnly(t, {}, () => Promise.reject(error))
    const answer = await post(http[0], '/v1/traces', JSON_TYPE, '{"resourceSpans":[{"scopeSpans":[{"spans":[{}]}]}]}')
    deepStrictEqual([answer.status, answer.retryAfter], [status, retryAfter])
    match(answer.body.toString(), message)
  }
  await f(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 5000 }), 503, '5', /^{"code":14,.*"retryDelay":"5s"/)
  await f(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 20 }), 503, '1', /"retryDelay":"0.02s"/)
  await f(new RefusedError('unavailable', 'stopping'), 503, '1', /"retryDelay":"1s"/)
  await f(new RefusedError('busy', 'later', { retryAfterMs: 1500 }), 429, '2', /^{"code":8,.*"retryDelay":"1.5s"/)
  await f(new RefusedError('invalid', 'wrong'), 400, undefined, /BadRequest/)
  await f(new TypeError('secret: hunter2'), 500, undefined, /^{"code":13,"message":"a fault of the gateway","details":\[\]}$/)
  await f('not even an error', 500, undefined, /a fault of the gateway/)
})

test('a fault is logged once a minute, without its message', async (t) => {
  const logged: string[] = []
  const log = {
    debug() {},
    info() {},
    warn() {},
    error: (fields: object, message: string) => logged.push(JSON.stringify(fields) + message)
  }
  const push = (): Promise<void> => Promise.reject(new TypeError('secret: hunter2'))
  const { http } = await started(t, { http: '127.0.0.1:0', grpc: 'off' }, push, { log })
  for (let i = 0; i < 5; i++) strictEqual((await post(http[0], '/v1/traces', PROTOBUF, spans(1))).status, 500)
  strictEqual(logged.length, 1)
  match(logged[0], /"receiver":"test","transport":"http","error":"TypeError","place":"at .*a request failed by a fault of the gateway/)
  strictEqual(logged[0].includes('hunter2'), false)
})

test('requests are counted by signal and transport', async (t) => {
  const metrics = new Metrics()
  const { http } = await started(t, { http: '127.0.0.1:0', grpc: 'off' }, undefined, { metrics })
  await post(http[0], '/v1/traces', PROTOBUF, spans(1))
  await post(http[0], '/v1/traces', PROTOBUF, spans(1))
  await post(http[0], '/v1/logs', PROTOBUF, zlib.gzipSync(logs(1)), { 'content-encoding': 'gzip' })
  const shown = metrics
    .families()
    .map(({ name, samples }) => [name, samples.map(({ labels, value }) => [labels.signal, labels.transport, value])])
  deepStrictEqual(shown, [
    [
      'sluice_receiver_bytes_total',
      [
        ['traces', 'http', 2 * spans(1).length],
        ['logs', 'http', logs(1).length]
      ]
    ],
    [
      'sluice_receiver_requests_total',
      [
        ['traces', 'http', 2],
        ['logs', 'http', 1]
      ]
    ]
  ])
})
