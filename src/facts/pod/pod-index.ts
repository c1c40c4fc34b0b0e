import type { PodAttributes } from '../facts.ts'
import { type Placement, placementOf } from './cgroup.ts'
import type { KnownPod } from './pod-object.ts'

/** How long a pod that is gone is still known: its last telemetry comes after it. */
const GRACE_MS = 120_000
/** A node holds a few hundred; a list of more is not of one node. */
export const PODS_MAX = 5_000
/** How long a process is taken to be what it was: its id may be given to another one. */
const PROCESS_MS = 60_000
const PROCESSES_MAX = 4_096

interface Entry {
  readonly pod: KnownPod
  goneAtMs: number | undefined
}

/** The pods of a node, found by whatever a sender is known by. */
export class PodIndex {
  private byUidMap = new Map<string, Entry>()
  private byIpMap = new Map<string, KnownPod>()
  private byContainerMap = new Map<string, PodAttributes>()
  private byNameMap = new Map<string, KnownPod>()
  private readonly processes = new Map<number, { readonly readAtMs: number; readonly placement: Placement }>()
  private readonly proc: string

  constructor(proc: string) {
    this.proc = proc
  }

  get size(): number {
    return this.byUidMap.size
  }

  /** Takes the whole list anew. A pod that is missing stays known for two minutes, but an address or name is the present pod's at once. */
  replace(pods: readonly KnownPod[], nowMs: number): void {
    const before = this.byUidMap
    this.byUidMap = new Map(pods.slice(0, PODS_MAX).map((pod) => [pod.uid, { pod, goneAtMs: undefined }]))
    for (const [uid, entry] of before) {
      const goneAtMs = entry.goneAtMs ?? nowMs
      if (!this.byUidMap.has(uid) && nowMs - goneAtMs < GRACE_MS && this.byUidMap.size < PODS_MAX) {
        this.byUidMap.set(uid, { pod: entry.pod, goneAtMs })
      }
    }
    this.byIpMap = new Map()
    this.byContainerMap = new Map()
    this.byNameMap = new Map()
    for (const { pod, goneAtMs } of this.byUidMap.values()) {
      const isHere = goneAtMs === undefined && !pod.isOver
      for (const ip of pod.ips) if (isHere || !this.byIpMap.has(ip)) this.byIpMap.set(ip, pod)
      for (const [id, attributes] of pod.containers) this.byContainerMap.set(id, attributes)
      if (isHere || !this.byNameMap.has(nameKey(pod.namespace, pod.name))) this.byNameMap.set(nameKey(pod.namespace, pod.name), pod)
    }
  }

  byUid(uid: string): PodAttributes | undefined {
    return this.byUidMap.get(uid)?.pod.attributes
  }

  byIp(ip: string): PodAttributes | undefined {
    return this.byIpMap.get(plainIp(ip))?.attributes
  }

  byContainerId(id: string): PodAttributes | undefined {
    return this.byContainerMap.get(id)
  }

  byName(namespace: string, name: string): KnownPod | undefined {
    return this.byNameMap.get(nameKey(namespace, name))
  }

  byPid(pid: number): PodAttributes | undefined {
    const { podUid, containerId } = this.placementOf(pid)
    const container = containerId === undefined ? undefined : this.byContainerMap.get(containerId)
    return container ?? (podUid === undefined ? undefined : this.byUid(podUid))
  }

  /** Reads the process's control group, unless it did so less than a minute ago. */
  placementOf(pid: number): Placement {
    const nowMs = performance.now()
    const known = this.processes.get(pid)
    if (known !== undefined && nowMs - known.readAtMs < PROCESS_MS) return known.placement
    const placement = placementOf(this.proc, pid)
    if (this.processes.size >= PROCESSES_MAX) this.processes.clear()
    this.processes.set(pid, { readAtMs: nowMs, placement })
    return placement
  }
}

const nameKey = (namespace: string, name: string): string => `${namespace}/${name}`

/** An IPv4 address as a socket of both families shows it is the same address. */
export const plainIp = (ip: string): string => (ip.startsWith('::ffff:') && ip.includes('.') ? ip.slice(7) : ip)
