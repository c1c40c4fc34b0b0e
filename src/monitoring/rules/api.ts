import { durationRecordings, failureRecordings } from '../recordings.ts'
import { alertsOf, type Group, growth, SCRAPED } from '../rule.ts'

const api = alertsOf('api')
const API = 'job=~"(.*/)?(api|backend|frontend)"'
const GATEWAY = `job, instance, ${SCRAPED}`
const SERVICE = ['cluster', 'namespace', 'service']
const ENDPOINT = [...SERVICE, 'method', 'route']
const DURATION = { record: 'http_request_duration_seconds', histogram: 'http_request_duration_seconds', window: '5m' }
/** Clusters that have none of it any more. What was never there is nothing that a cluster misses. */
const gone = (selector: string): string => `group by (cluster) (last_over_time(${selector}[7d])) unless on (cluster) ${selector}`
const missing = (metric: string, clusters: string): string => `label_replace(${clusters}, "metric", "${metric}", "", "")`
const FAILED = growth('http_requests_total{status=~"5.."}', '5m')
const ALL = growth('http_requests_total', '5m')

export const API_RULES: Group = {
  name: 'sluice-api',
  recordings: [
    {
      record: 'service:http_requests:rate5m',
      labels: SERVICE,
      expr: `sum by (${SERVICE.join(', ')}) (rate(http_requests_total[5m]))`,
      help: 'Requests a second.'
    },
    ...failureRecordings({
      level: 'endpoint',
      labels: ENDPOINT,
      window: '5m',
      all: { record: 'http_requests', growth: ALL, help: 'Requests of an endpoint in 5 minutes.' },
      failed: {
        record: 'http_failures',
        growth: FAILED,
        help: 'Requests of an endpoint that were answered with 5xx in 5 minutes; absent where there never was one.'
      },
      help: 'Share of an endpoint’s requests that were answered with 5xx.'
    }),
    {
      record: 'service:http_failures:ratio5m',
      labels: SERVICE,
      expr: `sum by (${SERVICE.join(', ')}) (endpoint:http_failures:growth5m) / (sum by (${SERVICE.join(', ')}) (endpoint:http_requests:growth5m) > 0)`,
      help: 'Share of a service’s requests that were answered with 5xx.'
    },
    ...durationRecordings([0.95], { ...DURATION, level: 'endpoint', labels: ENDPOINT, of: 'an endpoint’s requests are answered' }),
    ...durationRecordings([0.5, 0.95, 0.99], { ...DURATION, level: 'service', labels: SERVICE, of: 'a service’s requests are answered' })
  ],
  alerts: [
    api('critical', {
      alert: 'ApiDown',
      // One of several that is down, or is being replaced, is not the end of a service.
      expr: `max by (cluster, namespace, job) (up{${API}}) == 0 or max by (cluster, namespace, job, instance) (probe_success{${API}}) == 0`,
      for: '1m',
      summary: '{{ $labels.job }} {{ with $labels.instance }}at {{ . }} {{ end }}is down',
      description: 'None of its targets could be scraped, or its probe failed, for a minute.'
    }),
    api('info', {
      alert: 'ExpectedMetricMissing',
      expr: [
        missing('up of the API', `${gone(`up{${API}}`)} unless on (cluster) probe_success{${API}}`),
        ...['pg_up', 'redis_up'].map((name) => missing(name, gone(name)))
      ].join(' or '),
      for: '1h',
      summary: 'Nobody provides {{ $labels.metric }} any more{{ with $labels.cluster }} in the cluster {{ . }}{{ end }}',
      description: 'It was there within the last week. A critical alert rests on this metric and cannot fire without it.'
    }),
    api('warning', {
      alert: 'HighErrorRate',
      expr: 'endpoint:http_failures:ratio5m > 0.01 and endpoint:http_requests:growth5m >= 10',
      for: '5m',
      summary: '{{ $value | humanizePercentage }} of {{ $labels.method }} {{ $labels.route }} of {{ $labels.service }} fail',
      description: 'More than 1 % of the requests of an endpoint are answered with 5xx. All requests are counted, before sampling.'
    }),
    api('warning', {
      alert: 'SlowPerformance',
      expr: 'endpoint:http_request_duration_seconds:p95_5m > 2 and endpoint:http_requests:growth5m >= 10',
      for: '5m',
      summary: '{{ $labels.method }} {{ $labels.route }} of {{ $labels.service }} takes {{ $value | humanizeDuration }}',
      description: 'One request in twenty takes longer than that; 2 s is the limit.'
    }),
    api('info', {
      alert: 'ServerErrorSeen',
      expr: 'endpoint:http_failures:growth5m > 0',
      for: '0s',
      keepFiringFor: '10m',
      summary: '{{ $labels.method }} {{ $labels.route }} of {{ $labels.service }} was answered with 5xx',
      description: '{{ $value | humanize }} times in 5 minutes.'
    }),
    api('warning', {
      alert: 'ErrorsPerMinuteHigh',
      expr: 'sum by (cluster) (rate(sluice_errors_total{outcome=~"sent|limited"}[5m])) * 60 > 10',
      for: '2m',
      summary: '{{ $value | humanize }} errors a minute',
      description: 'Exceptions in spans and logs of all services, each counted once, before sampling. More than 10 a minute is the limit.'
    }),
    api('info', {
      alert: 'NewErrorType',
      // A gateway that has just started knows none, so that all are new to it.
      expr: [
        `(max by (${GATEWAY}) (delta(sluice_errors_groups[10m]))`,
        `+ max by (${GATEWAY}) (increase(sluice_errors_forgotten_total{what="group"}[10m])) > 0.5)`,
        `unless on (${GATEWAY}) (time() - process_start_time_seconds < 3600)`
      ].join(' '),
      for: '0s',
      keepFiringFor: '10m',
      summary: 'An error of a new type at {{ or $labels.pod $labels.instance }}',
      description:
        '{{ $value | humanize }} groups of errors came that this gateway, which has run for more than an hour, had not seen before.'
    }),
    api('warning', {
      alert: 'ErrorsUnresolved',
      expr: 'sum by (cluster, namespace, kind) (increase(sluice_errors_grouped_total[10m])) > 0',
      for: '1h',
      summary: 'Errors of the kind {{ $labels.kind }} have come for an hour',
      description: 'There were some in each 10 minutes, {{ $value | humanize }} in the last.'
    })
  ]
}
