import { dashboard, section } from './dashboard.ts'
import { bars, figure, graph, line, table } from './panel.ts'
import { inTheLast, perSecond } from './queries.ts'
import { CLUSTER, choice, NAMESPACE, price } from './variable.ts'

const USE = 'cluster=~"$cluster",namespace=~"$namespace",model=~"$model",stage=~"$stage",tier=~"$tier"'
const JOULES_PER_KWH = 3_600_000

/** Money per hour, at the pace of the moment: GPUs in use, times the price of one for an hour. */
const perHour = (...by: string[]): string => `${perSecond('gpu_seconds_total', USE, ...by)} * $gpu_price`
const spent = (...by: string[]): string => `${inTheLast('$__range', 'gpu_seconds_total', USE, ...by)} / 3600 * $gpu_price`
const energy = (...by: string[]): string => `${inTheLast('$__range', 'gpu_energy_joules_total', USE, ...by)} / ${JOULES_PER_KWH}`

const costBy = (label: string, what: string) =>
  graph({
    title: `Cost by ${label}`,
    description: what,
    unit: 'currencyUSD',
    min: 0,
    decimals: 2,
    stacked: true,
    queries: [{ expr: perHour(label), legend: `{{${label}}}` }]
  })

/** What the GPU time of each model, stage and tier costs. */
export const costTracking = dashboard({
  uid: 'sluice-cost-tracking',
  title: 'Cost Tracking',
  description:
    'GPU time and energy by model, stage and tier, in money at the prices above. GPU time is shared among the jobs that ran at once.',
  file: 'cost-tracking',
  from: 'now-24h',
  variables: [
    CLUSTER,
    NAMESPACE,
    choice('model', 'Model', 'gpu_seconds_total{cluster=~"$cluster",namespace=~"$namespace"}'),
    choice('stage', 'Stage', 'gpu_seconds_total{cluster=~"$cluster",namespace=~"$namespace"}'),
    choice('tier', 'Tier', 'gpu_seconds_total{cluster=~"$cluster",namespace=~"$namespace"}'),
    price('gpu_price', 'Price of a GPU hour', 2.49),
    price('energy_price', 'Price of a kWh', 0.15)
  ],
  sections: [
    section(
      'In the chosen time',
      line(
        4,
        figure({
          title: 'GPU time, in money',
          description: 'What the chosen work took of GPUs, at the price of a GPU hour.',
          unit: 'currencyUSD',
          decimals: 2,
          queries: [{ expr: spent(), legend: 'used' }]
        }),
        figure({
          title: 'Energy',
          description: 'What the chosen work took of energy, as the GPUs measured it.',
          unit: 'kwatth',
          decimals: 2,
          queries: [{ expr: energy(), legend: 'energy' }]
        }),
        figure({
          title: 'Energy, in money',
          description: 'At the price of a kWh; of the GPUs alone, without the machines around them.',
          unit: 'currencyUSD',
          decimals: 2,
          queries: [{ expr: `${energy()} * $energy_price`, legend: 'energy' }]
        }),
        figure({
          title: 'GPUs in use',
          description: 'Share of all GPUs that did some work that is known. The rest is paid for and idle.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: [
            [0, 'red'],
            [0.3, 'orange'],
            [0.6, 'green']
          ],
          queries: [
            {
              expr: `${perSecond('gpu_seconds_total', 'cluster=~"$cluster",namespace=~"$namespace"')} / count(count by (hw_id) (gpu_info{cluster=~"$cluster",namespace=~"$namespace",hw_parent=""}))`,
              legend: 'in use'
            }
          ]
        })
      )
    ),
    section(
      'Per hour',
      line(
        8,
        costBy('model', 'What an hour at this pace costs, by model.'),
        costBy('tier', 'What an hour at this pace costs, by what the user pays for.'),
        costBy('stage', 'What an hour at this pace costs, by stage.')
      ),
      line(
        8,
        graph({
          title: 'Paid for and used',
          description: 'All GPUs at their price, and what of it did work. The gap between the lines is what idles.',
          unit: 'currencyUSD',
          min: 0,
          decimals: 2,
          queries: [
            {
              expr: 'count(count by (hw_id) (gpu_info{cluster=~"$cluster",namespace=~"$namespace",hw_parent=""})) * $gpu_price',
              legend: 'paid for'
            },
            { expr: `${perSecond('gpu_seconds_total', 'cluster=~"$cluster",namespace=~"$namespace"')} * $gpu_price`, legend: 'used' }
          ]
        }),
        graph({
          title: 'Cost of a job',
          description: 'GPU time of a stage at its price, divided by the jobs of the stage.',
          unit: 'currencyUSD',
          min: 0,
          decimals: 4,
          queries: [
            {
              expr: `${perSecond('gpu_seconds_total', USE, 'stage')} / 3600 * $gpu_price / (${perSecond('job_processing_duration_seconds_count', 'cluster=~"$cluster",namespace=~"$namespace",stage=~"$stage"', 'stage')} > 0)`,
              legend: '{{stage}}'
            }
          ]
        }),
        graph({
          title: 'Cost of a minute of video',
          description:
            'GPU time of a tier at its price, divided by the minutes that were processed for it. Compare with what the tier pays.',
          unit: 'currencyUSD',
          min: 0,
          decimals: 4,
          queries: [
            {
              expr: `${perSecond('gpu_seconds_total', USE, 'tier')} / 3600 * $gpu_price / (${perSecond('processing_minutes_total', 'cluster=~"$cluster",namespace=~"$namespace",tier=~"$tier"', 'tier')} > 0)`,
              legend: '{{tier}}'
            }
          ]
        })
      )
    ),
    section(
      'Who used what',
      line(
        10,
        table({
          title: 'By model and tier',
          description: 'GPU time, its price, and energy, in the chosen time.',
          unit: 'none',
          decimals: 3,
          width: 14,
          columns: [
            { label: 'model', title: 'Model' },
            { label: 'tier', title: 'Tier' }
          ],
          values: ['Cost', 'GPU hours', 'kWh'],
          queries: [
            { expr: spent('model', 'tier'), legend: '' },
            { expr: `${inTheLast('$__range', 'gpu_seconds_total', USE, 'model', 'tier')} / 3600`, legend: '' },
            { expr: energy('model', 'tier'), legend: '' }
          ]
        }),
        bars({
          title: 'Energy of a job',
          description:
            'Energy of a stage in the chosen time, divided by its jobs. Rising with the same work: a model or a batch size has changed.',
          unit: 'joule',
          min: 0,
          width: 10,
          queries: [
            {
              expr: `sort_desc(${inTheLast('$__range', 'gpu_energy_joules_total', USE, 'stage')} / (${inTheLast('$__range', 'job_processing_duration_seconds_count', 'cluster=~"$cluster",namespace=~"$namespace",stage=~"$stage"', 'stage')} > 0))`,
              legend: '{{stage}}'
            }
          ]
        })
      )
    )
  ]
})
