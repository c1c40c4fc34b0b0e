import { deepStrictEqual, match, rejects, strictEqual } from 'node:assert/strict'
import { Agent, type IncomingMessage, request } from 'node:http'
import { type TestContext, test } from 'node:test'
import zlib from 'node:zlib'
import { REFUSALS, RefusedError } from '../../src/errors.ts'
import {
  type HttpAnswer,
  type HttpListener,
  type HttpRequest,
  type HttpRoute,
  type HttpSettings,
  listenHttp,
  plainAnswer
} from '../../src/net/http-server.ts'
import { type BodyLimits, ByteBudget } from '../../src/net/limits.ts'
import { type SocketAddress, Sockets } from '../../src/net/sockets.ts'
import { until } from '../support/gateway-process.ts'
import { eventually, RawClient } from '../support/raw-client.ts'

const KIB = 1024
const MIB = 1024 * KIB
const LOOPBACK = { host: '127.0.0.1', port: 0 }
const OPTION = 'receivers.test.http'

const limitsOf = (limits: Partial<BodyLimits> = {}): BodyLimits => ({
  bodyBytesMax: MIB,
  stallMs: 60_000,
  bodyMs: 60_000,
  budget: new ByteBudget(4 * MIB),
  ...limits
})

/** A route that answers with what it was sent, in words. */
function echo(path: string, parts: Partial<HttpRoute> = {}): HttpRoute {
  return {
    method: 'POST',
    path,
    limits: limitsOf(),
    handle: ({ method, path, query, params, body }) =>
      plainAnswer(200, `${method} ${path} ${query} ${JSON.stringify(params)} ${body.length} ${body.toString('latin1', 0, 20)}`),
    refuse: (error) =>
      error instanceof RefusedError ? plainAnswer(REFUSALS[error.code].http, `${error.code}: ${error.message}`) : plainAnswer(500, 'fault'),
    ...parts
  }
}

async function serve(t: TestContext, routes: HttpRoute[], settings?: Partial<HttpSettings>): Promise<HttpListener & { events: string[] }> {
  const events: string[] = []
  const all = { connectionsMax: 100, headerMs: 60_000, idleMs: 60_000, count: (event: string) => events.push(event), ...settings }
  const listener = await listenHttp(new Sockets(), LOOPBACK, OPTION, routes, all)
  t.after(() => listener.close(0))
  return { ...listener, events }
}

interface Sent {
  method?: string
  path?: string
  headers?: Record<string, string>
  body?: Uint8Array | string
  agent?: Agent
}

function ask(address: SocketAddress, { method = 'POST', path = '/echo', headers, body = '', agent }: Sent = {}) {
  return new Promise<{ status: number; text: string; headers: IncomingMessage['headers'] }>((resolve, reject) => {
    const where = 'path' in address ? { socketPath: address.path } : address
    const asked = request({ ...where, method, path, headers: headers ?? {}, agent: agent ?? false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk) => chunks.push(chunk))
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString(), headers: response.headers })
      )
      response.on('error', reject)
    })
    asked.on('error', reject)
    asked.end(body)
  })
}

const head = (...lines: string[]): string => `${['POST /echo HTTP/1.1', 'Host: x', ...lines].join('\r\n')}\r\n\r\n`

test('a request reaches its route whole', async (t) => {
  const { address } = await serve(t, [echo('/echo'), echo('/logs/:name'), echo('/files/*'), echo('/page', { method: 'GET' })])
  const f = async (sent: Sent, expected: string): Promise<void> => strictEqual((await ask(address, sent)).text.trimEnd(), expected)
  await f({ body: 'hello' }, 'POST /echo  {} 5 hello')
  await f({ path: '/echo?a=1&b=%20?', body: '' }, 'POST /echo a=1&b=%20? {} 0')
  await f({ path: '/logs/stage%20one' }, 'POST /logs/stage%20one  {"name":"stage one"} 0')
  await f({ path: '/files/a/b' }, 'POST /files/a/b  {"*":"a/b"} 0')
  await f({ body: 'x'.repeat(300 * KIB) }, `POST /echo  {} ${300 * KIB} xxxxxxxxxxxxxxxxxxxx`)
  await f({ body: 'chunked', headers: { 'transfer-encoding': 'chunked' } }, 'POST /echo  {} 7 chunked')
  await f({ method: 'GET', path: '/page' }, 'GET /page  {} 0')
  await f({ headers: { 'content-type': 'application/json' }, body: '{nonsense' }, 'POST /echo  {} 9 {nonsense')
  await f({ headers: { 'content-type': '///' }, body: 'x' }, 'POST /echo  {} 1 x')
})

