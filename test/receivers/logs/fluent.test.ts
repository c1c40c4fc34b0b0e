import { deepStrictEqual, match, rejects, strictEqual } from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import type { Push } from '../../../src/component.ts'
import { RefusedError } from '../../../src/errors.ts'
import { MsgpackReader } from '../../../src/msgpack/reader.ts'
import { eventually, RawClient } from '../../support/raw-client.ts'
import { encoded, eventTime, Raw } from './msgpack.ts'
import { type Started, started } from './started.ts'

const open = (t: TestContext, options = {}, push?: Push): Promise<Started> =>
  started(t, { fluent: '127.0.0.1:0', batchDelay: '5ms', ...options }, push)

function client(t: TestContext, { fluent }: Started): RawClient {
  const [host, port] = fluent.split(':')
  const made = new RawClient({ host, port: Number(port) })
  t.after(() => made.socket.destroy())
  return made
}

const many = (receiver: Started, count: number): Promise<void> => eventually(() => receiver.records.length >= count)
const acked = (chunk: string): RegExp => new RegExp(`\\x81\\xa3ack.{0,3}${chunk}`, 's')

const TIME = 1767323045
const AT = eventTime(TIME, 123_456_789)
const packed = (...entries: unknown[]): Buffer => Buffer.concat(entries.map(encoded))

test('every mode brings the same records', async (t) => {
  const receiver = await open(t)
  const socket = client(t, receiver)
  const record = { message: 'no', level: 'error', userId: 'u1' }
  const expected = {
    body: 'no',
    time: '1767323045123456789',
    severity: 17,
    attributes: { 'fluent.tag': 'app', 'user.id': 'u1' },
    scope: 'sluice.logs.fluent'
  }
  const f = async (count: number, ...message: unknown[]): Promise<void> => {
    socket.send(encoded(message))
    await many(receiver, count)
    deepStrictEqual(receiver.records.splice(0), new Array(count).fill(expected))
  }
  const entry = [AT, record]
  await f(1, 'app', AT, record)
  await f(1, 'app', AT, record, {})
  await f(1, 'app', AT, record, null)
  await f(1, 'app', [AT, {}], record)
  await f(2, 'app', [entry, entry])
  await f(2, 'app', [entry, entry], { size: 2 })
  await f(2, 'app', [entry, [[AT, {}], record]])
  await f(2, 'app', packed(entry, entry))
  await f(2, 'app', packed(entry, [[AT, {}], record]), { size: 7, fluent_signal: 0 })
  // As old senders write bytes: as a text.
  const { length } = packed(entry, entry)
  await f(2, 'app', new Raw(0xda, length >> 8, length & 255, ...packed(entry, entry)))
  await f(2, 'app', zlib.gzipSync(packed(entry, entry)), { compressed: 'gzip' })
  await f(2, 'app', Buffer.concat([entry, entry].map((one) => zlib.gzipSync(packed(one)))), { compressed: 'gzip' })
  await f(2, 'app', zlib.zstdCompressSync(packed(entry, entry)), { compressed: 'zstd' })
  await f(1, Buffer.from('app'), new Raw(0xc7, 8, 0, ...encoded(AT).subarray(2)), record)
  // A heartbeat, and an empty list, say nothing.
  socket.send(encoded(null)).send(encoded(['app', []]))
  await f(1, 'app', AT, record)
  deepStrictEqual(receiver.senders.slice(0, 2), ['127.0.0.1', '127.0.0.1'])
})

test('times are seconds, whole or not, or none', async (t) => {
  const receiver = await open(t)
  const socket = client(t, receiver)
  const f = async (time: unknown, expected: string | undefined): Promise<void> => {
    socket.send(encoded(['app', time, { message: 'm' }]))
    await many(receiver, 1)
    strictEqual(receiver.records.pop()?.time, expected)
  }
  await f(TIME, '1767323045000000000')
  await f(TIME + 0.5, '1767323045500000000')
  await f(0, undefined)
  await f(-5, undefined)
  await f(2n ** 63n, undefined)
})

