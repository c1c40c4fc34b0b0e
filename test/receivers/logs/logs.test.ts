import { deepStrictEqual, match, ok, rejects, strictEqual } from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { deflateSync, gzipSync } from 'node:zlib'
import { RefusedError } from '../../../src/errors.ts'
import { Sockets } from '../../../src/net/sockets.ts'
import { Metrics } from '../../../src/telemetry/metrics.ts'
import { makeCertificates, readPem } from '../../support/certificates.ts'
import { until } from '../../support/gateway-process.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import type { Read } from './record.ts'
import { type Started, started } from './started.ts'

const ANY = '127.0.0.1:0'
const QUICK = { batchDelay: '5ms', joinWithin: '20ms' }

function placeOf(address: string): { host: string; port: number } | { path: string } {
  if (address.startsWith('unix:')) return { path: address.slice(5) }
  const [host, port] = address.split(':')
  return { host, port: Number(port) }
}

async function connected(t: TestContext, address: string): Promise<Socket> {
  const socket = connect({ ...placeOf(address) })
  t.after(() => socket.destroy())
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Sends all of it over one connection, and waits until it has been read. */
async function sent(t: TestContext, address: string, ...chunks: (string | Buffer)[]): Promise<void> {
  const socket = await connected(t, address)
  for (const chunk of chunks) {
    socket.write(chunk)
    await new Promise((resolve) => setImmediate(resolve))
  }
  socket.end()
  await once(socket.resume(), 'close')
}

async function datagrams(t: TestContext, address: string, ...messages: (string | Buffer)[]): Promise<void> {
  const socket = createSocket('udp4')
  t.after(() => socket.close())
  const { host, port } = placeOf(address) as { host: string; port: number }
  for (const message of messages) await new Promise((resolve) => socket.send(message, port, host, resolve))
}

const some = (seen: Started, count: number): Promise<Read[]> =>
  until(
    () => seen.records,
    ({ length }) => length >= count
  )
const bodies = ({ records }: Started): unknown[] => records.map(({ body }) => body)

test('lines over TCP and Unix sockets, however they are cut', async (t) => {
  const path = join(temporaryDirectory(), 'lines.sock')
  const seen = await started(t, { tcp: [ANY, `unix:${path}`], ...QUICK })
  await sent(t, seen.at('tcp'), '{"level":"error","message":"j', 'son"}\r\nplain\n', Buffer.from([0xe2, 0x82]), Buffer.from([0xac]))
  const records = await some(seen, 3)
  deepStrictEqual(bodies(seen), ['json', 'plain', '€'])
  strictEqual(records[0].severity, 17)
  strictEqual(records[0].scope, 'sluice.logs.tcp')
  strictEqual(seen.senders[0], '127.0.0.1')
  await sent(t, `unix:${path}`, 'over a path\n')
  await some(seen, 4)
  strictEqual(seen.senders.at(-1), undefined)
  deepStrictEqual(seen.counted('sluice_log_lines_total', 'outcome'), { accepted: 4 })
  deepStrictEqual(seen.counted('sluice_log_bytes_total', 'transport'), { tcp: 57 })
})

test('lines over UDP, several in a datagram', async (t) => {
  const seen = await started(t, { udp: ANY, ...QUICK })
  await datagrams(t, seen.at('udp'), 'one\ntwo\r\n', 'three', Buffer.from([0xff, 0x00]), '')
  await some(seen, 4)
  deepStrictEqual(bodies(seen).sort(), ['one', 'three', 'two', '\ufffd'])
})

test('syslog over TCP, UDP and Unix sockets, in both forms and framings', async (t) => {
  const path = join(temporaryDirectory(), 'syslog.sock')
  const seen = await started(t, { syslog: [ANY, `unix:${path}`], ...QUICK })
  const modern = '<11>1 2025-10-11T22:14:15.003Z web api 7 ID47 [x y="z"] it failed'
  const legacy = '<30>Oct 11 22:14:15 sshd[814]: Accepted'
  await sent(t, seen.at('syslog'), `${modern}\n${modern.length} ${modern}${legacy}\0`)
  await datagrams(t, seen.at('syslog'), modern, `${legacy}\n`)
  await sent(t, `unix:${path}`, '<14>{"level":"warn","msg":"json","service":"own"}\n')
  const records = await some(seen, 6)
  const found = (body: string): Read => records.find((record) => record.body === body)!
  deepStrictEqual(bodies(seen).sort(), ['Accepted', 'Accepted', 'it failed', 'it failed', 'it failed', 'json'])
  deepStrictEqual(found('it failed'), {
    body: 'it failed',
    time: '1760220855003000000',
    severity: 17,
    service: 'api',
    attributes: {
      'syslog.facility': 1,
      'syslog.version': 1,
      'syslog.hostname': 'web',
      'syslog.procid': '7',
      'syslog.msgid': 'ID47',
      'syslog.x.y': 'z'
    },
    scope: 'sluice.logs.syslog'
  })
  strictEqual(found('Accepted').service, 'sshd')
  deepStrictEqual([found('json').severity, found('json').service], [13, 'own'])
})

test('syslog counts that lie cost their connection only', async (t) => {
  const seen = await started(t, { syslog: ANY, ...QUICK })
  const liar = await connected(t, seen.at('syslog'))
  liar.write('5 <13>a7x <13>b')
  await once(liar.resume(), 'close')
  const huge = await connected(t, seen.at('syslog'))
  huge.write('99999999999 <13>x')
  await once(huge.resume(), 'close')
  await sent(t, seen.at('syslog'), '9 <13>short')
  await sent(t, seen.at('syslog'), '30 <13>not all of it')
  await some(seen, 3)
  deepStrictEqual(bodies(seen).sort(), ['a', 'not all of it', 'short'])
  deepStrictEqual(seen.counted('sluice_log_dropped_total', 'reason'), { framing: 2 })
  deepStrictEqual(seen.records.find(({ body }) => body === 'not all of it')?.attributes['log.truncated'], true)
})

const GELF = { version: '1.1', host: 'web', short_message: 'it failed', timestamp: 1760220855.003, level: 3, _user: 'u1', _n: 2, _id: 'x' }

function chunksOf(message: Buffer, id: string, size: number): Buffer[] {
  const count = Math.ceil(message.length / size)
  return Array.from({ length: count }, (_, i) =>
    Buffer.concat([Buffer.from([0x1e, 0x0f]), Buffer.from(id), Buffer.from([i, count]), message.subarray(i * size, (i + 1) * size)])
  )
}

test('GELF over UDP, plain, compressed and in chunks, and over TCP', async (t) => {
  const seen = await started(t, { gelf: ANY, ...QUICK })
  const of = (text: string): Buffer => Buffer.from(JSON.stringify({ ...GELF, short_message: text }))
  const chunks = chunksOf(of(`long ${'x'.repeat(500)}`), 'message1', 100)
  await datagrams(t, seen.at('gelf'), of('plain'), gzipSync(of('gzip')), deflateSync(of('zlib')), ...chunks.reverse(), chunks[0])
  const compressed = chunksOf(gzipSync(of('compressed chunks')), 'message2', 20)
  await datagrams(t, seen.at('gelf'), ...compressed)
  await sent(t, seen.at('gelf'), of('tcp'), '\0', JSON.stringify({ ...GELF, short_message: 'last', full_message: 'last\nand more' }))
  const records = await some(seen, 7)
  deepStrictEqual(
    bodies(seen)
      .map((body) => String(body).slice(0, 17))
      .sort(),
    ['compressed chunks', 'gzip', 'last\nand more', 'long xxxxxxxxxxxx', 'plain', 'tcp', 'zlib']
  )
  const { attributes, severity, time } = records[0]
  deepStrictEqual(
    { attributes, severity, time },
    { attributes: { 'gelf.host': 'web', user: 'u1', n: 2 }, severity: 17, time: '1760220855003000000' }
  )
})

test('GELF that is none, bombs and floods of chunks are counted, and nothing is kept', async (t) => {
  const seen = await started(t, { gelf: ANY, ...QUICK })
  const bomb = gzipSync(Buffer.alloc(50_000_000))
  ok(bomb.length < 60_000)
  const bad = [
    Buffer.from('no gelf'),
    gzipSync('x').subarray(0, 12),
    Buffer.from([0x78, 1, 2]),
    bomb,
    Buffer.from([0x1e, 0x0f, 1]),
    ...chunksOf(Buffer.alloc(10), 'headless', 10).map((chunk) => chunk.fill(0, 11, 12))
  ]
  await datagrams(t, seen.at('gelf'), ...bad)
  const dropped = (): Record<string, number> => seen.counted('sluice_log_dropped_total', 'reason')
  await until(dropped, ({ malformed }) => malformed === 6)
  for (let i = 0; i < 20; i++)
    await datagrams(
      t,
      seen.at('gelf'),
      ...Array.from({ length: 60 }, (_, n) => chunksOf(Buffer.alloc(20), `${10_000_000 + i * 60 + n}`, 10)[0])
    )
  await until(dropped, ({ chunks }) => chunks === 1200 - 1024)
  await datagrams(t, seen.at('gelf'), '{"short_message":"a","__proto__":{"a":1},"___proto__":"x","_constructor":"y"}')
  await some(seen, 1)
  await sent(t, seen.at('gelf'), 'no json\0')
  await some(seen, 2)
  strictEqual(seen.records[1].body, 'no json')
  const deep = 500_000
  await sent(t, seen.at('gelf'), `{"short_message":"deep","_x":${'['.repeat(deep)}${']'.repeat(deep)},"_y":1}\0`)
  await some(seen, 3)
  deepStrictEqual([seen.records[2].body, seen.records[2].attributes.y], ['deep', 1])
  await seen.stop()
  deepStrictEqual(dropped(), { malformed: 6, chunks: 176, incomplete: 1024 })
})

test('a line of 100 MB, a line that never ends and binary cost their own connection nothing but a mark', {
  timeout: 240_000
}, async (t) => {
  const seen = await started(t, { tcp: ANY, lineMax: '64KiB', ...QUICK })
  const endless = await connected(t, seen.at('tcp'))
  const before = process.memoryUsage().rss
  const piece = Buffer.alloc(1_000_000, 'x')
  for (let i = 0; i < 100; i++) if (!endless.write(piece)) await once(endless, 'drain')
  endless.write('\nafter\n')
  const records = await some(seen, 2)
  ok(process.memoryUsage().rss - before < 100_000_000)
  deepStrictEqual([String(records[0].body).length, records[0].attributes, records[1].body], [65_536, { 'log.truncated': true }, 'after'])
  endless.write('y'.repeat(70_000))
  await some(seen, 3)
  strictEqual(String(records[2].body).length, 65_536)
  const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, i) => (i * 7919) % 256))
  await sent(t, seen.at('tcp'), bytes)
  await sent(t, seen.at('tcp'), 'fine\n')
  await until(
    () => bodies(seen),
    (all) => all.includes('fine')
  )
})

