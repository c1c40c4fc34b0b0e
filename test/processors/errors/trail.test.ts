import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { test } from 'node:test'
import type { Draft, Span } from '../../../src/otlp/objects.ts'
import { Ring } from '../../../src/processors/errors/ring.ts'
import { shortened } from '../../../src/processors/errors/shortened.ts'
import { at, counts, exception, keyValues, log, logs, type Open, open, type Sent, span, TRACE, traces } from './support.ts'

const OTHER = 'ffffffffffffffffffffffffffffffff'
type Crumb = Record<string, unknown>

const crumbsOf = ([sent]: readonly Sent[]): Crumb[] => (sent.attributes['error.breadcrumbs'] ?? []) as Crumb[]
const messagesOf = (sent: readonly Sent[]): unknown[] => crumbsOf(sent).map(({ message }) => message)
const failing = (atMs = 0, parts: Draft<Span> = {}): Draft<Span> => span({ events: exception('KeyError', 'x', '', atMs), ...parts })
const traced = (text: string, atMs: number, traceId = TRACE): ReturnType<typeof log> => log(text, { traceId, timeUnixNano: at(atMs) })

test('the trail are the log records and finished spans of the trace, oldest first', () => {
  const { take } = open()
  take(
    logs(
      [traced('second', -80), traced('first', -90), traced('of another', -70, OTHER), traced('later', 5), log('of none')],
      {},
      'app.jobs'
    )
  )
  take(
    traces([
      span({
        name: 'SELECT jobs',
        kind: 3,
        startTimeUnixNano: at(-60),
        endTimeUnixNano: at(-50),
        attributes: keyValues({ 'db.system': 'postgresql', 'db.statement': 'SELECT 1' })
      }),
      span({ name: 'not yet over' }),
      span({ name: 'of another', traceId: OTHER, endTimeUnixNano: at(-40) })
    ])
  )
  const sent = take(
    traces([
      failing(),
      span({
        name: 'GET',
        kind: 3,
        startTimeUnixNano: at(-40),
        endTimeUnixNano: at(-30),
        status: { code: 2 },
        attributes: keyValues({ 'http.request.method': 'GET', 'http.response.status_code': 503 })
      })
    ])
  )
  deepStrictEqual(crumbsOf(sent), [
    { timestamp: at(-90), type: 'default', category: 'app.jobs', level: 'info', message: 'first' },
    { timestamp: at(-80), type: 'default', category: 'app.jobs', level: 'info', message: 'second' },
    {
      timestamp: at(-50),
      type: 'query',
      category: 'query',
      level: 'info',
      message: 'SELECT jobs',
      data: { duration_ms: 10, status: 'unset', 'db.system': 'postgresql' }
    },
    {
      timestamp: at(-30),
      type: 'http',
      category: 'http',
      level: 'error',
      message: 'GET',
      data: { duration_ms: 10, status: 'error', 'http.request.method': 'GET', 'http.response.status_code': 503n }
    }
  ])
})

test('levels and texts of log records', () => {
  const { take } = open()
  const attributes = keyValues({ 'logger.name': 'app.http', 'exception.type': 'KeyError' })
  take(
    logs([
      { ...traced('a', -9), severityNumber: 5 },
      { ...traced('b', -8), severityNumber: 13 },
      { ...traced('c', -7), severityNumber: 17, attributes },
      { ...traced('d', -6), severityNumber: 21 },
      { ...traced('', -5), body: { kvlistValue: { values: keyValues({ level: 'info', message: 'from a field' }) } } },
      traced(`${'word '.repeat(200)}`, -4)
    ])
  )
  const crumbs = crumbsOf(take(traces([failing(0, { traceId: TRACE })])))
  deepStrictEqual(
    crumbs.map(({ level, type }) => [level, type]),
    [
      ['debug', 'default'],
      ['warning', 'default'],
      ['error', 'error'],
      ['fatal', 'error'],
      ['info', 'default'],
      ['info', 'default']
    ]
  )
  deepStrictEqual([crumbs[2].category, crumbs[2].data, crumbs[0].category], ['app.http', { 'exception.type': 'KeyError' }, 'tests'])
  strictEqual(crumbs[4].message, 'from a field')
  ok(String(crumbs[5].message).length <= 500)
})

test('an error in the logs is no part of its own trail', () => {
  const { take } = open()
  const record = { ...traced('failed', 0), attributes: keyValues({ 'exception.type': 'KeyError' }) }
  deepStrictEqual(messagesOf(take(logs([traced('before', -1), record, traced('after', 1)]))), ['before'])
})

