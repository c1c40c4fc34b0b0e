import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Manifest } from './kubernetes-client.ts'
import { type Container, type Image, startContainer } from './pod-container.ts'
import type { NetworkNamespace } from './pod-network.ts'
import { makeVolumes, resolveContainer, type Surroundings } from './pod-resolver.ts'

export interface RunningPod {
  /** Of containers that go on, by name; those of init containers that ended are not among them. */
  readonly containers: ReadonlyMap<string, Container>
  /** Kills a container, as the kernel does for want of memory, and starts it again with the same volumes. */
  crash(name: string): Promise<void>
  /** Ends the pod as the kubelet does: containers first, then native sidecars, the last one first. Exit codes by name. */
  stop(): Promise<Record<string, number | null>>
}

export interface PodSettings {
  readonly pod: Manifest
  /** Whose address is the pod's. */
  readonly network: NetworkNamespace
  readonly dir: string
  /** The image of a container, by its name in the pod. */
  imageOf(container: Manifest): Image
  readonly around: Surroundings
}

/**
 * Runs a pod that was given to a node (spec.nodeName, status.podIP, status.hostIP, metadata.uid) as the kubelet does: init containers in turn, where a
 * native sidecar counts as done when its startup probe says so, then all containers.
 */
export async function runPod(
  t: { after(done: () => unknown): void },
  { pod, network, dir, imageOf, around }: PodSettings
): Promise<RunningPod> {
  mkdirSync(dir, { recursive: true })
  const volumes = makeVolumes(pod, join(dir, 'volumes'), around)
  const running = new Map<string, Container>()
  const sidecars: string[] = []
  const start = async (spec: Manifest): Promise<Container> => {
    const container = resolveContainer(pod, spec, volumes, around)
    return startContainer(t, { image: imageOf(spec), container, network, dir })
  }
  for (const spec of pod.spec.initContainers ?? []) {
    const container = await start(spec)
    if (spec.restartPolicy === 'Always') {
      running.set(spec.name, container)
      sidecars.unshift(spec.name)
      await started(spec, container, network)
    } else {
      const code = await container.ended()
      if (code !== 0) throw new Error(`${spec.name} ended with ${code}: ${container.lines.join('\n')}`)
    }
  }
  for (const spec of pod.spec.containers) running.set(spec.name, await start(spec))
  for (const spec of pod.spec.containers) await started(spec, running.get(spec.name)!, network)
  return {
    containers: running,
    async crash(name) {
      await running.get(name)!.kill()
      const spec = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].find((each) => each.name === name)
      running.set(name, await start(spec))
      await started(spec, running.get(name)!, network)
    },
    async stop() {
      const codes: Record<string, number | null> = {}
      const stop = async (name: string): Promise<void> => {
        codes[name] = await running.get(name)!.stop()
      }
      await Promise.all([...running.keys()].filter((name) => !sidecars.includes(name)).map(stop))
      for (const name of sidecars) await stop(name)
      return codes
    }
  }
}

async function started({ name, startupProbe, ports }: Manifest, container: Container, { address }: NetworkNamespace): Promise<void> {
  if (startupProbe === undefined) return
  const { exec, httpGet, periodSeconds = 10, failureThreshold = 3, timeoutSeconds = 1 } = startupProbe
  for (let failures = 0; failures < failureThreshold; failures++) {
    if (exec !== undefined && (await container.exec(exec.command, timeoutSeconds * 1000)) === 0) return
    if (httpGet !== undefined) {
      const port =
        typeof httpGet.port === 'number' ? httpGet.port : ports.find((each: Manifest) => each.name === httpGet.port).containerPort
      const answer = await fetch(`http://${address}:${port}${httpGet.path}`, { signal: AbortSignal.timeout(timeoutSeconds * 1000) }).catch(
        () => null
      )
      await answer?.arrayBuffer()
      if (answer?.ok) return
    }
    const isOver = await Promise.race([container.ended().then(() => true), sleep(periodSeconds * 1000, false)])
    if (isOver) break
  }
  throw new Error(`${name} did not start: ${container.lines.join('\n')}`)
}
