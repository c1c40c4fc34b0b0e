import { once } from 'node:events'
import { type ClientHttp2Session, connect } from 'node:http2'
import type { Load, Send, Sender } from './load.ts'

const SERVICES = {
  traces: 'opentelemetry.proto.collector.trace.v1.TraceService',
  logs: 'opentelemetry.proto.collector.logs.v1.LogsService'
}
const FRAME_HEADER_BYTES = 5

/** Unary calls on HTTP/2 sessions that stay open. */
export async function grpcSender(load: Load): Promise<Sender> {
  const sessions: ClientHttp2Session[] = []
  for (let i = 0; i < load.connections; i++) {
    const session = connect(`http://127.0.0.1:${load.port}`)
    await once(session, 'remoteSettings')
    sessions.push(session)
  }
  const lanes = sessions.flatMap((session) => Array.from({ length: load.streams }, () => sending(session, load)))
  return {
    lanes,
    close: () => {
      for (const session of sessions) session.destroy()
    }
  }
}

function sending(session: ClientHttp2Session, { port, signal, gzip }: Load): Send {
  const headers = {
    ':method': 'POST',
    ':path': `/${SERVICES[signal]}/Export`,
    ':authority': `127.0.0.1:${port}`,
    'content-type': 'application/grpc',
    te: 'trailers',
    'user-agent': 'sluice-bench',
    ...(gzip ? { 'grpc-encoding': 'gzip' } : {})
  }
  return (body) =>
    new Promise((resolve, reject) => {
      const call = session.request(headers)
      let status: unknown
      call.on('response', (answer) => {
        status = answer['grpc-status']
      })
      call.on('trailers', (trailers) => {
        status ??= trailers['grpc-status']
      })
      call.on('error', reject)
      call.on('close', () => resolve(status === '0'))
      call.resume()
      const frame = Buffer.alloc(FRAME_HEADER_BYTES)
      frame[0] = gzip ? 1 : 0
      frame.writeUInt32BE(body.length, 1)
      call.cork()
      call.write(frame)
      call.end(body)
      call.uncork()
    })
}
