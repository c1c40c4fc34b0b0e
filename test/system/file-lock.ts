// Test files run beside each other, in processes of their own, and may need the same: one makes it, the others wait.
import { readFileSync, rmSync, writeFileSync } from 'node:fs'

/** Takes a lock, unless a process that lives has it. Ends with `unlock`. */
export function tryLock(lock: string): boolean {
  try {
    writeFileSync(lock, String(process.pid), { flag: 'wx' })
    return true
  } catch {
    if (!holderLives(lock)) unlock(lock)
    return false
  }
}

export function unlock(lock: string): void {
  rmSync(lock, { force: true })
}

function holderLives(lock: string): boolean {
  try {
    process.kill(Number(readFileSync(lock, 'utf8')), 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
