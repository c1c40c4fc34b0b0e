// What Datadog calls the things that OpenTelemetry describes in resource attributes.
// https://docs.datadoghq.com/opentelemetry/mapping/semantic_mapping/ and …/hostname/
import type { AnyValue, KeyValue } from '../../otlp/objects.ts'

/** Who sent something, in Datadog's words. */
export interface Sender {
  readonly service: string | undefined
  readonly env: string | undefined
  readonly version: string | undefined
  readonly host: string | undefined
  /** `name:value`: env, version, and what is known of container, cloud and Kubernetes. */
  readonly tags: readonly string[]
}

/** A tag that is longer is cut by Datadog. */
const TAG_CHARACTERS_MAX = 200
const TAGS_MAX = 100
const NAME_CHARACTERS_MAX = 100
const HOST_CHARACTERS_MAX = 255

/** By the attribute that it is taken from. */
export const TAG_OF: Readonly<Record<string, string>> = {
  'container.id': 'container_id',
  'container.name': 'container_name',
  'container.image.name': 'image_name',
  'container.image.tag': 'image_tag',
  'container.runtime': 'runtime',
  'cloud.provider': 'cloud_provider',
  'cloud.region': 'region',
  'cloud.availability_zone': 'zone',
  'k8s.container.name': 'kube_container_name',
  'k8s.cluster.name': 'kube_cluster_name',
  'k8s.deployment.name': 'kube_deployment',
  'k8s.replicaset.name': 'kube_replica_set',
  'k8s.statefulset.name': 'kube_stateful_set',
  'k8s.daemonset.name': 'kube_daemon_set',
  'k8s.job.name': 'kube_job',
  'k8s.cronjob.name': 'kube_cronjob',
  'k8s.namespace.name': 'kube_namespace',
  'k8s.pod.name': 'pod_name',
  'app.kubernetes.io/name': 'kube_app_name',
  'app.kubernetes.io/instance': 'kube_app_instance',
  'app.kubernetes.io/version': 'kube_app_version',
  'app.kubernetes.io/part-of': 'kube_app_part_of',
  'app.kubernetes.io/managed-by': 'kube_app_managed_by'
}
const OWN_TAG = 'datadog.container.tag.'

/** Reads the attributes of a resource; of a key that comes twice, the last counts. */
export function senderOf(attributes: readonly KeyValue[] | undefined, hostname?: string): Sender {
  const texts = new Map<string, string>()
  for (const { key, value } of attributes ?? []) {
    const text = textOf(value)
    if (key !== undefined && text !== undefined && text.trim() !== '') texts.set(key, text)
  }
  const first = (...keys: readonly string[]): string | undefined => {
    for (const key of keys) if (texts.has(key)) return texts.get(key)
    return undefined
  }
  const env = first('deployment.environment.name', 'deployment.environment', 'tags.datadoghq.com/env')
  const version = first('service.version', 'tags.datadoghq.com/version')
  const service = first('service.name', 'tags.datadoghq.com/service')
  const tags: string[] = []
  const add = (name: string, value: string | undefined): void => {
    if (value !== undefined && tags.length < TAGS_MAX) tags.push(tagOf(name, value))
  }
  add('env', env)
  add('version', version)
  for (const [key, value] of texts) {
    if (Object.hasOwn(TAG_OF, key)) add(TAG_OF[key], value)
    else if (key.startsWith(OWN_TAG)) add(key.slice(OWN_TAG.length), value)
  }
  return { service: service?.slice(0, NAME_CHARACTERS_MAX), env, version, host: hostOf(texts, first) ?? hostname, tags }
}

/** `name:value` without what ends a tag in a list. */
export function tagOf(name: string, value: string): string {
  return plainTag(`${name}:${value}`.replaceAll(',', '_'))
}

/** A tag as Datadog takes it. */
export function plainTag(tag: string): string {
  return tag
    .replace(/\p{C}/gu, '_')
    .trim()
    .slice(0, TAG_CHARACTERS_MAX)
    .replace(/[\s:]+$/, '')
}

function hostOf(texts: ReadonlyMap<string, string>, first: (...keys: readonly string[]) => string | undefined): string | undefined {
  // Tasks on Fargate have no host.
  if (texts.get('aws.ecs.launchtype')?.toLowerCase() === 'fargate') return usable(first('host', 'datadog.host.name'))
  const node = texts.get('k8s.node.name')
  const cluster = texts.get('k8s.cluster.name')
  const inCloud = texts.has('cloud.provider') ? texts.get('host.id') : undefined
  const candidates = [
    texts.get('host'),
    texts.get('datadog.host.name'),
    inCloud,
    node === undefined || cluster === undefined ? node : `${node}-${cluster}`,
    texts.get('host.id'),
    texts.get('host.name')
  ]
  for (const candidate of candidates) if (usable(candidate) !== undefined) return candidate
  return undefined
}

const NO_HOST = /^(localhost|localhost\.localdomain|localhost6|localhost6\.localdomain6|ip6-localhost|0\.0\.0\.0|127\.\d+\.\d+\.\d+|::1?)$/i

function usable(name: string | undefined): string | undefined {
  return name === undefined || name.length > HOST_CHARACTERS_MAX || NO_HOST.test(name) ? undefined : name
}

/** A value as a tag has it; lists, maps and bytes make none. */
export function textOf(value: AnyValue | undefined): string | undefined {
  if (value === undefined) return undefined
  if (value.stringValue !== undefined) return value.stringValue
  const scalar = value.intValue ?? value.doubleValue ?? value.boolValue
  return scalar === undefined ? undefined : String(scalar)
}
