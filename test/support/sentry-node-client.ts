// A worker that reports to Sentry with @sentry/node, as its documentation says; a process of its own, told all by the environment.
import { ROOT_CONTEXT, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'
import * as Sentry from '@sentry/node'

const { SENTRY_DSN, SECRET = '', TRACES = '20', LIFECYCLE = 'stream', OTEL_EXPORTER_OTLP_ENDPOINT } = process.env

Sentry.init({
  dsn: SENTRY_DSN,
  release: 'worker@1.2.3',
  environment: 'staging',
  tracesSampleRate: 1,
  traceLifecycle: LIFECYCLE as 'stream' | 'static',
  enableLogs: true,
  sendClientReports: true,
  includeLocalVariables: true,
  beforeSend: (event) => (event.message === 'not to be sent' ? null : event)
} as Sentry.NodeOptions)

Sentry.setUser({ id: 'user-42', email: 'someone@example.com' })
Sentry.setTag('stage', 'tts')

// Of a library that knows nothing of Sentry: spans of the same traces that leave as OTLP.
const provider =
  OTEL_EXPORTER_OTLP_ENDPOINT === undefined
    ? undefined
    : new NodeTracerProvider({ spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] })
const alsoOtlp = (span: Sentry.Span): void => {
  const { traceId, spanId, traceFlags } = span.spanContext()
  const parent = trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
  provider?.getTracer('library').startSpan('encode', {}, parent).end()
}

for (let i = 0; i < Number(TRACES); i++) {
  await Sentry.startNewTrace(() =>
    Sentry.startSpan(
      { name: `dub ${i % 3}`, op: 'queue.process', attributes: { 'db.statement': `login password=${SECRET}` } },
      async (span) => {
        alsoOtlp(span)
        await Sentry.startSpan({ name: 'synthesise', op: 'gen_ai' }, async () => undefined)
      }
    )
  )
}

Sentry.startNewTrace(() =>
  Sentry.startSpan({ name: 'fails' }, () => {
    Sentry.addBreadcrumb({
      category: 'http',
      message: `GET https://user:${SECRET}@host.example/path`,
      data: { authorization: `Bearer ${SECRET}` }
    })
    Sentry.setExtra('api_key', SECRET)
    const cause = new TypeError(`connection with password=${SECRET} refused`)
    Sentry.captureException(new Error('synthesis failed', { cause }))
  })
)
Sentry.captureMessage('not to be sent')
Sentry.logger.info(`logged in with token=${SECRET}`, { voice: 'alloy' })
const checkInId = Sentry.captureCheckIn({ monitorSlug: 'nightly', status: 'in_progress' })
Sentry.captureCheckIn({ checkInId, monitorSlug: 'nightly', status: 'ok', duration: 1 })
Sentry.startSession()
Sentry.captureSession()
Sentry.endSession()

await Sentry.flush(10_000)
await provider?.shutdown()
process.stdout.write('done\n')
