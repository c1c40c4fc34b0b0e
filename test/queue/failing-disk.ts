import { type Disk, type DiskFile, nodeDisk } from '../../src/queue/disk.ts'

type Call =
  | 'makeDirectory'
  | 'list'
  | 'create'
  | 'update'
  | 'open'
  | 'rename'
  | 'remove'
  | 'syncDirectory'
  | 'size'
  | 'read'
  | 'write'
  | 'sync'
  | 'close'

export interface TestDisk extends Disk {
  readonly calls: Call[]
  /** Asked before each call: an error code to fail it with, a number of bytes to write no more than, or null to let it pass. */
  verdict: (call: Call, path: string) => string | number | null
}

/** The real disk, its calls counted, and failing where `verdict` says so. */
export function countingDisk(): TestDisk {
  const disk: TestDisk = {
    calls: [],
    verdict: () => null,
    makeDirectory: (path) => judged('makeDirectory', path, () => nodeDisk.makeDirectory(path)),
    list: (path) => judged('list', path, () => nodeDisk.list(path)),
    open: (path, purpose) =>
      judged(purpose === 'read' ? 'open' : purpose, path, async () => file(path, await nodeDisk.open(path, purpose))),
    rename: (from, to) => judged('rename', from, () => nodeDisk.rename(from, to)),
    remove: (path) => judged('remove', path, () => nodeDisk.remove(path)),
    syncDirectory: (path) => judged('syncDirectory', path, () => nodeDisk.syncDirectory(path))
  }
  return disk

  async function judged<T>(call: Call, path: string, go: () => Promise<T>): Promise<T> {
    disk.calls.push(call)
    const verdict = disk.verdict(call, path)
    if (typeof verdict === 'string') throw Object.assign(new Error(`${verdict}: ${call}`), { code: verdict })
    return go()
  }

  function file(path: string, real: DiskFile): DiskFile {
    return {
      size: () => judged('size', path, () => real.size()),
      read: (into, position) => judged('read', path, () => real.read(into, position)),
      async write(parts, position) {
        disk.calls.push('write')
        const verdict = disk.verdict('write', path)
        if (typeof verdict === 'number') return real.write([Buffer.concat(parts).subarray(0, verdict)], position)
        if (typeof verdict === 'string') throw Object.assign(new Error(`${verdict}: write`), { code: verdict })
        return real.write(parts, position)
      },
      sync: () => judged('sync', path, () => real.sync()),
      close: () => real.close()
    }
  }
}
