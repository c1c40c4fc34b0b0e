import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What the control group of a process says of where it runs. */
export interface Placement {
  /** With dashes, as the API writes it; of a static pod its 32 digits. */
  readonly podUid: string | undefined
  /** 64 hexadecimal digits. */
  readonly containerId: string | undefined
}

// The shapes of a path, below whatever stands before them (`/kubelet`, `/../..`, another container):
//   cgroupfs            /kubepods/burstable/pod<uid>/<id>, and of class Guaranteed /kubepods/pod<uid>/<id>
//   systemd             …/kubepods-burstable-pod<uid, _ for ->.slice/cri-containerd-<id>.scope, or crio-<id>.scope, docker-<id>.scope
//   containerd, mixed   …/kubepods-besteffort-pod<uid, _ for ->.slice:cri-containerd:<id>
//   CRI-O, own cgroup   …/crio-<id>.scope/container
//   docker alone        /docker/<id>, /system.slice/docker-<id>.scope
// A path may hold several of them, one inside the other (kind): the last one is the process's own.
const CONTAINER_ID = /(?:^|[/:-])([0-9a-f]{64})(?=\.scope|[/:]|$)/g
const POD_UID = /pod([0-9a-f]{8}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{4}[-_][0-9a-f]{12}|[0-9a-f]{32})(?=\.slice|[/:]|$)/g
/** Of CRI-O's monitor process, which has a group of its own beside the container's. */
const MONITOR = /crio-conmon-[0-9a-f]{64}/
const FILE_BYTES_MAX = 64 * 1024

/** Reads the text of `/proc/PID/cgroup`, of version 1 (a line per controller) or 2 (one line, `0::`). */
export function parseCgroup(text: string): Placement {
  let podUid: string | undefined
  let containerId: string | undefined
  for (const line of text.split('\n')) {
    const path = line.slice(line.indexOf(':', line.indexOf(':') + 1) + 1)
    if (path === '' || MONITOR.test(path)) continue
    podUid ??= last(path, POD_UID)?.replaceAll('_', '-')
    containerId ??= last(path, CONTAINER_ID)
  }
  return { podUid, containerId }
}

// A line of mountinfo: id, parent, major:minor, root, mount point, … Where a private cgroup namespace hides the path, what was mounted tells:
//   kubelet              /var/lib/kubelet/pods/<uid>/etc-hosts on /etc/hosts: the pod's uid
//   docker, podman       /var/lib/docker/containers/<id>/hostname, …/overlay-containers/<id>/userdata/hostname on /etc/hostname
// In a pod the host name file belongs to the sandbox, which is another container: there the id stays unknown.
const MOUNTED_POD =
  /\/pods\/([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|[0-9a-f]{32})\/(?:etc-hosts|containers\/|volumes\/)/
const MOUNTED_CONTAINER = /containers\/([0-9a-f]{64})\/(?:userdata\/)?hostname /

/** Reads the text of `/proc/self/mountinfo`, for a process whose cgroup path is hidden from it. */
export function parseMountinfo(text: string): Placement {
  const podUid = MOUNTED_POD.exec(text)?.[1]
  return { podUid, containerId: podUid === undefined ? MOUNTED_CONTAINER.exec(text)?.[1] : undefined }
}

/** Where this process itself runs; what cannot be read is not known. */
export function ownPlacement(proc: string): Placement {
  const cgroup = parseCgroup(readText(join(proc, 'self', 'cgroup')))
  if (cgroup.podUid !== undefined && cgroup.containerId !== undefined) return cgroup
  const mounts = parseMountinfo(readText(join(proc, 'self', 'mountinfo')))
  return { podUid: cgroup.podUid ?? mounts.podUid, containerId: cgroup.containerId ?? mounts.containerId }
}

/** Where another process runs, by its id as this process's /proc counts. */
export const placementOf = (proc: string, pid: number): Placement => parseCgroup(readText(join(proc, String(pid), 'cgroup')))

function readText(file: string): string {
  try {
    const text = readFileSync(file, 'latin1')
    return text.length > FILE_BYTES_MAX ? text.slice(0, FILE_BYTES_MAX) : text
  } catch {
    return ''
  }
}

function last(text: string, pattern: RegExp): string | undefined {
  let found: string | undefined
  for (const match of text.matchAll(pattern)) found = match[1]
  return found
}
