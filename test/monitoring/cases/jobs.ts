import { type Case, GATEWAY, inCluster, pair } from '../case.ts'

const JOBS = (outcome: string, part = 'count'): string =>
  `job_processing_duration_seconds_${part}{service="worker",stage="tts",outcome="${outcome}"}`
const CALLS = (outcome: string): string => `model_inference_duration_seconds_count{service="worker",model="xtts",outcome="${outcome}"}`
const BUCKET = (le: string): string => `model_inference_duration_seconds_bucket{service="worker",model="xtts",outcome="ok",le="${le}"}`
const KIND = (kind: string): string => `sluice_errors_grouped_total{job="sluice",instance="gw:9464",kind="${kind}"}`
const DISK = (what: string, fstype = 'ext4'): string =>
  `node_filesystem_${what}_bytes{job="node",instance="n",device="/dev/sda1",fstype="${fstype}",mountpoint="/"}`
const VOLUME = (what: string): string => `kubelet_volume_stats_${what}_bytes{namespace="dubbing",persistentvolumeclaim="models"}`
const TTS = { stage: 'tts' }
const XTTS = { model: 'xtts' }

export const JOB_CASES: readonly Case[] = [
  pair(
    'QueueDepthHigh',
    '5m..12m',
    { 'queue_depth{job="w",instance="1",stage="tts"}': '60x30', 'queue_depth{job="w",instance="2",stage="tts"}': '41x30' },
    TTS,
    {
      'queue_depth{job="w",instance="1",stage="tts"}': '60x30',
      'queue_depth{job="w",instance="2",stage="tts"}': '40x30',
      'queue_depth{job="w",instance="1",stage="stt"}': '99x30'
    }
  ),
  // Two clusters in one Prometheus: neither's jobs are the other's, waiting or done.
  pair(
    'QueueDepthHigh',
    '5m..12m',
    {
      'queue_depth{job="w",instance="1",stage="tts",cluster="a"}': '101x30',
      'queue_depth{job="w",instance="1",stage="tts",cluster="b"}': '9x30'
    },
    { ...TTS, cluster: 'a' },
    {
      'queue_depth{job="w",instance="1",stage="tts",cluster="a"}': '60x30',
      'queue_depth{job="w",instance="1",stage="tts",cluster="b"}': '60x30'
    }
  ),
  pair(
    'QueueNotDraining',
    '80m..95m',
    {
      [inCluster('a', GATEWAY)]: '1x120',
      [inCluster('b', GATEWAY)]: '1x120',
      'queue_depth{job="w",instance="1",stage="tts",cluster="a"}': '5x120',
      [inCluster('a', JOBS('ok'))]: '0+1x20 20x90',
      [inCluster('b', JOBS('ok'))]: '0+1x120'
    },
    { ...TTS, cluster: 'a' },
    {
      'queue_depth{job="w",instance="1",stage="tts",cluster="a"}': '5x120',
      [inCluster('a', GATEWAY)]: '1x120',
      [inCluster('a', JOBS('ok'))]: '0+1x120'
    }
  ),
  pair('QueueNotDraining', '80m..95m', { 'queue_depth{job="w",instance="1",stage="tts"}': '5x120', [JOBS('ok')]: '0+1x20 20x90' }, TTS, {
    'queue_depth{job="w",instance="1",stage="tts"}': '5x120',
    [JOBS('ok')]: '0+1x120'
  }),
  // One in fifteen; one in twenty-five.
  pair('JobFailures', '7m..50m', { [JOBS('ok')]: '0+14x60', [JOBS('error')]: '0+1x60' }, TTS, {
    [JOBS('ok')]: '0+24x60',
    [JOBS('error')]: '0+1x60'
  }),
  pair('JobFailuresCritical', '3m..50m', { [JOBS('ok')]: '0+88x60', [JOBS('error')]: '0+12x60' }, TTS, {
    [JOBS('ok')]: '0+92x60',
    [JOBS('error')]: '0+8x60'
  }),
  // The first failures of a stage; a single one among few.
  pair('JobFailuresCritical', '43m..45m', { [JOBS('ok')]: '0+1x60', [JOBS('error')]: '_x40 3+1x20' }, TTS, {
    [JOBS('ok')]: '0x60',
    [JOBS('error')]: '_x40 1x20'
  }),
  pair('JobsSlow', '1466m..1500m', { [JOBS('ok')]: '0+1x1440 1441+1x90', [JOBS('ok', 'sum')]: '0+10x1440 14430+30x90' }, TTS, {
    [JOBS('ok')]: '0+1x1440 1441+1x90',
    [JOBS('ok', 'sum')]: '0+10x1440 14419+19x90'
  }),
  // Two failures among few, and one.
  pair('JobFailures', '45m', { [JOBS('ok')]: '0+0.5x60', [JOBS('error')]: '_x40 2x20' }, TTS, {
    [JOBS('ok')]: '0+0.5x60',
    [JOBS('error')]: '_x40 1x20'
  }),
  pair('JobFailuresCritical', '42m', { [JOBS('ok')]: '0+0.2x60', [JOBS('error')]: '_x40 2x20' }, TTS, {
    [JOBS('ok')]: '0+0.2x60',
    [JOBS('error')]: '_x40 1x20'
  }),
  pair('ModelErrorRateHigh', '45m', { [CALLS('ok')]: '0+1x60', [CALLS('error')]: '_x40 2x20' }, XTTS, {
    [CALLS('ok')]: '0+1x60',
    [CALLS('error')]: '_x40 1x20'
  }),
  pair('InferenceSlow', '6m..15m', { [BUCKET('10')]: '0+9x30', [BUCKET('30')]: '0+10x30', [BUCKET('+Inf')]: '0+10x30' }, XTTS, {
    [BUCKET('10')]: '0+96x30',
    [BUCKET('30')]: '0+100x30',
    [BUCKET('+Inf')]: '0+100x30'
  }),
  pair('ModelErrorRateHigh', '7m..25m', { [CALLS('ok')]: '0+74x60', [CALLS('error')]: '0+1x60' }, XTTS, {
    [CALLS('ok')]: '0+124x60',
    [CALLS('error')]: '0+1x60'
  }),
  pair(
    'StorageErrors',
    '8m..20m',
    { [KIND('storage/s3')]: '0+1x30' },
    { kind: 'storage/s3' },
    {
      [KIND('storage/s3')]: '0x5 1x30',
      [KIND('database')]: '0+9x30'
    }
  ),
  pair(
    'DiskUsageHigh',
    '5m..10m',
    { [DISK('avail')]: '19x20', [DISK('size')]: '100x20', [VOLUME('available')]: '10x20', [VOLUME('capacity')]: '100x20' },
    [
      { job: 'node', instance: 'n', device: '/dev/sda1', mountpoint: '/' },
      { namespace: 'dubbing', persistentvolumeclaim: 'models' }
    ],
    {
      [VOLUME('available')]: '21x20',
      [VOLUME('capacity')]: '100x20',
      [DISK('avail')]: '21x20',
      [DISK('size')]: '100x20',
      [DISK('avail', 'tmpfs')]: '1x20',
      [DISK('size', 'tmpfs')]: '100x20'
    }
  )
]

const REQUESTS = 'http_requests_total{service="backend",method="GET",route="/",status="200"}'

export const BUSINESS_CASES: readonly Case[] = [
  pair(
    'ActivitySpike',
    '1473m..1490m',
    { [REQUESTS]: '0+60x1460 87600+600x60' },
    { service: 'backend' },
    {
      [REQUESTS]: '0+60x1460 87600+150x60'
    }
  ),
  pair(
    'ProjectSpike',
    '1450m..1500m',
    { 'projects_created_total{job="b",tier="pro"}': '0+0.1x1400 140+1x120' },
    {},
    {
      'projects_created_total{job="b",tier="pro"}': '0+1x1600'
    }
  ),
  // A sample in 20 minutes: eight days are 576.
  {
    interval: '20m',
    ...pair(
      'CancellationsHigh',
      '10140m..190h',
      { 'subscriptions_active{tier="pro"}': '100x600', 'subscription_cancellations_total{tier="pro"}': '0x200 15x400' },
      {},
      { 'subscriptions_active{tier="pro"}': '100x600', 'subscription_cancellations_total{tier="pro"}': '0x200 8x400' }
    )
  }
]
