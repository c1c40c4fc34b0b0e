import type { Facts, GpuDevice, GpuSample } from '../../facts/facts.ts'
import type { Attributes, MetricName, Points } from './points.ts'

const OWNER: MetricName = {
  name: 'gpu.owner.info',
  kind: 'gauge',
  unit: '',
  description: 'Always 1: this container may use this GPU. Several of one GPU share it.'
}
const MEMORY: MetricName = {
  name: 'gpu.container.memory.usage',
  kind: 'total',
  unit: 'By',
  description: 'GPU memory of all processes of a container; without a pod, of those whose pod is not known.'
}
const PROCESSES: MetricName = {
  name: 'gpu.container.processes',
  kind: 'total',
  unit: '{process}',
  description: 'Processes of a container on the GPU; without a pod, those whose pod is not known.'
}

const CONTAINER_KEYS = ['k8s.namespace.name', 'k8s.pod.name', 'k8s.pod.uid', 'k8s.container.name', 'container.id'] as const

/** Adds who may use a GPU: one series for each container, beside metrics of the GPU that are there once however many share it. */
export function addOwners(points: Points, facts: Facts, device: GpuDevice, atMs: number, identity: Attributes): void {
  for (const { namespace, pod, podUid, container } of facts.gpu.owners(device.uuid)) {
    points.add(OWNER, 1, atMs, {
      ...identity,
      'k8s.namespace.name': namespace,
      'k8s.pod.name': pod,
      'k8s.pod.uid': podUid,
      'k8s.container.name': container
    })
  }
}

interface Use {
  readonly container: Attributes
  processes: number
  memoryBytes: number | undefined
}

/**
 * Adds what each container has on a GPU. Process ids come and go too fast for a label, so processes are folded to the container that they run in;
 * their memory is what was measured, and not there where the driver did not tell it of any of them.
 */
export function addContainers(points: Points, facts: Facts, sample: GpuSample, identity: Attributes): void {
  const uses = new Map<string, Use>()
  for (const { pid, memoryUsedBytes } of sample.processes) {
    const pod = facts.pod.byPid(pid)
    const container: Record<string, string | undefined> = {}
    let key = ''
    for (const name of CONTAINER_KEYS) {
      container[name] = pod?.[name]
      key += `${pod?.[name] ?? ''}\0`
    }
    let use = uses.get(key)
    if (use === undefined) {
      use = { container, processes: 0, memoryBytes: undefined }
      uses.set(key, use)
    }
    use.processes++
    if (memoryUsedBytes !== undefined) use.memoryBytes = (use.memoryBytes ?? 0) + memoryUsedBytes
  }
  for (const { container, processes, memoryBytes } of uses.values()) {
    const attributes = { ...identity, ...container }
    points.add(MEMORY, memoryBytes, sample.atMs, attributes)
    points.add(PROCESSES, processes, sample.atMs, attributes)
  }
}
