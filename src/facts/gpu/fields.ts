import type { GpuSample } from '../facts.ts'
import type { Kind } from './values.ts'

/** The properties of a sample that are numbers. */
export type SampleProperty = Exclude<keyof GpuSample, 'atMs' | 'throttleReasons' | 'more' | 'processes'>

/**
 * One value of ours and where nvidia-smi gives it. `csv` holds names of `--query-gpu`, `xml` paths below `<gpu>` (or `<mig_device>`) in `-q -x`. The
 * first that can be read wins; `a+b` is the sum of those that the chip counts.
 */
export interface GpuField {
  readonly name: string
  /** A property of GpuSample, or a name in its `more`. */
  readonly place: 'sample' | 'more'
  readonly kind: Kind
  readonly csv: readonly string[]
  readonly xml: readonly string[]
}

const sample = (name: SampleProperty, kind: Kind, csv: readonly string[], xml: readonly string[]): GpuField => ({
  name,
  place: 'sample',
  kind,
  csv,
  xml
})
const more = (name: string, kind: Kind, csv: readonly string[], xml: readonly string[] = []): GpuField => ({
  name,
  place: 'more',
  kind,
  csv,
  xml
})

const LINK = 'pci/pci_gpu_link_info'
const RETIRED = 'retired_pages'
const REMAPPED = 'remapped_rows'

