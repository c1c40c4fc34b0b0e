// What may come in over a socket: whole requests cut at any place, requests cut off, and requests with some bytes changed.
import { deepStrictEqual, ok, strictEqual } from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { createServer } from 'node:net'
import { after, test } from 'node:test'
import zlib from 'node:zlib'
import * as fc from 'fast-check'
import { parseBatch } from '../../src/batch.ts'
import { REFUSALS, RefusedError } from '../../src/errors.ts'
import { listenGrpc } from '../../src/net/grpc-server.ts'
import { listenHttp, plainAnswer } from '../../src/net/http-server.ts'
import { ByteBudget } from '../../src/net/limits.ts'
import { Sockets } from '../../src/net/sockets.ts'
import { request, span } from '../support/otlp-bytes.ts'
import { eventually, RawClient } from '../support/raw-client.ts'

const runs = Number(process.env.SLUICE_FUZZ_RUNS ?? 300)

const budget = new ByteBudget(1 << 20)
const limits = { bodyBytesMax: 64 * 1024, stallMs: 2_000, bodyMs: 5_000, budget }
const settings = { connectionsMax: 1000, headerMs: 2_000, idleMs: 2_000 }
const sockets = new Sockets()

// What was taken in: a request that the check at the door lets through, whole.
let taken: Buffer[] = []
const take = (body: Buffer): void => {
  parseBatch('traces', body)
  taken.push(Buffer.from(body))
}
const refused = (error: unknown): RefusedError => {
  if (error instanceof RefusedError) return error
  throw error
}

const http = await listenHttp(
  sockets,
  { host: '127.0.0.1', port: 0 },
  'fuzz.http',
  [
    {
      method: 'POST',
      path: '/v1/traces',
      limits,
      handle: ({ body }) => {
        take(body)
        return plainAnswer(200, 'taken')
      },
      refuse: (error) => plainAnswer(REFUSALS[refused(error).code].http, refused(error).message)
    }
  ],
  settings
)
const PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const grpc = await listenGrpc(
  sockets,
  { host: '127.0.0.1', port: 0 },
  'fuzz.grpc',
  [
    {
      path: PATH,
      limits,
      handle: (message) => {
        take(message)
        return Buffer.alloc(0)
      },
      refuse: refused
    }
  ],
  settings
)
after(() => Promise.all([http.close(100), grpc.close(100)]))

const deflaters: Record<string, (bytes: Buffer) => Buffer> = {
  identity: (bytes) => bytes,
  gzip: (bytes) => zlib.gzipSync(bytes),
  deflate: (bytes) => zlib.deflateSync(bytes),
  zstd: (bytes) => zlib.zstdCompressSync(bytes)
}
const codings = fc.constantFrom(...Object.keys(deflaters))
const bodies = fc.integer({ min: 0, max: 200 }).map((count) => request(Array.from({ length: count }, () => span())))
const places = fc.array(fc.nat(), { maxLength: 4 })
const changes = fc.array(fc.record({ at: fc.nat(), to: fc.integer({ min: 0, max: 255 }) }), { maxLength: 4 })

function httpBytes(body: Buffer, coding: string, chunked: boolean): Buffer {
  const sent = deflaters[coding](body)
  const framing = chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${sent.length}`
  const head = `POST /v1/traces HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Encoding: ${coding}\r\n${framing}\r\n\r\n`
  if (!chunked) return Buffer.concat([Buffer.from(head), sent])
  const chunk = sent.length === 0 ? [] : [Buffer.from(`${sent.length.toString(16)}\r\n`), sent, Buffer.from('\r\n')]
  return Buffer.concat([Buffer.from(head), ...chunk, Buffer.from('0\r\n\r\n')])
}

// The bytes that a client of HTTP/2 sends for one call.
async function grpcBytes(body: Buffer, coding: string): Promise<Buffer> {
  const sent = deflaters[coding](body)
  const header = Buffer.from([coding === 'identity' ? 0 : 1, 0, 0, 0, 0])
  header.writeUInt32BE(sent.length, 1)
  const chunks: Buffer[] = []
  const sink = createServer((socket) => socket.on('data', (chunk) => chunks.push(chunk)).on('error', () => undefined))
  await once(sink.listen(0, '127.0.0.1'), 'listening')
  const session = connectHttp2(`http://127.0.0.1:${(sink.address() as { port: number }).port}`)
  session.on('error', () => undefined)
  const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc', 'grpc-encoding': coding })
  stream.on('error', () => undefined)
  stream.end(Buffer.concat([header, sent]))
  const lengthOf = (): number => chunks.reduce((sum, chunk) => sum + chunk.length, 0)
  await eventually(() => lengthOf() > sent.length + 60)
  session.destroy()
  sink.close()
  return Buffer.concat(chunks)
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const ends = at.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b)
  return [...ends, bytes.length].map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

