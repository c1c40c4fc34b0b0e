import { deepStrictEqual, match, rejects, strictEqual } from 'node:assert/strict'
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from 'node:http2'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import { RefusedError } from '../../src/errors.ts'
import { type GrpcListener, type GrpcSettings, healthCheck, listenGrpc, type UnaryMethod } from '../../src/net/grpc-server.ts'
import { type BodyLimits, ByteBudget } from '../../src/net/limits.ts'
import { nameOf, type SocketAddress, Sockets } from '../../src/net/sockets.ts'
import { eventually, RawClient } from '../support/raw-client.ts'

const KIB = 1024
const MIB = 1024 * KIB
const LOOPBACK = { host: '127.0.0.1', port: 0 }
const OPTION = 'receivers.test.grpc'
const ECHO = '/test.Echo/Say'

const limitsOf = (limits: Partial<BodyLimits> = {}): BodyLimits => ({
  bodyBytesMax: MIB,
  stallMs: 60_000,
  bodyMs: 60_000,
  budget: new ByteBudget(4 * MIB),
  ...limits
})

/** A method that answers with the length of its message and how it begins. */
const echo = (parts: Partial<UnaryMethod> = {}): UnaryMethod => ({
  path: ECHO,
  limits: limitsOf(),
  handle: (message) => Buffer.from(`${message.length} ${message.toString('latin1', 0, 10)}`),
  refuse: (error) => (error instanceof RefusedError ? error : new RefusedError('internal', 'fault')),
  ...parts
})

async function serve(
  t: TestContext,
  methods: UnaryMethod[],
  settings?: Partial<GrpcSettings>
): Promise<GrpcListener & { events: string[]; session: ClientHttp2Session }> {
  const events: string[] = []
  const all = { connectionsMax: 100, headerMs: 60_000, idleMs: 60_000, count: (event: string) => events.push(event), ...settings }
  const listener = await listenGrpc(new Sockets(), LOOPBACK, OPTION, methods, all)
  const session = dial(listener.address)
  t.after(() => {
    session.destroy()
    return listener.close(0)
  })
  return { ...listener, events, session }
}

function dial(address: SocketAddress): ClientHttp2Session {
  const session = connect(`http://${nameOf(address)}`)
  session.on('error', () => undefined)
  return session
}

function frame(message: Uint8Array | string, flag = 0): Buffer {
  const bytes = Buffer.from(message)
  const header = Buffer.from([flag, 0, 0, 0, 0])
  header.writeUInt32BE(bytes.length, 1)
  return Buffer.concat([header, bytes])
}

interface Answer {
  http: number
  status: string
  message: string
  body: string
  headers: Record<string, unknown>
}

function call(session: ClientHttp2Session, bytes: Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc', te: 'trailers', ...headers })
    const seen: Record<string, unknown> = {}
    const chunks: Buffer[] = []
    stream.on('response', (came) => Object.assign(seen, came))
    stream.on('trailers', (came) => Object.assign(seen, came))
    stream.on('data', (chunk) => chunks.push(chunk))
    stream.on('error', reject)
    stream.on('close', () =>
      resolve({
        http: seen[':status'] as number,
        status: String(seen['grpc-status']),
        message: String(seen['grpc-message']),
        body: Buffer.concat(chunks).toString('latin1', 5),
        headers: seen
      })
    )
    stream.end(bytes)
  })
}

