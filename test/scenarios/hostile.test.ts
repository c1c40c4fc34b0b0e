import { deepStrictEqual, match, ok, strictEqual } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Agent, request as ask } from 'node:http'
import { connect as connectHttp2, constants } from 'node:http2'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import protobuf from 'protobufjs'
import { type GatewayProcess, scrape, startGateway, sumOf, until } from '../support/gateway-process.ts'
import { call, EXPORT, framed, grpcSession } from '../support/grpc-client.ts'
import { OtlpBackend } from '../support/otlp-backend.ts'
import { fixed64, message, request, span, string, varint } from '../support/otlp-bytes.ts'
import { RawClient } from '../support/raw-client.ts'

const MIB = 2 ** 20
/** What a gateway may grow by over its limit for requests in flight, whatever is thrown at it. */
const GROWTH_MAX_BYTES = 120 * MIB
const IN_FLIGHT_BYTES = 8 * MIB

const status = protobuf
  .parse(
    `syntax = "proto3";
    message Status { int32 code = 1; string message = 2; repeated Any details = 3; }
    message Any { string type_url = 1; bytes value = 2; }`,
    { keepCase: true }
  )
  .root.lookupType('Status')

async function stage(t: TestContext, options = '') {
  const backend = await OtlpBackend.start(t)
  const gateway = await startGateway(t, {
    yaml: `
receivers: { logs: off, otlp: { http: 127.0.0.1:0, grpc: 127.0.0.1:0, requestMax: 1MiB, inFlightMax: ${IN_FLIGHT_BYTES / MIB}MiB ${options} } }
admin: { listen: 127.0.0.1:0 }
processors: { derive: off, sample: { traces: 100% } }
exporters: { otlp: { endpoint: ${backend.url} } }
`
  })
  return { backend, gateway, peakBytes: () => memoryOf(gateway) }
}

// The most that was ever resident.
function memoryOf({ child }: GatewayProcess): number {
  return 1024 * Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'latin1'))![1])
}

const addressOf = (url: string) => ({ host: '127.0.0.1', port: Number(new URL(url).port) })
const good = request([span()])
const PROTOBUF = { 'content-type': 'application/x-protobuf' }
const JSON_TYPE = { 'content-type': 'application/json' }

const nested = (depth: number, open: string, close: string): string => open.repeat(depth) + close.repeat(depth)
const attributesOf = (value: string): string => `{"resourceLogs":[{"resource":{"attributes":[{"key":"a","value":${value}}]}}]}`

// AnyValue { array = 5 { repeated AnyValue values = 1 } }, so deep.
function nestedValue(depth: number): Buffer {
  let value = string(1, 'x')
  for (let i = 0; i < depth; i++) value = message(5, message(1, value))
  return value
}

