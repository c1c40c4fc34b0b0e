import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import fc from 'fast-check'
import protobuf from 'protobufjs'
import type { Push } from '../../../src/component.ts'
import { RefusedError } from '../../../src/errors.ts'
import { LabelFault, Labels, readLabels } from '../../../src/receivers/logs/loki-labels.ts'
import { uncompressSnappy } from '../../../src/receivers/logs/snappy.ts'
import { post } from './posting.ts'
import { type Started, started } from './started.ts'

const open = (t: TestContext, options = {}, push?: Push): Promise<Started> => started(t, { httpAddress: '127.0.0.1:0', ...options }, push)

const PUSH = '/loki/api/v1/push'
const PROTOBUF = 'application/x-protobuf'
const JSON_TYPE = 'application/json'

// Written down once more, from Loki's own push.proto.
const { root } = protobuf.parse(`syntax = "proto3";
  message PushRequest { repeated Stream streams = 1; }
  message Stream { string labels = 1; repeated Entry entries = 2; uint64 hash = 3; }
  message Entry { Timestamp timestamp = 1; string line = 2; repeated LabelPair structuredMetadata = 3; }
  message LabelPair { string name = 1; string value = 2; }
  message Timestamp { int64 seconds = 1; int32 nanos = 2; }`)
const Request = root.lookupType('PushRequest')

/** A snappy block of nothing but literals. */
function snappy(bytes: Uint8Array): Buffer {
  const parts = [varint(bytes.length)]
  for (let at = 0; at < bytes.length; at += 60) {
    const part = bytes.subarray(at, at + 60)
    parts.push(Buffer.from([(part.length - 1) << 2]), Buffer.from(part))
  }
  return Buffer.concat(parts)
}

function varint(value: number): Buffer {
  const bytes: number[] = []
  for (; value > 127; value = Math.floor(value / 128)) bytes.push((value % 128) | 128)
  return Buffer.from([...bytes, value])
}

const protobufOf = (streams: object[]): Buffer => snappy(Request.encode(Request.fromObject({ streams })).finish())

const NANOS = '1767323045123456789'

test('a push in JSON and one in protobuf become the same records', async (t) => {
  const receiver = await open(t)
  const labels = { service_name: 'tts', namespace: 'dub', pod: 'tts-1', level: 'warn', region: 'eu "west"' }
  const metadata = { trace_id: '0AF7651916CD43DD8448EB211C80319C', user: 'u1' }
  const line = 'cannot\nspeak'
  const expected = {
    body: line,
    time: NANOS,
    severity: 13,
    service: 'tts',
    traceId: '0af7651916cd43dd8448eb211c80319c',
    attributes: { 'k8s.namespace.name': 'dub', 'k8s.pod.name': 'tts-1', region: 'eu "west"', user: 'u1' },
    scope: 'sluice.logs.loki'
  }
  const f = async (path: string, type: string | undefined, body: string | Uint8Array, more = {}): Promise<void> => {
    const answer = await post(receiver, path, type, body, more)
    deepStrictEqual([answer.status, answer.body], [204, ''])
    deepStrictEqual(receiver.records.splice(0), [expected])
  }
  const stream = { stream: labels, values: [[NANOS, line, metadata]] }
  const json = JSON.stringify({ streams: [stream] })
  await f(PUSH, JSON_TYPE, json)
  await f('/api/prom/push', 'application/json; charset=utf-8', json)
  await f(PUSH, JSON_TYPE, zlib.gzipSync(json), { 'content-encoding': 'gzip' })
  // The labels may come last.
  await f(PUSH, JSON_TYPE, JSON.stringify({ more: [{}], streams: [{ values: stream.values, stream: labels }] }))
  const text = `{${Object.entries(labels)
    .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
    .join(', ')}}`
  const entry = {
    timestamp: { seconds: NANOS.slice(0, -9), nanos: Number(NANOS.slice(-9)) },
    line,
    structuredMetadata: Object.entries(metadata).map(([name, value]) => ({ name, value }))
  }
  const body = protobufOf([{ labels: text, entries: [entry], hash: 7 }])
  await f(PUSH, PROTOBUF, body)
  await f(PUSH, undefined, body)
  await f(PUSH, PROTOBUF, body, { 'content-encoding': 'snappy' })
})

