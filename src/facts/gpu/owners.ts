import { messageOf } from '../../errors.ts'
import type { Metrics } from '../../telemetry/metrics.ts'
import type { GpuFacts, GpuOwner } from '../facts.ts'
import type { FactsLog } from '../log.ts'
import type { OpenPodFacts } from '../pod/pod-facts.ts'
import { uuidOf, visibleUuids } from './device-ids.ts'
import { type Allocation, listAllocations } from './pod-resources.ts'

export interface OwnersOptions {
  /** The kubelet's PodResources socket; undefined: it is not asked. */
  readonly socket: string | undefined
  readonly intervalMs: number
  readonly timeoutMs: number
  /** NVIDIA_VISIBLE_DEVICES of this process. */
  readonly visibleDevices: string | undefined
}

export const OWNERS_DEFAULTS: OwnersOptions = {
  socket: '/var/lib/kubelet/pod-resources/kubelet.sock',
  intervalMs: 15_000,
  timeoutMs: 5_000,
  visibleDevices: undefined
}

const BACKOFF_MS_MAX = 5 * 60_000
/** The kubelet's word is worth this much longer than it takes to ask again; then it is forgotten. */
const STALE_MS = 5 * 60_000
/** Containers on one device that are named; time-slicing gives a device to a few dozen at most. */
const OWNERS_MAX = 128

export interface OpenGpuOwners {
  /** One entry per container, from memory. */
  owners(uuid: string): readonly GpuOwner[]
  /** Looks at the processes of each round of samples from now on. Until it is called, no device is known. */
  watch(gpu: Pick<GpuFacts, 'devices' | 'latest' | 'onSample'>): void
  /** When the kubelet was asked for the first time. */
  readonly ready: Promise<void>
  stop(): void
}

type Pods = Pick<OpenPodFacts, 'own' | 'byPid' | 'byName'>

/**
 * Says who uses which device: whom the kubelet gave it to, and whose processes run on it, which also finds those who use a device without having
 * asked for it; in a sidecar, the pod itself for the devices that its variable names. Everybody on a shared device is named.
 */
export function openGpuOwners(options: OwnersOptions, pods: Pods, log: FactsLog, metrics: Metrics): OpenGpuOwners {
  const owners = new Owners(options, pods, log, metrics)
  return {
    owners: (uuid) => owners.of(uuid),
    watch: (gpu) => owners.watch(gpu),
    ready: owners.ready,
    stop: () => owners.stop()
  }
}

const NOBODY: readonly GpuOwner[] = []

class Owners {
  readonly ready: Promise<void>
  private readonly options: OwnersOptions
  private readonly pods: Pods
  private readonly log: FactsLog
  private readonly stopping = new AbortController()
  private readonly count: (outcome: string) => void
  private readonly turnAway: () => void
  private gpu: Pick<GpuFacts, 'devices' | 'latest'> | undefined
  private unwatch = (): void => undefined
  private timer: NodeJS.Timeout | undefined
  private allocations: readonly Allocation[] = []
  private answeredAtMs = 0
  private failures = 0
  private said: string | undefined
  private byUuid: ReadonlyMap<string, readonly GpuOwner[]> = new Map()

  constructor(options: OwnersOptions, pods: Pods, log: FactsLog, metrics: Metrics) {
    this.options = options
    this.pods = pods
    this.log = log
    const polls = metrics.counter('sluice_gpu_owner_polls_total', 'Questions to the kubelet for who was given which device, by outcome.')
    const turnedAway = metrics.counter('sluice_gpu_owners_dropped_total', `Owners of a device beyond the first ${OWNERS_MAX}.`)
    this.count = (outcome) => polls.add(1, { outcome })
    this.turnAway = () => turnedAway.add(1)
    this.ready = options.socket === undefined ? Promise.resolve() : this.ask(options.socket)
  }

  of(uuid: string): readonly GpuOwner[] {
    return this.byUuid.get(uuid) ?? NOBODY
  }

  watch(gpu: Pick<GpuFacts, 'devices' | 'latest' | 'onSample'>): void {
    this.unwatch()
    this.gpu = gpu
    this.unwatch = gpu.onSample(() => this.refresh())
    this.refresh()
  }

  stop(): void {
    this.stopping.abort()
    this.unwatch()
    clearTimeout(this.timer)
  }

  private async ask(socket: string): Promise<void> {
    try {
      this.allocations = await listAllocations({ socket, timeoutMs: this.options.timeoutMs }, this.stopping.signal)
      this.answeredAtMs = performance.now()
      this.failures = 0
      this.count('ok')
      this.say('')
    } catch (error) {
      if (this.stopping.signal.aborted) return
      this.failures++
      this.count('failed')
      this.say(messageOf(error))
      if (performance.now() - this.answeredAtMs > STALE_MS) this.allocations = []
    }
    if (this.stopping.signal.aborted) return
    this.refresh()
    const { intervalMs } = this.options
    this.timer = setTimeout(() => void this.ask(socket), Math.min(BACKOFF_MS_MAX, intervalMs * 2 ** Math.min(this.failures, 8)))
    this.timer.unref()
  }

  /** Works out anew who owns what. */
  private refresh(): void {
    const { gpu, pods } = this
    if (gpu === undefined) return
    const devices = gpu.devices()
    const found = new Map<string, GpuOwner[]>()
    for (const { namespace, pod, container, deviceIds } of this.allocations) {
      const known = pods.byName(namespace, pod)
      // The kubelet goes on naming pods that have ended.
      if (known?.isOver === true) continue
      for (const id of deviceIds) {
        const uuid = uuidOf(id, devices)
        if (uuid !== undefined) this.add(found, uuid, { namespace, pod, podUid: known?.uid, container })
      }
    }
    // A process on a GPU that is cut into instances owns an instance, not the whole; which one is the kubelet's to say.
    const divided = new Set(devices.map(({ mig }) => mig?.parent))
    for (const { uuid } of devices) {
      if (divided.has(uuid)) continue
      for (const { pid } of gpu.latest(uuid)?.processes ?? []) {
        const attributes = pods.byPid(pid)
        if (attributes !== undefined) this.add(found, uuid, ownerFrom(attributes))
      }
    }
    const own = pods.own()
    if (own !== undefined) for (const uuid of visibleUuids(this.options.visibleDevices, devices)) this.add(found, uuid, ownerFrom(own))
    this.byUuid = found
  }

  private add(found: Map<string, GpuOwner[]>, uuid: string, owner: GpuOwner): void {
    const present = found.get(uuid)
    if (present === undefined) found.set(uuid, [owner])
    else if (present.some((each) => isSame(each, owner))) return
    else if (present.length < OWNERS_MAX) present.push(owner)
    else this.turnAway()
  }

  /** Says what changed, once. */
  private say(failure: string): void {
    if (failure === this.said) return
    this.said = failure
    if (failure === '') this.log.info({}, 'GPU owners: the kubelet tells who was given which device')
    else this.log.warn({ failure }, 'GPU owners: the kubelet cannot be asked; owners are known by their processes only')
  }
}

function ownerFrom(attributes: Readonly<Record<string, string>>): GpuOwner {
  return {
    namespace: attributes['k8s.namespace.name'] ?? '',
    pod: attributes['k8s.pod.name'] ?? '',
    podUid: attributes['k8s.pod.uid'],
    container: attributes['k8s.container.name']
  }
}

/** The same pod, and the same container as far as both are known. */
const isSame = (a: GpuOwner, b: GpuOwner): boolean =>
  a.namespace === b.namespace && a.pod === b.pod && (a.container === b.container || a.container === undefined || b.container === undefined)
