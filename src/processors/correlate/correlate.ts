import type { z } from 'zod'
import type { Batch } from '../../batch.ts'
import { defineProcessor, type Host, type Processor } from '../../component.ts'
import { duration, flag, integer, list, text } from '../../config/schema.ts'
import { editRecords } from '../../otlp/request.ts'
import { Correlations } from './correlations.ts'
import { Correlator } from './correlator.ts'
import { IdReader } from './id-reader.ts'

const options = {
  keys: list(text({ doc: 'An attribute of a span or log record.' }), {
    doc: 'Where the id is that a request keeps on its way through all services, best first; it is then correlation.id everywhere.',
    default: [
      'correlation.id',
      'correlationId',
      'correlation_id',
      'x-correlation-id',
      'http.request.header.x-correlation-id',
      'http.request.header.x_correlation_id'
    ]
  }),
  requestKeys: list(text({ doc: 'An attribute of a span or log record.' }), {
    doc: 'Where else to look, for the id of a single request; it counts from 16 characters on, as shorter ones come again with each process.',
    default: [
      'request.id',
      'request_id',
      'requestId',
      'x-request-id',
      'http.request.header.x-request-id',
      'http.request.header.x_request_id'
    ]
  }),
  spans: flag({ default: true, doc: 'Tell spans their correlation.id too, and not log records alone.' }),
  idsMax: integer({
    default: 20_000,
    min: 2,
    max: 1_000_000,
    doc: 'Ids that are remembered, and as many traces; when there is no room, the older half is forgotten.'
  }),
  forgetAfter: duration({
    default: '10m',
    min: '1s',
    max: '24h',
    doc: 'An id that nobody has used for this long is forgotten, after twice as long at the latest.'
  })
}

/**
 * Learns from all spans and log records, before sampling, which correlation id goes with which trace. A record that has only one of the two is told the
 * other, marked as inferred; a trace that was inferred never becomes the record's trace id.
 */
export const correlate = defineProcessor({
  type: 'correlate',
  summary: 'Tell log records that have only a correlation id their trace, and records of a trace their correlation id.',
  outcome: 'dropped',
  options,
  create: (options, host) => new Correlate(options, host)
})

class Correlate implements Processor {
  private readonly known: Correlations
  private readonly correlator: Correlator

  constructor({ keys, requestKeys, spans, idsMax, forgetAfter }: z.output<z.ZodObject<typeof options>>, host: Host) {
    this.known = new Correlations(idsMax, forgetAfter, performance.now())
    this.correlator = new Correlator(new IdReader(keys, requestKeys), this.known, spans)
    this.observe(host)
  }

  process(batch: Batch): Batch {
    const { signal } = batch
    if (signal !== 'traces' && signal !== 'logs') return batch
    this.correlator.open(batch.bytes, signal, performance.now())
    const { bytes } = editRecords(batch.bytes, this.correlator)
    this.correlator.close()
    return bytes === batch.bytes ? batch : { ...batch, bytes }
  }

  private observe({ metrics }: Host): void {
    const { known, correlator } = this
    metrics.observe(
      'sluice_correlate_records_total',
      'Records with an id or a trace, by what became of them: learned, trace_found, id_found, ambiguous or unknown.',
      'counter',
      () =>
        Object.entries(correlator.tallies).flatMap(([signal, tally]) => [
          { labels: { signal, outcome: 'learned' }, value: tally.learned },
          { labels: { signal, outcome: 'trace_found' }, value: tally.traceFound },
          { labels: { signal, outcome: 'id_found' }, value: tally.idFound },
          { labels: { signal, outcome: 'ambiguous' }, value: tally.ambiguous },
          { labels: { signal, outcome: 'unknown' }, value: tally.unknown }
        ])
    )
    metrics.observe('sluice_correlate_ids', 'Correlation ids that correlate remembers.', 'gauge', () => [{ labels: {}, value: known.ids }])
    metrics.observe(
      'sluice_correlate_forgotten_total',
      'Ids and traces that correlate has forgotten, by reason: full or age.',
      'counter',
      () => Object.entries(known.forgotten).map(([reason, value]) => ({ labels: { reason }, value }))
    )
  }
}
