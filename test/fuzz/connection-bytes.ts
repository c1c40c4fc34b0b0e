import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { type AddressInfo, createServer } from 'node:net'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { EXPORT, framed } from '../support/grpc-client.ts'
import { request, span } from '../support/otlp-bytes.ts'
import type { Tape } from './tape.ts'

const BODY = request([span(), span({ traceId: '00f7651916cd43dd8448eb211c80319c', attributes: { stage: 'tts' } })])
const JSON_BODY = Buffer.from(
  '{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"0af7651916cd43dd8448eb211c80319c","spanId":"b7ad6b7169203331","name":"é"}]}]}]}'
)
const NUMBERS = ['0', '1', '-1', '00', '0x10', '99', '1e3', '18446744073709551616', '', ' ', '7fffffff', '999999999999']

/** One HTTP request or several in a row, in order but for what the tape decides. */
export function httpBytes(tape: Tape): Buffer {
  const requests = Array.from({ length: 1 + tape.below(3) }, () => httpRequest(tape))
  return disturbed(tape, Buffer.concat(requests))
}

function httpRequest(tape: Tape): Buffer {
  const json = tape.oneIn(3)
  const plain = json ? JSON_BODY : BODY
  const coding = tape.pick(['', '', 'gzip', 'zstd', 'deflate', 'br', 'gzip, gzip'])
  const body = coding === 'gzip' ? gzipSync(plain) : coding === 'zstd' ? zstdCompressSync(plain) : plain
  const chunked = tape.oneIn(4)
  const length = tape.oneIn(6) ? tape.pick(NUMBERS) : String(body.length)
  const headers = [
    `Host: ${tape.oneIn(8) ? '' : 'x'}`,
    `Content-Type: ${tape.pick(['application/x-protobuf', json ? 'application/json' : 'application/x-protobuf', 'text/plain', ''])}`,
    ...(coding === '' ? [] : [`Content-Encoding: ${coding}`]),
    ...(chunked ? ['Transfer-Encoding: chunked'] : [`Content-Length: ${length}`]),
    ...(tape.oneIn(8)
      ? [tape.pick(['Expect: 100-continue', 'Connection: upgrade', 'Upgrade: h2c', 'Content-Length: 3', 'X: \0', ': y'])]
      : [])
  ]
  const method = tape.oneIn(6) ? tape.pick(['GET', 'PUT', 'OPTIONS', 'CONNECT', 'post', 'PRI', '']) : 'POST'
  const path = tape.oneIn(6)
    ? tape.pick(['/', '*', '/v1/', '//v1/traces', '/v1/traces?a=%', '/%00', 'http://x/v1/logs', 'x:1'])
    : '/v1/traces'
  const version = tape.oneIn(12) ? tape.pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/9', '']) : 'HTTP/1.1'
  const head = `${method} ${path} ${version}\r\n${headers.join('\r\n')}\r\n\r\n`
  return Buffer.concat([Buffer.from(head, 'latin1'), chunked ? chunks(tape, body) : body])
}

function chunks(tape: Tape, body: Buffer): Buffer {
  const middle = tape.below(body.length)
  const size = (part: Buffer): string => (tape.oneIn(8) ? tape.pick(NUMBERS) : part.length.toString(16))
  const parts = [body.subarray(0, middle), body.subarray(middle)].filter((part) => part.length > 0)
  const written = parts.flatMap((part) => [Buffer.from(`${size(part)}\r\n`), part, Buffer.from('\r\n')])
  return Buffer.concat([...written, Buffer.from('0\r\n\r\n')])
}

/** What an HTTP/2 client sends for one good call, as frames, the preface first. */
export async function goodCall(): Promise<readonly Buffer[]> {
  const sent: Buffer[] = []
  let length = 0
  const server = createServer((socket) => {
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => {
      sent.push(chunk)
      length += chunk.length
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const session = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  session.on('error', () => undefined)
  const stream = session.request({ ':method': 'POST', ':path': EXPORT.traces, 'content-type': 'application/grpc', te: 'trailers' })
  stream.on('error', () => undefined)
  stream.end(framed(BODY))
  // The last frame carries the whole message, and the end of the stream.
  while (length < BODY.length || !isWhole(Buffer.concat(sent))) await new Promise((resolve) => setTimeout(resolve, 10))
  session.destroy()
  server.close()
  return framesOf(Buffer.concat(sent))
}

// The wire: the preface (24), then frames { u24 length, u8 type, u8 flags, u32 stream, payload }.
const PREFACE_BYTES = 24
const HEAD_BYTES = 9
const DATA = 0
const END_STREAM = 1

function framesOf(bytes: Buffer): Buffer[] {
  const frames = [bytes.subarray(0, PREFACE_BYTES)]
  for (let at = PREFACE_BYTES; at < bytes.length; ) {
    const end = at + HEAD_BYTES + bytes.readUIntBE(at, 3)
    frames.push(bytes.subarray(at, end))
    at = end
  }
  return frames
}

function isWhole(bytes: Buffer): boolean {
  return framesOf(bytes).some((frame, i) => i > 0 && frame[3] === DATA && (frame[4] & END_STREAM) !== 0)
}

/** A call, in order but for what the tape decides: frames left out, doubled, exchanged, made up or with other heads; and then bytes. */
export function grpcBytes(tape: Tape, good: readonly Buffer[]): Buffer {
  const frames = good.map((frame) => Buffer.from(frame))
  for (let changes = tape.below(4); changes > 0; changes--) {
    const at = tape.below(frames.length)
    const head = tape.take(HEAD_BYTES)
    switch (tape.below(7)) {
      case 0:
        frames.splice(at, 1)
        break
      case 1:
        frames.splice(at, 0, ...Array.from({ length: 1 + tape.below(20) }, () => frames[at]))
        break
      case 2:
        frames.push(...frames.splice(at, 1))
        break
      case 3: {
        const payload = tape.take(tape.below(40))
        head.writeUIntBE(payload.length, 0, 3)
        head[3] %= 11
        head.writeUInt32BE(tape.below(6), 5)
        frames.splice(Math.max(1, at), 0, Buffer.concat([head, payload]))
        break
      }
      case 4:
        if (at > 0) frames[at][3 + tape.below(2)] = tape.byte()
        break
      case 5:
        if (at > 0) frames[at][8] = tape.byte()
        break
      default:
        if (at > 0) frames[at].writeUIntBE(tape.below(65_536), 0, 3)
    }
    if (frames.length === 0) break
  }
  return disturbed(tape, Buffer.concat(frames))
}

// Half of all cases stay as they are; in the others bytes are changed, cut out, doubled or made up.
function disturbed(tape: Tape, bytes: Buffer): Buffer {
  if (tape.oneIn(2) || bytes.length === 0) return bytes
  if (tape.oneIn(20)) return tape.take(tape.below(400))
  let out = Buffer.from(bytes)
  for (let changes = 1 + tape.below(4); changes > 0 && out.length > 0; changes--) {
    const at = tape.below(out.length)
    const span = tape.below(24)
    switch (tape.below(5)) {
      case 0:
        out[at] ^= 1 << tape.below(8)
        break
      case 1:
        out[at] = tape.byte()
        break
      case 2:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at + span)])
        break
      case 3:
        out = Buffer.concat([out.subarray(0, at), out.subarray(at, at + span), out.subarray(at)])
        break
      default:
        out = Buffer.concat([out.subarray(0, at), tape.take(span), out.subarray(at)])
    }
  }
  return tape.oneIn(4) ? out.subarray(0, tape.below(out.length + 1)) : out
}