test('lines are understood, each stream by itself', async (t) => {
  const receiver = await open(t)
  const streams = [
    { stream: { app: 'a' }, values: [[NANOS, '{"level":"error","msg":"first","trace_id":"0af7651916cd43dd8448eb211c80319c"}']] },
    {
      stream: { app: 'b', job: 'x' },
      values: [
        [NANOS, 'Traceback (most recent call last):'],
        [NANOS, '  File "a.py", line 1, in <module>'],
        [NANOS, 'ValueError: no']
      ]
    },
    { stream: { app: 'c' }, values: [[NANOS, '  at all']] }
  ]
  strictEqual((await post(receiver, PUSH, JSON_TYPE, JSON.stringify({ streams }))).status, 204)
  deepStrictEqual(
    receiver.records.map(({ body, severity, service, attributes }) => [
      String(body).split('\n').length,
      severity,
      service,
      attributes.job,
      attributes['exception.type']
    ]),
    [
      [1, 17, 'a', undefined, undefined],
      [3, 17, 'b', 'x', 'ValueError'],
      [1, undefined, 'c', undefined, undefined]
    ]
  )
})

test('the push of the first Loki is taken', async (t) => {
  const receiver = await open(t)
  const entries = [{ ts: '2026-01-02T03:04:05.678Z', line: 'old' }]
  const body = JSON.stringify({ streams: [{ labels: '{job="x", level="info"}', entries }] })
  strictEqual((await post(receiver, '/api/prom/push', JSON_TYPE, body)).status, 204)
  const [{ body: text, time, severity, attributes }] = receiver.records
  deepStrictEqual([text, time, severity, attributes], ['old', '1767323045678000000', 9, { job: 'x' }])
})

test('what is no push is refused as a whole, in plain words', async (t) => {
  const receiver = await open(t)
  const f = async (type: string, body: string | Uint8Array, status: number, words: RegExp): Promise<void> => {
    const answer = await post(receiver, PUSH, type, body)
    deepStrictEqual([answer.status, answer.type], [status, 'text/plain; charset=utf-8'])
    match(answer.body, words)
  }
  await f(JSON_TYPE, '{"streams":[{"stream":{},"values":[["x","line"]]}]}', 400, /no number of nanoseconds/)
  await f(JSON_TYPE, '{"streams":[{"stream":{},"values":[["1"]]}]}', 400, /expected ","/)
  await f(JSON_TYPE, '{"streams":[{"labels":"secret","entries":[]}]}', 400, /not in braces/)
  await f(JSON_TYPE, '{"streams":{}}', 400, /an object, expected "\["/)
  await f(JSON_TYPE, '{"streams":[]', 400, /end of the text/)
  await f(JSON_TYPE, `{"x":${'['.repeat(100_000)}`, 400, /nested too deep/)
  await f(JSON_TYPE, '', 400, /end of the text/)
  await f(PROTOBUF, Buffer.from([3, 8, 1, 2, 3]), 400, /./)
  await f(PROTOBUF, '', 400, /snappy body is damaged/)
  await f(PROTOBUF, snappy(Buffer.from([0x0a, 0x7f])), 400, /past the end/)
  await f(PROTOBUF, protobufOf([{ labels: '{a="secret', entries: [] }]), 400, /not in braces/)
  await f('text/plain', 'x', 415, /expected application\/x-protobuf/)
  strictEqual(receiver.records.length, 0)
})

test('a sender that is to come back is told so', async (t) => {
  const receiver = await open(t, {}, () => Promise.reject(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 2000 })))
  const answer = await post(receiver, PUSH, JSON_TYPE, `{"streams":[{"stream":{},"values":[["${NANOS}","a"]]}]}`)
  deepStrictEqual([answer.status, answer.retryAfter, answer.body], [503, '2', 'the queue is full\n'])
})

