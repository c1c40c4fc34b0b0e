import type { GpuDevice, GpuSample } from '../../facts/facts.ts'
import type { MetricKind, MetricName } from './points.ts'

/** One series of a metric per GPU, and how its value is read from a look at it; a value that is not there makes no point. */
export interface Row extends MetricName {
  readonly attributes: Readonly<Record<string, string>>
  /** The part of the GPU that is measured, where the conventions see a thing of its own: it gets an id of its own, and the GPU as parent. */
  readonly sensor: string | undefined
  readonly read: (sample: GpuSample, device: GpuDevice) => number | undefined
}

// The properties of a sample that are numbers.
type Property = {
  [Key in keyof GpuSample]-?: GpuSample[Key] extends number | undefined ? Key : never
}[keyof GpuSample]

interface Details {
  readonly attributes?: Readonly<Record<string, string>>
  readonly sensor?: string
  readonly kind?: MetricKind
}

/** A row for what facts give under a name: a property of the sample, or one of the names in `more`. */
function row(name: string, unit: string, source: Property | { readonly more: string }, description: string, details: Details = {}): Row {
  const read = typeof source === 'string' ? (sample: GpuSample) => sample[source] : (sample: GpuSample) => sample.more[source.more]
  const { kind = 'gauge', attributes = {}, sensor } = details
  return { name, kind, unit, description, attributes, sensor, read }
}

function computed(
  name: string,
  unit: string,
  kind: MetricKind,
  description: string,
  read: Row['read'],
  attributes: Row['attributes'] = {}
): Row {
  return { name, kind, unit, description, attributes, sensor: undefined, read }
}

// By whether the driver wants something done.
function status(wantsAction: boolean, state: string): Row {
  const read: Row['read'] = ({ more }) => isAction(more.recoveryAction, wantsAction)
  return { ...STATUS, attributes: { ...TYPE, 'hw.state': state }, sensor: undefined, read }
}

function isAction(action: number | undefined, wanted: boolean): number | undefined {
  return action === undefined ? undefined : Number((action !== 0) === wanted)
}

export const TYPE = { 'hw.type': 'gpu' }
const UTILIZATION = 'Share of the time in which the GPU was busy with a task, over the last moment that the driver looks at.'
const TEMPERATURE = 'Temperature.'
const TEMPERATURE_LIMIT = 'Temperature at which something is done about it.'
const POWER = 'Power that is drawn.'
const POWER_LIMIT = 'Power that the GPU may draw: as enforced, as asked for, and what may be asked for.'
const CLOCK = 'Frequency at which a part of the GPU runs.'
const CLOCK_LIMIT = 'Frequency at which a part of the GPU can run at most.'
const ERRORS = 'Memory errors since the driver was loaded.'
const LIFETIME_ERRORS = 'Memory errors in the life of the GPU.'
const RETIRED = 'Memory pages taken out of use.'
const REMAPPED = 'Memory rows replaced by spare ones.'
const BANKS = 'Memory banks by how many spare rows they have left.'
/** Failed is the state of a GPU that is lost, which has no sample that could be read. */
export const STATUS: MetricName = {
  name: 'hw.status',
  kind: 'total',
  unit: '1',
  description:
    '1 for the state that the GPU is in, 0 for the others: degraded while the driver names an action that it needs to recover, failed when it is lost.'
}
const LINK_GENERATION = 'Generation of the PCIe link: the current one, and the most that both ends can.'
const LINK_WIDTH = 'Lanes of the PCIe link: the current ones, and the most that both ends can.'
const THROUGHPUT = 'What goes over PCIe, at the moment of the look.'
const THROTTLED = 'Time for which a reason has held the clocks down.'

const more = (name: string): { readonly more: string } => ({ more: name })
const task = (name: string): Details => ({ attributes: { 'hw.gpu.task': name } })
const limit = (type: string): Details => ({ attributes: { 'hw.limit_type': type } })
const clock = (domain: string): Details => ({ attributes: { 'gpu.clock.domain': domain } })
const reason = (name: string): Details => ({ attributes: { 'gpu.throttle.reason': name }, kind: 'counter' })
const errors = (type: string, memory?: string): Details => ({
  attributes: { ...TYPE, 'error.type': type, ...(memory === undefined ? {} : { 'gpu.memory.kind': memory }) },
  kind: 'counter'
})
const corrected = { attributes: { 'error.type': 'corrected' } }
const uncorrected = { attributes: { 'error.type': 'uncorrected' } }
const total = { kind: 'total' } as const

