// A process: what gRPC costs by itself. A method that reads the message and answers with an empty one, on the gateway's own gRPC layer or, with the
// argument `grpc-js`, on the usual one.

import { RefusedError } from '../../src/errors.ts'
import { listenGrpc } from '../../src/net/grpc-server.ts'
import { ByteBudget } from '../../src/net/limits.ts'
import { Sockets } from '../../src/net/sockets.ts'

const PATH = '/opentelemetry.proto.collector.trace.v1.TraceService/Export'
const BODY_BYTES_MAX = 20 * 1024 * 1024
const EMPTY = Buffer.alloc(0)

if (process.argv[2] === 'grpc-js') {
  const { Server, ServerCredentials } = await import('@grpc/grpc-js')
  const server = new Server({ 'grpc.max_receive_message_length': BODY_BYTES_MAX })
  const asIs = (bytes: Buffer): Buffer => bytes
  const Export = {
    path: PATH,
    requestStream: false,
    responseStream: false,
    requestSerialize: asIs,
    requestDeserialize: asIs,
    responseSerialize: asIs,
    responseDeserialize: asIs
  }
  server.addService({ Export }, { Export: (_call: unknown, done: (error: null, answer: Buffer) => void) => done(null, EMPTY) })
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
    if (error !== null) throw error
    console.log(`port ${port}`)
  })
} else {
  const budget = new ByteBudget(64 * 1024 * 1024)
  const limits = { bodyBytesMax: BODY_BYTES_MAX, stallMs: 10_000, bodyMs: 60_000, budget }
  const refuse = (): RefusedError => new RefusedError('internal', 'refused')
  const listener = await listenGrpc(
    new Sockets(),
    { host: '127.0.0.1', port: 0 },
    'null',
    [{ path: PATH, limits, handle: () => EMPTY, refuse }],
    {
      connectionsMax: 1024,
      headerMs: 10_000,
      idleMs: 60_000
    }
  )
  if ('port' in listener.address) console.log(`port ${listener.address.port}`)
}
