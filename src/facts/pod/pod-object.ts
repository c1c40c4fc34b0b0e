import type { PodAttributes } from '../facts.ts'
import { addService, copyChosen, type Rules } from './names.ts'

/** A pod of this node, cut down to what is asked of it. */
export interface KnownPod {
  readonly uid: string
  readonly namespace: string
  readonly name: string
  /** Its addresses, unless it shares the node's network: then they say nothing. */
  readonly ips: readonly string[]
  /** It has ended: what it held is free again, its addresses too. */
  readonly isOver: boolean
  readonly attributes: PodAttributes
  /** By container id, without the runtime's name before it. */
  readonly containers: ReadonlyMap<string, PodAttributes>
}

// biome-ignore lint/suspicious/noExplicitAny: JSON from outside; each step is looked at before it is taken
type Json = any

const CONTAINERS_MAX = 256
const MINUTE_MS = 60_000
/** A CronJob names its Jobs after the minute they were due; a pod may be made this much later. */
const CRON_DELAY_MINUTES_MAX = 7 * 24 * 60

/** Reads an item of a PodList. Undefined if it is not one: without uid, name or namespace. */
export function readPod(pod: Json, labelRules: Rules, annotationRules: Rules): KnownPod | undefined {
  const { metadata, spec, status } = object(pod)
  const { uid, name, namespace } = object(metadata)
  if (!isText(uid) || !isText(name) || !isText(namespace)) return undefined
  const labels = texts(metadata.labels)
  const annotations = texts(metadata.annotations)
  const attributes: Record<string, string> = { 'k8s.pod.uid': uid, 'k8s.pod.name': name, 'k8s.namespace.name': namespace }
  put(attributes, 'k8s.node.name', object(spec).nodeName)
  put(attributes, 'k8s.pod.ip', object(status).podIP)
  put(attributes, 'k8s.pod.start_time', object(status).startTime)
  addOwner(attributes, metadata, labels)
  copyChosen(attributes, 'label', labels, labelRules)
  copyChosen(attributes, 'annotation', annotations, annotationRules)
  const containers = readContainers(attributes, status, labels, annotations)
  addService(attributes, labels, annotations)
  const { hostNetwork } = object(spec)
  const { podIP, podIPs, phase } = object(status)
  const ips = new Set([podIP, ...list(podIPs).map((each) => object(each).ip)].filter(isText))
  return {
    uid,
    namespace,
    name,
    ips: hostNetwork === true ? [] : [...ips],
    isOver: phase === 'Succeeded' || phase === 'Failed',
    attributes,
    containers
  }
}

function readContainers(
  pod: PodAttributes,
  status: Json,
  labels: ReadonlyMap<string, string>,
  annotations: ReadonlyMap<string, string>
): ReadonlyMap<string, PodAttributes> {
  const found = new Map<string, PodAttributes>()
  const { containerStatuses, initContainerStatuses, ephemeralContainerStatuses } = object(status)
  for (const each of [...list(containerStatuses), ...list(initContainerStatuses), ...list(ephemeralContainerStatuses)]) {
    const { name, containerID, image } = object(each)
    // `containerd://<id>`; absent while the container is being made.
    const id = isText(containerID) ? containerID.slice(containerID.indexOf('://') + 3) : ''
    if (id === '' || !isText(name) || found.size >= CONTAINERS_MAX) continue
    const attributes: Record<string, string> = { ...pod, 'k8s.container.name': name, 'container.id': id }
    const { repository, tag } = parseImage(isText(image) ? image : '')
    put(attributes, 'container.image.name', repository)
    put(attributes, 'container.runtime.name', containerID.slice(0, containerID.indexOf('://')))
    addService(attributes, labels, annotations, tag)
    found.set(id, attributes)
  }
  return found
}

/** `registry:5000/team/name:tag@sha256:…`; runtimes also give a bare digest, which names nothing. */
export function parseImage(image: string): { repository: string | undefined; tag: string | undefined } {
  const at = image.indexOf('@')
  const named = at === -1 ? image : image.slice(0, at)
  if (named === '' || named.startsWith('sha256:')) return { repository: undefined, tag: undefined }
  const colon = named.lastIndexOf(':')
  if (colon <= named.lastIndexOf('/')) return { repository: named, tag: undefined }
  return { repository: named.slice(0, colon), tag: named.slice(colon + 1) }
}

const OWNERS: Readonly<Record<string, string>> = {
  ReplicaSet: 'replicaset',
  StatefulSet: 'statefulset',
  DaemonSet: 'daemonset',
  Job: 'job',
  CronJob: 'cronjob'
}

// A pod knows its owner, not its owner's owner. The names of both are made from one another, so no further question is needed:
// ReplicaSet = <deployment>-<pod-template-hash>, Job = <cronjob>-<minutes since 1970>.
function addOwner(attributes: Record<string, string>, metadata: Json, labels: ReadonlyMap<string, string>): void {
  const owner = list(metadata.ownerReferences)
    .map(object)
    .find((each) => each.controller === true)
  if (owner === undefined || !isText(owner.name) || !Object.hasOwn(OWNERS, String(owner.kind))) return
  const kind = OWNERS[owner.kind]
  attributes[`k8s.${kind}.name`] = owner.name
  put(attributes, `k8s.${kind}.uid`, owner.uid)
  const hash = labels.get('pod-template-hash')
  if (kind === 'replicaset' && hash !== undefined && owner.name.endsWith(`-${hash}`))
    put(attributes, 'k8s.deployment.name', owner.name.slice(0, -hash.length - 1))
  const due = kind === 'job' ? /^(.+)-(\d{7,9})$/.exec(owner.name) : null
  if (due === null) return
  const madeMinutes = Date.parse(metadata.creationTimestamp) / MINUTE_MS
  const lateMinutes = madeMinutes - Number(due[2])
  if (lateMinutes > -2 && lateMinutes < CRON_DELAY_MINUTES_MAX) attributes['k8s.cronjob.name'] = due[1]
}

const isText = (value: unknown): value is string => typeof value === 'string' && value !== ''
const object = (value: Json): Json => (typeof value === 'object' && value !== null ? value : {})
const list = (value: Json): Json[] => (Array.isArray(value) ? value : [])

function texts(value: Json): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const [key, each] of Object.entries(object(value))) if (typeof each === 'string') found.set(key, each)
  return found
}

function put(attributes: Record<string, string>, name: string, value: unknown): void {
  if (isText(value)) attributes[name] = value
}
