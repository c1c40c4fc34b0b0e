import type { GpuDevice, GpuFacts, GpuSample } from '../../src/facts/facts.ts'

export const GPU_0 = 'GPU-00000000-1111-2222-3333-444444444440'
export const GPU_1 = 'GPU-00000000-1111-2222-3333-444444444441'
/** Of no machine here. */
export const GPU_9 = 'GPU-00000000-1111-2222-3333-444444444449'
export const MIG_1 = 'MIG-aaaaaaaa-1111-2222-3333-444444444441'
export const MIG_2 = 'MIG-aaaaaaaa-1111-2222-3333-444444444442'

export function gpu(uuid: string, index: number): GpuDevice {
  return {
    uuid,
    index,
    model: 'NVIDIA H100 80GB HBM3',
    driverVersion: '580.105.08',
    memoryTotalBytes: 80 * 2 ** 30,
    pciBusId: undefined,
    serial: undefined
  }
}

export function mig(uuid: string, parent: string, gpuInstanceId: number): GpuDevice {
  return { ...gpu(uuid, 0), mig: { parent, gpuInstanceId, computeInstanceId: 0, profile: '1g.10gb' } }
}

/** GPUs by hand: devices and samples are set, listeners are called by `round`. */
export class HandGpus implements GpuFacts {
  state: GpuFacts['state'] = { state: 'ok', sinceMs: 0, remedy: '', source: 'nvidia-smi' }
  list: GpuDevice[] = []
  readonly samples = new Map<string, GpuSample>()
  ownersOf: GpuFacts['owners'] = () => []
  private readonly listeners = new Set<() => void>()

  lost = (): GpuDevice[] => []
  devices = (): GpuDevice[] => this.list
  latest = (uuid: string): GpuSample | undefined => this.samples.get(uuid)
  at = (uuid: string): GpuSample | undefined => this.samples.get(uuid)
  over = (): undefined => undefined
  owners = (uuid: string) => this.ownersOf(uuid)

  onSample(listener: () => void): () => void {
    this.listeners.add(listener)
    return () => void this.listeners.delete(listener)
  }

  /** A look at the GPUs: the processes on each. */
  round(pids: Readonly<Record<string, readonly number[]>>, atMs = 0): void {
    for (const uuid in pids)
      this.samples.set(uuid, { atMs, more: {}, processes: pids[uuid].map((pid) => ({ pid, name: 'python', memoryUsedBytes: undefined })) })
    for (const listener of this.listeners) listener()
  }
}
