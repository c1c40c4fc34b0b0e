import { RefusedError } from '../../errors.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { PodAttributes, PodFacts } from '../facts.ts'
import type { FactsLog } from '../log.ts'
import { podFactsOff } from '../off.ts'
import { ownPlacement, placementOf } from './cgroup.ts'
import { readDownward, versionOf } from './downward.ts'
import { parseRules, type Rules } from './names.ts'
import { NodePods } from './node-pods.ts'
import { plainIp } from './pod-index.ts'

export interface PodOptions {
  /** `auto` is `downward` where anything speaks of a pod, else `off`. */
  readonly source: 'auto' | 'downward' | 'kubelet' | 'off'
  /** Where the downward volume is mounted. */
  readonly directory: string
  /** Rules as `team`, `example.com/*`, `team=dubbing.team`. */
  readonly labels: readonly string[]
  readonly annotations: readonly string[]
  /** This gateway runs in the very container that sends, so that `container.id` is the senders' too. */
  readonly ownContainer: boolean
  readonly kubelet: {
    /** Who is asked for the pods of the node. */
    readonly ask: 'kubelet' | 'api'
    /** In place of the URL that follows from `ask` and the variables NODE_IP (or HOST_IP) and NODE_NAME. */
    readonly url: string | undefined
    readonly tokenFile: string
    readonly caFile: string
    readonly insecure: boolean
    readonly intervalMs: number
    /** Shortest time between two questions, when somebody unknown is looked for. */
    readonly askAgainMs: number
    readonly timeoutMs: number
  }
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount'

export const POD_DEFAULTS: PodOptions = {
  source: 'auto',
  directory: '/etc/podinfo',
  labels: [],
  annotations: [],
  ownContainer: false,
  kubelet: {
    ask: 'kubelet',
    url: undefined,
    tokenFile: `${ACCOUNT}/token`,
    caFile: `${ACCOUNT}/ca.crt`,
    insecure: false,
    intervalMs: 30_000,
    askAgainMs: 5_000,
    timeoutMs: 10_000
  }
}

/** A pod by the name it has on its node, for who knows it by that only. */
export interface NamedPod {
  readonly uid: string
  /** It has ended: devices that it is still said to hold are free. */
  readonly isOver: boolean
}

export interface OpenPodFacts extends PodFacts {
  byName(namespace: string, pod: string): NamedPod | undefined
  /** The pod that a process runs in, by its uid, known or not. */
  uidOfPid(pid: number): string | undefined
  /** When the first look is over; nothing needs to wait for it. */
  readonly ready: Promise<void>
  stop(): void
}

/** Where the world is looked at; tests give their own. */
export interface PodPlaces {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly proc: string
  readonly namespaceFile?: string
}

/** How often the downward volume is looked at; the kubelet renews it about once a minute. */
const DOWNWARD_MS = 10_000

/** Starts to watch for pods. Attributes are the same object until they change. Throws RefusedError when the options lack what they need. */
export function openPodFacts(
  options: PodOptions,
  log: FactsLog,
  metrics: Metrics,
  places: PodPlaces = { env: process.env, proc: '/proc' }
): OpenPodFacts {
  const rules = { labels: parseRules(options.labels), annotations: parseRules(options.annotations) }
  if (options.source === 'kubelet') return fromNode(options, rules, log, metrics, places)
  if (options.source !== 'off') {
    const downward = fromDownward(options, rules, log, places)
    if (options.source === 'downward' || downward.own() !== undefined || places.env.KUBERNETES_SERVICE_HOST !== undefined) return downward
    downward.stop()
  }
  return {
    ...podFactsOff(),
    ready: Promise.resolve(),
    byName: nobody,
    uidOfPid: nobody,
    stop: () => undefined
  }
}

const nobody = (): undefined => undefined

interface AllRules {
  readonly labels: Rules
  readonly annotations: Rules
}

function fromDownward(options: PodOptions, rules: AllRules, log: FactsLog, places: PodPlaces): OpenPodFacts {
  const { directory, ownContainer } = options
  const { proc } = places
  const placement = ownPlacement(proc)
  const look = (): PodAttributes | undefined => {
    const pod = readDownward({ ...places, directory }, rules.labels, rules.annotations, placement.podUid)
    const id = placement.containerId
    return ownContainer && id !== undefined ? { ...pod, 'container.id': id } : pod
  }
  let version = versionOf(directory)
  let own = look()
  if (own === undefined && options.source === 'downward')
    log.warn({ directory }, 'pod facts: nothing tells of this pod; set POD_NAME, POD_NAMESPACE and POD_UID, or mount the downward volume')
  const timer = setInterval(() => {
    const now = versionOf(directory)
    if (now === version) return
    version = now
    own = look()
  }, DOWNWARD_MS)
  timer.unref()
  const isOwn = (uid: string | undefined): boolean => uid !== undefined && uid === own?.['k8s.pod.uid']
  const ifOwn = (uid: string | undefined): PodAttributes | undefined => (isOwn(uid) ? own : undefined)
  return {
    source: 'downward',
    ready: Promise.resolve(),
    own: () => own,
    byUid: ifOwn,
    // All containers of a pod share its address and its loopback.
    byIp: (ip) => (isLoopback(plainIp(ip)) || plainIp(ip) === own?.['k8s.pod.ip'] ? own : undefined),
    byContainerId: (id) => (id === placement.containerId && own !== undefined ? { ...own, 'container.id': id } : undefined),
    byPid: (pid) => ifOwn(placementOf(proc, pid).podUid),
    byName: (namespace, pod) => {
      const uid = own?.['k8s.pod.uid']
      return uid !== undefined && namespace === own?.['k8s.namespace.name'] && pod === own?.['k8s.pod.name']
        ? { uid, isOver: false }
        : undefined
    },
    uidOfPid: (pid) => placementOf(proc, pid).podUid,
    stop: () => clearInterval(timer)
  }
}

const isLoopback = (ip: string): boolean => ip.startsWith('127.') || ip === '::1'

function fromNode(options: PodOptions, rules: AllRules, log: FactsLog, metrics: Metrics, places: PodPlaces): OpenPodFacts {
  const { kubelet } = options
  const { env, proc } = places
  const pods = new NodePods({ ...kubelet, ...rules, proc, url: kubelet.url ?? urlOf(kubelet.ask, env) }, log, metrics)
  const { index } = pods
  return {
    source: 'kubelet',
    ready: pods.ready,
    // The telemetry of a node's gateway is its senders', not its own pod's.
    own: nobody,
    byUid: (uid) => index.byUid(uid) ?? pods.missed(`uid ${uid}`),
    byIp: (ip) => index.byIp(ip) ?? pods.missed(`ip ${ip}`),
    byContainerId: (id) => index.byContainerId(id) ?? pods.missed(`container ${id}`),
    byPid: (pid) => index.byPid(pid),
    byName: (namespace, pod) => index.byName(namespace, pod),
    uidOfPid: (pid) => index.placementOf(pid).podUid,
    stop: () => pods.stop()
  }
}

function urlOf(ask: 'kubelet' | 'api', env: PodPlaces['env']): string {
  const node = env.NODE_NAME ?? env.K8S_NODE_NAME ?? ''
  if (ask === 'kubelet') {
    const ip = env.NODE_IP ?? env.HOST_IP ?? (node === '' ? '127.0.0.1' : node)
    return `https://${ip.includes(':') ? `[${ip}]` : ip}:10250/pods`
  }
  const host = env.KUBERNETES_SERVICE_HOST ?? 'kubernetes.default.svc'
  if (node === '') throw new RefusedError('invalid', 'facts.pod: asking the API server needs the variable NODE_NAME, from spec.nodeName')
  const selector = encodeURIComponent(`spec.nodeName=${node}`)
  // Version 0 is answered from the API server's memory, without a read of etcd.
  const origin = `https://${host.includes(':') ? `[${host}]` : host}:${env.KUBERNETES_SERVICE_PORT ?? '443'}`
  return `${origin}/api/v1/pods?fieldSelector=${selector}&resourceVersion=0`
}