test('what cannot be taken is refused in the encoding of its sender, as a whole, and the process goes on', {
  timeout: 240_000
}, async (t) => {
  const { backend, gateway } = await stage(t)
  const f = async (path: string, headers: Record<string, string>, body: string | Uint8Array, expected: number): Promise<void> => {
    const answer = await fetch(gateway.http + path, { method: 'POST', headers, body })
    const bytes = Buffer.from(await answer.arrayBuffer())
    const type = answer.headers.get('content-type') ?? ''
    strictEqual(answer.status, expected, `${path} ${type} ${bytes}`)
    if (expected === 200) return
    if (type === 'application/x-protobuf') {
      strictEqual(headers['content-type'], type)
      const { code, message } = status.toObject(status.decode(bytes))
      ok(code > 0 && message.length > 0)
    } else if (type === 'application/json') {
      strictEqual(headers['content-type'].split(';')[0], type)
      const { code, message, details } = JSON.parse(bytes.toString())
      ok(code > 0 && message.length > 0 && Array.isArray(details))
    } else {
      match(type, /^text\/plain/)
      ok(bytes.length > 0)
    }
  }
  const traces = '/v1/traces'
  const second = Buffer.concat([good, good])
  for (const body of [
    second.subarray(0, -1),
    second.subarray(0, good.length + 3),
    Buffer.from([0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from('not protobuf at all'),
    // A trace id of eight bytes beside one in order; a name, a list and a number of the wrong wire type; a group.
    request([span(), span({ traceId: '00'.repeat(8) })]),
    request([span(), Buffer.concat([span(), varint(5, 1)])]),
    request([span(), Buffer.concat([span(), fixed64(9, 1n)])]),
    request([span(), Buffer.concat([span(), string(6, 'server')])]),
    request([span(), Buffer.concat([span(), Buffer.from([(5 << 3) | 3, (5 << 3) | 4])])]),
    request([span(), Buffer.concat([span(), message(5, Buffer.from([0xc3, 0x28]))])]),
    request([span(), Buffer.concat([span(), message(9, string(1, 'deep'), message(2, nestedValue(5_000)))])])
  ]) {
    await f(traces, PROTOBUF, body, 400)
  }
  for (const body of [
    '',
    '{',
    '[]',
    'null',
    '"text"',
    '{"resourceSpans":{}}',
    '{"resourceSpans":[1]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
    '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331"},{"kind":{}}]}]}]}',
    '{"resourceSpans":[]}}',
    Buffer.from([...Buffer.from('{"resourceSpans":[{"schemaUrl":"'), 0xc3, 0x28, ...Buffer.from('"}]}')])
  ]) {
    await f(traces, JSON_TYPE, body, 400)
  }
  await f('/v1/logs', JSON_TYPE, nested(100_000, '[', ']'), 400)
  await f('/v1/logs', JSON_TYPE, attributesOf(nested(5_000, '{"arrayValue":{"values":[', ']}}')), 400)
  await f('/v1/logs', JSON_TYPE, `{"unknown":${nested(50_000, '{"a":[', ']}')}}`, 400)

  // Nothing in a request is a request of nothing.
  await f(traces, PROTOBUF, '', 200)
  await f(traces, JSON_TYPE, '{}', 200)
  await f(traces, { 'content-type': 'application/json; charset=utf-8' }, '{"resourceSpans":[]}', 200)

  await f(traces, { 'content-type': 'text/html' }, good, 415)
  await f(traces, { 'content-type': '' }, good, 415)
  await f(traces, { ...PROTOBUF, 'content-encoding': 'compress' }, good, 415)
  await f(traces, { ...JSON_TYPE, 'content-encoding': 'gzip, gzip' }, good, 415)
  await f(traces, { ...PROTOBUF, 'content-encoding': 'gzip' }, good, 400)
  await f(traces, { ...PROTOBUF, 'content-encoding': 'zstd' }, good, 400)
  await f(traces, { ...JSON_TYPE, 'content-encoding': 'deflate' }, good, 400)
  await f(traces, { ...PROTOBUF, 'content-encoding': 'gzip' }, gzipSync(good).subarray(0, -9), 400)
  await f('/v1/nothing', PROTOBUF, good, 404)
  strictEqual((await fetch(gateway.http + traces)).status, 405)

  // Over the limit as it comes, and inflated: the size of a bomb is not what it costs.
  const zeros = Buffer.alloc(200 * MIB)
  await f(traces, PROTOBUF, zeros.subarray(0, 3 * MIB), 413)
  await f(traces, { ...PROTOBUF, 'content-encoding': 'gzip' }, gzipSync(zeros), 413)
  await f(traces, { ...PROTOBUF, 'content-encoding': 'deflate' }, deflateSync(zeros), 413)
  await f(traces, { ...JSON_TYPE, 'content-encoding': 'zstd' }, zstdCompressSync(zeros), 413)

  strictEqual((await fetch(`${gateway.http}${traces}`, { method: 'POST', headers: PROTOBUF, body: good })).status, 200)
  await until(
    () => backend.received.length,
    (requests) => requests === 1
  )
  const items = await scrape(gateway, 'sluice_items_total')
  strictEqual(sumOf(items, 'stage="receive"', 'outcome="accepted"', 'signal="traces"'), 1, 'of what was refused, nothing was taken')
  const refused = await scrape(gateway, 'sluice_receiver_refused_requests_total')
  for (const [reason, atLeast] of Object.entries({ invalid: 25, unsupported: 4, 'too-large': 4, 'not-found': 1, method: 1 }))
    ok(sumOf(refused, 'transport="http"', `reason="${reason}"`) >= atLeast, `${reason}: ${JSON.stringify([...refused])}`)
  deepStrictEqual(
    gateway.log.filter(({ level }) => level === 'error' || level === 'fatal'),
    [],
    'bad input is no fault of the gateway'
  )
  strictEqual(await gateway.end('SIGTERM'), 0)
})

test('the same over gRPC, with a status of its own', { timeout: 240_000 }, async (t) => {
  const { backend, gateway } = await stage(t)
  const session = grpcSession(t, gateway.grpc)
  const f = async (body: Uint8Array, headers: Record<string, string>, expected: number, path = EXPORT.traces): Promise<void> => {
    const { status: code, headers: answered } = await call(session, path, body, headers)
    strictEqual(code, expected, JSON.stringify(answered))
    if (code === 0) return
    const details = status.toObject(status.decode(Buffer.from(String(answered['grpc-status-details-bin']), 'base64')))
    deepStrictEqual([details.code, details.message], [expected, decodeURIComponent(String(answered['grpc-message']))])
  }
  const [INVALID, EXHAUSTED, UNIMPLEMENTED] = [3, 8, 12]
  const gzip = { 'grpc-encoding': 'gzip' }
  await f(framed(good.subarray(0, -1)), {}, INVALID)
  await f(framed(Buffer.from('not protobuf')), {}, INVALID)
  await f(Buffer.alloc(0), {}, INVALID)
  await f(Buffer.from([0, 0]), {}, INVALID)
  await f(framed(good).subarray(0, -1), {}, INVALID)
  await f(Buffer.concat([framed(good), framed(good)]), {}, INVALID)
  await f(framed(good, 7), {}, INVALID)
  await f(framed(good, 1), {}, INVALID)
  await f(framed(good, 1), gzip, INVALID)
  await f(framed(gzipSync(good).subarray(0, -9), 1), gzip, INVALID)
  await f(framed(good), { 'grpc-encoding': 'snappy' }, UNIMPLEMENTED)
  await f(framed(good), { 'grpc-timeout': 'soon' }, INVALID)
  await f(framed(good), {}, UNIMPLEMENTED, '/opentelemetry.proto.collector.trace.v1.TraceService/Import')
  await f(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1, 2, 3]), {}, EXHAUSTED)
  await f(framed(gzipSync(Buffer.alloc(200 * MIB)), 1), gzip, EXHAUSTED)
  await f(framed(zstdCompressSync(Buffer.alloc(200 * MIB)), 1), { 'grpc-encoding': 'zstd' }, EXHAUSTED)
  await f(framed(new Uint8Array(0)), {}, 0)
  await f(framed(good), { 'x-large': 'a'.repeat(8_000) }, 0)
  await f(framed(gzipSync(good), 1), gzip, 0)
  const page = await call(session, EXPORT.traces, good, { 'content-type': 'text/html' })
  strictEqual(page.headers[':status'], 415)
  await until(
    () => backend.records('traces').length,
    (spans) => spans === 2
  )
  const items = await scrape(gateway, 'sluice_items_total')
  strictEqual(sumOf(items, 'stage="receive"', 'outcome="accepted"', 'signal="traces"'), 2)
  strictEqual(await gateway.end('SIGTERM'), 0)
})

