// The attributes that enrich writes about GPUs. docs/gpu.md says what they mean; those that begin with `hw.` are of the semantic conventions
// (https://opentelemetry.io/docs/specs/semconv/hardware/), which have none for a span or an error.
import type { GpuDevice } from '../../facts/facts.ts'

export const COUNT = 'gpu.count'
export const ID = 'hw.id'

export const UTILIZATION = 'gpu.utilization'
export const MEMORY_USED = 'gpu.memory.used'
export const POWER = 'gpu.power'
export const ENERGY = 'gpu.energy'
export const TEMPERATURE = 'gpu.temperature'
export const THROTTLE_REASONS = 'gpu.throttle.reasons'
export const PROCESS_PID = 'gpu.process.pid'
export const PROCESS_NAME = 'gpu.process.name'
export const PROCESS_MEMORY = 'gpu.process.memory.used'
export const SAMPLE_AGE = 'gpu.sample.age'

/** All that a record may be given. */
export const RECORD_NAMES = [
  ...[COUNT, ID, UTILIZATION, MEMORY_USED, POWER, ENERGY, TEMPERATURE],
  ...[THROTTLE_REASONS, PROCESS_PID, PROCESS_NAME, PROCESS_MEMORY, SAMPLE_AGE]
]

/** What does not change of the GPUs of one sender: all of a single one, and of several what they share. */
export function identityOf(devices: readonly GpuDevice[]): Record<string, string | number> {
  if (devices.length === 0) return {}
  const [first] = devices
  const shared = <T>(read: (device: GpuDevice) => T): T | undefined =>
    devices.every((device) => read(device) === read(first)) ? read(first) : undefined
  const single = devices.length === 1
  const identity = {
    [ID]: single ? first.uuid : undefined,
    'hw.type': 'gpu',
    'hw.vendor': 'NVIDIA',
    'hw.model': shared(({ model }) => model),
    'hw.driver_version': shared(({ driverVersion }) => driverVersion),
    'hw.parent': single ? first.mig?.parent : undefined,
    'gpu.index': single ? first.index : undefined,
    'gpu.memory.size': shared(({ memoryTotalBytes }) => memoryTotalBytes),
    'gpu.mig.profile': single ? first.mig?.profile : undefined,
    [COUNT]: devices.length
  }
  return Object.fromEntries(Object.entries(identity).filter((entry): entry is [string, string | number] => entry[1] !== undefined))
}
