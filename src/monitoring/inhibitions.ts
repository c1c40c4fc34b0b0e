/** Alerts that nobody needs to be told while another one is told, because that one says it already or is the reason. */
export interface Inhibition {
  readonly while: readonly string[]
  readonly silence: readonly string[]
  /** Labels that must be the same on both; all alerts, where there are none. */
  readonly equal: readonly string[]
  /** Further labels that what is silenced must have. */
  readonly having?: Readonly<Record<string, string>>
}

const GATEWAY = ['job', 'instance']
const GPU = ['instance', 'hw_id']

export const INHIBITIONS: readonly Inhibition[] = [
  // The same, once as critical and once as less.
  { while: ['JobFailuresCritical'], silence: ['JobFailures'], equal: ['namespace', 'stage'] },
  { while: ['SluiceQueueFull'], silence: ['SluiceQueueFilling'], equal: GATEWAY },
  { while: ['SluiceExporterDown'], silence: ['SluiceExporterFailing'], equal: [...GATEWAY, 'exporter', 'signal'] },
  { while: ['GpuThermalSlowdown'], silence: ['GpuSoftwareThermalSlowdown', 'GpuTemperatureHigh'], equal: GPU },
  { while: ['HighErrorRate'], silence: ['ServerErrorSeen'], equal: ['namespace', 'service', 'method', 'route'] },
  { while: ['GpuXidCritical'], silence: ['GpuXidWarning'], equal: [...GATEWAY, 'gpu'] },
  // A GPU that is lost is neither busy nor hot, and what the driver said of it last does not count.
  {
    while: ['GpuLost'],
    silence: [
      ...['GpuUtilizationHigh', 'GpuMemoryNearlyFull', 'GpuMemoryRepairPending', 'GpuRequestedButIdle', 'GpuNvlinkDown', 'GpuPcieDegraded'],
      ...['GpuThermalSlowdown', 'GpuSoftwareThermalSlowdown', 'GpuTemperatureHigh', 'GpuPowerBrake', 'GpuPowerCapped']
    ],
    equal: GPU
  },
  { while: ['GpuLost'], silence: ['GpuFewerThanBefore'], equal: ['instance'] },
  {
    while: ['GpuRecoveryActionNeeded', 'GpuRowRemapFailed', 'GpuMemoryBeyondRepair'],
    silence: ['GpuMemoryRepairPending'],
    equal: GPU
  },
  // While nvidia-smi does not answer, its figures grow old; that is no news.
  { while: ['GpuSmiHung', 'GpuSmiFailing'], silence: ['GpuSamplesStale', 'GpuSmiSlow'], equal: GATEWAY },
  // Without a gateway, nobody counts jobs, and whatever is told of queues and GPUs by their absence is not so.
  { while: ['SluiceAbsent'], silence: ['QueueNotDraining', 'GpuMetricsMissing', 'SluiceErrorsUnwatched'], equal: [] },
  { while: ['SluiceAbsent'], silence: ['SluiceDown', 'SluiceNotReady', 'SluiceRestarting'], equal: [] },
  { while: ['SluiceDown'], silence: ['SluiceRestarting'], equal: GATEWAY },
  // All replicas are away, and each of them is.
  { while: ['SluiceInjectorAway'], silence: ['SluiceDown'], equal: ['job', 'namespace'] },
  // What cannot be written is also what cannot be looked after.
  {
    while: ['SluiceInjectorPatchRefused'],
    silence: ['SluiceInjectorCertificateFailing', 'SluiceInjectorNamespacesFailing'],
    equal: GATEWAY
  },
  // A database that has just come back, or is about to go, rolls back what it had begun.
  { while: ['DatabaseDown'], silence: ['DatabaseRollbacksHigh'], equal: ['job', 'instance'] },
  // What follows from a destination that is away, and from a queue that is full.
  { while: ['SluiceExporterDown', 'SluiceExporterFailing'], silence: ['SluiceQueueOld'], equal: GATEWAY },
  { while: ['SluiceQueueFull'], silence: ['SluiceSheddingLoad'], equal: GATEWAY, having: { reason: 'overloaded' } }
]
