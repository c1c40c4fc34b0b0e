// A process: what it costs to read lines and do nothing with them. With `tcp`, splits what comes over connections into lines, each a text of its own;
// with `http`, a Fastify route that reads the body and answers 200.
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import fastify from 'fastify'

const BODY_BYTES_MAX = 20 * 1024 * 1024
const NEWLINE = 10
let characters = 0

if (process.argv[2] === 'http') {
  const app = fastify({ bodyLimit: BODY_BYTES_MAX })
  app.addContentTypeParser('application/x-ndjson', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post('/logs', (_request, reply) => reply.send({ lines: 0 }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  console.log(`port ${(app.server.address() as AddressInfo).port}`)
} else {
  const server = createServer((socket) => {
    let rest: Buffer = Buffer.alloc(0)
    socket.on('data', (chunk: Buffer) => {
      let from = 0
      for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
        const line = rest.length === 0 ? chunk.toString('utf8', from, end) : Buffer.concat([rest, chunk.subarray(0, end)]).toString()
        characters += line.length
        rest = rest.subarray(rest.length)
        from = end + 1
      }
      if (from < chunk.length) rest = Buffer.concat([rest, chunk.subarray(from)])
    })
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`))
  // What was read is used, so that reading it is no dead code.
  process.on('SIGTERM', () => process.exit(characters < 0 ? 1 : 0))
}
