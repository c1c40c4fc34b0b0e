import { AT_GATEWAY, type Case, GATEWAY, pair } from '../case.ts'

const UUID = 'GPU-5fd4f087-86f3-7a43-b711-4771313afc50'
const SERIES = `job="sluice",instance="node-a",hw_id="${UUID}",hw_model="NVIDIA H100",hw_name="nvidia0",gpu_index="0"`
const of = (name: string, labels = ''): string => `${name}{${SERIES}${labels === '' ? '' : `,${labels}`}}`
const second = (name: string): string => of(name).replace(UUID, 'GPU-2').replace('gpu_index="0"', 'gpu_index="1"')
const GPU = { instance: 'node-a', hw_id: UUID, hw_model: 'NVIDIA H100', gpu_index: '0' }

const own = (name: string, labels = ''): string => `${name}{job="sluice",instance="gw:9464"${labels === '' ? '' : `,${labels}`}}`
const KIND = (kind: string): string => own('sluice_errors_grouped_total', `kind="${kind}"`)
const XID = (code: number): string => own('sluice_gpu_xid_total', `code="${code}",gpu="${UUID}"`)
const XID_79 = { ...AT_GATEWAY, code: '79', gpu: UUID }
const STATE = (state: string): string => own('sluice_gpu_state', `source="nvidia-smi",state="${state}"`)
const BUSY = of('hw_gpu_utilization_ratio', 'hw_gpu_task="general"')
const THROTTLED = (reason: string): string => of('gpu_throttled', `gpu_throttle_reason="${reason}"`)
const THROTTLED_TIME = (reason: string): string => of('gpu_throttled_time_seconds_total', `gpu_throttle_reason="${reason}"`)
const LANES = (type: string): string => of('gpu_pcie_link_width', `gpu_limit_type="${type}"`)
const OWNER = of('gpu_owner_info', 'k8s_namespace_name="dubbing",k8s_pod_name="w-1",k8s_container_name="worker"')

/** A flag of a GPU that is up, and one that is not. */
const flag = (alert: string, at: string, name: string, labels = ''): Case =>
  pair(alert, at, { [of(name, labels)]: '0x5 1x60' }, GPU, { [of(name, labels)]: '0x5 0x60' })

const throttling = (alert: string, at: string, reason: string, other: string): Case =>
  // The time tells too, where looks at the flag are between two of its moments: 8 s of each minute, and 5 s.
  pair(alert, at, { [THROTTLED(reason)]: '0x120', [THROTTLED_TIME(reason)]: '0+8x120' }, GPU, {
    [THROTTLED(reason)]: '0x120',
    [THROTTLED_TIME(reason)]: '0+5x120',
    [THROTTLED(other)]: '1x120'
  })

