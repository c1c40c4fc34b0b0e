import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const made: string[] = []

/**
 * A directory that is gone when the process has ended, and not before: what a test leaves running may still write there, and hooks of a test run in
 * the order they were set, so that removing it in one of them would fail now and then, and keep the hooks behind it from running.
 */
export function temporaryDirectory(): string {
  if (made.length === 0) process.once('exit', removeAll)
  const dir = mkdtempSync(join(tmpdir(), 'sluice-'))
  made.push(dir)
  return dir
}

function removeAll(): void {
  for (const dir of made) {
    try {
      rmSync(dir, { recursive: true, force: true, maxRetries: 5 })
    } catch (error) {
      // No test fails for it: whoever was killed may be writing still.
      process.stderr.write(`${dir} stays behind: ${error}\n`)
    }
  }
}
