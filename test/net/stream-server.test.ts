import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import type { SocketAddress } from '../../src/net/sockets.ts'
import { Sockets } from '../../src/net/sockets.ts'
import { type Connection, listenStream, type Reader, type StreamListener, type StreamSettings } from '../../src/net/stream-server.ts'
import { loadTls } from '../../src/net/tls.ts'
import { makeCertificates, readPem } from '../support/certificates.ts'
import { until } from '../support/gateway-process.ts'

/** One who serves an address, and what it has seen. */
class Tenant {
  readonly heard: string[] = []
  readonly ends: boolean[] = []
  readonly events: string[] = []
  readonly faults: unknown[] = []
  readonly connections: Connection[] = []
  listener!: StreamListener
  onRead: (text: string, connection: Connection) => void = () => undefined

  async listen(t: TestContext, sockets: Sockets, address: SocketAddress, settings: Partial<StreamSettings> = {}): Promise<this> {
    const all = {
      connectionsMax: 10,
      idleMs: 60_000,
      count: (event: string) => void this.events.push(event),
      fault: (error: unknown) => void this.faults.push(error),
      ...settings
    }
    this.listener = await listenStream(sockets, address, 'receivers.test', 'test', (connection) => this.open(connection), all)
    t.after(() => this.listener.close(0))
    return this
  }

  get address(): { host: string; port: number } {
    return this.listener.address as { host: string; port: number }
  }

  // Keeps what comes behind the last newline, as a reader of lines does.
  private open(connection: Connection): Reader {
    this.connections.push(connection)
    let rest = ''
    return {
      read: (chunk) => {
        const lines = String(chunk).split('\n')
        lines[0] = rest + lines[0]
        rest = lines.pop()!
        for (const line of lines) {
          this.heard.push(line)
          this.onRead(line, connection)
        }
      },
      end: (isComplete) => {
        this.ends.push(isComplete)
        return undefined
      },
      leave: () => Buffer.from(rest)
    }
  }
}

const LOOPBACK = { host: '127.0.0.1', port: 0 }

async function client(t: TestContext, { address }: Tenant): Promise<Socket> {
  const socket = connect(address)
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

const closed = (socket: Socket): Promise<unknown> => (socket.closed ? Promise.resolve() : once(socket.resume(), 'close'))

test('connections are read until they end', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK)
  const socket = await client(t, tenant)
  socket.end('one\ntwo\n')
  await closed(socket)
  deepStrictEqual([tenant.heard, tenant.ends, tenant.connections[0].remoteAddress], [['one', 'two'], [true], '127.0.0.1'])
  const broken = await client(t, tenant)
  broken.write('three\n')
  await until(
    () => tenant.heard.length,
    (length) => length === 3
  )
  broken.resetAndDestroy()
  await until(
    () => tenant.ends.length,
    (length) => length === 2
  )
  strictEqual(tenant.ends[1], false)
})

test('a new generation takes the connections over, with what has been read of a message', async (t) => {
  const sockets = new Sockets()
  const first = await new Tenant().listen(t, sockets, LOOPBACK)
  const socket = await client(t, first)
  socket.write('one\ntw')
  await until(
    () => first.heard.length,
    (length) => length === 1
  )
  const second = await new Tenant().listen(t, sockets, LOOPBACK)
  const newcomer = await client(t, second)
  newcomer.write('new\n')
  await until(
    () => second.heard.length,
    (length) => length === 1
  )
  await first.listener.close(1000)
  socket.write('o\nthree\n')
  await until(
    () => second.heard.length,
    (length) => length === 3
  )
  deepStrictEqual([first.heard, second.heard], [['one'], ['new', 'two', 'three']])
  strictEqual(first.ends.length, 0)
  // One that gives up gives back.
  const third = await new Tenant().listen(t, sockets, LOOPBACK)
  await third.listener.close(0)
  socket.write('four\n')
  await until(
    () => second.heard.length,
    (length) => length === 4
  )
})

