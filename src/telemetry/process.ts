import { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Metrics } from './metrics.ts'

/**
 * Shows what the process itself costs, under the names that Prometheus clients give it. `also` are labels by which one that is no gateway can be told
 * from one that is.
 */
export function showProcess(metrics: Metrics, version: string, also: Readonly<Record<string, string>> = {}): void {
  const startedAtSeconds = Date.now() / 1000 - process.uptime()
  const delay = monitorEventLoopDelay({ resolution: 20 })
  delay.enable()
  const show = (name: string, help: string, type: 'counter' | 'gauge', read: () => number): void =>
    metrics.observe(name, help, type, () => [{ labels: {}, value: read() }])
  show('process_cpu_seconds_total', 'CPU time spent, in seconds.', 'counter', () => {
    const { user, system } = process.cpuUsage()
    return (user + system) / 1e6
  })
  show('process_resident_memory_bytes', 'Memory in use, in bytes.', 'gauge', () => process.memoryUsage.rss())
  show('process_start_time_seconds', 'When the process began, in seconds since 1970.', 'gauge', () => startedAtSeconds)
  show('sluice_event_loop_delay_seconds', 'How late the event loop was at worst since the last look, in seconds.', 'gauge', () => {
    const worst = delay.max / 1e9
    delay.reset()
    return Number.isFinite(worst) ? worst : 0
  })
  metrics.observe('sluice_build_info', 'The version that runs; always 1.', 'gauge', () => [
    { labels: { version, node: process.version, ...also }, value: 1 }
  ])
}
