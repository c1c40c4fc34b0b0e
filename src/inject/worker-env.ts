import { literal } from './env-text.ts'
import { type Json, listOf, objectOf, textOf } from './json.ts'
import { addressesOf, isOnIn, type ListenerName, reachable } from './listeners.ts'

/** A variable of a container, as Kubernetes has it. */
export type EnvEntry =
  | { readonly name: string; readonly value: string }
  | { readonly name: string; readonly valueFrom: { readonly fieldRef: { readonly fieldPath: string } } }

/** What the variables of all workers of a pod are made of. */
export interface WorkerFacts {
  /** The configuration of the sidecar. */
  readonly config: Json
  /** The pod's owner, as attributes. */
  readonly owner: Readonly<Record<string, string>>
  /** Undefined: the pod's own name. */
  readonly serviceName: string | undefined
  readonly sentry: boolean
  readonly datadog: boolean
  /** Add variables even where envFrom may hold the same. */
  readonly ignoreEnvFrom: boolean
}

/** Notes on one container that got less than others. */
export type Note = 'env-from' | 'protocol'

const OTLP = 'OTEL_EXPORTER_OTLP_'
const SIGNALS = ['TRACES', 'METRICS', 'LOGS'] as const

/** Any of these says that somebody has decided already where Datadog's clients send. */
const DATADOG_VARIABLES = [
  'DD_AGENT_HOST',
  'DD_TRACE_AGENT_URL',
  'DD_TRACE_AGENT_HOSTNAME',
  'DD_TRACE_AGENT_PORT',
  'DD_APM_RECEIVER_SOCKET',
  'DD_DOGSTATSD_URL',
  'DD_DOGSTATSD_HOST',
  'DD_DOGSTATSD_PORT',
  'DD_DOGSTATSD_SOCKET'
]

const POD_NAME = 'OTEL_RESOURCE_ATTRIBUTES_POD_NAME'
/** What the resource attributes refer to, by attribute. Each of them must stand before. */
const REFERENCES = [
  { attribute: 'k8s.namespace.name', variable: 'OTEL_RESOURCE_ATTRIBUTES_POD_NAMESPACE', fieldPath: 'metadata.namespace' },
  { attribute: 'k8s.pod.name', variable: POD_NAME, fieldPath: 'metadata.name' },
  { attribute: 'k8s.pod.uid', variable: 'OTEL_RESOURCE_ATTRIBUTES_POD_UID', fieldPath: 'metadata.uid' },
  { attribute: 'k8s.node.name', variable: 'OTEL_RESOURCE_ATTRIBUTES_NODE_NAME', fieldPath: 'spec.nodeName' }
]

/** The variables that a worker's container lacks, in the order in which they are to stand behind its own. */
export function workerEnv(container: Json, facts: WorkerFacts, note: (note: Note) => void): EnvEntry[] {
  const own = new Map<string, Json>(listOf(container.env).map((each) => [textOf(each?.name), objectOf(each)]))
  const sources = facts.ignoreEnvFrom ? [] : listOf(container.envFrom).map((each) => textOf(each?.prefix))
  let isHeldBack = false
  const has = (name: string): boolean => {
    if (own.has(name)) return true
    const mayCome = sources.some((prefix) => name.startsWith(prefix))
    isHeldBack ||= mayCome
    return mayCome
  }
  const env = [...otlp(own, has, facts.config, note), ...resource(own, has, container, facts)]
  if (facts.sentry) env.push(...sentry(has, facts.config))
  if (facts.datadog) env.push(...datadog(has, facts.config))
  if (isHeldBack) note('env-from')
  return env
}

type Own = ReadonlyMap<string, Json>
type Has = (name: string) => boolean

