import type { Batch } from '../../batch.ts'
import { defineProcessor } from '../../component.ts'
import { choice, flag, integer, map, ratio } from '../../config/schema.ts'
import { editRecords, type RecordEditor } from '../../otlp/request.ts'
import { Decider, type Share } from './decision.ts'
import { EnvelopeSampler } from './envelopes.ts'
import { LogMarker } from './log-marker.ts'
import { LogSampler } from './logs.ts'
import { Oddities } from './oddities.ts'
import { ProfileSampler } from './profiles.ts'
import { ByService } from './services.ts'
import { SpanSampler } from './spans.ts'

const ODDITIES =
  'Records whose sampling information could not be right, by signal and reason: malformed, contradictory, undecidable, unmarked.'

/**
 * Keeps a share of the traces, of the profiles and, if so configured, of the logs. The trace id alone decides, so every gateway and every SDK that
 * samples consistently keeps the same ones. A record without a valid trace id is kept, unless nothing of its kind is: it cannot be decided alike
 * elsewhere, and nothing is to be lost unseen.
 * https://opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling/
 */
export const sample = defineProcessor({
  type: 'sample',
  summary: 'Keep a share of traces, chosen by trace id, and all of the errors.',
  outcome: 'sampled_out',
  options: {
    traces: ratio({ default: '10%', doc: 'Share of traces to keep.' }),
    profiles: ratio({ default: '10%', doc: 'Share of profiles to keep.' }),
    logs: ratio({
      default: '100%',
      doc: 'Share of logs to keep, by trace id: those of the traces that are kept. Logs outside of a trace are kept.'
    }),
    errors: ratio({
      default: '100%',
      doc: 'Share of error spans to keep, and of logs from severity ERROR up; the rest of their trace may be gone.'
    }),
    services: map(ratio({ default: '100%', doc: 'Share of traces and profiles to keep.' }), {
      doc: 'Shares of traces and profiles for single services, by service.name.'
    }),
    markLogs: flag({
      default: true,
      doc: 'Say on each log record of a trace, in trace.sampled, whether its trace is kept; nothing is said while all traces are.'
    }),
    mode: choice(['consistent', 'hash_seed'], {
      default: 'consistent',
      doc: 'consistent: as OpenTelemetry specifies. hash_seed: as the Collector’s probabilistic_sampler in that mode, and as the Datadog Agent.'
    }),
    hashSeed: integer({
      default: 0,
      max: 2 ** 32 - 1,
      doc: 'The seed in hash_seed mode; the same on all gateways and agents that are to agree.'
    }),
    hashTraceId: choice(['full', 'low64'], {
      default: 'full',
      doc: 'What hash_seed mode hashes. full: all of the trace id, as the Collector. low64: its last 64 bits, as the Datadog Agent unless told otherwise.'
    }),
    precision: integer({ default: 4, min: 1, max: 14, doc: 'Significant hex digits of the threshold in consistent mode.' })
  },
  create(options, { metrics }) {
    const counter = metrics.counter('sluice_sample_oddities_total', ODDITIES)
    const decider = new Decider(options)
    const services = Object.entries(options.services)
    const someServiceIsCut = services.some(([, share]) => share < 1)
    const spanOddities = new Oddities(counter, 'traces')
    const logOddities = new Oddities(counter, 'logs')
    const byService = (): ByService<Share> =>
      new ByService(
        decider.shareOf(options.traces, options.errors),
        new Map(services.map(([name, share]) => [name, decider.shareOf(share, options.errors)]))
      )
    const spans = new SpanSampler(decider, byService(), spanOddities)
    const logs = new LogSampler(decider, decider.shareOf(options.logs, options.errors), logOddities)
    const marker = new LogMarker(decider, byService())
    const envelopes = new EnvelopeSampler(decider, byService())
    const profiles = new ProfileSampler(
      new ByService(decider.thresholdOf(options.profiles), new Map(services.map(([name, share]) => [name, decider.thresholdOf(share)])))
    )
    const cutsTraces = options.traces < 1 || someServiceIsCut
    const cutsProfiles = options.profiles < 1 || someServiceIsCut
    const cutsLogs = options.logs < 1
    const marksLogs = options.markLogs && cutsTraces
    return {
      process(batch) {
        let left: Batch | null = batch
        if (batch.signal === 'traces' && cutsTraces) {
          left = edit(batch, spans)
          spanOddities.report()
        } else if (batch.signal === 'logs') {
          if (cutsLogs) {
            left = edit(batch, logs)
            logOddities.report()
          }
          if (marksLogs && left !== null) left = edit(left, marker)
        } else if (batch.signal === 'profiles' && cutsProfiles) {
          left = edit(batch, profiles)
        } else if (batch.signal === 'envelopes' && cutsTraces) {
          left = edit(batch, envelopes)
        }
        return left
      },
      flush: (isLast = false) => envelopes.flush(Date.now(), isLast)
    }
  }
})

function edit(batch: Batch, editor: RecordEditor): Batch | null {
  const { bytes, records } = editRecords(batch.bytes, editor)
  if (records === 0) return null
  return bytes === batch.bytes ? batch : { ...batch, bytes, items: records }
}
