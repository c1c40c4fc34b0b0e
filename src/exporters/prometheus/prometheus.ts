import { defineFolder } from '../../component.ts'
import { choice, duration, flag, integer, list, size, text } from '../../config/schema.ts'
import { Rarely } from '../../telemetry/rarely.ts'
import { Folding } from './fold.ts'
import { TRANSLATIONS } from './names.ts'
import { negotiate } from './negotiate.ts'
import { OMIT_REASONS, type OmitReason, writePage } from './page.ts'
import { Registry } from './registry.ts'
import { DROP_REASONS } from './series.ts'

/** Shows metrics on a page that Prometheus scrapes: those of the workers, those made from spans, and the gateway's own. */
export const prometheus = defineFolder({
  type: 'prometheus',
  summary: 'Show received, derived and own metrics to Prometheus.',
  signals: ['metrics'],
  options: {
    translation: choice(TRANSLATIONS, {
      default: 'underscores-with-suffixes',
      doc: 'How OTLP names become Prometheus names: with units and _total as suffixes or without, in classic characters or in UTF-8.'
    }),
    seriesMax: integer({ default: 20_000, min: 1, max: 10_000_000, doc: 'Sets of labels held, over all metrics.' }),
    seriesPerMetricMax: integer({ default: 5000, min: 1, max: 10_000_000, doc: 'Sets of labels held of one metric.' }),
    sizeMax: size({ default: '64MiB', doc: 'Memory for all series, roughly.' }),
    expireAfter: duration({ default: '5m', min: '1s', doc: 'A series that is not heard of for so long leaves the page.' }),
    scopeLabels: flag({ default: true, doc: 'Add the name, version and attributes of the instrumentation scope as labels otel_scope_….' }),
    resourceLabels: list(text({ doc: 'A resource attribute.' }), {
      doc: 'Resource attributes copied to every series as labels; all of them are on target_info.'
    }),
    exemplars: flag({ default: true, doc: 'Show trace ids as exemplars, to scrapers that ask for OpenMetrics.' })
  },
  create({ translation, seriesMax, seriesPerMetricMax, sizeMax, expireAfter, scopeLabels, resourceLabels, exemplars }, { metrics, log }) {
    const registry = new Registry(
      { translation, scopeLabels, resourceLabels },
      { seriesMax, seriesPerMetricMax, sizeMaxBytes: sizeMax, expireAfterMs: expireAfter }
    )
    const dropped = metrics.counter(
      'sluice_prometheus_series_dropped_total',
      'Data points that are not on the page, by reason; a series that finds no room counts each time it comes.'
    )
    for (const reason of DROP_REASONS) dropped.add(0, { reason })
    const omitted = new Map<OmitReason, number>(OMIT_REASONS.map((reason) => [reason, 0]))
    const rarely = new Rarely()
    const folding = new Folding(registry, exemplars, (reason, metric) => {
      dropped.add(1, { reason })
      if (rarely.isDue('dropped'))
        log.warn({ reason, metric: metric.name.slice(0, 200).toWellFormed() }, 'a data point is not shown on the page')
    })
    metrics.observe('sluice_prometheus_series', 'Series held for the page.', 'gauge', () => [{ labels: {}, value: registry.streams }])
    metrics.observe('sluice_prometheus_series_bytes', 'Memory held for the page, roughly.', 'gauge', () => [
      { labels: {}, value: registry.sizeBytes }
    ])
    metrics.observe('sluice_prometheus_series_omitted', 'Series that the last page left out, because their name was taken.', 'gauge', () =>
      Array.from(omitted, ([reason, value]) => ({ labels: { reason }, value }))
    )
    return {
      fold: ({ bytes }) => folding.fold(bytes, performance.now()),
      page(accept) {
        const format = negotiate(accept)
        registry.sweep(performance.now())
        registry.tidy()
        const own = metrics.families()
        for (const reason of omitted.keys()) omitted.set(reason, 0)
        const body = writePage(registry, own, format, (reason, series) => omitted.set(reason, (omitted.get(reason) ?? 0) + series))
        return { contentType: format.contentType, body }
      }
    }
  }
})