test('a connection that falls silent is closed, and what it said is told', async (t) => {
  const seen = await started(t, { tcp: ANY, idleTimeout: '150ms', ...QUICK })
  const socket = await connected(t, seen.at('tcp'))
  socket.write('half a li')
  await once(socket.resume(), 'close')
  const [record] = await some(seen, 1)
  deepStrictEqual([record.body, record.attributes], ['half a li', { 'log.truncated': true }])
  deepStrictEqual(seen.counted('sluice_receiver_refused_requests_total', 'reason'), { idle: 1 })
})

test('while there is no room, senders over connections wait and datagrams are dropped', { timeout: 240_000 }, async (t) => {
  let open: () => void = () => undefined
  const gate = new Promise<void>((resolve) => {
    open = resolve
  })
  const seen = await started(t, { tcp: ANY, udp: ANY, pendingMax: '64KiB', batchMax: '16KiB', ...QUICK }, () => gate)
  const socket = await connected(t, seen.at('tcp'))
  const line = `${'x'.repeat(999)}\n`
  let isOut = false
  socket.write(line.repeat(12_000), () => {
    isOut = true
  })
  for (let i = 0; i < 30; i++) await datagrams(t, seen.at('udp'), line.repeat(30))
  await until(
    () => seen.counted('sluice_log_dropped_total', 'reason').full,
    (full) => full > 0
  )
  strictEqual(isOut, false)
  const { full } = seen.counted('sluice_log_dropped_total', 'reason')
  open()
  await some(seen, 12_000 + 900 - full)
  strictEqual(seen.records.length, 12_000 + 900 - seen.counted('sluice_log_dropped_total', 'reason').full)
})