test('log records and spans outside of a trace are found by their correlation id', () => {
  const f = (errorOf: (use: Open) => Sent[], expected: string[]): void => {
    const use = open()
    const id = keyValues({ 'correlation.id': 'c-123456' })
    use.take(
      logs([
        { ...traced('of the trace', -5), attributes: id },
        { ...traced('outside', -4, ''), attributes: id },
        { ...traced('of another trace', -3, OTHER), attributes: id },
        { ...traced('of another request', -2, ''), attributes: keyValues({ 'correlation.id': 'c-1234567' }) }
      ])
    )
    deepStrictEqual(messagesOf(errorOf(use)), expected)
  }
  const attributes = keyValues({ 'correlation.id': 'c-123456' })
  const logged = keyValues({ 'correlation.id': 'c-123456', 'exception.type': 'E' })
  f(({ take }) => take(traces([failing()])), ['of the trace'])
  f(({ take }) => take(traces([failing(0, { attributes })])), ['of the trace', 'outside'])
  f(({ take }) => take(logs([{ ...traced('error', 0, ''), attributes: logged }])), ['of the trace', 'outside', 'of another trace'])
  f(({ take }) => take(logs([{ ...traced('error', 0, ''), attributes: keyValues({ 'exception.type': 'E' }) }])), [])
})

test('only the last ones before the error, as many as are wanted', () => {
  const many = Array.from({ length: 500 }, (_, i) => traced(`line ${i}`, -1000 + i))
  const f = (options: object, expected: unknown[]): void => {
    const { take } = open(options)
    take(logs(many.slice(250)))
    take(logs(many.slice(0, 250)))
    deepStrictEqual(messagesOf(take(traces([failing()]))), expected)
  }
  f({ trail: { max: 3 } }, ['line 497', 'line 498', 'line 499'])
  f({ trail: { max: 0 } }, [])
  f(
    {},
    many.slice(-50).map(({ body }) => body?.stringValue)
  )
})

test('the trail does not hang on the bytes of a batch that is gone, and ends with its window', (t) => {
  let nowMs = 1000
  t.mock.method(performance, 'now', () => nowMs)
  const f = (waitMs: number, expected: string[]): void => {
    const { take } = open({ trail: { window: '60s' } })
    const batch = logs([traced('before', -1)])
    take(batch)
    batch.bytes.fill(0xff)
    nowMs += waitMs
    deepStrictEqual(messagesOf(take(traces([failing()]))), expected)
  }
  f(59_000, ['before'])
  f(61_000, [])
})

test('searches have a budget; errors beyond it go without a trail, and are counted', () => {
  const { take, metrics } = open({ limit: { perGroup: 1000, burst: 1000, overall: 1000 } })
  const sent = take(traces(Array.from({ length: 300 }, (_, i) => failing(0, { traceId: `${i + 1}`.padStart(32, '0') }))))
  strictEqual(sent.length, 300)
  const { empty = 0, 'over budget': over } = counts(metrics, 'sluice_errors_trails_total')
  ok(empty <= 100 && over >= 200 && empty + over === 300, JSON.stringify({ empty, over }))
})

test('the ring keeps what came last, in as much memory as it was given', () => {
  const ring = new Ring(1000, 60_000)
  let bytes = 0
  for (let i = 0; i < 5000; i++) {
    const size = 1 + ((i * 7919) % 300)
    bytes += size
    ring.add(Buffer.alloc(size, i), 0, i)
    let held = 0
    for (let index = 0; index < ring.entries; index++) {
      const entry = ring.recent(index, i)
      ok(
        entry?.every((byte) => byte === ((i - index) & 255)),
        `round ${i}, entry ${index}`
      )
      held += entry?.length ?? 0
    }
    ok(held <= 1000 && held >= Math.min(bytes, 1000 - 600), `${held}`)
  }
  ring.add(Buffer.alloc(1001), 0, 5000)
  strictEqual(ring.tooLarge, 1)
})

test('a text is cut between words only', () => {
  const f = (text: string, max: number, expected: string): void => strictEqual(shortened(text, max), expected)
  f('short', 5, 'short')
  f('token abcdef', 8, 'token …')
  f('token abcdef', 6, 'token…')
  f('abcdefgh', 5, '…')
  f('日本語日本語', 4, '日本語…')
})