test('what is not a route is answered in plain words', async (t) => {
  const { address, events } = await serve(t, [echo('/echo'), echo('/page', { method: 'GET' })])
  const f = async (sent: Sent, status: number, text: string, allow?: string): Promise<void> => {
    const answer = await ask(address, sent)
    deepStrictEqual([answer.status, answer.text.trimEnd(), answer.headers.allow], [status, text, allow])
  }
  await f({ method: 'GET' }, 405, 'expected POST', 'POST')
  await f({ method: 'HEAD' }, 405, '', 'POST')
  await f({ method: 'PUT', body: 'x'.repeat(100 * KIB) }, 405, 'expected POST', 'POST')
  await f({ method: 'POST', path: '/page', body: 'abc' }, 405, 'expected GET, HEAD', 'GET, HEAD')
  await f({ method: 'HEAD', path: '/page' }, 200, '')
  await f({ path: '/nowhere', body: 'abc', headers: { 'content-type': 'application/json' } }, 404, 'nothing is served at this path')
  await f({ path: '/nowhere', body: 'abc', headers: { 'content-type': '///' } }, 404, 'nothing is served at this path')
  await f({ path: '/%zz', body: 'abc' }, 400, 'the path is not a valid URL path')
  deepStrictEqual(events, ['method', 'method', 'method', 'method', 'not-found', 'not-found', 'malformed'])
})

test('a body is inflated before the route sees it', async (t) => {
  const { address } = await serve(t, [echo('/echo')])
  const f = async (coding: string, body: Buffer, status: number, text: RegExp): Promise<void> => {
    const answer = await ask(address, { body, headers: { 'content-encoding': coding } })
    strictEqual(answer.status, status)
    match(answer.text, text)
    strictEqual(answer.headers['accept-encoding'], status === 415 ? 'gzip, deflate, br, zstd' : undefined)
  }
  const text = Buffer.from('hello '.repeat(20_000))
  const whole = / 120000 hello hello/
  await f('gzip', zlib.gzipSync(text), 200, whole)
  await f('deflate', zlib.deflateSync(text), 200, whole)
  await f('deflate', zlib.deflateRawSync(text), 200, whole)
  await f('zstd', zlib.zstdCompressSync(text), 200, whole)
  await f('identity', text, 200, whole)
  await f('gzip', Buffer.alloc(0), 200, / 0 $/m)
  await f('br', zlib.brotliCompressSync(text), 200, whole)
  await f('compress', text, 415, /^unsupported: this encoding/)
  await f('gzip, gzip', zlib.gzipSync(zlib.gzipSync(text)), 415, /^unsupported: more than one encoding/)
  await f('gzip', Buffer.from('not gzip at all'), 400, /^invalid: the gzip body is damaged/)
  await f('gzip', zlib.gzipSync(text).subarray(0, -1), 400, /^invalid: the gzip body is damaged/)
})

