import type { Facts, GpuDevice, GpuInterval, GpuOwner, GpuSample, PodAttributes } from '../../src/facts/facts.ts'
import { gpuFactsOff, podFactsOff } from '../../src/facts/off.ts'

export type SampleParts = Partial<GpuSample> & { readonly atMs: number }

export interface GpuParts {
  readonly uuid: string
  readonly index?: number
  readonly samples?: readonly SampleParts[]
  readonly owners?: readonly GpuOwner[]
  readonly device?: Partial<GpuDevice>
}

export const sampleOf = (parts: SampleParts): GpuSample => ({ more: {}, processes: [], ...parts })

export const deviceOf = (uuid: string, parts: Partial<GpuDevice> = {}): GpuDevice => ({
  ...{ uuid, index: 0, model: 'NVIDIA H100 80GB HBM3', driverVersion: '580.65.06' },
  ...{ memoryTotalBytes: 85_520_809_984, pciBusId: undefined, serial: undefined },
  ...parts
})

/** Facts as a test gives them: between two samples the earlier one holds, before the first nothing is known. */
export function factsOf(
  gpus: readonly GpuParts[],
  { source = 'nvidia-smi', pod = {} }: { source?: string; pod?: Partial<Facts['pod']> } = {}
): Facts {
  const samples = new Map(gpus.map(({ uuid, samples = [] }) => [uuid, samples.map(sampleOf)]))
  const owners = new Map(gpus.map(({ uuid, owners = [] }) => [uuid, owners]))
  const devices = gpus.map(({ uuid, index, device }, i) => deviceOf(uuid, { index: index ?? i, ...device }))
  return {
    gpu: {
      ...gpuFactsOff(),
      state: { state: 'ok', sinceMs: 0, remedy: '', source },
      devices: () => devices,
      at: (uuid, atMs) => samples.get(uuid)?.findLast((sample) => sample.atMs <= atMs),
      latest: (uuid) => samples.get(uuid)?.at(-1),
      over: (uuid, startMs, endMs) => overSteps(samples.get(uuid) ?? [], startMs, endMs),
      owners: (uuid) => owners.get(uuid) ?? []
    },
    pod: { ...podFactsOff(), ...pod }
  }
}

/** A pod that the gateway stands beside. */
export const beside = (own: PodAttributes): Partial<Facts['pod']> => ({ source: 'downward', own: () => own })

function overSteps(samples: readonly GpuSample[], startMs: number, endMs: number): GpuInterval | undefined {
  const before = samples.filter(({ atMs }) => atMs <= endMs)
  const newest = before.at(-1)
  if (newest === undefined || before[0].atMs > startMs) return undefined
  let [utilization, watts, peak] = [0, 0, 0]
  for (const [i, sample] of before.entries()) {
    const from = Math.max(sample.atMs, startMs)
    const to = before[i + 1]?.atMs ?? endMs
    if (to < from) continue
    const ms = Math.min(to, endMs) - from
    utilization += (sample.utilization ?? 0) * ms
    watts += (sample.powerWatts ?? 0) * ms
    if (to > from || to === endMs) peak = Math.max(peak, sample.memoryUsedBytes ?? 0)
  }
  const ms = endMs - startMs
  return {
    utilizationMean: ms === 0 ? newest.utilization : utilization / ms,
    memoryUsedPeakBytes: peak,
    powerMeanWatts: ms === 0 ? newest.powerWatts : watts / ms,
    energyJoules: watts / 1000,
    ageMs: endMs - newest.atMs
  }
}
