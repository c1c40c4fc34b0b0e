import fs from 'node:fs'
import { dirname, join } from 'node:path'
import { codeOf, type Disk } from './disk.ts'
import { eventOf, type QueueEvent } from './event.ts'

export interface Lock {
  release(): void
}

/** What a disk may answer at the start without keeping the gateway from running. */
const REFUSALS = new Set(['ENOSPC', 'EDQUOT', 'EIO'])

/** Makes the directory and locks it. A disk without room leaves the queue without a lock, and serving. */
export async function takeDirectory(disk: Disk, dir: string, onEvent: (event: QueueEvent) => void): Promise<Lock | null> {
  try {
    await disk.makeDirectory(dir)
    // Some parents cannot be synced; then the directory is as durable as they make it.
    await disk.syncDirectory(dirname(dir)).catch(() => {})
    return await lockDirectory(dir)
  } catch (error) {
    if (!REFUSALS.has(codeOf(error))) throw error
    onEvent(eventOf('degraded', '', `${dir} is used without a lock: ${(error as Error).message}`))
    return null
  }
}

/**
 * Takes a directory for this process alone. The lock is the kernel's own (fcntl, taken through SQLite, which Node carries; it has no call of its
 * own for it): it ends with the process however that ends, so there is nothing stale to take over, and it holds between containers that share
 * a volume, where process ids repeat. The database stays empty. `owner` is only there to name the holder to the next who asks.
 */
async function lockDirectory(dir: string): Promise<Lock> {
  const path = join(dir, 'lock')
  const owner = join(dir, 'owner')
  try {
    // Made here, so that a full disk says so in its own words and not in SQLite's. One that exists is not opened: closing it would end a lock that
    // this very process has.
    fs.closeSync(fs.openSync(path, 'wx', 0o600))
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE')
  } catch (error) {
    database.close()
    if (!isBusy(error)) throw new Error(`the queue directory ${dir} cannot be locked: ${(error as Error).message}`)
    throw new Error(`the queue directory ${dir} is in use by another process (${holder(owner)}); each gateway needs a directory of its own`)
  }
  try {
    fs.writeFileSync(owner, `process ${process.pid}, since ${new Date().toISOString()}`, { mode: 0o600 })
  } catch (error) {
    // The lock holds without it.
    if (codeOf(error) === '') throw error
  }
  return { release: () => database.close() }
}

const SQLITE_BUSY = 5

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY
}

function holder(owner: string): string {
  try {
    return fs.readFileSync(owner, 'utf8').slice(0, 100)
  } catch {
    return 'it left no name'
  }
}
