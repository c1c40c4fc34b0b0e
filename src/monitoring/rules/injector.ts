import { alertsOf, type Group, growth, INJECTORS, SCRAPED } from '../rule.ts'

const injector = alertsOf('injector')

const BY = `job, instance, ${SCRAPED}`
/** Replicas of one installation. */
const REPLICAS = 'job, cluster, namespace'
const WHERE = '{{ or $labels.pod $labels.instance }}'
/** The names of webhooks end as the chart and `sluice inject` name them. */
const WEBHOOKS = 'name=~".*[.]inject[.]sluice[.]dev"'
/** What a certificate has left, as a share of its lifetime. */
const LEFT = [
  '(sluice_inject_certificate_not_after_seconds - time())',
  '/ (sluice_inject_certificate_not_after_seconds - sluice_inject_certificate_not_before_seconds)'
].join(' ')

export const INJECTOR_RULES: Group = {
  name: 'sluice-injector',
  recordings: [
    {
      record: 'injector:sluice_inject_requests:rate5m',
      labels: ['job', 'cluster', 'namespace', 'result'],
      expr: `sum by (${REPLICAS}, result) (rate(sluice_inject_requests_total[5m]))`,
      help: 'Pods that the injector was asked of a second, by what became of them.'
    }
  ],
  alerts: [
    injector('warning', {
      alert: 'SluiceInjectorAway',
      // Who has taken it away on purpose has nobody who asks; a day later it is forgotten.
      expr: [
        `sum by (${REPLICAS}) (last_over_time(sluice_inject_requests_total{result!="ignored"}[1d])) > 0`,
        `unless on (${REPLICAS}) ${INJECTORS}`
      ].join(' '),
      for: '5m',
      summary: 'No replica of the injector {{ $labels.job }} is there',
      description:
        'It was asked of {{ $value }} pods within the last day. Pods that start meanwhile go without a sidecar, and their telemetry is lost.'
    }),
    injector('warning', {
      alert: 'SluiceInjectionFailing',
      expr: `sum by (${BY}) (${growth('sluice_inject_requests_total{result="failed"}', '10m', INJECTORS)}) > 0`,
      for: '0s',
      keepFiringFor: '10m',
      summary: `The injector at ${WHERE} fails on pods`,
      description: '{{ $value | humanize }} pods in 10 minutes were admitted without a sidecar, by a fault of the injector.'
    }),
    injector('warning', {
      alert: 'SluiceInjectorRefusing',
      expr: `sum by (${BY}, reason) (${growth('sluice_inject_refused_requests_total', '10m', INJECTORS)}) > 0`,
      for: '5m',
      summary: `The injector at ${WHERE} refuses requests: {{ $labels.reason }}`,
      description: '{{ $value | humanize }} in 10 minutes. Where the API server sent them, pods went without a sidecar.'
    }),
    injector('warning', {
      alert: 'SluiceInjectionBypassed',
      expr: `sum by (cluster, name) (${growth(`apiserver_admission_webhook_fail_open_count{${WEBHOOKS}}`, '10m', 'up')}) > 0`,
      for: '0s',
      keepFiringFor: '10m',
      summary: 'Pods start without the sidecar that they ask for',
      description:
        'The API server could not call {{ $labels.name }} for {{ $value | humanize }} pods in 10 minutes. They have none until they are made anew.'
    }),
    injector('critical', {
      alert: 'SluiceInjectionBlocksPods',
      expr: `sum by (cluster, name) (${growth(`apiserver_admission_webhook_rejection_count{${WEBHOOKS},error_type!="no_error"}`, '10m', 'up')}) > 0`,
      for: '0s',
      keepFiringFor: '10m',
      summary: 'Pods cannot start, since the injector does not answer',
      description:
        'The API server refused {{ $value | humanize }} pods in 10 minutes: it could not call {{ $labels.name }}, whose failurePolicy is Fail.'
    }),
    injector('info', {
      alert: 'SluiceInjectionSkipped',
      expr: `sum by (${REPLICAS}) (${growth('sluice_inject_requests_total{result="skipped"}', '10m', INJECTORS)}) > 0`,
      for: '15m',
      summary: 'Pods that ask for a sidecar cannot have one',
      description: '{{ $value | humanize }} in 10 minutes. The log of the injector names them, and what stands in the way.'
    }),
    injector('warning', {
      alert: 'SluiceInjectorCertificateFailing',
      expr: `sum by (${BY}) (increase(sluice_inject_certificate_events_total{event="failed"}[5m])) > 0`,
      for: '15m',
      summary: `The injector at ${WHERE} cannot look after its certificate`,
      description: 'What is served goes on until it ends. A new one is not made, found or announced.'
    }),
    injector('warning', {
      alert: 'SluiceInjectorNamespacesFailing',
      expr: `sum by (${BY}) (increase(sluice_inject_namespace_events_total{event="failed"}[5m])) > 0`,
      for: '15m',
      summary: `The injector at ${WHERE} cannot follow the annotations of namespaces`,
      description: 'Labels count all the same. A namespace that begins to ask by its annotation is not heard.'
    }),
    injector('critical', {
      alert: 'SluiceInjectorPatchRefused',
      // 409: somebody else was quicker, and it is tried again.
      expr: [
        `sum by (${BY}, status) (increase(sluice_inject_api_requests_total{`,
        'verb="patch",resource="mutatingwebhookconfigurations",status!~"2..|409"}[5m])) > 0'
      ].join(''),
      for: '10m',
      summary: `The injector at ${WHERE} cannot patch its webhook configuration: {{ $labels.status }}`,
      description: 'The configuration does not say whom to trust, or which namespaces ask. Pods that need that are not given a sidecar.'
    }),
    injector('critical', {
      alert: 'SluiceInjectorCertificateEnding',
      expr: `min by (${BY}, certificate) (${LEFT}) < 0.1`,
      for: '5m',
      summary: `The certificate ({{ $labels.certificate }}) of the injector at ${WHERE} is about to end`,
      description: '{{ $value | humanizePercentage }} of its lifetime are left. When it has ended, no pod is given a sidecar.'
    })
  ]
}
