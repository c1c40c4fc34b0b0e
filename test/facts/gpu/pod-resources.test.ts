import { deepStrictEqual, ok, rejects, throws } from 'node:assert/strict'
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import { RefusedError } from '../../../src/errors.ts'
import { decodeAllocations, listAllocations } from '../../../src/facts/gpu/pod-resources.ts'
import { listResponse } from '../../support/pod-resources.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'

const name = fc.string({ maxLength: 12, unit: 'grapheme' })
const pods = fc.array(
  fc.record({
    name,
    namespace: name,
    containers: fc.array(
      fc.record({
        name,
        devices: fc.array(fc.record({ resourceName: name, deviceIds: fc.array(name, { maxLength: 4 }) }), { maxLength: 3 }),
        cpuIds: fc.array(fc.nat(), { maxLength: 3 })
      }),
      { maxLength: 3 }
    )
  }),
  { maxLength: 5 }
)

test('what protobufjs wrote is read as it was meant', () => {
  fc.assert(
    fc.property(pods, (pods) => {
      const expected = pods.flatMap(({ name: pod, namespace, containers }) =>
        containers.flatMap(({ name: container, devices }) =>
          devices.map(({ resourceName: resource, deviceIds }) => ({ namespace, pod, container, resource, deviceIds }))
        )
      )
      deepStrictEqual(decodeAllocations(listResponse(pods)), expected)
    })
  )
})

test('bytes that are cut or changed are read or refused, nothing else', () => {
  fc.assert(
    fc.property(pods, fc.nat(), fc.nat(255), fc.boolean(), (pods, at, byte, cut) => {
      const bytes = Uint8Array.from(listResponse(pods))
      if (bytes.length === 0) return
      const changed = cut ? bytes.subarray(0, at % bytes.length) : bytes.with(at % bytes.length, byte)
      try {
        decodeAllocations(changed)
      } catch (error) {
        ok(error instanceof RefusedError, String(error))
      }
    })
  )
  throws(() => decodeAllocations(Uint8Array.of(0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)), RefusedError)
  throws(() => decodeAllocations(new Uint8Array(12).fill(0xff)), RefusedError)
  throws(() => decodeAllocations(Uint8Array.of(0x0b)), RefusedError)
})

test('a socket that speaks something else, or too much, is refused in time', async (t) => {
  const f = async (serve: (stream: ServerHttp2Stream) => void, expected: RegExp): Promise<void> => {
    const socket = join(temporaryDirectory(), 'kubelet.sock')
    const server = createHttp2Server()
    server.on('stream', (stream) => {
      stream.on('error', () => undefined)
      serve(stream)
    })
    await new Promise<void>((resolve) => server.listen(socket, resolve))
    t.after(() => server.close())
    await rejects(listAllocations({ socket, timeoutMs: 60_000 }, new AbortController().signal), expected)
  }
  const answer = (stream: ServerHttp2Stream, ...bytes: number[]): void => {
    stream.respond(grpc, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(Buffer.from(bytes))
  }
  const grpc = { ':status': 200, 'content-type': 'application/grpc' }
  await f((stream) => stream.respond({ ':status': 404 }, { endStream: true }), /HTTP status 404/)
  await f((stream) => stream.respond({ ...grpc, 'grpc-status': '12' }, { endStream: true }), /gRPC status 12/)
  await f((stream) => answer(stream, 0, 0, 0), /answered 3 bytes/)
  await f((stream) => answer(stream, 1, 0, 0, 0, 0), /compressed/)
  await f((stream) => answer(stream, 0, 0, 0, 0, 9), /announced 9/)
  await f((stream) => {
    stream.respond(grpc)
    stream.end(Buffer.alloc(5))
  }, /broke off/)
  await f((stream) => stream.session?.destroy(), /closed|broke off|ECONNRESET/)
  await f((stream) => {
    stream.respond(grpc)
    const block = Buffer.alloc(1024 * 1024)
    const more = (): void => void (stream.destroyed || stream.write(block, more))
    more()
  }, /over \d+ bytes/)
})

test('a socket that accepts and says nothing is given up', async (t) => {
  const socket = join(temporaryDirectory(), 'kubelet.sock')
  const server = createServer(() => undefined)
  await new Promise<void>((resolve) => server.listen(socket, resolve))
  t.after(() => server.close())
  await rejects(listAllocations({ socket, timeoutMs: 50 }, new AbortController().signal), /no whole answer within 50 ms/)
})
