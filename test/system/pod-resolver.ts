import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import type { Manifest } from './kubernetes-client.ts'

/** What the kubelet takes from elsewhere than the pod. */
export interface Surroundings {
  /** A ConfigMap or Secret of the pod's namespace, if there is one. */
  object(kind: 'ConfigMap' | 'Secret', name: string): Manifest | undefined
  /** Directories of this machine that stand for paths of the node. */
  readonly hostPaths: Readonly<Record<string, string>>
  /** Of the pod's service account. */
  readonly token?: string
  /** Variables that the kubelet adds to every container: where the API server is. */
  readonly env?: Readonly<Record<string, string>>
  /** A file that takes the place of /etc/hosts. */
  readonly hostsFile?: string
}

export interface Mount {
  readonly source: string
  readonly target: string
  readonly readOnly: boolean
}

/** A container as a runtime is told to start it. `command` and `args` are empty where the image decides. */
export interface ResolvedContainer {
  readonly name: string
  readonly command: readonly string[]
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly mounts: readonly Mount[]
  readonly user: number
  readonly group: number
  readonly readOnlyRoot: boolean
  readonly privileged: boolean
}

/** Fills the volumes of a pod as the kubelet does, each in a directory of its own under `dir`, and returns these by the name of the volume. */
export function makeVolumes(pod: Manifest, dir: string, around: Surroundings): Map<string, string> {
  const made = new Map<string, string>()
  for (const volume of pod.spec.volumes ?? []) {
    const place = volume.hostPath === undefined ? join(dir, volume.name) : around.hostPaths[volume.hostPath.path]
    if (place === undefined) throw new Error(`the test gives no directory for the host path ${volume.hostPath.path}`)
    mkdirSync(place, { recursive: true })
    if (volume.emptyDir !== undefined || volume.persistentVolumeClaim !== undefined) chmodSync(place, 0o777)
    else if (volume.hostPath === undefined) writeAtomically(place, filesOf(pod, volume, around))
    if (volume.hostPath === undefined) makeNestedMountpoints(pod, volume.name, place)
    made.set(volume.name, place)
  }
  return made
}

// A volume that is mounted below another one needs a directory there, which nobody could make in a mount that is read-only.
function makeNestedMountpoints({ spec }: Manifest, volume: string, place: string): void {
  for (const { volumeMounts = [] } of [...(spec.initContainers ?? []), ...spec.containers]) {
    for (const outer of volumeMounts.filter(({ name, subPath }: Manifest) => name === volume && subPath === undefined))
      for (const { mountPath } of volumeMounts)
        if (mountPath.startsWith(`${outer.mountPath}/`)) mkdirSync(join(place, relative(outer.mountPath, mountPath)), { recursive: true })
  }
}

/** What a container of the pod is started with. Throws where the kubelet would not start it. */
export function resolveContainer(
  pod: Manifest,
  container: Manifest,
  volumes: ReadonlyMap<string, string>,
  around: Surroundings
): ResolvedContainer {
  const env = environmentOf(pod, container, around)
  const security = { ...pod.spec.securityContext, ...container.securityContext }
  const mounts = (container.volumeMounts ?? []).map(({ name, mountPath, subPath = '', readOnly = false }: Manifest): Mount => {
    const source = volumes.get(name)
    if (source === undefined) throw new Error(`${container.name} mounts the volume ${name}, which the pod does not have`)
    return { source: subPath === '' ? source : subDirectory(source, subPath), target: mountPath, readOnly }
  })
  if (around.hostsFile !== undefined) mounts.push({ source: around.hostsFile, target: '/etc/hosts', readOnly: true })
  return {
    name: container.name,
    command: (container.command ?? []).map((text: string) => expand(text, env)),
    args: (container.args ?? []).map((text: string) => expand(text, env)),
    env,
    mounts,
    user: security.runAsUser ?? 0,
    group: security.runAsGroup ?? 0,
    readOnlyRoot: security.readOnlyRootFilesystem ?? false,
    privileged: security.privileged ?? false
  }
}

// Made where it is missing, with the rights of the volume.
function subDirectory(volume: string, subPath: string): string {
  const place = join(volume, subPath)
  if (!existsSync(place)) {
    mkdirSync(place, { recursive: true })
    chmodSync(place, statSync(volume).mode)
  }
  return place
}

function environmentOf(pod: Manifest, container: Manifest, around: Surroundings): Record<string, string> {
  const env: Record<string, string> = { ...around.env }
  for (const { prefix = '', secretRef, configMapRef } of container.envFrom ?? []) {
    const { name, optional = false } = secretRef ?? configMapRef
    const object = around.object(secretRef === undefined ? 'ConfigMap' : 'Secret', name)
    if (object === undefined && !optional) throw new Error(`${container.name} needs ${name}, which is not there`)
    for (const [key, value] of Object.entries(object === undefined ? {} : dataOf(object))) env[prefix + key] = value.toString()
  }
  for (const { name, value = '', valueFrom } of container.env ?? []) {
    const found = valueFrom === undefined ? expand(value, env) : referredTo(pod, container, valueFrom, around)
    if (found !== undefined) env[name] = found
  }
  return env
}

