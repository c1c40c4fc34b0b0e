import { dashboard, section } from './dashboard.ts'
import { CALLS, FAILED_CALLS, FAILED_JOBS, FAILED_REQUESTS, JOBS, REQUESTS } from './measures.ts'
import { bars, figure, graph, line, timeline } from './panel.ts'
import { highest, inTheLast, perSecond, quantile, share } from './queries.ts'
import { ANY, FAILURES, JOB_FAILURES } from './thresholds.ts'
import { CLUSTER, choice, NAMESPACE } from './variable.ts'

const IN = 'cluster=~"$cluster",namespace=~"$namespace"'
const STAGE = `${IN},stage=~"$stage"`
const MODEL = `${IN},model=~"$model"`
const FAILED_SPANS = `${IN},service_name=~"$service",status_code="STATUS_CODE_ERROR"`

/** What fails, where, since when. */
export const errorRate = dashboard({
  uid: 'sluice-error-rate',
  title: 'Error Rate',
  description:
    'What fails: by endpoint, stage and model, which kinds of errors there are, and since when. All of it is counted before sampling.',
  file: 'error-rate',
  from: 'now-6h',
  variables: [
    CLUSTER,
    NAMESPACE,
    choice('service', 'Service', 'http_requests_total{cluster=~"$cluster",namespace=~"$namespace"}'),
    choice('stage', 'Stage', 'job_processing_duration_seconds_count{cluster=~"$cluster",namespace=~"$namespace"}'),
    choice('model', 'Model', 'model_inference_duration_seconds_count{cluster=~"$cluster",namespace=~"$namespace"}')
  ],
  sections: [
    section(
      'Now',
      line(
        4,
        figure({
          title: 'Requests that fail',
          description: 'Share that was answered with 500 or above. Above 1 % for an endpoint is an alert.',
          unit: 'percentunit',
          decimals: 2,
          min: 0,
          thresholds: FAILURES,
          queries: [{ expr: share(FAILED_REQUESTS(), REQUESTS()), legend: 'requests' }]
        }),
        figure({
          title: 'Jobs that fail',
          description: 'Share of stages that ended with an error. Above 5 % is a warning, above 10 % wakes somebody.',
          unit: 'percentunit',
          decimals: 2,
          min: 0,
          thresholds: JOB_FAILURES,
          queries: [{ expr: share(FAILED_JOBS(STAGE), JOBS(STAGE)), legend: 'jobs' }]
        }),
        figure({
          title: 'Inference that fails',
          description: 'Share of calls that ended with an error. Above 1 % for a model is an alert.',
          unit: 'percentunit',
          decimals: 2,
          min: 0,
          thresholds: FAILURES,
          queries: [{ expr: share(FAILED_CALLS(MODEL), CALLS(MODEL)), legend: 'calls' }]
        }),
        figure({
          title: 'Errors a minute',
          description: 'Exceptions in spans and logs, each once, those over their limit with them. Above 10 is an alert.',
          unit: 'short',
          decimals: 1,
          min: 0,
          thresholds: [[10, 'red']],
          queries: [{ expr: `60 * ${perSecond('sluice_errors_total', `${IN},outcome=~"sent|limited"`)}`, legend: 'errors' }]
        }),
        figure({
          title: 'Kinds of errors',
          description: 'Kinds that came in the last hour.',
          unit: 'short',
          decimals: 0,
          queries: [{ expr: `count(sum by (kind) (increase(sluice_errors_grouped_total{${IN}}[1h])) > 0) or vector(0)`, legend: 'kinds' }]
        })
      )
    ),
    section(
      'Where',
      line(
        8,
        graph({
          title: 'By endpoint',
          description: 'Share of the requests of each endpoint that were answered with 500 or above: the ten worst.',
          unit: 'percentunit',
          min: 0,
          thresholds: FAILURES,
          queries: [
            {
              expr: `topk(10, ${share(FAILED_REQUESTS('service', 'method', 'route'), REQUESTS('service', 'method', 'route'))})`,
              legend: '{{service}} {{method}} {{route}}'
            }
          ]
        }),
        graph({
          title: 'By stage',
          description: 'Share of the jobs of each stage that ended with an error.',
          unit: 'percentunit',
          min: 0,
          thresholds: JOB_FAILURES,
          queries: [{ expr: share(FAILED_JOBS(STAGE, 'stage'), JOBS(STAGE, 'stage')), legend: '{{stage}}' }],
          drill: { title: 'Job Processing', board: 'sluice-job-processing', from: { stage: 'stage' } }
        }),
        graph({
          title: 'By model',
          description: 'Share of the calls of each model that ended with an error.',
          unit: 'percentunit',
          min: 0,
          thresholds: FAILURES,
          queries: [{ expr: share(FAILED_CALLS(MODEL, 'model'), CALLS(MODEL, 'model')), legend: '{{model}}' }],
          drill: { title: 'Model Performance', board: 'sluice-model-performance', from: { model: 'model' } }
        })
      ),
      line(
        8,
        graph({
          title: 'Requests that failed or were refused',
          description: 'By what they were answered with. A step of 400 to 499 after a release: a client and the API do not agree any more.',
          unit: 'reqps',
          min: 0,
          stacked: true,
          queries: [
            {
              expr: perSecond('http_requests_total', `${IN},service=~"$service",status=~"[45].."`, 'service', 'status'),
              legend: '{{service}} {{status}}'
            }
          ]
        }),
        graph({
          title: 'Time until a request failed, p95',
          description: 'At once: refused or broken. After long: a time limit. The points are traces: all requests that fail are kept.',
          unit: 's',
          min: 0,
          queries: [
            {
              expr: quantile(0.95, 'http_request_duration_seconds', `${IN},service=~"$service",status=~"5.."`, 'service'),
              legend: '{{service}}',
              exemplars: true
            }
          ]
        }),
        bars({
          title: 'Operations that fail most',
          description: 'Failed spans of the last hour by name: the operation inside of the service.',
          unit: 'short',
          decimals: 0,
          min: 0,
          queries: [
            {
              expr: `sort_desc(topk(10, ${inTheLast('1h', 'traces_span_metrics_calls_total', FAILED_SPANS, 'service_name', 'span_name')} > 0))`,
              legend: '{{service_name}}: {{span_name}}'
            }
          ]
        })
      )
    ),
    section(
      'What',
      line(
        8,
        bars({
          title: 'Top kinds of errors',
          description: 'Errors of the last hour by kind, as the grouping rules name it. An error that no rule fits is of the kind other.',
          unit: 'short',
          decimals: 0,
          min: 0,
          queries: [{ expr: `sort_desc(topk(10, ${inTheLast('1h', 'sluice_errors_grouped_total', IN, 'kind')} > 0))`, legend: '{{kind}}' }]
        }),
        timeline({
          title: 'Since when, and for how long',
          description:
            'When each kind of errors came, in pieces of ten minutes. The length of a bar is the time until it was resolved; one that reaches the right edge is not. An hour of it is an alert.',
          unit: 'none',
          words: { 0: ['quiet', 'green'], 1: ['comes', 'red'] },
          queries: [{ expr: `(sum by (kind) (increase(sluice_errors_grouped_total{${IN}}[10m])) > bool 0)`, legend: '{{kind}}' }]
        })
      ),
      line(
        8,
        graph({
          title: 'Errors by where they were found',
          description: 'Exceptions on spans, and in log records.',
          unit: 'ops',
          min: 0,
          stacked: true,
          queries: [{ expr: perSecond('sluice_errors_seen_total', IN, 'origin'), legend: '{{origin}}' }]
        }),
        graph({
          title: 'What became of them',
          description:
            'Sent; the same as another; over the limit of their group, and sent as a count; dropped from a span that had too many.',
          unit: 'ops',
          min: 0,
          stacked: true,
          queries: [{ expr: perSecond('sluice_errors_total', IN, 'outcome'), legend: '{{outcome}}' }]
        }),
        graph({
          title: 'Kinds known to each gateway',
          description:
            'Groups that are told apart, of the twenty with most. A step up is an error that this gateway had not seen before, which is an alert.',
          unit: 'short',
          min: 0,
          queries: [{ expr: highest(`sluice_errors_groups{${IN}}`), legend: '{{instance}}' }]
        })
      ),
      line(
        6,
        graph({
          title: 'Calls to others that fail',
          description: 'Share of HTTP requests to other services that were answered with 500 or above: whether the trouble is ours.',
          unit: 'percentunit',
          min: 0,
          thresholds: FAILURES,
          queries: [
            {
              expr: share(
                perSecond('http_outbound_request_duration_seconds_count', `${IN},service=~"$service",status=~"5.."`, 'server'),
                perSecond('http_outbound_request_duration_seconds_count', `${IN},service=~"$service"`, 'server')
              ),
              legend: '{{server}}'
            }
          ]
        }),
        graph({
          title: 'Queries that fail',
          description: 'Share of database operations that ended with an error.',
          unit: 'percentunit',
          min: 0,
          thresholds: FAILURES,
          queries: [
            {
              expr: share(
                perSecond('db_query_duration_seconds_count', `${IN},service=~"$service",outcome="error"`, 'service', 'system'),
                perSecond('db_query_duration_seconds_count', `${IN},service=~"$service"`, 'service', 'system')
              ),
              legend: '{{service}} {{system}}'
            }
          ]
        }),
        graph({
          title: 'Errors of GPUs',
          description: 'Xid messages of the kernel by code. Which codes mean a broken GPU stands in the runbook of each alert.',
          unit: 'short',
          min: 0,
          thresholds: ANY,
          queries: [{ expr: inTheLast('1h', 'sluice_gpu_xid_total', IN, 'code', 'gpu'), legend: 'Xid {{code}} of {{gpu}}' }]
        })
      )
    )
  ]
})