test('a body over the limit is refused, however it is sent, and the budget is whole again', async (t) => {
  const limits = limitsOf({ bodyBytesMax: 100 * KIB })
  const { address } = await serve(t, [echo('/echo', { limits })])
  const f = async (sent: Sent, status: number): Promise<void> => {
    strictEqual((await ask(address, sent)).status, status)
    strictEqual(limits.budget.heldBytes, 0)
  }
  await f({ body: 'x'.repeat(100 * KIB) }, 200)
  await f({ body: 'x'.repeat(100 * KIB + 1) }, 413)
  await f({ body: 'x'.repeat(100 * KIB + 1), headers: { 'transfer-encoding': 'chunked' } }, 413)
  await f({ body: zlib.gzipSync(Buffer.alloc(100 * KIB)), headers: { 'content-encoding': 'gzip' } }, 200)
  await f({ body: zlib.gzipSync(Buffer.alloc(100 * KIB + 1)), headers: { 'content-encoding': 'gzip' } }, 413)
  await f({ body: zlib.zstdCompressSync(Buffer.alloc(64 * MIB)), headers: { 'content-encoding': 'zstd' } }, 413)
  // A sender in the middle of a large body still gets to read why, and may go on with the same connection.
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  const refused = await ask(address, { body: Buffer.alloc(8 * MIB), agent })
  const next = await ask(address, { body: 'small', agent })
  deepStrictEqual([refused.status, refused.text.trim(), next.status], [413, 'too-large: the body is larger than 102400 bytes', 200])
  agent.destroy()
})

test('a length over the limit is refused before the body comes', async (t) => {
  const { address } = await serve(t, [echo('/echo', { limits: limitsOf({ bodyBytesMax: 10 }) })])
  const client = new RawClient(address).send(head('Content-Length: 11'))
  match(await client.until(/larger/), /^HTTP\/1.1 413 /)
  client.socket.destroy()
})

test('bodies share a budget until they are answered', async (t) => {
  const limits = limitsOf({ budget: new ByteBudget(150 * KIB) })
  let answer = (_answer: HttpAnswer): void => undefined
  const slow = echo('/slow', { limits, handle: () => new Promise((resolve) => (answer = resolve)) })
  const { address } = await serve(t, [echo('/echo', { limits }), slow])
  const held = ask(address, { path: '/slow', body: 'x'.repeat(100 * KIB) })
  await eventually(() => limits.budget.heldBytes === 100 * KIB)
  strictEqual((await ask(address, { body: 'x'.repeat(50 * KIB) })).status, 200)
  const busy = await ask(address, { body: 'x'.repeat(50 * KIB + 1) })
  deepStrictEqual([busy.status, busy.text.trim()], [429, 'busy: requests in flight hold 102400 of 153600 bytes'])
  answer(plainAnswer(200, 'done'))
  strictEqual((await held).status, 200)
  strictEqual(limits.budget.heldBytes, 0)
  strictEqual((await ask(address, { body: 'x'.repeat(120 * KIB) })).status, 200)
})

test('a route may turn a request away by its headers', async (t) => {
  const admit = (headers: IncomingMessage['headers']): void => {
    if (headers.authorization === undefined) throw new RefusedError('unauthenticated', 'who are you')
  }
  const { address } = await serve(t, [echo('/echo', { admit })])
  strictEqual((await ask(address, { body: 'x'.repeat(300 * KIB) })).text.trim(), 'unauthenticated: who are you')
  strictEqual((await ask(address, { body: 'x', headers: { authorization: 'me' } })).status, 200)
})

test('what a route throws is worded by the route, and the process goes on', async (t) => {
  const f = async (handle: HttpRoute['handle'], status: number): Promise<void> => {
    const { address } = await serve(t, [echo('/echo', { handle })])
    strictEqual((await ask(address, { body: 'x' })).status, status)
    strictEqual((await ask(address, { body: 'x' })).status, status)
  }
  await f(() => Promise.reject(new RefusedError('overloaded', 'full')), 503)
  await f(() => {
    throw new TypeError('a fault')
  }, 500)
})

