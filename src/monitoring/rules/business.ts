import { alertsOf, type Group } from '../rule.ts'

const business = alertsOf('business')

export const BUSINESS_RULES: Group = {
  name: 'sluice-business',
  alerts: [
    business('warning', {
      alert: 'ActivitySpike',
      expr: [
        'service:http_requests:rate5m > 3 * avg_over_time(service:http_requests:rate5m[1d] offset 10m) and service:http_requests:rate5m > 1',
        'and count_over_time(service:http_requests:rate5m[1d] offset 10m) > 60'
      ].join(' '),
      for: '10m',
      summary: '{{ $labels.service }} gets {{ $value | humanize }} requests a second',
      description: 'More than three times its mean of the last day. Somebody may abuse it.'
    }),
    business('warning', {
      alert: 'ProjectSpike',
      expr: [
        'sum by (cluster) (rate(projects_created_total[1h])) > 3 * sum by (cluster) (rate(projects_created_total[1d] offset 1h))',
        'and sum by (cluster) (increase(projects_created_total[1h])) > 20 and sum by (cluster) (projects_created_total offset 1d) >= 0'
      ].join(' '),
      for: '10m',
      summary: '{{ $value | humanize }} projects are created a second',
      description: 'More than three times the mean of the last day. Somebody may abuse it.'
    }),
    business('warning', {
      alert: 'CancellationsHigh',
      expr: 'sum by (cluster) (increase(subscription_cancellations_total[7d])) / (sum by (cluster) (avg_over_time(subscriptions_active[1h] offset 7d)) > 0) > 0.1',
      for: '1h',
      summary: '{{ $value | humanizePercentage }} of the subscriptions were cancelled within a week',
      description: 'Of those that ran a week ago; 10 % is the limit.'
    })
  ]
}
