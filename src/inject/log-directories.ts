import { type Json, listOf, textOf } from './json.ts'
import { LOGS_DIRECTORY, VOLUMES, VOLUMES_DIRECTORY } from './names.ts'

/** What is mounted where so that the sidecar reads the log files of the workers. */
export interface LogMounts {
  /** For the sidecar. */
  readonly sidecar: readonly Json[]
  /** For each worker, by its place in the list that was given. */
  readonly workers: readonly (readonly Json[])[]
}

/**
 * Shares directories of workers with the sidecar. A directory that a worker has on a volume already is shared by that volume; elsewhere the pod gets
 * a volume of its own, in which each container has a directory, so that files of the same name do not meet.
 */
export function logMounts(workers: readonly Json[], directories: readonly string[], warn: (text: string) => void): LogMounts {
  const sidecar = new Map<string, Json>()
  const mounts = workers.map((worker) => {
    const own = listOf(worker?.volumeMounts)
    const devices = listOf(worker?.volumeDevices).map((device) => plain(textOf(device?.devicePath)))
    const added: Json[] = []
    directories.forEach((directory, i) => {
      const there = own.find((mount) => plain(textOf(mount?.mountPath)) === directory)
      const name = textOf(worker?.name)
      const subPath = directories.length === 1 ? name : `${name}/${i}`
      if (devices.includes(directory)) {
        warn(`sluice.dev/log-directories: ${directory} of ${name} is a block device, expected a directory; not shared`)
      } else if (there === undefined) {
        added.push({ name: VOLUMES.logs, mountPath: directory, subPath })
        sidecar.set(LOGS_DIRECTORY, { name: VOLUMES.logs, mountPath: LOGS_DIRECTORY, readOnly: true })
      } else if (there.name === VOLUMES.logs) {
        sidecar.set(LOGS_DIRECTORY, { name: VOLUMES.logs, mountPath: LOGS_DIRECTORY, readOnly: true })
      } else if (there.subPathExpr !== undefined) {
        warn(
          `sluice.dev/log-directories: ${directory} of ${name} is mounted by subPathExpr, which only that container can expand; not shared`
        )
      }
    })
    return added
  })
  return { sidecar: [...sidecar.values(), ...ofVolumes(workers, directories)], workers: mounts }
}

// A mount below the read-only volume of the logs has no place to be made: these stand beside it.
function ofVolumes(workers: readonly Json[], directories: readonly string[]): Json[] {
  const found = new Map<string, Json>()
  for (const worker of workers) {
    for (const mount of listOf(worker?.volumeMounts)) {
      if (mount?.name === VOLUMES.logs || mount?.subPathExpr !== undefined || !directories.includes(plain(textOf(mount?.mountPath))))
        continue
      const volume = `${textOf(mount.name)}/${textOf(mount.subPath)}`
      if (found.has(volume)) continue
      const mountPath = `${VOLUMES_DIRECTORY}/${found.size}`
      found.set(volume, { name: mount.name, mountPath, readOnly: true, ...(mount.subPath === undefined ? {} : { subPath: mount.subPath }) })
    }
  }
  return [...found.values()]
}

function plain(path: string): string {
  let end = path.length
  while (end > 1 && path[end - 1] === '/') end--
  return path.slice(0, end)
}
