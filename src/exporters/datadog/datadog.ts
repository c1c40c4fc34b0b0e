import type { Signal } from '../../batch.ts'
import { defineExporter, type Exporter, type Host } from '../../component.ts'
import { type DatadogOptions, options } from './options.ts'
import { statisticsBy } from './statistics-by.ts'

/** Sends to Datadog: spans and statistics of all spans to an Agent or the intake, logs to the logs intake, metrics as deltas to the OTLP intake. */
export const datadog = defineExporter({
  type: 'datadog',
  summary: 'Send traces, logs and metrics to Datadog, with hits and latencies of all spans.',
  options,
  signals: (given) => signalsOf(given),
  batchBytesMax: ({ batchMax }) => batchMax,
  create: (given, host) => loadedLater(given, host)
})

/** What is sent there. */
export function signalsOf(given: DatadogOptions): Signal[] {
  const { traces, logs, metrics } = given
  const signals: [Signal, boolean][] = [
    ['traces', traces !== 'off'],
    ['stats', traces !== 'off' && statisticsBy(given) !== 'weights'],
    ['metrics', metrics !== 'off'],
    ['logs', logs !== 'off']
  ]
  return signals.filter(([, isOn]) => isOn).map(([signal]) => signal)
}

// All else is loaded where it is on: memory is short in a sidecar.
function loadedLater(given: DatadogOptions, host: Host): Exporter {
  let exporter: Required<Exporter> | undefined
  return {
    async start() {
      const { DatadogExporter } = await import('./exporter.ts')
      exporter = new DatadogExporter(given, host)
      await exporter.start()
    },
    send: (batch, signal) => exporter!.send(batch, signal),
    abandon: (batch, reason) => exporter!.abandon(batch, reason),
    trouble: () => exporter?.trouble() ?? null,
    async stop() {
      await exporter?.stop()
    }
  }
}