test('what may be tried again is not lost', async (t) => {
  let refusals = 3
  const seen = await started(t, { tcp: ANY, ...QUICK }, async () => {
    if (refusals-- > 0) throw new RefusedError('overloaded', 'full', { retryAfterMs: 10 })
  })
  await sent(t, seen.at('tcp'), 'one\ntwo\n')
  await some(seen, 2)
  deepStrictEqual(bodies(seen), ['one', 'two'])
})

test('a reload keeps sockets and connections, and no line is lost or halved', async (t) => {
  const sockets = new Sockets()
  const metrics = new Metrics()
  const options = { tcp: ANY, syslog: ANY, ...QUICK }
  const first = await started(t, options, undefined, { sockets, metrics })
  const socket = await connected(t, first.at('tcp'))
  socket.write('one\ntw')
  await some(first, 1)
  const second = await started(t, { ...options, format: 'text' }, undefined, { sockets, metrics })
  deepStrictEqual([second.at('tcp'), second.at('syslog')], [first.at('tcp'), first.at('syslog')])
  let sentLines = 0
  const writing = setInterval(() => {
    socket.write(`line ${sentLines++}\n`)
  }, 1)
  socket.write('o\n')
  await first.stop()
  await until(
    () => sentLines,
    (lines) => lines > 50
  )
  clearInterval(writing)
  await datagrams(t, second.at('syslog'), '<13>after')
  await until(
    () => first.records.length + second.records.length,
    (length) => length === sentLines + 3
  )
  const all = new Set([...bodies(first), ...bodies(second)])
  for (const line of ['one', 'two', 'after', ...Array.from({ length: sentLines }, (_, i) => `line ${i}`)]) ok(all.has(line), line)
})

