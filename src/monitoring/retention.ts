// How long logs are kept: 30 days, errors 90. Bodies of requests to Elasticsearch, OpenSearch and Datadog; docs/retention.md says which goes where.
//   https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-ilm-put-lifecycle
//   https://docs.opensearch.org/latest/im-plugin/ism/policies/
//   https://docs.datadoghq.com/api/latest/logs-indexes/#create-an-index

interface Kept {
  readonly name: 'logs' | 'errors'
  readonly days: number
  /** Data streams, as senders of OTLP logs name them. Those of errors are more particular, so their template comes first. */
  readonly streams: string
  readonly priority: number
}

const KEPT: readonly Kept[] = [
  { name: 'logs', days: 30, streams: 'logs-sluice.otel-*', priority: 250 },
  { name: 'errors', days: 90, streams: 'logs-sluice.errors.otel-*', priority: 260 }
]
const ERROR_STREAM = 'sluice.errors.otel'
/** OpenTelemetry's severity number of ERROR; FATAL is above. */
const SEVERITY_ERROR = 17
const IS_ERROR = `ctx.severity_number != null && ctx.severity_number >= ${SEVERITY_ERROR}`
// A day in one index, so that a day can go; an index goes when its youngest record is old enough.
const ROLLOVER = { max_age: '1d', max_primary_shard_size: '50gb' }
const PIPELINE = 'sluice-errors'

/** By path under config/monitoring/retention/. */
export function retentionFiles(): Map<string, string> {
  const files = new Map<string, string>()
  const add = (name: string, value: object): void => void files.set(name, `${JSON.stringify(value, null, 2)}\n`)
  for (const kept of KEPT) {
    add(`elasticsearch/lifecycle-${kept.name}.json`, lifecycle(kept))
    add(`elasticsearch/template-${kept.name}.json`, elasticTemplate(kept))
    add(`opensearch/policy-${kept.name}.json`, statePolicy(kept))
    add(`opensearch/template-${kept.name}.json`, openSearchTemplate(kept))
    add(`datadog/index-${kept.name}.json`, datadogIndex(kept))
  }
  add('elasticsearch/pipeline.json', {
    description: 'Puts errors into the data stream that is kept longer.',
    processors: [{ reroute: { if: IS_ERROR, dataset: ERROR_STREAM } }]
  })
  add('opensearch/pipeline.json', {
    description: 'Puts errors into the data stream that is kept longer.',
    processors: [{ set: { if: IS_ERROR, field: '_index', value: 'logs-sluice.errors.otel-default' } }]
  })
  // A log goes to the first index whose filter fits.
  add('datadog/order.json', { index_names: ['sluice-errors', 'sluice-logs'] })
  return files
}

function lifecycle({ days }: Kept): object {
  return {
    policy: {
      phases: {
        hot: { actions: { rollover: ROLLOVER } },
        delete: { min_age: `${days}d`, actions: { delete: {} } }
      }
    }
  }
}

function elasticTemplate({ name, streams, priority }: Kept): object {
  const settings = { 'index.lifecycle.name': `sluice-${name}`, ...(name === 'logs' && { 'index.default_pipeline': PIPELINE }) }
  return {
    index_patterns: [streams],
    data_stream: {},
    priority,
    composed_of: ['logs@mappings', 'logs@settings', 'otel@mappings', 'otel@settings', 'logs-otel@mappings'],
    ignore_missing_component_templates: ['logs@mappings', 'logs@settings', 'otel@mappings', 'otel@settings', 'logs-otel@mappings'],
    template: { settings }
  }
}

function statePolicy({ name, days, streams, priority }: Kept): object {
  return {
    policy: {
      description: `Logs of Sluice (${name}), kept for ${days} days.`,
      default_state: 'written',
      ism_template: [{ index_patterns: [streams], priority }],
      states: [
        {
          name: 'written',
          actions: [{ rollover: { min_index_age: ROLLOVER.max_age, min_primary_shard_size: ROLLOVER.max_primary_shard_size } }],
          transitions: [{ state_name: 'deleted', conditions: { min_rollover_age: `${days}d` } }]
        },
        { name: 'deleted', actions: [{ delete: {} }], transitions: [] }
      ]
    }
  }
}

function openSearchTemplate({ name, streams, priority }: Kept): object {
  return {
    index_patterns: [streams],
    data_stream: { timestamp_field: { name: '@timestamp' } },
    priority,
    template: { settings: name === 'logs' ? { 'index.default_pipeline': PIPELINE } : {} }
  }
}

function datadogIndex({ name, days }: Kept): object {
  return {
    name: `sluice-${name}`,
    filter: { query: name === 'errors' ? 'status:(error OR critical OR alert OR emergency)' : '*' },
    num_retention_days: days
  }
}
