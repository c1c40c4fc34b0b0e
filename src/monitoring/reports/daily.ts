import { CALLS, FAILED, GPU_HOURS, GPU_LOAD, gauge, JOBS, KWH, mean, quantile, share, total } from './measures.ts'
import type { ReportPlan } from './report.ts'

/** What was processed in a day, and how well. */
export const DAILY: ReportPlan = {
  period: 'day',
  title: 'Daily processing summary',
  parts: [
    {
      title: 'Processing',
      by: [],
      measures: [
        total('Videos processed', 'videos_processed_total'),
        total('Minutes of video processed', 'processing_minutes_total', 'minutes'),
        total('Projects created', 'projects_created_total'),
        total('Jobs ended', `${JOBS}_count`),
        share('Jobs failed', `${JOBS}_count`, FAILED),
        GPU_HOURS,
        KWH,
        GPU_LOAD
      ]
    },
    {
      title: 'Jobs by stage',
      by: ['stage'],
      measures: [
        total('Jobs', `${JOBS}_count`),
        share('Failed', `${JOBS}_count`, FAILED),
        mean('Mean time', JOBS),
        quantile('95 % within', 0.95, JOBS),
        gauge('Waiting, mean', 'avg', 'queue_depth'),
        gauge('Waiting, most', 'max', 'queue_depth'),
        {
          title: 'Workers busy',
          unit: 'share',
          expr: ({ of, window }) =>
            `avg_over_time((sum by (stage) (${of('worker_busy')}) / (sum by (stage) (${of('worker_count')}) > 0))[${window}:5m])`
        }
      ]
    },
    {
      title: 'Inference by model',
      by: ['model'],
      measures: [
        total('Calls', `${CALLS}_count`),
        share('Failed', `${CALLS}_count`, FAILED),
        quantile('50 % within', 0.5, CALLS),
        quantile('95 % within', 0.95, CALLS),
        quantile('99 % within', 0.99, CALLS),
        GPU_HOURS
      ]
    },
    {
      title: 'Requests by service',
      by: ['service'],
      measures: [
        total('Requests', 'http_requests_total'),
        share('Answered with 5xx', 'http_requests_total', 'status=~"5.."'),
        quantile('95 % within', 0.95, 'http_request_duration_seconds')
      ]
    },
    { title: 'Errors by kind', by: ['kind'], measures: [total('Errors', 'sluice_errors_grouped_total')] }
  ]
}
