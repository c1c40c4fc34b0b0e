import { deepStrictEqual, rejects, strictEqual } from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type HttpRoute, type HttpSettings, listenHttp, plainAnswer } from '../../src/net/http-server.ts'
import { ByteBudget } from '../../src/net/limits.ts'
import { nameOf, type SocketAddress, Sockets } from '../../src/net/sockets.ts'

const LOOPBACK = { host: '127.0.0.1', port: 0 }
const LIMITS = { bodyBytesMax: 100, stallMs: 60_000, bodyMs: 60_000, budget: new ByteBudget(1000) }

function says(path: string, words: string, handle: HttpRoute['handle'] = () => plainAnswer(200, words)): HttpRoute {
  return { method: 'POST', path, limits: LIMITS, handle, refuse: () => plainAnswer(500, 'fault') }
}

async function opened(t: TestContext, sockets: Sockets, option: string, routes: HttpRoute[], takesGuests = true) {
  const settings: HttpSettings = {
    connectionsMax: 100,
    headerMs: 60_000,
    idleMs: 60_000,
    ...(takesGuests ? { guests: sockets.guests } : {})
  }
  const listener = await listenHttp(sockets, LOOPBACK, option, routes, settings)
  t.after(() => listener.close(0))
  return listener
}

async function post(address: SocketAddress, path: string): Promise<string> {
  const answer = await fetch(`http://${nameOf(address)}${path}`, { method: 'POST' })
  return `${answer.status} ${(await answer.text()).trim()}`
}

test('what is lent is served on every port that takes guests, whoever came first', async (t) => {
  const sockets = new Sockets()
  const before = await opened(t, sockets, 'a', [says('/own', 'own')])
  const loan = await sockets.guests.lend('logs', [says('/lent', 'lent')])
  const after = await opened(t, sockets, 'b', [says('/own', 'own')])
  const without = await opened(t, sockets, 'c', [says('/own', 'own')], false)
  const f = async ({ address }: { address: SocketAddress }, path: string, expected: string): Promise<void> =>
    strictEqual(await post(address, path), expected)
  const NOWHERE = '404 nothing is served at this path'
  for (const port of [before, after]) await f(port, '/lent', '200 lent')
  await f(without, '/lent', NOWHERE)
  await loan.close(0)
  for (const port of [before, after]) await f(port, '/lent', NOWHERE)
  await f(before, '/own', '200 own')
})

test('the routes of the port itself win', async (t) => {
  const sockets = new Sockets()
  await sockets.guests.lend('logs', [says('/own', 'guest'), says('/other', 'guest')])
  const { address } = await opened(t, sockets, 'a', [says('/own', 'own')])
  deepStrictEqual([await post(address, '/own'), await post(address, '/other')], ['200 own', '200 guest'])
})

test('the next generation of a guest takes over, another guest may not', async (t) => {
  const sockets = new Sockets()
  const { address } = await opened(t, sockets, 'a', [])
  const first = await sockets.guests.lend('logs', [says('/lent', 'first')])
  await rejects(sockets.guests.lend('logs/other', [says('/free', 'x'), says('/lent', 'x')]), {
    code: 'unavailable',
    message: 'logs/other: logs serves the same paths already'
  })
  strictEqual(await post(address, '/free'), '404 nothing is served at this path')
  const second = await sockets.guests.lend('logs', [says('/lent', 'second')])
  strictEqual(await post(address, '/lent'), '200 second')
  await first.close(0)
  strictEqual(await post(address, '/lent'), '200 second')
  await second.close(0)
  await sockets.guests.lend('logs/other', [says('/lent', 'other')])
  strictEqual(await post(address, '/lent'), '200 other')
})

test('routes that no port can serve are lent to none', async (t) => {
  const sockets = new Sockets()
  const { address } = await opened(t, sockets, 'a', [says('/own', 'own')])
  await rejects(sockets.guests.lend('logs', [says('no-slash', 'x')]))
  await sockets.guests.lend('logs', [says('/lent', 'lent')])
  deepStrictEqual([await post(address, '/own'), await post(address, '/lent')], ['200 own', '200 lent'])
})

test('a port that is opened by two generations serves its guests until the last leaves', async (t) => {
  const sockets = new Sockets()
  await sockets.guests.lend('logs', [says('/lent', 'lent')])
  const first = await opened(t, sockets, 'a', [])
  const second = await opened(t, sockets, 'a', [])
  deepStrictEqual(second.address, first.address)
  await first.close(1000)
  strictEqual(await post(second.address, '/lent'), '200 lent')
  // Another owner of the address does not bring guests along.
  const third = await opened(t, sockets, 'a', [], false)
  await second.close(1000)
  strictEqual(await post(third.address, '/lent'), '404 nothing is served at this path')
})

test('a loan ends when its last request is answered, on whichever port', async (t) => {
  const sockets = new Sockets()
  let finish = (): void => undefined
  let entered = (): void => undefined
  const isInside = new Promise<void>((resolve) => (entered = resolve))
  const answered = new Promise<void>((resolve) => (finish = resolve))
  const loan = await sockets.guests.lend('logs', [
    says('/lent', '', async () => {
      entered()
      await answered
      return plainAnswer(200, 'safe')
    })
  ])
  const { address } = await opened(t, sockets, 'a', [])
  const answer = post(address, '/lent')
  await isInside
  let isClosed = false
  const closed = loan.close(5_000).then(() => (isClosed = true))
  strictEqual(await post(address, '/lent'), '404 nothing is served at this path')
  strictEqual(isClosed, false)
  finish()
  strictEqual(await answer, '200 safe')
  await closed
})
