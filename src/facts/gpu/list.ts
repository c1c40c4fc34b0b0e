import type { GpuReading } from './reading.ts'
import { isGpuUuid, isMigUuid, readText } from './values.ts'

// The wire, of `-L`: `GPU 0: NVIDIA H100 80GB HBM3 (UUID: GPU-…)`, and below it one line per instance, in columns:
// `  MIG 3g.40gb     Device  0: (UUID: MIG-…)`.

/** A GPU as `-L` names it. */
export interface ListedGpu {
  readonly index: number
  readonly model: string
  readonly uuid: string
  readonly migs: readonly ListedMig[]
}

/** A MIG instance as `-L` names it; `index` counts within its GPU. */
export interface ListedMig {
  readonly index: number
  readonly profile: string
  readonly uuid: string
}

const LINES_MAX = 1024
const GPU_LINE = /^GPU (\d{1,5}): (.{1,120}) \(UUID: ([^)]{1,60})\)$/
const MIG_LINE = /^MIG ([\w.+-]{1,40}) +Device +(\d{1,5}): \(UUID: ([^)]{1,70})\)$/

/** Reads the answer to `-L`: the only place where a MIG instance has its name. Other lines are passed over, as of a GPU that does not answer. */
export function parseList(text: string): ListedGpu[] {
  const gpus: (ListedGpu & { migs: ListedMig[] })[] = []
  for (const line of text.split('\n', LINES_MAX)) {
    const trimmed = line.trim()
    const gpu = GPU_LINE.exec(trimmed)
    if (gpu !== null && isGpuUuid(gpu[3])) {
      gpus.push({ index: Number(gpu[1]), model: readText(gpu[2]) ?? 'unknown', uuid: gpu[3], migs: [] })
      continue
    }
    const mig = MIG_LINE.exec(trimmed)
    if (mig !== null && isMigUuid(mig[3])) gpus.at(-1)?.migs.push({ index: Number(mig[2]), profile: mig[1], uuid: mig[3] })
  }
  return gpus
}

/**
 * Gives the readings of `-q -x` what only `-L` knows: the names and profiles of MIG instances, by their GPU and their index in it, and the indexes of GPUs,
 * which are not their places in the document once one of them is lost. What the list does not name stays as it is.
 */
export function joinList(readings: readonly GpuReading[], list: readonly ListedGpu[]): GpuReading[] {
  const listed = new Map<GpuReading, ListedGpu>()
  const left = [...list]
  const take = (reading: GpuReading, fits: (gpu: ListedGpu) => boolean): void => {
    const found = left.findIndex(fits)
    if (found !== -1 && !listed.has(reading)) listed.set(reading, left.splice(found, 1)[0])
  }
  const gpus = readings.filter(({ device }) => device.mig === undefined)
  for (const gpu of gpus) take(gpu, ({ uuid, index }) => uuid === gpu.device.uuid && index === gpu.device.index)
  for (const gpu of gpus) take(gpu, ({ uuid }) => uuid === gpu.device.uuid)

  let parent: ListedGpu | undefined
  return readings.map((reading) => {
    const { device } = reading
    if (device.mig === undefined) {
      parent = listed.get(reading)
      return parent === undefined ? reading : { ...reading, device: { ...device, index: parent.index } }
    }
    const mig = parent?.migs.find(({ index }) => index === device.index)
    return mig === undefined ? reading : { ...reading, device: { ...device, uuid: mig.uuid, mig: { ...device.mig, profile: mig.profile } } }
  })
}
