import { AT_GATEWAY, type Case, GATEWAY, inCluster, pair } from '../case.ts'

const own = (name: string, labels = ''): string => `${name}{job="sluice",instance="gw:9464"${labels === '' ? '' : `,${labels}`}}`
const ITEMS = (stage: string, outcome: string, component: string, reason: string): string =>
  own('sluice_items_total', `signal="traces",stage="${stage}",component="${component}",outcome="${outcome}",reason="${reason}"`)
const REFUSED = (reason: string): string =>
  own('sluice_receiver_refused_requests_total', `receiver="otlp",transport="http",reason="${reason}"`)
const IN_POD = (name: string): string => own(name, 'namespace="dubbing",pod="w-1",k8s_node_name="gpu-7"')
const FAILING = own('sluice_exporter_failing', 'exporter="otlp",signal="traces"')
const POD = 'namespace="dubbing",pod="w-1",container="sluice"'
const AT_POD = { namespace: 'dubbing', pod: 'w-1', container: 'sluice' }
const TO_OTLP = { ...AT_GATEWAY, exporter: 'otlp', signal: 'traces' }
const BYTES = own('sluice_queue_bytes')
const BYTES_MAX = own('sluice_queue_bytes_max')

export const GATEWAY_CASES: readonly Case[] = [
  pair('SluiceAbsent', '11m..12m', { [GATEWAY]: '1 _x30' }, {}, { [GATEWAY]: '1x4 _x3 1x30' }),
  // The injector is Sluice, and no gateway.
  pair(
    'SluiceAbsent',
    '11m..12m',
    { [GATEWAY]: '1 _x30', 'sluice_build_info{job="injector",instance="i:9464",command="inject"}': '1x30' },
    {},
    { [GATEWAY]: '1x30' }
  ),
  // One cluster of two.
  pair(
    'SluiceAbsent',
    '11m..12m',
    { [inCluster('a', GATEWAY)]: '1x30', [inCluster('b', GATEWAY)]: '1x5 stale' },
    { cluster: 'b' },
    {
      [inCluster('a', GATEWAY)]: '1x30',
      [inCluster('b', GATEWAY)]: '1x4 _x3 1x30'
    }
  ),
  pair('SluiceDown', '8m..10m', { [GATEWAY]: '1x4 stale', [own('up')]: '1x4 0x20' }, AT_GATEWAY, {
    [own('up')]: '1x4 0x2 1x20',
    'up{job="others",instance="b"}': '0x20'
  }),
  // One that has never come up, beside one that has; what else there is of a job that a gateway is part of.
  pair(
    'SluiceDown',
    '3m',
    { [own('up')]: '1x20', 'up{job="sluice",instance="new"}': '0x20' },
    { job: 'sluice', instance: 'new' },
    {
      [own('up')]: '1x20',
      'up{job="sluice",instance="exporter"}': '1x20',
      'up{job="sluice",instance="another"}': '0x20'
    }
  ),
  // Labels of the pod are kept.
  pair(
    'SluiceDown',
    '8m..10m',
    { [IN_POD('sluice_build_info')]: '1x4 stale', [IN_POD('up')]: '1x4 0x20' },
    { ...AT_GATEWAY, namespace: 'dubbing', pod: 'w-1', k8s_node_name: 'gpu-7' },
    { [IN_POD('sluice_build_info')]: '1x4 stale', [IN_POD('up')]: '1x4 stale' }
  ),
  pair('SluiceNotReady', '15m..16m', { [`kube_pod_container_status_ready{${POD}}`]: '1x4 0x30' }, AT_POD, {
    [`kube_pod_container_status_ready{${POD}}`]: '1x4 0x5 1x30',
    'kube_pod_container_status_ready{namespace="dubbing",pod="w-1",container="worker"}': '0x30'
  }),
  // A native sidecar is an init container; that of a job that has ended is not ready any more.
  pair('SluiceNotReady', '15m..30m', { [`kube_pod_init_container_status_ready{${POD}}`]: '1x4 0x30' }, AT_POD, {
    [`kube_pod_init_container_status_ready{${POD}}`]: '1x4 0x30',
    'kube_pod_status_phase{namespace="dubbing",pod="w-1",phase="Running"}': '1x4 0x30',
    'kube_pod_status_phase{namespace="dubbing",pod="w-1",phase="Succeeded"}': '0x4 1x30'
  }),
  pair('SluiceRestarting', '18m..30m', { [own('process_start_time_seconds')]: '1x5 2x5 3x5 4x30' }, AT_GATEWAY, {
    [own('process_start_time_seconds')]: '1x5 2x5 3x30',
    'process_start_time_seconds{job="others",instance="b"}': '0+1x60'
  }),
  pair(
    'SluiceDropping',
    '6m..15m',
    { [ITEMS('process', 'dropped', 'enrich', 'enrich')]: '0+5x30' },
    { ...AT_GATEWAY, signal: 'traces', place: 'enrich', reason: 'enrich' },
    {
      // What users asked for.
      [ITEMS('process', 'dropped', 'limit', 'limit')]: '0+5x30',
      [ITEMS('process', 'sampled_out', 'sample', 'sample')]: '0+5x30',
      [ITEMS('process', 'dropped', 'enrich', 'enrich')]: '7x30'
    }
  ),
  pair(
    'SluiceDeliveryAbandoned',
    '13m..15m',
    { [ITEMS('export', 'dropped', 'otlp', 'expired')]: '0x12 4x20' },
    { ...AT_GATEWAY, signal: 'traces', place: 'otlp', reason: 'expired' },
    {
      [ITEMS('export', 'dropped', 'otlp', 'expired')]: '4x30',
      [ITEMS('export', 'delivered', 'otlp', '')]: '0+9x30'
    }
  ),
  // Nothing is counted as given up before the first is; what was scraped again after a while is not new.
  pair(
    'SluiceDeliveryAbandoned',
    '20m..31m',
    { [ITEMS('export', 'dropped', 'otlp', 'rejected')]: '_x20 512x20' },
    { ...AT_GATEWAY, signal: 'traces', place: 'otlp', reason: 'rejected' },
    { [GATEWAY]: '1x9 stale _x19 1x30', [ITEMS('export', 'dropped', 'otlp', 'rejected')]: '512x9 stale _x19 512x30' }
  ),
  pair('SluiceExporterFailing', '9m..10m', { [FAILING]: '0x3 1x30' }, TO_OTLP, { [FAILING]: '0x3 1x4 0x30' }),
  pair('SluiceExporterDown', '64m..65m', { [FAILING]: '0x3 1x30 stale _ 1x80' }, TO_OTLP, { [FAILING]: '0x3 1x30 stale 0 1x80' }),
  pair('SluiceExporterDown', '64m..65m', { [FAILING]: '0x3 1x80' }, TO_OTLP, { [FAILING]: '0x3 1x50 0 1x80' }),
  pair('SluiceQueueOld', '16m..20m', { [own('sluice_queue_oldest_seconds')]: '0+60x40' }, AT_GATEWAY, {
    [own('sluice_queue_oldest_seconds')]: '590x40'
  }),
  pair('SluiceQueueFilling', '5m..8m', { [BYTES]: '75x20', [BYTES_MAX]: '100x20' }, AT_GATEWAY, {
    [BYTES]: '65x20',
    [BYTES_MAX]: '100x20'
  }),
  pair('SluiceQueueFull', '2m..5m', { [BYTES]: '95x20', [BYTES_MAX]: '100x20' }, AT_GATEWAY, { [BYTES]: '89x20', [BYTES_MAX]: '100x20' }),
  pair('SluiceQueueDegraded', '5m..6m', { [own('sluice_queue_degraded')]: '0x3 1x9' }, AT_GATEWAY, {
    [own('sluice_queue_degraded')]: '0x3 1 0x9'
  }),
  pair(
    'SluiceQueueDamaged',
    '4m..6m',
    { [own('sluice_queue_events_total', 'event="damaged",signal="logs"')]: '_x4 1x9' },
    { ...AT_GATEWAY, event: 'damaged', signal: 'logs' },
    {
      [own('sluice_queue_events_total', 'event="torn",signal="logs"')]: '1x9',
      [own('sluice_queue_events_total', 'event="dead-lettered",signal="logs"')]: '1x9'
    }
  ),
  pair(
    'SluiceLedgerResidue',
    '9m..10m',
    { [own('sluice_ledger_residue', 'signal="traces"')]: '0x3 -2x20' },
    { ...AT_GATEWAY, signal: 'traces' },
    {
      [own('sluice_ledger_residue', 'signal="traces"')]: '0x3 512x2 0x20'
    }
  ),
  pair(
    'SluiceRedactionCanaryFailed',
    '4m..5m',
    { [own('sluice_redact_canary_failures_total', 'rule="jwt",place="logs"')]: '_x4 1x9' },
    { ...AT_GATEWAY, rule: 'jwt', place: 'logs' },
    { [own('sluice_redactions_total', 'rule="jwt",signal="logs",place="body"')]: '0+9x9' }
  ),
  pair('SluiceRedactionOverBudget', '16m..40m', { [own('sluice_redact_budget_exceeded_total')]: '0+1x60' }, AT_GATEWAY, {
    [own('sluice_redact_budget_exceeded_total')]: '0x15 1x60'
  }),
  pair(
    'SluiceSheddingLoad',
    '6m..15m',
    { [REFUSED('busy')]: '0+1x30' },
    { ...AT_GATEWAY, receiver: 'otlp', reason: 'busy' },
    {
      [REFUSED('busy')]: '0x3 4x30',
      [REFUSED('invalid')]: '0+9x30'
    }
  ),
  pair(
    'SluiceRefusingRequests',
    '28m..40m',
    { [REFUSED('invalid')]: '0+0.7x60' },
    { ...AT_GATEWAY, receiver: 'otlp', reason: 'invalid' },
    {
      [REFUSED('invalid')]: '0+0.5x60',
      [REFUSED('busy')]: '0+9x60'
    }
  ),
  pair(
    'SluiceMemoryHigh',
    '5m..10m',
    { [`container_memory_working_set_bytes{${POD}}`]: '95x20', [`kube_pod_container_resource_limits{${POD},resource="memory"}`]: '100x20' },
    AT_POD,
    { [`container_memory_working_set_bytes{${POD}}`]: '89x20', [`kube_pod_container_resource_limits{${POD},resource="memory"}`]: '100x20' }
  ),
  pair(
    'SluiceMemoryHigh',
    '5m..10m',
    {
      [`container_memory_working_set_bytes{${POD}}`]: '95x20',
      [`kube_pod_init_container_resource_limits{${POD},resource="memory"}`]: '100x20'
    },
    AT_POD,
    {
      [`container_memory_working_set_bytes{${POD}}`]: '89x20',
      [`kube_pod_init_container_resource_limits{${POD},resource="memory"}`]: '100x20'
    }
  ),
  pair('SluiceBlocked', '5m..8m', { [own('sluice_event_loop_delay_seconds')]: '1.5x20' }, AT_GATEWAY, {
    [own('sluice_event_loop_delay_seconds')]: '0.9x20'
  }),
  pair('SluiceSeriesLimit', '16m..35m', { [own('sluice_derive_overflow_spans_total', 'rule="http"')]: '0+1x60' }, AT_GATEWAY, {
    [own('sluice_derive_overflow_spans_total', 'rule="http"')]: '9x60',
    [own('sluice_prometheus_series_dropped_total', 'reason="out_of_order"')]: '0+1x60'
  }),
  pair('SluicePodFactsStale', '11m..15m', { [own('sluice_pod_facts_age_seconds')]: '0+60x20' }, AT_GATEWAY, {
    [own('sluice_pod_facts_age_seconds')]: '200x20'
  }),
  pair(
    'SluiceLogsLost',
    '6m..10m',
    {
      [own('sluice_log_dropped_total', 'receiver="logs",transport="udp",reason="full"')]: '0x5 3x20',
      [own('sluice_files_lost_bytes_total', 'kind="rotated"')]: '0x5 900x20'
    },
    [
      { ...AT_GATEWAY, reason: 'full' },
      { ...AT_GATEWAY, kind: 'rotated' }
    ],
    {
      [own('sluice_log_dropped_total', 'receiver="logs",transport="udp",reason="full"')]: '3x20',
      [own('sluice_files_lag_bytes')]: '0+900x20'
    }
  ),
  // An exporter to Sentry that takes none; who has no Sentry has not asked for errors, and who has them looked for is told otherwise.
  pair(
    'SluiceErrorsUnwatched',
    '63m..90m',
    { [own('sluice_exporter_failing', 'exporter="sentry/eu",signal="envelopes"')]: '_x3 0x90' },
    {},
    { [own('sluice_exporter_failing', 'exporter="otlp",signal="traces"')]: '0x90' }
  ),
  // One that is gone within the week.
  pair(
    'SluiceErrorsUnwatched',
    '64m..90m',
    { [own('sluice_errors_total', 'outcome="sent"')]: '0x3 stale' },
    {},
    {
      [own('sluice_exporter_failing', 'exporter="sentry",signal="errors"')]: '0x90',
      [own('sluice_errors_total', 'outcome="sent"')]: '0x90'
    }
  )
]
