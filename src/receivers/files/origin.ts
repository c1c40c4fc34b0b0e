import { basename } from 'node:path'
import type { LogValue } from '../../logs/log-entry.ts'

type Attributes = Readonly<Record<string, LogValue>>

// /var/log/pods/NAMESPACE_POD_UID/CONTAINER/RESTARTS.log: neither names nor UIDs have underscores.
const POD = /\/pods\/([^/_]+)_([^/_]+)_([^/_]+)\/([^/]+)\/(\d+)\.log[^/]*$/
// /var/log/containers/POD_NAMESPACE_CONTAINER-ID.log, links to the former
const CONTAINER = /\/([^/_]+)_([^/_]+)_([^/]+)-([0-9a-f]{64})\.log$/
// /var/lib/docker/containers/ID/ID-json.log, where links of the former led with Docker
const DOCKER = /\/([0-9a-f]{64})\/\1-json\.log[^/]*$/

/** What a path says of the container that writes there; `realPath` is where links lead. */
export function containerOf(path: string, realPath: string): Attributes {
  const found: Record<string, LogValue> = {}
  for (const each of realPath === path ? [path] : [realPath, path]) {
    const container = CONTAINER.exec(each)
    if (container !== null) {
      const [, pod, namespace, name, id] = container
      Object.assign(found, {
        'k8s.namespace.name': namespace,
        'k8s.pod.name': pod,
        'k8s.container.name': name,
        'container.id': id
      })
    }
    const pod = POD.exec(each)
    if (pod !== null) {
      const [, namespace, name, uid, containerName, restarts] = pod
      Object.assign(found, {
        'k8s.namespace.name': namespace,
        'k8s.pod.name': name,
        'k8s.pod.uid': uid,
        'k8s.container.name': containerName,
        'k8s.container.restart_count': Number(restarts)
      })
    }
    const docker = DOCKER.exec(each)
    if (docker !== null) found['container.id'] = docker[1]
  }
  return found
}

/** What every record of a file says of it. The file of a container is named by the resource, which is written once and not with every record. */
export function fileAttributes(path: string, iostream: string, container: Attributes): Attributes {
  const isNamed = container['k8s.pod.name'] !== undefined || container['container.id'] !== undefined
  const file = isNamed ? {} : { 'log.file.path': path, 'log.file.name': basename(path) }
  return iostream === '' ? file : { ...file, 'log.iostream': iostream }
}
