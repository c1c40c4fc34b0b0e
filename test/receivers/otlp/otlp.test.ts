import { deepStrictEqual, match, rejects, strictEqual } from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { request as plainRequest } from 'node:http'
import { connect, type SecureClientSessionOptions } from 'node:http2'
import { request as tlsRequest } from 'node:https'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { connect as tlsConnect } from 'node:tls'
import { Sockets } from '../../../src/net/sockets.ts'
import { makeCertificates } from '../../support/certificates.ts'
import { temporaryDirectory } from '../../support/temporary-directory.ts'
import { spans, started } from './support.ts'

const HEADERS = { 'content-type': 'application/x-protobuf' }

/** Sends one span over HTTP, to where and how `options` say. */
function overHttp(options: object): Promise<number> {
  return new Promise((resolve, reject) => {
    const request = 'ca' in options ? tlsRequest : plainRequest
    const asked = request({ path: '/v1/traces', method: 'POST', headers: HEADERS, agent: false, ...options }, (response) => {
      response.resume()
      response.on('end', () => resolve(response.statusCode ?? 0))
    })
    asked.on('error', reject)
    asked.end(spans(1))
  })
}

/** The same over gRPC; the status of the call. */
function overGrpc(url: string, options: SecureClientSessionOptions): Promise<string> {
  return new Promise((resolve, reject) => {
    const session = connect(url, options)
    session.on('error', reject)
    session.on('close', () => reject(new Error('the connection was closed')))
    const stream = session.request({
      ':method': 'POST',
      ':path': '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
      'content-type': 'application/grpc'
    })
    stream.on('error', reject)
    stream.on('trailers', (trailers) => {
      resolve(String(trailers['grpc-status']))
      session.close()
    })
    stream.resume()
    const header = Buffer.alloc(5)
    header.writeUInt32BE(spans(1).length, 1)
    stream.end(Buffer.concat([header, spans(1)]))
  })
}

const at = (address: string): { host: string; port: number } => ({ host: '127.0.0.1', port: Number(address.split(':')[1]) })

test('both transports listen on several addresses, Unix sockets among them', async (t) => {
  const dir = temporaryDirectory()
  const paths = { http: join(dir, 'http.sock'), grpc: join(dir, 'grpc.sock') }
  const both = (transport: 'http' | 'grpc'): string[] => ['127.0.0.1:0', `unix:${paths[transport]}`]
  const { http, grpc, batches, stop } = await started(t, { http: both('http'), grpc: both('grpc') })
  deepStrictEqual([http[1], grpc[1]], [`unix:${paths.http}`, `unix:${paths.grpc}`])
  strictEqual(await overHttp(at(http[0])), 200)
  strictEqual(await overHttp({ socketPath: paths.http }), 200)
  strictEqual(await overGrpc(`http://${grpc[0]}`, {}), '0')
  strictEqual(await overGrpc('http://localhost', { path: paths.grpc } as SecureClientSessionOptions), '0')
  strictEqual(batches.length, 4)
  await stop()
  deepStrictEqual([existsSync(paths.http), existsSync(paths.grpc)], [false, false])
})

test('nothing listens where the configuration says off', async (t) => {
  const { http, grpc } = await started(t, { http: 'off', grpc: 'off' })
  deepStrictEqual([http, grpc], [[], []])
})

test('an address in use is named with its option, and what was opened before is closed', async (t) => {
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  t.after(() => taken.close())
  const { port } = taken.address() as { port: number }
  const path = join(temporaryDirectory(), 'http.sock')
  const f = (options: object, option: string): Promise<void> =>
    rejects(started(t, options), {
      code: 'unavailable',
      message: `${option}: cannot listen on 127.0.0.1:${port}: the address is in use by another program`
    })
  await f({ http: `unix:${path}`, grpc: `127.0.0.1:${port}` }, 'receivers.test.grpc')
  await f({ http: [`unix:${path}`, `127.0.0.1:${port}`], grpc: 'off' }, 'receivers.test.http[1]')
  strictEqual(existsSync(path), false)
})

test('a new generation takes the addresses over before the old one stops', async (t) => {
  const sockets = new Sockets()
  const options = { http: '127.0.0.1:0', grpc: '127.0.0.1:0' }
  const old = await started(t, options, undefined, { sockets })
  const next = await started(t, { ...options, requestMax: '1KiB' }, undefined, { sockets })
  deepStrictEqual([next.http, next.grpc], [old.http, old.grpc])
  await old.stop()
  strictEqual(await overHttp(at(next.http[0])), 200)
  strictEqual(await overGrpc(`http://${next.grpc[0]}`, {}), '0')
  deepStrictEqual([old.batches.length, next.batches.length], [0, 2])
})

test('TLS is spoken on TCP addresses, with client certificates where asked for', async (t) => {
  const files = makeCertificates()
  if (files === null) return t.skip('no openssl command: TLS is not tested')
  const read = (file: string): Buffer => readFileSync(file)
  const ca = read(files.caFile)
  const client = { ca, cert: read(files.clientCertFile), key: read(files.clientKeyFile) }
  const tls = { certFile: files.serverCertFile, keyFile: files.serverKeyFile }
  const path = join(temporaryDirectory(), 'http.sock')
  const one = await started(t, { http: ['127.0.0.1:0', `unix:${path}`], grpc: '127.0.0.1:0', tls })
  strictEqual(await overHttp({ ...at(one.http[0]), ca }), 200)
  strictEqual(await overHttp({ socketPath: path }), 200)
  strictEqual(await overGrpc(`https://${one.grpc[0]}`, { ca }), '0')
  await rejects(overHttp(at(one.http[0])))
  await rejects(overGrpc(`http://${one.grpc[0]}`, {}))

  const two = await started(t, { http: '127.0.0.1:0', grpc: '127.0.0.1:0', tls: { ...tls, clientCaFile: files.caFile } })
  strictEqual(await overHttp({ ...at(two.http[0]), ...client }), 200)
  strictEqual(await overGrpc(`https://${two.grpc[0]}`, client), '0')
  await rejects(overHttp({ ...at(two.http[0]), ca }))
  // Node's HTTP/2 client does not tell of an alert after the handshake, so a TLS client looks.
  const silent = tlsConnect({ ...at(two.grpc[0]), ca, ALPNProtocols: ['h2'] })
  const [alert] = await new Promise<Error[]>((resolve) => silent.once('error', (error) => resolve([error])))
  match(alert.message, /certificate required/)
})

test('certificates that cannot be used are named by their option', async (t) => {
  const files = makeCertificates()
  if (files === null) return t.skip('no openssl command: TLS is not tested')
  const f = (tls: object, message: RegExp): Promise<void> =>
    rejects(started(t, { http: '127.0.0.1:0', grpc: 'off', tls }), (error: Error) => {
      match(error.message, message)
      return true
    })
  const { serverCertFile: certFile, serverKeyFile: keyFile } = files
  await f({ certFile }, /^receivers.test.tls: expected both certFile and keyFile$/)
  await f({ certFile, keyFile: '/nowhere.key' }, /^receivers.test.tls.keyFile: cannot read the file \(ENOENT\)$/)
  await f({ certFile, keyFile: files.otherKeyFile }, /^receivers.test.tls: certificate and key cannot be used: .*mismatch/)
  await f({ certFile, keyFile, clientCaFile: files.dir }, /^receivers.test.tls.clientCaFile: cannot read the file \(EISDIR\)$/)
})
