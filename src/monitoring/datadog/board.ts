// A dashboard for `POST /api/v1/dashboard`: https://docs.datadoghq.com/api/latest/dashboards/#create-a-new-dashboard

type Graph = readonly [title: string, ...lines: (readonly [name: string, query: string])[]]

const SERVICE = '$service'

const GROUPS: readonly (readonly [title: string, ...graphs: Graph[]])[] = [
  [
    'Requests',
    ['Requests a second, by service', ['requests', `sum:http_requests_total{${SERVICE}} by {service}.as_rate()`]],
    ['Failed requests a second, by status', ['failed', `sum:http_requests_total{${SERVICE},status:5*} by {status}.as_rate()`]],
    [
      'Duration of requests in seconds',
      ['p50', `p50:http_request_duration_seconds{${SERVICE}}`],
      ['p95', `p95:http_request_duration_seconds{${SERVICE}}`],
      ['p99', `p99:http_request_duration_seconds{${SERVICE}}`]
    ],
    ['Duration of database calls in seconds, p95', ['p95', `p95:db_query_duration_seconds{${SERVICE}} by {system}`]],
    ['WebSocket connections', ['connections', 'sum:active_websocket_connections{*}']]
  ],
  [
    'Jobs and models',
    ['Jobs that wait, by stage', ['waiting', 'sum:queue_depth{*} by {stage}']],
    ['Jobs a minute, by stage', ['jobs', 'count:job_processing_duration_seconds{*} by {stage}.as_rate() * 60']],
    ['Failed jobs, by stage', ['failed', 'count:job_processing_duration_seconds{outcome:error} by {stage}.as_count()']],
    ['Duration of jobs in seconds, p95 by stage', ['p95', 'p95:job_processing_duration_seconds{*} by {stage}']],
    ['Duration of inference in seconds, p95 by model', ['p95', 'p95:model_inference_duration_seconds{*} by {model}']],
    ['Busy share of workers, by stage', ['busy', 'sum:worker_busy{*} by {stage} / sum:worker_count{*} by {stage}']]
  ],
  [
    'GPUs and cost',
    ['Utilization, by GPU', ['utilization', 'avg:hw.gpu.utilization{hw.gpu.task:general} by {hw.id}']],
    ['Used share of memory, by GPU', ['memory', 'max:hw.gpu.memory.utilization{*} by {hw.id}']],
    ['Power in watts, by GPU', ['power', 'avg:hw.power{hw.type:gpu} by {hw.id}']],
    ['Throttled, by reason', ['throttled', 'max:gpu.throttled{*} by {gpu.throttle.reason}']],
    ['GPU hours, by model', ['hours', 'sum:gpu_seconds_total{*} by {model}.as_count() / 3600']],
    ['GPU hours, by tier', ['hours', 'sum:gpu_seconds_total{*} by {tier}.as_count() / 3600']],
    ['Energy in kWh, by model', ['energy', 'sum:gpu_energy_joules_total{*} by {model}.as_count() / 3600000']]
  ],
  [
    'Sluice',
    ['Items a second, by outcome', ['items', 'sum:sluice.items.count{*} by {outcome}.as_rate()']],
    ['Full share of the queue', ['full', 'max:sluice.queue_bytes{*} by {pod_name} / max:sluice.queue_bytes_max{*} by {pod_name}']],
    ['Age of what waits longest in seconds', ['age', 'max:sluice.queue_oldest_seconds{*} by {pod_name}']],
    ['Failing exporters', ['failing', 'max:sluice.exporter_failing{*} by {pod_name,exporter}']],
    ['Pods that the injector was asked of, by result', ['pods', 'sum:sluice.inject_requests.count{*} by {result}.as_count()']]
  ]
]

/** One board with what the Grafana boards show first. */
export function datadogBoard(): object {
  return {
    title: 'Sluice: platform overview',
    description: 'Requests, jobs, models, GPUs and the gateways. Made from the same source as the Prometheus rules.',
    layout_type: 'ordered',
    template_variables: [{ name: 'service', prefix: 'service', available_values: [], defaults: ['*'] }],
    widgets: GROUPS.map(([title, ...graphs]) => ({
      definition: { type: 'group', layout_type: 'ordered', title, widgets: graphs.map(graphOf) }
    }))
  }
}

function graphOf([title, ...lines]: Graph): object {
  const requests = lines.map(([name, query]) => {
    const { queries, formula } = splitQuery(query)
    return {
      response_format: 'timeseries',
      display_type: 'line',
      queries: queries.map((part, i) => ({ data_source: 'metrics', name: `query${i + 1}`, query: part })),
      formulas: [{ formula, alias: name }]
    }
  })
  return { definition: { type: 'timeseries', title, show_legend: true, requests } }
}

// The API wants a query by itself, and what is reckoned with it as a formula of names.
function splitQuery(query: string): { queries: string[]; formula: string } {
  const queries: string[] = []
  const formula = query
    .split(/ ([*/]) /)
    .map((part) => (/^[*/]$|^\d+$/.test(part) ? part : `query${queries.push(part)}`))
    .join(' ')
  return { queries, formula }
}