/** Posts over a connection that is kept; resolves with the status. */
function post(agent: Agent, url: string, body: Uint8Array): Promise<number> {
  return new Promise((resolve, reject) => {
    const asked = ask(`${url}/v1/traces`, { method: 'POST', agent, headers: { ...PROTOBUF, 'content-length': body.length } }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0))
    })
    asked.once('error', reject)
    asked.end(body)
  })
}

/** Sends one good request after another over both transports, on a connection of its own each, until told to stop: all must be answered, and soon. */
function bystander(t: TestContext, gateway: GatewayProcess) {
  const seen = { taken: 0, busy: 0, slowestMs: 0, failed: [] as unknown[] }
  let stopped = false
  t.after(() => {
    stopped = true
  })
  const timed = async (ask: () => Promise<unknown>): Promise<void> => {
    while (!stopped) {
      const startedAt = performance.now()
      const failure = await ask().catch((error) => error)
      seen.slowestMs = Math.max(seen.slowestMs, performance.now() - startedAt)
      if (failure === null) seen.taken++
      // Told to come back, while others hold the memory there is for requests.
      else if (failure === 429 || failure === 8) seen.busy++
      else seen.failed.push(failure)
      await sleep(10)
    }
  }
  const session = grpcSession(t, gateway.grpc)
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const loops = [
    timed(async () => {
      const answered = await post(agent, gateway.http, good)
      return answered === 200 ? null : answered
    }),
    timed(async () => {
      const answer = await call(session, EXPORT.traces, framed(good))
      return answer.status === 0 ? null : answer.status
    })
  ]
  const stop = async (): Promise<void> => {
    stopped = true
    await Promise.all(loops)
  }
  return { seen, stop }
}

