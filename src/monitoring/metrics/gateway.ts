import { of } from '../metric.ts'

const { counter, gauge } = of('gateway')

/** What the gateway says of itself. `job` and `instance` are the scrape’s. */
export const GATEWAY_METRICS = [
  counter('process_cpu_seconds_total', '', 'CPU time spent, in seconds.'),
  gauge('process_resident_memory_bytes', '', 'Memory in use, in bytes.'),
  gauge('process_start_time_seconds', '', 'When the process began, in seconds since 1970.'),
  gauge('sluice_build_info', 'command node version', 'The version that runs; always 1. `command` is inject on the page of the injector.'),
  counter('sluice_correlate_forgotten_total', 'reason', 'Ids and traces that correlate has forgotten, by reason: full or age.'),
  gauge('sluice_correlate_ids', '', 'Correlation ids that correlate remembers.'),
  counter(
    'sluice_correlate_records_total',
    'outcome signal',
    'Records with an id or a trace, by what became of them: learned, trace_found, id_found, ambiguous or unknown.'
  ),
  counter('sluice_cost_early_settlements_total', '', 'Times that a GPU had pendingMax spans, which were shared at once.'),
  counter('sluice_cost_late_seconds_total', '', 'Seconds of spans that came when their time had been given to others.'),
  counter('sluice_cost_overflow_spans_total', '', 'Spans counted in the overflow series.'),
  counter('sluice_cost_skipped_spans_total', 'reason', 'Those that were given no time, by reason.'),
  counter('sluice_cost_spans_total', '', 'Spans that were work on a GPU, as far as they can tell.'),
  counter('sluice_cost_unmeasured_seconds_total', '', 'GPU seconds that were shared without their energy, which nobody knew.'),
  counter('sluice_derive_cut_labels_total', 'rule', 'Label values that were cut because they were too long.'),
  counter('sluice_derive_expired_series_total', 'rule', 'Series dropped because nothing was counted under them for expireAfter.'),
  counter('sluice_derive_overflow_spans_total', 'rule', 'Spans counted in an overflow series, because their rule had seriesMax series.'),
  gauge('sluice_derive_series', 'rule', 'Series that derive holds.'),
  counter('sluice_derive_skewed_spans_total', 'reason', 'Spans whose duration was taken as 0, by what their time stamps lacked.'),
  counter(
    'sluice_derive_unusable_thresholds_total',
    '',
    'Spans whose sampling threshold was malformed or beyond belief, and which were counted as one.'
  ),
  counter('sluice_enrich_gpu_errors_total', 'outcome', 'Errors, by what came of telling them about their GPU.'),
  counter('sluice_enrich_gpu_spans_total', 'outcome', 'Kept spans, by what came of telling them about their GPU.'),
  counter(
    'sluice_errors_forgotten_total',
    'what',
    'What was forgotten early to make room: errors known for duplicates, groups, and requests too large for the trail.'
  ),
  counter(
    'sluice_errors_grouped_total',
    'kind',
    'Errors found in spans and logs, each once, by the texts with which the fingerprint of their rule begins.'
  ),
  gauge('sluice_errors_groups', '', 'Groups of errors that are told apart for limits.'),
  gauge(
    'sluice_errors_held',
    'why',
    'Errors that are not sent yet: over their limit until their group is quiet, or waiting for their span, or for their trail.'
  ),
  counter('sluice_errors_seen_total', 'origin', 'Errors found in spans and logs before sampling, by where.'),
  counter(
    'sluice_errors_total',
    'outcome',
    'Errors found in spans and logs, by what became of them: sent, duplicate, limited, or dropped since their span had too many.'
  ),
  counter('sluice_errors_trails_total', 'outcome', 'Searches for the trail of an error that was sent, by what came of them.'),
  gauge('sluice_event_loop_delay_seconds', '', 'How late the event loop was at worst since the last look, in seconds.'),
  gauge('sluice_exporter_failing', 'exporter signal', '1 while every attempt of an exporter fails.'),
  counter(
    'sluice_exporter_requests_total',
    'answer exporter signal',
    'Requests to a destination, by signal and answer: 2xx to 5xx, or none.'
  ),
  counter('sluice_exporter_sent_bytes_total', 'exporter', 'Bytes of request bodies, as compressed.'),
  counter('sluice_files_failures_total', 'receiver reason', 'What the system refused about log files.'),
  gauge('sluice_files_lag_bytes', 'receiver', 'Bytes of log files that are not read yet.'),
  counter(
    'sluice_files_lost_bytes_total',
    'receiver kind',
    'Bytes of log files that were gone before they could be read, as far as known.'
  ),
  counter(
    'sluice_files_shut_total',
    'receiver',
    'Log files that were closed for others before they were read to their end, or while they were watched for more.'
  ),
  gauge('sluice_files_waiting', 'receiver', 'Log files that match and are not followed, since there are too many.'),
  counter('sluice_gpu_node_polls_total', 'outcome', 'Questions to the node’s gateway for the GPUs of this pod, by outcome.'),
  counter('sluice_gpu_owner_polls_total', 'outcome', 'Questions to the kubelet for who was given which device, by outcome.'),
  counter('sluice_gpu_owners_dropped_total', '', 'Owners of a device beyond the first 128.'),
  counter(
    'sluice_gpu_poll_duration_seconds_total',
    'kind',
    'Time that looks at the GPUs took, by kind; sluice_gpu_polls_total is their number.'
  ),
  counter('sluice_gpu_polls_total', 'kind outcome', 'Looks at the GPUs, by kind (fast, slow) and what came of them.'),
  counter('sluice_gpu_refused_total', 'what', 'Rows that could not be read (row), and GPUs there was no room for (device).'),
  counter('sluice_gpu_rounds_lost_total', 'reason', 'Rounds of GPU metrics that did not become telemetry, by reason.'),
  gauge('sluice_gpu_sample_age_seconds', '', 'Age of the newest sample of a GPU; absent before the first.'),
  gauge('sluice_gpu_state', 'source state', 'Whether GPU facts are in this state.'),
  counter(
    'sluice_gpu_values_absent_total',
    'reason',
    'Values that were asked for and not given, by reason: lost, reset required and unknown error tell of a GPU in trouble.'
  ),
  counter('sluice_gpu_xid_total', 'code gpu', 'Xid messages in the kernel log, by code and GPU.'),
  gauge('sluice_items_held', 'exporter signal', 'Items that wait for an exporter.'),
  counter('sluice_items_total', 'signal stage component outcome reason', 'What became of every item, by place and outcome.'),
  counter('sluice_kernel_log_failures_total', 'reason', 'Looks at the kernel log that failed, by what the system said.'),
  counter('sluice_kernel_records_lost_total', 'reason', 'Kernel log records that did not become telemetry, by reason.'),
  gauge('sluice_ledger_residue', 'signal', 'Items that came in and are accounted for nowhere; anything but 0 is a fault of the gateway.'),
  counter('sluice_limit_overflow_records_total', '', 'Log records of sources that share one limit, since there were too many.'),
  counter('sluice_limit_records_total', 'reason', 'Log records that limit took out, by reason: severity, rate or repeated.'),
  gauge('sluice_limit_sources', '', 'Sources of log records that limit tells apart.'),
  counter('sluice_limit_unsummed_records_total', '', 'Repeated log records that no summary speaks of, since too many waited.'),
  counter('sluice_log_dropped_total', 'receiver transport reason', 'Log lines that are not durable and never will be, by reason.'),
  counter('sluice_log_lines_total', 'receiver transport outcome', 'Log lines, by what became of them.'),
  gauge('sluice_pod_facts_age_seconds', '', 'Age of what is known of the node’s pods.'),
  counter('sluice_pod_facts_polls_total', 'outcome', 'Questions to the kubelet for the node’s pods, by outcome.'),
  gauge('sluice_prometheus_series', '', 'Series held for the page.'),
  gauge('sluice_prometheus_series_bytes', '', 'Memory held for the page, roughly.'),
  counter(
    'sluice_prometheus_series_dropped_total',
    'reason',
    'Data points that are not on the page, by reason; a series that finds no room counts each time it comes.'
  ),
  gauge('sluice_prometheus_series_omitted', 'reason', 'Series that the last page left out, because their name was taken.'),
  gauge('sluice_queue_bytes', '', 'Bytes that wait in the queue.'),
  gauge('sluice_queue_bytes_max', '', 'Bytes that may wait in the queue.'),
  gauge('sluice_queue_degraded', '', '1 while the queue is kept in memory because the disk fails or is full.'),
  counter('sluice_queue_events_total', 'event signal', 'What befell the queue beside its work.'),
  gauge('sluice_queue_oldest_seconds', '', 'Age of what has waited longest in the queue, in seconds.'),
  counter('sluice_receiver_bytes_total', 'receiver signal transport', 'Bytes of accepted requests, inflated, as protobuf.'),
  counter(
    'sluice_receiver_refused_requests_total',
    'receiver transport reason',
    'Requests and connections that a receiver did not accept, by reason.'
  ),
  counter('sluice_receiver_requests_total', 'receiver signal transport', 'Requests that a receiver accepted.'),
  counter('sluice_redact_budget_exceeded_total', '', 'Texts hidden as a whole, since looking at them took too much work.'),
  counter('sluice_redact_canary_failures_total', 'rule place', 'Made-up secrets that redaction let pass, by rule and place.'),
  counter('sluice_redact_key_streams_given_up_total', '', 'Private keys in several log records of which too many were open at once.'),
  counter('sluice_redactions_total', 'rule signal place', 'Secrets taken out, by rule, signal and place.'),
  counter(
    'sluice_sample_oddities_total',
    'signal reason',
    'Records whose sampling information could not be right, by signal and reason: malformed, contradictory, undecidable, unmarked.'
  ),
  counter('sluice_sentry_items_total', '', 'Items for Sentry, by project, category and what became of them.'),
  counter('sluice_sentry_trimmed_total', '', 'Pieces that were cut because Sentry takes no more, by what they were of.'),
  gauge(
    'target_info',
    'host_arch host_name os_type service_instance_id service_name sluice_instance_id',
    'The resource that the telemetry of this job and instance comes from.'
  )
]
