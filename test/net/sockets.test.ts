import { rejects, strictEqual } from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { nameOf, type SocketAddress, Sockets, type Speaker } from '../../src/net/sockets.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const dir = temporaryDirectory()

const LOOPBACK = { host: '127.0.0.1', port: 0 }

/** Says its name to whoever connects. */
function speaker(name: string): Speaker & { closedWithin: number[] } {
  const server: Server = createServer((socket) => socket.on('error', () => undefined).end(name))
  const closedWithin: number[] = []
  const close = (withinMs: number): Promise<void> => {
    closedWithin.push(withinMs)
    return new Promise((resolve) => server.close(() => resolve()))
  }
  return { server, close, closedWithin }
}

/** What the speaker at an address says, or why there is none. */
function heardAt(address: SocketAddress): Promise<string> {
  return new Promise((resolve) => {
    let heard = ''
    connect({ ...address })
      .on('data', (chunk) => {
        heard += chunk
      })
      .on('close', () => resolve(heard))
      .on('error', (error: NodeJS.ErrnoException) => {
        heard = error.code ?? ''
      })
  })
}

test('addresses have names', () => {
  const f = (address: SocketAddress, expected: string): void => strictEqual(nameOf(address), expected)
  f({ host: '127.0.0.1', port: 4318 }, '127.0.0.1:4318')
  f({ host: '::1', port: 4318 }, '[::1]:4318')
  f({ path: '/run/s.sock' }, 'unix:/run/s.sock')
})

test('who comes later joins, and the last to leave closes', async () => {
  const sockets = new Sockets()
  const opened = await sockets.join(LOOPBACK, 'receivers.a', 'X', () => speaker('first'))
  const joined = await sockets.join(LOOPBACK, 'receivers.a', 'X', () => speaker('second'))
  strictEqual(joined.speaker, opened.speaker)
  strictEqual(nameOf(joined.address), nameOf(opened.address))
  await opened.leave(10)
  await opened.leave(10)
  strictEqual(await heardAt(joined.address), 'first')
  await joined.leave(20)
  strictEqual(await heardAt(joined.address), 'ECONNREFUSED')
  strictEqual(String(opened.speaker.closedWithin), '20')
})

test('two who ask at once share', async () => {
  const sockets = new Sockets()
  const path = join(dir, 'at-once.sock')
  const [one, other] = await Promise.all([1, 2].map((n) => sockets.join({ path }, `receivers.${n}`, 'X', () => speaker(String(n)))))
  strictEqual(one.speaker, other.speaker)
  await Promise.all([one.leave(0), other.leave(0)])
  strictEqual(existsSync(path), false)
})

test('port 0 is a port of its own for each option', async () => {
  const sockets = new Sockets()
  const one = await sockets.join(LOOPBACK, 'receivers.a', 'X', () => speaker('a'))
  const other = await sockets.join(LOOPBACK, 'receivers.b', 'X', () => speaker('b'))
  strictEqual(await heardAt(one.address), 'a')
  strictEqual(await heardAt(other.address), 'b')
  await Promise.all([one.leave(0), other.leave(0)])
})

test('an address speaks one protocol, which only its own option may change', async () => {
  const sockets = new Sockets()
  const { address, leave } = await sockets.join({ path: join(dir, 'protocol.sock') }, 'receivers.a', 'HTTP', () => speaker('plain'))
  await rejects(
    sockets.join(address, 'receivers.b', 'gRPC', () => speaker('other')),
    { code: 'unavailable', message: `receivers.b: ${nameOf(address)} already serves HTTP for receivers.a` }
  )
  const next = await sockets.join(address, 'receivers.a', 'HTTPS', () => speaker('secret'))
  strictEqual(await heardAt(address), 'secret')
  await leave(0)
  strictEqual(await heardAt(address), 'secret')
  await next.leave(0)
})

test('an address that cannot be had is named, with its option and the reason', async () => {
  const sockets = new Sockets()
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as { port: number }
  const f = (address: SocketAddress, message: string): Promise<void> =>
    rejects(
      sockets.join(address, 'receivers.otlp.http', 'X', () => speaker('x')),
      { code: 'unavailable', message: `receivers.otlp.http: cannot listen on ${message}` }
    )
  await f({ host: '127.0.0.1', port }, `127.0.0.1:${port}: the address is in use by another program`)
  await f({ host: '192.0.2.1', port: 4318 }, '192.0.2.1:4318: this machine does not have the address')
  await f({ path: '/nowhere/at/all.sock' }, 'unix:/nowhere/at/all.sock: the directory does not exist or may not be written to')
  const long = join(dir, 'x'.repeat(108))
  await f({ path: long }, `unix:${long}: the path is longer than 107 bytes`)
  const file = join(dir, 'a-file')
  writeFileSync(file, 'precious')
  await f({ path: file }, `unix:${file}: there is a file of that name that is not a socket`)
  strictEqual(existsSync(file), true)
  taken.close()
})

test('a Unix socket is for owner and group, and is removed on close', async () => {
  const path = join(dir, 'mode.sock')
  const { leave } = await new Sockets().join({ path }, 'receivers.a', 'X', () => speaker('x'))
  strictEqual(statSync(path).mode & 0o777, 0o660)
  await leave(0)
  strictEqual(existsSync(path), false)
})

test('a Unix socket that nobody answers is replaced, one that is answered is not', async () => {
  const path = join(dir, 'stale.sock')
  // A process that dies without closing leaves its socket behind.
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`
  ])
  strictEqual(existsSync(path), true)
  chmodSync(path, 0o600)
  const { leave } = await new Sockets().join({ path }, 'receivers.a', 'X', () => speaker('new'))
  strictEqual(await heardAt({ path }), 'new')
  await rejects(
    new Sockets().join({ path }, 'receivers.b', 'X', () => speaker('thief')),
    { message: `receivers.b: cannot listen on unix:${path}: the address is in use by another program` }
  )
  strictEqual(await heardAt({ path }), 'new')
  await leave(0)
})
