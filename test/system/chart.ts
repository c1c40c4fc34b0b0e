import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { parseAllDocuments } from 'yaml'
import { temporaryDirectory } from '../support/temporary-directory.ts'

// biome-ignore lint/suspicious/noExplicitAny: trees of manifests, for tests to look into
type Tree = any

/** An object as the chart renders it. */
export interface Rendered {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Record<string, string>
    readonly annotations?: Record<string, string>
  }
  readonly [key: string]: Tree
}

export const CHART = join(import.meta.dirname, '..', '..', 'helm')
export const NAMESPACE = 'telemetry'
const MANIFESTS_MAX_BYTES = 64 * 2 ** 20
const run = promisify(execFile)

export const BACKEND = { backends: { otlp: { enabled: true, endpoint: 'https://otlp.example:4318' } } }

/** Values with which one mode is on, with these values of its own. */
export const only = (mode: string, more: object = {}): object =>
  Object.fromEntries(
    ['injector', 'daemonset', 'gateway'].map((name) => [name, name === mode ? { enabled: true, ...more } : { enabled: false }])
  )

/** What `helm template` answers: objects, or the words it fails with. */
export async function render(
  helm: string,
  values: object,
  kubeVersion = 'v1.37.0',
  { release = 'sluice', namespace = NAMESPACE } = {}
): Promise<{ objects: Rendered[]; failure: string }> {
  const dir = temporaryDirectory()
  try {
    const file = join(dir, 'values.json')
    writeFileSync(file, JSON.stringify(values))
    const args = ['template', release, CHART, '--namespace', namespace, '--values', file, '--kube-version', kubeVersion]
    const { stdout } = await run(helm, args, { maxBuffer: MANIFESTS_MAX_BYTES })
    return { objects: objectsOf(stdout), failure: '' }
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    if (stderr === undefined) throw error
    return { objects: [], failure: stderr }
  }
}

function objectsOf(text: string): Rendered[] {
  return parseAllDocuments(text, { uniqueKeys: true })
    .map((document) => {
      const [error] = document.errors
      if (error !== undefined) throw error
      return document.toJS() as Rendered | null
    })
    .filter((object) => object !== null)
}

export const ofKind = (objects: readonly Rendered[], kind: string): Rendered[] => objects.filter((object) => object.kind === kind)

/** The workloads of a chart, which have pods. */
export const workloadsOf = (objects: readonly Rendered[]): Rendered[] =>
  objects.filter(({ kind }) => ['Deployment', 'DaemonSet', 'StatefulSet'].includes(kind))

/** The variables of a workload's container; those from Secrets and from the pod itself have a stand-in for a value. */
export function environmentOf(workload: Rendered): Record<string, string> {
  const [{ env }] = workload.spec.template.spec.containers
  const values = (env as { name: string; value?: string }[]).map(({ name, value }) => [name, value ?? STAND_INS[name] ?? 'stand-in'])
  return Object.fromEntries(values)
}

const STAND_INS: Readonly<Record<string, string>> = {
  SENTRY_DSN: 'https://key@sentry.example/1',
  OTEL_EXPORTER_OTLP_HEADERS: 'authorization=stand-in'
}

const ROLLED = { Deployment: 'injector', DaemonSet: 'daemonset', StatefulSet: 'gateway' } as const

/** Kinds whose names may be as long as a DNS name, not only as one label of it. */
const SUBDOMAINS = ['ConfigMap', 'PriorityClass']

