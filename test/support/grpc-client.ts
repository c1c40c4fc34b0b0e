import { type ClientHttp2Session, connect, type IncomingHttpHeaders, type OutgoingHttpHeaders } from 'node:http2'
import type { OtlpSignal } from '../../src/otlp/signal.ts'

export const EXPORT: Record<OtlpSignal, string> = {
  traces: '/opentelemetry.proto.collector.trace.v1.TraceService/Export',
  metrics: '/opentelemetry.proto.collector.metrics.v1.MetricsService/Export',
  logs: '/opentelemetry.proto.collector.logs.v1.LogsService/Export',
  profiles: '/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export'
}

export interface GrpcAnswer {
  /** Headers and trailers together; empty when the call was reset. */
  readonly headers: IncomingHttpHeaders
  /** grpc-status, or NaN where there was none. */
  readonly status: number
  readonly body: Buffer
}

/** A message in its frame. */
export function framed(message: Uint8Array, flag = 0): Buffer {
  const head = Buffer.alloc(5)
  head[0] = flag
  head.writeUInt32BE(message.length, 1)
  return Buffer.concat([head, message])
}

/** A connection to `host:port`, closed when the test ends. */
export function grpcSession(t: { after(done: () => void): void }, address: string): ClientHttp2Session {
  const session = connect(`http://${address}`)
  session.on('error', () => undefined)
  t.after(() => session.destroy())
  return session
}

/** Makes one call with this body, whatever it is, and resolves with whatever became of it. */
export function call(session: ClientHttp2Session, path: string, body: Uint8Array, headers: OutgoingHttpHeaders = {}): Promise<GrpcAnswer> {
  return new Promise((resolve) => {
    const stream = session.request({
      ':method': 'POST',
      ':path': path,
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers
    })
    let got: IncomingHttpHeaders = {}
    const chunks: Buffer[] = []
    stream.on('response', (came) => {
      got = { ...got, ...came }
    })
    stream.on('trailers', (came) => {
      got = { ...got, ...came }
    })
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('error', () => undefined)
    stream.on('close', () => resolve({ headers: got, status: Number(got['grpc-status'] ?? Number.NaN), body: Buffer.concat(chunks) }))
    stream.end(body)
  })
}
