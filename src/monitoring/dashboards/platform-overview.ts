import { dashboard, section } from './dashboard.ts'
import { FAILED_JOBS, FAILED_REQUESTS, GPU_LOAD, JOBS, REQUESTS } from './measures.ts'
import { figure, graph, line } from './panel.ts'
import { highest, inTheLast, perSecond, quantile, SPANS, share } from './queries.ts'
import { FAILURES, GPU_BUSY, INFERENCE, JOB_FAILURES, QUEUE, RESPONSE, UP, UP_OR_DOWN } from './thresholds.ts'
import { CLUSTER, choice, NAMESPACE } from './variable.ts'

/** The first look: is the platform up, is it quick, does it get its work done. */
export const platformOverview = dashboard({
  uid: 'sluice-platform-overview',
  title: 'Platform Overview',
  description: 'Whether the platform is up, quick and working: the API, the jobs, the models and the GPUs in one page.',
  file: 'platform-overview',
  from: 'now-6h',
  variables: [CLUSTER, NAMESPACE, choice('service', 'Service', 'http_requests_total{cluster=~"$cluster",namespace=~"$namespace"}')],
  sections: [
    section(
      'Now',
      line(
        4,
        figure({
          title: 'API',
          description: 'Whether Prometheus reaches a target of each of the API’s jobs; down for a minute is an alert. Runbook: ApiDown.',
          unit: 'none',
          words: UP_OR_DOWN,
          thresholds: UP,
          queries: [{ expr: 'min(max by (namespace, job) (up{job=~"(.+/)?(api|backend|frontend)"}))', legend: 'API' }]
        }),
        figure({
          title: 'Requests',
          description: 'Requests that the chosen services answered, counted before sampling.',
          unit: 'reqps',
          queries: [{ expr: REQUESTS(), legend: 'requests' }]
        }),
        figure({
          title: 'API errors',
          description:
            'Share of requests that were answered with 500 or above. Above 1 % is an alert; look at the Error Rate board for the endpoint.',
          unit: 'percentunit',
          decimals: 2,
          min: 0,
          thresholds: FAILURES,
          queries: [{ expr: share(FAILED_REQUESTS(), REQUESTS()), legend: 'errors' }],
          drill: { title: 'Error Rate', board: 'sluice-error-rate', from: {} }
        }),
        figure({
          title: 'Response time, p95',
          description: 'Nineteen of twenty requests were answered faster. Above 2 s is an alert.',
          unit: 's',
          thresholds: RESPONSE,
          queries: [{ expr: quantile(0.95, 'http_request_duration_seconds', SPANS), legend: 'p95' }]
        })
      ),
      line(
        4,
        figure({
          title: 'Jobs in the last hour',
          description: 'Stages of jobs that ended in the last hour, in whatever way.',
          unit: 'short',
          decimals: 0,
          queries: [
            {
              expr: inTheLast('1h', 'job_processing_duration_seconds_count', 'cluster=~"$cluster",namespace=~"$namespace"'),
              legend: 'jobs'
            }
          ],
          drill: { title: 'Job Processing', board: 'sluice-job-processing', from: {} }
        }),
        figure({
          title: 'Failed jobs',
          description: 'Share of stages that ended with an error. Above 5 % is a warning, above 10 % wakes somebody.',
          unit: 'percentunit',
          decimals: 2,
          min: 0,
          thresholds: JOB_FAILURES,
          queries: [
            {
              expr: share(FAILED_JOBS('cluster=~"$cluster",namespace=~"$namespace"'), JOBS('cluster=~"$cluster",namespace=~"$namespace"')),
              legend: 'failed'
            }
          ],
          drill: { title: 'Job Processing', board: 'sluice-job-processing', from: {} }
        }),
        figure({
          title: 'Jobs that wait',
          description: 'The longest queue of all stages. Above 100 is an alert: workers are too few, too slow, or gone.',
          unit: 'short',
          thresholds: QUEUE,
          queries: [{ expr: 'max(sum by (stage) (queue_depth{cluster=~"$cluster",namespace=~"$namespace"}))', legend: 'longest queue' }],
          drill: { title: 'Job Processing', board: 'sluice-job-processing', from: {} }
        }),
        figure({
          title: 'GPU load',
          description: 'Mean share of the time in which the GPUs were busy. Above 90 % for long means that there are too few of them.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: GPU_BUSY,
          queries: [{ expr: `avg(${GPU_LOAD('cluster=~"$cluster",namespace=~"$namespace"')})`, legend: 'load' }],
          drill: { title: 'Model Performance', board: 'sluice-model-performance', from: {} }
        })
      )
    ),
    section(
      'API',
      line(
        8,
        graph({
          title: 'Requests by service',
          description: 'What each service answered.',
          unit: 'reqps',
          min: 0,
          stacked: true,
          queries: [{ expr: REQUESTS('service'), legend: '{{service}}' }]
        }),
        graph({
          title: 'Response time',
          description: 'Of all chosen services together. The points are traces that were kept: click one to see what took so long.',
          unit: 's',
          min: 0,
          thresholds: RESPONSE,
          queries: [0.5, 0.95, 0.99].map((q) => ({
            expr: quantile(q, 'http_request_duration_seconds', SPANS),
            legend: `p${q * 100}`,
            exemplars: true
          }))
        }),
        graph({
          title: 'Errors by service',
          description: 'Share of requests that were answered with 500 or above.',
          unit: 'percentunit',
          min: 0,
          thresholds: FAILURES,
          queries: [{ expr: share(FAILED_REQUESTS('service'), REQUESTS('service')), legend: '{{service}}' }],
          drill: { title: 'Error Rate', board: 'sluice-error-rate', from: { service: 'service' } }
        })
      )
    ),
    section(
      'Work',
      line(
        8,
        graph({
          title: 'Jobs by stage',
          description: 'Stages that ended, by the hour, as fast as they went at that moment.',
          unit: 'suffix: /h',
          min: 0,
          stacked: true,
          queries: [
            {
              expr: `3600 * ${perSecond('job_processing_duration_seconds_count', 'cluster=~"$cluster",namespace=~"$namespace"', 'stage')}`,
              legend: '{{stage}}'
            }
          ],
          drill: { title: 'Job Processing', board: 'sluice-job-processing', from: { stage: 'stage' } }
        }),
        graph({
          title: 'Jobs that wait, by stage',
          description: 'The stage whose queue grows is the one that is too slow.',
          unit: 'short',
          min: 0,
          thresholds: QUEUE,
          queries: [{ expr: 'sum by (stage) (queue_depth{cluster=~"$cluster",namespace=~"$namespace"})', legend: '{{stage}}' }],
          drill: { title: 'Job Processing', board: 'sluice-job-processing', from: { stage: 'stage' } }
        }),
        graph({
          title: 'Inference by model, p95',
          description: 'Above 10 s is an alert.',
          unit: 's',
          min: 0,
          thresholds: INFERENCE,
          queries: [
            {
              expr: quantile(0.95, 'model_inference_duration_seconds', 'cluster=~"$cluster",namespace=~"$namespace"', 'model'),
              legend: '{{model}}',
              exemplars: true
            }
          ],
          drill: { title: 'Model Performance', board: 'sluice-model-performance', from: { model: 'model' } }
        })
      )
    ),
    section(
      'GPUs and users',
      line(
        8,
        graph({
          title: 'GPU load',
          description: 'Share of the time in which a GPU was busy, as the driver measures it: the twenty busiest.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: GPU_BUSY,
          queries: [{ expr: highest(GPU_LOAD('cluster=~"$cluster",namespace=~"$namespace"')), legend: '{{instance}} {{hw_name}}' }]
        }),
        graph({
          title: 'GPU memory',
          description:
            'Share of the memory in use, of the twenty fullest. Frameworks take most of it at once, so a high value alone is no trouble.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [
            {
              expr: highest('hw_gpu_memory_utilization_ratio{cluster=~"$cluster",namespace=~"$namespace"}'),
              legend: '{{instance}} {{hw_name}}'
            }
          ]
        }),
        graph({
          title: 'Open WebSocket connections',
          description: 'Browsers that wait for news of their jobs. A cliff means that the backend was restarted or cut off.',
          unit: 'short',
          min: 0,
          queries: [{ expr: 'sum by (job) (active_websocket_connections{cluster=~"$cluster",namespace=~"$namespace"})', legend: '{{job}}' }]
        })
      )
    )
  ]
})
