import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { type TestContext, test } from 'node:test'
import { dropsIn, listenDatagrams } from '../../src/net/datagram-server.ts'
import { Sockets } from '../../src/net/sockets.ts'
import { listenStream } from '../../src/net/stream-server.ts'
import { until } from '../support/gateway-process.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }

async function listening(t: TestContext, sockets: Sockets, address: { host: string; port: number } | { path: string } = LOOPBACK) {
  const heard: string[] = []
  const faults: unknown[] = []
  const losses: number[] = []
  const take = (message: Buffer): void => {
    if (String(message) === 'bad') throw new Error('fault')
    heard.push(String(message))
  }
  const settings = { lost: (count: number) => void losses.push(count), fault: (error: unknown) => void faults.push(error) }
  const listener = await listenDatagrams(sockets, address, 'receivers.test', 'test', take, settings)
  t.after(() => listener.close(0))
  return { listener, heard, faults, losses, port: (listener.address as { port: number }).port }
}

function sender(t: TestContext, port: number): (text: string) => void {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  return (text) => socket.send(text, port, '127.0.0.1')
}

test('messages go to the newest, and the socket stays', async (t) => {
  const sockets = new Sockets()
  const first = await listening(t, sockets)
  const say = sender(t, first.port)
  say('one')
  say('bad')
  say('two')
  await until(
    () => first.heard.length,
    (length) => length === 2
  )
  strictEqual(String(first.faults), 'Error: fault')
  const second = await listening(t, sockets)
  strictEqual(second.port, first.port)
  await first.listener.close(100)
  say('three')
  await until(
    () => second.heard.length,
    (length) => length === 1
  )
  const third = await listening(t, sockets)
  await third.listener.close(100)
  say('four')
  await until(
    () => second.heard.length,
    (length) => length === 2
  )
  deepStrictEqual([first.heard, second.heard, third.heard], [['one', 'two'], ['three', 'four'], []])
})

test('what has arrived is taken at the end', async (t) => {
  const one = await listening(t, new Sockets())
  const script = `const s = require('dgram').createSocket('udp4'); let left = 50
    for (let i = 0; i < 50; i++) s.send(String(i), ${one.port}, '127.0.0.1', () => --left || s.close())`
  execFileSync(process.execPath, ['-e', script])
  await one.listener.close(1000)
  strictEqual(one.heard.length, 50)
})

test('a port is open for connections and for messages at once', async (t) => {
  let sockets = new Sockets()
  let { port } = await listening(t, sockets)
  const settings = { connectionsMax: 1, idleMs: 1000, count: () => undefined, fault: () => undefined }
  const open = (): never => {
    throw new Error('nobody connects')
  }
  const listen = () => listenStream(sockets, { host: '127.0.0.1', port }, 'receivers.test', 'test', open, settings)
  // What is free for messages may be taken for connections, by another test: then another port.
  const stream = await listen().catch(async () => {
    sockets = new Sockets()
    port = (await listening(t, sockets)).port
    return await listen()
  })
  strictEqual((stream.address as { port: number }).port, port)
  await stream.close(0)
  await rejects(listening(t, new Sockets(), { host: '127.0.0.1', port }), {
    message: `receivers.test: cannot listen on 127.0.0.1:${port}: the address is in use by another program`
  })
  await rejects(listening(t, sockets, { path: '/tmp/x' }), { message: 'receivers.test: expected host:port, not unix:/tmp/x' })
})

test('what the kernel drops is counted', { skip: process.platform !== 'linux' && 'only Linux tells' }, async (t) => {
  const one = await listening(t, new Sockets())
  // While this process waits for its child, nobody reads the socket.
  const script = `const s = require('dgram').createSocket('udp4'); let left = 20000; const b = Buffer.alloc(8000)
    for (let i = 0; i < 20000; i++) s.send(b, ${one.port}, '127.0.0.1', () => --left || s.close())`
  execFileSync(process.execPath, ['-e', script])
  await one.listener.close(1000)
  const lost = one.losses.reduce((sum, count) => sum + count, 0)
  ok(lost > 0)
  ok(lost + one.heard.length <= 20_000)
})

test('drops stand in the last column of the table', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
  482: 0100007F:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3187 2 0000000000000000 0
  483: 0B00000A:158A 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 3188 2 0000000000000000 77
`
  const f = (address: string, port: number, expected: number | undefined): void => strictEqual(dropsIn(table, address, port), expected)
  f('127.0.0.1', 5514, 0)
  f('10.0.0.11', 5514, 77)
  f('10.0.0.12', 5514, undefined)
  f('127.0.0.1', 5515, undefined)
  f('::', 5514, 0)
})
