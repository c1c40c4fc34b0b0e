// A process: what HTTP costs by itself. A Fastify route that reads the body, inflates it where it is compressed, and answers 200.
import type { AddressInfo } from 'node:net'
import { gunzipSync } from 'node:zlib'
import fastify from 'fastify'

const BODY_BYTES_MAX = 20 * 1024 * 1024

const app = fastify({ bodyLimit: BODY_BYTES_MAX })
app.addContentTypeParser('application/x-protobuf', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.post('/v1/traces', (request, reply) => {
  if (request.headers['content-encoding'] === 'gzip') gunzipSync(request.body as Buffer)
  reply.header('content-type', 'application/x-protobuf').send('')
})
await app.listen({ host: '127.0.0.1', port: 0 })
console.log(`port ${(app.server.address() as AddressInfo).port}`)
