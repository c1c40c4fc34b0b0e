import type { GpuFacts, PodFacts } from './facts.ts'

/** Facts of GPUs where none are wanted: no device, no sample, and a state that says so. */
export function gpuFactsOff(sinceMs = Date.now()): GpuFacts {
  const state = { state: 'off', sinceMs, remedy: 'set facts.gpu.source to auto', source: 'off' } as const
  return {
    state,
    devices: () => [],
    lost: () => [],
    at: () => undefined,
    latest: () => undefined,
    over: () => undefined,
    owners: () => [],
    onSample: () => () => undefined
  }
}

/** Facts of pods where none are wanted: nobody is known. */
export function podFactsOff(): PodFacts {
  return {
    source: 'off',
    own: () => undefined,
    byUid: () => undefined,
    byIp: () => undefined,
    byContainerId: () => undefined,
    byPid: () => undefined
  }
}
