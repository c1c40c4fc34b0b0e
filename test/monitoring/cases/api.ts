import { AT_GATEWAY, type Case, GATEWAY, inCluster, pair, type Series } from '../case.ts'

const REQUESTS = (status: number): string => `http_requests_total{service="backend",method="GET",route="/jobs",status="${status}"}`
const BUCKET = (le: string): string =>
  `http_request_duration_seconds_bucket{service="backend",method="GET",route="/jobs",status="200",le="${le}"}`
const ENDPOINT = { service: 'backend', method: 'GET', route: '/jobs' }
const ERRORS = (outcome: string): string => `sluice_errors_total{job="sluice",instance="gw:9464",outcome="${outcome}"}`
const REDIS = 'redis_up{job="redis",instance="redis:9121"}'
const GROUPS = 'sluice_errors_groups{job="sluice",instance="gw:9464"}'
const FORGOTTEN = 'sluice_errors_forgotten_total{job="sluice",instance="gw:9464",what="group"}'
const STARTED = 'process_start_time_seconds{job="sluice",instance="gw:9464"}'
const KIND = (kind: string): string => `sluice_errors_grouped_total{job="sluice",instance="gw:9464",kind="${kind}"}`

/** Of 100 requests a minute 90 take less than 1 s, and so many less than 2.5 s. */
const slow = (within: number): Series => ({
  [REQUESTS(200)]: '0+100x30',
  [BUCKET('1')]: '0+90x30',
  [BUCKET('2.5')]: `0+${within}x30`,
  [BUCKET('5')]: '0+100x30',
  [BUCKET('+Inf')]: '0+100x30'
})

const up = (namespace: string, nth: number): string => `up{job="api",namespace="${namespace}",instance="10.0.0.${nth}:80"}`

export const API_CASES: readonly Case[] = [
  pair(
    'ApiDown',
    '7m',
    { 'up{job="dubbing/api",instance="10.0.0.1:80"}': '1x5 0x9', 'probe_success{job="frontend",instance="https://x"}': '1x5 0x9' },
    [{ job: 'dubbing/api' }, { job: 'frontend', instance: 'https://x' }],
    { 'up{job="dubbing/api",instance="10.0.0.1:80"}': '1x5 0 1x9', 'up{job="somebody",instance="b"}': '0x20' }
  ),
  // One of two; one that another namespace has under the same name does not help.
  pair(
    'ApiDown',
    '7m',
    { [up('staging', 1)]: '1x5 0x9', [up('dubbing', 1)]: '1x20' },
    { job: 'api', namespace: 'staging' },
    {
      [up('dubbing', 1)]: '1x5 0x9',
      [up('dubbing', 2)]: '1x20'
    }
  ),
  pair(
    'ExpectedMetricMissing',
    '65m..72m',
    {
      'redis_up{job="redis",instance="r"}': '1x90',
      'up{job="api",instance="a"}': '1x4 stale',
      'up{job="frontend",instance="a"}': '1x4 stale',
      'pg_up{job="pg",instance="p"}': '1x4 stale',
      'pg_up{job="pg",instance="q"}': '1x4 stale'
    },
    [{ metric: 'up of the API' }, { metric: 'pg_up' }],
    {
      // Redis was never there: nobody misses it.
      'pg_up{job="pg",instance="p"}': '0x90',
      'probe_success{job="api",instance="a"}': '1x90'
    }
  ),
  // 1.2 %; 0.9 %, with what is the client's fault.
  pair('HighErrorRate', '6m..15m', { [REQUESTS(200)]: '0+988x30', [REQUESTS(500)]: '0+12x30' }, ENDPOINT, {
    [REQUESTS(200)]: '0+991x30',
    [REQUESTS(500)]: '0+9x30',
    [REQUESTS(404)]: '0+90x30'
  }),
  // 2.07 s; 1.94 s.
  pair('SlowPerformance', '6m..15m', slow(97), ENDPOINT, slow(98)),
  // Two requests are no endpoint.
  pair('SlowPerformance', '9m..15m', { ...slow(97), [REQUESTS(200)]: '0+3x30' }, ENDPOINT, { ...slow(97), [REQUESTS(200)]: '0+1x30' }),
  pair('HighErrorRate', '9m..15m', { [REQUESTS(200)]: '0+2x30', [REQUESTS(500)]: '0+1x30' }, ENDPOINT, {
    [REQUESTS(200)]: '0+1x30',
    [REQUESTS(500)]: '0+0.5x30'
  }),
  // A series that begins with its first error; one that has had errors for long.
  pair('ServerErrorSeen', '20m..21m', { [REQUESTS(200)]: '0+1x30', [REQUESTS(503)]: '_x20 1x9' }, ENDPOINT, {
    [REQUESTS(200)]: '0+1x30',
    [REQUESTS(503)]: '7x30'
  }),
  // The gateway has just come into sight, with all that it has counted before.
  pair('ServerErrorSeen', '20m..21m', { [REQUESTS(200)]: '0+1x30', [REQUESTS(503)]: '_x20 1x9' }, ENDPOINT, {
    [GATEWAY]: '_x20 1x9',
    [REQUESTS(503)]: '_x20 700x9'
  }),
  pair(
    'ErrorsPerMinuteHigh',
    '7m..12m',
    { [ERRORS('sent')]: '0+6x30', [ERRORS('limited')]: '0+6x30' },
    {},
    {
      [ERRORS('sent')]: '0+9x30',
      [ERRORS('duplicate')]: '0+100x30'
    }
  ),
  pair('NewErrorType', '71m..75m', { [STARTED]: '0x90', [GROUPS]: '3x70 4x20', [FORGOTTEN]: '0x90' }, AT_GATEWAY, {
    // The gateway has run for less than an hour: too many are new to it.
    [STARTED]: '1200x90',
    [GROUPS]: '3x70 4x20',
    [FORGOTTEN]: '0x90'
  }),
  // The exporter of one cluster of two.
  pair(
    'ExpectedMetricMissing',
    '66m..70m',
    { [inCluster('a', REDIS)]: '1x90', [inCluster('b', REDIS)]: '1x5 stale' },
    { cluster: 'b', metric: 'redis_up' },
    { [inCluster('a', REDIS)]: '1x90', [inCluster('b', REDIS)]: '1x5 _x40 1x90' }
  ),
  // Two clusters whose gateways have the same name.
  pair(
    'NewErrorType',
    '71m..75m',
    {
      ...Object.fromEntries(['a', 'b'].map((cluster) => [inCluster(cluster, STARTED), '0x90'])),
      ...Object.fromEntries(['a', 'b'].map((cluster) => [inCluster(cluster, FORGOTTEN), '0x90'])),
      [inCluster('a', GROUPS)]: '3x70 4x20',
      [inCluster('b', GROUPS)]: '7x90'
    },
    { ...AT_GATEWAY, cluster: 'a' },
    {
      ...Object.fromEntries(['a', 'b'].map((cluster) => [inCluster(cluster, STARTED), '0x90'])),
      ...Object.fromEntries(['a', 'b'].map((cluster) => [inCluster(cluster, FORGOTTEN), '0x90'])),
      [inCluster('a', GROUPS)]: '3x90',
      [inCluster('b', GROUPS)]: '4x90'
    }
  ),
  pair(
    'ErrorsUnresolved',
    '71m..80m',
    { [KIND('cuda')]: '0x10 1+1x90' },
    { kind: 'cuda' },
    {
      [KIND('cuda')]: '0x10 1+1x40 40x90'
    }
  )
]
