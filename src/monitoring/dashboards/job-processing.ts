import { dashboard, section } from './dashboard.ts'
import { FAILED_JOBS, JOBS } from './measures.ts'
import { bars, figure, graph, heatmap, line } from './panel.ts'
import { inTheLast, mean, quantile, share } from './queries.ts'
import { GPU_BUSY, JOB_FAILURES, QUEUE, TWICE } from './thresholds.ts'
import { CLUSTER, choice, NAMESPACE } from './variable.ts'

const STAGE = 'cluster=~"$cluster",namespace=~"$namespace",stage=~"$stage"'
const DURATION = 'job_processing_duration_seconds'

/** What each stage gets done, how long it takes, what waits for it. */
export const jobProcessing = dashboard({
  uid: 'sluice-job-processing',
  title: 'Job Processing',
  description: 'Jobs by stage: how many, how long, how many fail, how many wait, and how busy the workers are.',
  file: 'job-processing',
  from: 'now-6h',
  variables: [
    CLUSTER,
    NAMESPACE,
    choice('stage', 'Stage', 'job_processing_duration_seconds_count{cluster=~"$cluster",namespace=~"$namespace"}')
  ],
  sections: [
    section(
      'Now',
      line(
        4,
        figure({
          title: 'Jobs in the last hour',
          description: 'Stages of jobs that ended in the last hour, in whatever way.',
          unit: 'short',
          decimals: 0,
          queries: [{ expr: inTheLast('1h', `${DURATION}_count`, STAGE), legend: 'jobs' }]
        }),
        figure({
          title: 'Failed jobs',
          description: 'Share of stages that ended with an error. Above 5 % is a warning, above 10 % wakes somebody.',
          unit: 'percentunit',
          decimals: 2,
          min: 0,
          thresholds: JOB_FAILURES,
          queries: [{ expr: share(FAILED_JOBS(STAGE), JOBS(STAGE)), legend: 'failed' }]
        }),
        figure({
          title: 'Longest queue',
          description: 'Above 100 is an alert.',
          unit: 'short',
          thresholds: QUEUE,
          queries: [{ expr: `max(sum by (stage) (queue_depth{${STAGE}}))`, legend: 'jobs that wait' }]
        }),
        figure({
          title: 'Busy workers',
          description:
            'Share of the workers that have a job. Near 100 % with a growing queue: more workers are needed. Low with a queue: look at what holds them up.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [{ expr: `sum(worker_busy{${STAGE}}) / (sum(worker_count{${STAGE}}) > 0)`, legend: 'busy' }]
        })
      )
    ),
    section(
      'By stage',
      line(
        8,
        graph({
          title: 'Jobs per hour',
          description: 'Stages that ended, by the hour, as fast as they went at that moment.',
          unit: 'suffix: /h',
          min: 0,
          queries: [{ expr: `3600 * ${JOBS(STAGE, 'stage')}`, legend: '{{stage}}' }]
        }),
        graph({
          title: 'Mean processing time',
          description: 'From when a worker takes a job to the end of its stage.',
          unit: 's',
          min: 0,
          queries: [{ expr: mean(DURATION, STAGE, 'stage'), legend: '{{stage}}' }]
        }),
        graph({
          title: 'Failed jobs',
          description:
            'Share of the jobs of each stage that ended with an error. Above 5 % is a warning, above 10 % wakes somebody. Runbook: JobFailures.',
          unit: 'percentunit',
          min: 0,
          thresholds: JOB_FAILURES,
          queries: [{ expr: share(FAILED_JOBS(STAGE, 'stage'), JOBS(STAGE, 'stage')), legend: '{{stage}}' }],
          drill: { title: 'Error Rate', board: 'sluice-error-rate', from: { stage: 'stage' } }
        })
      ),
      line(
        8,
        graph({
          title: 'Jobs that wait',
          description: 'As the platform counts them, all queues of a stage together.',
          unit: 'short',
          min: 0,
          thresholds: QUEUE,
          queries: [{ expr: `sum by (stage) (queue_depth{${STAGE}})`, legend: '{{stage}}' }]
        }),
        graph({
          title: 'Time until the queue is empty',
          description:
            'What waits, divided by what is done in a second, if nothing new came. Growing without end: the stage does not keep up.',
          unit: 's',
          min: 0,
          queries: [{ expr: `sum by (stage) (queue_depth{${STAGE}}) / (${JOBS(STAGE, 'stage')} > 0)`, legend: '{{stage}}' }]
        }),
        graph({
          title: 'Busy workers',
          description: 'Share of the workers of each stage that have a job.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: GPU_BUSY,
          queries: [{ expr: `sum by (stage) (worker_busy{${STAGE}}) / (sum by (stage) (worker_count{${STAGE}}) > 0)`, legend: '{{stage}}' }]
        })
      )
    ),
    section(
      'How long',
      line(
        8,
        graph({
          title: 'Processing time, p95',
          description: 'Nineteen of twenty jobs of a stage took less. The points are traces that were kept.',
          unit: 's',
          min: 0,
          queries: [{ expr: quantile(0.95, DURATION, STAGE, 'stage'), legend: '{{stage}}', exemplars: true }]
        }),
        graph({
          title: 'Against the mean of a day',
          description: 'How many times as long as in the last 24 hours. Above 2 is an alert.',
          unit: 'suffix: ×',
          min: 0,
          decimals: 2,
          thresholds: TWICE,
          queries: [
            {
              expr: `(${mean(DURATION, STAGE, 'stage')}) / (sum by (stage) (increase(${DURATION}_sum{${STAGE}}[1d])) / (sum by (stage) (increase(${DURATION}_count{${STAGE}}[1d])) > 0) > 0)`,
              legend: '{{stage}}'
            }
          ]
        }),
        heatmap({
          title: 'All jobs by duration',
          description: 'How many jobs took how long. Two bands mean two kinds of jobs, or a stage that sometimes waits for something.',
          unit: 's',
          queries: [{ expr: `sum by (le) (increase(${DURATION}_bucket{${STAGE}}[$__rate_interval]))`, legend: '{{le}}', exemplars: true }]
        })
      ),
      line(
        6,
        bars({
          title: 'Work in the last hour',
          description: 'Time of workers that each stage took, all jobs together: where one more worker helps most.',
          unit: 'dtdurations',
          min: 0,
          queries: [{ expr: `sort_desc(${inTheLast('1h', `${DURATION}_sum`, STAGE, 'stage')})`, legend: '{{stage}}' }]
        }),
        bars({
          title: 'Failed in the last hour',
          description: 'Jobs that ended with an error, by stage and service.',
          unit: 'short',
          decimals: 0,
          min: 0,
          thresholds: [[1, 'orange']],
          queries: [
            {
              expr: `sort_desc(${inTheLast('1h', `${DURATION}_count`, `${STAGE},outcome="error"`, 'stage', 'service')})`,
              legend: '{{stage}} of {{service}}'
            }
          ]
        })
      )
    )
  ]
})