test('at the end, what has been sent is read', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK)
  const sockets = await Promise.all(Array.from({ length: 5 }, () => client(t, tenant)))
  for (const socket of sockets) socket.write('line\n'.repeat(10_000))
  await until(
    () => tenant.heard.length,
    (length) => length > 0
  )
  await tenant.listener.close(60_000)
  strictEqual(tenant.heard.length, 50_000)
  deepStrictEqual(tenant.ends, [false, false, false, false, false])
  await Promise.all(sockets.map(closed))
})

test('one who never stops is cut off in time', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK)
  const socket = await client(t, tenant)
  const timer = setInterval(() => socket.write('line\n'), 5)
  t.after(() => clearInterval(timer))
  await until(
    () => tenant.heard.length,
    (length) => length > 0
  )
  const startedMs = performance.now()
  await tenant.listener.close(300)
  ok(performance.now() - startedMs < 60_000)
})

test('whoever is paused waits, and nothing is lost', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK, { idleMs: 100 })
  tenant.onRead = (line, connection) => {
    if (line === 'stop') connection.pause()
  }
  const socket = await client(t, tenant)
  socket.write('stop\n')
  await until(
    () => tenant.heard.length,
    (length) => length === 1
  )
  let drained = 0
  const sent = 12_000_000
  socket.write('x'.repeat(sent), () => {
    drained = sent
  })
  socket.write('\nafter\n')
  await new Promise((resolve) => setTimeout(resolve, 300))
  deepStrictEqual([tenant.heard.length, drained, tenant.events], [1, 0, []])
  tenant.connections[0].resume()
  await until(
    () => tenant.heard.length,
    (length) => length === 3
  )
  deepStrictEqual([tenant.heard[1].length, tenant.heard[2]], [sent, 'after'])
})

test('connections are limited; the longest idle makes room, once it was silent for a minute', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK, { connectionsMax: 2 })
  const one = await client(t, tenant)
  const two = await client(t, tenant)
  await until(
    () => tenant.connections.length,
    (length) => length === 2
  )
  await closed(await client(t, tenant))
  deepStrictEqual(tenant.events, ['connections'])
  const now = performance.now.bind(performance)
  const clock = t.mock.method(performance, 'now', () => now() + 61_000)
  two.write('busy\n')
  await until(
    () => tenant.heard.length,
    (length) => length === 1
  )
  const three = await client(t, tenant)
  await closed(one)
  clock.mock.restore()
  three.write('here\n')
  await until(
    () => tenant.heard.length,
    (length) => length === 2
  )
  deepStrictEqual(tenant.events, ['connections', 'evicted'])
})

test('ten thousand connections are no more than there may be', { timeout: 240_000 }, async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK, { connectionsMax: 100 })
  const before = await client(t, tenant)
  let gone = 0
  for (let round = 0; round < 20; round++) {
    const sockets = Array.from({ length: 500 }, () => connect(tenant.address).on('error', () => undefined))
    await Promise.all(
      sockets.map((socket) =>
        once(socket.resume(), 'connect')
          .catch(() => undefined)
          .then(() => (round === 0 ? undefined : once(socket, 'close').then(() => gone++)))
      )
    ).catch(() => undefined)
    if (round === 0) t.after(() => sockets.map((socket) => socket.destroy()))
  }
  before.write('still here\n')
  await until(
    () => tenant.heard.length,
    (length) => length === 1
  )
  strictEqual(tenant.connections.length, 100)
  strictEqual(tenant.events.filter((event) => event === 'connections').length, 10_000 + 1 - 100)
  strictEqual(gone, 9500)
})

test('a silent connection is closed after a while, a slow one is not', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK, { idleMs: 1_000 })
  const silent = await client(t, tenant)
  const slow = await client(t, tenant)
  const timer = setInterval(() => slow.write('x'), 50)
  t.after(() => clearInterval(timer))
  await closed(silent)
  await new Promise((resolve) => setTimeout(resolve, 1_300))
  deepStrictEqual([tenant.events, tenant.ends, slow.closed], [['idle'], [false], false])
})

