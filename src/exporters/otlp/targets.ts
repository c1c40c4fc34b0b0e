import querystring from 'node:querystring'
import { type OtlpSignal, SIGNALS } from '../../otlp/signal.ts'

/** Where one signal goes, and with which headers. */
export interface Target {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
}

/** The options that say where to send. */
export interface Destination {
  readonly endpoint: string
  readonly tracesEndpoint?: string | undefined
  readonly metricsEndpoint?: string | undefined
  readonly logsEndpoint?: string | undefined
  readonly profilesEndpoint?: string | undefined
  readonly headers: Readonly<Record<string, string>>
  readonly compression: 'gzip' | 'zstd' | 'none'
}

const PATHS: Record<OtlpSignal, string> = {
  traces: 'v1/traces',
  metrics: 'v1/metrics',
  logs: 'v1/logs',
  profiles: 'v1development/profiles'
}

/** The configured headers win, but for those that describe the body. A name and password in a URL become the Authorization that they stand for. */
export function targetsOf(destination: Destination): Record<OtlpSignal, Target> {
  const own = Object.entries(destination.headers).map(([name, value]) => [name.toLowerCase(), value])
  return Object.fromEntries(
    SIGNALS.map((signal): [OtlpSignal, Target] => {
      const url = urlOf(destination, signal)
      const headers: Record<string, string> = {
        'user-agent': 'sluice',
        ...authorizationOf(url),
        ...Object.fromEntries(own),
        'content-type': 'application/x-protobuf'
      }
      delete headers['content-encoding']
      if (destination.compression !== 'none') headers['content-encoding'] = destination.compression
      url.username = url.password = ''
      return [signal, { url, headers }]
    })
  ) as Record<OtlpSignal, Target>
}

function urlOf(destination: Destination, signal: OtlpSignal): URL {
  const own = destination[`${signal}Endpoint`]
  if (own !== undefined) return new URL(own)
  const url = new URL(destination.endpoint)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${PATHS[signal]}`
  return url
}

function authorizationOf({ username, password }: URL): Record<string, string> {
  if (username === '' && password === '') return {}
  const plain = [username, password].map((part) => querystring.unescape(part)).join(':')
  return { authorization: `Basic ${Buffer.from(plain).toString('base64')}` }
}
