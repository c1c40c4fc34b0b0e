import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import zlib from 'node:zlib'
import { RefusedError } from '../../../src/errors.ts'
import { INSTANCE, INSTANCE_HEADER } from '../../../src/sentry/loop.ts'
import { request, span } from '../../support/otlp-bytes.ts'
import { EVENT_ID, envelopeOf, KEY, post, started, TRACE_ID } from './support.ts'

const SPAN_ID = '00f067aa0ba902b7'
const TRACE = { trace_id: TRACE_ID, span_id: SPAN_ID }
const EVENT = { event_id: EVENT_ID, timestamp: 1_763_913_600.5, level: 'error', contexts: { trace: TRACE }, message: 'it failed' }
const AUTH = { 'x-sentry-auth': `Sentry sentry_version=7, sentry_client=test/1.0, sentry_key=${KEY}` }
const DSN = `http://${KEY}@127.0.0.1/42`
const envelope = envelopeOf({ event_id: EVENT_ID, sent_at: new Date().toISOString() }, [{ type: 'event' }, EVENT])

test('every way to say the key and the project', async (t) => {
  const { url, records } = await started(t)
  const f = async (path: string, headers: Record<string, string>, header: object, expected: number): Promise<void> => {
    records.length = 0
    const { status, json } = await post(url + path, envelopeOf({ event_id: EVENT_ID, ...header }, [{ type: 'event' }, EVENT]), headers)
    strictEqual(status, expected, `${path} ${JSON.stringify(json)}`)
    strictEqual(records.length, expected === 200 ? 1 : 0)
    if (expected !== 200) return
    deepStrictEqual(json, { id: EVENT_ID })
    const { attributes } = records[0]
    deepStrictEqual([attributes['sentry.project'], attributes['sentry.public_key']], ['42', KEY])
  }
  const other = KEY.replace('a', 'b')
  await f('/api/42/envelope/', AUTH, {}, 200)
  await f('/api/42/envelope', AUTH, {}, 200)
  await f('/api/42/envelope/', { authorization: AUTH['x-sentry-auth'] }, {}, 200)
  await f(`/api/42/envelope/?sentry_version=7&sentry_key=${KEY}&sentry_client=x%2F1`, {}, {}, 200)
  await f('/api/42/envelope/', {}, { dsn: DSN }, 200)
  await f('/sentry-tunnel', {}, { dsn: DSN }, 200)
  await f(`/sentry-tunnel?sentry_key=${KEY}`, AUTH, { dsn: DSN }, 200)
  await f('/api/42/envelope/', {}, {}, 403)
  await f('/api/42/envelope/', { 'x-sentry-auth': 'Sentry sentry_version=7' }, {}, 403)
  await f('/api/42/envelope/', { authorization: 'Bearer abc' }, {}, 403)
  await f('/sentry-tunnel', AUTH, {}, 400)
  await f('/sentry-tunnel', {}, { dsn: 'not a DSN' }, 400)
  await f('/api/42/envelope/', AUTH, { dsn: DSN.replace(KEY, other) }, 400)
  await f(`/api/42/envelope/?sentry_key=${other}`, AUTH, {}, 400)
  await f('/api/43/envelope/', AUTH, { dsn: DSN }, 400)
  await f('/api/abc/envelope/', AUTH, {}, 400)
  await f('/api/42/envelope/?sentry_version=99', { 'x-sentry-auth': `Sentry sentry_version=99, sentry_key=${KEY}` }, {}, 400)
})

test('only keys that are listed are let in, where some are', async (t) => {
  const { url, records } = await started(t, { keys: [KEY] })
  strictEqual((await post(`${url}/api/1/envelope/`, envelope, AUTH)).status, 200)
  const { status, headers } = await post(`${url}/api/1/envelope/?sentry_key=other`, envelope)
  strictEqual(status, 403)
  strictEqual(headers.get('x-sentry-error'), 'the key is not known here')
  strictEqual(records.length, 1)
})

