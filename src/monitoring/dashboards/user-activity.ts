import { dashboard, section } from './dashboard.ts'
import { figure, graph, line } from './panel.ts'
import { inTheLast, perSecond } from './queries.ts'
import { CANCELLATIONS } from './thresholds.ts'
import { CLUSTER, choice, NAMESPACE } from './variable.ts'

const IN = 'cluster=~"$cluster",namespace=~"$namespace"'
const TIER = `${IN},tier=~"$tier"`

/** What one scrape finds on average in the last hour, against that of the last day. A metric that is younger than a day is compared with all there is of it. */
const asUsual = (metric: string, selector: string): string =>
  `${perScrape('1h', metric, selector)} / (${perScrape('1d', metric, selector)} > 0)`
const perScrape = (window: string, metric: string, selector: string): string =>
  `(sum(increase(${metric}{${selector}}[${window}])) / sum(count_over_time(${metric}{${selector}}[${window}])))`

/** Who uses the platform, for what, and whether they stay. */
export const userActivity = dashboard({
  uid: 'sluice-user-activity',
  title: 'User Activity',
  description: 'Users, projects, videos and minutes by tier, subscriptions won and lost. The numbers come from the platform’s own metrics.',
  file: 'user-activity',
  from: 'now-7d',
  variables: [CLUSTER, NAMESPACE, choice('tier', 'Tier', 'processing_minutes_total{cluster=~"$cluster",namespace=~"$namespace"}')],
  sections: [
    section(
      'Now',
      line(
        4,
        figure({
          title: 'Active users',
          description:
            'Who did something in the last day, week and month, as the platform counts them. Replicas that report the same number are taken once.',
          unit: 'short',
          width: 10,
          queries: [{ expr: `max by (period) (active_users{${IN}})`, legend: '{{period}}' }]
        }),
        figure({
          title: 'Projects today',
          description: 'Created in the last 24 hours.',
          unit: 'short',
          decimals: 0,
          queries: [{ expr: inTheLast('1d', 'projects_created_total', TIER), legend: 'projects' }]
        }),
        figure({
          title: 'Videos today',
          description: 'Dubbed in the last 24 hours.',
          unit: 'short',
          decimals: 0,
          queries: [{ expr: inTheLast('1d', 'videos_processed_total', TIER), legend: 'videos' }]
        })
      )
    ),
    section(
      'Activity',
      line(
        8,
        graph({
          title: 'Active users',
          description: 'The month only moves slowly; the day shows what happens.',
          unit: 'short',
          min: 0,
          queries: [{ expr: `max by (period) (active_users{${IN}})`, legend: '{{period}}' }]
        }),
        graph({
          title: 'Projects created per day',
          description: 'In the 24 hours before each moment, by tier.',
          unit: 'short',
          min: 0,
          stacked: true,
          queries: [{ expr: inTheLast('1d', 'projects_created_total', TIER, 'tier'), legend: '{{tier}}' }]
        }),
        graph({
          title: 'Videos processed per day',
          description: 'In the 24 hours before each moment, by tier.',
          unit: 'short',
          min: 0,
          stacked: true,
          queries: [{ expr: inTheLast('1d', 'videos_processed_total', TIER, 'tier'), legend: '{{tier}}' }]
        })
      ),
      line(
        8,
        graph({
          title: 'Minutes processed, by tier',
          description: 'Minutes of video in an hour, as fast as they went at that moment.',
          unit: 'suffix: min/h',
          min: 0,
          stacked: true,
          queries: [{ expr: `3600 * ${perSecond('processing_minutes_total', TIER, 'tier')}`, legend: '{{tier}}' }],
          drill: { title: 'Cost Tracking', board: 'sluice-cost-tracking', from: { tier: 'tier' } }
        }),
        graph({
          title: 'Compared with usual',
          description: 'The last hour against the mean of the last day. Above 3 is an alert: somebody may abuse the platform.',
          unit: 'suffix: ×',
          min: 0,
          decimals: 2,
          thresholds: [[3, 'orange']],
          queries: [
            { expr: asUsual('projects_created_total', TIER), legend: 'projects' },
            { expr: asUsual('videos_processed_total', TIER), legend: 'videos' },
            { expr: asUsual('http_requests_total', IN), legend: 'requests' }
          ]
        }),
        graph({
          title: 'Requests by endpoint',
          description: 'What users do: the ten endpoints that are called most.',
          unit: 'reqps',
          min: 0,
          queries: [{ expr: `topk(10, ${perSecond('http_requests_total', IN, 'method', 'route')})`, legend: '{{method}} {{route}}' }]
        })
      )
    ),
    section(
      'Subscriptions',
      line(
        8,
        graph({
          title: 'Running',
          description: 'Subscriptions that run, by tier.',
          unit: 'short',
          min: 0,
          stacked: true,
          queries: [{ expr: `max by (tier) (subscriptions_active{${TIER}})`, legend: '{{tier}}' }]
        }),
        graph({
          title: 'Conversions per day',
          description: 'Users that became subscribers in the 24 hours before each moment.',
          unit: 'short',
          min: 0,
          stacked: true,
          queries: [{ expr: inTheLast('1d', 'subscription_conversions_total', TIER, 'tier'), legend: '{{tier}}' }]
        }),
        graph({
          title: 'Cancelled within a week',
          description: 'Share of the subscriptions, by tier. Above 10 % is an alert.',
          unit: 'percentunit',
          min: 0,
          thresholds: CANCELLATIONS,
          queries: [
            {
              expr: `${inTheLast('7d', 'subscription_cancellations_total', TIER, 'tier')} / (max by (tier) (subscriptions_active{${TIER}}) > 0)`,
              legend: '{{tier}}'
            }
          ]
        })
      )
    )
  ]
})