test('who asks whether it is ready is told', async (t) => {
  const { http } = await open(t)
  const answer = await fetch(`http://${http}/ready`)
  deepStrictEqual([answer.status, (await answer.text()).trim()], [200, 'ready'])
})

test('bombs are refused before they are undone', async (t) => {
  const receiver = await open(t, { httpRequestMax: '1MiB', httpInFlightMax: '4MiB' })
  const f = async (type: string, body: Uint8Array | string, status: number): Promise<void> =>
    strictEqual((await post(receiver, PUSH, type, body)).status, status)
  // Says 4 GiB; says 100 MiB and could be that; says 1 MB in a few bytes.
  await f(PROTOBUF, Buffer.from([0xff, 0xff, 0xff, 0xff, 0x0f, 0]), 413)
  await f(PROTOBUF, Buffer.concat([varint(100 * 2 ** 20), Buffer.from([0, 0x61]), Buffer.alloc(900_000, 0xfe)]), 413)
  await f(PROTOBUF, Buffer.concat([varint(1_000_000), Buffer.from([0, 0x61])]), 400)
  await f(JSON_TYPE, `{"streams":[${'{},'.repeat(300_000)}{}]}`, 413)
  await f(PROTOBUF, snappy(Buffer.alloc(200_000, 0).map((_byte, index) => (index % 2 === 0 ? 0x0a : 0))), 413)
  const labels = `{${Array.from({ length: 5000 }, (_, index) => `l${index}="${index}"`).join()}}`
  await f(PROTOBUF, protobufOf([{ labels, entries: [{ line: 'x' }] }]), 204)
  ok(Object.keys(receiver.records[0].attributes).length <= 128)
})

test('labels are read by Loki’s rules', () => {
  const f = (text: string, expected: Record<string, string> | null): void => {
    const labels = new Labels()
    try {
      readLabels(text, labels)
    } catch (error) {
      ok(error instanceof LabelFault && !error.message.includes('secret'), text)
      strictEqual(expected, null, text)
      return
    }
    deepStrictEqual(Object.fromEntries(labels.names.map((name, index) => [name, labels.values[index]])), expected, text)
  }
  f('{}', {})
  f(' { } ', {})
  f('{a="b"}', { a: 'b' })
  f('{a="b",c="d",}', { a: 'b', c: 'd' })
  f('{ a = "b" , c:d.e = `raw\\n` }', { a: 'b', 'c:d.e': 'raw\\n' })
  f('{a="}{,=\\"\\\\\\n\\t\\x41\\u00e9\\101"}', { a: '}{,="\\\n\tAéA' })
  f('{a="b" "secret"}', null)
  f('{a=secret}', null)
  f('{a="secret}', null)
  f('a="secret"', null)
  f('{1a="secret"}', null)
  f(`{a="${'\\'.repeat(9999)}"}`, null)
})

test('snappy: what was packed comes back', () => {
  const f = (block: readonly number[], expected: string): void =>
    strictEqual(uncompressSnappy(Buffer.from(block), 1000).toString(), expected)
  f([0], '')
  f([3, 8, 0x61, 0x62, 0x63], 'abc')
  // abc, then six of what was three before: copies of one, two and four bytes of offset.
  f([9, 8, 0x61, 0x62, 0x63, 0x09, 3], 'abcabcabc')
  f([9, 8, 0x61, 0x62, 0x63, 0x16, 3, 0], 'abcabcabc')
  f([9, 8, 0x61, 0x62, 0x63, 0x17, 3, 0, 0, 0], 'abcabcabc')
  // A literal with its length in one byte behind the tag.
  f([70, 0xf0, 69, ...Buffer.alloc(70, 0x7a)], 'z'.repeat(70))
})

test('snappy: no bytes do harm', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), fc.boolean(), (bytes, plain) => {
      const block = plain ? bytes : Buffer.concat([varint(60), bytes])
      try {
        ok(uncompressSnappy(block, 500).length <= 500)
      } catch (error) {
        ok(error instanceof RefusedError)
      }
    }),
    { numRuns: 2000 }
  )
})
