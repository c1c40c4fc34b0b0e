import { plainBusId } from './bus-id.ts'
import type { Facts, GpuDevice, PodAttributes } from './facts.ts'

/** The resource attributes by which a sender is known. */
export const SENDER_KEYS = [
  'k8s.pod.uid',
  'k8s.pod.name',
  'k8s.namespace.name',
  'k8s.pod.ip',
  'k8s.container.name',
  'container.id'
] as const
export type SenderKey = (typeof SENDER_KEYS)[number]

/** What a sender says of itself; undefined where it says nothing. */
export type Says = (key: SenderKey) => string | undefined

/** How old the index of devices and owners may be. */
const FRESH_MS = 1000

const NONE: readonly GpuDevice[] = []
const INDEX = /^(?:nvidia|gpu|cuda:)?(\d{1,4})$/i

/**
 * Which pod and which GPUs belong to a sender. A sender's GPUs are those that its pod (and container, where that is known) owns; where nobody
 * owns anything, or the sender is nobody that is known, the only GPU there is; else none. What the node's gateway told is all the sender's own.
 */
export class Placement {
  /** Grows whenever an earlier answer may be wrong by now. */
  epoch = 0
  private readonly facts: Facts
  private builtMs = Number.NEGATIVE_INFINITY
  private readonly byUuid = new Map<string, GpuDevice>()
  private readonly byBus = new Map<string, GpuDevice>()
  private readonly byOwner = new Map<string, GpuDevice[]>()
  private leaves: readonly GpuDevice[] = NONE
  private sender: string | undefined

  constructor(facts: Facts) {
    this.facts = facts
  }

  /** Goes on with what came from another address, and looks at devices and owners again, at most once a second. */
  refresh(nowMs: number, sender: string | undefined): void {
    // Beside one worker there is one sender; on a node each pod has its address.
    if (this.facts.pod.source === 'kubelet' && sender !== this.sender) {
      this.sender = sender
      this.epoch++
    }
    if (Math.abs(nowMs - this.builtMs) < FRESH_MS) return
    this.builtMs = nowMs
    this.epoch++
    const { gpu } = this.facts
    const devices = gpu.devices()
    const parents = new Set(devices.map(({ mig }) => mig?.parent))
    this.byUuid.clear()
    this.byBus.clear()
    this.byOwner.clear()
    // A GPU that is cut into instances is nobody's: its instances are.
    this.leaves = devices.filter(({ uuid }) => !parents.has(uuid)).sort((a, b) => a.index - b.index)
    for (const device of devices) {
      this.byUuid.set(device.uuid, device)
      if (device.pciBusId !== undefined && device.mig === undefined) this.byBus.set(plainBusId(device.pciBusId), device)
    }
    for (const device of this.leaves) {
      for (const { podUid, namespace, pod, container } of gpu.owners(device.uuid)) {
        const names = [`${namespace}/${pod}`, ...(podUid === undefined ? [] : [podUid])]
        for (const name of names) {
          this.own(name, device)
          if (container !== undefined) this.own(`${name}/${container}`, device)
        }
      }
    }
  }

  /** Whether there is any GPU at all. */
  get hasGpus(): boolean {
    return this.leaves.length > 0
  }

  /**
   * The pod of a sender: the one it names, else the one whose address it came from, else the one that the gateway stands beside, unless the sender
   * names another.
   */
  podOf(says: Says): PodAttributes | undefined {
    const { pod } = this.facts
    const [uid, container, ip] = [says('k8s.pod.uid'), says('container.id'), says('k8s.pod.ip')]
    const named =
      (uid === undefined ? undefined : pod.byUid(uid)) ??
      (container === undefined ? undefined : pod.byContainerId(container)) ??
      (ip === undefined ? undefined : pod.byIp(ip))
    if (named !== undefined) return named
    const likely = pod.source === 'downward' ? pod.own() : this.sender === undefined ? undefined : pod.byIp(this.sender)
    if (likely === undefined) return undefined
    const isAnother = (key: SenderKey): boolean => likely[key] !== undefined && (says(key) ?? likely[key]) !== likely[key]
    return isAnother('k8s.pod.uid') || isAnother('k8s.pod.name') || isAnother('k8s.namespace.name') ? undefined : likely
  }

  /** The GPUs that a sender may use. */
  gpusOf(says: Says): readonly GpuDevice[] {
    const pod = this.podOf(says)
    const said = (key: SenderKey): string | undefined => says(key) ?? pod?.[key]
    const [uid, name] = [said('k8s.pod.uid'), said('k8s.pod.name')]
    const known = uid !== undefined || name !== undefined
    if (known && this.byOwner.size > 0) {
      const container = said('k8s.container.name')
      const byName = `${said('k8s.namespace.name') ?? 'default'}/${name}`
      for (const owner of uid === undefined ? [byName] : [uid, byName]) {
        const owned = (container === undefined ? undefined : this.byOwner.get(`${owner}/${container}`)) ?? this.byOwner.get(owner)
        if (owned !== undefined) return owned
      }
    }
    if (this.facts.gpu.state.source === 'node') return this.leaves
    return this.leaves.length === 1 && (!known || this.byOwner.size === 0) ? this.leaves : NONE
  }

  /**
   * The GPUs that a text names: UUIDs, PCI bus ids or indices, separated by commas. An index counts among the sender's own GPUs, as its CUDA does,
   * and among all of the machine where its own are not known.
   */
  named(text: string, own: readonly GpuDevice[]): readonly GpuDevice[] {
    const known = this.byUuid.get(text)
    if (known !== undefined) return [known]
    const found = new Set<GpuDevice>()
    for (const part of text.split(',')) {
      const device = this.one(part.trim(), own)
      if (device !== undefined) found.add(device)
    }
    return [...found]
  }

  private one(name: string, own: readonly GpuDevice[]): GpuDevice | undefined {
    const index = INDEX.exec(name)
    if (index === null) return this.byUuid.get(name) ?? this.byBus.get(plainBusId(name))
    const number = Number(index[1])
    return own.length > 0 ? own[number] : this.leaves.find((device) => device.index === number)
  }

  private own(owner: string, device: GpuDevice): void {
    const owned = this.byOwner.get(owner)
    if (owned === undefined) this.byOwner.set(owner, [device])
    else if (!owned.includes(device)) owned.push(device)
  }
}