test('a message goes in and one comes out', async (t) => {
  const { session } = await serve(t, [echo()])
  const f = async (bytes: Uint8Array, headers: OutgoingHttpHeaders, expected: string): Promise<void> => {
    const { http, status, body } = await call(session, bytes, headers)
    deepStrictEqual([http, status, body], [200, '0', expected])
  }
  await f(frame('hello'), {}, '5 hello')
  await f(frame(''), {}, '0 ')
  await f(frame('x'.repeat(MIB)), {}, `${MIB} xxxxxxxxxx`)
  await f(frame('hello'), { 'content-type': 'application/grpc+proto' }, '5 hello')
  await f(frame('hello'), { 'grpc-encoding': 'identity', 'grpc-timeout': '5S' }, '5 hello')
  await f(frame(zlib.gzipSync('hello'), 1), { 'grpc-encoding': 'gzip' }, '5 hello')
  await f(frame(zlib.deflateSync('hello'), 1), { 'grpc-encoding': 'deflate' }, '5 hello')
  await f(frame(zlib.zstdCompressSync('hello'), 1), { 'grpc-encoding': 'zstd' }, '5 hello')
  await f(frame('hello'), { 'grpc-encoding': 'gzip' }, '5 hello')
  await f(frame(zlib.gzipSync('x'.repeat(MIB)), 1), { 'grpc-encoding': 'gzip' }, `${MIB} xxxxxxxxxx`)
})

test('what cannot be served has a status of its own', async (t) => {
  const { session, events } = await serve(t, [echo()])
  const f = async (bytes: Uint8Array, headers: OutgoingHttpHeaders, status: string, message: RegExp): Promise<void> => {
    const answer = await call(session, bytes, headers)
    deepStrictEqual([answer.http, answer.status], [200, status], answer.message)
    match(answer.message, message)
    strictEqual(answer.headers['grpc-accept-encoding'], 'identity, gzip, deflate, br, zstd')
  }
  await f(frame('x'), { ':path': '/test.Echo/Other' }, '12', /^this method is not served here$/)
  await f(frame('x'.repeat(200 * KIB)), { ':path': '/' }, '12', /./)
  await f(frame('x'), { 'grpc-encoding': 'snappy' }, '12', /^this encoding is not spoken here/)
  await f(frame('x', 1), {}, '3', /grpc-encoding does not say how/)
  await f(frame('x', 1), { 'grpc-encoding': 'gzip' }, '3', /^the gzip body is damaged or cut off/)
  await f(frame('x', 2), {}, '3', /first byte is 2, expected 0 or 1/)
  await f(frame('x'), { 'grpc-timeout': 'soon' }, '3', /^grpc-timeout is not/)
  await f(frame('x'), { 'grpc-timeout': '123456789m' }, '3', /^grpc-timeout is not/)
  await f(Buffer.alloc(0), {}, '3', /^the call ended without a message$/)
  await f(Buffer.from([0, 0, 0]), {}, '3', /^the call ended without a message$/)
  await f(frame('hello').subarray(0, 7), {}, '3', /carries 2 bytes, expected one message of 5/)
  await f(Buffer.concat([frame('one'), frame('two')]), {}, '3', /carries 11 bytes, expected one message of 3/)
  deepStrictEqual(events, ['unknown-method', 'unknown-method'])
})

test('what is not gRPC is answered 415', async (t) => {
  const { session, events } = await serve(t, [echo()])
  const f = async (headers: OutgoingHttpHeaders): Promise<void> => strictEqual((await call(session, frame('x'), headers)).http, 415)
  await f({ 'content-type': 'application/json' })
  await f({ 'content-type': 'text/plain', ':path': '/nowhere' })
  await f({ ':method': 'PUT' })
  deepStrictEqual(events, ['not-grpc', 'not-grpc', 'not-grpc'])
})

test('a message over the limit is refused, and stopped while inflating', async (t) => {
  const limits = limitsOf({ bodyBytesMax: 100 * KIB })
  const { session } = await serve(t, [echo({ limits })])
  const f = async (bytes: Uint8Array, status: string, encoding = 'identity'): Promise<void> => {
    const answer = await call(session, bytes, { 'grpc-encoding': encoding })
    strictEqual(answer.status, status)
    strictEqual(limits.budget.heldBytes, 0)
    if (status === '8') strictEqual(Buffer.from(String(answer.headers['grpc-status-details-bin']), 'base64').includes('RetryInfo'), false)
  }
  await f(frame('x'.repeat(100 * KIB)), '0')
  await f(frame('x'.repeat(100 * KIB + 1)), '8')
  await f(frame('x'.repeat(4 * MIB)), '8')
  await f(frame(zlib.gzipSync(Buffer.alloc(64 * MIB)), 1), '8', 'gzip')
  await f(frame(zlib.zstdCompressSync(Buffer.alloc(64 * MIB)), 1), '8', 'zstd')
  // Its length is refused as soon as it is known.
  const stream = session.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc' })
  stream.write(Buffer.from([0, 0x7f, 0xff, 0xff, 0xff]))
  const [headers] = await new Promise<[Record<string, unknown>]>((resolve) => stream.once('response', (came) => resolve([came])))
  strictEqual(headers['grpc-status'], '8')
  stream.close()
})