test('at the stop, what has been sent is taken', async (t) => {
  const seen = await started(t, { tcp: ANY, batchDelay: '10s', joinWithin: '10s' })
  const socket = await connected(t, seen.at('tcp'))
  await new Promise<void>((resolve) => socket.write('one\ntwo', () => resolve()))
  await seen.stop()
  deepStrictEqual(bodies(seen), ['one', 'two'])
})

test('an address that cannot be had is named by its option', async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => taken.close())
  const { port } = taken.address() as { port: number }
  const f = (options: object, message: RegExp): Promise<void> => rejects(started(t, options), { message })
  await f(
    { tcp: `127.0.0.1:${port}` },
    /^receivers\.test\.tcp: cannot listen on 127\.0\.0\.1:\d+: the address is in use by another program$/
  )
  await f({ syslog: [ANY, `127.0.0.1:${port}`] }, /^receivers\.test\.syslog\[1\]: cannot listen/)
  await f({ udp: 'unix:/tmp/x' }, /^receivers\.test\.udp: expected host:port/)
  await f({ datagram: ANY }, /^receivers\.test\.datagram: expected unix:/)
  await f({ tcp: ANY, tls: { certFile: '/nowhere' } }, /^receivers\.test\.tls: expected both/)
})

test('TLS is for TCP: RFC 5425 and lines', async (t) => {
  const files = makeCertificates()
  if (files === null) {
    t.skip('there is no openssl to make certificates with')
    return
  }
  const seen = await started(t, { syslog: ANY, tls: { certFile: files.serverCertFile, keyFile: files.serverKeyFile }, ...QUICK })
  const socket = connectTls({ ...placeOf(seen.at('syslog')), ca: readPem(files.caFile), servername: 'localhost' })
  await once(socket, 'secureConnect')
  socket.end('10 <13>secret')
  await datagrams(t, seen.at('syslog'), '<13>plain')
  await some(seen, 2)
  deepStrictEqual(bodies(seen).sort(), ['plain', 'secret'])
  match(seen.at('syslog'), /^127\.0\.0\.1:\d+$/)
})
