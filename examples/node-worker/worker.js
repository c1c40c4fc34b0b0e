// A worker that muxes videos, or would. OpenTelemetry takes from the environment where its spans go; Winston writes JSON lines into a file, which
// the sidecar reads on a volume that both share.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SpanStatusCode, trace } from '@opentelemetry/api'
import { NodeSDK } from '@opentelemetry/sdk-node'
import winston from 'winston'

const sdk = new NodeSDK()
sdk.start()
const tracer = trace.getTracer('worker')

// A record of a trace says which one.
const withTrace = winston.format((info) => {
  const span = trace.getActiveSpan()?.spanContext()
  return span === undefined ? info : { ...info, trace_id: span.traceId, span_id: span.spanId }
})
const logger = winston.createLogger({
  format: winston.format.combine(withTrace(), winston.format.errors({ stack: true }), winston.format.timestamp(), winston.format.json()),
  transports: [
    new winston.transports.File({
      filename: join(process.env.LOG_DIRECTORY ?? '/var/log/worker', 'worker.log'),
      maxsize: 10 * 1024 * 1024,
      maxFiles: 3,
      tailable: true
    })
  ]
})

async function mux(job) {
  await tracer.startActiveSpan('mux', { attributes: { 'job.stage': 'mux', 'job.id': job } }, async (span) => {
    try {
      const startMs = performance.now()
      await sleep(10 + Math.random() * 40)
      if (job % 10 === 9) throw new Error(`job ${job}: ffmpeg ended with code 187`)
      logger.info('muxed', { correlationId: `job-${job}`, stage: 'mux', duration: Math.round(performance.now() - startMs) })
    } catch (error) {
      span.recordException(error)
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message })
      logger.error(error)
    } finally {
      span.end()
    }
  })
}

let isStopping = false
process.on('SIGTERM', () => {
  isStopping = true
})
const jobs = Number(process.env.JOBS ?? 0)
for (let job = 0; !isStopping && (jobs === 0 || job < jobs); job++) await mux(job)

// What is not sent yet goes to the sidecar, which ends after this process.
await sdk.shutdown().catch((error) => logger.error(error))
logger.end()
