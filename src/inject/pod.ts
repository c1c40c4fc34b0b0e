import { type Json, listOf, objectOf, textOf } from './json.ts'
import { type LogMounts, logMounts } from './log-directories.ts'
import { CONFIG_VARIABLE, CONTAINER, VOLUMES } from './names.ts'
import { obstacle } from './obstacles.ts'
import { askedByPod, INJECTED, type PodOptions, readPodOptions } from './options.ts'
import { type Owner, ownerAttributes, serviceNameOf } from './owner.ts'
import { PATCH_BYTES_MAX, Patch, type PatchOperation } from './patch.ts'
import { declaredPorts, knownPorts } from './ports.ts'
import type { SidecarSettings } from './settings.ts'
import { readConfigText, sidecarConfig } from './sidecar-config.ts'
import { imageOf, sidecarContainer } from './sidecar-container.ts'
import { sidecarResources } from './sidecar-resources.ts'
import { type Note, type WorkerFacts, workerEnv } from './worker-env.ts'

export type { PatchOperation } from './patch.ts'

/** What is known around a pod, and not by the pod itself. */
export interface InjectContext {
  /** The namespace asks for injection; the pod may still say no. */
  readonly namespaceAsks: boolean
  /** Of a pod that is still a template: what it is the template of. Otherwise the pod's ownerReferences say it. */
  readonly owner?: Owner | undefined
  /** As the API server says it: `v1.31.2`. Undefined: not known, taken for a recent one. */
  readonly kubernetesVersion?: string | undefined
  /** Values for options that the pod's annotations leave open, by the name behind `sluice.dev/`. */
  readonly defaults?: Readonly<Record<string, string>> | undefined
}

/** not-asked: nobody wants it. skipped: it was wanted and cannot be; a warning says why. unchanged: everything is there already. */
export type Outcome = 'injected' | 'unchanged' | 'not-asked' | 'skipped'

export interface Injection {
  readonly outcome: Outcome
  /** Applies to the pod exactly as it came; empty where nothing is to be done. */
  readonly patch: readonly PatchOperation[]
  readonly warnings: readonly string[]
}

/**
 * Decides what is to be put into a pod: the sidecar, its volumes, and what the workers need to find it. Only what is not there is added, so that
 * doing it again changes nothing. Never throws for what stands in the pod.
 */
export function injectPod(pod: unknown, settings: SidecarSettings, context: InjectContext): Injection {
  const warnings: string[] = []
  const [metadata, spec] = [objectOf(objectOf(pod).metadata), objectOf(objectOf(pod).spec)]
  if (!(askedByPod(metadata, warnings) ?? context.namespaceAsks)) return { outcome: 'not-asked', patch: [], warnings }
  const isNative = hasNativeSidecars(settings, context)
  const reason = obstacle(metadata, spec, isNative, context)
  if (reason !== undefined) return { outcome: 'skipped', patch: [], warnings: reason === '' ? warnings : [...warnings, reason] }
  const options = readPodOptions(objectOf(metadata.annotations), context.defaults ?? {}, settings, warnings)
  const patch = new Patch(pod)
  const there = sidecarOf(spec)
  let config = there === undefined ? {} : readConfigText(configOf(there))
  if (config === undefined) {
    warnings.push(`the pod has a container named ${CONTAINER} that is none of ours: nothing is injected`)
    return { outcome: 'skipped', patch: [], warnings }
  }
  if (there !== undefined && there.image !== imageOf(options, settings))
    warnings.push(`the pod has the sidecar ${textOf(there.image)} already, expected ${imageOf(options, settings)}; it is left as it is`)
  const owner = ownerAttributes(metadata, context.owner, Date.now())
  const chosen = workersOf(spec, options, settings, there === undefined ? isNative : isIn(spec.initContainers, there), warnings)
  const logs = logMounts(
    chosen.map(({ container }) => container),
    there === undefined || hasLogs(there) ? (options.logDirectories ?? []) : [],
    (text) => warnings.push(text)
  )

  if (there === undefined) {
    const made = sidecarConfig(spec, options, settings, knownPorts(spec), warnings)
    config = made.config
    addPullSecrets(patch, spec, settings)
    addVolumes(patch, spec, made.queueVolumeBytes, settings, logs.sidecar)
    const resources = sidecarResources(spec, options, settings, made.queueVolumeBytes)
    const parts = { options, settings, config, logMounts: logs.sidecar, owner, resources, isNative }
    if (isNative) patch.prepend(['spec', 'initContainers'], sidecarContainer(parts))
    else patch.append(['spec', 'containers'], [sidecarContainer(parts)])
  }
  if (objectOf(metadata.labels)[INJECTED] === undefined) patch.set(['metadata', 'labels'], INJECTED, 'true')

  const facts: WorkerFacts = {
    config,
    owner,
    serviceName: serviceNameOf(metadata, owner) ?? (textOf(metadata.name) || undefined),
    sentry: options.sentry ?? settings.sentry,
    datadog: (options.datadog ?? settings.datadog) && !hasDatadog(metadata, spec),
    ignoreEnvFrom: options.envFrom === 'ignore'
  }
  addToWorkers(patch, chosen, logs, facts, warnings)
  if (patch.isTooLarge) {
    warnings.push(`what is to be added is more than ${PATCH_BYTES_MAX} bytes, the names of this pod are too long; nothing is injected`)
    return { outcome: 'skipped', patch: [], warnings }
  }
  const all = patch.all()
  return { outcome: there !== undefined && all.length === 0 ? 'unchanged' : 'injected', patch: all, warnings }
}

