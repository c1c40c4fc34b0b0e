// A worker that fails in a span, with the unmodified OpenTelemetry SDK; all settings come from the environment.
// Says `raised` when it has failed, and lets go of its telemetry when its input ends.
import { context, SpanStatusCode, trace } from '@opentelemetry/api'
import { SeverityNumber } from '@opentelemetry/api-logs'
import { OTLPLogExporter } from '@opentelemetry/exporter-logs-otlp-proto'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, detectResources, envDetector } from '@opentelemetry/resources'
import { BatchLogRecordProcessor, LoggerProvider } from '@opentelemetry/sdk-logs'
import { BatchSpanProcessor, NodeTracerProvider } from '@opentelemetry/sdk-trace-node'

const resource = defaultResource().merge(detectResources({ detectors: [envDetector] }))
const provider = new NodeTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter())] })
provider.register()
const loggers = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter() })] })
const logger = loggers.getLogger('worker')

function load(model: string): never {
  throw new TypeError(`no weights of ${model}`)
}

function synthesise(model: string): void {
  try {
    load(model)
  } catch (cause) {
    throw new Error(`${model} failed`, { cause })
  }
}

const attributes = {
  'user.id': 'user-42',
  'user.email': 'someone@example.com',
  'gen_ai.request.model': 'xtts-v2',
  'job.stage': 'tts',
  'http.response.status_code': 500
}

const span = provider.getTracer('worker').startSpan('dub', { attributes })
context.with(trace.setSpan(context.active(), span), function work() {
  logger.emit({ severityNumber: SeverityNumber.INFO, body: 'loading the model' })
  logger.emit({ severityNumber: SeverityNumber.WARN, body: 'retrying for someone@example.com' })
  try {
    synthesise('xtts-v2')
  } catch (error) {
    const { name, message, stack } = error as Error
    logger.emit({
      severityNumber: SeverityNumber.ERROR,
      body: 'dubbing failed',
      attributes: { 'exception.type': name, 'exception.message': message, 'exception.stacktrace': stack }
    })
    span.recordException(error as Error)
    span.setStatus({ code: SpanStatusCode.ERROR })
  }
})
span.end()
process.stdout.write('raised\n')
for await (const _ of process.stdin);
await provider.shutdown()
await loggers.shutdown()
