// The double of Sentry is to refuse what Sentry would: otherwise what it accepts proves nothing.
import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { SentryBackend } from './sentry-backend.ts'
import { validateItem } from './sentry-check.ts'
import { readStrictly } from './sentry-envelope.ts'

type Parts = Record<string, unknown>

const SPAN_TYPE = 'application/vnd.sentry.items.span.v2+json'
const LOG_TYPE = 'application/vnd.sentry.items.log+json'
const TRACE = 'a'.repeat(32)
const event: Parts = { event_id: 'e'.repeat(32), timestamp: 1.7e9, platform: 'python', exception: { values: [{ type: 'E', value: 'no' }] } }
const transaction: Parts = {
  ...{ event_id: 'e'.repeat(32), type: 'transaction', transaction: 'GET /', start_timestamp: 1.7e9, timestamp: 1.7e9 + 1 },
  ...{ contexts: { trace: { trace_id: TRACE, span_id: 'b'.repeat(16) } }, spans: [] }
}
const span: Parts = {
  ...{ trace_id: TRACE, span_id: 'b'.repeat(16), name: 'q', status: 'ok', is_segment: true, start_timestamp: 1.7e9, end_timestamp: 1.7e9 },
  attributes: { 'sentry.op': { value: 'db', type: 'string' } }
}
const log: Parts = { timestamp: 1.7e9, level: 'info', body: 'hi', trace_id: TRACE }

function problems(header: Parts, json: unknown): string {
  const payload = Buffer.from(JSON.stringify(json))
  return validateItem({ length: payload.length, ...header }, payload).join('; ')
}
const container = (type: string, contentType: string, items: unknown[], more: Parts = {}): string =>
  problems({ type, content_type: contentType, item_count: items.length, ...more }, { version: 2, items })

test('items that Sentry takes pass, and others do not', () => {
  const f = (type: string, good: Parts, changes: Parts, expected: RegExp | ''): void => {
    const found = problems({ type }, { ...good, ...changes })
    if (expected === '') strictEqual(found, '')
    else match(found, expected)
  }
  f('event', event, {}, '')
  f('event', event, { message: 'x', exception: undefined }, '')
  f('event', event, { exception: undefined }, /an exception or a message/)
  f('event', event, { event_id: 'E'.repeat(32) }, /event_id/)
  f('event', event, { timestamp: 0 }, /timestamp/)
  f('event', event, { timestamp: 'yesterday' }, /timestamp/)
  f('event', event, { platform: 'cobol' }, /platform/)
  f('event', event, { level: 'bad' }, /level/)
  f('event', event, { release: 'a/b' }, /release/)
  f('event', event, { environment: 'a b' }, /environment/)
  f('event', event, { tags: { 'a b': 'x' } }, /tags/)
  f('event', event, { tags: { a: 'x'.repeat(201) } }, /tags/)
  f('event', event, { sdk: { name: 'sluice', version: '1' }, tags: { a: 5 } }, /tags\.a/)
  f('event', event, { contexts: { gpu: 'H100' } }, /contexts\.gpu/)
  f('event', event, { contexts: { gpu: { name: 'x'.repeat(9_000) } } }, /at most 8 KiB/)
  f('event', event, { extra: { a: 'x'.repeat(17_000) } }, /at most 16 KiB/)
  f('event', event, { fingerprint: [] }, /fingerprint/)
  f('event', event, { user: { ip_address: 'here' } }, /ip_address/)
  f('event', event, { breadcrumbs: Array(101).fill({ timestamp: 1.7e9 }) }, /at most 100/)
  f('event', event, { breadcrumbs: [{ timestamp: 1.7e9 + 1 }, { timestamp: 1.7e9 }] }, /oldest first/)
  f('event', event, { exception: { values: [{}] } }, /a type or a value/)
  f('event', event, { exception: { values: [{ type: 'E', stacktrace: { frames: [] } }] } }, /frames/)
  f('event', event, { exception: { values: [{ type: 'E', stacktrace: { frames: [{ lineno: 1 }] } }] } }, /a file name or a function/)
  f('event', event, { exception: { values: [{ type: 'E', stacktrace: { frames: [{ function: 'f', lineno: 0 }] } }] } }, /lineno/)
  f('event', event, { extra: { a: Array(100).fill('x'.repeat(15_000)) } }, /at most 1048576 bytes/)
  f('transaction', transaction, {}, '')
  f('transaction', transaction, { contexts: {} }, /contexts\.trace/)
  f('transaction', transaction, { timestamp: 1.6e9 }, /no earlier than the start/)
  f('transaction', transaction, { spans: [{ span_id: 'x' }] }, /spans\[0\]/)
  f('check_in', { check_in_id: TRACE, monitor_slug: 'a', status: 'ok' }, {}, '')
  f('check_in', { check_in_id: TRACE, monitor_slug: 'a', status: 'ok' }, { status: 'fine' }, /status/)
  const report = (reason: string, category: string, quantity: number) => ({ discarded_events: [{ reason, category, quantity }] })
  f('client_report', report('sample_rate', 'span', 9), {}, '')
  f('client_report', report('because', 'span', 9), {}, /a known reason/)
  f('client_report', report('sample_rate', 'spans', 9), {}, /a known category/)
  f('client_report', report('sample_rate', 'span', 0), {}, /quantity/)
  f('a_type_of_tomorrow', { anything: 1 }, {}, '')
})