test('whoever has spoken while we could not listen is not idle', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK, { idleMs: 3_000 })
  const socket = await client(t, tenant)
  socket.write('one\n')
  await until(
    () => tenant.heard.length,
    (length) => length === 1
  )
  // As on a machine that stands still for a while: what comes next are the timers that have run out meanwhile.
  await new Promise((resolve) => setImmediate(resolve))
  socket.write('two\n')
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_500)
  await until(
    () => [tenant.heard.length, tenant.events.length],
    ([heard, events]) => heard === 2 || events > 0
  )
  deepStrictEqual([tenant.heard, tenant.events], [['one', 'two'], []])
})

test('one who does not read what it asked for is cut off', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK)
  tenant.onRead = (_, connection) => connection.write(Buffer.alloc(64 * 1024))
  const socket = await client(t, tenant)
  socket.pause()
  socket.write('more\n'.repeat(1000))
  await until(
    () => tenant.events,
    (events) => events.length > 0
  )
  deepStrictEqual(tenant.events, ['unread'])
})

test('a fault of a reader costs its connection', async (t) => {
  const tenant = await new Tenant().listen(t, new Sockets(), LOOPBACK)
  tenant.onRead = (line) => {
    if (line === 'bad') throw new Error('fault')
  }
  const other = await client(t, tenant)
  const socket = await client(t, tenant)
  socket.write('bad\nmore\n')
  await closed(socket)
  other.write('good\n')
  await until(
    () => tenant.heard.length,
    (length) => length === 2
  )
  deepStrictEqual([tenant.events, tenant.faults.map(String)], [['internal'], ['Error: fault']])
})

test('over TLS it is the same', async (t) => {
  const files = makeCertificates()
  if (files === null) {
    t.skip('there is no openssl to make certificates with')
    return
  }
  const tls = await loadTls(
    { certFile: files.serverCertFile, keyFile: files.serverKeyFile, clientCaFile: '' },
    'receivers.test.tls',
    60_000
  )
  const sockets = new Sockets()
  const tenant = await new Tenant().listen(t, sockets, LOOPBACK, { tls })
  const socket = connectTls({ ...tenant.address, ca: readPem(files.caFile), servername: 'localhost' })
  t.after(() => socket.destroy())
  await once(socket, 'secureConnect')
  socket.write('one\ntw')
  await until(
    () => tenant.heard.length,
    (length) => length === 1
  )
  const next = await new Tenant().listen(t, sockets, LOOPBACK, { tls })
  await tenant.listener.close(0)
  socket.end('o\n')
  await closed(socket)
  deepStrictEqual([tenant.heard, next.heard, next.ends], [['one'], ['two'], [true]])
  // Who does not speak TLS gets nowhere.
  const plain = await client(t, next)
  plain.write('hello\n')
  await closed(plain)
  await until(
    () => next.events,
    (events) => events.length > 0
  )
  deepStrictEqual([next.events, next.heard], [['tls'], ['two']])
})

test('an address changes to TLS and back while somebody talks there', async (t) => {
  const files = makeCertificates()
  if (files === null) {
    t.skip('there is no openssl to make certificates with')
    return
  }
  const tls = await loadTls(
    { certFile: files.serverCertFile, keyFile: files.serverKeyFile, clientCaFile: '' },
    'receivers.test.tls',
    60_000
  )
  const sockets = new Sockets()
  const plain = await new Tenant().listen(t, sockets, LOOPBACK)
  const socket = await client(t, plain)
  socket.write('one\n')
  await until(
    () => plain.heard.length,
    (length) => length === 1
  )
  const secret = await new Tenant().listen(t, sockets, plain.address, { tls })
  await plain.listener.close(100)
  await closed(socket)
  const other = connectTls({ ...secret.address, ca: readPem(files.caFile), servername: 'localhost' })
  await once(other, 'secureConnect')
  other.end('two\n')
  await closed(other)
  deepStrictEqual([plain.heard, secret.heard], [['one'], ['two']])
})
