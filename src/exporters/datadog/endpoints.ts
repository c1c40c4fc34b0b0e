import { RefusedError } from '../../errors.ts'
import type { DatadogOptions } from './options.ts'

/** Where each kind of telemetry goes. */
export interface Endpoints {
  /** By OTLP to the intake. */
  readonly traces: URL
  /** Of an Agent, where one is named. */
  readonly agentTraces: URL | undefined
  readonly agentStats: URL | undefined
  readonly agentOtlp: URL | undefined
  readonly logs: URL
  readonly metrics: URL
  readonly series: URL
}

/** The intakes of the site, or what stands in their place. Throws RefusedError where the key would go to another machine in clear. */
export function endpointsOf({ site, endpoints }: Pick<DatadogOptions, 'site' | 'endpoints'>, place: string): Endpoints {
  const of = (name: 'traces' | 'logs' | 'metrics' | 'series', standard: string): URL => {
    const url = new URL(endpoints[name] ?? standard)
    if (mayCarryKey(url)) return url
    throw new RefusedError(
      'invalid',
      `${place}.endpoints.${name}: expected https, since the API key goes there; http is for this machine alone`
    )
  }
  return {
    traces: of('traces', `https://otlp.${site}/v1/traces`),
    agentTraces: under(endpoints.agent, 'v0.4/traces'),
    agentStats: under(endpoints.agent, 'v0.6/stats'),
    agentOtlp: under(endpoints.agentOtlp, 'v1/traces'),
    logs: of('logs', `https://http-intake.logs.${site}/api/v2/logs`),
    metrics: of('metrics', `https://otlp.${site}/v1/metrics`),
    series: of('series', `https://api.${site}/api/v2/series`)
  }
}

// There is no standard place: on this machine both ports may be the gateway's own.
function under(base: string | undefined, path: string): URL | undefined {
  if (base === undefined) return undefined
  const url = new URL(base)
  url.pathname = `${url.pathname.replace(/\/+$/, '')}/${path}`
  return url
}

/** Whether the key is safe on the way there. */
export function mayCarryKey({ protocol, hostname }: URL): boolean {
  return protocol === 'https:' || /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/.test(hostname)
}