test('containers are held to their rules', () => {
  const f = (found: string, expected: RegExp | ''): void => (expected === '' ? strictEqual(found, '') : match(found, expected))
  f(container('span', SPAN_TYPE, [span, span]), '')
  f(container('span', 'application/json', [span]), /content_type/)
  f(container('span', SPAN_TYPE, [span], { item_count: 2 }), /item_count/)
  f(container('span', SPAN_TYPE, []), /from 1 to 1000/)
  f(container('span', SPAN_TYPE, Array(1001).fill(span)), /from 1 to 1000/)
  f(container('span', SPAN_TYPE, [{ ...span, status: 'unset' }]), /status/)
  f(container('span', SPAN_TYPE, [{ ...span, end_timestamp: 1.6e9 }]), /no earlier than the start/)
  f(container('span', SPAN_TYPE, [{ ...span, events: [] }]), /no such field/)
  f(container('span', SPAN_TYPE, [{ ...span, attributes: { a: 'plain' } }]), /attributes\.a/)
  f(container('span', SPAN_TYPE, [{ ...span, attributes: { a: { value: 1.5, type: 'integer' } } }]), /a value of its type/)
  f(container('log', LOG_TYPE, [log]), '')
  f(container('log', LOG_TYPE, Array(101).fill(log)), /from 1 to 100/)
  f(container('log', LOG_TYPE, [{ ...log, trace_id: '0'.repeat(32) }]), /trace_id/)
  f(container('log', LOG_TYPE, [{ ...log, level: 'warning' }]), /level/)
  f(container('log', LOG_TYPE, [{ ...log, body: { a: 1 } }]), /body/)
})

