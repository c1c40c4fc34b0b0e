// What the gateway knows of the world outside of the telemetry: answered at once from memory, kept fresh by somebody else. All times are ms since
// 1970, sizes bytes, power W, energy J, temperatures °C, shares 0 to 1. A value that the outside did not give is undefined, never 0.

/** One GPU, or one MIG instance of it, as far as it does not change while the driver runs. */
export interface GpuDevice {
  /** `GPU-…`, or `MIG-…` for an instance. */
  readonly uuid: string
  readonly index: number
  /** The product name, as `NVIDIA H100 80GB HBM3`. */
  readonly model: string
  readonly driverVersion: string | undefined
  readonly memoryTotalBytes: number | undefined
  readonly pciBusId: string | undefined
  readonly serial: string | undefined
  /** Of a MIG instance: the GPU that it is a part of, its ids and its profile. */
  readonly mig?: {
    readonly parent: string
    readonly gpuInstanceId: number
    readonly computeInstanceId: number
    readonly profile: string | undefined
  }
}

/** What one look at a GPU gave. Names are ours; the table of metrics (receivers/gpu) gives them their public ones. */
export interface GpuSample {
  /** When the answer came in. */
  readonly atMs: number
  readonly utilization?: number | undefined
  readonly memoryUtilization?: number | undefined
  readonly encoderUtilization?: number | undefined
  readonly decoderUtilization?: number | undefined
  readonly memoryUsedBytes?: number | undefined
  readonly memoryReservedBytes?: number | undefined
  readonly memoryFreeBytes?: number | undefined
  readonly temperature?: number | undefined
  readonly memoryTemperature?: number | undefined
  readonly powerWatts?: number | undefined
  readonly powerLimitWatts?: number | undefined
  readonly smClockHz?: number | undefined
  readonly memoryClockHz?: number | undefined
  readonly fanSpeed?: number | undefined
  /** P0 is 0. */
  readonly performanceState?: number | undefined
  /** Active reasons by name: `hw_thermal_slowdown`, … */
  readonly throttleReasons?: readonly string[] | undefined
  /** Everything else that was given and has a metric, by our name for it. */
  readonly more: Readonly<Record<string, number>>
  readonly processes: readonly GpuProcess[]
}

export interface GpuProcess {
  readonly pid: number
  readonly name: string
  readonly memoryUsedBytes: number | undefined
}

/** How it goes with asking for the GPUs. */
export const GPU_STATES = [
  'off',
  'starting',
  'ok',
  'no binary',
  'no driver',
  'no devices',
  'version mismatch',
  'device lost',
  'permission',
  'hung',
  'failed'
] as const
export type GpuState = (typeof GPU_STATES)[number]

/** What a span's interval was like on a GPU. */
export interface GpuInterval {
  readonly utilizationMean: number | undefined
  readonly memoryUsedPeakBytes: number | undefined
  readonly powerMeanWatts: number | undefined
  /** Power integrated over the interval. */
  readonly energyJoules: number | undefined
  /** Between the end of the interval and the newest sample that it rests on. */
  readonly ageMs: number
}

export interface GpuFacts {
  readonly state: {
    readonly state: GpuState
    readonly sinceMs: number
    readonly remedy: string /** `nvidia-smi`, `node` or `off`. */
    readonly source: string
  }
  devices(): readonly GpuDevice[]
  /** GPUs that were seen before and have fallen away; those that answer that they are lost are among `devices` too. */
  lost(): readonly GpuDevice[]
  /** The newest sample of a device that is not younger than `atMs`; undefined when there is none. */
  at(uuid: string, atMs: number): GpuSample | undefined
  latest(uuid: string): GpuSample | undefined
  over(uuid: string, startMs: number, endMs: number): GpuInterval | undefined
  /** Who uses a device, as far as that is known: one entry per container. */
  owners(uuid: string): readonly GpuOwner[]
  /** Calls after each new round of samples; returns how to stop being called. */
  onSample(listener: () => void): () => void
}

export interface GpuOwner {
  readonly namespace: string
  readonly pod: string
  readonly podUid: string | undefined
  readonly container: string | undefined
}

/** A pod, as far as it is known, in OpenTelemetry's attribute names: `k8s.pod.name`, `k8s.namespace.name`, `container.id`, … */
export type PodAttributes = Readonly<Record<string, string>>

export interface PodFacts {
  readonly source: 'downward' | 'kubelet' | 'off'
  /** The pod that this gateway itself is a sidecar of, or that a sender belongs to. */
  own(): PodAttributes | undefined
  byUid(uid: string): PodAttributes | undefined
  byIp(ip: string): PodAttributes | undefined
  byContainerId(id: string): PodAttributes | undefined
  byPid(pid: number): PodAttributes | undefined
}

export interface Facts {
  readonly gpu: GpuFacts
  readonly pod: PodFacts
}
