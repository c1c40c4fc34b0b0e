import { defineReceiver, type Host, type Push } from '../../component.ts'
import { addresses, choice, duration, flag, group, integer, size, text } from '../../config/schema.ts'
import { collectorOptions } from '../../logs/collector-options.ts'
import type { CollectorSettings } from '../../logs/log-collector.ts'
import { LOG_FORMATS } from '../../logs/log-source.ts'
import { loadTls, type TlsFiles } from '../../net/tls.ts'
import { fluentOptions, listenFluent } from './fluent.ts'
import { guestBy, httpOptions, listenLogHttp } from './http.ts'
import { PartBudget } from './part-budget.ts'
import { gelf, listenAt, listenLocal, listenStdin, syslog, tcp, udp, type WayIn, type WaySettings } from './ways-in.ts'

/** What is inside when the receiver stops has so long to be read. */
const STOP_WITHIN_MS = 2000
const HANDSHAKE_MS = 10_000

/** Takes log lines in whatever way programs already write them, and makes OTLP log records of them. */
export const logs = defineReceiver({
  type: 'logs',
  summary:
    'Take log lines as programs write them: over HTTP, TCP, UDP and Unix sockets, as syslog, Fluent Forward or GELF, and from a pipe.',
  options: {
    ...httpOptions,
    tcp: addresses({
      default: '127.0.0.1:5170',
      doc: 'Where to take lines over TCP, or over a Unix socket as unix:/path; one address or several.'
    }),
    udp: addresses({ default: 'off', listens: 'datagrams', doc: 'Where to take lines over UDP; one address or several.' }),
    syslog: addresses({
      default: '127.0.0.1:5514',
      listens: 'both',
      doc: 'Where to take syslog, RFC 5424 and RFC 3164, over TCP and UDP, or over a Unix stream socket; one address or several.'
    }),
    ...fluentOptions,
    gelf: addresses({ default: 'off', listens: 'both', doc: 'Where to take GELF over TCP and UDP; one address or several.' }),
    datagram: addresses({
      default: 'off',
      listens: 'datagrams',
      doc: 'Unix datagram sockets to read, as unix:/path: syslog messages as programs write them to /dev/log, or lines. Needs the package koffi.'
    }),
    stdin: flag({
      default: false,
      doc: 'Read lines from the gateway’s own input, as `sluice run --stdin` does; when it ends, the gateway delivers what is there and stops.'
    }),
    format: choice(LOG_FORMATS, { default: 'auto', doc: 'How lines are read; auto looks at each.' }),
    ...collectorOptions,
    pendingMax: size({
      default: '8MiB',
      min: '64KiB',
      doc: 'What each way in may hold that is not durable yet; above it, senders over connections are made to wait, and datagrams are dropped.'
    }),
    connectionsMax: integer({
      default: 1024,
      min: 1,
      doc: 'Open connections per address. One more takes the place of the longest idle, if that was silent for a minute, or is closed.'
    }),
    idleTimeout: duration({
      default: '24h',
      min: '100ms',
      doc: 'How long a connection on which nothing comes stays open. Many programs do not open another, so think twice before making it short.'
    }),
    tls: group(
      {
        certFile: text({ default: '', doc: 'PEM file with the certificate and its chain; without it TLS is off.' }),
        keyFile: text({ default: '', doc: 'PEM file with the private key.' }),
        clientCaFile: text({ default: '', doc: 'PEM file with authorities; senders must then show a certificate signed by one of them.' })
      },
      { doc: 'TLS on the TCP addresses of tcp, syslog, fluent and gelf; UDP and Unix sockets stay as they are.' }
    )
  },
  guestBy,
  create: (options, host) => {
    const collector: CollectorSettings = {
      batchBytes: options.batchMax,
      delayMs: options.batchDelay,
      pendingBytesMax: options.pendingMax,
      joinWithinMs: options.joinWithin,
      lineBytesMax: options.lineMax
    }
    // Unfinished lines of all connections together hold as much as what waits to be durable may.
    const intake = { collector, format: options.format, parts: new PartBudget(options.pendingMax) }
    const bound: Record<string, readonly string[]> = {}
    let ways: WayIn[] = []
    let finish: () => void
    const finished = options.stdin
      ? new Promise<void>((resolve) => {
          finish = resolve
        })
      : undefined
    const stop = async (): Promise<void> => {
      const open = ways
      ways = []
      await Promise.all(open.map((way) => way.stop(STOP_WITHIN_MS)))
    }

    const open = async (push: Push): Promise<void> => {
      const { connectionsMax, idleTimeout: idleMs } = options
      const settings: WaySettings = { intake, connectionsMax, idleMs, tls: await tlsOf(options.tls, host) }
      const add = async (name: string, way: WayIn | Promise<WayIn>): Promise<void> => {
        const opened = await way
        ways.push(opened)
        if (opened.addresses.length > 0) bound[name] = opened.addresses
      }
      for (const protocol of [tcp, udp, syslog, gelf])
        if (options[protocol.name].length > 0) await add(protocol.name, listenAt(protocol, options[protocol.name], settings, push, host))
      if (options.datagram.length > 0) await add('datagram', listenLocal(options.datagram, settings, push, host))
      if (options.fluent.length > 0) await add('fluent', listenFluent(options, settings, push, host))
      const http = await listenLogHttp(options, { host, push, settings: collector, format: options.format })
      await add('logs', { addresses: http.addresses, stop: (withinMs) => http.close(withinMs) })
      if (options.stdin) {
        const way = listenStdin(settings, push, host)
        await add('stdin', way)
        void way.ended?.then(finish)
      }
    }

    return {
      addresses: bound,
      finished,
      async start(push) {
        try {
          await open(push)
        } catch (error) {
          await stop()
          throw error
        }
      },
      stop
    }
  }
})

async function tlsOf(files: TlsFiles, host: Host) {
  if (files.certFile === '' && files.keyFile === '' && files.clientCaFile === '') return undefined
  return await loadTls(files, `receivers.${host.name}.tls`, HANDSHAKE_MS)
}
