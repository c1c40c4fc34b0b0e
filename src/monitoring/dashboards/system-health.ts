import { DISKS } from '../rule.ts'
import { dashboard, section } from './dashboard.ts'
import { figure, graph, line, timeline } from './panel.ts'
import { mean, perSecond, quantile, SPANS, share } from './queries.ts'
import { DISK, FAILURES, UP, UP_OR_DOWN } from './thresholds.ts'
import { CLUSTER, choice, NAMESPACE } from './variable.ts'

const API = 'up{job=~"(.+/)?(api|backend|frontend)"}'
/** Nodes are in no namespace of the platform’s. */
const ALL_DISKS = `cluster=~"$cluster",${DISKS}`
const CONTAINER = 'cluster, namespace, pod, container'
const IN = 'cluster=~"$cluster",namespace=~"$namespace"'
const DATABASE = 'db_query_duration_seconds'

const pool = (metric: string, more = ''): string => `sum by (job, db_client_connection_pool_name) (${metric}{${IN}${more}})`

/** What the platform stands on: is it there, and does it have room. */
export const systemHealth = dashboard({
  uid: 'sluice-system-health',
  title: 'System Health',
  description: 'What the platform stands on: the API, the database, Redis, storage, WebSockets, disks and memory.',
  file: 'system-health',
  from: 'now-6h',
  variables: [CLUSTER, NAMESPACE, choice('service', 'Service', 'http_requests_total{cluster=~"$cluster",namespace=~"$namespace"}')],
  sections: [
    section(
      'Up or down',
      line(
        4,
        figure({
          title: 'API',
          description: 'Whether Prometheus reaches every target of the API. Down for a minute wakes somebody.',
          unit: 'none',
          words: UP_OR_DOWN,
          thresholds: UP,
          queries: [{ expr: `min(max by (namespace, job) (${API}))`, legend: 'API' }]
        }),
        figure({
          title: 'API uptime',
          description: 'How much of the chosen time the API was up, the worst target.',
          unit: 'percentunit',
          decimals: 3,
          max: 1,
          thresholds: [
            [0, 'red'],
            [0.99, 'orange'],
            [0.999, 'green']
          ],
          queries: [{ expr: `min(avg_over_time(${API}[$__range]))`, legend: 'up' }]
        }),
        figure({
          title: 'Database',
          description: 'Whether the database answers its exporter.',
          unit: 'none',
          words: UP_OR_DOWN,
          thresholds: UP,
          queries: [{ expr: `min(pg_up{${IN}})`, legend: 'database' }]
        }),
        figure({
          title: 'Redis',
          description: 'Whether Redis answers its exporter. Without it no jobs are handed out.',
          unit: 'none',
          words: UP_OR_DOWN,
          thresholds: UP,
          queries: [{ expr: `min(redis_up{${IN}})`, legend: 'Redis' }]
        }),
        figure({
          title: 'Storage',
          description: 'Whether a probe reaches the storage service; the probe’s job is called storage.',
          unit: 'none',
          words: UP_OR_DOWN,
          thresholds: UP,
          queries: [{ expr: 'min(probe_success{job=~"(.+/)?storage"})', legend: 'storage' }]
        }),
        figure({
          title: 'WebSockets',
          description: 'Open connections.',
          unit: 'short',
          queries: [{ expr: `sum(active_websocket_connections{${IN}})`, legend: 'open' }]
        })
      ),
      line(
        6,
        timeline({
          title: 'When',
          description: 'When each of them was up.',
          unit: 'none',
          words: UP_OR_DOWN,
          queries: [
            { expr: `min by (job) (${API})`, legend: '{{job}}' },
            { expr: `min(pg_up{${IN}})`, legend: 'database' },
            { expr: `min(redis_up{${IN}})`, legend: 'Redis' },
            { expr: 'min(probe_success{job=~"(.+/)?storage"})', legend: 'storage' }
          ]
        })
      )
    ),
    section(
      'Database',
      line(
        8,
        graph({
          title: 'Query time',
          description: 'As the services saw it, with the way there and back.',
          unit: 's',
          min: 0,
          thresholds: [[1, 'orange']],
          queries: [
            { expr: quantile(0.5, DATABASE, SPANS), legend: 'p50', exemplars: true },
            { expr: quantile(0.95, DATABASE, SPANS), legend: 'p95', exemplars: true },
            { expr: quantile(0.99, DATABASE, SPANS), legend: 'p99', exemplars: true }
          ]
        }),
        graph({
          title: 'Slow queries',
          description: 'Share of queries that took more than a second.',
          unit: 'percentunit',
          min: 0,
          queries: [
            {
              expr: `1 - ${perSecond(`${DATABASE}_bucket`, `${SPANS},le=~"1|1.0"`, 'service')} / (${perSecond(`${DATABASE}_count`, SPANS, 'service')} > 0)`,
              legend: '{{service}}'
            }
          ]
        }),
        graph({
          title: 'Connections in use',
          description: 'Share of each pool. Full, with queries that are not slow: the pool is too small, or connections leak.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: DISK,
          queries: [
            {
              expr: `${pool('db_client_connection_count', ',db_client_connection_state="used"')} / (${pool('db_client_connection_max')} > 0)`,
              legend: '{{job}} {{db_client_connection_pool_name}}'
            }
          ]
        })
      ),
      line(
        8,
        graph({
          title: 'Mean query time by operation',
          description: 'What got slower: reading or writing.',
          unit: 's',
          min: 0,
          queries: [{ expr: mean(DATABASE, SPANS, 'system', 'operation'), legend: '{{system}} {{operation}}' }]
        }),
        graph({
          title: 'Rolled back',
          description: 'Share of transactions that were undone.',
          unit: 'percentunit',
          min: 0,
          queries: [
            {
              expr: share(
                perSecond('pg_stat_database_xact_rollback', IN, 'datname'),
                `(${perSecond('pg_stat_database_xact_rollback', IN, 'datname')} + ${perSecond('pg_stat_database_xact_commit', IN, 'datname')})`
              ),
              legend: '{{datname}}'
            }
          ]
        }),
        graph({
          title: 'Waits for a connection that failed',
          description: 'Requests that found the pool empty for too long.',
          unit: 'ops',
          min: 0,
          queries: [
            {
              expr: perSecond('db_client_connection_timeouts_total', IN, 'db_client_connection_pool_name'),
              legend: '{{db_client_connection_pool_name}}'
            }
          ]
        })
      )
    ),
    section(
      'Around it',
      line(
        8,
        graph({
          title: 'Calls to others, errors',
          description: 'Share of HTTP requests to storage and other services that were answered with 500 or above.',
          unit: 'percentunit',
          min: 0,
          thresholds: FAILURES,
          queries: [
            {
              expr: share(
                perSecond('http_outbound_request_duration_seconds_count', `${SPANS},status=~"5.."`, 'server'),
                perSecond('http_outbound_request_duration_seconds_count', SPANS, 'server')
              ),
              legend: '{{server}}'
            }
          ]
        }),
        graph({
          title: 'Calls to others, p95',
          description: 'How long storage and other services take to answer.',
          unit: 's',
          min: 0,
          queries: [
            { expr: quantile(0.95, 'http_outbound_request_duration_seconds', SPANS, 'server'), legend: '{{server}}', exemplars: true }
          ]
        }),
        graph({
          title: 'Queue operations, p95',
          description: 'How long it takes to send and receive messages: what Redis or another broker is like from the services.',
          unit: 's',
          min: 0,
          queries: [
            {
              expr: quantile(0.95, 'queue_operation_duration_seconds', `${SPANS},operation!="process"`, 'system', 'operation'),
              legend: '{{system}} {{operation}}'
            }
          ]
        })
      ),
      line(
        8,
        graph({
          title: 'WebSockets, errors and reconnections',
          description: 'Connections that failed, and that browsers made again. Both at once: a proxy or the backend drops them.',
          unit: 'ops',
          min: 0,
          queries: [
            { expr: perSecond('websocket_errors_total', IN, 'reason'), legend: 'failed: {{reason}}' },
            { expr: perSecond('websocket_reconnects_total', IN), legend: 'made again' }
          ]
        }),
        graph({
          title: 'WebSockets, latency',
          description: 'From when a message is ready to when the browser has it.',
          unit: 's',
          min: 0,
          queries: [0.5, 0.95, 0.99].map((q) => ({
            expr: quantile(q, 'websocket_message_duration_seconds', IN),
            legend: `p${q * 100}`
          }))
        }),
        graph({
          title: 'Remote procedure calls, p95',
          description: 'Answered by a service (server) and made by it (client).',
          unit: 's',
          min: 0,
          queries: [
            {
              expr: quantile(0.95, 'rpc_call_duration_seconds', SPANS, 'kind', 'rpc_service'),
              legend: '{{rpc_service}}, {{kind}}',
              exemplars: true
            }
          ]
        })
      )
    ),
    section(
      'Room',
      line(
        8,
        graph({
          title: 'Disks',
          description: 'Used share of each file system of the nodes. Above 80 % is an alert.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: DISK,
          queries: [
            {
              expr: `1 - node_filesystem_avail_bytes{${ALL_DISKS}} / (node_filesystem_size_bytes{${ALL_DISKS}} > 0)`,
              legend: '{{instance}} {{mountpoint}}'
            }
          ]
        }),
        graph({
          title: 'Volumes',
          description: 'Used share of each volume. Above 80 % is an alert.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: DISK,
          queries: [
            {
              expr: `1 - kubelet_volume_stats_available_bytes{${IN}} / (kubelet_volume_stats_capacity_bytes{${IN}} > 0)`,
              legend: '{{namespace}}/{{persistentvolumeclaim}}'
            }
          ]
        }),
        graph({
          title: 'Memory of containers',
          description: 'Share of its limit that a container takes. At 100 % it is killed.',
          unit: 'percentunit',
          min: 0,
          max: 1,
          thresholds: [[0.9, 'orange']],
          queries: [
            {
              expr: `sum by (${CONTAINER}) (container_memory_working_set_bytes{${IN},container!=""}) / (sum by (${CONTAINER}) (kube_pod_container_resource_limits{${IN},resource="memory"}) > 0)`,
              legend: '{{pod}} {{container}}'
            }
          ]
        })
      )
    )
  ]
})
