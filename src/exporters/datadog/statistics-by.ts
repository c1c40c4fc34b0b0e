import { RefusedError } from '../../errors.ts'
import type { DatadogOptions } from './options.ts'

type Ways = Pick<DatadogOptions, 'traces' | 'statistics' | 'endpoints'>

/** Who tells Datadog of all spans, and how. */
export function statisticsBy({ traces, statistics, endpoints }: Ways): 'agent' | 'histogram' | 'weights' {
  if (statistics !== 'auto') return statistics
  if (traces === 'intake') return 'histogram'
  return traces === 'agent' || endpoints.agent !== undefined ? 'agent' : 'weights'
}

/** Throws RefusedError where the options do not go together. */
export function checkAgent(given: Ways, place: string): void {
  const { traces, statistics, endpoints } = given
  const needed = { agent: traces === 'agent' || statisticsBy(given) === 'agent', agentOtlp: traces === 'agent-otlp' } as const
  for (const name of ['agent', 'agentOtlp'] as const) {
    if (traces !== 'off' && needed[name] && endpoints[name] === undefined)
      throw new RefusedError('invalid', `${place}.endpoints.${name}: expected the URL of the Agent, since traces are sent there`)
  }
  if (statistics === 'agent' && traces === 'intake')
    throw new RefusedError(
      'invalid',
      `${place}.statistics: agent goes with traces: agent or agent-otlp; with the intake expected histogram or weights`
    )
  if (statistics === 'histogram' && (traces === 'agent' || traces === 'agent-otlp'))
    throw new RefusedError('invalid', `${place}.statistics: histogram goes with traces: intake; with an Agent expected agent or weights`)
}

/** Whether anything is sent that needs the key. */
export function wantsKey({ traces, logs, metrics }: Pick<DatadogOptions, 'traces' | 'logs' | 'metrics'>): boolean {
  return traces === 'intake' || logs !== 'off' || metrics !== 'off'
}