test('the grammar of envelopes is held to', () => {
  const sentAt = '"sent_at":"2026-01-01T00:00:00.000Z"'
  const f = (text: string, expected: RegExp | ''): void => {
    const found = readStrictly(Buffer.from(text)).problems.join('; ')
    if (expected === '') strictEqual(found, '')
    else match(found, expected)
  }
  const logItem = (traceId = TRACE): string => {
    const payload = JSON.stringify({ version: 2, items: [{ ...log, trace_id: traceId }] })
    return `{"type":"log","content_type":"${LOG_TYPE}","item_count":1,"length":${payload.length}}\n${payload}\n`
  }
  const eventItem = `{"type":"event","length":${JSON.stringify(event).length}}\n${JSON.stringify(event)}\n`
  f(`{${sentAt}}\n${logItem()}`, '')
  f(`{${sentAt}}\n${logItem()}\n`, '')
  f(`{}\n${logItem()}`, /sent_at/)
  f(`{${sentAt},${sentAt}}\n${logItem()}`, /one of it/)
  f(`{${sentAt}}\r\n{"type":"x","length":1}\r\na`, /a line feed alone/)
  f(`{${sentAt}}\n{"type":"x","length":3}\nab`, /a length within the envelope/)
  f(`{${sentAt}}\n{"type":"x","length":1}\nab\n`, /a line feed or the end/)
  f(`{${sentAt}}\n{"type":"x"}\nab\n`, /a length/)
  f(`{${sentAt}}\n${eventItem}`, /header\.event_id/)
  f(`{${sentAt},"event_id":"${event.event_id}"}\n${eventItem}`, '')
  f(`{${sentAt},"event_id":"${event.event_id}"}\n${eventItem}${logItem()}`, /one kind of telemetry/)
  f(`{${sentAt}}\n${logItem()}${logItem()}`, /one item of type log/)
  const trace = (rate: string, random: string): string =>
    `"trace":{"trace_id":"${TRACE}","public_key":"k","sample_rate":"${rate}","sample_rand":"${random}","sampled":"true"}`
  f(`{${sentAt},${trace('0.1', '0.05')}}\n${logItem()}`, '')
  f(`{${sentAt},${trace('0.1', '0.5')}}\n${logItem()}`, /sample_rand < sample_rate/)
  f(`{${sentAt},${trace('0.1', '0.05')}}\n${logItem('c'.repeat(32))}`, /the one trace/)
})

test('requests are answered as Sentry does', async (t) => {
  const backend = await SentryBackend.start(t)
  const key = backend.projects.get('1')!
  const payload = JSON.stringify({ version: 2, items: [log] })
  const header = `{"type":"log","content_type":"${LOG_TYPE}","item_count":1,"length":${payload.length}}`
  const body = (first = '{}'): Buffer => Buffer.from(`${first}\n${header}\n${payload}`)
  const auth = { 'x-sentry-auth': `Sentry sentry_version=7, sentry_key=${key}, sentry_client=test/1` }
  const post = async (headers: Record<string, string>, what: Uint8Array = body(), path = '/api/1/envelope/'): Promise<Response> =>
    fetch(`http://127.0.0.1:${backend.port}${path}`, { method: 'POST', headers, body: Uint8Array.from(what) })
  const f = async (status: number, ...given: Parameters<typeof post>): Promise<void> => strictEqual((await post(...given)).status, status)
  await f(200, auth)
  await f(200, {}, body(), `/api/1/envelope/?sentry_version=7&sentry_key=${key}`)
  await f(200, {}, body(`{"dsn":"${backend.dsn()}"}`))
  await f(200, auth, body(`{"dsn":"${backend.dsn()}"}`))
  await f(403, {})
  await f(403, { 'x-sentry-auth': `Sentry sentry_version=7, sentry_key=${'b'.repeat(32)}` })
  await f(403, auth, body(), '/api/2/envelope/')
  await f(400, auth, body('{"dsn":"https://other@sentry.io/1"}'))
  await f(404, auth, body(), '/api/1/store/')
  await f(415, { ...auth, 'content-type': 'application/json' })
  await f(415, { ...auth, 'content-encoding': 'lz4' })
  await f(200, { ...auth, 'content-encoding': 'gzip' }, gzipSync(body()))
  await f(200, { ...auth, 'content-encoding': 'deflate' }, deflateSync(body()))
  await f(200, { ...auth, 'content-encoding': 'br' }, brotliCompressSync(body()))
  await f(200, { ...auth, 'content-encoding': 'zstd' }, zstdCompressSync(body()))
  await f(400, { ...auth, 'content-encoding': 'gzip' }, body())
  strictEqual(backend.count('log_item', 'accepted'), 8)
  backend.violations.length = 0
  backend.limit(['log_item'], 60)
  const limited = await post(auth)
  deepStrictEqual([limited.status, limited.headers.get('x-sentry-rate-limits')], [429, '60:log_item:organization:usage_exceeded'])
  strictEqual(backend.count('log_item', 'rate_limited'), 1)
  ok(backend.items().length > 0)
})