/** All that is read of a GPU, apart from its identity, its throttle reasons and its processes. */
export const FIELDS: readonly GpuField[] = [
  sample('utilization', 'ratio', ['utilization.gpu'], ['utilization/gpu_util']),
  sample('memoryUtilization', 'ratio', ['utilization.memory'], ['utilization/memory_util']),
  sample('encoderUtilization', 'ratio', ['utilization.encoder'], ['utilization/encoder_util']),
  sample('decoderUtilization', 'ratio', ['utilization.decoder'], ['utilization/decoder_util']),
  more('jpegUtilization', 'ratio', ['utilization.jpeg'], ['utilization/jpeg_util']),
  more('opticalFlowUtilization', 'ratio', ['utilization.ofa'], ['utilization/ofa_util']),

  sample('memoryUsedBytes', 'bytes', ['memory.used'], ['fb_memory_usage/used']),
  sample('memoryReservedBytes', 'bytes', ['memory.reserved'], ['fb_memory_usage/reserved']),
  sample('memoryFreeBytes', 'bytes', ['memory.free'], ['fb_memory_usage/free']),
  more('bar1TotalBytes', 'bytes', [], ['bar1_memory_usage/total']),
  more('bar1UsedBytes', 'bytes', [], ['bar1_memory_usage/used']),

  sample('temperature', 'celsius', ['temperature.gpu'], ['temperature/gpu_temp']),
  sample('memoryTemperature', 'celsius', ['temperature.memory'], ['temperature/memory_temp']),
  // Degrees left until the card slows itself down; cards that give it give no absolute limits.
  more('temperatureMargin', 'celsius', ['temperature.gpu.tlimit'], ['temperature/gpu_temp_tlimit']),
  more('temperatureShutdownLimit', 'celsius', [], ['temperature/gpu_temp_max_threshold']),
  more('temperatureSlowdownLimit', 'celsius', [], ['temperature/gpu_temp_slow_threshold']),
  more('temperatureOperatingLimit', 'celsius', [], ['temperature/gpu_temp_max_gpu_threshold']),
  more('memoryTemperatureOperatingLimit', 'celsius', [], ['temperature/gpu_temp_max_mem_threshold']),

  // `power.draw` is a mean of one second on some cards and the instant on others, so it comes after both of the plain names.
  sample(
    'powerWatts',
    'watts',
    ['power.draw.instant', 'power.draw', 'power.draw.average'],
    [
      'gpu_power_readings/instant_power_draw',
      'gpu_power_readings/power_draw',
      'power_readings/power_draw',
      'gpu_power_readings/average_power_draw'
    ]
  ),
  sample(
    'powerLimitWatts',
    'watts',
    ['enforced.power.limit'],
    ['gpu_power_readings/current_power_limit', 'power_readings/enforced_power_limit']
  ),
  more('powerAverageWatts', 'watts', ['power.draw.average'], ['gpu_power_readings/average_power_draw']),
  more('powerRequestedLimitWatts', 'watts', ['power.limit'], ['gpu_power_readings/requested_power_limit', 'power_readings/power_limit']),
  more(
    'powerDefaultLimitWatts',
    'watts',
    ['power.default_limit'],
    ['gpu_power_readings/default_power_limit', 'power_readings/default_power_limit']
  ),
  more('powerMinLimitWatts', 'watts', ['power.min_limit'], ['gpu_power_readings/min_power_limit', 'power_readings/min_power_limit']),
  more('powerMaxLimitWatts', 'watts', ['power.max_limit'], ['gpu_power_readings/max_power_limit', 'power_readings/max_power_limit']),
  more(
    'modulePowerWatts',
    'watts',
    ['module.power.draw.instant', 'module.power.draw.average'],
    ['module_power_readings/instant_power_draw', 'module_power_readings/power_draw', 'module_power_readings/average_power_draw']
  ),
  more('memoryPowerWatts', 'watts', [], ['gpu_memory_power_readings/instant_power_draw', 'gpu_memory_power_readings/average_power_draw']),
  more('graphicsVolts', 'volts', [], ['voltage/graphics_volt']),

  sample('smClockHz', 'hertz', ['clocks.current.sm', 'clocks.sm'], ['clocks/sm_clock']),
  sample('memoryClockHz', 'hertz', ['clocks.current.memory', 'clocks.mem'], ['clocks/mem_clock']),
  more('graphicsClockHz', 'hertz', ['clocks.current.graphics', 'clocks.gr'], ['clocks/graphics_clock']),
  more('videoClockHz', 'hertz', ['clocks.current.video', 'clocks.video'], ['clocks/video_clock']),
  more('smClockMaxHz', 'hertz', ['clocks.max.sm'], ['max_clocks/sm_clock']),
  more('memoryClockMaxHz', 'hertz', ['clocks.max.memory', 'clocks.max.mem'], ['max_clocks/mem_clock']),
  more('graphicsClockMaxHz', 'hertz', ['clocks.max.graphics', 'clocks.max.gr'], ['max_clocks/graphics_clock']),

  sample('fanSpeed', 'ratio', ['fan.speed'], ['fan_speed']),
  sample('performanceState', 'performanceState', ['pstate'], ['performance_state']),

  ...throttleTimes(),
  ...eccCounts('volatile', 'Volatile'),
  ...eccCounts('aggregate', 'Aggregate'),
  more(
    'eccSramThresholdExceeded',
    'flag',
    ['ecc.errors.uncorrected.aggregate.sram.thresholdExceeded'],
    ['ecc_errors/aggregate/sram_threshold_exceeded']
  ),
  more('eccChannelRepairPending', 'flag', [], ['ecc_errors/channel_repair_pending']),
  more('eccTpcRepairPending', 'flag', [], ['ecc_errors/tpc_repair_pending']),
  more('eccUnrepairableMemory', 'flag', [], ['ecc_errors/unrepairable_memory']),
  more('eccEnabled', 'flag', ['ecc.mode.current'], ['ecc_mode/current_ecc']),

  more(
    'retiredPagesSingleBit',
    'count',
    ['retired_pages.single_bit_ecc.count', 'retired_pages.sbe'],
    [`${RETIRED}/multiple_single_bit_retirement/retired_count`]
  ),
  more(
    'retiredPagesDoubleBit',
    'count',
    ['retired_pages.double_bit.count', 'retired_pages.dbe'],
    [`${RETIRED}/double_bit_retirement/retired_count`]
  ),
  more('retiredPagesPending', 'flag', ['retired_pages.pending'], [`${RETIRED}/pending_retirement`, `${RETIRED}/pending_blacklist`]),
  more('remappedRowsCorrectable', 'count', ['remapped_rows.correctable'], [`${REMAPPED}/remapped_row_corr`]),
  more('remappedRowsUncorrectable', 'count', ['remapped_rows.uncorrectable'], [`${REMAPPED}/remapped_row_unc`]),
  more('remappedRowsPending', 'flag', ['remapped_rows.pending'], [`${REMAPPED}/remapped_row_pending`]),
  more('remappedRowsFailure', 'flag', ['remapped_rows.failure'], [`${REMAPPED}/remapped_row_failure`]),
  ...['Max', 'High', 'Partial', 'Low', 'None'].map((level) =>
    more(
      `remapBanks${level}`,
      'count',
      [`remapped_rows.histogram.${level.toLowerCase()}`],
      [`${REMAPPED}/row_remapper_histogram/row_remapper_histogram_${level.toLowerCase()}`]
    )
  ),

  more('pcieGeneration', 'count', ['pcie.link.gen.current'], [`${LINK}/pcie_gen/current_link_gen`]),
  more('pcieGenerationMax', 'count', ['pcie.link.gen.max'], [`${LINK}/pcie_gen/max_link_gen`]),
  more('pcieWidth', 'count', ['pcie.link.width.current'], [`${LINK}/link_widths/current_link_width`]),
  more('pcieWidthMax', 'count', ['pcie.link.width.max'], [`${LINK}/link_widths/max_link_width`]),
  more('pcieReplays', 'count', [], ['pci/replay_counter']),
  more('pcieTransmitBytesPerSecond', 'bytesPerSecond', [], ['pci/tx_util']),
  more('pcieReceiveBytesPerSecond', 'bytesPerSecond', [], ['pci/rx_util']),

  // From `nvlink -s`.
  more('nvlinkLinks', 'count', []),
  more('nvlinkBytesPerSecond', 'bytesPerSecond', []),

  more('recoveryAction', 'recoveryAction', ['gpu_recovery_action'], ['gpu_recovery_action']),
  more('resetRequired', 'flag', [], ['gpu_reset_status/reset_required']),
  more('drainAndResetRecommended', 'flag', [], ['gpu_reset_status/drain_and_reset_recommended']),
  more('persistenceMode', 'flag', ['persistence_mode'], ['persistence_mode']),
  more('migEnabled', 'flag', ['mig.mode.current'], ['mig_mode/current_mig']),
  more('encoderSessions', 'count', ['encoder.stats.sessionCount'], ['encoder_stats/session_count']),
  more('encoderFramesPerSecond', 'count', ['encoder.stats.averageFps'], ['encoder_stats/average_fps']),
  more('encoderLatencySeconds', 'seconds', ['encoder.stats.averageLatency'], ['encoder_stats/average_latency']),
  more('multiprocessors', 'count', [], ['device_attributes/shared/multiprocessor_count'])
]