test('a chunk is answered when it is durable, and not before', async (t) => {
  const durable: (() => void)[] = []
  const receiver = await open(t, {}, () => new Promise((resolve) => durable.push(resolve)))
  const socket = client(t, receiver)
  socket.send(encoded(['app', [[AT, { message: 'a' }]], { chunk: 'one' }]))
  socket.send(encoded(['app', [[AT, { message: 'b' }]], { chunk: 'two' }]))
  await eventually(() => durable.length === 2)
  strictEqual(socket.text, '')
  durable[1]()
  await socket.until(acked('two'))
  strictEqual(acked('one').test(socket.text), false)
  durable[0]()
  await socket.until(acked('one'))
})

test('a chunk that finds no room is kept until there is some', async (t) => {
  let refusals = 3
  const receiver = await open(t, {}, async () => {
    if (refusals-- > 0) throw new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 1 })
  })
  const socket = client(t, receiver).send(encoded(['app', AT, { message: 'a' }, { chunk: 'one' }]))
  await socket.until(acked('one'))
  deepStrictEqual([refusals, receiver.records.length], [-1, 1])
})

test('a chunk that is refused for good is not answered, and may come again', async (t) => {
  let refuses = true
  const receiver = await open(t, {}, async () => {
    if (refuses) throw new RefusedError('invalid', 'no')
  })
  const message = encoded(['app', AT, { message: 'a' }, { chunk: 'one' }])
  const socket = client(t, receiver).send(message)
  await eventually(() => receiver.counted('sluice_log_dropped_total', 'reason').invalid === 1)
  strictEqual(socket.text, '')
  refuses = false
  socket.send(message)
  await socket.until(acked('one'))
})

test('a chunk that comes again is answered and not taken again', async (t) => {
  let finish = (): void => undefined
  const pushed: number[] = []
  const receiver = await open(t, {}, ({ items }) => {
    pushed.push(items)
    return pushed.length === 1 ? new Promise((resolve) => (finish = resolve)) : Promise.resolve()
  })
  const message = encoded(['app', AT, { message: 'a' }, { chunk: 'one' }])
  client(t, receiver).send(message).socket.end()
  await eventually(() => pushed.length === 1)
  // The first is still on its way; then it is durable.
  const second = client(t, receiver).send(message)
  await eventually(() => receiver.counted('sluice_log_duplicate_chunks_total', 'receiver').test === 1)
  strictEqual(second.text, '')
  finish()
  await second.until(acked('one'))
  await client(t, receiver).send(message).until(acked('one'))
  deepStrictEqual([pushed, receiver.counted('sluice_log_duplicate_chunks_total', 'receiver')], [[1], { test: 2 }])
  // The same id for something else is something else.
  await client(t, receiver)
    .send(encoded(['app', AT, { message: 'b' }, { chunk: 'one' }]))
    .until(acked('one'))
  strictEqual(pushed.length, 2)
})

test('answers that are due still go out when the sender is done, and when the receiver stops', async (t) => {
  const durable: (() => void)[] = []
  const receiver = await open(t, {}, () => new Promise((resolve) => durable.push(resolve)))
  const message = (chunk: string): Buffer => encoded(['app', AT, { message: chunk }, { chunk }])
  const half = client(t, receiver).send(message('one'))
  half.socket.end()
  await eventually(() => durable.length === 1)
  durable[0]()
  await half.until(acked('one'))
  const whole = client(t, receiver).send(message('two'))
  await eventually(() => durable.length === 2)
  const stopped = receiver.stop()
  durable[1]()
  await whole.until(acked('two'))
  await stopped
})

