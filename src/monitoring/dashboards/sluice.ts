import { dashboard, section } from './dashboard.ts'
import { INJECTOR } from './injector.ts'
import { figure, graph, line, timeline } from './panel.ts'
import { highest, perSecond, share } from './queries.ts'
import { ANY } from './thresholds.ts'
import { CLUSTER, choice, NAMESPACE } from './variable.ts'

const SELF = 'cluster=~"$cluster",namespace=~"$namespace",job=~"$job",instance=~"$instance"'
/** Everything that Prometheus scrapes has the metrics of a process. */
const OURS = `and on (job, instance) sluice_build_info{${SELF}}`
const items = (more: string, ...by: string[]): string => perSecond('sluice_items_total', `${SELF},${more}`, ...by)
const QUEUE_FULL = `max by (instance) (sluice_queue_bytes{${SELF}}) / (max by (instance) (sluice_queue_bytes_max{${SELF}}) > 0)`

/** Whether the gateways do their own work: what comes in, what goes out, what is lost, and what it takes. */
export const sluice = dashboard({
  uid: 'sluice-gateway',
  title: 'Sluice',
  description: 'The gateways themselves: the flow through the pipeline, the books, the queue, exporters, redaction, GPU facts, memory.',
  file: 'sluice',
  from: 'now-3h',
  variables: [
    CLUSTER,
    NAMESPACE,
    choice('job', 'Job', 'sluice_build_info{cluster=~"$cluster",namespace=~"$namespace",command!="inject"}'),
    choice('instance', 'Gateway', 'sluice_build_info{cluster=~"$cluster",namespace=~"$namespace",job=~"$job",command!="inject"}')
  ],
  sections: [
    section(
      'Now',
      line(
        4,
        figure({
          title: 'Gateways',
          description: 'How many are scraped.',
          unit: 'short',
          queries: [{ expr: `count(sluice_build_info{${SELF},command!="inject"})`, legend: 'gateways' }]
        }),
        figure({
          title: 'Coming in',
          description: 'Spans, log records, data points and profiles that were accepted.',
          unit: 'ops',
          queries: [{ expr: items('stage="receive",outcome="accepted"'), legend: 'items' }]
        }),
        figure({
          title: 'Unaccounted for',
          description: 'What came in and is nowhere. Anything but 0 is a fault of the gateway: please report it.',
          unit: 'short',
          thresholds: ANY,
          queries: [{ expr: `sum(abs(sluice_ledger_residue{${SELF}}))`, legend: 'items' }]
        }),
        figure({
          title: 'Dropped',
          description: 'Lost on purpose, with a reason: too old, too large, refused for good, evicted.',
          unit: 'ops',
          thresholds: [[0.001, 'red']],
          queries: [{ expr: `${items('outcome="dropped"')} or vector(0)`, legend: 'items' }]
        }),
        figure({
          title: 'Exporters that fail',
          description: 'Exporter and signal of which every attempt fails. What waits is in the queue.',
          unit: 'short',
          thresholds: ANY,
          queries: [{ expr: `sum(sluice_exporter_failing{${SELF}})`, legend: 'failing' }]
        }),
        figure({
          title: 'Queue',
          description: 'The fullest one. At 90 % /readyz says so; when it is full, senders are told to come back.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: [
            [0.7, 'orange'],
            [0.9, 'red']
          ],
          queries: [{ expr: `max(${QUEUE_FULL})`, legend: 'full' }]
        })
      )
    ),
    section(
      'Flow',
      line(
        8,
        graph({
          title: 'Accepted',
          description: 'By signal and the receiver that took it.',
          unit: 'ops',
          min: 0,
          stacked: true,
          queries: [{ expr: items('stage="receive",outcome="accepted"', 'signal', 'component'), legend: '{{signal}} from {{component}}' }]
        }),
        graph({
          title: 'Taken out',
          description: 'By processors: sampled out, over a limit, dropped. That sampling takes nine of ten traces is what it is for.',
          unit: 'ops',
          min: 0,
          stacked: true,
          queries: [{ expr: items('stage="process"', 'signal', 'component', 'outcome'), legend: '{{signal}} {{outcome}} by {{component}}' }]
        }),
        graph({
          title: 'Delivered',
          description: 'By signal and exporter. What goes to two exporters counts twice.',
          unit: 'ops',
          min: 0,
          stacked: true,
          queries: [{ expr: items('stage="export",outcome="delivered"', 'signal', 'component'), legend: '{{signal}} to {{component}}' }]
        })
      ),
      line(
        8,
        graph({
          title: 'Kept of all spans',
          description: 'Share of spans that stay after sampling: a tenth by default, and all errors.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [
            {
              expr: share(
                items('signal="traces",stage="queue",outcome="enqueued"'),
                items('signal="traces",stage="receive",outcome="accepted"')
              ),
              legend: 'kept'
            }
          ]
        }),
        graph({
          title: 'Refused and dropped',
          description: 'Requests that a receiver did not accept, and items that were lost, by reason. Empty is good.',
          unit: 'ops',
          min: 0,
          queries: [
            {
              expr: perSecond('sluice_receiver_refused_requests_total', SELF, 'receiver', 'reason'),
              legend: 'refused by {{receiver}}: {{reason}}'
            },
            { expr: items('outcome="dropped"', 'signal', 'component', 'reason'), legend: '{{signal}} dropped by {{component}}: {{reason}}' }
          ]
        }),
        graph({
          title: 'Bytes in and out',
          description: 'In as they are after inflating, out as they are compressed.',
          unit: 'Bps',
          min: 0,
          queries: [
            { expr: perSecond('sluice_receiver_bytes_total', SELF), legend: 'in' },
            { expr: perSecond('sluice_exporter_sent_bytes_total', SELF), legend: 'out' }
          ]
        })
      )
    ),
    section(
      'Books and queue',
      line(
        8,
        graph({
          title: 'Items that wait',
          description: 'By exporter and signal. Growing: the destination is slower than what comes in, or away.',
          unit: 'short',
          min: 0,
          stacked: true,
          queries: [{ expr: `sum by (exporter, signal) (sluice_items_held{${SELF}})`, legend: '{{signal}} for {{exporter}}' }]
        }),
        graph({
          title: 'Queue, share in use',
          description: 'Bytes that wait, of those that may: the twenty fullest.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: [[0.9, 'red']],
          queries: [{ expr: highest(QUEUE_FULL), legend: '{{instance}}' }]
        }),
        graph({
          title: 'Age of what waits longest',
          description: 'Of the twenty oldest. Beyond queue.ageMax, a day, it is dropped.',
          unit: 's',
          min: 0,
          queries: [{ expr: highest(`max by (instance) (sluice_queue_oldest_seconds{${SELF}})`), legend: '{{instance}}' }]
        })
      ),
      line(
        6,
        graph({
          title: 'Unaccounted for, by signal',
          description: 'Received, less what was sampled out, dropped, consumed and queued. Always 0.',
          unit: 'short',
          thresholds: ANY,
          queries: [{ expr: `sum by (signal) (sluice_ledger_residue{${SELF}})`, legend: '{{signal}}' }]
        }),
        timeline({
          title: 'Queue on disk',
          description: 'In memory: the disk fails or is full. Nothing is lost yet, but what is in memory ends with the process.',
          unit: 'none',
          words: { 0: ['on disk', 'green'], 1: ['in memory', 'red'] },
          queries: [{ expr: highest(`max by (instance) (sluice_queue_degraded{${SELF}})`), legend: '{{instance}}' }]
        }),
        graph({
          title: 'Events of the queue',
          description: 'What befell it beside its work, in the last hour: damage, evictions, dead letters.',
          unit: 'short',
          min: 0,
          queries: [{ expr: `sum by (event, signal) (increase(sluice_queue_events_total{${SELF}}[1h]))`, legend: '{{event}} {{signal}}' }]
        })
      )
    ),
    section(
      'Exporters',
      line(
        8,
        graph({
          title: 'Requests by answer',
          description: 'By the class of the status. With none, no answer came: the connection failed or the time was over.',
          unit: 'reqps',
          min: 0,
          queries: [{ expr: perSecond('sluice_exporter_requests_total', SELF, 'exporter', 'answer'), legend: '{{exporter}}: {{answer}}' }]
        }),
        graph({
          title: 'Requests that fail',
          description: 'Share that was not answered with 2xx.',
          unit: 'percentunit',
          min: 0,
          thresholds: [[0.1, 'orange']],
          queries: [
            {
              expr: share(
                perSecond('sluice_exporter_requests_total', `${SELF},answer!="2xx"`, 'exporter', 'signal'),
                perSecond('sluice_exporter_requests_total', SELF, 'exporter', 'signal')
              ),
              legend: '{{exporter}} {{signal}}'
            }
          ]
        }),
        timeline({
          title: 'State',
          description: 'Failing: every attempt fails, and what comes waits in the queue.',
          unit: 'none',
          words: { 0: ['fine', 'green'], 1: ['failing', 'red'] },
          queries: [{ expr: `max by (exporter, signal) (sluice_exporter_failing{${SELF}})`, legend: '{{exporter}} {{signal}}' }]
        })
      )
    ),
    section(
      'GPU facts, redaction, series',
      line(
        8,
        graph({
          title: 'GPU facts',
          description:
            'Gateways by the state of nvidia-smi, or of the node’s gateway that they ask. Hung: the driver does not answer; telemetry flows on without it.',
          unit: 'suffix: gateways',
          min: 0,
          stacked: true,
          queries: [{ expr: `sum by (state) (sluice_gpu_state{${SELF}}) > 0`, legend: '{{state}}' }]
        }),
        graph({
          title: 'Age of the newest sample',
          description: 'Of a GPU. Beyond a minute, spans and errors go without what the GPU was doing.',
          unit: 's',
          min: 0,
          thresholds: [[60, 'orange']],
          queries: [{ expr: highest(`max by (instance) (sluice_gpu_sample_age_seconds{${SELF}})`), legend: '{{instance}}' }]
        }),
        graph({
          title: 'Spans and errors told of their GPU',
          description: 'What came of it. No gpu is right for services that use none.',
          unit: 'ops',
          min: 0,
          queries: [
            { expr: perSecond('sluice_enrich_gpu_spans_total', SELF, 'outcome'), legend: 'spans: {{outcome}}' },
            { expr: perSecond('sluice_enrich_gpu_errors_total', SELF, 'outcome'), legend: 'errors: {{outcome}}' }
          ]
        })
      ),
      line(
        8,
        graph({
          title: 'Secrets taken out',
          description: 'By rule. A step up after a release: a service has begun to write a secret, which its owner should know.',
          unit: 'ops',
          min: 0,
          stacked: true,
          queries: [{ expr: perSecond('sluice_redactions_total', SELF, 'rule'), legend: '{{rule}}' }]
        }),
        graph({
          title: 'Series on /metrics',
          description: 'Held for the page, and made from spans; each has a limit.',
          unit: 'short',
          min: 0,
          queries: [
            { expr: highest(`sum by (instance) (sluice_prometheus_series{${SELF}})`), legend: 'on the page of {{instance}}' },
            { expr: highest(`sum by (instance) (sluice_derive_series{${SELF}})`), legend: 'from spans, {{instance}}' }
          ]
        }),
        graph({
          title: 'Series that found no room',
          description:
            'Points that are not on the page by reason, and spans counted in an overflow series by rule. Find the label with too many values.',
          unit: 'ops',
          min: 0,
          queries: [
            { expr: perSecond('sluice_prometheus_series_dropped_total', SELF, 'reason'), legend: 'page: {{reason}}' },
            { expr: perSecond('sluice_derive_overflow_spans_total', SELF, 'rule'), legend: 'spans: {{rule}}' }
          ]
        })
      )
    ),
    section(
      'Log files',
      line(
        8,
        graph({
          title: 'Log files not read yet',
          description:
            'Bytes that were written and not read, of the twenty gateways that have most. Growing: lines come faster than they are read.',
          unit: 'bytes',
          min: 0,
          queries: [{ expr: highest(`sum by (instance) (sluice_files_lag_bytes{${SELF}})`), legend: '{{instance}}' }]
        }),
        graph({
          title: 'Log files closed early',
          description:
            'To make room for others, before they were read to their end. Many: openMax is too small for what is written at once.',
          unit: 'ops',
          min: 0,
          queries: [{ expr: perSecond('sluice_files_shut_total', SELF, 'instance'), legend: '{{instance}}' }]
        }),
        graph({
          title: 'Log files that wait',
          description: 'They match and are not followed, since there are more than filesMax. Their lines are read when others have ended.',
          unit: 'short',
          min: 0,
          thresholds: ANY,
          queries: [{ expr: highest(`sum by (instance) (sluice_files_waiting{${SELF}})`), legend: '{{instance}}' }]
        })
      )
    ),
    INJECTOR,
    section(
      'What it takes',
      line(
        8,
        graph({
          title: 'Memory',
          description: 'Resident memory of the twenty largest.',
          unit: 'bytes',
          min: 0,
          queries: [{ expr: highest(`process_resident_memory_bytes{${SELF}} ${OURS}`), legend: '{{instance}}' }]
        }),
        graph({
          title: 'CPU',
          description: 'Share of one core, of the twenty busiest.',
          unit: 'percentunit',
          min: 0,
          queries: [
            {
              expr: highest(`sum by (instance) (rate(process_cpu_seconds_total{${SELF}}[$__rate_interval]) ${OURS})`),
              legend: '{{instance}}'
            }
          ]
        }),
        graph({
          title: 'Event loop, worst delay',
          description: 'How late the gateway came to its work since the last scrape. Near a second: it has too little CPU.',
          unit: 's',
          min: 0,
          thresholds: [[1, 'red']],
          queries: [{ expr: highest(`max by (instance) (sluice_event_loop_delay_seconds{${SELF}})`), legend: '{{instance}}' }]
        })
      )
    )
  ]
})