function throttleTimes(): GpuField[] {
  const field = (name: string, csv: string, xml: string): GpuField =>
    more(name, 'seconds', [`clocks_event_reasons_counters.${csv}`], [`clocks_event_reasons_counters/clocks_event_reasons_counters_${xml}`])
  return [
    field('throttledPowerCapSeconds', 'sw_power_cap', 'sw_power_cap'),
    field('throttledSyncBoostSeconds', 'sync_boost', 'sync_boost'),
    field('throttledSoftwareThermalSeconds', 'sw_thermal_slowdown', 'sw_therm_slowdown'),
    field('throttledHardwareThermalSeconds', 'hw_thermal_slowdown', 'hw_therm_slowdown'),
    field('throttledPowerBrakeSeconds', 'hw_power_brake_slowdown', 'hw_power_brake')
  ]
}

// Up to Volta the chip counts single and double bit errors and gives totals; from Turing on it counts by memory, and since driver 570 some chips
// split what SRAM could not correct in two. `-q -x` then has no totals: they are the sum.
function eccCounts(span: 'volatile' | 'aggregate', suffix: string): GpuField[] {
  const xml = `ecc_errors/${span}`
  const csv = (what: string, where: string): string => `ecc.errors.${what}.${span}.${where}`
  const split = `${xml}/sram_uncorrectable_parity+${xml}/sram_uncorrectable_secded`
  return [
    more(
      `eccCorrected${suffix}`,
      'count',
      [csv('corrected', 'total')],
      [`${xml}/single_bit/total`, `${xml}/sram_correctable+${xml}/dram_correctable`]
    ),
    more(
      `eccUncorrected${suffix}`,
      'count',
      [csv('uncorrected', 'total')],
      [`${xml}/double_bit/total`, `${xml}/sram_uncorrectable+${xml}/dram_uncorrectable`, `${split}+${xml}/dram_uncorrectable`]
    ),
    more(`eccCorrectedSram${suffix}`, 'count', [csv('corrected', 'sram')], [`${xml}/sram_correctable`]),
    more(
      `eccUncorrectedSram${suffix}`,
      'count',
      [csv('uncorrected', 'sram')],
      [`${xml}/sram_uncorrectable`, split, `ecc_error_count/${span}_count/sram_uncorrectable`]
    ),
    more(
      `eccCorrectedDram${suffix}`,
      'count',
      [csv('corrected', 'dram'), csv('corrected', 'device_memory')],
      [`${xml}/dram_correctable`, `${xml}/single_bit/device_memory`]
    ),
    more(
      `eccUncorrectedDram${suffix}`,
      'count',
      [csv('uncorrected', 'dram'), csv('uncorrected', 'device_memory')],
      [`${xml}/dram_uncorrectable`, `${xml}/double_bit/device_memory`]
    )
  ]
}