// $(NAME) is a variable that stands before, and is left as it is where there is none; $$ is one $.
function expand(text: string, env: Readonly<Record<string, string>>): string {
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (all, name) => (all === '$$' ? '$' : (env[name] ?? all)))
}

function referredTo(pod: Manifest, container: Manifest, from: Manifest, around: Surroundings): string | undefined {
  if (from.fieldRef !== undefined) return fieldOf(pod, from.fieldRef.fieldPath)
  if (from.resourceFieldRef !== undefined) return resourceOf(pod, from.resourceFieldRef, container)
  const { name, key, optional = false } = from.secretKeyRef ?? from.configMapKeyRef
  const object = around.object(from.secretKeyRef === undefined ? 'ConfigMap' : 'Secret', name)
  const value = object === undefined ? undefined : dataOf(object)[key]
  if (value === undefined && !optional) throw new Error(`${container.name} needs ${key} of ${name}, which is not there`)
  return value?.toString()
}

function fieldOf(pod: Manifest, path: string): string {
  const [, map, key] = /^metadata\.(labels|annotations)\['(.*)'\]$/.exec(path) ?? []
  if (map !== undefined) return pod.metadata[map]?.[key] ?? ''
  if (path === 'metadata.labels' || path === 'metadata.annotations') {
    const entries = Object.entries(pod.metadata[path.slice('metadata.'.length)] ?? {}).sort(([a], [b]) => (a < b ? -1 : 1))
    return entries.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join('\n')
  }
  const value = path.split('.').reduce((tree: Manifest, step) => tree?.[step], pod)
  if (typeof value !== 'string') throw new Error(`the pod has no ${path}`)
  return value
}

function resourceOf(pod: Manifest, { containerName, resource, divisor = '1' }: Manifest, own: Manifest): string {
  const all = [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
  const { resources } = containerName === undefined ? own : all.find(({ name }) => name === containerName)
  const [kind, name] = resource.split('.')
  return String(Math.ceil(amountOf(resources?.[kind]?.[name] ?? '0') / amountOf(divisor)))
}

const UNITS: Readonly<Record<string, number>> = { '': 1, m: 1e-3, k: 1e3, M: 1e6, G: 1e9, Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30 }

function amountOf(quantity: string | number): number {
  const [, number, unit] = /^([\d.]+)(m|k|M|G|Ki|Mi|Gi|)$/.exec(String(quantity)) ?? []
  if (number === undefined) throw new Error(`${quantity} is no quantity`)
  return Number(number) * UNITS[unit]
}

function filesOf(pod: Manifest, volume: Manifest, around: Surroundings): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  const sources = volume.projected?.sources ?? [volume]
  for (const { configMap, secret, downwardAPI, serviceAccountToken } of sources) {
    if (serviceAccountToken !== undefined) files.set(serviceAccountToken.path, Buffer.from(around.token ?? 'token-of-the-pod'))
    for (const { path, fieldRef, resourceFieldRef } of downwardAPI?.items ?? [])
      files.set(path, Buffer.from(fieldRef === undefined ? resourceOf(pod, resourceFieldRef, {}) : fieldOf(pod, fieldRef.fieldPath)))
    const named = configMap ?? secret
    if (named === undefined) continue
    const name = named.name ?? named.secretName
    const object = around.object(configMap === undefined ? 'Secret' : 'ConfigMap', name)
    if (object === undefined && named.optional !== true) throw new Error(`the volume ${volume.name} needs ${name}, which is not there`)
    const data = object === undefined ? {} : dataOf(object)
    const items = named.items ?? Object.keys(data).map((key) => ({ key, path: key }))
    for (const { key, path } of items) if (data[key] !== undefined) files.set(path, data[key])
  }
  return files
}

function dataOf({ data = {}, stringData = {}, binaryData = {}, kind }: Manifest): Record<string, Buffer> {
  const decode = (encoded: boolean) => (map: Record<string, string>) =>
    Object.entries(map).map(([key, value]) => [key, Buffer.from(value, encoded ? 'base64' : 'utf8')])
  return Object.fromEntries([...decode(kind === 'Secret')(data), ...decode(false)(stringData), ...decode(true)(binaryData)])
}

// Names lead through ..data to a directory of one moment, so that all files change at once.
function writeAtomically(place: string, files: ReadonlyMap<string, Buffer>): void {
  mkdirSync(join(place, '..now'))
  symlinkSync('..now', join(place, '..data'))
  for (const [path, content] of files) {
    mkdirSync(dirname(join(place, '..now', path)), { recursive: true })
    writeFileSync(join(place, '..now', path), content)
    const [top] = path.split('/')
    try {
      symlinkSync(join('..data', top), join(place, top))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    }
  }
}
