import type { z } from 'zod'
import { clientTls, proxyChoice, requestTimeout } from '../../config/client-options.ts'
import { choice, duration, flag, group, integer, maybe, secret, size, text, url } from '../../config/schema.ts'

/** A site is looked at when the file is read, so that `sluice check` finds a URL in its place. */
const site = text({
  default: 'datadoghq.com',
  doc: 'The site of the organisation, as DD_SITE has it: datadoghq.com, us3.datadoghq.com, us5.datadoghq.com, datadoghq.eu, ap1.datadoghq.com, …'
}).superRefine((value, context) => {
  if (!SITE.test(value)) context.addIssue({ code: 'custom', message: 'the name of a site without a scheme, as datadoghq.eu' })
})

const SITE = /^[a-z0-9-]+(\.[a-z0-9-]+)+$/

export const options = {
  apiKey: maybe(secret({ doc: 'The API key of the organisation.' })),
  apiKeyFile: maybe(
    text({ doc: 'A file with the API key, in place of apiKey; it is read again when the key is refused, so that a key may change.' })
  ),
  site,
  traces: choice(['intake', 'agent', 'agent-otlp', 'off'], {
    default: 'intake',
    doc: 'How spans are sent: to the OTLP intake; to an Agent in the form of Datadog’s own tracers; or to an Agent by OTLP.'
  }),
  statistics: choice(['auto', 'agent', 'histogram', 'weights'], {
    default: 'auto',
    doc: 'How hits, errors and latencies of all spans are told though only some are sent: computed here, for an Agent or as histograms for the intake; or computed there, by how many spans each one stands for. auto: the most exact, which is weights only for agent-otlp without endpoints.agent.'
  }),
  logs: choice(['intake', 'off'], { default: 'intake', doc: 'How log records are sent: to the logs intake.' }),
  metrics: choice(['otlp', 'series', 'off'], {
    default: 'otlp',
    doc: 'How metrics are sent: to the OTLP intake, or as series, which know no histograms: of these only count, sum, minimum and maximum.'
  }),
  histograms: choice(['distributions', 'counters', 'nobuckets'], {
    default: 'distributions',
    doc: 'What histograms become: distributions with percentiles, a count for each bucket, or neither.'
  }),
  histogramAggregates: flag({ default: true, doc: 'Also count, sum, minimum and maximum of each histogram as metrics of their own.' }),
  resourceTags: flag({ default: true, doc: 'Put all resource attributes on metrics as tags.' }),
  scopeTags: flag({ default: false, doc: 'Put the name and version of the instrumentation scope on metrics as tags.' }),
  hostname: maybe(text({ doc: 'The host of telemetry that does not say its own.' })),
  seriesMax: integer({
    default: 20_000,
    min: 1,
    doc: 'Cumulative series that are remembered for taking differences; points of more series are dropped.'
  }),
  seriesExpireAfter: duration({ default: '1h', min: '1s', doc: 'A series that is not heard of for so long is forgotten.' }),
  endpoints: group(
    {
      traces: maybe(url({ doc: 'Where spans go by OTLP in place of the intake, as it stands.' })),
      agent: maybe(url({ doc: 'The Agent’s own API, without a path, as http://10.0.0.1:8126. It is not told the key.' })),
      agentOtlp: maybe(url({ doc: 'The Agent’s OTLP/HTTP receiver, without a path, as http://10.0.0.1:4318. It is not told the key.' })),
      logs: maybe(url({ doc: 'Where logs go instead, as it stands.' })),
      metrics: maybe(url({ doc: 'Where OTLP metrics go instead, as it stands.' })),
      series: maybe(url({ doc: 'Where series go instead, as it stands.' }))
    },
    { doc: 'Intakes in place of those of the site. The key goes in clear to none but this machine.' }
  ),
  batchWait: duration({
    default: '250ms',
    max: '1m',
    doc: 'Requests of few logs or points follow each other no faster than this, so that more go together; 0s sends at once.'
  }),
  compression: choice(['gzip', 'none'], { default: 'gzip', doc: 'How bodies are compressed.' }),
  timeout: requestTimeout('15s'),
  batchMax: size({ default: '2MiB', min: '1KiB', max: '16MiB', doc: 'Neighbours in the queue are taken together up to this size.' }),
  proxy: proxyChoice(),
  tls: clientTls({ doc: 'For https endpoints.', asker: 'a proxy or an Agent', exposed: 'the telemetry and the key' })
}

export type DatadogOptions = z.output<z.ZodObject<typeof options>>
