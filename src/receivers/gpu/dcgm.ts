import { hostname } from 'node:os'
import type { Facts, GpuDevice, GpuSample } from '../../facts/facts.ts'
import { THROTTLE_REASONS } from '../../facts/gpu/fields.ts'
import type { Attributes, MetricName, Points } from './points.ts'

// The names and units of NVIDIA's dcgm-exporter (https://docs.nvidia.com/datacenter/dcgm/latest/dcgm-api/dcgm-api-field-ids.html), for dashboards
// that ask for them. All are gauges here: as counters they would get a suffix that those dashboards do not know.

interface Field {
  readonly metric: MetricName
  readonly read: (sample: GpuSample, device: GpuDevice) => number | undefined
}

function field(name: string, description: string, read: Field['read']): Field {
  return { metric: { name: `DCGM_FI_DEV_${name}`, kind: 'gauge', unit: '', description }, read }
}

const MIB = 1024 * 1024

const percent = (share: number | undefined): number | undefined => (share === undefined ? undefined : Math.round(share * 1e6) / 1e4)
const mebibytes = (bytes: number | undefined): number | undefined => (bytes === undefined ? undefined : bytes / MIB)
const megahertz = (hertz: number | undefined): number | undefined => (hertz === undefined ? undefined : hertz / 1e6)

function reasonBits({ throttleReasons }: GpuSample): number | undefined {
  if (throttleReasons === undefined) return undefined
  let bits = 0
  for (const { name, bit } of THROTTLE_REASONS) if (throttleReasons.includes(name)) bits |= bit
  return bits
}

function usedShare({ memoryUsedBytes: used, memoryReservedBytes: reserved = 0 }: GpuSample, { memoryTotalBytes: total }: GpuDevice) {
  return used === undefined || total === undefined || total <= reserved ? undefined : used / (total - reserved)
}

