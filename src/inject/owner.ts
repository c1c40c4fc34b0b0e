import { type Json, listOf, objectOf, textOf } from './json.ts'

const ATTRIBUTES: Readonly<Record<string, string>> = {
  Deployment: 'deployment',
  ReplicaSet: 'replicaset',
  StatefulSet: 'statefulset',
  DaemonSet: 'daemonset',
  Job: 'job',
  CronJob: 'cronjob',
  ReplicationController: 'replicationcontroller'
}
const MINUTE_MS = 60_000
/** How late a CronJob may make a Job and is still known by its name. */
const CRON_DELAY_MINUTES_MAX = 7 * 24 * 60

export interface Owner {
  readonly kind: string
  readonly name: string
}

/**
 * What a pod is part of, as attributes. Owners' owners are read off the names, so that nobody needs to be asked: a ReplicaSet is named
 * <deployment>-<pod-template-hash>, a Job of a CronJob <cronjob>-<minutes since 1970>.
 */
export function ownerAttributes(metadata: Json, template: Owner | undefined, nowMs: number): Record<string, string> {
  const found: Record<string, string> = {}
  const put = (kind: string, part: 'name' | 'uid', value: string): void => {
    if (Object.hasOwn(ATTRIBUTES, kind) && value !== '') found[`k8s.${ATTRIBUTES[kind]}.${part}`] = value
  }
  if (template !== undefined) {
    put(template.kind, 'name', template.name)
    return found
  }
  const owner = listOf(metadata.ownerReferences)
    .map(objectOf)
    .find((each) => each.controller === true)
  const [kind, name] = [textOf(owner?.kind), textOf(owner?.name)]
  if (owner === undefined || name === '') return found
  put(kind, 'name', name)
  put(kind, 'uid', textOf(owner.uid))
  const hash = textOf(objectOf(metadata.labels)['pod-template-hash'])
  if (kind === 'ReplicaSet' && hash !== '' && name.endsWith(`-${hash}`)) put('Deployment', 'name', name.slice(0, -hash.length - 1))
  const due = kind === 'Job' ? /^(.+)-(\d{7,9})$/.exec(name) : null
  const madeMs = Date.parse(textOf(metadata.creationTimestamp)) || nowMs
  const lateMinutes = due === null ? Number.NaN : madeMs / MINUTE_MS - Number(due[2])
  if (due !== null && lateMinutes > -2 && lateMinutes < CRON_DELAY_MINUTES_MAX) put('CronJob', 'name', due[1])
  return found
}

/** The kinds that name a service, best first, as OpenTelemetry's conventions for Kubernetes order them. */
const NAMING = ['deployment', 'replicaset', 'statefulset', 'daemonset', 'cronjob', 'job'].map((kind) => `k8s.${kind}.name`)

/** The name of the service that a pod is, by what it says itself and by its owner; undefined where only its own name is left. */
export function serviceNameOf(metadata: Json, owner: Readonly<Record<string, string>>): string | undefined {
  const [annotations, labels] = [objectOf(metadata.annotations), objectOf(metadata.labels)]
  const said = [
    annotations['resource.opentelemetry.io/service.name'],
    labels['app.kubernetes.io/instance'],
    labels['app.kubernetes.io/name'],
    ...NAMING.map((name) => owner[name])
  ]
  return said.map(textOf).find((name) => name !== '')
}
