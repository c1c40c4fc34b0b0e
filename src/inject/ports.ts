import { type Json, listOf, objectOf, textOf } from './json.ts'

const containersOf = (spec: Json): Json[] => [...listOf(spec.initContainers), ...listOf(spec.containers)].map(objectOf)

/** The ports that containers of a pod declare. */
export function declaredPorts(spec: Json): ReadonlySet<number> {
  return new Set(containersOf(spec).flatMap(({ ports }) => listOf(ports).map((port) => Number(port?.containerPort))))
}

/** The ports that containers of a pod listen on, as far as it says so: those that they declare, that are probed, or that OpenTelemetry's variables name. */
export function knownPorts(spec: Json): ReadonlySet<number> {
  const found = new Set(declaredPorts(spec))
  for (const container of containersOf(spec)) {
    const { livenessProbe, readinessProbe, startupProbe, lifecycle } = container
    const { postStart, preStop } = objectOf(lifecycle)
    for (const handler of [livenessProbe, readinessProbe, startupProbe, postStart, preStop].map(objectOf)) {
      // One by its name is declared, too.
      for (const { port } of [handler.httpGet, handler.tcpSocket, handler.grpc].map(objectOf)) if (Number.isInteger(port)) found.add(port)
    }
    const port = prometheusPort(container)
    if (port !== undefined) found.add(port)
  }
  return found
}

// Where an SDK's own exporter for Prometheus listens: by default at the very port that the gateway has for its metrics.
function prometheusPort({ env }: Json): number | undefined {
  const variables = new Map(listOf(env).map((each) => [textOf(each?.name), textOf(each?.value)]))
  if (!/(^|,)\s*prometheus\s*(,|$)/.test(variables.get('OTEL_METRICS_EXPORTER') ?? '')) return undefined
  return Number(variables.get('OTEL_EXPORTER_PROMETHEUS_PORT') || 9464)
}