test('what log agents add is known by OpenTelemetry’s names', async (t) => {
  const receiver = await open(t)
  const socket = client(t, receiver)
  const kubernetes = {
    namespace_name: 'dub',
    pod_name: 'tts-1',
    pod_id: 'uid-1',
    container_name: 'tts',
    host: 'node-1',
    docker_id: 'abc',
    container_image: 'tts:1',
    labels: { app: 'tts' },
    annotations: { owner: 'voice' }
  }
  socket.send(encoded(['kube', AT, { log: '{"level":"warn","msg":"inner","x":1}\n', stream: 'stderr', kubernetes }]))
  await many(receiver, 1)
  const { body, severity, attributes } = receiver.records.splice(0)[0]
  deepStrictEqual([body, severity], ['inner', 13])
  deepStrictEqual(attributes, {
    'fluent.tag': 'kube',
    'log.iostream': 'stderr',
    'k8s.namespace.name': 'dub',
    'k8s.pod.name': 'tts-1',
    'k8s.pod.uid': 'uid-1',
    'k8s.container.name': 'tts',
    'k8s.node.name': 'node-1',
    'container.id': 'abc',
    'container.image.name': 'tts:1',
    'k8s.pod.label.app': 'tts',
    'k8s.pod.annotation.owner': 'voice',
    x: 1
  })
  socket.send(encoded(['docker', TIME, { container_id: 'abc', container_name: '/tts', source: 'stdout', log: 'plain' }]))
  await many(receiver, 1)
  deepStrictEqual(receiver.records[0], {
    body: 'plain',
    time: '1767323045000000000',
    attributes: { 'fluent.tag': 'docker', 'container.id': 'abc', 'container.name': 'tts', 'log.iostream': 'stdout' },
    scope: 'sluice.logs.fluent'
  })
})

const part = (id: string, log: string, isLast: boolean, ordinal = 1): object => ({
  container_id: 'abc',
  log,
  partial_message: 'true',
  partial_id: id,
  partial_ordinal: String(ordinal),
  partial_last: String(isLast)
})

test('lines that Docker has cut are joined', async (t) => {
  const receiver = await open(t, { lineMax: '256B' })
  const socket = client(t, receiver)
  const f = async (records: object[], expected: [body: string, isCut: boolean][]): Promise<void> => {
    for (const [index, record] of records.entries()) socket.send(encoded(['docker', TIME + index, record]))
    await many(receiver, expected.length)
    deepStrictEqual(
      receiver.records.splice(0).map(({ body, attributes }) => [body, attributes['log.truncated'] === true]),
      expected
    )
  }
  await f(
    [part('a', 'one ', false), part('b', 'other ', false), part('a', 'line', true), part('b', 'too', true)],
    [
      ['one line', false],
      ['other too', false]
    ]
  )
  await f([part('c', '{"level":"warn",', false), part('c', '"msg":"json"}', true)], [['json', false]])
  await f([part('d', 'x'.repeat(200), false), part('d', 'x'.repeat(200), true)], [['x'.repeat(256), true]])
  // One line more than may be open.
  await f(
    Array.from({ length: 65 }, (_, index) => part(`open-${index}`, `line ${index}`, false)),
    [['line 0', true]]
  )
  socket.socket.end()
  await many(receiver, 64)
  strictEqual(receiver.records.length, 64)
})

test('a chunk does not wait for the rest of a line', async (t) => {
  const receiver = await open(t)
  const socket = client(t, receiver).send(encoded(['docker', [[TIME, part('a', 'half a line', false)]], { chunk: 'one' }]))
  await socket.until(acked('one'))
  deepStrictEqual([receiver.records[0].body, receiver.records[0].attributes['log.truncated']], ['half a line', true])
})

test('stack traces that come line by line are joined, by tag', async (t) => {
  const receiver = await open(t, { joinWithin: '50ms' })
  const socket = client(t, receiver)
  const trace = ['Traceback (most recent call last):', '  File "a.py", line 1, in <module>', 'ValueError: no']
  for (const log of trace) for (const tag of ['a', 'b']) socket.send(encoded([tag, TIME, { log: `${log}\n` }]))
  await many(receiver, 2)
  deepStrictEqual(receiver.records.map(({ body, attributes }) => [attributes['fluent.tag'], body]).sort(), [
    ['a', trace.join('\n')],
    ['b', trace.join('\n')]
  ])
})

