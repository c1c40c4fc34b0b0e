/** Names of what is put into pods. */
export const CONTAINER = 'sluice'
export const VOLUMES = { queue: 'sluice-queue', podinfo: 'sluice-podinfo', logs: 'sluice-logs' } as const
/** The port with /metrics, for monitors that select it by name. */
export const METRICS_PORT = 'sluice-metrics'

/** Where the sidecar finds its configuration. */
export const CONFIG_VARIABLE = 'SLUICE_CONFIG_YAML'

export const QUEUE_DIRECTORY = '/var/lib/sluice'
export const PODINFO_DIRECTORY = '/etc/podinfo'
/** Below it each container has a directory of its own. */
export const LOGS_DIRECTORY = '/var/log/workers'
/** Below it are volumes of the workers' own that hold log files. */
export const VOLUMES_DIRECTORY = '/var/log/volumes'
