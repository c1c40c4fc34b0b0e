import { type Address, parseAddress } from '../config/units.ts'
import { type Json, listOf, objectOf } from './json.ts'

/** A way into the gateway over a port, by where it stands in the configuration. */
interface Listener {
  readonly steps: readonly [section: string, component: string, option: string] | readonly [section: string, option: string]
  /** As the gateway presets it. */
  readonly preset: string
}

const LISTENERS = {
  http: { steps: ['receivers', 'otlp', 'http'], preset: '127.0.0.1:4318' },
  grpc: { steps: ['receivers', 'otlp', 'grpc'], preset: '127.0.0.1:4317' },
  logsHttp: { steps: ['receivers', 'logs', 'httpAddress'], preset: 'off' },
  tcp: { steps: ['receivers', 'logs', 'tcp'], preset: '127.0.0.1:5170' },
  udp: { steps: ['receivers', 'logs', 'udp'], preset: 'off' },
  syslog: { steps: ['receivers', 'logs', 'syslog'], preset: '127.0.0.1:5514' },
  fluent: { steps: ['receivers', 'logs', 'fluent'], preset: '127.0.0.1:24224' },
  gelf: { steps: ['receivers', 'logs', 'gelf'], preset: 'off' },
  agent: { steps: ['receivers', 'datadog', 'agent'], preset: '127.0.0.1:8126' },
  dogstatsd: { steps: ['receivers', 'datadog', 'dogstatsd'], preset: '127.0.0.1:8125' },
  dogstatsdStream: { steps: ['receivers', 'datadog', 'dogstatsdStream'], preset: 'off' },
  admin: { steps: ['admin', 'listen'], preset: ':9464' }
} as const satisfies Record<string, Listener>

export type ListenerName = keyof typeof LISTENERS
export const LISTENER_NAMES = Object.keys(LISTENERS) as ListenerName[]

/** Is this component switched on, as one that runs by default? */
export function isOnIn(config: Json, section: string, component: string): boolean {
  const value = objectOf(config[section])[component]
  return !(value === false || /^(off|false|no)$/i.test(String(value)))
}

/** Where a listener of a configuration listens; none where it is off, or where a variable will say it. */
export function addressesOf(config: Json, name: ListenerName): string[] {
  const { steps, preset } = LISTENERS[name]
  if (steps.length === 3 && !isOnIn(config, steps[0], steps[1])) return []
  let value: Json = config
  for (const step of steps) value = objectOf(value)[step]
  return (Array.isArray(value) ? listOf(value) : [value ?? preset]).map(String).filter((text) => portOf(text) !== undefined)
}

/** Writes down where a listener is to listen. */
export function listenAt(config: Json, name: ListenerName, addresses: readonly string[]): void {
  const { steps } = LISTENERS[name]
  let mapping = config
  for (const step of steps.slice(0, -1)) {
    // `on`, or nothing, stands for a mapping without options.
    mapping[step] = { ...objectOf(mapping[step]) }
    mapping = mapping[step]
  }
  mapping[steps.at(-1)!] = addresses.length === 1 ? addresses[0] : [...addresses]
}

/** The port of an address; undefined where it has none. */
export function portOf(address: string): number | undefined {
  const parsed: Address | Error = parseAddress(address)
  return parsed === null || parsed instanceof Error || 'path' in parsed ? undefined : parsed.port
}

/** The same address with another port. */
export const withPort = (address: string, port: number): string => address.replace(/\d+$/, String(port))

/** As a worker in the same pod reaches it, `127.0.0.1:4318`; undefined where it cannot. */
export function reachable(address: string | undefined): string | undefined {
  const parsed = address === undefined ? null : parseAddress(address)
  if (parsed === null || parsed instanceof Error || 'path' in parsed) return undefined
  const host = parsed.host === '::' || parsed.host === '0.0.0.0' ? '127.0.0.1' : parsed.host
  return `${host.includes(':') ? `[${host}]` : host}:${parsed.port}`
}

const PORT_MAX = 65_535

/** A port that is not taken, near enough to the wished one to be recognized. */
export function freePort(wished: number, taken: ReadonlySet<number>): number {
  for (let port = wished; port <= PORT_MAX; port += 10_000) if (!taken.has(port)) return port
  let port = PORT_MAX
  while (taken.has(port)) port--
  return port
}
