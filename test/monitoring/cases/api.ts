import { AT_GATEWAY, type Case, pair } from '../case.ts'

const REQUESTS = (status: number): string => `http_requests_total{service="backend",method="GET",route="/jobs",status="${status}"}`
const BUCKET = (le: string): string =>
  `http_request_duration_seconds_bucket{service="backend",method="GET",route="/jobs",status="200",le="${le}"}`
const ENDPOINT = { service: 'backend', method: 'GET', route: '/jobs' }
const ERRORS = (outcome: string): string => `sluice_errors_total{job="sluice",instance="gw:9464",outcome="${outcome}"}`
const GROUPS = 'sluice_errors_groups{job="sluice",instance="gw:9464"}'
const FORGOTTEN = 'sluice_errors_forgotten_total{job="sluice",instance="gw:9464",what="group"}'
const STARTED = 'process_start_time_seconds{job="sluice",instance="gw:9464"}'
const KIND = (kind: string): string => `sluice_errors_grouped_total{job="sluice",instance="gw:9464",kind="${kind}"}`

export const API_CASES: readonly Case[] = [
  pair(
    'ApiDown',
    '7m',
    { 'up{job="dubbing/api",instance="10.0.0.1:80"}': '1x5 0x9', 'probe_success{job="frontend",instance="https://x"}': '1x5 0x9' },
    [
      { job: 'dubbing/api', instance: '10.0.0.1:80' },
      { job: 'frontend', instance: 'https://x' }
    ],
    { 'up{job="dubbing/api",instance="10.0.0.1:80"}': '1x5 0 1x9', 'up{job="somebody",instance="b"}': '0x20' }
  ),
  pair(
    'ExpectedMetricMissing',
    '62m',
    { 'redis_up{job="redis",instance="r"}': '1x90' },
    [{ metric: 'up of the API' }, { metric: 'pg_up' }],
    {
      'redis_up{job="redis",instance="r"}': '1x90',
      'pg_up{job="pg",instance="p"}': '0x90',
      'probe_success{job="api",instance="a"}': '1x90'
    }
  ),
  // 6 of 206 in a minute; 1 of 101.
  pair('HighErrorRate', '15m', { [REQUESTS(200)]: '0+200x30', [REQUESTS(500)]: '0+6x30' }, ENDPOINT, {
    [REQUESTS(200)]: '0+200x30',
    [REQUESTS(500)]: '0+1x30',
    [REQUESTS(404)]: '0+90x30'
  }),
  pair(
    'SlowPerformance',
    '15m',
    {
      [REQUESTS(200)]: '0+10x30',
      [BUCKET('1')]: '0+8x30',
      [BUCKET('2.5')]: '0+9x30',
      [BUCKET('5')]: '0+10x30',
      [BUCKET('+Inf')]: '0+10x30'
    },
    ENDPOINT,
    {
      [REQUESTS(200)]: '0+100x30',
      [BUCKET('1')]: '0+96x30',
      [BUCKET('2.5')]: '0+97x30',
      [BUCKET('5')]: '0+100x30',
      [BUCKET('+Inf')]: '0+100x30'
    }
  ),
  // A series that begins with its first error; one that has had errors for long.
  pair('ServerErrorSeen', '21m', { [REQUESTS(200)]: '0+1x30', [REQUESTS(503)]: '_x20 1x9' }, ENDPOINT, {
    [REQUESTS(200)]: '0+1x30',
    [REQUESTS(503)]: '7x30'
  }),
  pair(
    'ErrorsPerMinuteHigh',
    '12m',
    { [ERRORS('sent')]: '0+6x30', [ERRORS('limited')]: '0+6x30' },
    {},
    {
      [ERRORS('sent')]: '0+9x30',
      [ERRORS('duplicate')]: '0+100x30'
    }
  ),
  pair('NewErrorType', '75m', { [STARTED]: '0x90', [GROUPS]: '3x70 4x20', [FORGOTTEN]: '0x90' }, AT_GATEWAY, {
    // The gateway has just started: all are new to it.
    [STARTED]: '3600x90',
    [GROUPS]: '3x70 4x20',
    [FORGOTTEN]: '0x90'
  }),
  pair(
    'ErrorsUnresolved',
    '80m',
    { [KIND('cuda')]: '0x10 1+1x90' },
    { kind: 'cuda' },
    {
      [KIND('cuda')]: '0x10 1+1x40 40x90'
    }
  )
]