test('a body is given back when its route is done with it', async (t) => {
  const seen: HttpRequest[] = []
  const handle = async (request: HttpRequest): Promise<HttpAnswer> => {
    seen.push(request)
    await Promise.resolve()
    return plainAnswer(200, request.body.toString('latin1', request.body.length - 3))
  }
  const { address } = await serve(t, [echo('/echo', { handle })])
  const body = `${'x'.repeat(200 * KIB)}end`
  strictEqual((await ask(address, { body })).text, 'end\n')
  strictEqual((await ask(address, { body: zlib.gzipSync(body), headers: { 'content-encoding': 'gzip' } })).text, 'end\n')
  deepStrictEqual(
    seen.map((request) => request.body.length),
    [0, 0]
  )
})

test('a sender that stalls, or dawdles, is answered 408 and cut off', async (t) => {
  const f = async (limits: Partial<BodyLimits>, send: (client: RawClient) => void, message: RegExp): Promise<void> => {
    const all = limitsOf(limits)
    const { address } = await serve(t, [echo('/echo', { limits: all })])
    const client = new RawClient(address).send(head('Content-Length: 1000'))
    send(client)
    await client.closed
    match(client.text, /^HTTP\/1.1 408 [\s\S]*connection: close/)
    match(client.text, message)
    strictEqual(all.budget.heldBytes, 0)
  }
  await f({ stallMs: 100 }, (client) => client.send('some'), /nothing more of the body came for 100 ms/)
  const dawdle = (client: RawClient): void => {
    const timer = setInterval(() => client.send('x'), 20)
    client.socket.once('close', () => clearInterval(timer))
  }
  await f({ bodyMs: 300 }, dawdle, /the body was not complete after 300 ms/)
})

test('a body whose rest came while we stood still is not late', async (t) => {
  const limits = limitsOf({ stallMs: 3_000 })
  const { address } = await serve(t, [echo('/echo', { limits })])
  const client = new RawClient(address).send(head('Content-Length: 2')).send('1')
  await eventually(() => limits.budget.heldBytes > 0)
  // Until it has been looked at once.
  await new Promise((resolve) => setTimeout(resolve, 300))
  // What comes next are the timers that have run out meanwhile, before what waits in the kernel.
  await new Promise((resolve) => setImmediate(resolve))
  client.send('2')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_500)
  match(await client.until(/\n$/), / 200 [\s\S]* 2 12\n$/)
  client.socket.destroy()
})

test('slow headers, silent connections and idle ones are closed', async (t) => {
  const { address, events } = await serve(t, [echo('/echo')], { headerMs: 2_000, idleMs: 100 })
  const dribbling = new RawClient(address).send('POST /echo HTTP/1.1\r\nHost: x\r\n')
  const silent = new RawClient(address)
  const idle = new RawClient(address).send(head('Content-Length: 1')).send('x')
  await Promise.all([dribbling.closed, silent.closed, idle.closed])
  match(dribbling.text, /^HTTP\/1.1 408 /)
  match(idle.text, /^HTTP\/1.1 200 /)
  deepStrictEqual([...new Set(events)], ['header-timeout'])
})

test('connections over the cap are closed at once and counted', async (t) => {
  const { address, events } = await serve(t, [echo('/echo')], { connectionsMax: 2 })
  const first = [new RawClient(address), new RawClient(address)]
  for (const client of first) await client.send(head('Content-Length: 0')).until(/ 200 /)
  const third = new RawClient(address)
  await third.closed
  deepStrictEqual(events, ['connections'])
  first[0].socket.destroy()
  await first[0].closed
  // As soon as the server has seen it, too.
  await until(
    () => ask(address).then(({ status }) => status, String),
    (status) => status === 200
  )
  first[1].socket.destroy()
})

