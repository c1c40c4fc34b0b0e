import { deepStrictEqual, fail, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer, type ServerOptions } from 'node:https'
import { type AddressInfo, connect, createServer as createRawServer, type Socket } from 'node:net'
import { test } from 'node:test'
import { readTls } from '../../src/net/client-tls.ts'
import { HttpClient, type HttpClientOptions, type HttpRequest, RESPONSE_BYTES_MAX } from '../../src/net/http-client.ts'
import { type Certificates, makeCertificates, readPem } from '../support/certificates.ts'

interface Context {
  after(done: () => unknown): void
}

async function serve(t: Context, listener: RequestListener, tls?: ServerOptions): Promise<Server> {
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return server
}

/** Writes for as long as somebody reads. */
function pour(response: ServerResponse): void {
  const chunk = Buffer.alloc(64 * 1024, 'x')
  const pump = (): void => {
    while (!response.destroyed && response.write(chunk));
  }
  response.on('drain', pump)
  pump()
}

async function serveRaw(t: Context, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createRawServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    onConnection(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as AddressInfo).port
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port

function clientOf(t: Context, options: HttpClientOptions = {}): HttpClient {
  const client = new HttpClient({ proxy: 'off', ...options })
  t.after(() => client.close())
  return client
}

const post = (url: string, parts: Partial<HttpRequest> = {}): HttpRequest => ({
  method: 'POST',
  url: new URL(url),
  headers: {},
  body: Buffer.from('body'),
  timeoutMs: 60_000,
  ...parts
})

const failsWith = (promise: Promise<unknown>, words: RegExp): Promise<void> =>
  rejects(promise, (error: Error & { retryable?: boolean }) => {
    match(error.message, words)
    strictEqual(error.retryable, true)
    return true
  })

test('a request goes out as it is, and the answer comes back', async (t) => {
  const server = await serve(t, async (request, response) => {
    const body = (await Array.fromAsync(request)).join('')
    response.writeHead(201, 'Made', { 'X-One': 'a', 'Set-Cookie': ['b=1', 'c=2'] })
    response.end(
      JSON.stringify({
        method: request.method,
        url: request.url,
        type: request.headers['content-type'],
        length: request.headers['content-length'],
        body
      })
    )
  })
  const { status, headers, body } = await clientOf(t).request(
    post(`http://127.0.0.1:${portOf(server)}/a/b?c=d`, { headers: { 'content-type': 'text/x' } })
  )
  strictEqual(status, 201)
  deepStrictEqual([headers['x-one'], headers['set-cookie']], ['a', 'b=1'])
  deepStrictEqual(JSON.parse(body.toString()), { method: 'POST', url: '/a/b?c=d', type: 'text/x', length: '4', body: 'body' })
})

test('connections are kept, and their number is bounded', async (t) => {
  let connections = 0
  let inside = 0
  let most = 0
  const server = await serve(t, (_, response) => {
    most = Math.max(most, ++inside)
    setTimeout(() => {
      inside--
      response.end()
    }, 5)
  })
  server.on('connection', () => connections++)
  const client = clientOf(t, { connectionsMax: 3 })
  const url = `http://127.0.0.1:${portOf(server)}/`
  for (let i = 0; i < 5; i++) await client.request(post(url))
  // A connection is free a moment after its answer has been handed over.
  ok(connections <= 2, `${connections} connections for 5 requests, one after the other`)
  await Promise.all(Array.from({ length: 12 }, () => client.request(post(url))))
  ok(connections <= 3 && most === 3, `${connections} connections, ${most} requests at once`)
})

test('of a long answer the first bytes are kept; an endless one is cut off', async (t) => {
  const server = await serve(t, (request, response) => {
    if (request.url === '/long') response.end(Buffer.alloc(1_000_000, 'x'))
    else pour(response)
  })
  const client = clientOf(t)
  for (const path of ['long', 'endless']) {
    const { status, body } = await client.request(post(`http://127.0.0.1:${portOf(server)}/${path}`))
    deepStrictEqual([status, body.length], [200, RESPONSE_BYTES_MAX])
  }
})

test('an answer of success is taken as it comes, if somebody wants that; any other is kept', async (t) => {
  let next = (): void => undefined
  const server = await serve(t, (request, response) => {
    if (request.url === '/refused') response.writeHead(410).end('gone')
    else if (request.url === '/endless') pour(response)
    else {
      const parts = ['one', 'two', 'three']
      next = () => void (parts.length === 0 ? response.end() : response.write(parts.shift()!))
      next()
    }
  })
  const client = clientOf(t)
  const f = (path: string, onData: (chunk: Buffer) => void) =>
    client.request({ ...post(`http://127.0.0.1:${portOf(server)}/${path}`), onData })
  // There is a further part only when the one before was taken.
  const taken: string[] = []
  const { body: left } = await f('told', (chunk) => {
    taken.push(String(chunk))
    next()
  })
  deepStrictEqual([taken, left.length], [['one', 'two', 'three'], 0])
  const { status, body } = await f('refused', () => fail('this is no answer of success'))
  deepStrictEqual([status, body.toString()], [410, 'gone'])
  let bytes = 0
  const endless = await f('endless', ({ length }) => {
    bytes += length
  })
  strictEqual(endless.status, 200)
  ok(bytes > 1024 * 1024 && bytes < 8 * 1024 * 1024, `it ends after ${bytes} bytes`)
})

test('an interim answer is not the answer', async (t) => {
  const port = await serveRaw(t, (socket) =>
    socket.once('data', () => socket.write('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'))
  )
  const { status, body } = await clientOf(t).request(post(`http://127.0.0.1:${port}/`))
  deepStrictEqual([status, body.toString()], [200, 'ok'])
})

test('the clock runs from the call to the last byte', async (t) => {
  const client = clientOf(t)
  const f = async (onConnection: (socket: Socket) => void): Promise<void> => {
    const port = await serveRaw(t, onConnection)
    const startMs = performance.now()
    await failsWith(client.request(post(`http://127.0.0.1:${port}/`, { timeoutMs: 100 })), /no answer within 100 ms/)
    ok(performance.now() - startMs < 60_000)
  }
  await f(() => undefined)
  await f((socket) => socket.write('HTTP/1.1 200 OK\r\n'))
  await f((socket) => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf'))
  await f((socket) => {
    socket.write('HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n')
    const drip = setInterval(() => socket.write('x'), 10)
    socket.on('close', () => clearInterval(drip))
  })
})

test('a connection that does not come about ends by the clock too', async (t) => {
  // 192.0.2.0/24 is nobody’s: nothing answers, unless the network says at once that there is nothing.
  const failure = clientOf(t).request(post('http://192.0.2.1:4318/', { timeoutMs: 200 }))
  await failsWith(failure, /no answer within 200 ms|no route|refused/)
})

test('a stop ends a request wherever it is', async (t) => {
  const client = clientOf(t, { connectionsMax: 1 })
  const port = await serveRaw(t, () => undefined)
  const stop = new AbortController()
  const sent = client.request(post(`http://127.0.0.1:${port}/`, { signal: stop.signal }))
  const waiting = client.request(post(`http://127.0.0.1:${port}/`, { signal: stop.signal }))
  setImmediate(() => stop.abort())
  await failsWith(sent, /stopped/)
  await failsWith(waiting, /stopped/)
  await failsWith(client.request(post(`http://127.0.0.1:${port}/`, { signal: stop.signal })), /stopped/)
})

test('what went wrong is said in words', async (t) => {
  const client = clientOf(t)
  const f = async (url: string, words: RegExp): Promise<void> => failsWith(client.request(post(url)), words)
  const raw = async (answer: string | null): Promise<string> => {
    const port = await serveRaw(t, (socket) => socket.once('data', () => (answer === null ? socket.resetAndDestroy() : socket.end(answer))))
    return `http://127.0.0.1:${port}/`
  }
  await f('http://no-such-host.invalid/', /host name/)
  await f('http://127.0.0.1:1/', /^127\.0\.0\.1:1: connection refused/)
  await f(await raw(null), /connection reset|closed by the other side/)
  await f(await raw(''), /closed by the other side/)
  await f(await raw('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf'), /closed by the other side/)
  await f(await raw('SSH-2.0-OpenSSH_9.6\r\n'), /not HTTP/)
  await f(await raw(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(70_000)}\r\n\r\n`), /too many header bytes|header/i)
  await f((await raw('HTTP/1.1 400 Bad Request\r\n\r\n')).replace('http:', 'https:'), /TLS handshake failed|closed by the other side/)
})

test('TLS: only certificates of a known authority for the right name, with the remedy', async (t) => {
  const files = makeCertificates()
  if (files === null) return t.skip('there is no openssl command to make certificates with')
  const [cert, key, otherCert, otherKey] = readPem(files.serverCertFile, files.serverKeyFile, files.otherCertFile, files.otherKeyFile)
  const answer: RequestListener = (_, response) => response.end('ok')
  const right = await serve(t, answer, { cert, key })
  const wrong = await serve(t, answer, { cert: otherCert, key: otherKey })
  const trusting = clientOf(t, { tls: await tlsOf(files) })
  strictEqual((await trusting.request(post(`https://127.0.0.1:${portOf(right)}/`))).body.toString(), 'ok')
  strictEqual((await trusting.request(post(`https://localhost:${portOf(right)}/`))).body.toString(), 'ok')
  await failsWith(trusting.request(post(`https://127.0.0.1:${portOf(wrong)}/`)), /certificate is for another host name/)
  await failsWith(clientOf(t).request(post(`https://127.0.0.1:${portOf(right)}/`)), /certificate.*tls\.caFile/)
  await failsWith(trusting.request(post(`http://127.0.0.1:${portOf(right)}/`)), /closed by the other side|reset|not HTTP/)
  const insecure = clientOf(t, { tls: { insecure: true } })
  strictEqual((await insecure.request(post(`https://127.0.0.1:${portOf(wrong)}/`))).body.toString(), 'ok')
})

test('TLS: the gateway shows its own certificate where it has one', async (t) => {
  const files = makeCertificates()
  if (files === null) return t.skip('there is no openssl command to make certificates with')
  const [cert, key, ca] = readPem(files.serverCertFile, files.serverKeyFile, files.caFile)
  const server = await serve(t, (_, response) => response.end('ok'), { cert, key, ca, requestCert: true, rejectUnauthorized: true })
  const url = `https://127.0.0.1:${portOf(server)}/`
  const { clientCertFile: certFile, clientKeyFile: keyFile } = files
  strictEqual((await clientOf(t, { tls: await tlsOf(files, { certFile, keyFile }) }).request(post(url))).body.toString(), 'ok')
  await rejects(clientOf(t, { tls: await tlsOf(files) }).request(post(url)))
})

const tlsOf = ({ caFile }: Certificates, files: { certFile?: string; keyFile?: string } = {}) =>
  readTls({ caFile, ...files, insecure: false }, 'tls')

/** A proxy that says what it was asked for. */
async function serveProxy(t: Context, asked: string[]): Promise<string> {
  const proxy = await serve(t, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    response.writeHead(request.url?.includes('closed') ? 407 : 200).end('from the proxy')
  })
  proxy.on('connect', (request, socket: Socket) => {
    asked.push(`CONNECT ${request.url} ${request.headers['proxy-authorization'] ?? ''}`.trim())
    socket.on('error', () => undefined)
    const [host, port] = request.url!.split(':')
    if (host !== '127.0.0.1') return socket.end('HTTP/1.1 502 Bad Gateway\r\n\r\n')
    const through = connect(Number(port), host, () => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      through.pipe(socket).pipe(through)
    })
    through.on('error', () => socket.destroy())
    t.after(() => through.destroy())
  })
  return `http://127.0.0.1:${portOf(proxy)}`
}

test('a proxy is asked for plain requests, and tunnels secure ones', async (t) => {
  const files = makeCertificates()
  if (files === null) return t.skip('there is no openssl command to make certificates with')
  const [cert, key] = readPem(files.serverCertFile, files.serverKeyFile)
  const server = await serve(t, (_, response) => response.end('from the server'), { cert, key })
  const asked: string[] = []
  const proxy = (await serveProxy(t, asked)).replace('//', '//user:p%40ss@')
  const authorization = `Basic ${Buffer.from('user:p@ss').toString('base64')}`
  const client = clientOf(t, { proxy, tls: await tlsOf(files) })
  strictEqual((await client.request(post('http://collector.example:4318/v1/traces'))).body.toString(), 'from the proxy')
  await failsWith(client.request(post('http://collector.example/closed')), /proxy wants credentials/)
  strictEqual((await client.request(post(`https://127.0.0.1:${portOf(server)}/`))).body.toString(), 'from the server')
  await failsWith(client.request(post('https://collector.example/')), /proxy answered 502 to CONNECT/)
  deepStrictEqual(asked, [
    `POST http://collector.example:4318/v1/traces ${authorization}`,
    `POST http://collector.example/closed ${authorization}`,
    `CONNECT 127.0.0.1:${portOf(server)} ${authorization}`,
    `CONNECT collector.example:443 ${authorization}`
  ])
})

test('the environment’s proxy is not asked for hosts that NO_PROXY names, nor for this machine', async (t) => {
  const asked: string[] = []
  const env = { HTTP_PROXY: await serveProxy(t, asked), NO_PROXY: '.invalid' }
  const server = await serve(t, (_, response) => response.end('direct'))
  const client = clientOf(t, { proxy: 'environment', env })
  strictEqual((await client.request(post(`http://127.0.0.1:${portOf(server)}/`))).body.toString(), 'direct')
  strictEqual((await client.request(post('http://collector.example/'))).body.toString(), 'from the proxy')
  await failsWith(client.request(post('http://no-such-host.invalid/')), /host name/)
  deepStrictEqual(asked, ['POST http://collector.example/'])
})