test('what the records of items say', async (t) => {
  const { url, records } = await started(t)
  const sdk = { name: 'sentry.python', version: '2.1.0' }
  const dsc = { trace_id: TRACE_ID, public_key: KEY, sample_rate: '0.5', sample_rand: '0.2', sampled: 'true' }
  const header = { event_id: EVENT_ID, sent_at: '2020-01-01T00:00:00Z', dsn: DSN, sdk, trace: dsc }
  const contexts = { trace: TRACE, otel: { resource: { 'service.name': 'tts' } } }
  const body = envelopeOf(
    header,
    [
      { type: 'event', content_type: 'application/json' },
      { ...EVENT, contexts }
    ],
    [{ type: 'attachment', filename: 'a.log' }, 'line 1\nline 2\n'],
    [{ type: 'something_new' }, 'of any kind'],
    [{ type: 'check_in' }, { check_in_id: EVENT_ID, monitor_slug: 'x', status: 'ok' }]
  )
  deepStrictEqual((await post(`${url}/api/42/envelope/`, body, AUTH)).json, { id: EVENT_ID })
  deepStrictEqual(
    records.map(({ type, severity, traceId, spanId, quantities }) => [type, severity, traceId, spanId, quantities]),
    [
      ['event', 17, TRACE_ID, SPAN_ID, undefined],
      ['attachment', 9, TRACE_ID, undefined, undefined],
      ['something_new', 9, TRACE_ID, undefined, undefined],
      ['check_in', 9, TRACE_ID, undefined, undefined]
    ]
  )
  const [event, attachment] = records
  strictEqual(event.body, JSON.stringify({ ...EVENT, contexts }))
  strictEqual(event.seconds, EVENT.timestamp)
  deepStrictEqual(event.itemHeader, { type: 'event', content_type: 'application/json' })
  deepStrictEqual(event.envelopeHeader, { event_id: EVENT_ID, sdk, trace: dsc })
  ok((event.attributes['sentry.clock_ahead_ms'] as number) < -60_000)
  deepStrictEqual(event.resource, {
    'service.name': 'tts',
    'telemetry.sdk.name': 'sentry.python',
    'telemetry.sdk.version': '2.1.0',
    'telemetry.sdk.language': 'python'
  })
  strictEqual(attachment.body, 'line 1\nline 2\n')
  deepStrictEqual(new Set(records.map(({ id }) => id)), new Set([EVENT_ID]))
})

test('what goes with its trace: transactions with all that came with them, and spans by trace and by failure', async (t) => {
  const { url, records } = await started(t)
  const transaction = (status: string) => ({ type: 'transaction', contexts: { trace: { ...TRACE, status } }, spans: [{}, {}] })
  const f = async (items: Parameters<typeof envelopeOf>[1][], expected: unknown[]): Promise<void> => {
    records.length = 0
    strictEqual((await post(`${url}/api/42/envelope/`, envelopeOf({}, ...items), AUTH)).status, 200)
    deepStrictEqual(
      records.map(({ type, severity, traceId, quantities }) => [type, severity, traceId, quantities]),
      expected
    )
  }
  await f([[{ type: 'transaction' }, transaction('ok')]], [['transaction', 9, TRACE_ID, 'transaction:1;span:3']])
  await f([[{ type: 'transaction' }, transaction('not_found')]], [['transaction', 9, TRACE_ID, 'transaction:1;span:3']])
  await f(
    [
      [{ type: 'profile' }, { transaction: { trace_id: TRACE_ID } }],
      [{ type: 'attachment' }, '12345'],
      [{ type: 'transaction' }, transaction('internal_error')]
    ],
    [
      ['profile', 17, TRACE_ID, 'profile:1'],
      ['attachment', 17, TRACE_ID, 'attachment:5'],
      ['transaction', 17, TRACE_ID, 'transaction:1;span:3']
    ]
  )
  const other = TRACE_ID.replace('4', '5')
  const span = (trace_id: string, status = 'ok') => ({ trace_id, span_id: SPAN_ID, status })
  await f(
    [
      [
        { type: 'span', item_count: 4 },
        { version: 2, items: [span(TRACE_ID), span(TRACE_ID, 'error'), span(other), span(TRACE_ID)] }
      ]
    ],
    [
      ['span', 9, TRACE_ID, 'span:2'],
      ['span', 17, TRACE_ID, 'span:1'],
      ['span', 9, other, 'span:1']
    ]
  )
  deepStrictEqual(records[0].itemHeader, { type: 'span', item_count: 2 })
  deepStrictEqual(JSON.parse(records[0].body as string), { version: 2, items: [span(TRACE_ID), span(TRACE_ID)] })
  // A trace that is not known cannot be sampled.
  await f([[{ type: 'span' }, { items: [span('x')] }]], [['span', 9, undefined, undefined]])
})

test('an item that is wrong costs itself alone, and is counted and told', async (t) => {
  const { url, records, counted } = await started(t, { attachmentMax: '10B' })
  const big = 'x'.repeat(1024 * 1024)
  const body = envelopeOf(
    { event_id: EVENT_ID },
    [{ type: 'event' }, 'no JSON'],
    [{ type: 'transaction' }, { contexts: { trace: TRACE }, extra: big }],
    [{ type: 'attachment' }, Buffer.from([0, 255, 254, 0])],
    [{ type: 'attachment' }, 'longer than ten bytes'],
    [{ type: 'session' }, { sid: EVENT_ID }]
  )
  strictEqual((await post(`${url}/api/42/envelope/`, body, AUTH)).status, 200)
  deepStrictEqual(
    records.map(({ type }) => type),
    ['session', 'client_report']
  )
  deepStrictEqual(JSON.parse(records[1].body as string).discarded_events, [
    { reason: 'invalid', category: 'error', quantity: 1 },
    { reason: 'invalid', category: 'transaction', quantity: 1 },
    { reason: 'before_send', category: 'attachment', quantity: 4 },
    { reason: 'invalid', category: 'attachment', quantity: 21 }
  ])
  deepStrictEqual(counted('sluice_sentry_received_items_total', 'outcome'), { invalid: 1, 'too-large': 2, policy: 1, taken: 1 })
})

