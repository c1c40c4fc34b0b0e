import { defineExporter, later } from '../../component.ts'
import { options, signalsOf } from './options.ts'

const exporter = later(() => import('./exporter.ts'))

/** Sends to Sentry: errors as events, spans and logs as items, and the envelopes of Sentry SDKs. */
export const sentry = defineExporter({
  type: 'sentry',
  summary: 'Send errors, kept traces, logs and the envelopes of Sentry SDKs to Sentry.',
  options,
  signals: signalsOf,
  batchBytesMax: ({ batchMax }) => batchMax,
  sendsEmail: ({ sendEmail }) => sendEmail,
  prepare: exporter.load,
  create: (given, host) => new exporter.loaded.SentryExporter(given, host)
})
