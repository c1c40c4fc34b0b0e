import { type Case, pair } from '../case.ts'

const QUERIES = (system: string, outcome: string): string =>
  `db_query_duration_seconds_count{service="backend",system="${system}",operation="SELECT",outcome="${outcome}"}`
const BUCKET = (le: string): string =>
  `db_query_duration_seconds_bucket{service="backend",system="postgresql",operation="SELECT",outcome="ok",le="${le}"}`
const POOL = (state: string): string =>
  `db_client_connection_count{job="backend",instance="b",db_client_connection_pool_name="main",db_client_connection_state="${state}"}`
const POOL_MAX = 'db_client_connection_max{job="backend",instance="b",db_client_connection_pool_name="main"}'
const TIMEOUTS = 'db_client_connection_timeouts_total{job="backend",instance="b",db_client_connection_pool_name="main"}'
const ENDED = (how: string): string => `pg_stat_database_xact_${how}{job="pg",instance="p",datname="dubbing"}`

export const STORE_CASES: readonly Case[] = [
  pair(
    'DatabaseDown',
    '7m',
    { 'pg_up{job="pg",instance="p"}': '1x5 0x9' },
    { job: 'pg', instance: 'p' },
    {
      'pg_up{job="pg",instance="p"}': '1x5 0 1x9'
    }
  ),
  pair(
    'DatabaseConnectionFailing',
    '3m..12m',
    { [QUERIES('postgresql', 'ok')]: '_ 0+4x30', [QUERIES('postgresql', 'error')]: '_ 0+6x30', [TIMEOUTS]: '0+7x30' },
    [
      { service: 'backend', system: 'postgresql' },
      { job: 'backend', db_client_connection_pool_name: 'main' }
    ],
    // Failing Redis is another alert's.
    {
      [QUERIES('postgresql', 'ok')]: '0+6x30',
      [QUERIES('postgresql', 'error')]: '0+4x30',
      [QUERIES('redis', 'error')]: '0+9x30',
      [TIMEOUTS]: '0+5x30'
    }
  ),
  pair(
    'DatabaseSlow',
    '11m..20m',
    { [BUCKET('1')]: '0+94x30', [BUCKET('5')]: '0+100x30', [BUCKET('+Inf')]: '0+100x30' },
    { service: 'backend', system: 'postgresql' },
    {
      [BUCKET('0.5')]: '0+94x30',
      [BUCKET('1')]: '0+96x30',
      [BUCKET('5')]: '0+100x30',
      [BUCKET('+Inf')]: '0+100x30'
    }
  ),
  pair(
    'DatabasePoolExhausted',
    '10m..15m',
    { [POOL('used')]: '19x30', [POOL('idle')]: '1x30', [POOL_MAX]: '20x30' },
    { job: 'backend', db_client_connection_pool_name: 'main' },
    {
      [POOL('used')]: '17x30',
      [POOL('idle')]: '3x30',
      [POOL_MAX]: '20x30'
    }
  ),
  pair(
    'DatabaseRollbacksHigh',
    '11m..30m',
    { [ENDED('commit')]: '0+94x60', [ENDED('rollback')]: '0+6x60' },
    { job: 'pg', instance: 'p', datname: 'dubbing' },
    {
      [ENDED('commit')]: '0+96x60',
      [ENDED('rollback')]: '0+4x60'
    }
  ),
  pair(
    'RedisDown',
    '7m',
    { 'redis_up{job="redis",instance="r"}': '1x5 0x9' },
    { job: 'redis', instance: 'r' },
    {
      'redis_up{job="redis",instance="r"}': '1x5 0 1x9'
    }
  ),
  // Two wrong queries a minute, with none that is right, are a quiet night.
  pair(
    'DatabaseConnectionFailing',
    '3m..12m',
    { [QUERIES('mysql', 'error')]: '0+3x30' },
    { service: 'backend', system: 'mysql' },
    {
      [QUERIES('mysql', 'error')]: '0+2x30'
    }
  ),
  pair(
    'RedisConnectionFailing',
    '11m..30m',
    { [QUERIES('redis', 'error')]: '_x10 9x9' },
    { service: 'backend', system: 'redis' },
    {
      [QUERIES('redis', 'error')]: '0x10 1x30'
    }
  ),
  pair(
    'RedisConnectionFailing',
    '2m..12m',
    { [QUERIES('redis', 'ok')]: '0+4x30', [QUERIES('redis', 'error')]: '0+6x30' },
    { service: 'backend', system: 'redis' },
    {
      [QUERIES('redis', 'ok')]: '0+6x30',
      [QUERIES('redis', 'error')]: '0+4x30',
      [QUERIES('postgresql', 'error')]: '0+90x30'
    }
  )
]
