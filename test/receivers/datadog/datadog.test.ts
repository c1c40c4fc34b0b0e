import { deepStrictEqual, match, rejects, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import { RefusedError } from '../../../src/errors.ts'
import { writeMsgpack } from '../../support/write-msgpack.ts'
import { HIGH, span, started, v04, v05 } from './agent-support.ts'

const TRACE_ID = `${HIGH}3bb9626321eb5d3b`

test('what is served is told, and nothing else', async (t) => {
  const { url } = await started(t)
  const info = (await (await fetch(`${url}/info`)).json()) as Record<string, unknown>
  deepStrictEqual(info.endpoints, ['/v0.4/traces', '/v0.5/traces'])
  strictEqual(info.client_drop_p0s, false)
})

test('spans are taken in both versions, and tracers are told to keep all', async (t) => {
  const { put, spans, senders, counted } = await started(t)
  for (const [path, body] of [
    ['/v0.4/traces', v04([span()])],
    ['/v0.5/traces', v05([span()])]
  ] as const) {
    const answer = await put(path, body)
    strictEqual(answer.status, 200)
    match(answer.headers.get('content-type') ?? '', /^application\/json/)
    deepStrictEqual(await answer.json(), { rate_by_service: { 'service:,env:': 1 } })
  }
  deepStrictEqual(
    spans.map(({ traceId, name }) => [traceId, name]),
    [
      [TRACE_ID, 'GET /jobs/:id'],
      [TRACE_ID, 'GET /jobs/:id']
    ]
  )
  deepStrictEqual(spans[0], spans[1])
  deepStrictEqual(senders, ['127.0.0.1', '127.0.0.1'])
  deepStrictEqual(counted('sluice_receiver_requests_total', 'transport'), { datadog: 2 })
})

test('a look whether somebody is there is answered', async (t) => {
  const { put, url, spans } = await started(t)
  strictEqual((await put('/v0.4/traces', v04())).status, 200)
  strictEqual((await put('/v0.4/traces', new Uint8Array(0))).status, 200)
  strictEqual((await put('/v0.5/traces', writeMsgpack([[], []]))).status, 200)
  strictEqual((await fetch(`${url}/v0.4/traces`, { method: 'POST', body: Buffer.from([0xc0]) })).status, 200)
  deepStrictEqual(spans, [])
})

test('the rest of an Agent is off, and what is thrown away is counted', async (t) => {
  const { put, url, counted } = await started(t)
  const f = async (method: string, path: string, status: number): Promise<void> =>
    strictEqual((await fetch(url + path, { method, ...(method === 'GET' ? {} : { body: '{}' }) })).status, status, path)
  await f('POST', '/v0.7/config', 404)
  await f('POST', '/telemetry/proxy/api/v2/apmtelemetry', 202)
  await f('POST', '/profiling/v1/input', 404)
  await f('GET', '/v0.3/traces', 404)
  strictEqual((await put('/v0.6/stats', writeMsgpack({ Stats: [] }))).status, 200)
  deepStrictEqual(counted('sluice_datadog_ignored_requests_total', 'kind'), { telemetry: 1, stats: 1 })
})

test('what cannot be read is refused, and why', async (t) => {
  const { put, counted } = await started(t, { requestMax: '4KiB' })
  const f = async (body: Buffer, status: number, why: RegExp, headers = {}, path = '/v0.4/traces'): Promise<void> => {
    const answer = await put(path, body, headers)
    strictEqual(answer.status, status)
    match(await answer.text(), why)
  }
  await f(Buffer.from('nonsense'), 400, /no list of traces of v0\.4/)
  await f(writeMsgpack([[1]]), 400, /no map/)
  await f(v04([span()]), 400, /list of two/, {}, '/v0.5/traces')
  await f(v05([span()]).subarray(0, -3), 400, /cut off|longer/, {}, '/v0.5/traces')
  await f(Buffer.alloc(5000), 413, /4096/)
  await f(gzipSync(Buffer.alloc(500_000)), 413, /4096/, { 'content-encoding': 'gzip' })
  await f(Buffer.from('[]'), 415, /msgpack/, { 'content-type': 'application/json' })
  deepStrictEqual(counted('sluice_receiver_refused_requests_total', 'reason'), { invalid: 4, 'too-large': 2, unsupported: 1 })
})

test('one text that many spans name does not make the request any size', async (t) => {
  const { put } = await started(t, { requestMax: '64KiB' })
  const f = async (fields: (long: string) => Parameters<typeof span>[0], path: '/v0.4/traces' | '/v0.5/traces' = '/v0.5/traces') => {
    const body = v05(Array.from({ length: 400 }, () => span(fields('x'.repeat(20_000)))))
    return (await put(path, body)).status
  }
  strictEqual(await f((resource) => ({ resource })), 413)
  strictEqual(await f((value) => ({ meta: { value } })), 413)
  strictEqual(await f((value) => ({ meta: { events: `[${JSON.stringify(value)}]` } })), 413)
  // Names are cut, as the Agent cuts them.
  strictEqual(await f((service) => ({ service })), 200)
  strictEqual(await f((key) => ({ meta: { [key]: '1' } })), 200)
})

test('who finds no room is told to come back, as the Agent tells it', async (t) => {
  const full = new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 2000 })
  const { put, spans } = await started(t, { push: () => Promise.reject(full) })
  const answer = await put('/v0.4/traces', v04([span()]))
  deepStrictEqual([answer.status, answer.headers.get('retry-after')], [429, '2'])
  deepStrictEqual(spans, [])
})

test('the answer waits until the spans are durable', async (t) => {
  const gate = Promise.withResolvers<void>()
  let isAnswered = false
  const { put } = await started(t, { push: () => gate.promise })
  const answer = put('/v0.4/traces', v04([span()])).then(({ status }) => {
    isAnswered = true
    return status
  })
  await put('/v0.7/config', Buffer.from('{}'))
  strictEqual(isAnswered, false)
  gate.resolve()
  strictEqual(await answer, 200)
})

test('a port that an Agent has is left to it, or is a reason not to start', async (t) => {
  const agent = createServer().listen(0, '127.0.0.1')
  await once(agent, 'listening')
  t.after(() => agent.close())
  const { port } = agent.address() as { port: number }
  const warned: string[] = []
  const silent = (): void => undefined
  const log = { debug: silent, info: silent, error: silent, warn: ({ error }: { error?: string }) => void warned.push(error ?? '') }
  const { addresses } = await started(t, { agent: [`127.0.0.1:${port}`, '127.0.0.1:0'], parts: { log } })
  strictEqual(addresses.length, 1)
  strictEqual(warned.length, 1)
  match(warned[0], /^receivers\.datadog\.agent\[0\]: cannot listen on .* in use by another program$/)
  await rejects(started(t, { agent: `127.0.0.1:${port}`, whenTaken: 'fail' }), /in use by another program/)
})

test('spans without ids are left out, and counted', async (t) => {
  const { put, spans, counted } = await started(t)
  strictEqual((await put('/v0.4/traces', v04([span(), span({ span_id: 0 }), span({ trace_id: null })]))).status, 200)
  strictEqual(spans.length, 1)
  await put('/v0.4/traces', v04([span()]), { 'datadog-client-dropped-p0-spans': '7' })
  deepStrictEqual(counted('sluice_datadog_dropped_spans_total', 'reason'), { 'no-id': 2, tracer: 7 })
})