test('metrics and traces of Fluent Bit are not logs', async (t) => {
  const receiver = await open(t)
  const socket = client(t, receiver).send(encoded(['m', Buffer.from([0x81, 1, 2]), { fluent_signal: 1, chunk: 'one' }]))
  await socket.until(acked('one'))
  deepStrictEqual([receiver.records.length, receiver.counted('sluice_receiver_refused_requests_total', 'reason')], [0, { 'not-logs': 1 }])
})

test('who sends what is no message is cut off, and the others are not', async (t) => {
  const receiver = await open(t, { fluentMessageMax: '64KiB' })
  const good = client(t, receiver).send(encoded(['app', AT, { message: 'a' }, { chunk: 'one' }]))
  await good.until(acked('one'))
  const f = async (bytes: Uint8Array): Promise<void> => {
    const bad = client(t, receiver).send(bytes)
    await bad.closed
  }
  await f(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
  await f(encoded({ a: 'map' }))
  await f(encoded([1, 2, 3]))
  await f(encoded(['app', AT]))
  await f(encoded(['app', [['not', 'a', 'record']], 7]).subarray(0, 30))
  await f(encoded(['app', packed([AT, { a: 1 }]).subarray(0, -1)]))
  await f(encoded(['app', Buffer.from('not gzip'), { compressed: 'gzip' }]))
  await f(encoded(['app', Buffer.from('x'), { compressed: 'brotli' }]))
  await f(encoded(['app', zlib.gzipSync(Buffer.alloc(10_000_000)), { compressed: 'gzip' }]))
  await f(Buffer.from([0x93, 0xa1, 0x61, 0xdb, 0xff, 0xff, 0xff, 0xff]))
  await f(Buffer.from([0x93, 0xa1, 0x61, 0xdd, 0xff, 0xff, 0xff, 0xff]))
  await f(Buffer.concat([Buffer.from([0x92, 0xa1, 0x61, 0xc5, 0xff, 0xff]), Buffer.alloc(65_535)]))
  good.send(encoded(['app', AT, { message: 'b' }, { chunk: 'two' }]))
  await good.until(acked('two'))
  const { malformed, 'too-large': tooLarge } = receiver.counted('sluice_receiver_refused_requests_total', 'reason')
  deepStrictEqual([malformed >= 7, tooLarge, malformed + tooLarge >= 11], [true, 4, true])
  strictEqual(({} as { polluted?: number }).polluted, undefined)
})

test('depth, keys and half characters do no harm', async (t) => {
  const receiver = await open(t)
  const deep = new Raw(...Buffer.alloc(20_000, 0x91), 1)
  const odd = { message: 'm', deep, ['__proto__' as string]: { polluted: 1 }, half: new Raw(0xa2, 0xc3, 0x28), constructor: 'c' }
  client(t, receiver).send(encoded(['app', AT, odd]))
  await many(receiver, 1)
  const { body, attributes } = receiver.records[0]
  deepStrictEqual([body, attributes.half, attributes.constructor], ['m', '\ufffd(', 'c'])
  strictEqual(({} as { polluted?: number }).polluted, undefined)
})

test('messages that come byte by byte are whole in the end', async (t) => {
  const receiver = await open(t)
  const socket = client(t, receiver)
  socket.socket.setNoDelay(true)
  const message = Buffer.concat([encoded(['app', AT, { message: 'a' }]), encoded(['app', [[AT, { message: 'b' }]], { chunk: 'one' }])])
  for (const byte of message) {
    socket.send(Buffer.from([byte]))
    await new Promise(setImmediate)
  }
  await socket.until(acked('one'))
  await many(receiver, 2)
  deepStrictEqual(receiver.records.map((record) => record.body).sort(), ['a', 'b'])
})

const sha512 = (...parts: (string | Buffer)[]): string => {
  const hash = createHash('sha512')
  for (const one of parts) hash.update(one)
  return hash.digest('hex')
}

function hello(socket: RawClient): { nonce: Buffer; auth: Buffer } {
  const reader = new MsgpackReader().open(socket.received, 0, socket.received.length)
  const [word, { nonce, auth }] = reader.value() as [string, { nonce: Uint8Array | string; auth: Uint8Array | string }]
  strictEqual(word, 'HELO')
  // Bytes that happen to be a text are read as one.
  return { nonce: Buffer.from(nonce as Uint8Array), auth: Buffer.from(auth as Uint8Array) }
}

test('who does not know the key is told so and cut off', async (t) => {
  const receiver = await open(t, { fluentAuth: { sharedKey: 'k3y', users: { worker: 'pass' } } })
  const shake = async (key: string, user: string, password: string): Promise<RawClient> => {
    const socket = client(t, receiver)
    await socket.until(/keepalive\xc3/)
    const { nonce, auth } = hello(socket)
    socket.forget()
    const digest = password === '' ? '' : sha512(auth, user, password)
    socket.send(encoded(['PING', 'me', Buffer.from('salt'), sha512('salt', 'me', nonce, key), user, digest]))
    await socket.until(/\xa4PONG/)
    return socket
  }
  const good = await shake('k3y', 'worker', 'pass')
  await good.until(/\xa4PONG\xc3\xa0\xa6sluice/)
  good.send(encoded(['app', AT, { message: 'a' }, { chunk: 'one' }]))
  await good.until(acked('one'))
  const f = async (reason: RegExp, ...credentials: [string, string, string]): Promise<void> => {
    const bad = await shake(...credentials)
    await bad.closed
    match(bad.text, reason)
  }
  await f(/\xc2.*shared key mismatch/s, 'wrong', 'worker', 'pass')
  await f(/\xc2.*username\/password mismatch/s, 'k3y', 'worker', 'wrong')
  await f(/\xc2.*username\/password mismatch/s, 'k3y', 'nobody', 'pass')
  await f(/\xc2.*username\/password mismatch/s, 'k3y', '__proto__', '')
  // Records before the handshake, and more than a handshake takes.
  for (const bytes of [encoded(['app', AT, { message: 'early' }]), Buffer.concat([Buffer.from([0xdb, 0, 1, 0, 0]), Buffer.alloc(10)])])
    await client(t, receiver).send(bytes).closed
  strictEqual(receiver.records.length, 1)
  strictEqual(receiver.counted('sluice_receiver_refused_requests_total', 'reason').unauthenticated, 6)
})

test('passwords without a key are a mistake that is told', async (t) => {
  await rejects(open(t, { fluentAuth: { users: { worker: 'pass' } } }), /fluentAuth: users are asked for their passwords only/)
})

test('a heartbeat over UDP is answered', async (t) => {
  const receiver = await open(t)
  const [host, port] = receiver.fluent.split(':')
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  const answer = once(socket, 'message')
  socket.send(Buffer.from([0]), Number(port), host)
  deepStrictEqual((await answer)[0], Buffer.from([0]))
})

test('unfinished messages of all connections share their room', async (t) => {
  const receiver = await open(t, { fluentMessageMax: '64KiB' })
  // Each holds nearly one of the largest; there is room for four.
  const unfinished = Buffer.concat([Buffer.from([0x92, 0xa1, 0x61, 0xc5, 0xfe, 0xff]), Buffer.alloc(65_000)])
  const clients = Array.from({ length: 6 }, () => client(t, receiver).send(unfinished))
  await eventually(() => receiver.counted('sluice_receiver_refused_requests_total', 'reason').busy >= 2)
  for (const { socket } of clients) socket.destroy()
  const last = client(t, receiver)
  await eventually(() => last.socket.readyState === 'open')
  last.send(encoded(['app', AT, { message: 'a' }, { chunk: 'one' }]))
  await last.until(acked('one'))
})
