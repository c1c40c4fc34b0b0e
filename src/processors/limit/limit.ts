import type { z } from 'zod'
import { type Batch, parseBatch } from '../../batch.ts'
import { defineProcessor, type Host, type Processor } from '../../component.ts'
import { choice, duration, flag, integer, list, map, text } from '../../config/schema.ts'
import { editRecords } from '../../otlp/request.ts'
import { Limiter } from './limiter.ts'
import { Repeats } from './repeats.ts'
import { LEVEL_NAMES } from './severity.ts'
import { Sources } from './sources.ts'
import { summarize } from './summary.ts'

const options = {
  minSeverity: choice(LEVEL_NAMES, {
    default: 'none',
    doc: 'The least severe log records to keep. Those that do not say their severity are kept.'
  }),
  environments: map(choice(LEVEL_NAMES, { default: 'none', doc: 'The least severe log records to keep.' }), {
    doc: 'The same for single environments, by deployment.environment.name.'
  }),
  services: map(choice(LEVEL_NAMES, { default: 'none', doc: 'The least severe log records to keep.' }), {
    doc: 'The same for single services, by service.name; they win over their environment.'
  }),
  environment: text({ default: '', doc: 'The environment of senders that do not say theirs.' }),
  ratePerSecond: integer({ default: 0, doc: 'Log records below ERROR to take from one source in a second; 0 takes all.' }),
  burst: integer({ default: 1000, min: 1, doc: 'How many of them to take at once.' }),
  errorsPerSecond: integer({ default: 0, doc: 'Log records from ERROR up to take from one source in a second; 0 takes all.' }),
  errorsBurst: integer({ default: 1000, min: 1, doc: 'How many of them to take at once.' }),
  by: list(text({ doc: 'An attribute of the resource.' }), {
    doc: 'What makes a source: resource attributes, all of them together, and the address that it sends from.',
    default: ['service.name', 'service.instance.id', 'host.name', 'k8s.namespace.name', 'k8s.pod.name', 'k8s.pod.uid', 'k8s.container.name']
  }),
  sourcesMax: integer({ default: 10_000, min: 1, max: 1_000_000, doc: 'Sources that are told apart; more share one limit.' }),
  dedup: flag({
    default: false,
    doc: 'Take a log record once when its source says the very same again and again, and say how often it did.'
  }),
  dedupWithin: duration({ default: '10s', min: '100ms', max: '1h', doc: 'For how long it is the same again.' }),
  dedupMax: integer({ default: 4096, min: 1, max: 100_000, doc: 'Log records that are remembered; more, and the oldest is forgotten.' })
}

/** Takes out log records that nobody wants: too little severe, too many of one source, the same over and over. What was too many is summed up. */
export const limit = defineProcessor({
  type: 'limit',
  summary: 'Drop log records below a severity, over the rate of their source, or repeated; all of them are kept unless told otherwise.',
  outcome: 'dropped',
  options,
  create: (options, host) => new Limit(options, host)
})

/** A source is told of at most so often. */
const SUMMARY_INTERVAL_MS = 10_000

class Limit implements Processor {
  private readonly limiter: Limiter
  private readonly sources: Sources
  private readonly repeats: Repeats | null
  private readonly isOff: boolean
  private flushedAtMs = Date.now()

  constructor(given: z.output<z.ZodObject<typeof options>>, host: Host) {
    const { minSeverity, services, environments, ratePerSecond, errorsPerSecond, dedup, dedupWithin, dedupMax, environment } = given
    const levels = [minSeverity, ...Object.values(services), ...Object.values(environments)]
    this.isOff = ratePerSecond === 0 && errorsPerSecond === 0 && !dedup && levels.every((level) => level === 'none')
    this.sources = new Sources(given.by, { sourcesMax: given.sourcesMax, burst: given.burst, errorBurst: given.errorsBurst })
    this.repeats = dedup ? new Repeats(dedupWithin, dedupMax) : null
    this.limiter = new Limiter(
      { ...given, environment: environment === '' ? environmentOf(process.env) : environment },
      this.sources,
      this.repeats
    )
    this.observe(host)
  }

  process(batch: Batch): Batch | null {
    if (this.isOff || batch.signal !== 'logs') return batch
    this.limiter.nowMs = performance.now()
    this.sources.sender = batch.sender ?? ''
    const { bytes, records } = editRecords(batch.bytes, this.limiter)
    if (records === 0 && batch.items > 0) return null
    return bytes === batch.bytes ? batch : { ...batch, bytes, items: records }
  }

  flush(isLast = false): Batch | null {
    const nowMs = Date.now()
    if (this.isOff || (!isLast && nowMs - this.flushedAtMs < SUMMARY_INTERVAL_MS)) return null
    const sources = this.sources.takeSuppressed(performance.now())
    const repeats = this.repeats?.take(performance.now()) ?? []
    const sinceMs = this.flushedAtMs
    this.flushedAtMs = nowMs
    if (sources.length + repeats.length === 0) return null
    const bytes = summarize(sources, repeats, sinceMs, nowMs)
    for (const source of sources) source.suppressed = null
    return parseBatch('logs', bytes, nowMs)
  }

  private observe({ metrics }: Host): void {
    const { limiter, sources, repeats } = this
    metrics.observe(
      'sluice_limit_records_total',
      'Log records that limit took out, by reason: severity, rate or repeated.',
      'counter',
      () => Object.entries(limiter.taken).map(([reason, value]) => ({ labels: { reason }, value }))
    )
    metrics.observe('sluice_limit_sources', 'Sources of log records that limit tells apart.', 'gauge', () => [
      { labels: {}, value: sources.size }
    ])
    metrics.observe(
      'sluice_limit_overflow_records_total',
      'Log records of sources that share one limit, since there were too many.',
      'counter',
      () => [{ labels: {}, value: limiter.overflowed }]
    )
    metrics.observe(
      'sluice_limit_unsummed_records_total',
      'Repeated log records that no summary speaks of, since too many waited.',
      'counter',
      () => [{ labels: {}, value: repeats?.unsummed ?? 0 }]
    )
  }
}

/** What the gateway's own environment says for all that it stands beside. */
function environmentOf({ OTEL_RESOURCE_ATTRIBUTES = '' }: NodeJS.ProcessEnv): string {
  const [, found = ''] = /(?:^|,)\s*deployment\.environment(?:\.name)?\s*=\s*([^,]*)/.exec(OTEL_RESOURCE_ATTRIBUTES) ?? []
  try {
    return decodeURIComponent(found.trim())
  } catch {
    return found.trim()
  }
}
