import { deepStrictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { transactionItems } from '../../../src/exporters/sentry/transaction.ts'
import type { Span } from '../../../src/otlp/objects.ts'
import { attributesFrom, buildOf, envelopesOf, NOW_NANO } from '../../support/sentry-build.ts'
import type { Json } from '../../support/sentry-json.ts'

const TRACE = '0af7651916cd43dd84f8eb211c80319c'
const id = (n: number): string => n.toString(16).padStart(16, '0')
const spanOf = (n: number, parent: number, parts: Partial<Span> = {}): Span => ({
  traceId: TRACE,
  spanId: id(n),
  ...(parent > 0 && { parentSpanId: id(parent) }),
  name: `s${n}`,
  startTimeUnixNano: NOW_NANO,
  endTimeUnixNano: NOW_NANO + 500_000_000n,
  ...parts
})
const payloadsOf = (spans: Span[], resource = {}, build = buildOf()) =>
  transactionItems([{ resource: { attributes: attributesFrom(resource) }, scopeSpans: [{ spans }] }], build)

/** The id of each transaction with those of the spans inside, and of what was rejected. */
function shapeOf(spans: Span[]): [transactions: unknown[], rejected: unknown[]] {
  const payloads = payloadsOf(spans)
  const envelopes = envelopesOf(payloads)
  deepStrictEqual(
    envelopes.flatMap(({ problems }) => problems),
    []
  )
  const shapes = envelopes.map(({ items: [{ json }] }) => [
    Number(json.contexts.trace.span_id),
    json.spans.map((span: Json) => Number(span.span_id))
  ])
  return [shapes, [...payloads.rejected.values()].flat().map((span) => Number((span as Span).spanId))]
}

test('a segment becomes a transaction, and what is under it its spans', () => {
  const f = (spans: Span[], transactions: unknown[], rejected: number[] = []): void =>
    deepStrictEqual(shapeOf(spans), [transactions, rejected])
  f([spanOf(1, 0)], [[1, []]])
  f([spanOf(3, 2), spanOf(2, 1), spanOf(1, 0)], [[1, [3, 2]]])
  f([spanOf(2, 9, { flags: 0x300 }), spanOf(3, 2)], [[2, [3]]])
  f([spanOf(1, 0), spanOf(4, 0), spanOf(5, 4)], [[1, []], [4, [5]]]) // biome-ignore format: pairs
  // Those whose segment is elsewhere are none by themselves.
  f([spanOf(2, 9), spanOf(3, 2)], [], [2, 3])
  f([spanOf(1, 0), { ...spanOf(2, 1), traceId: 'f'.repeat(32) }], [[1, []]], [2])
  f([spanOf(1, 0, { traceState: 'ot=th:8' }), spanOf(2, 1, { traceState: 'ot=th:0' })], [[1, [2]]])
})

test('a transaction with all it has', () => {
  const root = spanOf(1, 9, {
    kind: 2,
    name: 'POST /dub',
    flags: 0x300,
    traceState: 'ot=th:8',
    status: { code: 2, message: 'gone' },
    attributes: attributesFrom({
      'http.request.method': 'POST',
      'http.route': '/dub',
      'http.response.status_code': 404,
      'user.id': 'u',
      note: 'n'
    })
  })
  const child = spanOf(2, 1, { kind: 3, name: 'SELECT', attributes: attributesFrom({ 'db.system': 'postgresql' }) })
  const [{ header, items }] = envelopesOf(
    payloadsOf([child, root], { 'service.name': 'api', 'service.version': '1', 'k8s.pod.name': 'p', team: 't' })
  )
  deepStrictEqual([header.trace.sample_rate, header.trace.transaction, header.trace.release], ['0.5', undefined, 'api@1'])
  const { event_id, ...event } = items[0].json
  deepStrictEqual(event, {
    type: 'transaction',
    platform: 'other',
    transaction: 'POST /dub',
    transaction_info: { source: 'route' },
    start_timestamp: 1_700_000_000,
    timestamp: 1_700_000_000.5,
    environment: 'production',
    release: 'api@1',
    server_name: 'p',
    sdk: { name: 'sluice', version: '1.2.3' },
    tags: { service: 'api', pod: 'p', 'user.id': 'u', 'http.status_code': '404' },
    user: { id: 'u' },
    request: { method: 'POST' },
    contexts: {
      pod: { name: 'p' },
      app: { app_name: 'api', app_version: '1' },
      resource: { team: 't' },
      trace: {
        trace_id: TRACE,
        span_id: id(1),
        parent_span_id: id(9),
        op: 'http.server',
        status: 'not_found',
        origin: 'auto.otlp.span',
        client_sample_rate: 0.5,
        data: { 'http.route': '/dub', 'http.response.status_code': 404, note: 'n', 'span.kind': 'server', 'sentry.status.message': 'gone' }
      }
    },
    spans: [
      {
        trace_id: TRACE,
        span_id: id(2),
        parent_span_id: id(1),
        op: 'db',
        description: 'SELECT',
        start_timestamp: 1_700_000_000,
        timestamp: 1_700_000_000.5,
        status: 'ok',
        origin: 'auto.otlp.span',
        data: { 'db.system': 'postgresql' }
      }
    ]
  })
})

test('how it ended: by the code of the protocol, else by the status', () => {
  const f = (code: number, attributes: Record<string, unknown>, expected: string): void => {
    const [{ items }] = envelopesOf(payloadsOf([spanOf(1, 0, { status: { code }, attributes: attributesFrom(attributes) })]))
    deepStrictEqual(items[0].json.contexts.trace.status, expected)
  }
  f(0, {}, 'ok')
  f(2, {}, 'internal_error')
  f(0, { 'http.response.status_code': 429 }, 'resource_exhausted')
  f(0, { 'http.status_code': '404' }, 'not_found')
  f(0, { 'http.response.status_code': 418 }, 'invalid_argument')
  f(2, { 'http.response.status_code': 502 }, 'internal_error')
  f(2, { 'http.response.status_code': 200 }, 'internal_error')
  f(2, { 'rpc.grpc.status_code': 14 }, 'unavailable')
  f(2, { 'rpc.response.status_code': 'DEADLINE_EXCEEDED' }, 'deadline_exceeded')
  f(2, { 'rpc.grpc.status_code': 99 }, 'internal_error')
})

test('no more spans than a transaction may have, and no more bytes; the rest is told', () => {
  const many = Array.from({ length: 1100 }, (_, i) => spanOf(i + 2, 1))
  const [[[, inside]], rejected] = shapeOf([spanOf(1, 0), ...many]) as [[[number, number[]]], number[]]
  deepStrictEqual([inside.length, rejected.length], [1000, 100])
  const build = buildOf()
  const attributes = attributesFrom(Object.fromEntries(Array.from({ length: 6 }, (_, i) => [`k${i}`, 'x'.repeat(1000)])))
  const large = payloadsOf([spanOf(1, 0), ...many.slice(0, 900).map((span) => ({ ...span, attributes }))], {}, build)
  const [{ items, problems }] = envelopesOf(large)
  deepStrictEqual(problems, [])
  const withData = items[0].json.spans.filter((span: Json) => span.data !== undefined).length
  deepStrictEqual([withData > 50, withData < 900, build.trimmed.counts.get('span data')! > 0], [true, true, true])
})