/**
 * All that is shown of a GPU. Names that begin with `hw.` are OpenTelemetry's (https://opentelemetry.io/docs/specs/semconv/hardware/gpu/),
 * those that begin with `gpu.` are ours, where there are none. Units in braces are for people; flags are 0 or 1 and have none.
 */
export const ROWS: readonly Row[] = [
  row('hw.gpu.utilization', '1', 'utilization', UTILIZATION, task('general')),
  row('hw.gpu.utilization', '1', 'encoderUtilization', UTILIZATION, task('encoder')),
  row('hw.gpu.utilization', '1', 'decoderUtilization', UTILIZATION, task('decoder')),
  row('hw.gpu.utilization', '1', more('jpegUtilization'), UTILIZATION, task('jpeg')),
  row('hw.gpu.utilization', '1', more('opticalFlowUtilization'), UTILIZATION, task('optical_flow')),
  row('gpu.memory.bandwidth.utilization', '1', 'memoryUtilization', 'Share of the time in which memory was read or written.'),
  row('gpu.encoder.sessions', '{session}', more('encoderSessions'), 'Sessions of the video encoder.', total),
  row('gpu.encoder.frames', '{frame}/s', more('encoderFramesPerSecond'), 'Frames that the video encoder makes, as a mean of its sessions.'),
  row('gpu.encoder.latency', 's', more('encoderLatencySeconds'), 'Latency of the video encoder, as a mean of its sessions.'),

  row('hw.gpu.memory.usage', 'By', 'memoryUsedBytes', 'Memory in use, without what the driver keeps for itself.', total),
  computed('hw.gpu.memory.limit', 'By', 'total', 'Size of the memory.', (_, device) => device.memoryTotalBytes),
  computed(
    'hw.gpu.memory.utilization',
    '1',
    'gauge',
    'Used part of the memory.',
    ({ memoryUsedBytes: used }, { memoryTotalBytes: size }) => (used === undefined || !size ? undefined : used / size)
  ),
  row('gpu.memory.reserved', 'By', 'memoryReservedBytes', 'Memory that the driver keeps for itself.', total),
  row('gpu.memory.free', 'By', 'memoryFreeBytes', 'Memory that is free.', total),
  row('gpu.bar1.usage', 'By', more('bar1UsedBytes'), 'Used part of the window through which the machine sees the memory.', total),
  row('gpu.bar1.limit', 'By', more('bar1TotalBytes'), 'Size of the window through which the machine sees the memory.', total),

  row('hw.temperature', 'Cel', 'temperature', TEMPERATURE, { sensor: 'gpu' }),
  row('hw.temperature', 'Cel', 'memoryTemperature', TEMPERATURE, { sensor: 'memory' }),
  row('hw.temperature.limit', 'Cel', more('temperatureOperatingLimit'), TEMPERATURE_LIMIT, { sensor: 'gpu', ...limit('high.operating') }),
  row('hw.temperature.limit', 'Cel', more('temperatureSlowdownLimit'), TEMPERATURE_LIMIT, { sensor: 'gpu', ...limit('high.degraded') }),
  row('hw.temperature.limit', 'Cel', more('temperatureShutdownLimit'), TEMPERATURE_LIMIT, { sensor: 'gpu', ...limit('high.critical') }),
  row('hw.temperature.limit', 'Cel', more('memoryTemperatureOperatingLimit'), TEMPERATURE_LIMIT, {
    sensor: 'memory',
    ...limit('high.operating')
  }),
  row('gpu.temperature.margin', 'Cel', more('temperatureMargin'), 'Degrees left until the GPU slows itself down.'),
  row('hw.fan.speed_ratio', '1', 'fanSpeed', 'Speed that the fan is told to have, of its usual maximum.', { sensor: 'fan' }),

  row('hw.power', 'W', 'powerWatts', POWER, { attributes: TYPE }),
  row('gpu.power.average', 'W', more('powerAverageWatts'), 'Power that is drawn, as a mean of one second.'),
  row('gpu.memory.power', 'W', more('memoryPowerWatts'), 'Power that the memory draws.'),
  row('gpu.module.power', 'W', more('modulePowerWatts'), 'Power that the module with the GPU and its processor draws.'),
  row('gpu.power.limit', 'W', 'powerLimitWatts', POWER_LIMIT, { attributes: { 'gpu.limit.type': 'enforced' } }),
  row('gpu.power.limit', 'W', more('powerRequestedLimitWatts'), POWER_LIMIT, { attributes: { 'gpu.limit.type': 'requested' } }),
  row('gpu.power.limit', 'W', more('powerDefaultLimitWatts'), POWER_LIMIT, { attributes: { 'gpu.limit.type': 'default' } }),
  row('gpu.power.limit', 'W', more('powerMinLimitWatts'), POWER_LIMIT, { attributes: { 'gpu.limit.type': 'min' } }),
  row('gpu.power.limit', 'W', more('powerMaxLimitWatts'), POWER_LIMIT, { attributes: { 'gpu.limit.type': 'max' } }),
  row('gpu.voltage', 'V', more('graphicsVolts'), 'Voltage of the graphics unit.'),

  row('gpu.clock.frequency', 'Hz', 'smClockHz', CLOCK, clock('sm')),
  row('gpu.clock.frequency', 'Hz', 'memoryClockHz', CLOCK, clock('memory')),
  row('gpu.clock.frequency', 'Hz', more('graphicsClockHz'), CLOCK, clock('graphics')),
  row('gpu.clock.frequency', 'Hz', more('videoClockHz'), CLOCK, clock('video')),
  row('gpu.clock.limit', 'Hz', more('smClockMaxHz'), CLOCK_LIMIT, clock('sm')),
  row('gpu.clock.limit', 'Hz', more('memoryClockMaxHz'), CLOCK_LIMIT, clock('memory')),
  row('gpu.clock.limit', 'Hz', more('graphicsClockMaxHz'), CLOCK_LIMIT, clock('graphics')),
  row('gpu.performance.state', '{state}', 'performanceState', 'Performance state: 0 is the fastest, 15 the slowest.'),
  row('gpu.throttled.time', 's', more('throttledPowerCapSeconds'), THROTTLED, reason('sw_power_cap')),
  row('gpu.throttled.time', 's', more('throttledSyncBoostSeconds'), THROTTLED, reason('sync_boost')),
  row('gpu.throttled.time', 's', more('throttledSoftwareThermalSeconds'), THROTTLED, reason('sw_thermal_slowdown')),
  row('gpu.throttled.time', 's', more('throttledHardwareThermalSeconds'), THROTTLED, reason('hw_thermal_slowdown')),
  row('gpu.throttled.time', 's', more('throttledPowerBrakeSeconds'), THROTTLED, reason('hw_power_brake_slowdown')),

  row('hw.errors', '{error}', more('eccCorrectedVolatile'), ERRORS, errors('corrected')),
  row('hw.errors', '{error}', more('eccUncorrectedVolatile'), ERRORS, errors('uncorrected')),
  row('gpu.memory.errors', '{error}', more('eccCorrectedSramVolatile'), ERRORS, errors('corrected', 'sram')),
  row('gpu.memory.errors', '{error}', more('eccUncorrectedSramVolatile'), ERRORS, errors('uncorrected', 'sram')),
  row('gpu.memory.errors', '{error}', more('eccCorrectedDramVolatile'), ERRORS, errors('corrected', 'dram')),
  row('gpu.memory.errors', '{error}', more('eccUncorrectedDramVolatile'), ERRORS, errors('uncorrected', 'dram')),
  row('gpu.errors.lifetime', '{error}', more('eccCorrectedAggregate'), LIFETIME_ERRORS, errors('corrected')),
  row('gpu.errors.lifetime', '{error}', more('eccUncorrectedAggregate'), LIFETIME_ERRORS, errors('uncorrected')),
  row('gpu.memory.errors.lifetime', '{error}', more('eccCorrectedSramAggregate'), LIFETIME_ERRORS, errors('corrected', 'sram')),
  row('gpu.memory.errors.lifetime', '{error}', more('eccUncorrectedSramAggregate'), LIFETIME_ERRORS, errors('uncorrected', 'sram')),
  row('gpu.memory.errors.lifetime', '{error}', more('eccCorrectedDramAggregate'), LIFETIME_ERRORS, errors('corrected', 'dram')),
  row('gpu.memory.errors.lifetime', '{error}', more('eccUncorrectedDramAggregate'), LIFETIME_ERRORS, errors('uncorrected', 'dram')),
  row('gpu.ecc.enabled', '', more('eccEnabled'), '1 when memory errors are looked for and corrected.'),
  row('gpu.ecc.sram_threshold_exceeded', '', more('eccSramThresholdExceeded'), '1 when SRAM has had more errors than it may.'),
  row('gpu.ecc.channel_repair_pending', '', more('eccChannelRepairPending'), '1 when a memory channel is repaired at the next reset.'),
  row('gpu.ecc.tpc_repair_pending', '', more('eccTpcRepairPending'), '1 when a processing cluster is repaired at the next reset.'),
  row('gpu.ecc.unrepairable_memory', '', more('eccUnrepairableMemory'), '1 when memory cannot be repaired.'),
  row('gpu.retired_pages', '{page}', more('retiredPagesSingleBit'), RETIRED, { ...total, ...corrected }),
  row('gpu.retired_pages', '{page}', more('retiredPagesDoubleBit'), RETIRED, { ...total, ...uncorrected }),
  row('gpu.retired_pages.pending', '', more('retiredPagesPending'), '1 when pages are taken out of use at the next reset.'),
  row('gpu.remapped_rows', '{row}', more('remappedRowsCorrectable'), REMAPPED, { ...total, ...corrected }),
  row('gpu.remapped_rows', '{row}', more('remappedRowsUncorrectable'), REMAPPED, { ...total, ...uncorrected }),
  row('gpu.remapped_rows.pending', '', more('remappedRowsPending'), '1 when rows are replaced at the next reset.'),
  row('gpu.remapped_rows.failure', '', more('remappedRowsFailure'), '1 when a row could not be replaced.'),
  row('gpu.remap.banks', '{bank}', more('remapBanksMax'), BANKS, { ...total, attributes: { 'gpu.remap.spare': 'max' } }),
  row('gpu.remap.banks', '{bank}', more('remapBanksHigh'), BANKS, { ...total, attributes: { 'gpu.remap.spare': 'high' } }),
  row('gpu.remap.banks', '{bank}', more('remapBanksPartial'), BANKS, { ...total, attributes: { 'gpu.remap.spare': 'partial' } }),
  row('gpu.remap.banks', '{bank}', more('remapBanksLow'), BANKS, { ...total, attributes: { 'gpu.remap.spare': 'low' } }),
  row('gpu.remap.banks', '{bank}', more('remapBanksNone'), BANKS, { ...total, attributes: { 'gpu.remap.spare': 'none' } }),

  row('gpu.pcie.link.generation', '{generation}', more('pcieGeneration'), LINK_GENERATION, { attributes: { 'gpu.limit.type': 'current' } }),
  row('gpu.pcie.link.generation', '{generation}', more('pcieGenerationMax'), LINK_GENERATION, { attributes: { 'gpu.limit.type': 'max' } }),
  row('gpu.pcie.link.width', '{lane}', more('pcieWidth'), LINK_WIDTH, { attributes: { 'gpu.limit.type': 'current' } }),
  row('gpu.pcie.link.width', '{lane}', more('pcieWidthMax'), LINK_WIDTH, { attributes: { 'gpu.limit.type': 'max' } }),
  row('gpu.pcie.replays', '{replay}', more('pcieReplays'), 'Transfers over PCIe that had to be repeated.', { kind: 'counter' }),
  row('gpu.pcie.throughput', 'By/s', more('pcieTransmitBytesPerSecond'), THROUGHPUT, {
    attributes: { 'network.io.direction': 'transmit' }
  }),
  row('gpu.pcie.throughput', 'By/s', more('pcieReceiveBytesPerSecond'), THROUGHPUT, { attributes: { 'network.io.direction': 'receive' } }),

  row('gpu.nvlink.links', '{link}', more('nvlinkLinks'), 'NVLink connections that are up.', total),
  row('gpu.nvlink.bandwidth', 'By/s', more('nvlinkBytesPerSecond'), 'What all NVLink connections that are up could carry, one way.'),

  status(false, 'ok'),
  status(true, 'degraded'),
  row(
    'gpu.recovery_action',
    '',
    more('recoveryAction'),
    'What the driver says must be done: 0 nothing, 1 reset the GPU, 2 restart the node, 3 drain peer-to-peer traffic, 4 drain and reset.'
  ),
  row('gpu.reset_required', '', more('resetRequired'), '1 when the GPU must be reset.'),
  row('gpu.drain_and_reset_recommended', '', more('drainAndResetRecommended'), '1 when the GPU should be drained and reset.'),
  row('gpu.persistence_mode', '', more('persistenceMode'), '1 when the driver stays loaded while nobody uses the GPU.'),
  row('gpu.mig.enabled', '', more('migEnabled'), '1 when the GPU is divided into instances.'),
  row('gpu.multiprocessors', '{multiprocessor}', more('multiprocessors'), 'Multiprocessors of an instance.', total)
]