interface Worker {
  readonly container: Json
  readonly list: 'containers' | 'initContainers'
  readonly index: number
}

function addToWorkers(patch: Patch, workers: readonly Worker[], logs: LogMounts, facts: WorkerFacts, warnings: string[]): void {
  const noted = new Map<Note, string[]>()
  workers.forEach(({ container, list, index }, i) => {
    if (patch.isTooLarge) return
    const note = (kind: Note): void => void noted.set(kind, [...(noted.get(kind) ?? []), textOf(container.name)])
    patch.append(['spec', list, index, 'env'], workerEnv(container, facts, note))
    patch.append(['spec', list, index, 'volumeMounts'], [...logs.workers[i]])
  })
  for (const [kind, names] of noted) warnings.push(noteText(kind, [...new Set(names)]))
}

// Without native sidecars nothing of ours runs yet while init containers do.
function workersOf(spec: Json, { containers }: PodOptions, { leave }: SidecarSettings, withInit: boolean, warnings: string[]): Worker[] {
  const found: Worker[] = []
  for (const list of withInit ? (['initContainers', 'containers'] as const) : (['containers'] as const)) {
    listOf(spec[list]).forEach((container: Json, index) => {
      const name = textOf(container?.name)
      if (name !== '' && name !== CONTAINER && !leave.includes(name) && containers?.includes(name) !== false)
        found.push({ container: objectOf(container), list, index })
    })
  }
  const all = [...listOf(spec.initContainers), ...listOf(spec.containers)].map((each) => textOf(each?.name))
  const missing = (containers ?? []).filter((name) => !all.includes(name))
  if (missing.length > 0) warnings.push(`sluice.dev/containers: the pod has no ${missing.join(', ')}`)
  return found
}

// By when the webhook is called, those of the service account stand in the pod.
function addPullSecrets(patch: Patch, spec: Json, { pullSecrets }: SidecarSettings): void {
  const there = listOf(spec.imagePullSecrets).map((each) => each?.name)
  const missing = [...new Set(pullSecrets)].filter((name) => !there.includes(name))
  patch.append(
    ['spec', 'imagePullSecrets'],
    missing.map((name) => ({ name }))
  )
}

function addVolumes(patch: Patch, spec: Json, queueBytes: number, settings: SidecarSettings, mounts: readonly Json[]): void {
  const add = (name: string, source: object): void => {
    if (!listOf(spec.volumes).some((volume) => volume?.name === name)) patch.append(['spec', 'volumes'], [{ name, ...source }])
  }
  add(VOLUMES.queue, { emptyDir: { sizeLimit: mebibytes(queueBytes) } })
  const items = ['labels', 'annotations'].map((path) => ({ path, fieldRef: { fieldPath: `metadata.${path}` } }))
  add(VOLUMES.podinfo, { downwardAPI: { items } })
  if (mounts.some(({ name }) => name === VOLUMES.logs)) add(VOLUMES.logs, { emptyDir: { sizeLimit: mebibytes(settings.logsSize) } })
}

const mebibytes = (bytes: number): string => `${Math.ceil(bytes / 1024 / 1024)}Mi`

const sidecarOf = (spec: Json): Json | undefined =>
  [...listOf(spec.initContainers), ...listOf(spec.containers)].find((container) => container?.name === CONTAINER)
const hasLogs = (sidecar: Json): boolean => listOf(sidecar.volumeMounts).some((mount) => mount?.name === VOLUMES.logs)
const isIn = (list: unknown, container: Json): boolean => listOf(list).includes(container)
const configOf = (container: Json): unknown => listOf(container.env).find((each) => each?.name === CONFIG_VARIABLE)?.value

const DATADOG_LABEL = 'admission.datadoghq.com/enabled'
const DATADOG_PORT = 8126

// Where Datadog's own webhook is wanted, or an Agent is in the pod, its clients are somebody else's.
function hasDatadog(metadata: Json, spec: Json): boolean {
  return objectOf(metadata.labels)[DATADOG_LABEL] === 'true' || declaredPorts(spec).has(DATADOG_PORT)
}

function hasNativeSidecars({ native }: SidecarSettings, { kubernetesVersion }: InjectContext): boolean {
  if (native !== 'auto') return native === 'always'
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(kubernetesVersion ?? '') ?? []
  return major === undefined || Number(major) > 1 || Number(minor) >= 29
}

function noteText(kind: Note, names: readonly string[]): string {
  const containers = names.length > 3 ? `${names.slice(0, 3).join(', ')} and ${names.length - 3} more` : names.join(', ')
  return kind === 'env-from'
    ? `envFrom of ${containers} may hold variables that were therefore not added; sluice.dev/env-from: ignore adds them`
    : `${containers}: OTEL_EXPORTER_OTLP_PROTOCOL has a value that only the container sees; its endpoint was not set`
}
