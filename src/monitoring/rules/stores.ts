import { durationRecordings } from '../recordings.ts'
import { alertsOf, type Group, growth } from '../rule.ts'

const database = alertsOf('database')
const redis = alertsOf('redis')

const SERVICE = 'cluster, namespace, service, system'

/** More than half of what a service asks, and more than a few: one wrong query at night is nobody's outage. */
const failing = (system: string): string => {
  const failed = `sum by (${SERVICE}) (${growth(`db_query_duration_seconds_count{outcome="error",system${system}"redis"}`, '2m')})`
  const all = `sum by (${SERVICE}) (${growth(`db_query_duration_seconds_count{system${system}"redis"}`, '2m')})`
  return `(${failed} > 4.5) / ${all} > 0.5`
}

export const DATABASE_RULES: Group = {
  name: 'sluice-database',
  recordings: [
    ...durationRecordings([0.95], {
      level: 'service_system',
      record: 'db_query_duration_seconds',
      labels: ['cluster', 'namespace', 'service', 'system'],
      window: '5m',
      histogram: 'db_query_duration_seconds',
      of: 'the operations on a database end'
    }),
    {
      record: 'service_system:db_queries_slow:ratio5m',
      labels: ['cluster', 'namespace', 'service', 'system'],
      expr: [
        `1 - sum by (${SERVICE}) (rate(db_query_duration_seconds_bucket{le=~"1|1.0"}[5m]))`,
        `/ (sum by (${SERVICE}) (rate(db_query_duration_seconds_count[5m])) > 0)`
      ].join(' '),
      help: 'Share of the operations on a database that take more than 1 s.'
    }
  ],
  alerts: [
    database('critical', {
      alert: 'DatabaseDown',
      expr: 'max by (job, instance, cluster) (pg_up == 0)',
      for: '1m',
      summary: 'The database at {{ $labels.instance }} does not answer',
      description: 'Its exporter cannot connect to it.'
    }),
    database('critical', {
      alert: 'DatabaseConnectionFailing',
      expr: `${failing('!=')} or sum by (job, cluster, db_client_connection_pool_name) (rate(db_client_connection_timeouts_total[2m])) > 0.1`,
      for: '1m',
      summary:
        '{{ $labels.service }}{{ $labels.job }} cannot work with its database {{ $labels.system }}{{ $labels.db_client_connection_pool_name }}',
      description: 'More than half of its operations fail, and at least 5 in 2 minutes, or it waits in vain for a connection.'
    }),
    database('warning', {
      alert: 'DatabaseSlow',
      expr: 'service_system:db_query_duration_seconds:p95_5m{system!="redis"} > 1',
      for: '10m',
      summary: 'Queries of {{ $labels.service }} on {{ $labels.system }} take {{ $value | humanizeDuration }}',
      description: 'One query in twenty takes longer than that; those over 1 s are slow.'
    }),
    database('warning', {
      alert: 'DatabasePoolExhausted',
      expr: [
        'sum by (job, cluster, db_client_connection_pool_name) (db_client_connection_count{db_client_connection_state="used"})',
        '/ sum by (job, cluster, db_client_connection_pool_name) (db_client_connection_max) > 0.9'
      ].join(' '),
      for: '10m',
      summary: '{{ $labels.job }} uses {{ $value | humanizePercentage }} of the pool {{ $labels.db_client_connection_pool_name }}',
      description: 'When it is empty, requests wait for a connection.'
    }),
    database('warning', {
      alert: 'DatabaseRollbacksHigh',
      expr: [
        'sum by (job, instance, cluster, datname) (rate(pg_stat_database_xact_rollback[15m]))',
        '/ (sum by (job, instance, cluster, datname) (rate(pg_stat_database_xact_rollback[15m]) + rate(pg_stat_database_xact_commit[15m])) > 0) > 0.05'
      ].join(' '),
      for: '10m',
      summary: '{{ $value | humanizePercentage }} of the transactions on {{ $labels.datname }} are rolled back',
      description: 'More than one in twenty.'
    })
  ]
}

export const REDIS_RULES: Group = {
  name: 'sluice-redis',
  alerts: [
    redis('critical', {
      alert: 'RedisDown',
      expr: 'max by (job, instance, cluster) (redis_up == 0)',
      for: '1m',
      summary: 'Redis at {{ $labels.instance }} does not answer',
      description: 'Its exporter cannot connect to it. Jobs are neither taken nor given.'
    }),
    redis('critical', {
      alert: 'RedisConnectionFailing',
      expr: failing('='),
      for: '1m',
      summary: '{{ $labels.service }} cannot work with Redis',
      description: '{{ $value | humanizePercentage }} of its operations fail.'
    })
  ]
}