// Who names an endpoint keeps it, and everything that goes with it. Who names a protocol gets the port that speaks it.
function otlp(own: Own, has: Has, config: Json, note: (note: Note) => void): EnvEntry[] {
  if (has(`${OTLP}ENDPOINT`)) return []
  const protocolOf = (name: string): string | undefined => {
    if (!has(name)) return ''
    const value = textOf(own.get(name)?.value)
    return value === '' || value.includes('$(') ? undefined : value
  }
  const general = protocolOf(`${OTLP}PROTOCOL`)
  if (general === undefined) {
    note('protocol')
    return []
  }
  const endpoint = endpointFor(config, general)
  if (endpoint === undefined) return []
  const env: EnvEntry[] = [{ name: `${OTLP}ENDPOINT`, value: endpoint }]
  const elsewhere = SIGNALS.filter((signal) => has(`${OTLP}${signal}_ENDPOINT`))
  // A general protocol would also change how a signal goes that has an endpoint of its own.
  if (general === '' && elsewhere.length === 0) env.push({ name: `${OTLP}PROTOCOL`, value: 'http/protobuf' })
  for (const signal of SIGNALS) {
    if (elsewhere.includes(signal)) continue
    const protocol = protocolOf(`${OTLP}${signal}_PROTOCOL`)
    if (protocol === undefined) note('protocol')
    else if (protocol === '' && general === '' && elsewhere.length > 0)
      env.push({ name: `${OTLP}${signal}_PROTOCOL`, value: 'http/protobuf' })
    else if (protocol !== '' && (protocol === 'grpc') !== (general === 'grpc')) {
      const other = endpointFor(config, protocol)
      const path = protocol === 'grpc' ? '' : `/v1/${signal.toLowerCase()}`
      if (other !== undefined) env.push({ name: `${OTLP}${signal}_ENDPOINT`, value: other + path })
    }
  }
  return env
}

const endpointFor = (config: Json, protocol: string): string | undefined => urlOf(config, protocol === 'grpc' ? 'grpc' : 'http')

function resource(own: Own, has: Has, container: Json, { owner, serviceName }: WorkerFacts): EnvEntry[] {
  const env: EnvEntry[] = []
  const refer = (variable: string, fieldPath: string): void => {
    if (!own.has(variable) && !env.some(({ name }) => name === variable))
      env.push({ name: variable, valueFrom: { fieldRef: { fieldPath } } })
  }
  const attributes = 'OTEL_RESOURCE_ATTRIBUTES'
  const given = has(attributes)
  // What cannot be seen here, as the value of a ConfigMap, may well name the service.
  const mayNameService = given && /(^|,)\s*(service\.name\s*=|\$\()/.test(textOf(own.get(attributes)?.value) || '$(')
  if (!given) {
    const pairs = Object.entries({ ...owner, 'k8s.container.name': textOf(container.name) }).map(
      ([name, value]) => `${name}=${encoded(value)}`
    )
    for (const { variable, fieldPath } of REFERENCES) refer(variable, fieldPath)
    const references = REFERENCES.map(({ attribute, variable }) => `${attribute}=$(${variable})`)
    env.push({ name: attributes, value: [...references, ...pairs].join(',') })
  }
  if (!mayNameService && !has('OTEL_SERVICE_NAME')) {
    if (serviceName === undefined) refer(POD_NAME, 'metadata.name')
    env.push({ name: 'OTEL_SERVICE_NAME', value: serviceName === undefined ? `$(${POD_NAME})` : literal(serviceName) })
  }
  return env
}

// Values are percent-encoded, as OpenTelemetry defines the variable; that leaves Kubernetes no `$(` to expand either.
const encoded = (value: string): string => value.toWellFormed().replace(/[^A-Za-z0-9._~:/@+-]/gu, encodeURIComponent)

function sentry(has: Has, config: Json): EnvEntry[] {
  const address = reachable(addressesOf(config, 'http')[0])
  const options = objectOf(objectOf(config.receivers).sentry)
  if (address === undefined || !isOnIn(config, 'receivers', 'sentry') || options.http === false || has('SENTRY_DSN')) return []
  const key = textOf(listOf(options.keys)[0]) || 'sluice'
  return [{ name: 'SENTRY_DSN', value: `http://${encodeURIComponent(key)}@${address}/1` }]
}

function datadog(has: Has, config: Json): EnvEntry[] {
  if (DATADOG_VARIABLES.filter((name) => has(name)).length > 0) return []
  const [agent, statsd] = (['agent', 'dogstatsd'] as const).map((name) => reachable(addressesOf(config, name)[0]))
  const host = (agent ?? statsd)?.replace(/:\d+$/, '')
  if (host === undefined) return []
  const env: EnvEntry[] = [{ name: 'DD_AGENT_HOST', value: host }]
  if (agent !== undefined) env.push({ name: 'DD_TRACE_AGENT_URL', value: `http://${agent}` })
  if (statsd !== undefined) env.push({ name: 'DD_DOGSTATSD_URL', value: `udp://${statsd}` })
  return env
}

function urlOf(config: Json, name: ListenerName): string | undefined {
  const address = reachable(addressesOf(config, name)[0])
  if (address === undefined) return undefined
  const tls = objectOf(objectOf(objectOf(config.receivers).otlp).tls)
  return `${textOf(tls.certFile) === '' ? 'http' : 'https'}://${address}`
}