export const GPU_CASES: readonly Case[] = [
  // The very first one; those of the machine's memory.
  pair('GpuOutOfMemory', '21m', { [KIND('out-of-memory/device')]: '0x20 1x20' }, AT_GATEWAY, {
    [KIND('out-of-memory/device')]: '2x60',
    [KIND('out-of-memory/host')]: '0x20 1x20'
  }),
  // A pod whose program fails as it begins, before the first scrape.
  pair(
    'GpuOutOfMemory',
    '20m..31m',
    { [KIND('out-of-memory/device').replace('gw:', 'new:')]: '_x20 1x20' },
    { job: 'sluice', instance: 'new:9464' },
    {
      [KIND('out-of-memory/device').replace('gw:', 'new:')]: '_x20 1x20'
    }
  ),
  // The same code again, when the node has been restarted for it.
  pair('GpuXidCritical', '40m..59m', { [XID(79)]: '_x4 1x4 stale _x30 1x30', [GATEWAY]: '1x8 stale _x3 1x60' }, XID_79, {
    [XID(79)]: '_x4 1x4 stale _x30 1x30',
    [GATEWAY]: '1x8 stale _x3 1x60'
  }),
  pair('GpuUtilizationHigh', '10m..20m', { [BUSY]: '0.95x40' }, GPU, {
    [BUSY]: '0.89x40',
    [of('hw_gpu_utilization_ratio', 'hw_gpu_task="encoder"')]: '1x40'
  }),
  pair('GpuMemoryNearlyFull', '10m..15m', { [of('hw_gpu_memory_utilization_ratio')]: '0.97x30' }, GPU, {
    [of('hw_gpu_memory_utilization_ratio')]: '0.94x30'
  }),
  // The first message makes the series; a program's fault is none of the GPU's; what was told long ago is old.
  pair('GpuXidCritical', '20m..21m', { [XID(79)]: '_x20 1x20' }, XID_79, { [XID(13)]: '_x20 1x20', [XID(48)]: '2x40' }),
  pair(
    'GpuXidWarning',
    '16m..21m',
    { [XID(94)]: '1x15 2x20' },
    { ...AT_GATEWAY, code: '94', gpu: UUID },
    { [XID(31)]: '_x20 1x20', [XID(94)]: '2x40' }
  ),
  pair(
    'KernelLogUnreadable',
    '16m..40m',
    { [own('sluice_kernel_log_failures_total', 'reason="EPERM"')]: '0+4x60' },
    { ...AT_GATEWAY, reason: 'EPERM' },
    {
      [own('sluice_kernel_log_failures_total', 'reason="EPERM"')]: '0+4x5 20x60'
    }
  ),
  flag('GpuLost', '7m..8m', 'hw_status', 'hw_state="failed"'),
  pair(
    'GpuFewerThanBefore',
    '76m..80m',
    { [of('gpu_info')]: '1x120', [second('gpu_info')]: '1x60 _x60' },
    { instance: 'node-a' },
    {
      [of('gpu_info')]: '1x120',
      // Instances of a GPU come and go with its partitioning.
      [`gpu_info{job="sluice",instance="node-a",hw_id="MIG-1",hw_parent="${UUID}"}`]: '1x60 _x60'
    }
  ),
  flag('GpuRecoveryActionNeeded', '7m..8m', 'gpu_recovery_action'),
  flag('GpuRecoveryActionNeeded', '7m..8m', 'gpu_reset_required'),
  flag('GpuRecoveryActionNeeded', '7m..8m', 'gpu_drain_and_reset_recommended'),
  pair('GpuUncorrectedEcc', '0m..1m', { [of('hw_errors_total', 'error_type="uncorrected"')]: '3x5' }, GPU, {
    [of('hw_errors_total', 'error_type="uncorrected"')]: '0x5',
    [of('hw_errors_total', 'error_type="corrected"')]: '0+9x5'
  }),
  flag('GpuRowRemapFailed', '6m..7m', 'gpu_remapped_rows_failure'),
  flag('GpuMemoryBeyondRepair', '6m..7m', 'gpu_ecc_sram_threshold_exceeded'),
  flag('GpuMemoryBeyondRepair', '6m..7m', 'gpu_ecc_unrepairable_memory'),
  flag('GpuMemoryRepairPending', '11m..12m', 'gpu_remapped_rows_pending'),
  flag('GpuMemoryRepairPending', '11m..12m', 'gpu_retired_pages_pending'),
  flag('GpuMemoryRepairPending', '11m..12m', 'gpu_ecc_channel_repair_pending'),
  flag('GpuMemoryRepairPending', '11m..12m', 'gpu_ecc_tpc_repair_pending'),
  throttling('GpuThermalSlowdown', '9m..15m', 'hw_thermal_slowdown', 'sw_thermal_slowdown'),
  throttling('GpuSoftwareThermalSlowdown', '34m..40m', 'sw_thermal_slowdown', 'hw_thermal_slowdown'),
  pair('GpuTemperatureHigh', '5m..10m', { [of('gpu_temperature_margin_celsius')]: '-2x20' }, GPU, {
    [of('gpu_temperature_margin_celsius')]: '0x20'
  }),
  pair(
    'GpuTemperatureHigh',
    '5m..10m',
    {
      [of('hw_temperature_celsius', 'hw_sensor_location="gpu"').replace(UUID, 'G/gpu')]: '93x20',
      [of('hw_temperature_limit_celsius', 'hw_sensor_location="gpu",hw_limit_type="high.degraded"').replace(UUID, 'G/gpu')]: '92x20'
    },
    { ...GPU, hw_id: 'G/gpu' },
    {
      [of('hw_temperature_celsius', 'hw_sensor_location="gpu"').replace(UUID, 'G/gpu')]: '91x20',
      [of('hw_temperature_limit_celsius', 'hw_sensor_location="gpu",hw_limit_type="high.degraded"').replace(UUID, 'G/gpu')]: '92x20',
      [of('hw_temperature_limit_celsius', 'hw_sensor_location="gpu",hw_limit_type="high.operating"').replace(UUID, 'G/gpu')]: '85x20'
    }
  ),
  throttling('GpuPowerBrake', '9m..15m', 'hw_power_brake_slowdown', 'sw_power_cap'),
  throttling('GpuPowerCapped', '64m..70m', 'sw_power_cap', 'hw_power_brake_slowdown'),
  pair('GpuNvlinkDown', '41m..45m', { [of('gpu_nvlink_links')]: '18x30 16x30' }, GPU, { [of('gpu_nvlink_links')]: '18x60' }),
  pair('GpuPcieDegraded', '30m..40m', { [LANES('current')]: '8x60', [LANES('max')]: '16x60' }, GPU, {
    [LANES('current')]: '16x60',
    [LANES('max')]: '16x60'
  }),
  pair('GpuRequestedButIdle', '60m..125m', { [BUSY]: '0.04x150', [OWNER]: '1x150' }, GPU, {
    // Given to the pod half an hour ago.
    [BUSY]: '0.01x150',
    [OWNER]: '_x95 1x55'
  }),
  pair('GpuRequestedButIdle', '60m..125m', { [BUSY]: '0.04x150', [OWNER]: '1x150' }, GPU, { [BUSY]: '0.04x110 0.06x40', [OWNER]: '1x150' }),
  pair('GpuSmiHung', '7m..8m', { [STATE('ok')]: '1x4 0x20', [STATE('hung')]: '0x4 1x20' }, AT_GATEWAY, {
    [STATE('ok')]: '0x4 1x20',
    [STATE('hung')]: '1x4 0x20'
  }),
  pair(
    'GpuSmiFailing',
    '15m..16m',
    { [STATE('version mismatch')]: '0x4 1x20' },
    { ...AT_GATEWAY, source: 'nvidia-smi', state: 'version mismatch' },
    {
      // A node without GPUs is no fault.
      [STATE('no binary')]: '1x30',
      [STATE('failed')]: '1x4 0x30'
    }
  ),
  pair('GpuSamplesStale', '8m..12m', { [own('sluice_gpu_sample_age_seconds')]: '5x4 130x20' }, AT_GATEWAY, {
    [own('sluice_gpu_sample_age_seconds')]: '110x20'
  }),
  pair(
    'GpuSmiSlow',
    '11m..25m',
    {
      [own('sluice_gpu_poll_duration_seconds_total', 'kind="fast"')]: '0+24x40',
      [own('sluice_gpu_polls_total', 'kind="fast",outcome="ok"')]: '0+4x40'
    },
    AT_GATEWAY,
    {
      [own('sluice_gpu_poll_duration_seconds_total', 'kind="fast"')]: '0+16x40',
      [own('sluice_gpu_polls_total', 'kind="fast",outcome="ok"')]: '0+4x40'
    }
  ),
  pair('GpuMetricsMissing', '10m..15m', { [STATE('ok')]: '1x30' }, {}, { [STATE('ok')]: '1x30', [of('gpu_info')]: '1x30' })
]