function changed(bytes: Buffer, cutAt: number, by: readonly { at: number; to: number }[]): Buffer {
  const result = Buffer.from(bytes.subarray(0, bytes.length - (cutAt % bytes.length)))
  for (const { at, to } of by) result[at % result.length] = to
  return result
}

// Sends all pieces and hears the other side out.
async function talk(port: 'http' | 'grpc', pieces: readonly Buffer[], isOver: (client: RawClient) => boolean): Promise<string> {
  const client = new RawClient((port === 'http' ? http : grpc).address)
  await once(client.socket, 'connect')
  for (const piece of pieces) {
    client.send(piece)
    await new Promise((resolve) => setImmediate(resolve))
  }
  if (isOver(client)) client.socket.end()
  await client.closed
  return client.text
}

test('a whole HTTP request is taken, wherever it is cut', async () => {
  const property = fc.asyncProperty(bodies, codings, fc.boolean(), places, async (body, coding, chunked, at) => {
    taken = []
    const text = await talk('http', cut(httpBytes(body, coding, chunked), at), () => false)
    ok(text.startsWith('HTTP/1.1 200 '), text)
    deepStrictEqual(
      taken.map((bytes) => bytes.equals(body)),
      [true]
    )
  })
  await fc.assert(property, { numRuns: runs })
  strictEqual(budget.heldBytes, 0)
})

test('a damaged HTTP request is answered or cut off, and only whole requests are taken', async () => {
  const property = fc.asyncProperty(bodies, codings, fc.boolean(), fc.nat(), changes, async (body, coding, chunked, cutAt, by) => {
    taken = []
    const text = await talk('http', [changed(httpBytes(body, coding, chunked), cutAt, by)], () => true)
    for (const bytes of taken) parseBatch('traces', bytes)
    strictEqual(/^HTTP\/1.1 200 /.test(text) && taken.length === 0, false)
    await eventually(() => budget.heldBytes === 0)
  })
  await fc.assert(property, { numRuns: runs })
})

test('a damaged gRPC call is answered or cut off, and only whole messages are taken', async () => {
  const whole = await Promise.all(Object.keys(deflaters).map((coding) => grpcBytes(request([span(), span()]), coding)))
  taken = []
  for (const bytes of whole) {
    const client = new RawClient(grpc.address).send(bytes)
    const before = taken.length
    await eventually(() => taken.length > before && budget.heldBytes === 0)
    client.socket.destroy()
  }
  const property = fc.asyncProperty(fc.constantFrom(...whole), fc.nat(), changes, places, async (bytes, cutAt, by, at) => {
    taken = []
    await talk('grpc', cut(changed(bytes, cutAt, by), at), () => true)
    for (const message of taken) parseBatch('traces', message)
    await eventually(() => budget.heldBytes === 0)
  })
  await fc.assert(property, { numRuns: runs })
})

test('noise is answered or cut off', async () => {
  const property = fc.asyncProperty(
    fc.constantFrom('http' as const, 'grpc' as const),
    fc.uint8Array({ maxLength: 2000 }),
    async (port, noise) => {
      await talk(port, [Buffer.from(noise)], () => true)
    }
  )
  await fc.assert(property, { numRuns: runs })
  strictEqual(budget.heldBytes, 0)
})