test('attachments that nobody can look into pass on request', async (t) => {
  const bytes = Buffer.from([0, 255, 254, 0])
  const body = envelopeOf({}, [{ type: 'attachment' }, bytes], [{ type: 'replay_recording' }, bytes], [{ type: 'attachment' }, 'text'])
  const f = async (attachments: string, expected: unknown[]): Promise<void> => {
    const { url, records } = await started(t, { attachments })
    strictEqual((await post(`${url}/api/42/envelope/`, body, AUTH)).status, 200)
    deepStrictEqual(
      records.filter(({ type }) => type !== 'client_report').map(({ body: payload }) => payload),
      expected
    )
  }
  await f('text', ['text'])
  await f('all', [Uint8Array.from(bytes), Uint8Array.from(bytes), 'text'])
  await f('off', [])
})

test('what cannot be read at all is refused', async (t) => {
  const { url, records } = await started(t)
  const f = async (body: string | Buffer, expected: number, detail: RegExp): Promise<void> => {
    const { status, json, headers } = await post(`${url}/api/42/envelope/`, body, AUTH)
    strictEqual(status, expected)
    match(String(json.detail), detail)
    match(headers.get('x-sentry-error') ?? '', detail)
  }
  await f('', 400, /^envelope header: expected a JSON object/)
  await f('[]\n', 400, /^envelope header/)
  await f('{}\n{"type":"event","length":5}\n{}', 400, /^item 0: 2 bytes are left, expected 5/)
  await f('{}\n{"length":2}\n{}', 400, /^item 0: the header has no type/)
  await f('{}\n{"type":"event"}\nnothing', 400, /^no item could be read/)
  await f(envelopeOf({}, [{ type: 'event' }, { extra: 'x'.repeat(1024 * 1024) }]), 413, /^every item is larger/)
  await f(`{}\n${'{"type":"x"}\n\n'.repeat(1001)}`, 413, /more than 1000 items/)
  await f(`{"a":"${'x'.repeat(70_000)}"}\n`, 413, /^envelope header: more than 65536 bytes/)
  // Nothing is left of these but what is told of them.
  deepStrictEqual(new Set(records.map(({ type }) => type)), new Set(['client_report']))
})

test('an envelope without items is taken and leaves nothing', async (t) => {
  const { url, records } = await started(t)
  deepStrictEqual((await post(`${url}/api/42/envelope/`, '{}', AUTH)).json, {})
  strictEqual(records.length, 0)
})

test('an event without an id is given one', async (t) => {
  const { url, records } = await started(t)
  const { event_id: _, ...event } = EVENT
  const { json } = await post(`${url}/api/42/envelope/`, envelopeOf({}, [{ type: 'event' }, event]), AUTH)
  match(String(json.id), /^[0-9a-f]{32}$/)
  strictEqual((records[0].envelopeHeader as { event_id: string }).event_id, json.id)
  // As some SDKs write it.
  const dashed = 'C0FFEE00-c0ff-ee00-c0ff-ee00c0ffee00'
  deepStrictEqual((await post(`${url}/api/42/envelope/`, envelopeOf({ event_id: dashed }, [{ type: 'event' }, event]), AUTH)).json, {
    id: EVENT_ID
  })
})

test('bodies come compressed', async (t) => {
  const { url, records } = await started(t)
  const f = async (coding: string, body: Buffer): Promise<void> => {
    strictEqual((await post(`${url}/api/42/envelope/`, body, { ...AUTH, 'content-encoding': coding })).status, 200, coding)
  }
  await f('gzip', zlib.gzipSync(envelope))
  await f('deflate', zlib.deflateSync(envelope))
  await f('br', zlib.brotliCompressSync(envelope))
  await f('zstd', zlib.zstdCompressSync(envelope))
  strictEqual(records.length, 4)
  const bomb = zlib.brotliCompressSync(Buffer.alloc(64 * 1024 * 1024))
  strictEqual((await post(`${url}/api/42/envelope/`, bomb, { ...AUTH, 'content-encoding': 'br' })).status, 413)
})

