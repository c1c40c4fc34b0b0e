import { deepStrictEqual, ok, rejects, strictEqual } from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { Sockets } from '../../src/net/sockets.ts'
import { listenUnixDatagrams } from '../../src/net/unix-datagrams.ts'
import { until } from '../support/gateway-process.ts'
import { temporaryDirectory } from '../support/temporary-directory.ts'

const HAS_LOGGER = spawnSync('logger', ['--version']).status === 0
const skip =
  process.platform !== 'linux' ? 'Unix datagram sockets are read on Linux only' : !HAS_LOGGER && 'there is no logger(1) to write with'

async function listening(t: TestContext, sockets: Sockets, path: string) {
  const heard: string[] = []
  const faults: string[] = []
  const state = { isReady: true }
  const listener = await listenUnixDatagrams(sockets, { path }, 'receivers.test', 'test', {
    isReady: () => state.isReady,
    take: (message) => {
      if (String(message).endsWith('bad')) throw new Error('fault')
      heard.push(String(message))
    },
    fault: (error) => void faults.push(String(error))
  })
  t.after(() => listener.close(0))
  return { heard, faults, state, listener }
}

const say = (path: string, text: string): void => void spawnSync('logger', ['-u', path, '-t', 'x', text])

test('messages of programs are read, by the newest', { skip }, async (t) => {
  const path = join(temporaryDirectory(), 'log.sock')
  const sockets = new Sockets()
  const first = await listening(t, sockets, path)
  strictEqual(statSync(path).mode & 0o777, 0o660)
  say(path, 'one')
  say(path, 'bad')
  say(path, 'two')
  await until(
    () => first.heard.length,
    (length) => length === 2
  )
  ok(/^<13>.* x: one$/.test(first.heard[0]), first.heard[0])
  deepStrictEqual(first.faults, ['Error: fault'])
  const second = await listening(t, sockets, path)
  await first.listener.close(0)
  say(path, 'three')
  await until(
    () => second.heard.length,
    (length) => length === 1
  )
  strictEqual(first.heard.length, 2)
  // What arrived and nobody was ready for is taken at the end.
  second.state.isReady = false
  say(path, 'four')
  second.state.isReady = true
  await second.listener.close(0)
  strictEqual(second.heard.length, 2)
  strictEqual(existsSync(path), false)
})

test('while nobody is ready, senders wait and nothing is lost', { skip }, async (t) => {
  const path = join(temporaryDirectory(), 'log.sock')
  const { heard, state } = await listening(t, new Sockets(), path)
  state.isReady = false
  const logger = spawn('logger', ['-u', path, '-t', 'x'], { stdio: ['pipe', 'ignore', 'inherit'] })
  t.after(() => logger.kill('SIGKILL'))
  let hasEnded = false
  logger.once('exit', () => {
    hasEnded = true
  })
  logger.stdin.end('line\n'.repeat(5000))
  await new Promise((resolve) => setTimeout(resolve, 200))
  deepStrictEqual([heard.length, hasEnded], [0, false])
  state.isReady = true
  await until(
    () => heard.length,
    (length) => length === 5000
  )
})

test('a path that cannot be had is named; one left behind is taken', { skip }, async (t) => {
  const dir = temporaryDirectory()
  const f = (path: string, reason: string): Promise<void> =>
    rejects(listening(t, new Sockets(), path), { message: `receivers.test: cannot listen on unix:${path}: ${reason}` })
  await f(join(dir, 'no', 'where'), 'the directory does not exist or may not be written to')
  writeFileSync(join(dir, 'file'), '')
  await f(join(dir, 'file'), 'there is a file of that name that is not a socket')
  await listening(t, new Sockets(), join(dir, 'used'))
  await f(join(dir, 'used'), 'the address is in use by another program')
  const left = join(dir, 'left')
  const python = spawnSync('python3', [
    '-c',
    `import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).bind(${JSON.stringify(left)})`
  ])
  if (python.status !== 0) {
    t.diagnostic('there is no Python to leave a socket behind with')
    return
  }
  const { heard } = await listening(t, new Sockets(), left)
  say(left, 'hello')
  await until(
    () => heard.length,
    (length) => length === 1
  )
})