test('a refusal carries its details and its message in gRPC spelling', async (t) => {
  const f = async (error: unknown, status: string, message: string, detail: string): Promise<void> => {
    const { session } = await serve(t, [echo({ handle: () => Promise.reject(error) })])
    const answer = await call(session, frame('x'))
    deepStrictEqual([answer.status, answer.message], [status, message])
    match(Buffer.from(String(answer.headers['grpc-status-details-bin']), 'base64').toString('latin1'), new RegExp(detail))
  }
  await f(new RefusedError('overloaded', 'the queue is full', { retryAfterMs: 5000 }), '14', 'the queue is full', 'google.rpc.RetryInfo')
  await f(new RefusedError('busy', 'at 100 %', { retryAfterMs: 1000 }), '8', 'at 100 %25', 'google.rpc.RetryInfo')
  await f(new RefusedError('invalid', 'späns\n'), '3', 'sp%C3%A4ns%0A', 'google.rpc.BadRequest')
  await f(new TypeError('a fault'), '13', 'fault', 'fault')
})

test('calls share a budget until they are answered', async (t) => {
  const limits = limitsOf({ budget: new ByteBudget(150 * KIB) })
  let finish = (): void => undefined
  const handle = (): Promise<Uint8Array> => new Promise((resolve) => (finish = () => resolve(Buffer.from('done'))))
  const { session } = await serve(t, [echo({ limits }), echo({ limits, path: '/slow', handle })])
  const held = call(session, frame('x'.repeat(100 * KIB)), { ':path': '/slow' })
  await eventually(() => limits.budget.heldBytes > 100 * KIB)
  strictEqual((await call(session, frame('x'.repeat(80 * KIB)))).status, '8')
  finish()
  strictEqual((await held).body, 'done')
  strictEqual(limits.budget.heldBytes, 0)
  strictEqual((await call(session, frame('x'.repeat(80 * KIB)))).status, '0')
})

test('a flood of calls is let in up to a number, the rest is told to come back', async (t) => {
  let inside = 0
  let finish = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    finish = resolve
  })
  const handle = async (): Promise<Uint8Array> => {
    inside++
    await gate
    return Buffer.alloc(0)
  }
  const { address, events } = await serve(t, [echo({ handle })])
  const sessions = Array.from({ length: 9 }, () => dial(address))
  await Promise.all(sessions.map((session) => new Promise((resolve) => session.once('remoteSettings', resolve))))
  const answers = sessions.flatMap((session) => Array.from({ length: 120 }, () => call(session, frame('x'))))
  await eventually(() => inside === 1024 && events.length === 9 * 120 - 1024)
  finish()
  const statuses = (await Promise.all(answers)).map(({ status }) => status)
  deepStrictEqual([statuses.filter((status) => status === '0').length, statuses.filter((status) => status === '8').length], [1024, 56])
  for (const session of sessions) session.destroy()
})

test('a caller waits no longer than its deadline, what it sent is held until it is done', async (t) => {
  const limits = limitsOf()
  let finish = (): void => undefined
  const handle = (): Promise<Uint8Array> => new Promise((resolve) => (finish = () => resolve(Buffer.from('late'))))
  const { session } = await serve(t, [echo({ limits, handle })])
  const answer = await call(session, frame('hello'), { 'grpc-timeout': '100m' })
  deepStrictEqual([answer.status, answer.message], ['4', 'not done within the 100 ms that the caller waits'])
  strictEqual(limits.budget.heldBytes, 10)
  finish()
  await eventually(() => limits.budget.heldBytes === 0)
})