/** What is wrong with the objects by our own rules, a line each. */
export function violations(objects: readonly Rendered[]): string[] {
  const found: string[] = []
  const ids = objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ''}/${metadata.name}`)
  const told = (object: Rendered, is: boolean, words: string): void =>
    void (is || found.push(`${object.kind} ${object.metadata.name}: ${words}`))
  for (const [i, object] of objects.entries()) {
    told(object, ids.indexOf(ids[i]) === i, 'there are two of this name')
    told(object, object.metadata.name.length <= (SUBDOMAINS.includes(object.kind) ? 253 : 63), 'the name is too long')
    told(object, object.metadata.labels?.['app.kubernetes.io/managed-by'] === 'Helm', 'the labels are missing')
    if (object.kind === 'Secret') told(object, object.data === undefined && object.stringData === undefined, 'a secret is in the chart')
    if (object.kind === 'ServiceAccount') told(object, object.automountServiceAccountToken === false, 'every pod gets its token')
    if (/Role$/.test(object.kind))
      for (const rule of object.rules) told(object, isLeast(rule), `a right that is too wide: ${JSON.stringify(rule)}`)
  }
  for (const job of ofKind(objects, 'CronJob')) found.push(...jobViolations(job).map((words) => `${job.metadata.name}: ${words}`))
  for (const workload of workloadsOf(objects)) found.push(...podViolations(workload, objects).map((words) => `${workload.kind}: ${words}`))
  return found
}

function isLeast({ verbs, resources, resourceNames, apiGroups }: Record<string, string[]>): boolean {
  const named = ['secrets', 'mutatingwebhookconfigurations'].some((resource) => resources.includes(resource))
  const followed = resources.join() === 'namespaces'
  const allowed = named ? ['get', 'update', 'patch'] : followed ? ['list', 'watch'] : ['get', 'list']
  return (
    verbs.every((verb) => allowed.includes(verb)) && (!named || resourceNames?.length === 1) && ![...resources, ...apiGroups].includes('*')
  )
}

function jobViolations({ metadata, spec }: Rendered): string[] {
  const pod = spec.jobTemplate.spec.template.spec
  const [{ securityContext, resources, image, args, env, volumeMounts = [] }] = pod.containers
  const mounted = volumeMounts.map(({ mountPath }: Tree) => mountPath)
  const files = (args as string[]).flatMap((arg) => /-file=(.*)$/.exec(arg)?.[1] ?? [])
  const rules: readonly (readonly [is: boolean, words: string])[] = [
    [metadata.name.length <= 52, 'its name leaves no room for those of jobs'],
    [spec.concurrencyPolicy === 'Forbid' && spec.jobTemplate.spec.backoffLimit >= 0, 'it may run twice at once, or for ever'],
    [pod.restartPolicy === 'Never', 'it never ends'],
    [pod.automountServiceAccountToken === false, 'it has a token without need'],
    [pod.securityContext.runAsNonRoot === true && pod.securityContext.runAsUser > 0, 'it runs as root'],
    [pod.securityContext.seccompProfile?.type === 'RuntimeDefault', 'no seccomp profile'],
    [securityContext.readOnlyRootFilesystem === true && securityContext.allowPrivilegeEscalation === false, 'privileges'],
    [securityContext.capabilities.drop.join() === 'ALL', 'capabilities'],
    [/@sha256:[0-9a-f]{64}$|:(?!latest$)[\w.-]+$/.test(image), `image ${image}`],
    [resources.requests?.memory !== undefined && resources.limits?.memory !== undefined, 'resources'],
    [files.every((file) => mounted.some((path: string) => file.startsWith(`${path}/`))), 'a file of a secret is not mounted'],
    [files.length === mounted.length && mounted.length === (pod.volumes ?? []).length, 'a secret that nobody reads'],
    [(pod.volumes ?? []).every(({ secret }: Tree) => secret !== undefined), 'a volume that is no secret'],
    [!/(hooks\.slack|password=)/.test(JSON.stringify([args, env])), 'a secret is in the chart']
  ]
  return rules.flatMap(([is, words]) => (is ? [] : [words]))
}

function podViolations(workload: Rendered, objects: readonly Rendered[]): string[] {
  const found: string[] = []
  const told = (is: boolean, words: string): void => void (is || found.push(words))
  const { template, selector } = workload.spec
  const pod = template.spec
  const onNode = workload.kind === 'DaemonSet'
  for (const [key, value] of Object.entries(selector.matchLabels))
    told(template.metadata.labels[key] === value, `the selector's ${key} is not on pods`)
  const mode = ROLLED[workload.kind as keyof typeof ROLLED]
  told(/^[0-9a-f]{64}$/.test(template.metadata.annotations['checksum/config']), 'a change of its configuration does not roll out')
  told(
    objects.some(({ kind, metadata }) => kind === 'ConfigMap' && metadata.name.endsWith(`-${mode}`)),
    'it has no configuration'
  )
  told(mode !== 'gateway' || pod.automountServiceAccountToken === false, 'it has a token without need')
  told(pod.enableServiceLinks === false, 'variables of all Services')
  told(pod.securityContext.seccompProfile?.type === 'RuntimeDefault', 'no seccomp profile')
  told(onNode || (pod.securityContext.runAsNonRoot === true && pod.securityContext.runAsUser > 0), 'it runs as root')
  for (const volume of pod.volumes) {
    told(onNode || volume.hostPath === undefined, `volume ${volume.name} is the node's`)
    told(volume.emptyDir === undefined || volume.emptyDir.sizeLimit !== undefined, `volume ${volume.name} has no limit`)
  }
  told(pod.containers.length === 1 && pod.containers[0].name === 'sluice', 'another container')
  for (const container of pod.containers) {
    const { securityContext, resources, image, env, ports, volumeMounts } = container
    const readsKernel = pod.volumes.some(({ name }: { name: string }) => name === 'kernel-log')
    told(securityContext.readOnlyRootFilesystem === true, 'it may write to its image')
    if (readsKernel) told(onNode && securityContext.privileged === true, 'it may not read /dev/kmsg')
    else {
      told(securityContext.privileged !== true && securityContext.allowPrivilegeEscalation === false, 'privileges')
      told(securityContext.capabilities.drop.join() === 'ALL' && securityContext.capabilities.add === undefined, 'capabilities')
    }
    told(/@sha256:[0-9a-f]{64}$|:(?!latest$)[\w.-]+$/.test(image), `image ${image}`)
    told(
      resources.requests?.cpu !== undefined && resources.requests?.memory !== undefined && resources.limits?.memory !== undefined,
      'resources'
    )
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'])
      told(container[probe]?.httpGet?.port === 'admin', `no ${probe}`)
    for (const { name, value } of env)
      told(value === undefined || !/KEY|TOKEN|SECRET|DSN|HEADERS|PASSWORD/.test(name), `${name} is in the chart`)
    told(new Set(env.map(({ name }: { name: string }) => name)).size === env.length, 'a variable is there twice')
    told(
      env.some(({ name }: { name: string }) => name === 'MALLOC_ARENA_MAX'),
      'memory is not held down'
    )
    told(new Set(ports.map(({ name }: { name: string }) => name)).size === ports.length, 'a port is there twice')
    for (const { hostPort } of ports) told(hostPort === undefined || onNode || pod.hostNetwork === true, 'a port of the node')
    const volumes = [...pod.volumes, ...(workload.spec.volumeClaimTemplates ?? []).map(({ metadata }: Tree) => metadata)]
    for (const { name, readOnly } of volumeMounts) {
      const volume = volumes.find((each: { name: string }) => each.name === name)
      told(volume !== undefined, `nothing is mounted as ${name}`)
      told(volume?.hostPath === undefined || readOnly === true || name === 'sluice-queue', `${name} of the node may be written`)
    }
    for (const { name } of pod.volumes)
      told(
        volumeMounts.some((mount: { name: string }) => mount.name === name),
        `volume ${name} is not mounted`
      )
  }
  const account = pod.serviceAccountName
  told(
    account === 'default' || objects.some(({ kind, metadata }) => kind === 'ServiceAccount' && metadata.name === account),
    `no account ${account}`
  )
  return found
}
