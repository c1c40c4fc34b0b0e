import { total } from './measures.ts'
import type { Measure, ReportPlan } from './report.ts'

const users = (title: string, period: string, over: string): Measure => ({
  title,
  unit: 'count',
  // Replicas report the same number.
  expr: ({ of, window }) => `${over}_over_time((max(${of('active_users', `period="${period}"`)}))[${window}:1h])`
})

const RUNNING: Measure = {
  title: 'Subscriptions, at the end',
  unit: 'count',
  // They are counted by the backend, whose replicas report the same number, and which may just start again.
  expr: ({ of }, by) => {
    const each = `max by (tier) (last_over_time(${of('subscriptions_active')}[1h]))`
    return by.length === 0 ? `sum(${each})` : each
  }
}

/** Who used the platform in a month, for what, and whether they stayed. */
export const MONTHLY: ReportPlan = {
  period: 'month',
  title: 'Monthly user activity report',
  parts: [
    {
      title: 'Users',
      by: [],
      measures: [
        users('Active within a month, most', 'month', 'max'),
        users('Active within a week, mean', 'week', 'avg'),
        users('Active within a day, mean', 'day', 'avg'),
        users('Active within a day, most', 'day', 'max'),
        RUNNING,
        total('Subscriptions won', 'subscription_conversions_total'),
        total('Subscriptions ended', 'subscription_cancellations_total'),
        {
          title: 'Ended, of those at the beginning',
          unit: 'share',
          expr: ({ of, window, total }) =>
            `${total('subscription_cancellations_total', [])} / (sum(max by (tier) (last_over_time(${of('subscriptions_active')}[1h] offset ${window}))) > 0)`
        }
      ]
    },
    {
      title: 'What they did',
      by: [],
      measures: [
        total('Projects created', 'projects_created_total'),
        total('Videos processed', 'videos_processed_total'),
        total('Minutes of video processed', 'processing_minutes_total', 'minutes')
      ]
    },
    {
      title: 'By tier',
      by: ['tier'],
      measures: [
        RUNNING,
        total('Won', 'subscription_conversions_total'),
        total('Ended', 'subscription_cancellations_total'),
        total('Projects', 'projects_created_total'),
        total('Videos', 'videos_processed_total'),
        total('Minutes', 'processing_minutes_total', 'minutes')
      ]
    },
    { title: 'Requests by service', by: ['service'], measures: [total('Requests', 'http_requests_total')] },
    { title: 'Requests by endpoint', by: ['method', 'route'], measures: [total('Requests', 'http_requests_total')] }
  ]
}