test('a message that stalls or dawdles is refused', async (t) => {
  const f = async (limits: Partial<BodyLimits>, everyMs: number, message: RegExp): Promise<void> => {
    const all = limitsOf(limits)
    const { session } = await serve(t, [echo({ limits: all })])
    const stream = session.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc' })
    stream.on('error', () => undefined)
    stream.write(Buffer.from([0, 0, 0, 9, 9, 1]))
    const timer = setInterval(() => stream.writable && stream.write('x'), everyMs)
    const headers = await new Promise<Record<string, unknown>>((resolve) => stream.once('response', resolve))
    clearInterval(timer)
    strictEqual(headers['grpc-status'], '4')
    match(String(headers['grpc-message']), message)
    strictEqual(all.budget.heldBytes, 0)
    stream.close()
  }
  await f({ stallMs: 100 }, 10_000, /^nothing more of the body came for 100 ms$/)
  await f({ bodyMs: 300 }, 20, /^the body was not complete after 300 ms$/)
})

test('a caller that goes away or resets its call leaves nothing behind', async (t) => {
  const limits = limitsOf()
  let finish = (): void => undefined
  const handle = (): Promise<Uint8Array> => new Promise((resolve) => (finish = () => resolve(Buffer.from('late'))))
  const { address, session, events } = await serve(t, [echo({ limits, handle })])
  const open = (on: ClientHttp2Session): ReturnType<ClientHttp2Session['request']> => {
    const stream = on.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc' })
    stream.on('error', () => undefined)
    return stream
  }
  const leaving = dial(address)
  open(leaving).write(Buffer.from([0, 0, 0, 0, 9, 1]))
  await eventually(() => limits.budget.heldBytes === 6)
  leaving.destroy()
  await eventually(() => limits.budget.heldBytes === 0)
  deepStrictEqual(events, ['aborted'])
  const handled = open(session)
  handled.end(frame('hello'))
  await eventually(() => limits.budget.heldBytes === 10)
  handled.close(8)
  await new Promise((resolve) => handled.once('close', resolve))
  finish()
  await eventually(() => limits.budget.heldBytes === 0)
  const next = call(session, frame('hello'))
  await eventually(() => limits.budget.heldBytes === 10)
  finish()
  strictEqual((await next).status, '0')
})

test('a caller that resets calls by the thousand is cut off, others are not', async (t) => {
  const { session, address } = await serve(t, [echo()])
  const attacker = dial(address)
  const gone = new Promise((resolve) => attacker.once('close', resolve))
  const attack = setInterval(() => {
    for (let i = 0; i < 200 && !attacker.destroyed && !attacker.closed; i++) {
      const stream = attacker.request({ ':method': 'POST', ':path': ECHO, 'content-type': 'application/grpc' })
      stream.on('error', () => undefined)
      stream.close(8)
    }
  }, 5)
  await gone
  clearInterval(attack)
  strictEqual((await call(session, frame('hello'))).body, '5 hello')
})

test('health is told for the whole and for each service', async (t) => {
  const services = ['a.Service', 'b.Service']
  const refuse = (error: unknown): RefusedError => error as RefusedError
  const { session } = await serve(t, [healthCheck(services, limitsOf(), refuse)])
  const f = async (request: Buffer, status: string, body: string, path = '/grpc.health.v1.Health/Check'): Promise<void> => {
    const answer = await call(session, frame(request), { ':path': path })
    deepStrictEqual([answer.status, answer.body], [status, body])
  }
  const named = (name: string): Buffer => Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)])
  await f(Buffer.alloc(0), '0', '\x08\x01')
  await f(named(''), '0', '\x08\x01')
  await f(named('b.Service'), '0', '\x08\x01')
  await f(named('c.Service'), '5', '')
  await f(Buffer.from('nonsense'), '3', '')
  await f(Buffer.alloc(0), '12', '', '/grpc.health.v1.Health/Watch')
})