test('attacks on the sockets: bounded memory, good senders are served meanwhile, the counters tell', { timeout: 240_000 }, async (t) => {
  const { backend, gateway, peakBytes } = await stage(
    t,
    ', connectionsMax: 200, headerTimeout: 3s, stallTimeout: 2s, bodyTimeout: 5s, idleTimeout: 60s'
  )
  const http = addressOf(gateway.http)
  const grpc = addressOf(`http://${gateway.grpc}`)
  const clients: RawClient[] = []
  t.after(() => {
    for (const { socket } of clients) socket.destroy()
  })
  const dial = (address = http): RawClient => {
    const client = new RawClient(address)
    clients.push(client)
    return client
  }
  const head = (...headers: string[]): string =>
    `POST /v1/traces HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-protobuf\r\n${headers.join('\r\n')}\r\n\r\n`
  const whole = head(`Content-Length: ${good.length}`)
  const bomb = gzipSync(Buffer.alloc(100 * MIB))
  const { seen, stop } = bystander(t, gateway)
  await until(
    () => seen.taken,
    (taken) => taken > 20
  )
  // What a request takes here and now, undisturbed.
  const { slowestMs: undisturbedMs } = seen
  const startBytes = peakBytes()

  // Slow headers, one byte at a time, and silence; each ends in an answer, or in a close.
  const slow = Array.from({ length: 40 }, (_, i) => dial(i % 4 === 3 ? grpc : http))
  const drip = setInterval(() => {
    for (const [i, { socket }] of slow.entries()) if (i % 2 === 0 && !socket.destroyed) socket.write('P')
  }, 50)
  t.after(() => clearInterval(drip))
  // Bodies that are announced and stall, or dawdle past the time for a whole body.
  const bodies = Array.from({ length: 40 }, () => dial().send(head('Content-Length: 900000')).send(Buffer.alloc(1000)))
  const dawdling = setInterval(() => {
    for (const [i, { socket }] of bodies.entries()) if (i % 2 === 0 && !socket.destroyed) socket.write('x')
  }, 100)
  t.after(() => clearInterval(dawdling))
  await Promise.all([...slow, ...bodies].map(({ closed }) => closed))
  clearInterval(drip)
  clearInterval(dawdling)
  for (const body of bodies) match(body.text, /^HTTP\/1\.1 408 /)

  // Half-closed after the request: still answered. Half-closed before its end: given up.
  const polite = dial().send(whole).send(good)
  polite.socket.end()
  await polite.closed
  match(polite.text, /^HTTP\/1\.1 200 /)
  const cut = dial().send(whole).send(good.subarray(0, 10))
  cut.socket.end()
  await cut.closed
  ok(!cut.text.includes(' 200 '))
  // Reset in the middle of a body.
  const broken = dial().send(whole).send(good.subarray(0, 10))
  broken.socket.once('connect', () => setImmediate(() => broken.socket.resetAndDestroy()))
  await broken.closed

  // Many requests in one go, with nonsense behind them.
  const pipelined = dial().send(
    Buffer.concat([...Array.from({ length: 50 }, () => Buffer.concat([Buffer.from(whole), good])), Buffer.from('??\r\n\r\n')])
  )
  await pipelined.closed
  strictEqual(pipelined.text.match(/HTTP\/1\.1 200 /g)?.length, 50)

  // Two lengths, a length beside chunks, chunks without a size, a header without end: each is cut off.
  for (const nonsense of [
    `${head('Content-Length: 5', 'Content-Length: 6')}hello`,
    `${head('Content-Length: 5', 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    `${head('Transfer-Encoding: chunked')}zz\r\nhello\r\n`,
    `POST /v1/traces HTTP/1.1\r\nX: ${'a'.repeat(100_000)}`,
    `GET / HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}`,
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    Buffer.from('16030100', 'hex'),
    Buffer.alloc(100_000, 0)
  ]) {
    const client = dial().send(nonsense)
    client.socket.end()
    await client.closed
    ok(!client.text.includes(' 200 '), client.text)
  }

  // Bombs, a hundred at once, on both transports.
  const session = grpcSession(t, gateway.grpc)
  const bombs = await Promise.all(
    Array.from({ length: 50 }, async () => {
      const headers = { ...PROTOBUF, 'content-encoding': 'gzip' }
      const answer = await fetch(`${gateway.http}/v1/traces`, { method: 'POST', headers, body: bomb })
      await answer.arrayBuffer()
      const { status: code } = await call(session, EXPORT.traces, framed(bomb, 1), { 'grpc-encoding': 'gzip' })
      return [answer.status, code]
    })
  )
  for (const [overHttp, overGrpc] of bombs) ok((overHttp === 413 || overHttp === 429) && overGrpc === 8, `${overHttp} ${overGrpc}`)

  // A flood of connections: over the limit they are closed at once, and there is room again afterwards. The bystanders' connections are in already.
  const flood = Array.from({ length: 600 }, (_, i) => dial(i % 2 === 0 ? http : grpc))
  await Promise.all(flood.map(({ closed }) => closed))

  // Calls that are opened and reset by the thousand, and headers without end.
  const reset = connectHttp2(`http://${gateway.grpc}`)
  const gone = new Promise((resolve) => reset.once('close', resolve))
  reset.on('error', () => undefined)
  for (let i = 0; i < 200 && !reset.destroyed; i++) {
    for (let j = 0; j < 50 && !reset.destroyed; j++) {
      const stream = reset.request({ ':method': 'POST', ':path': EXPORT.traces, 'content-type': 'application/grpc' })
      stream.on('error', () => undefined)
      stream.close(constants.NGHTTP2_CANCEL)
    }
    await sleep(1)
  }
  await gone
  // The limit of a list of headers holds once the client has seen the server's settings; until then HTTP/2's own does.
  const large = grpcSession(t, gateway.grpc)
  strictEqual((await call(large, EXPORT.traces, framed(new Uint8Array(0)))).status, 0)
  const refusedList = await call(large, EXPORT.traces, framed(good), { 'x-large': 'a'.repeat(60_000) })
  ok(Number.isNaN(refusedList.status) || refusedList.status !== 0)
  // Frames that are none, after the preface of HTTP/2 and without it.
  for (const bytes of [
    Buffer.alloc(1000, 0xff),
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.alloc(1000, 0xff)])
  ]) {
    await dial(grpc).send(bytes).closed
  }

  await stop()
  const growth = peakBytes() - startBytes
  t.diagnostic(
    `${seen.taken} good requests, ${seen.busy} told to come back, the slowest ${Math.round(seen.slowestMs)} ms; peak of memory +${Math.round(growth / MIB)} MiB`
  )
  deepStrictEqual(seen.failed, [])
  ok(seen.busy < seen.taken / 2, `${seen.busy} of ${seen.taken} were told to come back`)
  ok(seen.slowestMs < Math.max(2_000, 20 * undisturbedMs), `the slowest good request took ${seen.slowestMs} ms, ${undisturbedMs} ms before`)
  ok(growth < IN_FLIGHT_BYTES + GROWTH_MAX_BYTES, `memory grew by ${Math.round(growth / MIB)} MiB`)

  const refused = await scrape(gateway, 'sluice_receiver_refused_requests_total')
  for (const [transport, reason, atLeast] of [
    ['http', 'header-timeout', 30],
    ['http', 'timeout', 40],
    ['http', 'aborted', 1],
    ['http', 'malformed', 5],
    ['http', 'connections', 50],
    ['grpc', 'connections', 50],
    ['grpc', 'header-timeout', 5],
    ['grpc', 'too-large', 1],
    ['http', 'too-large', 1],
    ['grpc', 'malformed', 1]
  ] as const) {
    const count = sumOf(refused, `transport="${transport}"`, `reason="${reason}"`)
    ok(count >= atLeast, `${transport} ${reason}: ${count}, of ${JSON.stringify([...refused])}`)
  }
  await until(
    () => scrape(gateway, 'sluice_items_held'),
    (held) => sumOf(held) === 0
  )
  strictEqual(sumOf(await scrape(gateway, 'sluice_items_total'), 'outcome="accepted"', 'signal="traces"'), seen.taken + 1 + 50)
  strictEqual(backend.records('traces').length, seen.taken + 1 + 50)
  strictEqual((await fetch(`${gateway.admin}/healthz`)).status, 200)
  strictEqual(await gateway.end('SIGTERM'), 0)
})
