import { defineReceiver, type Host, type Push } from '../../component.ts'
import { addresses, duration, group, integer, size, text } from '../../config/schema.ts'
import type { GrpcSettings } from '../../net/grpc-server.ts'
import type { HttpSettings } from '../../net/http-server.ts'
import { type BodyLimits, ByteBudget } from '../../net/limits.ts'
import { nameOf, type SocketAddress } from '../../net/sockets.ts'
import { loadTls, type TlsFiles } from '../../net/tls.ts'
import { Refusals } from '../../telemetry/refusals.ts'
import { listenOtlpGrpc } from './otlp-grpc.ts'
import { listenOtlpHttp } from './otlp-http.ts'

/** What is inside when the receiver stops has so long to be answered. */
const STOP_WITHIN_MS = 5000

/** Takes OTLP requests over HTTP and gRPC. A request is answered with success only after the pipeline has made it durable, or has consumed it. */
export const otlp = defineReceiver({
  type: 'otlp',
  summary: 'Take traces, metrics, logs and profiles from OpenTelemetry senders, over HTTP and gRPC.',
  options: {
    http: addresses({ default: '127.0.0.1:4318', doc: 'Where to take OTLP over HTTP, as protobuf or JSON; one address or several.' }),
    grpc: addresses({ default: '127.0.0.1:4317', doc: 'Where to take OTLP over gRPC; one address or several.' }),
    requestMax: size({ default: '20MiB', min: '1KiB', max: '1GiB', doc: 'The largest request, both as it comes and inflated.' }),
    inFlightMax: size({
      default: '64MiB',
      min: '1KiB',
      doc: 'How much all requests may hold together until they are answered; more are told to come back later.'
    }),
    connectionsMax: integer({ default: 1024, min: 1, doc: 'Open connections per address; more are closed at once.' }),
    headerTimeout: duration({ default: '10s', min: '100ms', doc: 'How long a sender may take to send the headers of a request.' }),
    stallTimeout: duration({ default: '10s', min: '100ms', doc: 'How long a body may grow by nothing.' }),
    bodyTimeout: duration({ default: '60s', min: '100ms', doc: 'How long a whole body may take.' }),
    idleTimeout: duration({ default: '60s', min: '100ms', doc: 'How long a connection without a request stays open.' }),
    tls: group(
      {
        certFile: text({ default: '', doc: 'PEM file with the certificate and its chain; without it TLS is off.' }),
        keyFile: text({ default: '', doc: 'PEM file with the private key.' }),
        clientCaFile: text({ default: '', doc: 'PEM file with authorities; senders must then show a certificate signed by one of them.' })
      },
      { doc: 'TLS on all TCP addresses of the receiver; Unix sockets stay as they are.' }
    )
  },
  takesGuests: ({ http }) => http.length > 0,
  create: (options, host) => {
    const limits: BodyLimits = {
      bodyBytesMax: options.requestMax,
      stallMs: options.stallTimeout,
      bodyMs: options.bodyTimeout,
      budget: new ByteBudget(options.inFlightMax)
    }
    const { connectionsMax, headerTimeout: headerMs, idleTimeout: idleMs } = options
    let listeners: { close(withinMs: number): Promise<void> }[] = []
    const bound: Record<'http' | 'grpc', string[]> = { http: [], grpc: [] }
    const stop = async (): Promise<void> => {
      const open = listeners
      listeners = []
      await Promise.all(open.map((listener) => listener.close(STOP_WITHIN_MS)))
    }

    // All addresses of one transport.
    const listen = async (transport: 'http' | 'grpc', push: Push): Promise<void> => {
      const refusals = new Refusals(host, transport)
      const count = (event: string): void => refusals.count(event)
      const shared = { connectionsMax, headerMs, idleMs, count, guests: host.sockets.guests } satisfies HttpSettings & GrpcSettings
      const tls = await tlsOf(options.tls, host, headerMs)
      for (const [index, address] of options[transport].entries()) {
        const settings = 'path' in address ? shared : { ...shared, tls }
        const at = { sockets: host.sockets, address, option: optionOf(host, transport, index, options[transport]), settings }
        const listener = await (transport === 'http' ? listenOtlpHttp : listenOtlpGrpc)(at, limits, push, host, refusals)
        listeners.push(listener)
        bound[transport].push(nameOf(listener.address))
      }
    }

    return {
      addresses: bound,
      async start(push) {
        try {
          await listen('http', push)
          await listen('grpc', push)
        } catch (error) {
          await stop()
          throw error
        }
      },
      stop
    }
  }
})

async function tlsOf(files: TlsFiles, host: Host, handshakeMs: number) {
  if (files.certFile === '' && files.keyFile === '' && files.clientCaFile === '') return undefined
  return await loadTls(files, `receivers.${host.name}.tls`, handshakeMs)
}

function optionOf(host: Host, transport: string, index: number, all: readonly SocketAddress[]): string {
  return `receivers.${host.name}.${transport}${all.length > 1 ? `[${index}]` : ''}`
}
