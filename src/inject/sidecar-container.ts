import { withVersion } from './image.ts'
import { type Json, objectOf } from './json.ts'
import { addressesOf, portOf } from './listeners.ts'
import { CONFIG_VARIABLE, CONTAINER, METRICS_PORT, PODINFO_DIRECTORY, QUEUE_DIRECTORY, VOLUMES } from './names.ts'
import type { PodOptions } from './options.ts'
import type { SidecarSettings } from './settings.ts'
import { configText } from './sidecar-config.ts'

export interface SidecarParts {
  readonly options: PodOptions
  readonly settings: SidecarSettings
  readonly config: Json
  readonly logMounts: readonly Json[]
  /** The pod's owner, as attributes. */
  readonly owner: Readonly<Record<string, string>>
  /** Undefined: it asks for nothing, and is held to nothing. */
  readonly resources: Json | undefined
  readonly isNative: boolean
}

/** What the downward API hands to the sidecar; the gateway knows these names. */
const REFERENCES = [
  ['POD_NAME', 'metadata.name'],
  ['POD_NAMESPACE', 'metadata.namespace'],
  ['POD_UID', 'metadata.uid'],
  ['POD_IP', 'status.podIP'],
  ['NODE_NAME', 'spec.nodeName'],
  ['NODE_IP', 'status.hostIP']
] as const

/** The sidecar as a container of a pod. */
export function sidecarContainer(parts: SidecarParts): Json {
  const { options, settings, config, logMounts, resources, isNative } = parts
  const secret = options.secret ?? settings.secret
  const metricsPort = addressesOf(config, 'admin').map(portOf)[0]
  return {
    name: CONTAINER,
    image: imageOf(options, settings),
    imagePullPolicy: settings.imagePullPolicy,
    args: ['run'],
    ...(isNative ? { restartPolicy: 'Always' } : {}),
    env: sidecarEnv(parts),
    ...(secret === '' ? {} : { envFrom: [{ secretRef: { name: secret, optional: options.secretOptional ?? settings.secretOptional } }] }),
    ...(metricsPort === undefined ? {} : { ports: [{ name: METRICS_PORT, containerPort: metricsPort, protocol: 'TCP' }] }),
    ...(resources === undefined ? {} : { resources }),
    ...(isNative && metricsPort !== undefined ? startupProbe(settings) : {}),
    securityContext: {
      allowPrivilegeEscalation: false,
      capabilities: { drop: ['ALL'] },
      privileged: false,
      readOnlyRootFilesystem: true,
      runAsNonRoot: true,
      ...(settings.user === 0 ? {} : { runAsUser: settings.user, runAsGroup: settings.user }),
      seccompProfile: { type: 'RuntimeDefault' }
    },
    volumeMounts: [
      { name: VOLUMES.queue, mountPath: QUEUE_DIRECTORY },
      { name: VOLUMES.podinfo, mountPath: PODINFO_DIRECTORY, readOnly: true },
      ...logMounts
    ]
  }
}

/** The image that a pod is to have. */
export function imageOf({ image, version }: PodOptions, settings: SidecarSettings): string {
  return image ?? (version === undefined ? undefined : withVersion(settings.image, version)) ?? settings.image
}

function sidecarEnv({ settings, config, owner }: SidecarParts): Json[] {
  const env: Json[] = REFERENCES.map(([name, fieldPath]) => ({ name, valueFrom: { fieldRef: { fieldPath } } }))
  const attributes = Object.entries(owner).map(([name, value]) => `${name}=${encodeURIComponent(value.toWellFormed())}`)
  if (attributes.length > 0) env.push({ name: 'OTEL_RESOURCE_ATTRIBUTES', value: attributes.join(',') })
  const gpu = objectOf(objectOf(config.facts).gpu).source
  if (gpu === 'node' || gpu === 'auto') env.push({ name: 'SLUICE_NODE', value: `$(NODE_IP):${settings.gpuPort}` })
  if (gpu === 'nvidia-smi') {
    env.push({ name: 'NVIDIA_VISIBLE_DEVICES', value: 'all' }, { name: 'NVIDIA_DRIVER_CAPABILITIES', value: 'utility' })
  }
  // glibc's heap stays small with these.
  env.push({ name: 'MALLOC_ARENA_MAX', value: '2' }, { name: 'MALLOC_MMAP_THRESHOLD_', value: '131072' })
  env.push({ name: 'SLUICE_CONFIG', value: `env:${CONFIG_VARIABLE}` }, { name: CONFIG_VARIABLE, value: configText(config) })
  return env
}

// The worker waits for this, and for nothing else: a sidecar that is up and has trouble must not take the worker out of service, so there is no
// probe for readiness.
function startupProbe({ startupProbe: by }: SidecarSettings): Json {
  if (by === 'off') return {}
  const asked = by === 'http' ? { httpGet: { path: '/healthz', port: METRICS_PORT } } : { exec: { command: ['sluice', 'health'] } }
  return { startupProbe: { ...asked, periodSeconds: 1, timeoutSeconds: 5, failureThreshold: 60 } }
}
