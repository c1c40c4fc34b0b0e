import { dashboard, section } from './dashboard.ts'
import { CALLS, FAILED_CALLS, GPU_LOAD } from './measures.ts'
import { graph, heatmap, line, timeline } from './panel.ts'
import { GPUS, mean, perSecond, quantile, share } from './queries.ts'
import { FAILURES, GPU_BUSY, INFERENCE } from './thresholds.ts'
import { CLUSTER, choice, NAMESPACE } from './variable.ts'

const MODEL = 'cluster=~"$cluster",namespace=~"$namespace",model=~"$model"'
const DURATION = 'model_inference_duration_seconds'
const GPU = '{{instance}} {{hw_name}}'

const latency = (q: number, note: string) =>
  graph({
    title: `Latency, p${q * 100}`,
    description: `${note} The points are traces that were kept: each has the load, memory and energy of its GPU while it ran.`,
    unit: 's',
    min: 0,
    thresholds: INFERENCE,
    queries: [{ expr: quantile(q, DURATION, MODEL, 'model'), legend: '{{model}}', exemplars: true }]
  })

/** How quick and how sound each model is, and what the GPUs do meanwhile. */
export const modelPerformance = dashboard({
  uid: 'sluice-model-performance',
  title: 'Model Performance',
  description: 'Inference by model: latency, throughput and errors; and the GPUs it runs on: load, memory, power, health.',
  file: 'model-performance',
  from: 'now-3h',
  variables: [
    CLUSTER,
    NAMESPACE,
    choice('model', 'Model', 'model_inference_duration_seconds_count{cluster=~"$cluster",namespace=~"$namespace"}'),
    choice('instance', 'Node', 'gpu_info{cluster=~"$cluster",namespace=~"$namespace"}')
  ],
  sections: [
    section(
      'Models',
      line(
        8,
        latency(0.5, 'Half of all calls were faster.'),
        latency(0.95, 'Nineteen of twenty calls were faster. Above 10 s is an alert.'),
        latency(0.99, 'All but one in a hundred were faster.')
      ),
      line(
        8,
        graph({
          title: 'Calls',
          description: 'Inference calls that ended, by model.',
          unit: 'reqps',
          min: 0,
          queries: [{ expr: CALLS(MODEL, 'model'), legend: '{{model}}' }]
        }),
        graph({
          title: 'Errors',
          description: 'Share of calls that ended with an error. Above 1 % is an alert.',
          unit: 'percentunit',
          min: 0,
          thresholds: FAILURES,
          queries: [{ expr: share(FAILED_CALLS(MODEL, 'model'), CALLS(MODEL, 'model')), legend: '{{model}}' }],
          drill: { title: 'Error Rate', board: 'sluice-error-rate', from: { model: 'model' } }
        }),
        heatmap({
          title: 'All calls by duration',
          description: 'How many calls took how long, of the chosen models together.',
          unit: 's',
          queries: [{ expr: `sum by (le) (increase(${DURATION}_bucket{${MODEL}}[$__rate_interval]))`, legend: '{{le}}', exemplars: true }]
        })
      )
    ),
    section(
      'Models on GPUs',
      line(
        8,
        graph({
          title: 'GPUs that a model keeps busy',
          description:
            'GPU time that the calls of a model took, in GPUs. Calls that run at once on one GPU share it, so the sum is never more than there are.',
          unit: 'suffix: GPU',
          min: 0,
          decimals: 2,
          stacked: true,
          queries: [{ expr: perSecond('gpu_seconds_total', MODEL, 'model'), legend: '{{model}}' }],
          drill: { title: 'Cost Tracking', board: 'sluice-cost-tracking', from: { model: 'model' } }
        }),
        graph({
          title: 'Power while a model runs',
          description:
            'Energy of a model, divided by its GPU time. Far below the limit of the GPU: the model waits for something else than the GPU, or its batches are too small.',
          unit: 'watt',
          min: 0,
          queries: [
            {
              expr: `${perSecond('gpu_energy_joules_total', MODEL, 'model')} / (${perSecond('gpu_seconds_total', MODEL, 'model')} > 0)`,
              legend: '{{model}}'
            }
          ]
        }),
        graph({
          title: 'Mean batch',
          description:
            'Inputs that went through a model at once, as the workers tell it. Near 1 while jobs wait: larger batches would help.',
          unit: 'short',
          min: 0,
          queries: [{ expr: mean('model_batch_size', MODEL, 'model'), legend: '{{model}}' }]
        }),
        graph({
          title: 'Calls at once',
          description:
            'Time in calls, divided by GPU time: how many calls share a GPU. About 1 with a queue that grows: the GPU could do more at once.',
          unit: 'suffix: per GPU',
          min: 0,
          decimals: 2,
          queries: [
            {
              expr: `${perSecond(`${DURATION}_sum`, MODEL, 'model')} / (${perSecond('gpu_seconds_total', MODEL, 'model')} > 0)`,
              legend: '{{model}}'
            }
          ]
        })
      ),
      line(
        8,
        graph({
          title: 'GPU load by pod',
          description: 'Load of the GPUs that a pod may use. On a GPU that several pods share it is the whole GPU’s.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: GPU_BUSY,
          queries: [
            {
              expr: `avg by (k8s_namespace_name, k8s_pod_name) (max by (cluster, instance, hw_id) (${GPU_LOAD(GPUS)}) * on (cluster, instance, hw_id) group_right gpu_owner_info{${GPUS}})`,
              legend: '{{k8s_namespace_name}}/{{k8s_pod_name}}'
            }
          ]
        }),
        graph({
          title: 'GPU memory by pod',
          description: 'Memory of the processes of each pod; one series without a name is of processes whose pod is not known.',
          unit: 'bytes',
          min: 0,
          stacked: true,
          queries: [
            {
              expr: `sum by (k8s_namespace_name, k8s_pod_name) (gpu_container_memory_usage_bytes{${GPUS}})`,
              legend: '{{k8s_namespace_name}}/{{k8s_pod_name}}'
            }
          ]
        }),
        graph({
          title: 'Memory of each model',
          description:
            'GPU memory that a loaded model takes, as the workers tell it: the largest of all workers. Growing while nothing else changes: something leaks.',
          unit: 'bytes',
          min: 0,
          queries: [{ expr: `max by (model) (model_memory_bytes{${MODEL}})`, legend: '{{model}}' }]
        })
      )
    ),
    section(
      'GPUs',
      line(
        8,
        graph({
          title: 'Load',
          description:
            'Share of the time in which something ran. Above 90 % for long is an alert. It says nothing of how much of the GPU was used: see the power.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: GPU_BUSY,
          queries: [{ expr: GPU_LOAD(GPUS), legend: GPU }]
        }),
        graph({
          title: 'Memory',
          description:
            'Share of the memory in use. Frameworks take most of it at once; an error that says out of memory is an alert of its own.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          queries: [{ expr: `hw_gpu_memory_utilization_ratio{${GPUS}}`, legend: GPU }]
        }),
        graph({
          title: 'Power',
          description: 'What each GPU draws. At its limit it slows down.',
          unit: 'watt',
          min: 0,
          queries: [
            { expr: `hw_power_watts{${GPUS}}`, legend: GPU },
            { expr: `max by (instance) (gpu_power_limit_watts{${GPUS},gpu_limit_type="enforced"})`, legend: '{{instance}} limit' }
          ]
        })
      ),
      line(
        8,
        graph({
          title: 'Temperature',
          description: 'Limits differ between cards; newer ones tell the margin that is left until they slow down, in its own metric.',
          unit: 'celsius',
          queries: [{ expr: `hw_temperature_celsius{${GPUS},hw_sensor_location="gpu"}`, legend: GPU }]
        }),
        graph({
          title: 'Time slowed down',
          description:
            'Share of the time in which a reason held the clocks down. Power is common on busy cards; anything thermal means that cooling fails.',
          unit: 'percentunit',
          min: 0,
          queries: [
            {
              expr: `sum by (instance, hw_name, gpu_throttle_reason) (rate(gpu_throttled_time_seconds_total{${GPUS}}[$__rate_interval]))`,
              legend: `${GPU} {{gpu_throttle_reason}}`
            }
          ]
        }),
        timeline({
          title: 'What the driver asks for',
          description: 'The action that a GPU needs to recover. Anything but none: drain the node and do it.',
          unit: 'none',
          words: {
            0: ['none', 'green'],
            1: ['reset the GPU', 'red'],
            2: ['restart the node', 'red'],
            3: ['drain peer-to-peer', 'orange'],
            4: ['drain and reset', 'orange']
          },
          queries: [{ expr: `gpu_recovery_action{${GPUS}}`, legend: GPU }]
        })
      ),
      line(
        8,
        graph({
          title: 'Mean latency by service',
          description: 'The same model behind different services. Far apart: one of them waits outside of the model.',
          unit: 's',
          min: 0,
          queries: [{ expr: mean(DURATION, MODEL, 'model', 'service'), legend: '{{model}} in {{service}}' }]
        }),
        graph({
          title: 'Memory errors',
          description: 'Since the driver was loaded. Corrected ones are counted by the card; any uncorrected one is an alert.',
          unit: 'short',
          min: 0,
          queries: [
            {
              expr: `sum by (instance, hw_name, error_type) (increase(hw_errors_total{${GPUS}}[1h]))`,
              legend: `${GPU} {{error_type}}`
            }
          ]
        })
      )
    )
  ]
})
