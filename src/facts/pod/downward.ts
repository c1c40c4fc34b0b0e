import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { PodAttributes } from '../facts.ts'
import { addService, copyChosen, type Rules } from './names.ts'

type Environment = Readonly<Record<string, string | undefined>>

/** The names under which manifests and operators hand a pod's facts to its containers, by attribute; the first that is set counts. */
const VARIABLES: Readonly<Record<string, readonly string[]>> = {
  'k8s.pod.name': ['POD_NAME', 'K8S_POD_NAME', 'OTEL_RESOURCE_ATTRIBUTES_POD_NAME', 'MY_POD_NAME'],
  'k8s.pod.uid': ['POD_UID', 'K8S_POD_UID', 'OTEL_RESOURCE_ATTRIBUTES_POD_UID', 'MY_POD_UID'],
  'k8s.pod.ip': ['POD_IP', 'K8S_POD_IP', 'MY_POD_IP'],
  'k8s.namespace.name': ['POD_NAMESPACE', 'K8S_NAMESPACE', 'K8S_POD_NAMESPACE', 'K8S_NAMESPACE_NAME', 'MY_POD_NAMESPACE', 'NAMESPACE'],
  'k8s.node.name': ['NODE_NAME', 'K8S_NODE_NAME', 'OTEL_RESOURCE_ATTRIBUTES_NODE_NAME', 'MY_NODE_NAME'],
  'k8s.cluster.name': ['CLUSTER_NAME', 'K8S_CLUSTER_NAME']
}
const NAMESPACE_FILE = '/var/run/secrets/kubernetes.io/serviceaccount/namespace'
const FILE_BYTES_MAX = 1024 * 1024
const LINES_MAX = 4096

/** Where a container's own facts come from. */
export interface DownwardPlaces {
  readonly env: Environment
  /** The downward volume: files `labels`, `annotations`, and perhaps `name`, `namespace`, `uid`. */
  readonly directory: string
  readonly namespaceFile?: string
}

/**
 * The pod that this process runs in, as the downward API tells it: files first, since they follow the pod, then variables, then what an
 * operator put into OTEL_RESOURCE_ATTRIBUTES. That last one was written for one container, so what it says of a container is left out.
 * Undefined when nothing speaks of a pod.
 */
export function readDownward(places: DownwardPlaces, labelRules: Rules, annotationRules: Rules, uid?: string): PodAttributes | undefined {
  const { env, directory, namespaceFile = NAMESPACE_FILE } = places
  const attributes: Record<string, string> = {}
  for (const [name, value] of parseResourceAttributes(env.OTEL_RESOURCE_ATTRIBUTES ?? ''))
    if (!name.startsWith('container.') && !name.startsWith('k8s.container.') && name !== 'service.instance.id') attributes[name] = value
  const labels = parsePodinfo(readSmall(join(directory, 'labels')))
  const annotations = parsePodinfo(readSmall(join(directory, 'annotations')))
  const set = (name: string, value: string | undefined): void => {
    const trimmed = value?.trim()
    // A reference to a variable that Kubernetes did not know stays as it was written.
    if (trimmed !== undefined && trimmed !== '' && !trimmed.startsWith('$(')) attributes[name] = trimmed
  }
  if (attributes['k8s.pod.uid'] === undefined) set('k8s.pod.uid', uid)
  if (attributes['k8s.namespace.name'] === undefined) set('k8s.namespace.name', readSmall(namespaceFile))
  for (const name in VARIABLES) {
    const variable = VARIABLES[name].find((each) => env[each] !== undefined && env[each] !== '')
    if (variable !== undefined) set(name, env[variable])
  }
  set('k8s.pod.name', readSmall(join(directory, 'name')))
  set('k8s.namespace.name', readSmall(join(directory, 'namespace')))
  set('k8s.pod.uid', readSmall(join(directory, 'uid')))
  if (attributes['k8s.pod.name'] === undefined && attributes['k8s.pod.uid'] === undefined && labels.size === 0) return undefined
  addDeployment(attributes, labels)
  copyChosen(attributes, 'label', labels, labelRules)
  copyChosen(attributes, 'annotation', annotations, annotationRules)
  addService(attributes, labels, annotations)
  return attributes
}

/** What changes when the kubelet has renewed the volume: it swaps the link `..data`, and a file that is mounted alone never changes. */
export function versionOf(directory: string): string {
  let version = ''
  for (const name of ['..data', 'labels', 'annotations', 'name', 'namespace', 'uid']) {
    const found = statSync(join(directory, name), { throwIfNoEntry: false, bigint: true })
    if (found !== undefined) version += `${name}:${found.ino}:${found.mtimeNs}:${found.size} `
  }
  return version
}

// The downward API has no owner. A pod of a Deployment is named <deployment>-<pod-template-hash>-<5 characters>, and the hash is a label.
function addDeployment(attributes: Record<string, string>, labels: ReadonlyMap<string, string>): void {
  const hash = labels.get('pod-template-hash')
  const name = attributes['k8s.pod.name']
  if (hash === undefined || name === undefined || attributes['k8s.deployment.name'] !== undefined) return
  const at = name.lastIndexOf(`-${hash}-`)
  if (at <= 0) return
  attributes['k8s.deployment.name'] = name.slice(0, at)
  attributes['k8s.replicaset.name'] ??= name.slice(0, at + 1 + hash.length)
}

/** Reads `key=value,key=value`, values percent-encoded. A pair that cannot be read is left out. */
export function parseResourceAttributes(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (text.length > FILE_BYTES_MAX) return found
  for (const pair of text.split(',')) {
    const at = pair.indexOf('=')
    if (at <= 0) continue
    const name = pair.slice(0, at).trim()
    const value = pair.slice(at + 1).trim()
    if (name === '' || value === '' || value.includes('$(')) continue
    try {
      found.set(name, decodeURIComponent(value))
    } catch {
      found.set(name, value)
    }
  }
  return found
}

/** Reads a file of the downward volume: a line `key="value"` each, the value escaped as Go quotes a string. */
export function parsePodinfo(text: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  for (const line of text.split('\n')) {
    const at = line.indexOf('="')
    if (at <= 0 || !line.endsWith('"') || line.length < at + 3) continue
    found.set(line.slice(0, at), unquote(line.slice(at + 2, -1)))
    if (found.size >= LINES_MAX) break
  }
  return found
}

const ESCAPED: Readonly<Record<string, string>> = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

function unquote(text: string): string {
  if (!text.includes('\\')) return text
  // \xNN are bytes, which together may be one character of UTF-8.
  return text.replace(/(?:\\x[0-9a-f]{2})+|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\([0-7]{3})|\\(.)/g, (whole, short, long, octal, one) => {
    if (one !== undefined) return ESCAPED[one] ?? one
    if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8))
    const code = short ?? long
    if (code === undefined) return Buffer.from(whole.replaceAll('\\x', ''), 'hex').toString('utf8')
    const point = Number.parseInt(code, 16)
    return point > 0x10ffff ? '\ufffd' : String.fromCodePoint(point)
  })
}

function readSmall(file: string): string {
  try {
    return statSync(file).size > FILE_BYTES_MAX ? '' : readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