interface Sources {
  readonly csv: readonly string[]
  readonly xml: readonly string[]
}

/** Where the identity of a GPU is found. `@id` is the attribute of `<gpu>`. */
export const IDENTITY = {
  index: { csv: ['index'], xml: [] },
  model: { csv: ['name', 'gpu_name'], xml: ['product_name'] },
  driverVersion: { csv: ['driver_version', 'kmd_version'], xml: ['driver_version', 'kmd_version'] },
  memoryTotalBytes: { csv: ['memory.total'], xml: ['fb_memory_usage/total'] },
  pciBusId: { csv: ['pci.bus_id', 'gpu_bus_id'], xml: ['pci/pci_bus_id', '@id'] },
  serial: { csv: ['serial', 'gpu_serial'], xml: ['serial'] },
  uuid: { csv: ['uuid', 'gpu_uuid'], xml: ['uuid'] }
} as const satisfies Record<string, Sources>

/** Why clocks are not as high as they can be, with the bit of NVML's mask; the first two are no trouble. */
export const THROTTLE_REASONS: readonly { readonly name: string; readonly bit: number }[] = [
  { name: 'gpu_idle', bit: 0x1 },
  { name: 'applications_clocks_setting', bit: 0x2 },
  { name: 'sw_power_cap', bit: 0x4 },
  { name: 'hw_slowdown', bit: 0x8 },
  { name: 'sync_boost', bit: 0x10 },
  { name: 'sw_thermal_slowdown', bit: 0x20 },
  { name: 'hw_thermal_slowdown', bit: 0x40 },
  { name: 'hw_power_brake_slowdown', bit: 0x80 },
  { name: 'display_clocks_setting', bit: 0x100 }
]

/** Where the mask of all active reasons is; `-q -x` has none. */
export const THROTTLE_MASKS: readonly string[] = ['clocks_event_reasons.active', 'clocks_throttle_reasons.active']

/** Where one reason is, by its name: drivers up to 530 say throttle, later ones event. */
export function throttleSources(name: string): Sources {
  return {
    csv: [`clocks_event_reasons.${name}`, `clocks_throttle_reasons.${name}`],
    xml: [`clocks_event_reasons/clocks_event_reason_${name}`, `clocks_throttle_reasons/clocks_throttle_reason_${name}`]
  }
}