test('what is not HTTP/2 is cut off and counted', async (t) => {
  const { address, events, session } = await serve(t, [echo()], { headerMs: 1_500 })
  strictEqual((await call(session, frame('x'))).status, '0')
  const f = async (bytes: string): Promise<void> => {
    const client = new RawClient(address)
    if (bytes !== '') client.send(bytes)
    await client.closed
  }
  await f('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  await f('\x16\x03\x01 a TLS hello, say')
  const nonsense = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(100)}`
  await f(nonsense)
  deepStrictEqual(events, ['malformed', 'malformed', 'malformed'])
  await f('')
  // A preface and settings, one byte at a time for ever, are no call.
  const dribbling = new RawClient(address).send('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
  const timer = setInterval(() => dribbling.send('\x00'), 10)
  dribbling.socket.once('close', () => clearInterval(timer))
  await dribbling.closed
  strictEqual(events.filter((event) => event === 'header-timeout').length >= 1, true)
  strictEqual((await call(session, frame('x'))).status, '0')
})

test('a connection without calls is told to go away', async (t) => {
  const { session } = await serve(t, [echo()], { idleMs: 1_000 })
  await call(session, frame('x'))
  const goaway = new Promise<number>((resolve) => session.once('goaway', resolve))
  await new Promise((resolve) => session.once('close', resolve))
  strictEqual(await goaway, 0)
})

test('connections over the cap are closed at once and counted', async (t) => {
  const { address, events, session } = await serve(t, [echo()], { connectionsMax: 1 })
  await call(session, frame('x'))
  await new RawClient(address).closed
  deepStrictEqual(events, ['connections'])
})

test('closing answers what is inside', async () => {
  let finish = (): void => undefined
  const limits = limitsOf()
  const handle = (): Promise<Uint8Array> => new Promise((resolve) => (finish = () => resolve(Buffer.from('finished'))))
  const settings = { connectionsMax: 10, headerMs: 60_000, idleMs: 60_000 }
  const { address, close } = await listenGrpc(new Sockets(), LOOPBACK, OPTION, [echo({ limits, handle })], settings)
  const [busy, idle] = [dial(address), dial(address)]
  const inside = call(busy, frame('hello'))
  await eventually(() => limits.budget.heldBytes === 10)
  await new Promise((resolve) => (idle.connecting ? idle.once('connect', resolve) : resolve(undefined)))
  const idleGone = new Promise((resolve) => idle.once('close', resolve))
  const closed = close(60_000)
  await idleGone
  finish()
  strictEqual((await inside).body, 'finished')
  await closed
  await rejects(new RawClient(address).until(/./))
})

test('closing cuts off what does not end in time', async () => {
  const limits = limitsOf()
  const settings = { connectionsMax: 10, headerMs: 60_000, idleMs: 60_000 }
  const stuck = echo({ limits, handle: () => new Promise(() => undefined) })
  const { address, close } = await listenGrpc(new Sockets(), LOOPBACK, OPTION, [stuck], settings)
  const session = dial(address)
  void call(session, frame('hello')).catch(() => undefined)
  await eventually(() => limits.budget.heldBytes === 10)
  const gone = new Promise((resolve) => session.once('close', resolve))
  await close(50)
  await gone
})

test('a new generation takes over without closing a connection', async () => {
  const sockets = new Sockets()
  const settings = { connectionsMax: 10, headerMs: 60_000, idleMs: 60_000 }
  const named = (name: string): UnaryMethod => echo({ handle: () => Buffer.from(name) })
  const old = await listenGrpc(sockets, LOOPBACK, OPTION, [named('old'), echo({ path: '/gone' })], settings)
  const session = dial(old.address)
  strictEqual((await call(session, frame('x'))).body, 'old')
  const next = await listenGrpc(sockets, LOOPBACK, OPTION, [named('new')], settings)
  strictEqual((await call(session, frame('x'))).body, 'new')
  await old.close(1000)
  strictEqual((await call(session, frame('x'))).body, 'new')
  strictEqual((await call(session, frame('x'), { ':path': '/gone' })).status, '12')
  const gone = new Promise((resolve) => session.once('close', resolve))
  await next.close(1000)
  await gone
})
