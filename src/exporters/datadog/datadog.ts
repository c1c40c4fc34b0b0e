import type { Signal } from '../../batch.ts'
import { defineExporter, later } from '../../component.ts'
import { type DatadogOptions, options } from './options.ts'
import { statisticsBy } from './statistics-by.ts'

const exporter = later(() => import('./exporter.ts'))

/** Sends to Datadog: spans and statistics of all spans to an Agent or the intake, logs to the logs intake, metrics as deltas to the OTLP intake. */
export const datadog = defineExporter({
  type: 'datadog',
  summary: 'Send traces, logs and metrics to Datadog, with hits and latencies of all spans.',
  options,
  signals: (given) => signalsOf(given),
  batchBytesMax: ({ batchMax }) => batchMax,
  prepare: exporter.load,
  create: (given, host) => new exporter.loaded.DatadogExporter(given, host)
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
