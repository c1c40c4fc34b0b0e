// A process: what it costs to read lines and do nothing with them. With `tcp`, splits what comes over connections into lines, each a text of its own;
// with `http`, a Fastify route that reads the body and answers 200; with `files` and a directory, reads the files below it to their end and splits them,
// and answers over HTTP how many lines there were.
import { closeSync, openSync, readdirSync, readSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import fastify from 'fastify'

const BODY_BYTES_MAX = 20 * 1024 * 1024
const NEWLINE = 10
const READ_BYTES = 256 * 1024
const LOOK_MS = 100
let characters = 0
let lines = 0

if (process.argv[2] === 'http') {
  const app = fastify({ bodyLimit: BODY_BYTES_MAX })
  app.addContentTypeParser('application/x-ndjson', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  app.post('/logs', (_request, reply) => reply.send({ lines: 0 }))
  await app.listen({ host: '127.0.0.1', port: 0 })
  console.log(`port ${(app.server.address() as AddressInfo).port}`)
} else if (process.argv[2] === 'files') {
  const dir = process.argv[3]
  const done = new Set<string>()
  setInterval(() => {
    for (const entry of readdirSync(dir, { recursive: true, withFileTypes: true })) {
      const path = `${entry.parentPath}/${entry.name}`
      if (!entry.isFile() || !path.endsWith('.log') || done.has(path)) continue
      done.add(path)
      readToEnd(path)
    }
  }, LOOK_MS)
  const server = createHttpServer((_request, response) => response.end(JSON.stringify({ lines })))
  server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`))
} else {
  const server = createServer((socket) => {
    const take = splitter()
    socket.on('data', take)
    socket.on('error', () => undefined)
  })
  server.listen(0, '127.0.0.1', () => console.log(`port ${(server.address() as AddressInfo).port}`))
  // What was read is used, so that reading it is no dead code.
  process.on('SIGTERM', () => process.exit(characters < 0 ? 1 : 0))
}

function readToEnd(path: string): void {
  const take = splitter()
  const file = openSync(path, 'r')
  const chunk = Buffer.allocUnsafeSlow(READ_BYTES)
  for (let size = readSync(file, chunk); size > 0; size = readSync(file, chunk)) take(chunk.subarray(0, size))
  closeSync(file)
}

function splitter(): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    let from = 0
    for (let end = chunk.indexOf(NEWLINE); end >= 0; end = chunk.indexOf(NEWLINE, from)) {
      const line = rest.length === 0 ? chunk.toString('utf8', from, end) : Buffer.concat([rest, chunk.subarray(0, end)]).toString()
      characters += line.length
      lines++
      rest = rest.subarray(rest.length)
      from = end + 1
    }
    if (from < chunk.length) rest = Buffer.concat([rest, chunk.subarray(from)])
  }
}
