import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import { failureOf, madeOnce } from './clients.ts'

const SOURCES = join(import.meta.dirname, 'datadog-node')

/** A service with Datadog's clients for Node, in a directory that is kept; or why they cannot be had. */
export function installNode(): { readonly skip: string } | { readonly skip: false; readonly dir: string } {
  // Its tests listen at addresses of their own, so that programs find the ports of an Agent.
  if (process.platform !== 'linux') return { skip: 'SKIPPED: only Linux answers at all of 127.0.0.0/8' }
  try {
    const dir = madeOnce('datadog-node', SOURCES, (dir) => {
      for (const file of ['package.json', 'service.cjs']) copyFileSync(join(SOURCES, file), join(dir, file))
      execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts'], { cwd: dir, stdio: 'pipe' })
    })
    return { skip: false, dir }
  } catch (error) {
    return { skip: `SKIPPED: Datadog’s clients for Node could not be installed: ${failureOf(error)}` }
  }
}