test('what is not HTTP is answered 400 and counted', async (t) => {
  const f = async (bytes: string, expected: RegExp, counted: string[] = ['malformed']): Promise<void> => {
    const { address, events } = await serve(t, [echo('/echo')])
    const client = new RawClient(address).send(bytes)
    await client.closed
    match(client.text, expected)
    deepStrictEqual(events, counted)
  }
  await f('\x16\x03\x01 a TLS hello, say\r\n\r\n', /^HTTP\/1.1 400 /)
  await f('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^HTTP\/1.1 400 |^$/)
  await f(head('Content-Length: 5', 'Transfer-Encoding: chunked'), /^HTTP\/1.1 400 /)
  await f(head('Content-Length: 5', 'Content-Length: 6'), /^HTTP\/1.1 400 /)
  await f(head('Content-Length: -1'), /^HTTP\/1.1 400 /)
  await f(head(`X: ${'x'.repeat(17 * KIB)}`), /^HTTP\/1.1 431 /)
  await f(
    `${head('Transfer-Encoding: chunked')}5\r\nhello\r\nnonsense\r\n`,
    /^HTTP\/1.1 400 [\s\S]*invalid: the body is not framed as HTTP\/1.1 says/
  )
  await f('POST /echo HTTP/1.1\r\n\r\n', /^HTTP\/1.1 400 /, [])
})

test('requests in one go are answered in order, also when nonsense follows', async (t) => {
  const { address } = await serve(t, [echo('/echo')])
  const client = new RawClient(address).send(`${head('Content-Length: 1')}1${head('Content-Length: 1')}2${head('Content-Length: 1')}3`)
  const text = await client.until(/ 1 3\n/)
  deepStrictEqual(text.match(/(?<= 1 )\d(?=\n)/g), ['1', '2', '3'])
  client.socket.destroy()
  const derailed = new RawClient(address).send(`${head('Content-Length: 1')}1NONSENSE\r\n\r\n`)
  await derailed.closed
  match(derailed.text, /^HTTP\/1.1 200 [\s\S]* 1 1\n/)
})

test('a flood of requests is let in up to a number, the rest is told to come back', async (t) => {
  let inside = 0
  let finish = (): void => undefined
  const gate = new Promise<void>((resolve) => {
    finish = resolve
  })
  const handle = async (): Promise<HttpAnswer> => {
    inside++
    await gate
    return plainAnswer(200, 'in')
  }
  const { address } = await serve(t, [echo('/echo', { handle })])
  const client = new RawClient(address).send(head('Content-Length: 0').repeat(1100))
  await eventually(() => inside === 1024)
  match((await ask(address)).text, /^busy: 1024 requests are inside already$/m)
  finish()
  await eventually(() => client.text.split('HTTP/1.1 ').length === 1101)
  const statuses = client.text.match(/(?<=HTTP\/1.1 )\d{3}/g) ?? []
  deepStrictEqual([statuses.filter((status) => status === '200').length, statuses.filter((status) => status === '429').length], [1024, 76])
  client.socket.destroy()
})

test('who asks before sending is told to continue, or why not', async (t) => {
  const { address } = await serve(t, [echo('/echo', { limits: limitsOf({ bodyBytesMax: 10 }) })])
  const welcome = new RawClient(address).send(head('Content-Length: 5', 'Expect: 100-continue'))
  match(await welcome.until(/100 Continue\r\n\r\n/), /^HTTP\/1.1 100 /)
  match(await welcome.send('hello').until(/hello/), / 200 /)
  welcome.socket.destroy()
  const refused = new RawClient(address).send(head('Content-Length: 11', 'Expect: 100-continue'))
  await refused.closed
  match(refused.text, /^HTTP\/1.1 413 [\s\S]*connection: close/)
})

test('a sender that goes away in the middle leaves nothing behind', async (t) => {
  const limits = limitsOf()
  const { address, events } = await serve(t, [echo('/echo', { limits })])
  const client = new RawClient(address).send(head('Content-Length: 1000')).send('half')
  await eventually(() => limits.budget.heldBytes === 4)
  client.socket.resetAndDestroy()
  await eventually(() => limits.budget.heldBytes === 0)
  deepStrictEqual(events, ['aborted'])
})

test('a sender that goes away before its answer does no harm', async (t) => {
  let finish = (): void => undefined
  const handle = (): Promise<HttpAnswer> => new Promise((resolve) => (finish = () => resolve(plainAnswer(200, 'late'))))
  const limits = limitsOf()
  const { address } = await serve(t, [echo('/slow', { limits, handle }), echo('/echo')])
  const client = new RawClient(address).send(head('Content-Length: 4').replace('/echo', '/slow')).send('body')
  await eventually(() => limits.budget.heldBytes === 4)
  client.socket.destroy()
  await client.closed
  strictEqual((await ask(address)).status, 200)
  finish()
  await eventually(() => limits.budget.heldBytes === 0)
})

test('a new generation takes over without closing a connection', async () => {
  const sockets = new Sockets()
  const named = (name: string): HttpRoute => echo('/echo', { handle: () => plainAnswer(200, name) })
  const old = await listenHttp(sockets, LOOPBACK, OPTION, [named('old'), echo('/gone')])
  const client = new RawClient(old.address)
  const f = async (expected: RegExp): Promise<void> => {
    client.forget()
    match(await client.send(head('Content-Length: 0')).until(/\n$/), expected)
  }
  await f(/old\n$/)
  const next = await listenHttp(sockets, LOOPBACK, OPTION, [named('new')])
  await f(/new\n$/)
  await old.close(1000)
  await f(/new\n$/)
  strictEqual((await ask(next.address, { path: '/gone' })).status, 404)
  client.socket.destroy()
  await next.close(1000)
  await rejects(ask(next.address), { code: 'ECONNREFUSED' })
})

test('several share an address, each with its own routes', async () => {
  const sockets = new Sockets()
  const one = await listenHttp(sockets, LOOPBACK, OPTION, [echo('/one')])
  const other = await listenHttp(sockets, one.address, 'receivers.logs.http', [echo('/other'), echo('/one', { method: 'GET' })])
  const statusOf = async (method: string, path: string): Promise<number> => (await ask(one.address, { method, path })).status
  deepStrictEqual([await statusOf('POST', '/one'), await statusOf('POST', '/other'), await statusOf('GET', '/one')], [200, 200, 200])
  await one.close(100)
  deepStrictEqual([await statusOf('POST', '/one'), await statusOf('POST', '/other'), await statusOf('GET', '/one')], [405, 200, 200])
  await other.close(100)
})

test('closing answers what is inside, and closes what is idle at once', async () => {
  let finish = (): void => undefined
  const handle = (): Promise<HttpAnswer> => new Promise((resolve) => (finish = () => resolve(plainAnswer(200, 'finished'))))
  const limits = limitsOf()
  const { address, close } = await listenHttp(new Sockets(), LOOPBACK, OPTION, [echo('/slow', { limits, handle }), echo('/echo')])
  const idle = new RawClient(address).send(head('Content-Length: 0'))
  await idle.until(/ 200 /)
  const inside = new RawClient(address).send(head('Content-Length: 1').replace('/echo', '/slow')).send('x')
  await eventually(() => limits.budget.heldBytes === 1)
  const silent = new RawClient(address)
  await new Promise((resolve) => silent.socket.once('connect', resolve))
  const closed = close(60_000)
  await Promise.all([idle.closed, silent.closed])
  await rejects(ask(address), { code: 'ECONNREFUSED' })
  finish()
  await Promise.all([closed, inside.closed])
  match(inside.text, / 200 [\s\S]*connection: close[\s\S]*finished/i)
})

test('closing cuts off what does not end in time', async () => {
  const handle = (): Promise<HttpAnswer> => new Promise(() => undefined)
  const limits = limitsOf()
  const { address, close } = await listenHttp(new Sockets(), LOOPBACK, OPTION, [echo('/echo', { limits, handle })])
  const stuck = new RawClient(address).send(head('Content-Length: 1')).send('x')
  const half = new RawClient(address).send(head('Content-Length: 9')).send('y')
  await eventually(() => limits.budget.heldBytes === 2)
  await close(50)
  await Promise.all([stuck.closed, half.closed])
})