const FIELDS: readonly Field[] = [
  field('GPU_UTIL', 'GPU utilization (in %).', ({ utilization }) => percent(utilization)),
  field('MEM_COPY_UTIL', 'Memory utilization (in %).', ({ memoryUtilization }) => percent(memoryUtilization)),
  field('ENC_UTIL', 'Encoder utilization (in %).', ({ encoderUtilization }) => percent(encoderUtilization)),
  field('DEC_UTIL', 'Decoder utilization (in %).', ({ decoderUtilization }) => percent(decoderUtilization)),
  field('FB_TOTAL', 'Framebuffer memory in all (in MiB).', (_, { memoryTotalBytes }) => mebibytes(memoryTotalBytes)),
  field('FB_USED', 'Framebuffer memory used (in MiB).', ({ memoryUsedBytes }) => mebibytes(memoryUsedBytes)),
  field('FB_FREE', 'Framebuffer memory free (in MiB).', ({ memoryFreeBytes }) => mebibytes(memoryFreeBytes)),
  field('FB_RESERVED', 'Framebuffer memory reserved (in MiB).', ({ memoryReservedBytes }) => mebibytes(memoryReservedBytes)),
  field('FB_USED_PERCENT', 'Used share of the framebuffer memory that is not reserved (0 to 1).', usedShare),
  field('GPU_TEMP', 'GPU temperature (in C).', ({ temperature }) => temperature),
  field('MEMORY_TEMP', 'Memory temperature (in C).', ({ memoryTemperature }) => memoryTemperature),
  field('POWER_USAGE', 'Power draw (in W).', ({ powerWatts }) => powerWatts),
  field('ENFORCED_POWER_LIMIT', 'Power limit that is in force (in W).', ({ powerLimitWatts }) => powerLimitWatts),
  field('SM_CLOCK', 'SM clock frequency (in MHz).', ({ smClockHz }) => megahertz(smClockHz)),
  field('MEM_CLOCK', 'Memory clock frequency (in MHz).', ({ memoryClockHz }) => megahertz(memoryClockHz)),
  field('VIDEO_CLOCK', 'Video clock frequency (in MHz).', ({ more }) => megahertz(more.videoClockHz)),
  field('FAN_SPEED', 'Fan speed (in %).', ({ fanSpeed }) => percent(fanSpeed)),
  field('PSTATE', 'Performance state; 0 is the fastest.', ({ performanceState }) => performanceState),
  field('CLOCKS_EVENT_REASONS', 'Reasons of the current clocks, as bits.', reasonBits),
  field('CLOCK_THROTTLE_REASONS', 'The same under its older name.', reasonBits),
  field('POWER_USAGE_INSTANT', 'Power draw at the instant (in W).', ({ powerWatts }) => powerWatts),
  field('POWER_MGMT_LIMIT', 'Power limit that was asked for (in W).', ({ more }) => more.powerRequestedLimitWatts),
  field('SLOWDOWN_TEMP', 'Temperature at which the GPU slows down (in C).', ({ more }) => more.temperatureSlowdownLimit),
  field('SHUTDOWN_TEMP', 'Temperature at which the GPU shuts down (in C).', ({ more }) => more.temperatureShutdownLimit),
  field('ECC_SBE_VOL_TOTAL', 'Corrected memory errors since the driver was loaded.', ({ more }) => more.eccCorrectedVolatile),
  field('ECC_DBE_VOL_TOTAL', 'Uncorrected memory errors since the driver was loaded.', ({ more }) => more.eccUncorrectedVolatile),
  field('ECC_SBE_AGG_TOTAL', 'Corrected memory errors in the life of the GPU.', ({ more }) => more.eccCorrectedAggregate),
  field('ECC_DBE_AGG_TOTAL', 'Uncorrected memory errors in the life of the GPU.', ({ more }) => more.eccUncorrectedAggregate),
  field('RETIRED_SBE', 'Pages retired for single bit errors.', ({ more }) => more.retiredPagesSingleBit),
  field('RETIRED_DBE', 'Pages retired for double bit errors.', ({ more }) => more.retiredPagesDoubleBit),
  field('RETIRED_PENDING', '1 when pages are to be retired.', ({ more }) => more.retiredPagesPending),
  field('CORRECTABLE_REMAPPED_ROWS', 'Rows remapped for corrected errors.', ({ more }) => more.remappedRowsCorrectable),
  field('UNCORRECTABLE_REMAPPED_ROWS', 'Rows remapped for uncorrected errors.', ({ more }) => more.remappedRowsUncorrectable),
  field('ROW_REMAP_PENDING', '1 when rows are to be remapped.', ({ more }) => more.remappedRowsPending),
  field('ROW_REMAP_FAILURE', '1 when a row could not be remapped.', ({ more }) => more.remappedRowsFailure),
  field('PCIE_REPLAY_COUNTER', 'PCIe retries.', ({ more }) => more.pcieReplays),
  field('PCIE_LINK_GEN', 'Current generation of the PCIe link.', ({ more }) => more.pcieGeneration),
  field('PCIE_LINK_WIDTH', 'Current width of the PCIe link.', ({ more }) => more.pcieWidth)
]

const HOSTNAME = hostname()

/** Adds a GPU under DCGM's names and labels. The pod is named where the GPU has one user; `gpu.owner.info` names the users of a shared one. */
export function addDcgm(points: Points, facts: Facts, device: GpuDevice, sample: GpuSample): void {
  const owners = facts.gpu.owners(device.uuid)
  const only = owners.length === 1 ? owners[0] : undefined
  const whole = facts.gpu.devices().find(({ uuid }) => uuid === device.mig?.parent) ?? device
  const attributes: Attributes = {
    gpu: String(whole.index),
    UUID: whole.uuid,
    pci_bus_id: whole.pciBusId,
    device: `nvidia${whole.index}`,
    modelName: whole.model,
    Hostname: HOSTNAME,
    DCGM_FI_DRIVER_VERSION: whole.driverVersion,
    GPU_I_PROFILE: device.mig?.profile,
    GPU_I_ID: device.mig === undefined ? undefined : String(device.mig.gpuInstanceId),
    namespace: only?.namespace,
    pod: only?.pod,
    container: only?.container
  }
  for (const { metric, read } of FIELDS) points.add(metric, read(sample, device), sample.atMs, attributes)
}
