import { alertsOf, GATEWAYS, type Group, growth, SCRAPED } from '../rule.ts'

const gateway = alertsOf('gateway')

/** Gateways and injectors. */
const OURS = 'sluice_build_info'
const BY = `job, instance, ${SCRAPED}`
const WHERE = '{{ or $labels.pod $labels.instance }}'
/** A sidecar that is a native one is told of under the names of init containers. */
const CONTAINER = 'cluster, namespace, pod, container'
/** What is lost before the queue, but for what users asked to be left out. */
const LOST = 'sluice_items_total{stage="process",outcome="dropped",component!="limit"}'
/** The component of the gateway under another label: alerts have one of that name, which says whose they are. */
const placed = (expr: string): string =>
  `sum by (${BY}, signal, place, reason) (label_replace(${expr}, "place", "$1", "component", "(.*)"))`

export const GATEWAY_RULES: Group = {
  name: 'sluice-gateway',
  recordings: [
    {
      record: 'signal_outcome:sluice_items:rate5m',
      labels: ['cluster', 'signal', 'stage', 'outcome', 'component', 'reason'],
      expr: 'sum by (cluster, signal, stage, outcome, component, reason) (rate(sluice_items_total[5m]))',
      help: 'Items a second, by what became of them.'
    },
    {
      record: 'exporter_signal:sluice_delivered:ratio1h',
      labels: ['cluster', 'component', 'signal'],
      expr: [
        'sum by (cluster, component, signal) (increase(sluice_items_total{stage="export",outcome="delivered"}[1h]))',
        '/ (sum by (cluster, component, signal) (increase(sluice_items_total{stage="export"}[1h])) > 0)'
      ].join(' '),
      help: 'Share of what left the queue that was delivered.'
    }
  ],
  alerts: [
    gateway('critical', {
      alert: 'SluiceAbsent',
      // One cluster of several that Prometheus knows, or all there is.
      expr: `absent(${GATEWAYS}) or count by (cluster) (last_over_time(${GATEWAYS}[1d])) unless on (cluster) ${GATEWAYS}`,
      for: '5m',
      summary: 'Prometheus sees no gateway{{ with $labels.cluster }} of the cluster {{ . }}{{ end }} at all',
      description: 'None is scraped, or none runs. All alerts on requests, jobs, models, GPUs and errors are blind meanwhile.'
    }),
    gateway('warning', {
      alert: 'SluiceDown',
      // It was one, or has never come up where there is nothing but gateways.
      expr: [
        `max by (${BY}) (up == 0) and on (job, instance) last_over_time(${OURS}[1d])`,
        `or (max by (${BY}) (up == 0) and on (job) last_over_time(${OURS}[1d]) unless on (job) (up == 1 unless on (job, instance) ${OURS}))`
      ].join(' '),
      for: '3m',
      summary: `Sluice at ${WHERE} cannot be scraped`,
      description: 'It has ended or hangs. Senders of a gateway keep what they have, as far as they can.'
    }),
    gateway('warning', {
      alert: 'SluiceNotReady',
      expr: [
        `max by (${CONTAINER}) (kube_pod_container_status_ready{container=~"sluice.*"} == 0 or kube_pod_init_container_status_ready{container=~"sluice.*"} == 0)`,
        // Of pods that have ended no container is ready.
        'unless on (cluster, namespace, pod) (kube_pod_status_phase{phase=~"Succeeded|Failed"} == 1)'
      ].join(' '),
      for: '10m',
      summary: 'Sluice in {{ $labels.namespace }}/{{ $labels.pod }} is not ready',
      description: 'Its `/readyz` says why.'
    }),
    gateway('warning', {
      alert: 'SluiceRestarting',
      expr: `max by (${BY}) (changes(process_start_time_seconds[1h]) and on (${BY}) ${OURS}) > 2`,
      for: '0s',
      summary: `Sluice at ${WHERE} has started {{ $value }} times within an hour`,
      description: 'It crashes, or is killed for its memory.'
    }),
    gateway('warning', {
      alert: 'SluiceDropping',
      expr: `${placed(`rate(${LOST}[5m])`)} > 0`,
      for: '5m',
      summary: `{{ $labels.place }} drops {{ $labels.signal }} at ${WHERE}: {{ $labels.reason }}`,
      description: '{{ $value | humanize }} items a second are lost that nobody asked to leave out.'
    }),
    gateway('critical', {
      alert: 'SluiceDeliveryAbandoned',
      expr: `${placed(growth('sluice_items_total{stage="export",outcome="dropped"}', '10m', GATEWAYS))} > 0`,
      for: '0s',
      keepFiringFor: '10m',
      summary: `{{ $labels.signal }} for {{ $labels.place }} are given up at ${WHERE}: {{ $labels.reason }}`,
      description: '{{ $value | humanize }} items in 10 minutes will not be delivered: expired, evicted, refused for good, or damaged.'
    }),
    gateway('warning', {
      alert: 'SluiceExporterFailing',
      expr: `max by (${BY}, exporter, signal) (sluice_exporter_failing) == 1`,
      for: '5m',
      summary: `{{ $labels.exporter }} takes no {{ $labels.signal }} from ${WHERE}`,
      description: 'Every attempt fails. What waits is safe until the queue is full or its age limit is reached.'
    }),
    gateway('critical', {
      alert: 'SluiceExporterDown',
      // In an hour one scrape or the other fails, which would begin the hour anew.
      expr: `max by (${BY}, exporter, signal) (last_over_time(sluice_exporter_failing[5m])) == 1`,
      for: '1h',
      summary: `{{ $labels.exporter }} has taken no {{ $labels.signal }} from ${WHERE} for an hour`,
      description: 'Every attempt fails. What waits is given up when the queue is full or its age limit is reached.'
    }),
    gateway('warning', {
      alert: 'SluiceQueueOld',
      expr: `max by (${BY}) (sluice_queue_oldest_seconds) > 600`,
      for: '5m',
      summary: `The queue at ${WHERE} holds what is {{ $value | humanizeDuration }} old`,
      description: 'A destination is away, or slower than what comes.'
    }),
    gateway('warning', {
      alert: 'SluiceQueueFilling',
      expr: `max by (${BY}) (sluice_queue_bytes / (sluice_queue_bytes_max > 0)) > 0.7`,
      for: '5m',
      summary: `The queue at ${WHERE} is {{ $value | humanizePercentage }} full`,
      description: 'When it is full, senders are refused or the oldest is evicted.'
    }),
    gateway('critical', {
      alert: 'SluiceQueueFull',
      expr: `max by (${BY}) (sluice_queue_bytes / (sluice_queue_bytes_max > 0)) > 0.9`,
      for: '2m',
      summary: `The queue at ${WHERE} is {{ $value | humanizePercentage }} full`,
      description: 'Senders are refused, or the oldest is evicted, now or soon.'
    }),
    gateway('critical', {
      alert: 'SluiceQueueDegraded',
      expr: `max by (${BY}) (sluice_queue_degraded) == 1`,
      for: '1m',
      summary: `The queue at ${WHERE} is in memory alone`,
      description: 'The disk fails or is full. What is accepted now does not survive the end of the process.'
    }),
    gateway('critical', {
      alert: 'SluiceQueueDamaged',
      expr: `sum by (${BY}, event, signal) (sluice_queue_events_total{event=~"damaged|lost|cursors-lost|unreadable"}) > 0`,
      for: '0s',
      summary: `The queue at ${WHERE} met {{ $labels.event }} records`,
      description: '{{ $value }} times since the process began. What could not be read is booked as lost.'
    }),
    gateway('warning', {
      alert: 'SluiceLedgerResidue',
      expr: `max by (${BY}, signal) (abs(sluice_ledger_residue)) > 0`,
      for: '5m',
      summary: `The books of {{ $labels.signal }} at ${WHERE} do not balance`,
      description: '{{ $value }} items came in and are accounted for nowhere. That is a fault of the gateway.'
    }),
    gateway('critical', {
      alert: 'SluiceRedactionCanaryFailed',
      // A level: the series begins with its first failure, and nothing passes from then on.
      expr: `sum by (${BY}, rule, place) (sluice_redact_canary_failures_total) > 0`,
      for: '0s',
      summary: `Redaction at ${WHERE} lets secrets of the kind {{ $labels.rule }} pass`,
      description: 'Made-up secrets were still to be seen in {{ $labels.place }}. Nothing passes until that has ended.'
    }),
    gateway('info', {
      alert: 'SluiceRedactionOverBudget',
      expr: `sum by (${BY}) (increase(sluice_redact_budget_exceeded_total[15m])) > 0`,
      for: '15m',
      summary: `Redaction at ${WHERE} hides texts that take too much work`,
      description: '{{ $value | humanize }} texts in 15 minutes were hidden as a whole.'
    }),
    gateway('warning', {
      alert: 'SluiceSheddingLoad',
      expr: `sum by (${BY}, receiver, reason) (rate(sluice_receiver_refused_requests_total{reason=~"busy|overloaded"}[5m])) > 0`,
      for: '5m',
      summary: `{{ $labels.receiver }} at ${WHERE} turns senders away: {{ $labels.reason }}`,
      description:
        '{{ $value | humanize }} requests a second. busy: its memory limit for requests is reached; overloaded: the queue is full.'
    }),
    gateway('info', {
      alert: 'SluiceRefusingRequests',
      expr: [
        `sum by (${BY}, receiver, reason)`,
        '(rate(sluice_receiver_refused_requests_total{reason=~"invalid|malformed|too-large|unauthenticated|forbidden|internal"}[15m])) > 0.01'
      ].join(' '),
      for: '15m',
      summary: `{{ $labels.receiver }} at ${WHERE} refuses requests: {{ $labels.reason }}`,
      description: '{{ $value | humanize }} a second. Senders do not try these again.'
    }),
    gateway('warning', {
      alert: 'SluiceMemoryHigh',
      expr: [
        `max by (${CONTAINER}) (container_memory_working_set_bytes{container=~"sluice.*"})`,
        `/ max by (${CONTAINER}) (kube_pod_container_resource_limits{container=~"sluice.*",resource="memory"} > 0`,
        `or kube_pod_init_container_resource_limits{container=~"sluice.*",resource="memory"} > 0) > 0.9`
      ].join(' '),
      for: '5m',
      summary: 'Sluice in {{ $labels.namespace }}/{{ $labels.pod }} uses {{ $value | humanizePercentage }} of its memory',
      description: 'At its limit the kernel ends it.'
    }),
    gateway('warning', {
      alert: 'SluiceBlocked',
      expr: `max by (${BY}) (sluice_event_loop_delay_seconds) > 1`,
      for: '5m',
      summary: `Sluice at ${WHERE} stalls for {{ $value | humanizeDuration }}`,
      description: 'It gets too little CPU, or one request takes it for long.'
    }),
    gateway('info', {
      alert: 'SluiceSeriesLimit',
      expr: [
        `sum by (${BY}) (rate(sluice_prometheus_series_dropped_total{reason=~"full|metric_full"}[15m])) > 0`,
        `or sum by (${BY}) (rate(sluice_derive_overflow_spans_total[15m])) > 0`,
        `or sum by (${BY}) (rate(sluice_cost_overflow_spans_total[15m])) > 0`
      ].join(' '),
      for: '15m',
      summary: `The gateway at ${WHERE} has no room for more series`,
      description: 'New label sets are refused, or counted together in one series.'
    }),
    gateway('warning', {
      alert: 'SluicePodFactsStale',
      expr: `max by (${BY}) (sluice_pod_facts_age_seconds) > 300`,
      for: '5m',
      summary: `What ${WHERE} knows of its pods is {{ $value | humanizeDuration }} old`,
      description: 'The kubelet does not answer. New pods have no names in telemetry.'
    }),
    gateway('warning', {
      alert: 'SluiceLogsLost',
      expr: [
        `sum by (${BY}, reason) (${growth('sluice_log_dropped_total', '10m', GATEWAYS)}) > 0`,
        `or sum by (${BY}, kind) (${growth('sluice_files_lost_bytes_total', '10m', GATEWAYS)}) > 0`
      ].join(' '),
      for: '0s',
      keepFiringFor: '10m',
      summary: `Log lines are lost at ${WHERE}: {{ $labels.reason }}{{ $labels.kind }}`,
      description: '{{ $value | humanize }} lines, or bytes of files, in 10 minutes.'
    }),
    gateway('info', {
      alert: 'SluiceErrorsUnwatched',
      // Who has no Sentry has not asked for errors.
      expr: [
        `count by (cluster) (${GATEWAYS}) unless on (cluster) sluice_errors_total`,
        'and on (cluster) (last_over_time(sluice_exporter_failing{exporter=~"sentry(/.*)?"}[7d]) or last_over_time(sluice_errors_total[7d]))'
      ].join(' '),
      for: '1h',
      summary: 'No gateway looks for errors',
      description:
        'An exporter to Sentry is there, or was within the last week, and none takes errors. Alerts on errors and GPUs out of memory are blind meanwhile.'
    })
  ]
}
