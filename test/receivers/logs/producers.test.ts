import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { until } from '../../support/gateway-process.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import type { Read } from './record.ts'
import { started } from './started.ts'

// Programs as they are installed here, told an address and nothing else.
const run = promisify(execFile)
const isThere = (command: string): boolean => spawnSync(command, ['--version']).status === 0
const QUICK = { batchDelay: '5ms', joinWithin: '20ms' }

test('logger(1) over UDP, TCP and Unix sockets', { skip: !isThere('logger') && 'there is no logger(1)' }, async (t) => {
  const dir = temporaryDirectory()
  const [stream, datagram] = [join(dir, 'stream.sock'), join(dir, 'datagram.sock')]
  const seen = await started(t, { syslog: ['127.0.0.1:0', `unix:${stream}`], datagram: `unix:${datagram}`, ...QUICK })
  const port = seen.at('syslog').split(':')[1]
  const beforeMs = Date.now()
  const f = async (body: string, ...how: string[]): Promise<Read> => {
    await run('logger', ['-t', 'worker', '-i', '-p', 'local0.err', ...how, body])
    const [found] = await until(
      () => seen.records.filter((record) => record.body === body),
      ({ length }) => length === 1
    )
    deepStrictEqual([found.service, found.severity, found.attributes['syslog.facility']], ['worker', 17, 16])
    const atMs = Number(BigInt(found.time!) / 1_000_000n)
    // Older forms leave out what is below a second.
    ok(Math.abs(atMs - beforeMs) < 30_000, `${body}: ${atMs - beforeMs} ms`)
    ok(/^\d+$/.test(String(found.attributes['syslog.procid'])))
    return found
  }
  const local = ['-n', '127.0.0.1', '-P', port]
  await f('rfc 5424 over udp', ...local, '-d', '--rfc5424')
  await f('rfc 3164 over udp', ...local, '-d', '--rfc3164')
  await f('rfc 5424 over tcp', ...local, '-T', '--rfc5424')
  await f('octets over tcp', ...local, '-T', '--octet-count')
  await f('rfc 3164 over tcp', ...local, '-T', '--rfc3164', '--octet-count')
  await f('over a datagram socket', '-u', datagram)
  const data = await f('with data', ...local, '-d', '--rfc5424', '--sd-id', 'job@1', '--sd-param', 'stage="tts"')
  strictEqual(data.attributes['syslog.job@1.stage'], 'tts')
  await run('logger', [...local, '-d', '-t', 'worker', '{"level":"warn","message":"json in syslog","correlationId":"c1"}'])
  await until(
    () => seen.records,
    (records) => records.some(({ body, severity }) => body === 'json in syslog' && severity === 13)
  )
})

const PYTHON = `
import logging, logging.handlers, socket, sys
kind, address = sys.argv[1], sys.argv[2]
place = address if kind == 'path' else ('127.0.0.1', int(address))
handler = logging.handlers.SysLogHandler(address=place, facility='local1', socktype=socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM)
log = logging.getLogger('jobs')
log.addHandler(handler)
handler.ident = 'worker[7]: '
log.error('it failed over %s', kind)
try:
    {}['key']
except KeyError:
    log.exception('with a traceback over %s', kind)
handler.close()
`

test('Python’s SysLogHandler over UDP, TCP and a Unix socket', { skip: !isThere('python3') && 'there is no Python' }, async (t) => {
  const path = join(temporaryDirectory(), 'log')
  const seen = await started(t, { syslog: '127.0.0.1:0', datagram: `unix:${path}`, ...QUICK })
  const port = seen.at('syslog').split(':')[1]
  for (const [kind, address] of [
    ['udp', port],
    ['tcp', port],
    ['path', path]
  ]) {
    await run('python3', ['-c', PYTHON, kind, address])
    const found = await until(
      () => seen.records.filter(({ body }) => String(body).includes(`over ${kind}`)),
      ({ length }) => length === 2
    )
    deepStrictEqual(
      found.map(({ service, severity }) => [service, severity]),
      [
        ['worker', 17],
        ['worker', 17]
      ]
    )
    strictEqual(found[0].body, `it failed over ${kind}`)
    ok(String(found[1].body).includes("KeyError: 'key'"), String(found[1].body))
    strictEqual(found[1].attributes['exception.type'], 'KeyError')
  }
  strictEqual(seen.records.length, 6)
})