test('events of old', async (t) => {
  const { url, records } = await started(t)
  const f = async (path: string, body: string, expected: number): Promise<void> => {
    records.length = 0
    strictEqual((await post(url + path, body, AUTH)).status, expected)
    deepStrictEqual(
      records.map(({ type, body: payload, id }) => [type, JSON.parse(payload as string).message, id]),
      expected === 200 ? [['event', 'it failed', EVENT_ID]] : []
    )
  }
  const json = JSON.stringify(EVENT)
  await f('/api/42/store/', json, 200)
  await f('/api/42/store', ` ${json}`, 200)
  await f('/api/42/store/', zlib.deflateSync(json).toString('base64'), 200)
  await f('/api/42/store/', 'nothing', 400)
  await f('/api/42/store/', '', 400)
})

test('SDKs are told to wait in both ways that they know', async (t) => {
  const { url } = await started(t, {}, () => Promise.reject(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 4200 })))
  const { status, headers, json } = await post(`${url}/api/42/envelope/`, envelope, AUTH)
  strictEqual(status, 503)
  deepStrictEqual(json, { detail: 'the queue is full' })
  strictEqual(headers.get('retry-after'), '5')
  strictEqual(headers.get('x-sentry-rate-limits'), '5::organization:overloaded')
})

test('pages in browsers are answered as browsers want it', async (t) => {
  const page = 'https://app.example.com'
  const f = async (options: object, origin: string, allowed: string | null): Promise<void> => {
    const { url } = await started(t, options)
    for (const path of ['/sentry-tunnel', '/api/42/envelope/']) {
      const preflight = await fetch(url + path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } })
      strictEqual(preflight.status, allowed === null ? 403 : 204)
      strictEqual(preflight.headers.get('access-control-allow-origin'), allowed)
      strictEqual(preflight.headers.get('access-control-allow-methods'), allowed === null ? null : 'POST')
      const answers = [await post(url + path, envelopeOf({ dsn: DSN }), { origin }), await post(url + path, 'nothing', { origin })]
      for (const { headers } of answers) strictEqual(headers.get('access-control-allow-origin'), allowed)
    }
  }
  await f({}, page, '*')
  await f({ origins: [`${page}/`] }, page, page)
  await f({ origins: [page] }, 'https://elsewhere.example', null)
  await f({ origins: [] }, page, null)
})

test('the tunnel has the path that it is given, or none', async (t) => {
  const body = envelopeOf({ dsn: DSN })
  const f = async (tunnel: string, path: string, expected: number): Promise<void> => {
    const { url } = await started(t, { tunnel })
    strictEqual((await fetch(url + path, { method: 'POST', body: Buffer.from(body) })).status, expected)
  }
  await f('/monitoring', '/monitoring', 200)
  await f('/monitoring', '/sentry-tunnel', 404)
  await f('', '/sentry-tunnel', 404)
})

test('OTLP where Sentry takes it', async (t) => {
  const { url, signals } = await started(t)
  const f = async (
    path: string,
    type: string,
    body: string | Uint8Array,
    expected: number,
    headers: Record<string, string> = AUTH
  ): Promise<void> => {
    const answer = await fetch(url + path, { method: 'POST', body: Buffer.from(body), headers: { 'content-type': type, ...headers } })
    strictEqual(answer.status, expected, await answer.text())
  }
  const protobuf = 'application/x-protobuf'
  const spans = request([span({ traceId: TRACE_ID, spanId: SPAN_ID })])
  await f('/api/42/integration/otlp/v1/traces', protobuf, spans, 202)
  await f('/api/42/integration/otlp/v1/traces/', protobuf, spans, 202)
  await f('/api/42/integration/otlp/v1/logs', 'application/json', '{"resourceLogs":[{"scopeLogs":[{"logRecords":[{}]}]}]}', 202)
  await f('/api/42/integration/otlp/v1/traces', protobuf, '', 202)
  await f('/api/42/integration/otlp/v1/traces', protobuf, 'nonsense', 400)
  await f('/api/42/integration/otlp/v1/logs', 'application/json', '{"a":', 400)
  await f('/api/42/integration/otlp/v1/traces', 'text/plain', spans, 415)
  await f('/api/42/integration/otlp/v1/traces', protobuf, spans, 403, {})
  deepStrictEqual(signals, ['traces 1', 'traces 1', 'logs 1'])
})

test('what the gateway itself has sent does not come in again', async (t) => {
  const { url, signals } = await started(t)
  const own = { ...AUTH, [INSTANCE_HEADER]: INSTANCE, 'content-type': 'application/x-protobuf' }
  for (const path of ['envelope/', 'store/', 'integration/otlp/v1/traces'])
    strictEqual((await post(`${url}/api/42/${path}`, envelope, own)).status, 403)
  strictEqual((await post(`${url}/api/42/envelope/`, envelope, { ...own, [INSTANCE_HEADER]: 'another' })).status, 200)
  deepStrictEqual(signals, ['envelopes 1'])
})
